/* SPDX-License-Identifier: MIT */
/*
 * Names of objects, and the small words of the vault.
 */
#include "vault/names.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/utf8.h"
#include "text/rfc3339.h"
#include "vault/manifest.h"

#define MANIFEST_MARK ".manifest."

enum { SHORT_ID_DIGITS = BSI_SHORT_ID_SIZE - 1 };

static const char *const kind_names[] = {
    [BSI_KIND_FULL] = "full",
    [BSI_KIND_INCREMENTAL] = "incremental",
    [BSI_KIND_DIFFERENTIAL] = "differential",
    [BSI_KIND_MIRROR] = "mirror",
};

const char *bsi_backup_kind_name(bsi_backup_kind kind)
{
    if ((size_t)kind >= BSI_ARRAY_SIZE(kind_names) || !kind_names[kind]) {
        return "unknown";
    }
    return kind_names[kind];
}

bsi_backup_kind bsi_backup_kind_parse(bsi_slice name)
{
    for (size_t i = BSI_KIND_FULL; i < BSI_ARRAY_SIZE(kind_names); i++) {
        if (bsi_slice_is(name, kind_names[i])) {
            return (bsi_backup_kind)i;
        }
    }
    return (bsi_backup_kind)0;
}

static const char *const encryption_names[] = {
    [BSI_ENCRYPTION_NONE] = "none",
    [BSI_ENCRYPTION_AES256] = "aes256",
    [BSI_ENCRYPTION_RSA] = "rsa",
};

const char *bsi_encryption_name(bsi_encryption encryption)
{
    return (size_t)encryption < BSI_ARRAY_SIZE(encryption_names) ? encryption_names[encryption]
                                                                 : "unknown";
}

bool bsi_encryption_parse(bsi_slice name, bsi_encryption *out)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(encryption_names); i++) {
        if (bsi_slice_is(name, encryption_names[i])) {
            *out = (bsi_encryption)i;
            return true;
        }
    }
    return false;
}

void bsi_short_id(const char *id, char out[BSI_SHORT_ID_SIZE])
{
    const size_t size = strlen(id);
    const size_t digits = bsi_min_size(size, BSI_SHORT_ID_SIZE - 1);

    memcpy(out, id + size - digits, digits);
    out[digits] = '\0';
}

static char *take(bsi_buf *key, bs_status status)
{
    char *text = status < 0 ? NULL : bsi_buf_take_text(key);

    bsi_buf_dispose(key);
    return text;
}

static bool ends_with(const char *key, const char *suffix)
{
    const size_t size = strlen(key);
    const size_t tail = strlen(suffix);

    return size > tail && strcmp(key + size - tail, suffix) == 0;
}

bool bsi_is_encrypted_key(const char *key)
{
    return ends_with(key, BSI_ENVELOPE_SUFFIX);
}

bool bsi_is_winzip_key(const char *key)
{
    return ends_with(key, BSI_WINZIP_SUFFIX);
}

bool bsi_has_keys(const char *key)
{
    return bsi_is_encrypted_key(key) || bsi_is_winzip_key(key);
}

bool bsi_is_manifest_key(const char *key)
{
    return ends_with(key, BSI_MANIFEST_SUFFIX) ||
           ends_with(key, BSI_MANIFEST_SUFFIX BSI_ENVELOPE_SUFFIX);
}

/* What lies beside an object: its key up to the first dot of its last component, and a suffix. */
static char *key_beside(const char *key, const char *suffix)
{
    const char *slash = strrchr(key, '/');
    const char *dot = strchrnul(slash ? slash : key, '.');
    bsi_buf out;

    bsi_buf_init(&out, BSI_PATH_MAX);
    return take(&out, bsi_buf_append_format(&out, "%.*s%s", (int)(dot - key), key, suffix));
}

char *bsi_keys_key(const char *key)
{
    return key_beside(key, BSI_KEYS_SUFFIX);
}

char *bsi_pins_key(const char *key)
{
    return key_beside(key, BSI_PINS_SUFFIX);
}

static char *object_key(const char *name, int64_t sec, bsi_backup_kind kind, const char *id,
                        const char *suffix)
{
    bsi_civil at;
    char short_id[BSI_SHORT_ID_SIZE];
    bsi_buf key;

    if (bsi_civil_from_time(sec, &at) < 0) {
        return NULL;
    }
    bsi_short_id(id, short_id);
    bsi_buf_init(&key, BSI_PATH_MAX);
    return take(&key,
                bsi_buf_append_format(&key, "%s/%04d%02d%02dT%02d%02d%02dZ-%s-%s%s", name, at.year,
                                      at.month, at.day, at.hour, at.minute, at.second,
                                      bsi_backup_kind_name(kind), short_id, suffix));
}

