/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_SIGV4_H
#define BSI_NET_SIGV4_H

#include "base/buffer.h"
#include "crypto/secret.h"
#include "net/header.h"

/*
 * AWS's Signature Version 4, in the form that S3 and what is like it check.
 * No clock, no chance, no I/O. Source: "Authenticating Requests (AWS Signature
 * Version 4)" in the Amazon S3 API reference.
 */

/* What a signature holds for. */
typedef struct bsi_sigv4_scope {
    int64_t sec;         /* Since 1970-01-01T00:00:00Z; servers allow 15 minutes. */
    const char *region;  /* "us-east-1". */
    const char *service; /* "s3". */
} bsi_sigv4_scope;

/* More headers are refused. */
enum { BSI_SIGV4_HEADERS_MAX = 32 };

/* What is signed. Path and query are what bsi_uri_append_...() made, as they are sent. */
typedef struct bsi_sigv4_request {
    const char *method;
    const char *path;  /* Begins with '/'. */
    const char *query; /* Without '?'; "" for none. */
    /* All of these are signed, in any order: host, x-amz-date, x-amz-content-sha256 among them.
     * Blanks at the ends of values do not count; several inside are one. */
    const bsi_header *headers;
    size_t header_count;
    const char *payload_hash; /* As in x-amz-content-sha256. */
} bsi_sigv4_request;

/* "20130524T000000Z", for x-amz-date. */
enum { BSI_SIGV4_DATE_SIZE = 17 };
BS_NODISCARD bs_status bsi_sigv4_date(int64_t sec, char out[BSI_SIGV4_DATE_SIZE]);

/*
 * The key that signs in a scope: good for its whole day (UTC), region and
 * service, so that it is worth keeping. `secret` is the secret access key.
 */
BS_NODISCARD bs_status bsi_sigv4_key(const bsi_secret *secret, const bsi_sigv4_scope *scope,
                                     bsi_secret **out);

/* Append the value of the header Authorization. */
BS_NODISCARD bs_status bsi_sigv4_sign(const bsi_secret *key, const char *access_key,
                                      const bsi_sigv4_scope *scope,
                                      const bsi_sigv4_request *request, bsi_buf *out);

#endif
