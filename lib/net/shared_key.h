/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_SHARED_KEY_H
#define BSI_NET_SHARED_KEY_H

#include "base/buffer.h"
#include "crypto/secret.h"
#include "net/header.h"
#include "net/uri.h"

/*
 * Shared Key, by which Azure's blob service knows who asks, as of version 2015-02-21 and
 * later. No clock, no chance, no I/O. Source: "Authorize with Shared Key" in the Azure
 * Storage REST API reference.
 */

/* More headers are refused. */
enum { BSI_SHARED_KEY_HEADERS_MAX = 32 };

/* What is signed. */
typedef struct bsi_shared_key_request {
    const char *method;
    const char *path; /* As it is sent: encoded, from the first '/' behind the host on. */
    const bsi_uri_pair *query;
    size_t query_count; /* Names in lower case; of one name several may be there. */
    /* In any order, x-ms-date and x-ms-version among them; without blanks at the ends of values,
     * and none but single ones inside. The host and the length are none of them. */
    const bsi_header *headers;
    size_t header_count;
    uint64_t body_size;
} bsi_shared_key_request;

/* Append the text that is signed. */
BS_NODISCARD bs_status bsi_shared_key_text(const char *account,
                                           const bsi_shared_key_request *request, bsi_buf *out);

/* Append the value of the header Authorization. `key` is decoded already. */
BS_NODISCARD bs_status bsi_shared_key_sign(const bsi_secret *key, const char *account,
                                           const bsi_shared_key_request *request, bsi_buf *out);

#endif
