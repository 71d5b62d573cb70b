/* SPDX-License-Identifier: MIT */
/*
 * Objects, listings, errors and headers of Google Cloud Storage.
 */
#include "net/gcs_json.h"

#include <stdio.h>
#include <string.h>

#include "net/json_walk.h"
#include "net/service_xml_int.h"
#include "text/base64.h"
#include "text/rfc3339.h"

enum {
    DOCUMENT_MAX = 256 * 1024, /* Of one object, with metadata of others. */
    SUM_BYTES = 4,
    NS_PER_S = 1000000000,
};

/* --- Checksums --- */

bs_status bsi_gcs_sum_format(uint32_t crc32c, char out[BSI_GCS_SUM_SIZE])
{
    const uint8_t bytes[SUM_BYTES] = {(uint8_t)(crc32c >> 24), (uint8_t)(crc32c >> 16),
                                      (uint8_t)(crc32c >> 8), (uint8_t)crc32c};
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_GCS_SUM_SIZE - 1);
    status = bsi_base64_encode(bytes, sizeof(bytes), &text);
    if (status == BS_OK) {
        (void)snprintf(out, BSI_GCS_SUM_SIZE, "%.*s", (int)text.size, (const char *)text.data);
    }
    bsi_buf_dispose(&text);
    return status;
}

static bool take_sum(bsi_slice text, char out[BSI_GCS_SUM_SIZE])
{
    const bool good = text.size == BSI_GCS_SUM_SIZE - 1;

    if (good) {
        (void)snprintf(out, BSI_GCS_SUM_SIZE, "%.*s", (int)text.size, text.data);
    }
    return good;
}

bool bsi_gcs_hash_parse(bsi_slice header, char out[BSI_GCS_SUM_SIZE])
{
    static const char name[] = "crc32c=";
    const size_t size = sizeof(name) - 1;

    while (header.size > 0) {
        const char *comma = memchr(header.data, ',', header.size);
        bsi_slice item = {header.data, comma ? (size_t)(comma - header.data) : header.size};

        header.data += comma ? item.size + 1 : item.size;
        header.size -= comma ? item.size + 1 : item.size;
        while (item.size > 0 && item.data[0] == ' ') {
            item = (bsi_slice){item.data + 1, item.size - 1};
        }
        if (item.size > size && memcmp(item.data, name, size) == 0) {
            return take_sum((bsi_slice){item.data + size, item.size - size}, out);
        }
    }
    return false;
}

bool bsi_gcs_stored_parse(bsi_slice header, uint64_t *out)
{
    static const char begin[] = "bytes=0-";
    const size_t size = sizeof(begin) - 1;
    uint64_t last = 0;

    if (header.size <= size || memcmp(header.data, begin, size) != 0 ||
        !bsi_service_parse_size((bsi_slice){header.data + size, header.size - size}, &last) ||
        last == INT64_MAX) {
        return false;
    }
    *out = last + 1;
    return true;
}

/* --- Values --- */

/* Numbers of 64 bits come as texts. */
static bs_status read_size(bsi_json_reader *reader, bsi_buf *scratch, uint64_t *out)
{
    bsi_slice text = {NULL, 0};

    BSI_TRY(bsi_json_read_string(reader, scratch, &text));
    return bsi_service_parse_size(text, out) ? BS_OK
                                             : bsi_service_corrupt("has a size that is none");
}

static bs_status read_time(bsi_json_reader *reader, bsi_buf *scratch, int64_t *ns_out)
{
    bsi_slice text = {NULL, 0};
    bs_error before;
    int64_t sec = 0;
    int32_t nsec = 0;

    BSI_TRY(bsi_json_read_string(reader, scratch, &text));
    bsi_error_save(&before);
    if (bsi_rfc3339_parse(text.data, text.size, &sec, &nsec) == BS_OK && sec >= 0 &&
        sec < INT64_MAX / NS_PER_S) {
        *ns_out = sec * NS_PER_S + nsec;
    }
    bsi_error_restore(&before);
    return BS_OK;
}

/* --- Objects --- */

typedef struct object_reading {
    bsi_gcs_object *out;
    bsi_buf scratch;
    bool is_object;
    bool has_size;
} object_reading;

