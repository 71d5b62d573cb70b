/* SPDX-License-Identifier: MIT */
/*
 * Pages and failures, as services tell them.
 */
#include <string.h>

#include "base/alloc.h"
#include "net/service_xml_int.h"
#include "net/uri.h"

bs_status bsi_service_corrupt(const char *what)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the server's answer %s", what);
}

bs_status bsi_service_read(bsi_slice document, bsi_xml_cb callback, void *user)
{
    bsi_xml *xml = NULL;
    bs_status status = bsi_xml_new(callback, user, &xml);

    while (document.size > 0 && strchr(" \t\r\n", document.data[0]) && document.data[0] != '\0') {
        document.data++;
        document.size--;
    }
    if (status == BS_OK) {
        status = bsi_xml_read(xml, document.data, document.size);
    }
    if (status == BS_OK) {
        status = bsi_xml_end(xml);
    }
    bsi_xml_free(xml);
    return status;
}

bool bsi_service_parse_size(bsi_slice text, uint64_t *out)
{
    uint64_t size = 0;

    for (size_t i = 0; i < text.size; i++) {
        const uint64_t digit = (uint64_t)(uint8_t)text.data[i] - '0';
        if (digit > 9 || size > (INT64_MAX - digit) / 10) {
            return false;
        }
        size = size * 10 + digit;
    }
    *out = size;
    return text.size > 0;
}

/* --- Pages --- */

bs_status bsi_page_begin(bsi_page_draft *draft, size_t max, bsi_page *out)
{
    memset(out, 0, sizeof(*out));
    *draft = (bsi_page_draft){.page = out, .max = max};
    bsi_buf_init(&draft->raw, max * (BSI_SERVICE_KEY_TEXT_MAX + 1));
    bsi_buf_init(&draft->token, BSI_SERVICE_TOKEN_MAX + 1);
    bsi_buf_init(&out->keys, max * (BSI_SERVICE_KEY_TEXT_MAX + 1));
    out->objects = bsi_calloc(max, sizeof(*out->objects));
    draft->key_at = bsi_calloc(max, sizeof(*draft->key_at));
    if (!out->objects || !draft->key_at) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < max; i++) {
        out->objects[i].mtime_ns = BSI_SERVICE_NO_TIME;
    }
    return BS_OK;
}

bs_status bsi_page_take_key(bsi_page_draft *draft, bsi_slice text)
{
    if (draft->page->count == draft->max || draft->has_key) {
        return bsi_service_corrupt("lists more objects than were asked for");
    }
    if (text.size == 0 || text.size > BSI_SERVICE_KEY_TEXT_MAX ||
        memchr(text.data, '\0', text.size)) {
        return bsi_service_corrupt("has no proper key");
    }
    draft->key_at[draft->page->count] = draft->raw.size;
    draft->has_key = true;
    BSI_TRY(bsi_buf_append(&draft->raw, text.data, text.size));
    return bsi_buf_append_byte(&draft->raw, '\0');
}

bs_status bsi_page_take_size(bsi_page_draft *draft, bsi_slice text)
{
    if (draft->page->count == draft->max || draft->has_size ||
        !bsi_service_parse_size(text, &draft->page->objects[draft->page->count].size)) {
        return bsi_service_corrupt("has no proper size");
    }
    draft->has_size = true;
    return BS_OK;
}

bs_status bsi_page_take_time(bsi_page_draft *draft, int64_t mtime_ns)
{
    if (draft->page->count == draft->max) {
        return bsi_service_corrupt("lists more objects than were asked for");
    }
    draft->page->objects[draft->page->count].mtime_ns = mtime_ns;
    return BS_OK;
}

bs_status bsi_page_take_token(bsi_page_draft *draft, bsi_slice text)
{
    if (text.size > BSI_SERVICE_TOKEN_MAX || draft->token.size > 0) {
        return bsi_service_corrupt("has no proper token for the next page");
    }
    return bsi_buf_append(&draft->token, text.data, text.size);
}

