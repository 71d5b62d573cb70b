/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_SERVICE_XML_H
#define BSI_NET_SERVICE_XML_H

#include "base/buffer.h"
#include "base/slice.h"

/*
 * What the answers of storage services have in common: pages of listings, and what is
 * said of a failure. Documents that lack what they must have are BS_E_CORRUPT of layer
 * STORAGE: a page of HTML is never taken for an empty list.
 */

/* A time that the service did not tell, or not so that it can be read. */
#define BSI_SERVICE_NO_TIME INT64_MIN

/* All of a text is digits, and below 2^63. */
bool bsi_service_parse_size(bsi_slice text, uint64_t *out);

typedef struct bsi_page_object {
    const char *key; /* Decoded. Any bytes but NUL. */
    uint64_t size;
    int64_t mtime_ns; /* Since 1970-01-01T00:00:00Z. */
} bsi_page_object;

/* A page of a listing. */
typedef struct bsi_page {
    bsi_page_object *objects;
    size_t count;
    char *token; /* What the next page is asked for with; NULL: this was the last one. */
    bsi_buf keys;
} bsi_page;

void bsi_page_dispose(bsi_page *page);

/* What a service says of a failure; texts that are too long are cut. */
typedef struct bsi_service_error {
    char code[64];     /* "NoSuchKey"; never empty. */
    char message[256]; /* For people. Any bytes but NUL. */
    char region[64];   /* The right one, where the request had another; or empty. */
} bsi_service_error;

/* False when the document is none of an error. The record of the thread is left alone. */
bool bsi_service_error_parse(bsi_slice document, bsi_service_error *out);

#endif
