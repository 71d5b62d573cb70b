/* SPDX-License-Identifier: MIT */
/*
 * S3's documents, taken apart by the paths of their elements.
 */
#include <string.h>

#include "base/alloc.h"
#include "net/s3_xml_int.h"
#include "net/uri.h"
#include "text/rfc3339.h"

enum { NS_PER_SEC = 1000000000 };

bs_status bsi_s3_corrupt(const char *what)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the server's answer %s", what);
}

bs_status bsi_s3_read_document(bsi_slice document, bsi_xml_cb callback, void *user)
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

/* A listing while it is read. The encoding is told anywhere, so that keys are decoded behind it. */
typedef struct listing {
    bsi_s3_page *page;
    size_t key_at[BSI_S3_PAGE_MAX]; /* Where each begins in `raw`; it ends with NUL. */
    bsi_buf raw;
    bsi_buf token;
    bool is_listing; /* The root was right. */
    bool has_key;    /* Of the present object. */
    bool has_size;
    bool truncated;
    bool encoded;
} listing;

static bs_status take_key(listing *list, bsi_slice text)
{
    if (list->page->count == BSI_S3_PAGE_MAX || list->has_key) {
        return bsi_s3_corrupt("lists more objects than were asked for");
    }
    if (text.size == 0 || text.size > BSI_S3_KEY_TEXT_MAX || memchr(text.data, '\0', text.size)) {
        return bsi_s3_corrupt("has no proper key");
    }
    list->key_at[list->page->count] = list->raw.size;
    list->has_key = true;
    BSI_TRY(bsi_buf_append(&list->raw, text.data, text.size));
    return bsi_buf_append_byte(&list->raw, '\0');
}

bool bsi_s3_parse_size(bsi_slice text, uint64_t *out)
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

static bs_status take_size(listing *list, bsi_slice text)
{
    if (list->page->count == BSI_S3_PAGE_MAX || list->has_size ||
        !bsi_s3_parse_size(text, &list->page->objects[list->page->count].size)) {
        return bsi_s3_corrupt("has no proper size");
    }
    list->has_size = true;
    return BS_OK;
}

int64_t bsi_s3_time(bsi_slice text)
{
    int64_t sec = 0;
    int32_t nsec = 0;

    if (bsi_rfc3339_parse(text.data, text.size, &sec, &nsec) == BS_OK && sec >= 0 &&
        sec < INT64_MAX / NS_PER_SEC) {
        return sec * NS_PER_SEC + nsec;
    }
    return BSI_S3_NO_TIME;
}

static bs_status take_time(listing *list, bsi_slice text)
{
    if (list->page->count == BSI_S3_PAGE_MAX) {
        return bsi_s3_corrupt("lists more objects than were asked for");
    }
    list->page->objects[list->page->count].mtime_ns = bsi_s3_time(text);
    return BS_OK;
}

static bs_status end_object(listing *list)
{
    if (!list->has_key || !list->has_size) {
        return bsi_s3_corrupt("lists an object without key or size");
    }
    list->page->count++;
    list->has_key = false;
    list->has_size = false;
    return BS_OK;
}

static bs_status take_truncated(listing *list, bsi_slice text)
{
    list->truncated = bsi_slice_is(text, "true");
    return list->truncated || bsi_slice_is(text, "false") ? BS_OK
                                                          : bsi_s3_corrupt("does not tell its end");
}

static bs_status take_encoding(listing *list, bsi_slice text)
{
    list->encoded = bsi_slice_is(text, "url");
    return list->encoded || text.size == 0
               ? BS_OK
               : bsi_s3_corrupt("has keys in an encoding that is not known");
}

static bs_status take_token(listing *list, bsi_slice text)
{
    if (text.size > BSI_S3_TOKEN_MAX || list->token.size > 0) {
        return bsi_s3_corrupt("has no proper token for the next page");
    }
    return bsi_buf_append(&list->token, text.data, text.size);
}

static bs_status take_root(listing *list, bsi_slice text)
{
    (void)text;
    list->is_listing = true;
    return BS_OK;
}

static bs_status take_end(listing *list, bsi_slice text)
{
    (void)text;
    return end_object(list);
}

