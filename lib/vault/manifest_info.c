/* SPDX-License-Identifier: MIT */
/*
 * Parses the lines of a manifest that come once: what the backup is, warnings,
 * the end.
 */
#include <string.h>

#include "base/alloc.h"
#include "text/base64.h"
#include "text/json_read.h"
#include "text/rfc3339.h"
#include "vault/manifest_parse.h"
#include "vault/names.h"

enum { NEEDS_MAX = 100000 };

void bsi_manifest_info_dispose(bsi_manifest_info *info)
{
    for (size_t i = 0; i < info->needs_count; i++) {
        bsi_free(info->needs[i].key);
        bsi_free(info->needs[i].compression);
    }
    bsi_free(info->needs);
    bsi_free(info->name);
    bsi_free(info->form);
    bsi_free(info->compression);
    bsi_free(info->note);
    bsi_free(info->metadata);
    bsi_free(info->options);
    bsi_free(info->source_paths);
    bsi_free(info->container_key);
    bsi_free(info->zip_passphrase);
    *info = (bsi_manifest_info){0};
}

bs_status bsi_line_kind_of(bsi_slice line, bsi_line_kind *out)
{
    static const struct {
        const char *begin;
        bsi_line_kind kind;
    } kinds[] = {
        {"{\"path", BSI_LINE_ENTRY},
        {"{\"warning\":", BSI_LINE_WARNING},
        {"{\"manifest\":", BSI_LINE_INFO},
        {"{\"end\":", BSI_LINE_END},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(kinds); i++) {
        const size_t size = strlen(kinds[i].begin);
        if (line.size > size && memcmp(line.data, kinds[i].begin, size) == 0) {
            *out = kinds[i].kind;
            return BS_OK;
        }
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "a line of an unknown kind");
}

/* --- What the backup is --- */

typedef struct info_parser {
    bsi_json_reader json;
    bsi_manifest_info *out;
    bsi_buf text;
    bsi_info_part part;
    uint64_t version;
    uint32_t seen; /* Bit n: key n of the list was there. */
} info_parser;

static bs_status keep_text(bsi_json_reader *json, bsi_buf *scratch, char **out)
{
    bsi_slice text = {0};
    char *copy = NULL;

    BSI_TRY(bsi_json_read_string(json, scratch, &text));
    copy = bsi_strndup(text.data, text.size);
    if (!copy) {
        return BS_E_NOMEM;
    }
    bsi_free(*out);
    *out = copy;
    return BS_OK;
}

static bs_status keep_raw(bsi_json_reader *json, bsi_json_type type, char **out)
{
    bsi_slice raw = {0};
    char *copy = NULL;

    if (bsi_json_peek(json) != type) {
        return bsi_json_fail(json, "a value of another type is expected");
    }
    BSI_TRY(bsi_json_raw_value(json, &raw));
    copy = bsi_strndup(raw.data, raw.size);
    if (!copy) {
        return BS_E_NOMEM;
    }
    bsi_free(*out);
    *out = copy;
    return BS_OK;
}

/* "" is allowed only where `optional`. */
static bs_status keep_id(bsi_json_reader *json, bsi_buf *scratch, bool optional,
                         char out[BS_ID_SIZE])
{
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(json, scratch, &text));
    if (text.size != BS_ID_SIZE - 1 && !(optional && text.size == 0)) {
        return bsi_json_fail(json, "this is no id");
    }
    if (text.size > 0) {
        memcpy(out, text.data, text.size);
    }
    out[text.size] = '\0';
    return BS_OK;
}

static bs_status keep_date(bsi_json_reader *json, bsi_buf *scratch, bsi_time *out)
{
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(json, scratch, &text));
    if (bsi_rfc3339_parse(text.data, text.size, &out->sec, &out->nsec) < 0) {
        return bsi_json_fail(json, "this is no date");
    }
    return BS_OK;
}

static bs_status keep_digest(bsi_json_reader *json, bsi_buf *scratch, bsi_digest *out)
{
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(json, scratch, &text));
    if (bsi_digest_parse(text.data, text.size, out) < 0) {
        return bsi_json_fail(json, "a digest is 64 lower-case hex digits");
    }
    return BS_OK;
}

