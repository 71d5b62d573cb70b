/* SPDX-License-Identifier: MIT */
/*
 * S3's lists of uploads that were not ended, and of their parts. Source: the
 * Amazon S3 API reference, "ListMultipartUploads", "ListParts".
 */
#include <string.h>

#include "base/alloc.h"
#include "net/s3_xml_int.h"
#include "net/uri.h"

/* One list while it is read. The encoding is told anywhere, so that keys are decoded behind it. */
typedef struct pending_list {
    bsi_s3_pending_page *page;
    size_t key_at[BSI_S3_PAGE_MAX]; /* Where each text begins in `raw`; it ends with NUL. */
    size_t id_at[BSI_S3_PAGE_MAX];
    bsi_buf raw;
    bsi_buf next_key;
    bsi_buf next_id;
    bool is_list;
    bool has_key; /* Of the present upload. */
    bool has_id;
    bool truncated;
    bool encoded;
} pending_list;

static bs_status take_text(pending_list *list, bsi_slice text, size_t max, bool *has, size_t *at)
{
    if (list->page->count == BSI_S3_PAGE_MAX || *has || text.size == 0 || text.size > max ||
        memchr(text.data, '\0', text.size)) {
        return bsi_service_corrupt("has no proper list of uploads");
    }
    at[list->page->count] = list->raw.size;
    *has = true;
    BSI_TRY(bsi_buf_append(&list->raw, text.data, text.size));
    return bsi_buf_append_byte(&list->raw, '\0');
}

static bs_status take_key(pending_list *list, bsi_slice text)
{
    return take_text(list, text, BSI_SERVICE_KEY_TEXT_MAX, &list->has_key, list->key_at);
}

static bs_status take_id(pending_list *list, bsi_slice text)
{
    if (!bsi_s3_is_upload_id(text)) {
        return bsi_service_corrupt("has no proper id of an upload");
    }
    return take_text(list, text, BSI_S3_UPLOAD_ID_MAX, &list->has_id, list->id_at);
}

static bs_status take_time(pending_list *list, bsi_slice text)
{
    if (list->page->count == BSI_S3_PAGE_MAX) {
        return bsi_service_corrupt("lists more uploads than were asked for");
    }
    list->page->uploads[list->page->count].began_ns = bsi_s3_time(text);
    return BS_OK;
}

static bs_status take_end(pending_list *list, bsi_slice text)
{
    (void)text;
    if (!list->has_key || !list->has_id) {
        return bsi_service_corrupt("lists an upload without key or id");
    }
    list->page->count++;
    list->has_key = false;
    list->has_id = false;
    return BS_OK;
}

static bs_status take_truncated(pending_list *list, bsi_slice text)
{
    list->truncated = bsi_slice_is(text, "true");
    return BS_OK;
}

static bs_status take_encoding(pending_list *list, bsi_slice text)
{
    list->encoded = bsi_slice_is(text, "url");
    return BS_OK;
}

static bs_status take_next_key(pending_list *list, bsi_slice text)
{
    return bsi_buf_append(&list->next_key, text.data, text.size);
}

static bs_status take_next_id(pending_list *list, bsi_slice text)
{
    return bsi_buf_append(&list->next_id, text.data, text.size);
}

static bs_status take_root(pending_list *list, bsi_slice text)
{
    (void)text;
    list->is_list = true;
    return BS_OK;
}

static bs_status take_element(void *user, bsi_slice path, bsi_slice text)
{
    static const struct {
        const char *path;
        bs_status (*take)(pending_list *, bsi_slice);
    } known[] = {
        {"ListMultipartUploadsResult/Upload/Key", take_key},
        {"ListMultipartUploadsResult/Upload/UploadId", take_id},
        {"ListMultipartUploadsResult/Upload/Initiated", take_time},
        {"ListMultipartUploadsResult/Upload", take_end},
        {"ListMultipartUploadsResult/IsTruncated", take_truncated},
        {"ListMultipartUploadsResult/EncodingType", take_encoding},
        {"ListMultipartUploadsResult/NextKeyMarker", take_next_key},
        {"ListMultipartUploadsResult/NextUploadIdMarker", take_next_id},
        {"ListMultipartUploadsResult", take_root},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(known); i++) {
        if (bsi_slice_is(path, known[i].path)) {
            return known[i].take(user, text);
        }
    }
    return BS_OK;
}

static bs_status decode(const pending_list *list, bsi_slice raw, bsi_buf *out)
{
    BSI_TRY(list->encoded ? bsi_uri_decode(raw, out) : bsi_buf_append(out, raw.data, raw.size));
    return bsi_buf_append_byte(out, '\0');
}

