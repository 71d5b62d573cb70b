/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_ENDPOINT_H
#define BSI_NET_ENDPOINT_H

#include "base/slice.h"

/* Where a service is: "https://HOST", or "http://HOST", with ":PORT" if it is another. */
typedef struct bsi_endpoint {
    bool tls;
    bsi_slice host; /* As libcurl has it in the header Host: without the usual port. */
    bsi_slice path; /* Behind the host: "", or begins with '/' and ends with something else. */
} bsi_endpoint;

/* Borrowed from `text`. False for anything else, also with a user, a query or odd bytes. */
bool bsi_endpoint_parse(bsi_slice text, bsi_endpoint *out);

/* Whether a text has nothing but letters, digits, and what is in `more`. */
bool bsi_is_plain(bsi_slice text, const char *more);

#endif
