/* SPDX-License-Identifier: MIT */
#ifndef BSI_NET_HTTP_H
#define BSI_NET_HTTP_H

#include "base/buffer.h"
#include "base/slice.h"
#include "task/call.h"

/*
 * HTTP/1.1 for storage drivers: one request, one answer. Certificates are
 * checked, redirects are told and never followed, bodies are taken as they
 * were sent, and nothing of the environment is looked at. Connections are kept
 * for later requests. Nothing is tried again but what died before a byte of
 * the answer came over a connection that had been kept.
 *
 * Error texts name the host, never the rest of a URL, nor headers or bodies.
 */
typedef struct bsi_http bsi_http;

typedef struct bsi_http_options {
    const char *ca_file;         /* Who may sign certificates, PEM; NULL: the system's. */
    const char *proxy;           /* URL of one; NULL: none. May hold a password. */
    const char *resolve;         /* "HOST:PORT:ADDRESS" instead of asking; NULL. */
    uint32_t connect_timeout_ms; /* 0: 15 s. */
    uint32_t stall_timeout_s;    /* Without a byte either way; 0: 60. */
} bsi_http_options;

/* Everything is copied. Whether files and hosts are there is found by the first request. */
BS_NODISCARD bs_status bsi_http_new(const bsi_http_options *options, bsi_http **out);

/* When no request runs any more. NULL is ignored; the error record is left alone. */
void bsi_http_free(bsi_http *http);

/*
 * Fill `out` with the `size` bytes of the body from `offset` on. The same bytes
 * may be asked for again. A failure ends the request and comes back from it.
 */
typedef bs_status (*bsi_http_source)(void *user, uint64_t offset, void *out, size_t size);

/*
 * Put up to `size` of the body's next bytes into `out`, at least one; 0: that was all of it. May
 * wait for them. A failure ends the request, which the server sees as cut, and comes back from it.
 */
typedef bs_status (*bsi_http_feed)(void *user, void *out, size_t size, size_t *got_out);

/* Take bytes of an answer's body, in order. A failure ends the request and comes back from it. */
typedef bs_status (*bsi_http_sink)(void *user, const void *data, size_t size);

typedef struct bsi_http_request {
    const char *method;         /* "GET", "HEAD", "PUT", "POST", "DELETE". */
    const char *url;            /* http: or https:, encoded; goes out as it is. */
    const char *const *headers; /* "name: value", ended by NULL. */
    uint64_t body_size;         /* Of PUT and POST, whose length is told but with `feed`. */
    const void *body;           /* All of it, or NULL and: */
    bsi_http_source source;
    void *source_user;
    bsi_http_feed feed; /* Instead: a body of a length that nobody knows, never sent again. */
    void *feed_user;
    bsi_http_sink sink; /* Takes the body of a 2xx; NULL: it is kept in `text`. */
    void *sink_user;
    uint64_t answer_max; /* A 2xx with more bytes is BS_E_LIMIT. */
} bsi_http_request;

/* Of a body that is kept: an error's beginning, or all of a 2xx without a sink. */
enum { BSI_HTTP_ERROR_MAX = 64 * 1024 };

/* More bytes of headers are refused. */
enum { BSI_HTTP_HEADERS_MAX = 64 * 1024 };

typedef struct bsi_http_answer {
    int status;              /* 200 to 599. */
    uint64_t size;           /* Bytes of a 2xx's body. */
    bs_retry retry;          /* Whether the status tells that the request may be repeated... */
    uint32_t retry_after_ms; /* ...and when; at most an hour. */
    bsi_buf text;            /* The body, as told above. */
    bsi_buf headers;         /* For bsi_http_header(). */
} bsi_http_answer;

/*
 * BS_OK: there was a whole answer, of whatever status, and `answer` is to be
 * disposed of. Else BS_E_IO, BS_E_TIMEOUT, BS_E_ACCESS (a certificate), BS_E_LIMIT and
 * what `call`, source and sink end it with. Any thread.
 */
BS_NODISCARD bs_status bsi_http_send(bsi_http *http, const bs_call *call,
                                     const bsi_http_request *request, bsi_http_answer *answer);

void bsi_http_answer_dispose(bsi_http_answer *answer);

/* The value of a header, whose name is in lower case; false without it. The first, of several. */
bool bsi_http_header(const bsi_http_answer *answer, const char *name, bsi_slice *value_out);

/*
 * The failure that a status stands for, with the answer's retry class; `what` is added to
 * its text when it is not empty, made printable.
 */
bs_status bsi_http_fail(const bsi_http_answer *answer, bsi_slice what);

#endif