/* What is not in here is not looked at. */
static bs_status take_element(void *user, bsi_slice path, bsi_slice text)
{
    static const struct {
        const char *path;
        bs_status (*take)(listing *, bsi_slice);
    } known[] = {
        {"ListBucketResult/Contents/Key", take_key},
        {"ListBucketResult/Contents/Size", take_size},
        {"ListBucketResult/Contents/LastModified", take_time},
        {"ListBucketResult/Contents", take_end},
        {"ListBucketResult/IsTruncated", take_truncated},
        {"ListBucketResult/NextContinuationToken", take_token},
        {"ListBucketResult/EncodingType", take_encoding},
        {"ListBucketResult", take_root},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(known); i++) {
        if (bsi_slice_is(path, known[i].path)) {
            return known[i].take(user, text);
        }
    }
    return BS_OK;
}

static bs_status decode_key(listing *list, size_t index)
{
    const char *raw = (const char *)list->raw.data + list->key_at[index];
    bsi_buf *keys = &list->page->keys;

    BSI_TRY(list->encoded ? bsi_uri_decode(bsi_slice_of(raw), keys)
                          : bsi_buf_append(keys, raw, strlen(raw)));
    return bsi_buf_append_byte(keys, '\0');
}

/* Decoded keys are never longer, so that room for the raw ones keeps the pointers right. */
static bs_status decode_keys(listing *list)
{
    bsi_buf *keys = &list->page->keys;

    BSI_TRY(bsi_buf_reserve(keys, list->raw.size));
    for (size_t i = 0; i < list->page->count; i++) {
        list->page->objects[i].key = (const char *)keys->data + keys->size;
        BSI_TRY(decode_key(list, i));
    }
    return BS_OK;
}

static bs_status parse_page(bsi_slice document, listing *list)
{
    BSI_TRY(bsi_s3_read_document(document, take_element, list));
    if (!list->is_listing) {
        return bsi_s3_corrupt("is no listing");
    }
    if (list->truncated && list->token.size == 0) {
        return bsi_s3_corrupt("has a next page and no token for it");
    }
    BSI_TRY(decode_keys(list));
    if (list->truncated) {
        list->page->token = bsi_buf_take_text(&list->token);
        return list->page->token ? BS_OK : BS_E_NOMEM;
    }
    return BS_OK;
}

static bs_status start_page(listing *list)
{
    bsi_s3_page *page = list->page;

    bsi_buf_init(&page->keys, (size_t)BSI_S3_PAGE_MAX * (BSI_S3_KEY_TEXT_MAX + 1));
    page->objects = bsi_calloc(BSI_S3_PAGE_MAX, sizeof(*page->objects));
    if (!page->objects) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < BSI_S3_PAGE_MAX; i++) {
        page->objects[i].mtime_ns = BSI_S3_NO_TIME;
    }
    return BS_OK;
}

bs_status bsi_s3_page_parse(bsi_slice document, bsi_s3_page *out)
{
    listing *list = bsi_calloc(1, sizeof(*list));
    bs_status status = BS_OK;

    if (!list) {
        return BS_E_NOMEM;
    }
    memset(out, 0, sizeof(*out));
    list->page = out;
    bsi_buf_init(&list->raw, (size_t)BSI_S3_PAGE_MAX * (BSI_S3_KEY_TEXT_MAX + 1));
    bsi_buf_init(&list->token, BSI_S3_TOKEN_MAX + 1);
    status = start_page(list);
    if (status == BS_OK) {
        status = parse_page(document, list);
    }
    if (status < 0) {
        bsi_s3_page_dispose(out);
    }
    bsi_buf_dispose(&list->raw);
    bsi_buf_dispose(&list->token);
    bsi_free(list);
    return status;
}

void bsi_s3_page_dispose(bsi_s3_page *page)
{
    bsi_free(page->objects);
    bsi_free(page->token);
    bsi_buf_dispose(&page->keys);
    page->objects = NULL;
    page->token = NULL;
    page->count = 0;
}

static void copy_cut(bsi_slice text, char *out, size_t out_size)
{
    const size_t size = text.size < out_size ? text.size : out_size - 1;

    memcpy(out, text.data, size);
    out[size] = '\0';
}

static bs_status take_error(void *user, bsi_slice path, bsi_slice text)
{
    bsi_s3_error *error = user;

    if (bsi_slice_is(path, "Error/Code")) {
        copy_cut(text, error->code, sizeof(error->code));
    } else if (bsi_slice_is(path, "Error/Message")) {
        copy_cut(text, error->message, sizeof(error->message));
    } else if (bsi_slice_is(path, "Error/Region")) {
        copy_cut(text, error->region, sizeof(error->region));
    }
    return BS_OK;
}

