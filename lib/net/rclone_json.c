/* SPDX-License-Identifier: MIT */
/*
 * Answers of rclone's remote control.
 */
#include "net/rclone_json.h"

#include <string.h>

#include "net/json_walk.h"
#include "text/rfc3339.h"

enum {
    DOCUMENT_MAX = 256 * 1024,
    SCRATCH_MAX = BSI_RCLONE_ITEM_MAX,
    PORT_MAX = 65535,
    NS_PER_S = 1000000000,
};

static bs_status corrupt(const char *what)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "rclone's answer %s", what);
}

/* --- Items --- */

typedef struct item_reading {
    bsi_rclone_item *out;
    bsi_buf path;
    bsi_buf scratch;
    bool found; /* It is an object, not null. */
    bool has_path;
    bool has_size;
    bool has_kind;
} item_reading;

static void begin_item(item_reading *self, bsi_rclone_item *out)
{
    *self = (item_reading){.out = out};
    *out = (bsi_rclone_item){.mtime_ns = BSI_RCLONE_NO_TIME};
    bsi_buf_init(&self->path, SCRATCH_MAX);
    bsi_buf_init(&self->scratch, SCRATCH_MAX);
}

static void end_item(item_reading *self)
{
    bsi_buf_dispose(&self->path);
    bsi_buf_dispose(&self->scratch);
}

static bs_status read_size(item_reading *self, bsi_json_reader *reader)
{
    int64_t size = 0;

    BSI_TRY(bsi_json_read_i64(reader, &size));
    self->out->size = size < 0 ? BSI_RCLONE_NO_SIZE : (uint64_t)size;
    self->has_size = true;
    return BS_OK;
}

static bs_status read_time(item_reading *self, bsi_json_reader *reader)
{
    bsi_slice text = {NULL, 0};
    bs_error before;
    int64_t sec = 0;
    int32_t nsec = 0;

    BSI_TRY(bsi_json_read_string(reader, &self->scratch, &text));
    bsi_error_save(&before);
    if (bsi_rfc3339_parse(text.data, text.size, &sec, &nsec) == BS_OK && sec >= 0 &&
        sec < INT64_MAX / NS_PER_S) {
        self->out->mtime_ns = sec * NS_PER_S + nsec;
    }
    bsi_error_restore(&before);
    return BS_OK;
}

static bs_status take_item_member(void *user, bsi_json_reader *reader, bsi_slice key)
{
    item_reading *self = user;

    if (bsi_slice_is(key, "Path")) {
        self->has_path = true;
        return bsi_json_read_string(reader, &self->path, &self->out->path);
    }
    if (bsi_slice_is(key, "Size")) {
        return read_size(self, reader);
    }
    if (bsi_slice_is(key, "ModTime")) {
        return read_time(self, reader);
    }
    if (bsi_slice_is(key, "IsDir")) {
        self->has_kind = true;
        return bsi_json_read_bool(reader, &self->out->is_dir);
    }
    return bsi_json_skip(reader);
}

static bs_status check_item(const item_reading *self)
{
    return self->has_path && self->has_size && self->has_kind
               ? BS_OK
               : corrupt("has a file without path, size or kind");
}

static bs_status take_stat_member(void *user, bsi_json_reader *reader, bsi_slice key)
{
    item_reading *self = user;

    if (!bsi_slice_is(key, "item")) {
        return bsi_json_skip(reader);
    }
    self->has_path = true;
    if (bsi_json_peek(reader) == BSI_JSON_NULL) {
        return bsi_json_read_null(reader);
    }
    self->found = true;
    self->has_path = false;
    BSI_TRY(bsi_json_walk_object(reader, take_item_member, self));
    return check_item(self);
}

bs_status bsi_rclone_stat_parse(bsi_slice document, bsi_rclone_item *out, bool *found_out)
{
    item_reading self;
    bs_status status = BS_OK;

    begin_item(&self, out);
    status = bsi_json_walk_document(document, DOCUMENT_MAX, take_stat_member, &self);
    if (status == BS_OK && !self.has_path) {
        status = corrupt("tells of no item");
    }
    end_item(&self);
    out->path = (bsi_slice){NULL, 0};
    *found_out = self.found;
    return status;
}

/* --- Features --- */

typedef struct features_reading {
    bsi_rclone_features *out;
    bool has_features;
} features_reading;

static bs_status take_feature(void *user, bsi_json_reader *reader, bsi_slice key)
{
    bsi_rclone_features *out = user;
    const struct {
        const char *name;
        bool *value;
    } known[] = {
        {"BucketBased", &out->buckets},
        {"Move", &out->moves},
        {"Copy", &out->copies},
        {"PutStream", &out->streams},
        {"CaseInsensitive", &out->ignores_case},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(known); i++) {
        if (bsi_slice_is(key, known[i].name)) {
            return bsi_json_read_bool(reader, known[i].value);
        }
    }
    return bsi_json_skip(reader);
}

static bs_status take_info(void *user, bsi_json_reader *reader, bsi_slice key)
{
    features_reading *self = user;

    if (!bsi_slice_is(key, "Features")) {
        return bsi_json_skip(reader);
    }
    self->has_features = true;
    return bsi_json_walk_object(reader, take_feature, self->out);
}

bs_status bsi_rclone_features_parse(bsi_slice document, bsi_rclone_features *out)
{
    features_reading self = {.out = out};

    *out = (bsi_rclone_features){.buckets = false};
    BSI_TRY(bsi_json_walk_document(document, DOCUMENT_MAX, take_info, &self));
    return self.has_features ? BS_OK : corrupt("tells no features");
}

