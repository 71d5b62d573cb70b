/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_CURL_INT_H
#define BSI_NET_CURL_INT_H

#include "base/error.h"

/* What all users of libcurl in here share. Its types stay in .c files. */
struct curl_slist;

/* A handle (CURL *) of a libcurl that was started once. NULL with the record set. Any thread. */
void *bsi_curl_new(void);

/* Append lines, ended by NULL, to a list; what was appended before a failure stays. */
BS_NODISCARD bs_status bsi_curl_add(struct curl_slist **list, const char *const *lines);

#endif