bs_status bsi_page_take_end(bsi_page_draft *draft, bool keep)
{
    if (keep && (!draft->has_key || !draft->has_size)) {
        return bsi_service_corrupt("lists an object without key or size");
    }
    if (keep) {
        draft->page->count++;
    } else if (draft->page->count < draft->max) {
        draft->page->objects[draft->page->count].mtime_ns = BSI_SERVICE_NO_TIME;
    }
    draft->has_key = false;
    draft->has_size = false;
    return BS_OK;
}

static bs_status decode_key(bsi_page_draft *draft, size_t index, bool encoded)
{
    const char *raw = (const char *)draft->raw.data + draft->key_at[index];
    bsi_buf *keys = &draft->page->keys;

    BSI_TRY(encoded ? bsi_uri_decode(bsi_slice_of(raw), keys)
                    : bsi_buf_append(keys, raw, strlen(raw)));
    return bsi_buf_append_byte(keys, '\0');
}

/* Decoded keys are never longer, so that room for the raw ones keeps the pointers right. */
static bs_status decode_keys(bsi_page_draft *draft, bool encoded)
{
    bsi_buf *keys = &draft->page->keys;

    BSI_TRY(bsi_buf_reserve(keys, draft->raw.size));
    for (size_t i = 0; i < draft->page->count; i++) {
        draft->page->objects[i].key = (const char *)keys->data + keys->size;
        BSI_TRY(decode_key(draft, i, encoded));
    }
    return BS_OK;
}

static bs_status finish(bsi_page_draft *draft, bool encoded)
{
    BSI_TRY(decode_keys(draft, encoded));
    if (draft->token.size == 0) {
        return BS_OK;
    }
    draft->page->token = bsi_buf_take_text(&draft->token);
    return draft->page->token ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_page_end(bsi_page_draft *draft, bs_status status, bool encoded)
{
    if (status == BS_OK) {
        status = finish(draft, encoded);
    }
    if (status < 0) {
        bsi_page_dispose(draft->page);
    }
    bsi_buf_dispose(&draft->raw);
    bsi_buf_dispose(&draft->token);
    bsi_free(draft->key_at);
    return status;
}

void bsi_page_dispose(bsi_page *page)
{
    bsi_free(page->objects);
    bsi_free(page->token);
    bsi_buf_dispose(&page->keys);
    page->objects = NULL;
    page->token = NULL;
    page->count = 0;
}

/* --- Failures --- */

static bool is_below(bsi_slice path, const char *parent, const char *name)
{
    const size_t size = strlen(parent);

    return path.size > size && memcmp(path.data, parent, size) == 0 && path.data[size] == '/' &&
           bsi_slice_is((bsi_slice){path.data + size + 1, path.size - size - 1}, name);
}

static void copy_cut(bsi_slice text, char *out, size_t out_size)
{
    const size_t size = text.size < out_size ? text.size : out_size - 1;

    memcpy(out, text.data, size);
    out[size] = '\0';
}

void bsi_service_error_take(bsi_service_error *error, const char *parent, bsi_slice path,
                            bsi_slice text)
{
    if (is_below(path, parent, "Code")) {
        copy_cut(text, error->code, sizeof(error->code));
    } else if (is_below(path, parent, "Message")) {
        copy_cut(text, error->message, sizeof(error->message));
    } else if (is_below(path, parent, "Region")) {
        copy_cut(text, error->region, sizeof(error->region));
    }
}

static bs_status take_error(void *user, bsi_slice path, bsi_slice text)
{
    bsi_service_error_take(user, "Error", path, text);
    return BS_OK;
}

bool bsi_service_error_parse(bsi_slice document, bsi_service_error *out)
{
    bs_error before;
    bs_status status = BS_OK;

    memset(out, 0, sizeof(*out));
    bsi_error_save(&before);
    status = bsi_service_read(document, take_error, out);
    bsi_error_restore(&before);
    return status == BS_OK && out->code[0] != '\0';
}
