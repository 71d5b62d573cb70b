/* SPDX-License-Identifier: MIT */
/*
 * Requests, written and sent.
 */
#include "storage/drivers/wire.h"

#include "crypto/secret.h"

enum {
    LINES_USUAL = 4 * 1024, /* Bytes of all headers but a token. */
    LINES_MAX = 64 * 1024,
    URL_USUAL = 4 * 1024,
    URL_MAX = 32 * 1024, /* A key of 1024 bytes, all encoded, a token and an id. */
};

void bsi_wire_add(bsi_wire_headers *list, const char *name, const char *value)
{
    if (value && value[0]) {
        BSI_ASSERT(list->count < BSI_WIRE_HEADERS_MAX);
        list->items[list->count] = (bsi_header){name, value};
        list->count++;
    }
}

void bsi_wire_init(bsi_wire *wire)
{
    *wire = (bsi_wire){.line_count = 0};
    bsi_buf_init(&wire->path, URL_MAX);
    bsi_buf_init(&wire->query, URL_MAX);
    bsi_buf_init(&wire->url, 2 * URL_MAX);
    bsi_buf_init(&wire->lines, LINES_MAX);
}

static void wipe(bsi_buf *text)
{
    if (text->data) {
        bsi_wipe(text->data, text->capacity);
    }
    bsi_buf_dispose(text);
}

void bsi_wire_dispose(bsi_wire *wire)
{
    bsi_buf_dispose(&wire->path);
    wipe(&wire->query);
    wipe(&wire->url);
    wipe(&wire->lines);
}

bs_status bsi_wire_reserve(bsi_wire *wire, size_t extra)
{
    BSI_TRY(bsi_buf_reserve(&wire->query, URL_USUAL + extra));
    BSI_TRY(bsi_buf_reserve(&wire->url, 2 * URL_USUAL + extra));
    return bsi_buf_reserve(&wire->lines, LINES_USUAL + extra);
}

bs_status bsi_wire_begin_line(bsi_wire *wire, const char *name)
{
    BSI_CHECK(wire->line_count < BSI_ARRAY_SIZE(wire->line_at));
    wire->line_at[wire->line_count] = wire->lines.size;
    wire->line_count++;
    return bsi_buf_append_format(&wire->lines, "%s: ", name);
}

bs_status bsi_wire_add_line(bsi_wire *wire, const char *name, const char *value)
{
    BSI_TRY(bsi_wire_begin_line(wire, name));
    BSI_TRY(bsi_buf_append_text(&wire->lines, value));
    return bsi_buf_append_byte(&wire->lines, '\0');
}

bs_status bsi_wire_write_url(bsi_wire *wire, const char *base)
{
    BSI_TRY(bsi_buf_append_byte(&wire->path, '\0'));
    BSI_TRY(bsi_buf_append_byte(&wire->query, '\0'));
    BSI_TRY(bsi_buf_append_format(&wire->url, "%s%s%s%s", base, (const char *)wire->path.data,
                                  wire->query.size > 1 ? "?" : "", (const char *)wire->query.data));
    return bsi_buf_append_byte(&wire->url, '\0');
}

bs_status bsi_wire_send(const bsi_wire *wire, bsi_http *http, const bs_call *call,
                        const bsi_wire_request *request, bsi_http_answer *answer)
{
    const char *headers[BSI_ARRAY_SIZE(wire->line_at) + 1] = {NULL};
    const bsi_http_request sent = {
        .method = request->method,
        .url = (const char *)wire->url.data,
        .headers = headers,
        .body = request->body ? request->body : "",
        .body_size = request->body_size,
        .sink = request->sink,
        .sink_user = request->sink_user,
        .answer_max = request->answer_max,
    };

    for (size_t i = 0; i < wire->line_count; i++) {
        headers[i] = (const char *)wire->lines.data + wire->line_at[i];
    }
    return bsi_http_send(http, call, &sent, answer);
}