bool bsi_s3_error_parse(bsi_slice document, bsi_s3_error *out)
{
    bs_error before;
    bs_status status = BS_OK;

    memset(out, 0, sizeof(*out));
    bsi_error_save(&before);
    status = bsi_s3_read_document(document, take_error, out);
    bsi_error_restore(&before);
    return status == BS_OK && out->code[0] != '\0';
}

bool bsi_s3_is_upload_id(bsi_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f) {
            return false;
        }
    }
    return text.size > 0 && text.size <= BSI_S3_UPLOAD_ID_MAX;
}

/* The id is kept in the buffer once it is found; a second one is none. */
static bs_status take_upload_id(void *user, bsi_slice path, bsi_slice text)
{
    bsi_buf *id = user;

    if (!bsi_slice_is(path, "InitiateMultipartUploadResult/UploadId")) {
        return BS_OK;
    }
    if (!bsi_s3_is_upload_id(text) || id->size > 0) {
        return bsi_s3_corrupt("has no proper id of an upload");
    }
    return bsi_buf_append(id, text.data, text.size);
}

bs_status bsi_s3_upload_id_parse(bsi_slice document, bsi_buf *out)
{
    bsi_buf id;
    bs_status status = BS_OK;

    bsi_buf_init(&id, BSI_S3_UPLOAD_ID_MAX);
    status = bsi_s3_read_document(document, take_upload_id, &id);
    if (status == BS_OK && id.size == 0) {
        status = bsi_s3_corrupt("has no id of an upload");
    }
    if (status == BS_OK) {
        status = bsi_buf_append(out, id.data, id.size);
    }
    bsi_buf_dispose(&id);
    return status;
}

static bs_status take_complete(void *user, bsi_slice path, bsi_slice text)
{
    bool *complete = user;

    (void)text; /* Ceph tells none yet. */
    if (bsi_slice_is(path, "CompleteMultipartUploadResult/ETag")) {
        *complete = true;
    }
    return BS_OK;
}

bs_status bsi_s3_complete_parse(bsi_slice document)
{
    bool complete = false;

    BSI_TRY(bsi_s3_read_document(document, take_complete, &complete));
    return complete ? BS_OK : bsi_s3_corrupt("does not say that the upload is complete");
}

static bs_status take_lock(void *user, bsi_slice path, bsi_slice text)
{
    bool *enabled = user;

    if (bsi_slice_is(path, "ObjectLockConfiguration/ObjectLockEnabled")) {
        *enabled = bsi_slice_is(text, "Enabled");
    }
    return BS_OK;
}

bs_status bsi_s3_lock_parse(bsi_slice document, bool *enabled_out)
{
    *enabled_out = false;
    return bsi_s3_read_document(document, take_lock, enabled_out);
}

typedef struct removed {
    bsi_s3_error present; /* Of the element that is being read. */
    bsi_s3_error *first;
    bool is_result;
} removed;

static bs_status take_removed(void *user, bsi_slice path, bsi_slice text)
{
    removed *self = user;

    if (bsi_slice_is(path, "DeleteResult/Error/Code")) {
        copy_cut(text, self->present.code, sizeof(self->present.code));
    } else if (bsi_slice_is(path, "DeleteResult/Error/Message")) {
        copy_cut(text, self->present.message, sizeof(self->present.message));
    } else if (bsi_slice_is(path, "DeleteResult/Error")) {
        /* One that was not there is gone, too. */
        if (self->first->code[0] == '\0' && strcmp(self->present.code, "NoSuchKey") != 0) {
            *self->first = self->present;
        }
        self->present = (bsi_s3_error){.code = ""};
    } else if (bsi_slice_is(path, "DeleteResult")) {
        self->is_result = true;
    }
    return BS_OK;
}

bs_status bsi_s3_removed_parse(bsi_slice document, bsi_s3_error *error)
{
    removed self = {.first = error};

    *error = (bsi_s3_error){.code = ""};
    BSI_TRY(bsi_s3_read_document(document, take_removed, &self));
    return self.is_result ? BS_OK : bsi_s3_corrupt("does not say what was removed");
}