/* The members of a container reference; a manifest's own container has no id and compression. */
static bs_status read_container(info_parser *parser, bsi_container_ref *out)
{
    bsi_json_reader *json = &parser->json;
    bsi_slice key = {0};
    bs_status status = BS_OK;

    BSI_TRY(bsi_json_enter_object(json));
    while ((status = bsi_json_next_key(json, &key)) == BS_OK) {
        if (bsi_slice_is(key, "id")) {
            status = keep_id(json, &parser->text, false, out->id);
        } else if (bsi_slice_is(key, "key")) {
            status = keep_text(json, &parser->text, &out->key);
        } else if (bsi_slice_is(key, "compression")) {
            status = keep_text(json, &parser->text, &out->compression);
        } else if (bsi_slice_is(key, "size")) {
            status = bsi_json_read_u64(json, &out->size);
        } else if (bsi_slice_is(key, "sha256")) {
            status = keep_digest(json, &parser->text, &out->sha256);
        } else {
            status = bsi_json_fail(json, "unknown field of a container");
        }
        BSI_TRY(status);
    }
    BSI_TRY(status);
    if (!out->key || !bsi_storage_key_is_valid(out->key)) {
        return bsi_json_fail(json, "a container without a valid key");
    }
    return BS_OK;
}

static bs_status read_own_container(info_parser *parser)
{
    bsi_container_ref own = {0};
    const bs_status status = read_container(parser, &own);

    bsi_free(own.compression);
    if (status < 0) {
        bsi_free(own.key);
        return status;
    }
    bsi_free(parser->out->container_key);
    parser->out->container_key = own.key;
    parser->out->container_size = own.size;
    parser->out->container_sha256 = own.sha256;
    return BS_OK;
}

static bs_status read_needs(info_parser *parser)
{
    bsi_manifest_info *out = parser->out;
    bs_status status = BS_OK;

    BSI_TRY(bsi_json_enter_array(&parser->json));
    while ((status = bsi_json_next_item(&parser->json)) == BS_OK) {
        bsi_container_ref *grown = NULL;
        if (out->needs_count == NEEDS_MAX) {
            return bsi_json_fail(&parser->json, "too many containers");
        }
        grown = bsi_realloc_array(out->needs, out->needs_count + 1, sizeof(*grown));
        if (!grown) {
            return BS_E_NOMEM;
        }
        out->needs = grown;
        grown[out->needs_count] = (bsi_container_ref){0};
        out->needs_count++;
        BSI_TRY(read_container(parser, &grown[out->needs_count - 1]));
        if (!grown[out->needs_count - 1].id[0] || !grown[out->needs_count - 1].compression) {
            return bsi_json_fail(&parser->json, "a container without an id or compression");
        }
    }
    return status < 0 ? status : BS_OK;
}

static bs_status read_kind(info_parser *parser)
{
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(&parser->json, &parser->text, &text));
    parser->out->kind = bsi_backup_kind_parse(text);
    return parser->out->kind == 0 ? bsi_json_fail(&parser->json, "unknown kind of backup") : BS_OK;
}

static bs_status read_encryption(info_parser *parser)
{
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(&parser->json, &parser->text, &text));
    return bsi_encryption_parse(text, &parser->out->encryption)
               ? BS_OK
               : bsi_json_fail(&parser->json, "unknown kind of encryption");
}

static bs_status read_i32(info_parser *parser, int32_t *out)
{
    int64_t value = 0;

    BSI_TRY(bsi_json_read_i64(&parser->json, &value));
    if (value < INT32_MIN || value > INT32_MAX) {
        return bsi_json_fail(&parser->json, "a number out of range");
    }
    *out = (int32_t)value;
    return BS_OK;
}

static bs_status read_numbers(info_parser *parser, bsi_slice key)
{
    bsi_manifest_info *out = parser->out;
    const struct {
        const char *key;
        uint64_t *value;
    } numbers[] = {
        {"manifest", &parser->version},
        {"entries", &out->entries},
        {"files", &out->files},
        {"bytes", &out->bytes},
        {"bytes_stored", &out->bytes_stored_data},
        {"bytes_deduplicated", &out->bytes_deduplicated},
        {"warnings", &out->warnings},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(numbers); i++) {
        if (bsi_slice_is(key, numbers[i].key)) {
            return bsi_json_read_u64(&parser->json, numbers[i].value);
        }
    }
    return bsi_json_fail(&parser->json, "unknown field");
}

