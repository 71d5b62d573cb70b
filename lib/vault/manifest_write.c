/* SPDX-License-Identifier: MIT */
/*
 * Writes manifests: formats lines, compresses them on all cores, hashes what is
 * said and what is stored.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "compress/block_writer.h"
#include "text/base64.h"
#include "text/decimal_time.h"
#include "text/json_write.h"
#include "text/rfc3339.h"
#include "vault/manifest.h"
#include "vault/names.h"

struct bsi_manifest_writer {
    bsi_object_writer *object;
    bsi_block_writer *blocks;
    bsi_sha256 *said;    /* Of the lines. */
    bsi_sha256 *encoded; /* Of what they become, in front of the seal. */
};

/* --- Lines --- */

static void put_bytes(bsi_json_writer *json, const char *key, const char *key_base64,
                      bsi_slice bytes)
{
    bsi_buf coded;

    if (bsi_utf8_is_text(bytes)) {
        bsi_json_put_string(json, key, bytes);
        return;
    }
    bsi_buf_init(&coded, BSI_MANIFEST_LINE_MAX);
    if (bsi_base64_encode(bytes.data, bytes.size, &coded) < 0) {
        json->status = bs_error_last()->code;
    } else {
        bsi_json_put_string(json, key_base64, (bsi_slice){(const char *)coded.data, coded.size});
    }
    bsi_buf_dispose(&coded);
}

static void put_time(bsi_json_writer *json, const char *key, const bsi_time *time)
{
    char text[BSI_DECIMAL_TIME_SIZE];
    const size_t size = bsi_decimal_time_format(time->sec, time->nsec, text);

    bsi_json_put_string(json, key, (bsi_slice){text, size});
}

static void put_mode(bsi_json_writer *json, uint32_t mode)
{
    const char text[4] = {(char)('0' + (mode >> 9 & 7)), (char)('0' + (mode >> 6 & 7)),
                          (char)('0' + (mode >> 3 & 7)), (char)('0' + (mode & 7))};

    bsi_json_put_string(json, "mode", (bsi_slice){text, sizeof(text)});
}

static void put_owner(bsi_json_writer *json, const bsi_entry *entry)
{
    bsi_json_put_u64(json, "uid", entry->stat.uid);
    bsi_json_put_u64(json, "gid", entry->stat.gid);
    if (entry->user.size > 0 && bsi_utf8_is_text(entry->user)) {
        bsi_json_put_string(json, "user", entry->user);
    }
    if (entry->group.size > 0 && bsi_utf8_is_text(entry->group)) {
        bsi_json_put_string(json, "group", entry->group);
    }
}

static void put_xattrs(bsi_json_writer *json, const bsi_entry *entry)
{
    if (entry->xattr_count == 0) {
        return;
    }
    bsi_json_write_key(json, "xattrs");
    bsi_json_begin_array(json);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        bsi_json_begin_object(json);
        put_bytes(json, "name", "name_base64", entry->xattrs[i].name);
        put_bytes(json, "value", "value_base64", entry->xattrs[i].value);
        bsi_json_end_object(json);
    }
    bsi_json_end_array(json);
}

static void put_extents(bsi_json_writer *json, const bsi_entry *entry)
{
    if (!entry->sparse) {
        return;
    }
    bsi_json_write_key(json, "extents");
    bsi_json_begin_array(json);
    for (size_t i = 0; i < entry->extent_count; i++) {
        bsi_json_write_u64(json, entry->extents[i].offset);
        bsi_json_write_u64(json, entry->extents[i].size);
    }
    bsi_json_end_array(json);
}

static void put_identity(bsi_json_writer *json, const bsi_stat *stat)
{
    put_time(json, "mtime", &stat->mtime);
    put_time(json, "ctime", &stat->ctime);
    bsi_json_put_u64(json, "dev", stat->dev);
    bsi_json_put_u64(json, "ino", stat->ino);
    if (stat->type != BSI_TYPE_DIR) {
        bsi_json_put_u64(json, "nlink", stat->nlink);
    }
}