/* --- Failures, and where it is --- */

typedef struct error_reading {
    char *out;
    bool has_text;
} error_reading;

static bs_status take_error_member(void *user, bsi_json_reader *reader, bsi_slice key)
{
    error_reading *self = user;
    bsi_slice text = {NULL, 0};
    bsi_buf scratch;
    bs_status status = BS_OK;

    if (!bsi_slice_is(key, "error")) {
        return bsi_json_skip(reader);
    }
    bsi_buf_init(&scratch, SCRATCH_MAX);
    status = bsi_json_read_string(reader, &scratch, &text);
    if (status == BS_OK) {
        bsi_printable(text.data, text.size, self->out, BSI_RCLONE_ERROR_SIZE);
        self->has_text = text.size > 0;
    }
    bsi_buf_dispose(&scratch);
    return status;
}

bool bsi_rclone_error_parse(bsi_slice document, char out[BSI_RCLONE_ERROR_SIZE])
{
    error_reading self = {.out = out};
    bs_error before;
    bs_status status = BS_OK;

    bsi_error_save(&before);
    out[0] = '\0';
    status = bsi_json_walk_document(document, DOCUMENT_MAX, take_error_member, &self);
    bsi_error_restore(&before);
    return status == BS_OK && self.has_text;
}

/* Where `text` begins in the line; NULL: nowhere. */
static const char *find(bsi_slice line, const char *text)
{
    return memmem(line.data, line.size, text, strlen(text));
}

uint16_t bsi_rclone_port_parse(bsi_slice line)
{
    static const char address[] = "http://127.0.0.1:";
    const char *end = line.data + line.size;
    const char *at = find(line, "Serving remote control on ");
    uint32_t port = 0;

    if (!at) {
        return 0;
    }
    at = find((bsi_slice){at, (size_t)(end - at)}, address);
    if (!at) {
        return 0;
    }
    for (at += sizeof(address) - 1; at < end && *at >= '0' && *at <= '9' && port <= PORT_MAX;
         at++) {
        port = port * 10 + (uint32_t)(*at - '0');
    }
    return at < end && *at == '/' && port <= PORT_MAX ? (uint16_t)port : 0;
}

/* --- Listings --- */

static const char list_begin[] = "{\"list\":[";
static const char list_end[] = "}";

void bsi_rclone_list_begin(bsi_rclone_list *list, bsi_rclone_visit visit, void *user)
{
    *list = (bsi_rclone_list){.visit = visit, .user = user};
    bsi_buf_init(&list->item, BSI_RCLONE_ITEM_MAX);
}

static bs_status tell_item(bsi_rclone_list *list)
{
    bsi_rclone_item item;
    item_reading self;
    bs_status status = BS_OK;

    begin_item(&self, &item);
    status =
        bsi_json_walk_document(bsi_buf_slice(&list->item), DOCUMENT_MAX, take_item_member, &self);
    if (status == BS_OK) {
        status = check_item(&self);
    }
    if (status == BS_OK) {
        status = list->visit(list->user, &item);
    }
    end_item(&self);
    bsi_buf_clear(&list->item);
    return status;
}

/* A byte of an item, which ends with the bracket that it began with. */
static bs_status take_in_item(bsi_rclone_list *list, char byte)
{
    BSI_TRY(bsi_buf_append_byte(&list->item, (uint8_t)byte));
    if (list->in_text) {
        list->in_text = list->escaped || byte != '"';
        list->escaped = !list->escaped && byte == '\\';
        return BS_OK;
    }
    list->in_text = byte == '"';
    if (byte == '{' || byte == '[') {
        list->depth++;
    } else if (byte == '}' || byte == ']') {
        list->depth--;
    }
    if (list->depth > 0) {
        return BS_OK;
    }
    list->after_item = true;
    return tell_item(list);
}

static bs_status take_between(bsi_rclone_list *list, char byte)
{
    if (byte == '{' && !list->after_item) {
        list->after_comma = false;
        return take_in_item(list, byte);
    }
    if (byte == ',' && list->after_item) {
        list->after_item = false;
        list->after_comma = true;
        return BS_OK;
    }
    if (byte == ']' && !list->after_comma) {
        list->in_items = false;
        return BS_OK;
    }
    return corrupt("is no list");
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bs_status take_byte(bsi_rclone_list *list, char byte)
{
    const size_t before = sizeof(list_begin) - 1;
    const size_t all = before + sizeof(list_end) - 1;

    if (list->depth > 0) {
        return take_in_item(list, byte);
    }
    if (is_blank(byte)) {
        return BS_OK;
    }
    if (list->in_items) {
        return take_between(list, byte);
    }
    if (list->matched == all ||
        byte != (list->matched < before ? list_begin[list->matched]
                                        : list_end[list->matched - before])) {
        return corrupt("is no list");
    }
    list->matched++;
    list->in_items = list->matched == before;
    return BS_OK;
}

bs_status bsi_rclone_list_take(bsi_rclone_list *list, bsi_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        BSI_TRY(take_byte(list, bytes.data[i]));
    }
    return BS_OK;
}

bs_status bsi_rclone_list_end(bsi_rclone_list *list, bs_status status)
{
    bsi_buf_dispose(&list->item);
    if (status < 0 || list->matched == sizeof(list_begin) + sizeof(list_end) - 2) {
        return status;
    }
    return corrupt("is a list that was cut");
}