static bs_status read_dates(info_parser *parser, bsi_slice key)
{
    bsi_manifest_info *out = parser->out;
    const struct {
        const char *key;
        bsi_time *value;
    } dates[] = {
        {"created_at", &out->created_at},
        {"started_at", &out->started_at},
        {"completed_at", &out->completed_at},
        {"scan_began", &out->scan_began},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(dates); i++) {
        if (bsi_slice_is(key, dates[i].key)) {
            return keep_date(&parser->json, &parser->text, dates[i].value);
        }
    }
    return read_numbers(parser, key);
}

static bs_status read_texts(info_parser *parser, bsi_slice key)
{
    bsi_manifest_info *out = parser->out;
    const struct {
        const char *key;
        bsi_json_type type;
        char **value;
    } texts[] = {
        {"name", BSI_JSON_STRING, &out->name},
        {"form", BSI_JSON_STRING, &out->form},
        {"compression", BSI_JSON_STRING, &out->compression},
        {"note", BSI_JSON_STRING, &out->note},
        {"zip_passphrase", BSI_JSON_STRING, &out->zip_passphrase},
        {"metadata", BSI_JSON_OBJECT, &out->metadata},
        {"options", BSI_JSON_OBJECT, &out->options},
        {"source_paths", BSI_JSON_ARRAY, &out->source_paths},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        if (!bsi_slice_is(key, texts[i].key)) {
            continue;
        }
        if (texts[i].type == BSI_JSON_STRING) {
            return keep_text(&parser->json, &parser->text, texts[i].value);
        }
        return keep_raw(&parser->json, texts[i].type, texts[i].value);
    }
    return read_dates(parser, key);
}

static bs_status note_key(info_parser *parser, bsi_slice key)
{
    static const char *const keys[] = {
        "manifest",
        "id",
        "name",
        "backup_type",
        "form",
        "compression",
        "compression_level",
        "source_paths",
        "created_at",
        "started_at",
        "completed_at",
        "scan_began",
        "retention_days",
        "base_id",
        "note",
        "options",
        "metadata",
        "container",
        "needs",
        "entries",
        "files",
        "bytes",
        "bytes_stored",
        "bytes_deduplicated",
        "warnings",
        "encryption",
        "zip_passphrase",
        "manifest_size",
        "manifest_sha256",
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(keys); i++) {
        const uint32_t bit = UINT32_C(1) << i;
        if (!bsi_slice_is(key, keys[i])) {
            continue;
        }
        if (parser->seen & bit) {
            return bsi_json_fail(&parser->json, "field '%s' stands twice", keys[i]);
        }
        parser->seen |= bit;
        return BS_OK;
    }
    return bsi_json_fail(&parser->json, "unknown field");
}

/* What only a public part tells. */
static bs_status read_public_field(info_parser *parser, bsi_slice key)
{
    if (bsi_slice_is(key, "manifest_size")) {
        return bsi_json_read_u64(&parser->json, &parser->out->manifest_size);
    }
    return keep_digest(&parser->json, &parser->text, &parser->out->manifest_sha256);
}

static bs_status read_info_field(info_parser *parser, bsi_slice key)
{
    bsi_manifest_info *out = parser->out;

    BSI_TRY(note_key(parser, key));
    if (parser->part == BSI_INFO_PUBLIC && key.size > 8 && memcmp(key.data, "manifest", 8) == 0) {
        return read_public_field(parser, key);
    }
    if (bsi_slice_is(key, "id")) {
        return keep_id(&parser->json, &parser->text, false, out->id);
    }
    if (bsi_slice_is(key, "base_id")) {
        return keep_id(&parser->json, &parser->text, true, out->base_id);
    }
    if (bsi_slice_is(key, "backup_type")) {
        return read_kind(parser);
    }
    if (bsi_slice_is(key, "encryption")) {
        return read_encryption(parser);
    }
    if (bsi_slice_is(key, "compression_level")) {
        return read_i32(parser, &out->level);
    }
    if (bsi_slice_is(key, "retention_days")) {
        return read_i32(parser, &out->retention_days);
    }
    if (bsi_slice_is(key, "container")) {
        return read_own_container(parser);
    }
    if (bsi_slice_is(key, "needs")) {
        return read_needs(parser);
    }
    return read_texts(parser, key);
}

