/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_POST_H
#define BSI_NET_POST_H

#include "base/slice.h"
#include "task/call.h"

/*
 * One HTTP request that hands something over. Certificates are checked,
 * redirects are not followed, proxies of the environment are not used, and what
 * the server answers is thrown away but for its status.
 */
typedef struct bsi_post {
    const char *url;            /* http: or https: only. */
    const char *const *headers; /* "Name: value", ended by NULL. */
    bsi_slice body;
    uint32_t timeout_ms; /* For all of it. */
} bsi_post;

/* Whether this build can; without, bsi_post_send() is BS_E_UNSUPPORTED. */
bool bsi_post_is_there(void);

/*
 * BS_OK: there was an answer, whose status is `code_out`. Error texts do not
 * tell the URL, which may hold a secret. Given up when `call` is cancelled.
 */
BS_NODISCARD bs_status bsi_post_send(const bsi_post *post, const bs_call *call, int *code_out);

#endif