/* Decoded texts are never longer, so that room for the raw ones keeps the pointers right. */
static bs_status decode_texts(pending_list *list)
{
    bsi_buf *texts = &list->page->texts;

    BSI_TRY(bsi_buf_reserve(texts, list->raw.size));
    for (size_t i = 0; i < list->page->count; i++) {
        const char *key = (const char *)list->raw.data + list->key_at[i];
        const char *id = (const char *)list->raw.data + list->id_at[i];

        list->page->uploads[i].key = (const char *)texts->data + texts->size;
        BSI_TRY(decode(list, bsi_slice_of(key), texts));
        list->page->uploads[i].id = (const char *)texts->data + texts->size;
        BSI_TRY(bsi_buf_append(texts, id, strlen(id) + 1));
    }
    return BS_OK;
}

static bs_status take_markers(pending_list *list)
{
    bsi_buf key;
    bs_status status = BS_OK;

    if (!list->truncated) {
        return BS_OK;
    }
    if (list->next_key.size == 0) {
        return bsi_service_corrupt("has a next page and no marker for it");
    }
    bsi_buf_init(&key, BSI_SERVICE_KEY_TEXT_MAX + 1);
    status =
        decode(list, (bsi_slice){(const char *)list->next_key.data, list->next_key.size}, &key);
    if (status == BS_OK) {
        list->page->next_key = bsi_buf_take_text(&key);
        list->page->next_id = bsi_buf_take_text(&list->next_id);
        status = list->page->next_key && list->page->next_id ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&key);
    return status;
}

static bs_status parse(bsi_slice document, pending_list *list)
{
    bsi_s3_pending_page *page = list->page;

    page->uploads = bsi_calloc(BSI_S3_PAGE_MAX, sizeof(*page->uploads));
    if (!page->uploads) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < BSI_S3_PAGE_MAX; i++) {
        page->uploads[i].began_ns = BSI_SERVICE_NO_TIME;
    }
    BSI_TRY(bsi_service_read(document, take_element, list));
    if (!list->is_list) {
        return bsi_service_corrupt("is no list of uploads");
    }
    BSI_TRY(decode_texts(list));
    return take_markers(list);
}

bs_status bsi_s3_pending_parse(bsi_slice document, bsi_s3_pending_page *out)
{
    const size_t text_max =
        (size_t)BSI_S3_PAGE_MAX * (BSI_SERVICE_KEY_TEXT_MAX + BSI_S3_UPLOAD_ID_MAX + 2);
    pending_list *list = bsi_calloc(1, sizeof(*list));
    bs_status status = BS_OK;

    if (!list) {
        return BS_E_NOMEM;
    }
    memset(out, 0, sizeof(*out));
    bsi_buf_init(&out->texts, text_max);
    bsi_buf_init(&list->raw, text_max);
    bsi_buf_init(&list->next_key, BSI_SERVICE_KEY_TEXT_MAX);
    bsi_buf_init(&list->next_id, BSI_S3_UPLOAD_ID_MAX + 1);
    list->page = out;
    status = parse(document, list);
    if (status < 0) {
        bsi_s3_pending_dispose(out);
    }
    bsi_buf_dispose(&list->raw);
    bsi_buf_dispose(&list->next_key);
    bsi_buf_dispose(&list->next_id);
    bsi_free(list);
    return status;
}

void bsi_s3_pending_dispose(bsi_s3_pending_page *page)
{
    bsi_free(page->uploads);
    bsi_free(page->next_key);
    bsi_free(page->next_id);
    bsi_buf_dispose(&page->texts);
    *page = (bsi_s3_pending_page){.count = 0};
}

/* --- Parts --- */

typedef struct part_list {
    uint64_t bytes;
    uint64_t next;
    bool is_list;
    bool truncated;
} part_list;

static bs_status take_part_element(void *user, bsi_slice path, bsi_slice text)
{
    part_list *list = user;
    uint64_t size = 0;

    if (bsi_slice_is(path, "ListPartsResult")) {
        list->is_list = true;
    } else if (bsi_slice_is(path, "ListPartsResult/IsTruncated")) {
        list->truncated = bsi_slice_is(text, "true");
    } else if (bsi_slice_is(path, "ListPartsResult/NextPartNumberMarker")) {
        list->next = bsi_service_parse_size(text, &size) ? size : 0;
    } else if (bsi_slice_is(path, "ListPartsResult/Part/Size")) {
        if (!bsi_service_parse_size(text, &size) || size > INT64_MAX - list->bytes) {
            return bsi_service_corrupt("has no proper size");
        }
        list->bytes += size;
    }
    return BS_OK;
}

bs_status bsi_s3_parts_parse(bsi_slice document, uint64_t *bytes, uint32_t *next_out)
{
    part_list list = {.bytes = 0};

    BSI_TRY(bsi_service_read(document, take_part_element, &list));
    if (!list.is_list || (list.truncated && (list.next == 0 || list.next > UINT32_MAX))) {
        return bsi_service_corrupt("is no list of parts");
    }
    *bytes += list.bytes;
    *next_out = list.truncated ? (uint32_t)list.next : 0;
    return BS_OK;
}