static void put_kind(bsi_json_writer *json, const bsi_listed *listed)
{
    const bsi_entry *entry = &listed->entry;
    char digest[2 * BSI_SHA256_SIZE + 1];

    if (entry->linked.size > 0) {
        put_bytes(json, "linked", "linked_base64", entry->linked);
    }
    if (entry->stat.type == BSI_TYPE_SYMLINK) {
        put_bytes(json, "link", "link_base64", entry->link);
    }
    if (entry->stat.type == BSI_TYPE_CHAR_DEVICE || entry->stat.type == BSI_TYPE_BLOCK_DEVICE) {
        bsi_json_put_u64(json, "major", entry->stat.rdev_major);
        bsi_json_put_u64(json, "minor", entry->stat.rdev_minor);
    }
    if (entry->stat.type != BSI_TYPE_FILE) {
        return;
    }
    bsi_json_put_u64(json, "size", entry->stat.size);
    put_extents(json, entry);
    if (listed->has_digest) {
        bsi_digest_format(&listed->sha256, digest);
        bsi_json_put_text(json, "sha256", digest);
    }
    if (listed->stored_in[0]) {
        bsi_json_put_text(json, "stored_in", listed->stored_in);
    }
}

bs_status bsi_manifest_format_entry(bsi_buf *out, const bsi_listed *listed)
{
    const bsi_entry *entry = &listed->entry;
    bsi_json_writer json;

    bsi_json_writer_init(&json, out, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    put_bytes(&json, "path", "path_base64", entry->path);
    bsi_json_put_text(&json, "type", bsi_file_type_name(entry->stat.type));
    put_mode(&json, entry->stat.mode);
    put_owner(&json, entry);
    put_identity(&json, &entry->stat);
    put_kind(&json, listed);
    put_xattrs(&json, entry);
    bsi_json_end_object(&json);
    BSI_TRY(bsi_json_writer_finish(&json));
    out->size--; /* The closing brace: bsi_manifest_format_end() writes it. */
    return BS_OK;
}

bs_status bsi_manifest_format_end(bsi_buf *out, const bsi_locator *locator)
{
    if (!locator) {
        return bsi_buf_append(out, "}\n", 2);
    }
    if (locator->stored == 0 && locator->method == 0) {
        return bsi_buf_append_format(out, ",\"at\":[%llu,%llu]}\n",
                                     (unsigned long long)locator->offset,
                                     (unsigned long long)locator->skip);
    }
    return bsi_buf_append_format(
        out, ",\"at\":[%llu,%llu,%llu,%u]}\n", (unsigned long long)locator->offset,
        (unsigned long long)locator->skip, (unsigned long long)locator->stored, locator->method);
}

bs_status bsi_manifest_format_warning(bsi_buf *out, bsi_slice path, const bs_error *error)
{
    bsi_json_writer json;
    char message[BS_ERROR_MESSAGE_SIZE];

    bsi_printable(error->message, strlen(error->message), message, sizeof(message));
    bsi_json_writer_init(&json, out, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    bsi_json_write_key(&json, "warning");
    bsi_json_begin_object(&json);
    bsi_json_put_i64(&json, "code", error->code);
    bsi_json_put_u64(&json, "layer", (uint64_t)error->layer);
    put_bytes(&json, "path", "path_base64", path);
    bsi_json_put_text(&json, "message", message);
    bsi_json_end_object(&json);
    bsi_json_end_object(&json);
    BSI_TRY(bsi_json_writer_finish(&json));
    return bsi_buf_append_byte(out, '\n');
}

/* --- The first line --- */

static void put_date(bsi_json_writer *json, const char *key, const bsi_time *time)
{
    char text[BSI_RFC3339_SIZE];

    if (bsi_rfc3339_format(time->sec, time->nsec, true, text) < 0) {
        json->status = BS_E_RANGE;
        return;
    }
    bsi_json_put_text(json, key, text);
}

static void put_container(bsi_json_writer *json, const char *key, uint64_t size,
                          const bsi_digest *sha256)
{
    char digest[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(sha256, digest);
    bsi_json_put_text(json, "key", key);
    bsi_json_put_u64(json, "size", size);
    bsi_json_put_text(json, "sha256", digest);
}

static void put_needs(bsi_json_writer *json, const bsi_manifest_info *info)
{
    bsi_json_write_key(json, "needs");
    bsi_json_begin_array(json);
    for (size_t i = 0; i < info->needs_count; i++) {
        const bsi_container_ref *need = &info->needs[i];
        bsi_json_begin_object(json);
        bsi_json_put_text(json, "id", need->id);
        bsi_json_put_text(json, "compression", need->compression);
        put_container(json, need->key, need->size, &need->sha256);
        bsi_json_end_object(json);
    }
    bsi_json_end_array(json);
}

static void put_totals(bsi_json_writer *json, const bsi_manifest_info *info)
{
    bsi_json_put_u64(json, "entries", info->entries);
    bsi_json_put_u64(json, "files", info->files);
    bsi_json_put_u64(json, "bytes", info->bytes);
    bsi_json_put_u64(json, "bytes_deduplicated", info->bytes_deduplicated);
}

static void put_manifest(bsi_json_writer *json, const bsi_manifest_info *info)
{
    char digest[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(&info->manifest_sha256, digest);
    bsi_json_put_u64(json, "manifest_size", info->manifest_size);
    bsi_json_put_text(json, "manifest_sha256", digest);
}

static void put_raw(bsi_json_writer *json, const char *key, const char *value)
{
    bsi_json_write_key(json, key);
    bsi_json_write_raw(json, bsi_slice_of(value));
}

bs_status bsi_manifest_format_info(bsi_buf *out, const bsi_manifest_info *info, bsi_info_part part)
{
    const bool whole = part == BSI_INFO_WHOLE;
    bsi_json_writer json;

    bsi_json_writer_init(&json, out, BSI_JSON_COMPACT);
    bsi_json_begin_object(&json);
    bsi_json_put_u64(&json, "manifest", BSI_MANIFEST_VERSION);
    bsi_json_put_text(&json, "id", info->id);
    bsi_json_put_text(&json, "name", info->name);
    bsi_json_put_text(&json, "backup_type", bsi_backup_kind_name(info->kind));
    bsi_json_put_text(&json, "form", info->form);
    bsi_json_put_text(&json, "compression", info->compression);
    bsi_json_put_i64(&json, "compression_level", info->level);
    if (info->encryption != BSI_ENCRYPTION_NONE) {
        bsi_json_put_text(&json, "encryption", bsi_encryption_name(info->encryption));
    }
    if (info->zip_passphrase) {
        bsi_json_put_text(&json, "zip_passphrase", info->zip_passphrase);
    }
    put_raw(&json, "source_paths", whole ? info->source_paths : "[]");
    put_date(&json, "created_at", &info->created_at);
    put_date(&json, "started_at", &info->started_at);
    put_date(&json, "completed_at", &info->completed_at);
    put_date(&json, "scan_began", &info->scan_began);
    bsi_json_put_i64(&json, "retention_days", info->retention_days);
    bsi_json_put_text(&json, "base_id", info->base_id);
    bsi_json_put_text(&json, "note", whole ? info->note : "");
    put_raw(&json, "options", whole ? info->options : "{}");
    put_raw(&json, "metadata", whole ? info->metadata : "{}");
    bsi_json_write_key(&json, "container");
    bsi_json_begin_object(&json);
    put_container(&json, info->container_key, info->container_size, &info->container_sha256);
    bsi_json_end_object(&json);
    put_needs(&json, info);
    bsi_json_put_u64(&json, "bytes_stored", info->bytes_stored_data);
    bsi_json_put_u64(&json, "warnings", info->warnings);
    if (whole) {
        put_totals(&json, info);
    } else {
        put_manifest(&json, info);
    }
    bsi_json_end_object(&json);
    return bsi_json_writer_finish(&json);
}

/* --- The object --- */

static bs_status store(void *user, const void *data, size_t size)
{
    bsi_manifest_writer *writer = user;

    bsi_sha256_update(writer->encoded, data, size);
    return bsi_object_write(writer->object, data, size);
}

static bs_status begin(bsi_manifest_writer *writer, const bsi_vault_env *env, const char *key,
                       const bsi_crypt *crypt)
{
    const bsi_block_options options = {.codec = &bsi_codec_zstd,
                                       .level = bsi_codec_zstd.level_default,
                                       .verify = true,
                                       .pool = env->pool,
                                       .call = env->call};
    const bsi_block_sink sink = {.data = store, .user = writer};

    BSI_TRY(bsi_sha256_new(&writer->said));
    BSI_TRY(bsi_sha256_new(&writer->encoded));
    BSI_TRY(bsi_object_writer_new(env, key, crypt, false, &writer->object));
    return bsi_block_writer_new(&options, &sink, &writer->blocks);
}

bs_status bsi_manifest_writer_new(const bsi_vault_env *env, const char *key, const bsi_crypt *crypt,
                                  const bsi_manifest_info *info, bsi_manifest_writer **out)
{
    bs_status status = BS_OK;
    bsi_buf line;
    bsi_manifest_writer *writer = bsi_calloc(1, sizeof(*writer));

    bsi_buf_init(&line, BSI_MANIFEST_LINE_MAX);
    if (!writer) {
        status = BS_E_NOMEM;
        goto out;
    }
    status = begin(writer, env, key, crypt);
    if (status < 0) {
        goto out;
    }
    status = bsi_manifest_format_info(&line, info, BSI_INFO_WHOLE);
    if (status >= 0) {
        status = bsi_buf_append_byte(&line, '\n');
    }
    if (status < 0) {
        goto out;
    }
    status = bsi_manifest_writer_put(writer, line.data, line.size);
    if (status < 0) {
        goto out;
    }
    *out = writer;
    writer = NULL;

out:
    bsi_buf_dispose(&line);
    bsi_manifest_writer_free(writer);
    return status;
}

bs_status bsi_manifest_writer_put(bsi_manifest_writer *writer, const void *lines, size_t size)
{
    bsi_sha256_update(writer->said, lines, size);
    return bsi_block_writer_write(writer->blocks, lines, size);
}

static bs_status put_end(bsi_manifest_writer *writer, const bsi_manifest_info *info)
{
    bs_status status = BS_OK;
    bsi_digest digest;
    char text[2 * BSI_SHA256_SIZE + 1];
    bsi_buf line;

    bsi_sha256_finish(writer->said, &digest);
    bsi_digest_format(&digest, text);
    bsi_buf_init(&line, 1024);
    status = bsi_buf_append_format(&line, "{\"end\":{\"entries\":%llu,\"sha256\":\"%s\"}}\n",
                                   (unsigned long long)info->entries, text);
    if (status >= 0) {
        status = bsi_block_writer_write(writer->blocks, line.data, line.size);
    }
    bsi_buf_dispose(&line);
    return status;
}

void bsi_manifest_seal(const bsi_digest *digest, uint8_t out[BSI_MANIFEST_SEAL_SIZE])
{
    enum { SKIPPABLE_MAGIC = 0x184D2A5B };

    bsi_put_le32(out, SKIPPABLE_MAGIC);
    bsi_put_le32(out + 4, BSI_SHA256_SIZE);
    memcpy(out + 8, digest->bytes, BSI_SHA256_SIZE);
}

static bs_status put_seal(bsi_manifest_writer *writer)
{
    bsi_digest digest;
    uint8_t seal[BSI_MANIFEST_SEAL_SIZE];

    bsi_sha256_finish(writer->encoded, &digest);
    bsi_manifest_seal(&digest, seal);
    return bsi_object_write(writer->object, seal, sizeof(seal));
}

bs_status bsi_manifest_writer_finish(bsi_manifest_writer *writer, bsi_manifest_info *info)
{
    BSI_TRY(put_end(writer, info));
    BSI_TRY(bsi_block_writer_finish(writer->blocks));
    BSI_TRY(put_seal(writer));
    BSI_TRY(bsi_object_finish(writer->object));
    info->manifest_size = bsi_object_stored_size(writer->object);
    info->manifest_sha256 = *bsi_object_stored_digest(writer->object);
    return BS_OK;
}

bs_status bsi_manifest_writer_commit(bsi_manifest_writer *writer)
{
    return bsi_object_commit(writer->object);
}

void bsi_manifest_writer_free(bsi_manifest_writer *writer)
{
    if (!writer) {
        return;
    }
    bsi_block_writer_free(writer->blocks);
    bsi_object_writer_free(writer->object);
    bsi_sha256_free(writer->said);
    bsi_sha256_free(writer->encoded);
    bsi_free(writer);
}
