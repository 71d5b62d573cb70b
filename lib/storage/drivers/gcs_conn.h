/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_GCS_CONN_H
#define BSI_STORAGE_DRIVERS_GCS_CONN_H

#include "net/gcs_json.h"
#include "net/uri.h"
#include "storage/drivers/gcs_identity.h"

/*
 * Requests to one bucket of Google Cloud Storage, by its JSON API: where it is, who asks, and
 * what its refusals mean. Any thread.
 */
typedef struct bsi_gcs_conn {
    bsi_http *http;
    char *bucket;
    char *prefix;  /* Before every key: "" or ends with '/'. */
    char *url;     /* "https://HOST", with ":PORT" if it is another. */
    char *objects; /* Path of the bucket's objects: "/storage/v1/b/BUCKET/o". */
    bsi_gcs_identity identity;
} bsi_gcs_conn;

/* On failure nothing is left to do; else bsi_gcs_conn_close(). Sends nothing to the service. */
BS_NODISCARD bs_status bsi_gcs_conn_open(bsi_gcs_conn *conn, const bs_storage_settings *settings);
void bsi_gcs_conn_close(bsi_gcs_conn *conn);

/* For texts: the host, with its port. */
const char *bsi_gcs_host(const bsi_gcs_conn *conn);

typedef struct bsi_gcs_request {
    const char *method;
    bool is_upload;      /* Goes where uploads are begun. */
    const char *key;     /* Of an object, without the prefix; NULL: the bucket's objects. */
    const char *action;  /* What is done with it, such as "compose"; NULL: it itself. */
    const char *session; /* Address of an upload, instead of all that; nothing is shown to it. */
    const bsi_uri_pair *query;
    size_t query_count;
    const char *const *headers; /* "name: value", ended by NULL; NULL: none. */
    const void *body;
    uint64_t body_size;
    bsi_http_source source; /* Of the body, instead of it. */
    void *source_user;
    bsi_http_sink sink;
    void *sink_user;
    uint64_t answer_max;
    int *refused; /* The status of a refusal; NULL: nobody wants to know. */
} bsi_gcs_request;

/* More headers than these are beyond a request. */
enum { BSI_GCS_HEADERS_MAX = 8 };

/*
 * BS_OK: the answer's status is 2xx, or 308 of a session, and it is to be disposed of. Else the
 * refusal, with the bucket in front. BS_E_NOT_FOUND only where the bucket is there, and the
 * object in it is not.
 */
BS_NODISCARD bs_status bsi_gcs_send(bsi_gcs_conn *conn, const bs_call *call,
                                    const bsi_gcs_request *request, bsi_http_answer *answer);

/* A listing, which shows whether bucket and credentials are right, and says what is not. */
BS_NODISCARD bs_status bsi_gcs_look_at_bucket(bsi_gcs_conn *conn, const bs_call *call);

/* An object's description. */
BS_NODISCARD bs_status bsi_gcs_describe(bsi_gcs_conn *conn, const bs_call *call, const char *key,
                                        bsi_gcs_object *out);

/* One object; `generation` 0: whichever is there. BS_OK also when there is none. */
BS_NODISCARD bs_status bsi_gcs_remove(bsi_gcs_conn *conn, const bs_call *call, const char *key,
                                      uint64_t generation);

/* BS_E_LIMIT for keys that are too long with the prefix, BS_E_INVALID for what is no name. */
BS_NODISCARD bs_status bsi_gcs_check_key(const bsi_gcs_conn *conn, const char *key);

/* Whether a key could be that of an object; those that could not are in no bucket. */
bool bsi_gcs_can_be_key(const char *key);

/* The failure that an answer to `token` stands for: code, retry class, and a text that helps. */
bs_status bsi_gcs_refused(bsi_gcs_conn *conn, const bsi_http_answer *answer,
                          const bsi_gcs_token *token);

/* "bucket 'NAME' at 'HOST'" in front of a failure's text. */
bs_status bsi_gcs_in_bucket(const bsi_gcs_conn *conn, bs_status status);

/* An answer that the service never gives, such as the page of a portal. May pass. */
bs_status bsi_gcs_not_gcs(const bsi_gcs_conn *conn, const char *what);

#endif
