/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_HTTP_INT_H
#define BSI_NET_HTTP_INT_H

#include "net/http.h"

/* An answer of which nothing came yet, with room for so many bytes of its body. */
void bsi_http_answer_init(bsi_http_answer *answer, uint64_t text_max);

/* Set the retry class from status and headers. */
void bsi_http_answer_classify(bsi_http_answer *answer);

#endif