static bs_status take_metadata(void *user, bsi_json_reader *reader, bsi_slice key)
{
    object_reading *self = user;
    bsi_gcs_object *out = self->out;
    bsi_slice text = {NULL, 0};

    if (!bsi_slice_is(key, BSI_GCS_MARK)) {
        return bsi_json_skip(reader);
    }
    BSI_TRY(bsi_json_read_string(reader, &self->scratch, &text));
    if (text.size < sizeof(out->mark)) {
        memcpy(out->mark, text.data, text.size);
    }
    return BS_OK;
}

static bs_status read_sum(object_reading *self, bsi_json_reader *reader)
{
    bsi_slice text = {NULL, 0};

    BSI_TRY(bsi_json_read_string(reader, &self->scratch, &text));
    return take_sum(text, self->out->sum) ? BS_OK
                                          : bsi_service_corrupt("has a checksum that is none");
}

static bs_status read_kind(bsi_json_reader *reader, bsi_buf *scratch, const char *kind, bool *out)
{
    bsi_slice text = {NULL, 0};

    BSI_TRY(bsi_json_read_string(reader, scratch, &text));
    *out = bsi_slice_is(text, kind);
    return BS_OK;
}

static bs_status take_object_member(void *user, bsi_json_reader *reader, bsi_slice key)
{
    object_reading *self = user;

    if (bsi_slice_is(key, "kind")) {
        return read_kind(reader, &self->scratch, "storage#object", &self->is_object);
    }
    if (bsi_slice_is(key, "size")) {
        self->has_size = true;
        return read_size(reader, &self->scratch, &self->out->size);
    }
    if (bsi_slice_is(key, "generation")) {
        return read_size(reader, &self->scratch, &self->out->generation);
    }
    if (bsi_slice_is(key, "updated")) {
        return read_time(reader, &self->scratch, &self->out->mtime_ns);
    }
    if (bsi_slice_is(key, "crc32c")) {
        return read_sum(self, reader);
    }
    return bsi_slice_is(key, "metadata") ? bsi_json_walk_object(reader, take_metadata, self)
                                         : bsi_json_skip(reader);
}

bs_status bsi_gcs_object_parse(bsi_slice document, bsi_gcs_object *out)
{
    object_reading self = {.out = out};
    bs_status status = BS_OK;

    *out = (bsi_gcs_object){.mtime_ns = BSI_SERVICE_NO_TIME};
    bsi_buf_init(&self.scratch, DOCUMENT_MAX);
    status = bsi_json_walk_document(document, DOCUMENT_MAX, take_object_member, &self);
    bsi_buf_dispose(&self.scratch);
    if (status == BS_OK && (!self.is_object || !self.has_size || out->generation == 0)) {
        status = bsi_service_corrupt("does not describe an object");
    }
    return status;
}

/* --- Listings --- */

typedef struct page_reading {
    bsi_page_draft draft;
    bsi_buf scratch;
    bool is_list;
} page_reading;

static bs_status read_name(page_reading *self, bsi_json_reader *reader)
{
    bsi_slice text = {NULL, 0};

    BSI_TRY(bsi_json_read_string(reader, &self->scratch, &text));
    if (text.size > BSI_GCS_NAME_MAX) {
        return bsi_service_corrupt("lists an object without a proper name");
    }
    return bsi_page_take_key(&self->draft, text);
}

static bs_status read_entry_size(page_reading *self, bsi_json_reader *reader)
{
    bsi_slice text = {NULL, 0};

    BSI_TRY(bsi_json_read_string(reader, &self->scratch, &text));
    return bsi_page_take_size(&self->draft, text);
}

static bs_status read_entry_time(page_reading *self, bsi_json_reader *reader)
{
    int64_t mtime_ns = BSI_SERVICE_NO_TIME;

    BSI_TRY(read_time(reader, &self->scratch, &mtime_ns));
    return bsi_page_take_time(&self->draft, mtime_ns);
}

static bs_status take_entry_member(void *user, bsi_json_reader *reader, bsi_slice key)
{
    page_reading *self = user;

    if (bsi_slice_is(key, "name")) {
        return read_name(self, reader);
    }
    if (bsi_slice_is(key, "size")) {
        return read_entry_size(self, reader);
    }
    return bsi_slice_is(key, "updated") ? read_entry_time(self, reader) : bsi_json_skip(reader);
}