static bs_status check_info(const info_parser *parser)
{
    const bsi_manifest_info *info = parser->out;

    if (parser->version > BSI_MANIFEST_VERSION) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_VERSION, "a manifest of version %llu",
                        (unsigned long long)parser->version);
    }
    if (parser->version == 0 || !info->id[0] || info->kind == 0 || !info->name || !info->form ||
        !info->compression || !info->note || !info->metadata || !info->options ||
        !info->source_paths || !info->container_key) {
        return bsi_json_fail(&parser->json, "the first line lacks a field");
    }
    if (!bsi_backup_name_is_valid(info->name)) {
        return bsi_json_fail(&parser->json, "this can be no backup's name");
    }
    if (parser->part == BSI_INFO_PUBLIC && info->manifest_size == 0) {
        return bsi_json_fail(&parser->json, "it does not tell the manifest's size");
    }
    return BS_OK;
}

bs_status bsi_parse_info(bsi_slice line, bsi_info_part part, bsi_manifest_info *out)
{
    info_parser parser = {.out = out, .part = part};
    bsi_slice key = {0};
    bs_status status = BS_OK;

    *out = (bsi_manifest_info){.is_locked = part == BSI_INFO_PUBLIC};
    bsi_buf_init(&parser.text, BSI_MANIFEST_LINE_MAX);
    bsi_json_init(&parser.json, line.data, line.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    status = bsi_json_enter_object(&parser.json);
    while (status >= 0) {
        status = bsi_json_next_key(&parser.json, &key);
        if (status != BS_OK) {
            break;
        }
        status = read_info_field(&parser, key);
    }
    if (status >= 0) {
        status = bsi_json_end(&parser.json);
    }
    if (status >= 0) {
        status = check_info(&parser);
    }
    bsi_buf_dispose(&parser.text);
    return status < 0 ? status : BS_OK;
}

/* --- What a backup may claim --- */

/* In an envelope, or a zip file with encrypted members, or neither: as the first line says. */
static bool is_encrypted_as_said(const bsi_manifest_info *info)
{
    const char *container = info->container_key;

    if (info->zip_passphrase) {
        return info->encryption == BSI_ENCRYPTION_AES256 && bsi_is_winzip_key(container);
    }
    return !bsi_is_winzip_key(container) &&
           bsi_is_encrypted_key(container) == (info->encryption != BSI_ENCRYPTION_NONE);
}

static bool is_its_container(const bsi_manifest_info *info, const char *stem)
{
    const char *container = info->container_key;
    const size_t size = strlen(stem);

    return strncmp(container, stem, size) == 0 && container[size] == '.' &&
           !bsi_is_manifest_key(container) && strcmp(container + size, BSI_KEYS_SUFFIX) != 0 &&
           is_encrypted_as_said(info);
}

static bool needs_itself(const bsi_manifest_info *info)
{
    for (size_t i = 0; i < info->needs_count; i++) {
        if (strcmp(info->needs[i].id, info->id) == 0) {
            return true;
        }
    }
    return false;
}

static bs_status check_claims(const bsi_manifest_info *info, const char *key, const char *suffix,
                              const char *stem, const char *mirror)
{
    const bool is_mirror = info->kind == BSI_KIND_MIRROR;
    const size_t size = strlen(stem);

    if (strncmp(key, stem, size) != 0 || strcmp(key + size, suffix) != 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it is that of backup '%s'", stem);
    }
    if (strcmp(info->form, is_mirror ? "mirror" : "archive") != 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "its form does not fit its kind");
    }
    if (needs_itself(info) ||
        !(is_mirror ? strcmp(info->container_key, mirror) == 0 : is_its_container(info, stem))) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it claims what is not its own");
    }
    return BS_OK;
}

bs_status bsi_manifest_check_claims(const bsi_manifest_info *info, const char *key,
                                    const char *suffix)
{
    char *stem = bsi_manifest_stem(info);
    char *mirror = bsi_mirror_key(info->name);
    const bs_status status =
        stem && mirror ? check_claims(info, key, suffix, stem, mirror) : BS_E_NOMEM;

    bsi_free(stem);
    bsi_free(mirror);
    return status;
}

/* --- Warnings and the end --- */

static bs_status read_message(bsi_json_reader *json, bsi_line_memory *memory, bs_error *error)
{
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(json, &memory->text, &text));
    if (text.size >= sizeof(error->message)) {
        return bsi_json_fail(json, "a message that is too long");
    }
    for (size_t i = 0; i < text.size; i++) {
        if ((uint8_t)text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return bsi_json_fail(json, "a message with control characters");
        }
    }
    memcpy(error->message, text.data, text.size);
    return BS_OK;
}

