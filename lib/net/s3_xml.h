/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_S3_XML_H
#define BSI_NET_S3_XML_H

#include "net/service_xml.h"

/*
 * What S3 and services like it say in XML. Source: the Amazon S3 API reference,
 * "ListObjectsV2", "Error Responses", "CreateMultipartUpload",
 * "CompleteMultipartUpload".
 */

/* Objects in a page; services have 1000, so that more is refused. */
enum { BSI_S3_PAGE_MAX = 1000 };

/* Read a page whole. `out` is to be disposed of after BS_OK. */
BS_NODISCARD bs_status bsi_s3_page_parse(bsi_slice document, bsi_page *out);

/* An upload in parts that was begun and not ended. */
typedef struct bsi_s3_pending {
    const char *key; /* Decoded. Any bytes but NUL. */
    const char *id;
    int64_t began_ns; /* Since 1970-01-01T00:00:00Z, or BSI_SERVICE_NO_TIME. */
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

/* Append the id of an upload in parts, from the answer to its beginning. */
BS_NODISCARD bs_status bsi_s3_upload_id_parse(bsi_slice document, bsi_buf *out);

/* The first object that a removal of many has left, in `error`, whose code is empty when all are
 * gone. */
BS_NODISCARD bs_status bsi_s3_removed_parse(bsi_slice document, bsi_service_error *error);

/* Whether a bucket's configuration says that it has Object Lock. */
BS_NODISCARD bs_status bsi_s3_lock_parse(bsi_slice document, bool *enabled_out);

/* BS_OK when the document says that an upload in parts is complete; status 200 does not. */
BS_NODISCARD bs_status bsi_s3_complete_parse(bsi_slice document);

#endif