static bs_status take_entry(void *user, bsi_json_reader *reader)
{
    page_reading *self = user;

    BSI_TRY(bsi_json_walk_object(reader, take_entry_member, self));
    return bsi_page_take_end(&self->draft, true);
}

static bs_status read_token(page_reading *self, bsi_json_reader *reader)
{
    bsi_slice text = {NULL, 0};

    BSI_TRY(bsi_json_read_string(reader, &self->scratch, &text));
    return bsi_page_take_token(&self->draft, text);
}

static bs_status take_page_member(void *user, bsi_json_reader *reader, bsi_slice key)
{
    page_reading *self = user;

    if (bsi_slice_is(key, "kind")) {
        return read_kind(reader, &self->scratch, "storage#objects", &self->is_list);
    }
    if (bsi_slice_is(key, "items")) {
        return bsi_json_walk_array(reader, take_entry, self);
    }
    return bsi_slice_is(key, "nextPageToken") ? read_token(self, reader) : bsi_json_skip(reader);
}

bs_status bsi_gcs_page_parse(bsi_slice document, bsi_page *out)
{
    page_reading self = {.is_list = false};
    bs_status status = bsi_page_begin(&self.draft, BSI_GCS_PAGE_MAX, out);

    bsi_buf_init(&self.scratch, BSI_GCS_PAGE_BYTES_MAX);
    if (status == BS_OK) {
        status = bsi_json_walk_document(document, BSI_GCS_PAGE_BYTES_MAX, take_page_member, &self);
    }
    if (status == BS_OK && !self.is_list) {
        status = bsi_service_corrupt("is no list of objects");
    }
    bsi_buf_dispose(&self.scratch);
    return bsi_page_end(&self.draft, status, false);
}

/* --- Errors --- */

typedef struct error_reading {
    bsi_service_error *out;
    bsi_buf scratch;
    bool is_error;
} error_reading;

static bs_status read_cut(error_reading *self, bsi_json_reader *reader, char *out, size_t size)
{
    bsi_slice text = {NULL, 0};

    BSI_TRY(bsi_json_read_string(reader, &self->scratch, &text));
    if (out[0] == '\0') {
        (void)snprintf(out, size, "%.*s", (int)text.size, text.data);
    }
    return BS_OK;
}

/* Of one of several; the first counts. */
static bs_status take_detail(void *user, bsi_json_reader *reader, bsi_slice key)
{
    error_reading *self = user;

    return bsi_slice_is(key, "reason")
               ? read_cut(self, reader, self->out->code, sizeof(self->out->code))
               : bsi_json_skip(reader);
}

static bs_status take_details(void *user, bsi_json_reader *reader)
{
    return bsi_json_walk_object(reader, take_detail, user);
}

static bs_status take_error_member(void *user, bsi_json_reader *reader, bsi_slice key)
{
    error_reading *self = user;

    if (bsi_slice_is(key, "code")) {
        self->is_error = true;
        return bsi_json_skip(reader);
    }
    if (bsi_slice_is(key, "message")) {
        return read_cut(self, reader, self->out->message, sizeof(self->out->message));
    }
    return bsi_slice_is(key, "errors") ? bsi_json_walk_array(reader, take_details, self)
                                       : bsi_json_skip(reader);
}

static bs_status take_error(void *user, bsi_json_reader *reader, bsi_slice key)
{
    return bsi_slice_is(key, "error") ? bsi_json_walk_object(reader, take_error_member, user)
                                      : bsi_json_skip(reader);
}

bs_status bsi_gcs_error_parse(bsi_slice document, bsi_service_error *out)
{
    error_reading self = {.out = out};
    bs_status status = BS_OK;

    *out = (bsi_service_error){.code = ""};
    bsi_buf_init(&self.scratch, DOCUMENT_MAX);
    status = bsi_json_walk_document(document, DOCUMENT_MAX, take_error, &self);
    bsi_buf_dispose(&self.scratch);
    return status == BS_OK && !self.is_error ? bsi_service_corrupt("does not tell of an error")
                                             : status;
}
