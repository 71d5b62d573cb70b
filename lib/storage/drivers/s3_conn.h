/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_S3_CONN_H
#define BSI_STORAGE_DRIVERS_S3_CONN_H

#include "net/s3_xml.h"
#include "storage/drivers/s3_identity.h"
#include "storage/drivers/wire.h"

/*
 * Requests to one bucket: where it is, who asks, the signature, and what its
 * refusals mean. Any thread.
 */
typedef struct bsi_s3_conn {
    bsi_http *http;
    char *bucket;
    char *region;
    char *prefix; /* Before every key: "" or ends with '/'. */
    char *host;   /* As the header has it: with a port that is not the usual one. */
    char *url;    /* "https://HOST", before the path. */
    char *path;   /* Of the bucket: "" or "/BUCKET". */
    bsi_s3_identity identity;
} bsi_s3_conn;

/* Bytes of the longest key with its prefix. Source: "Creating object key names". */
enum { BSI_S3_KEY_MAX = 1024 };

/* On failure nothing is left to do; else bsi_s3_conn_close(). Sends nothing to the service. */
BS_NODISCARD bs_status bsi_s3_conn_open(bsi_s3_conn *conn, const bs_call *call,
                                        const bs_storage_settings *settings);
void bsi_s3_conn_close(bsi_s3_conn *conn);

/*
 * BS_OK: the answer's status is 2xx, and it is to be disposed of. Else the
 * refusal in the words of bsi_s3_refused(), or what bsi_http_send() says.
 */
BS_NODISCARD bs_status bsi_s3_send(bsi_s3_conn *conn, const bs_call *call,
                                   const bsi_wire_request *request, bsi_http_answer *answer);

/* BS_E_LIMIT for keys that are too long with the prefix, BS_E_INVALID for what is not UTF-8. */
BS_NODISCARD bs_status bsi_s3_check_key(const bsi_s3_conn *conn, const char *key);

/* A checksum as headers and documents have it. */
enum { BSI_S3_SUM_SIZE = 48 }; /* 32 bytes in base 64, and a NUL. */
BS_NODISCARD bs_status bsi_s3_encode_sum(const bsi_digest *digest, char out[BSI_S3_SUM_SIZE]);

/* Ask for an object without its bytes; its size. `answer` is as after bsi_s3_send(). */
BS_NODISCARD bs_status bsi_s3_head(bsi_s3_conn *conn, const bs_call *call, const char *key,
                                   bsi_http_answer *answer, uint64_t *size_out);

/*
 * The failure that an answer stands for: its code and retry class, and a text that
 * names bucket and server, what the service says, and what helps. Also for an error that came
 * with status 200. `error` gets what the service says.
 */
bs_status bsi_s3_refused(bsi_s3_conn *conn, const bsi_http_answer *answer,
                         bsi_service_error *error);

/* The same for one object of a request that was about many. */
bs_status bsi_s3_refused_one(bsi_s3_conn *conn, bsi_service_error *error);

/* Put bucket and server in front of a failure's text. */
bs_status bsi_s3_in_bucket(const bsi_s3_conn *conn, bs_status status);

/* An answer that no S3 service gives, such as the page of a portal. May pass. */
bs_status bsi_s3_not_s3(const bsi_s3_conn *conn, const char *what);

#endif
