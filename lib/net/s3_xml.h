/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_S3_XML_H
#define BSI_NET_S3_XML_H

#include "base/buffer.h"
#include "base/slice.h"

/*
 * What S3 and services like it say in XML. Source: the Amazon S3 API reference,
 * "ListObjectsV2", "Error Responses", "CreateMultipartUpload",
 * "CompleteMultipartUpload". Documents that lack what they must have are
 * BS_E_CORRUPT of layer STORAGE: a page of HTML is never taken for an empty list.
 */

/* Objects in a page; services have 1000, so that more is refused. */
enum { BSI_S3_PAGE_MAX = 1000 };

/* A time that the service did not tell, or not so that it can be read. */
#define BSI_S3_NO_TIME INT64_MIN

/* All of a text is digits, and below 2^63. */
bool bsi_s3_parse_size(bsi_slice text, uint64_t *out);

typedef struct bsi_s3_object {
    const char *key; /* Decoded. Any bytes but NUL. */
    uint64_t size;
    int64_t mtime_ns; /* Since 1970-01-01T00:00:00Z. */
} bsi_s3_object;

/* A page of a listing. */
typedef struct bsi_s3_page {
    bsi_s3_object *objects;
    size_t count;
    char *token; /* What the next page is asked for with; NULL: this was the last one. */
    bsi_buf keys;
} bsi_s3_page;

/* Read a page whole. `out` is to be disposed of after BS_OK. */
BS_NODISCARD bs_status bsi_s3_page_parse(bsi_slice document, bsi_s3_page *out);
void bsi_s3_page_dispose(bsi_s3_page *page);

/* An upload in parts that was begun and not ended. */
typedef struct bsi_s3_pending {
    const char *key; /* Decoded. Any bytes but NUL. */
    const char *id;
    int64_t began_ns; /* Since 1970-01-01T00:00:00Z, or BSI_S3_NO_TIME. */
} bsi_s3_pending;

typedef struct bsi_s3_pending_page {
    bsi_s3_pending *uploads;
    size_t count;
    char
        *next_key; /* What the next page is asked for with, as the next; NULL: this was the last. */
    char *next_id;
    bsi_buf texts;
} bsi_s3_pending_page;

/* Read a page whole, as bsi_s3_page_parse() does. */
BS_NODISCARD bs_status bsi_s3_pending_parse(bsi_slice document, bsi_s3_pending_page *out);
void bsi_s3_pending_dispose(bsi_s3_pending_page *page);

/* Add the sizes of the parts in one page to `bytes`; where the next page begins, or 0. */
BS_NODISCARD bs_status bsi_s3_parts_parse(bsi_slice document, uint64_t *bytes, uint32_t *next_out);

/* What a service says of a failure; texts that are too long are cut. */
typedef struct bsi_s3_error {
    char code[64];     /* "NoSuchKey"; never empty. */
    char message[256]; /* For people. Any bytes but NUL. */
    char region[64];   /* The right one, where the request had another; or empty. */
} bsi_s3_error;

/* False when the document is none of an error. The record of the thread is left alone. */
bool bsi_s3_error_parse(bsi_slice document, bsi_s3_error *out);

/* Append the id of an upload in parts, from the answer to its beginning. */
BS_NODISCARD bs_status bsi_s3_upload_id_parse(bsi_slice document, bsi_buf *out);

/* The first object that a removal of many has left, in `error`, whose code is empty when all are
 * gone. */
BS_NODISCARD bs_status bsi_s3_removed_parse(bsi_slice document, bsi_s3_error *error);

/* Whether a bucket's configuration says that it has Object Lock. */
BS_NODISCARD bs_status bsi_s3_lock_parse(bsi_slice document, bool *enabled_out);

/* BS_OK when the document says that an upload in parts is complete; status 200 does not. */
BS_NODISCARD bs_status bsi_s3_complete_parse(bsi_slice document);

#endif
