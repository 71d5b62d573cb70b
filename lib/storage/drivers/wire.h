/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_WIRE_H
#define BSI_STORAGE_DRIVERS_WIRE_H

#include "hash/sha256.h"
#include "net/header.h"
#include "net/http.h"
#include "net/service_xml.h"
#include "net/uri.h"

/* A request to a service of objects, and its way onto the wire. */
typedef struct bsi_wire_request {
    const char *method;
    const char *key; /* Of an object, without the prefix; NULL: what holds the objects. */
    const bsi_uri_pair *query;
    size_t query_count;
    const bsi_header *headers; /* Beside those that every request has. */
    size_t header_count;
    const void *body;
    size_t body_size;
    const bsi_digest *digest; /* Of the body, where it is known. */
    bsi_http_sink sink;
    void *sink_user;
    uint64_t answer_max;
    bsi_service_error *error; /* What a refusal says; NULL: nobody wants to know. */
} bsi_wire_request;

/* More headers than these are beyond a request. */
enum { BSI_WIRE_HEADERS_MAX = 16 };

/* Headers as they are put together; empty ones are left out. */
typedef struct bsi_wire_headers {
    bsi_header items[BSI_WIRE_HEADERS_MAX];
    size_t count;
} bsi_wire_headers;

void bsi_wire_add(bsi_wire_headers *list, const char *name, const char *value);

/* A request while it is written. */
typedef struct bsi_wire {
    bsi_buf path; /* Encoded, as the next. Both end with NUL once they are whole. */
    bsi_buf query;
    bsi_buf url;   /* May have a signature in it. */
    bsi_buf lines; /* "name: value", each with its NUL. May have a token in it. */
    size_t line_at[BSI_WIRE_HEADERS_MAX + 8];
    size_t line_count;
} bsi_wire;

void bsi_wire_init(bsi_wire *wire);
/* Wipes what may be secret. */
void bsi_wire_dispose(bsi_wire *wire);

/* Room for the usual lines and `extra` bytes: a buffer that moves leaves its bytes behind. */
BS_NODISCARD bs_status bsi_wire_reserve(bsi_wire *wire, size_t extra);

BS_NODISCARD bs_status bsi_wire_add_line(bsi_wire *wire, const char *name, const char *value);
/* The same, for a value that is appended to `lines`, up to its NUL, next. */
BS_NODISCARD bs_status bsi_wire_begin_line(bsi_wire *wire, const char *name);

/* Put the address together: `base`, the path, and the query if there is one. */
BS_NODISCARD bs_status bsi_wire_write_url(bsi_wire *wire, const char *base);

/* As bsi_http_send(). */
BS_NODISCARD bs_status bsi_wire_send(const bsi_wire *wire, bsi_http *http, const bs_call *call,
                                     const bsi_wire_request *request, bsi_http_answer *answer);

#endif
