/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_GCS_JSON_H
#define BSI_NET_GCS_JSON_H

#include "base/slice.h"
#include "net/service_xml.h"

/*
 * What Google Cloud Storage says, in JSON and in headers. Source: the JSON API's reference,
 * "Objects", "Objects: list", "HTTP status and error codes", and "Resumable uploads". Documents
 * that lack what they must have are BS_E_CORRUPT of layer STORAGE: whatever else is JSON is never
 * taken for an empty list.
 */

/* Objects in a page; the service has 1000, so that more is refused. */
enum { BSI_GCS_PAGE_MAX = 1000 };

/* Bytes of an object's name. */
enum { BSI_GCS_NAME_MAX = 1024 };

/* Of a page, with every byte of its names escaped. */
enum { BSI_GCS_PAGE_BYTES_MAX = 8 * 1024 * 1024 };

/* What our uploads name themselves by, in an object's own metadata. */
#define BSI_GCS_MARK "bst-upload"

/*
 * A CRC-32C as documents and headers have it: base 64 of four bytes, the highest first. There is
 * one text for each sum, so that they are compared as they are.
 */
enum { BSI_GCS_SUM_SIZE = 9 };
BS_NODISCARD bs_status bsi_gcs_sum_format(uint32_t crc32c, char out[BSI_GCS_SUM_SIZE]);

/* That of the header x-goog-hash, "crc32c=AAAAAA==,md5=..."; false without one. */
bool bsi_gcs_hash_parse(bsi_slice header, char out[BSI_GCS_SUM_SIZE]);

/* An object's description. */
typedef struct bsi_gcs_object {
    uint64_t size;
    uint64_t generation;        /* Never 0. */
    int64_t mtime_ns;           /* Since 1970-01-01T00:00:00Z, or BSI_SERVICE_NO_TIME. */
    char sum[BSI_GCS_SUM_SIZE]; /* Of its CRC-32C; "": not told. */
    char mark[64];              /* Of the upload that made it; "": none of ours. */
} bsi_gcs_object;

BS_NODISCARD bs_status bsi_gcs_object_parse(bsi_slice document, bsi_gcs_object *out);

/* Read a page whole. `out` is to be disposed of after BS_OK. */
BS_NODISCARD bs_status bsi_gcs_page_parse(bsi_slice document, bsi_page *out);

/*
 * What the service says of a failure; the code is the reason of the first of several, and may be
 * empty. BS_E_CORRUPT or BS_E_LIMIT when the document is none of an error.
 */
BS_NODISCARD bs_status bsi_gcs_error_parse(bsi_slice document, bsi_service_error *out);

/*
 * How many bytes from the beginning on a session has, by the header Range of a 308: "bytes=0-99".
 * False for anything else.
 */
bool bsi_gcs_stored_parse(bsi_slice header, uint64_t *out);

#endif