static bs_status read_path_base64(bsi_json_reader *json, bsi_line_memory *memory, bsi_slice *path)
{
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_string(json, &memory->text, &text));
    bsi_buf_clear(&memory->path);
    if (bsi_base64_decode(text.data, text.size, &memory->path) < 0) {
        return bsi_json_fail(json, "this is not base 64");
    }
    *path = (bsi_slice){(const char *)memory->path.data, memory->path.size};
    return BS_OK;
}

static bs_status read_code(bsi_json_reader *json, bs_error *error)
{
    int64_t code = 0;

    BSI_TRY(bsi_json_read_i64(json, &code));
    if (code < INT16_MIN || code >= 0) {
        return bsi_json_fail(json, "a number out of range");
    }
    error->code = (bs_status)code;
    return BS_OK;
}

static bs_status read_layer(bsi_json_reader *json, bs_error *error)
{
    uint64_t layer = 0;

    BSI_TRY(bsi_json_read_u64(json, &layer));
    if (layer > BS_LAYER_TARGET) {
        return bsi_json_fail(json, "a number out of range");
    }
    error->layer = (bs_layer)layer;
    return BS_OK;
}

static bs_status read_warning_field(bsi_json_reader *json, bsi_slice key, bsi_line_memory *memory,
                                    bsi_slice *path, bs_error *error)
{
    if (bsi_slice_is(key, "code")) {
        return read_code(json, error);
    }
    if (bsi_slice_is(key, "layer")) {
        return read_layer(json, error);
    }
    if (bsi_slice_is(key, "path")) {
        return bsi_json_read_string(json, &memory->path, path);
    }
    if (bsi_slice_is(key, "path_base64")) {
        return read_path_base64(json, memory, path);
    }
    if (bsi_slice_is(key, "message")) {
        return read_message(json, memory, error);
    }
    return bsi_json_fail(json, "unknown field of a warning");
}

/* Enters the one object that a line of the other kinds holds: {"kind":{...}}. */
static bs_status enter_inner(bsi_json_reader *json, bsi_slice line)
{
    bsi_slice key = {0};

    bsi_json_init(json, line.data, line.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    BSI_TRY(bsi_json_enter_object(json));
    BSI_TRY(bsi_json_next_key(json, &key));
    return bsi_json_enter_object(json);
}

static bs_status leave_inner(bsi_json_reader *json)
{
    bsi_slice key = {0};
    const bs_status status = bsi_json_next_key(json, &key);

    BSI_TRY(status);
    if (status == BS_OK) {
        return bsi_json_fail(json, "more than one field");
    }
    return bsi_json_end(json);
}

bs_status bsi_parse_warning(bsi_slice line, bsi_line_memory *memory, bsi_slice *path_out,
                            bs_error *error_out)
{
    bsi_json_reader json;
    bsi_slice key = {0};
    bs_status status = BS_OK;

    *path_out = (bsi_slice){"", 0};
    *error_out = (bs_error){0};
    BSI_TRY(enter_inner(&json, line));
    while ((status = bsi_json_next_key(&json, &key)) == BS_OK) {
        BSI_TRY(read_warning_field(&json, key, memory, path_out, error_out));
    }
    BSI_TRY(status);
    if (error_out->code == BS_OK) {
        return bsi_json_fail(&json, "a warning without a code");
    }
    return leave_inner(&json);
}

bs_status bsi_parse_end(bsi_slice line, uint64_t *entries_out, bsi_digest *sha256_out)
{
    bsi_json_reader json;
    bsi_slice key = {0};
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, 1024);
    status = enter_inner(&json, line);
    while (status >= 0) {
        status = bsi_json_next_key(&json, &key);
        if (status != BS_OK) {
            break;
        }
        if (bsi_slice_is(key, "entries")) {
            status = bsi_json_read_u64(&json, entries_out);
        } else if (bsi_slice_is(key, "sha256")) {
            status = keep_digest(&json, &text, sha256_out);
        } else {
            status = bsi_json_fail(&json, "unknown field of the end");
        }
    }
    if (status >= 0) {
        status = leave_inner(&json);
    }
    bsi_buf_dispose(&text);
    return status < 0 ? status : BS_OK;
}