char *bsi_object_key(const bsi_backup_plan *plan, const char *suffix)
{
    return object_key(plan->name, plan->created_at.sec, plan->kind, plan->id, suffix);
}

char *bsi_manifest_stem(const bsi_manifest_info *info)
{
    return object_key(info->name, info->created_at.sec, info->kind, info->id, "");
}

char *bsi_mirror_key(const char *name)
{
    return bsi_join_key(name, bsi_slice_of("mirror"));
}

char *bsi_mirror_staging_key(const char *name, const char *id)
{
    char last[32];
    char short_id[BSI_SHORT_ID_SIZE];

    bsi_short_id(id, short_id);
    (void)snprintf(last, sizeof(last), "mirror.%s", short_id);
    return bsi_join_key(name, bsi_slice_of(last));
}

char *bsi_join_key(const char *prefix, bsi_slice path)
{
    const size_t before = strlen(prefix);
    char *key = bsi_alloc(before + path.size + 2);

    if (key) {
        memcpy(key, prefix, before);
        key[before] = '/';
        memcpy(key + before + 1, path.data, path.size);
        key[before + 1 + path.size] = '\0';
    }
    return key;
}

bool bsi_utf8_is_text(bsi_slice bytes)
{
    return bsi_utf8_valid(bytes.data, bytes.size) &&
           (bytes.size == 0 || memchr(bytes.data, '\0', bytes.size) == NULL);
}

static bool name_byte_is_valid(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == ' ' || byte == '.' || byte == '_' || byte == '-';
}

bool bsi_backup_name_is_valid(const char *name)
{
    const size_t size = strlen(name);

    if (size < 1 || size > 128 || name[0] == '.' || name[0] == ' ' || name[size - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!name_byte_is_valid(name[i])) {
            return false;
        }
    }
    return true;
}

/* --- What keys tell --- */

static bool is_made_of(const char *text, size_t size, const char *bytes)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\0' || !strchr(bytes, text[i])) {
            return false;
        }
    }
    return true;
}

#define DIGITS "0123456789"

/* "20261123T020000Z-"; the size of it, or 0. */
static size_t time_size(const char *text)
{
    static const char form[] = "00000000T000000Z-";

    for (size_t i = 0; i < sizeof(form) - 1; i++) {
        if (form[i] == '0' ? !is_made_of(text + i, 1, DIGITS) : text[i] != form[i]) {
            return 0;
        }
    }
    return sizeof(form) - 1;
}

/* "<time>-<kind>-<short id>." and something behind it. */
static bool parse_object(const char *last, bsi_object_name *out)
{
    const char *kind = last + time_size(last);
    const char *dash = strchr(kind, '-');
    const char *id = dash ? dash + 1 : "";

    if (kind == last || !dash || strchr(last, '/') ||
        bsi_backup_kind_parse((bsi_slice){kind, (size_t)(dash - kind)}) == 0 ||
        !is_made_of(id, SHORT_ID_DIGITS, DIGITS "abcdef") || id[SHORT_ID_DIGITS] != '.' ||
        id[SHORT_ID_DIGITS + 1] == '\0') {
        return false;
    }
    out->short_id = (bsi_slice){id, SHORT_ID_DIGITS};
    out->suffix = id + SHORT_ID_DIGITS;
    out->manifest = strncmp(id + SHORT_ID_DIGITS, MANIFEST_MARK, sizeof(MANIFEST_MARK) - 1) == 0;
    return true;
}

/* "mirror.<short id>/PATH". */
static bool parse_staged(const char *rest, bsi_object_name *out)
{
    static const char before[] = "mirror.";
    const char *id = rest + sizeof(before) - 1;

    if (strncmp(rest, before, sizeof(before) - 1) != 0 ||
        !is_made_of(id, SHORT_ID_DIGITS, DIGITS "abcdef") || id[SHORT_ID_DIGITS] != '/') {
        return false;
    }
    out->short_id = (bsi_slice){id, SHORT_ID_DIGITS};
    out->staged = true;
    return true;
}

bool bsi_object_name_parse(const char *key, bsi_object_name *out)
{
    const char *slash = strchr(key, '/');
    char name[129] = "";

    if (!slash || (size_t)(slash - key) >= sizeof(name)) {
        return false;
    }
    memcpy(name, key, (size_t)(slash - key));
    *out = (bsi_object_name){.name = {key, (size_t)(slash - key)}};
    return bsi_backup_name_is_valid(name) &&
           (parse_object(slash + 1, out) || parse_staged(slash + 1, out));
}
