/* SPDX-License-Identifier: MIT */
/*
 * Reads manifests as a stream of lines, and checks what no line can tell alone:
 * order, counts, references and the hash.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "compress/block_reader.h"
#include "vault/keys.h"
#include "vault/manifest_parse.h"
#include "vault/names.h"

enum { CHUNK = 256 * 1024 };

struct bsi_manifest_reader {
    bsi_vault_env env;
    char *key;
    bool is_copy;         /* A plain one of a manifest that is encrypted. */
    bsi_backup_keys keys; /* Zeroed: it is not encrypted. */
    bsi_object_reader *object;
    bsi_block_reader *blocks;
    uint64_t encoded_size;
    bsi_sha256 *encoded; /* Of what is in front of the seal, while it is read in order. */
    uint64_t taken;      /* So much of it, and of the seal. */
    uint8_t seal[BSI_MANIFEST_SEAL_SIZE]; /* The object's last bytes. */
    bsi_sha256 *said;                     /* Of the lines before the last. */
    bool checked;                         /* The hash was right once; it is not computed again. */
    bool at_end;

    bsi_buf text; /* Decoded bytes; the present line begins at line_at. */
    size_t line_at;
    size_t next_at; /* Behind the present line. */
    bool source_ended;

    bsi_manifest_info info;
    bsi_line_memory memory;
    bsi_manifest_entry entry;
    bsi_buf previous; /* Path of the entry before. */
    bool previous_is_dir;
    uint64_t entries;
    const bsi_warn *warnings;
};

/* The next encoded bytes: those before the seal are hashed, the others kept. */
static void take_encoded(bsi_manifest_reader *reader, const uint8_t *data, size_t size)
{
    const uint64_t sealed = reader->encoded_size - BSI_MANIFEST_SEAL_SIZE;
    const uint64_t before = reader->taken < sealed ? sealed - reader->taken : 0;
    const size_t hashed = (size_t)bsi_min_u64(before, size);

    bsi_sha256_update(reader->encoded, data, hashed);
    reader->taken += hashed;
    if (size > hashed) {
        memcpy(reader->seal + (reader->taken - sealed), data + hashed, size - hashed);
        reader->taken += size - hashed;
    }
}

static bs_status read_encoded(void *user, uint64_t offset, void *buf, size_t size)
{
    bsi_manifest_reader *reader = user;

    BSI_TRY(bsi_object_read(reader->object, offset, buf, size));
    if (offset == reader->taken && !reader->checked) {
        take_encoded(reader, buf, size);
    }
    return BS_OK;
}

/* Drop the lines that were used and read on, until there is a whole line or nothing more. */
static bs_status fill(bsi_manifest_reader *reader)
{
    bsi_buf *text = &reader->text;
    size_t got = 0;
    bs_status status = BS_OK;

    if (reader->next_at > 0) {
        memmove(text->data, text->data + reader->next_at, text->size - reader->next_at);
        text->size -= reader->next_at;
        reader->next_at = 0;
    }
    BSI_TRY(bsi_call_check(reader->env.call));
    status = bsi_buf_reserve(text, CHUNK);
    if (status == BS_E_LIMIT) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "a line is too long");
    }
    BSI_TRY(status);
    status = bsi_block_reader_read_some(reader->blocks, text->data + text->size, CHUNK, &got);
    if (status == BS_END) {
        reader->source_ended = true;
        return BS_OK;
    }
    BSI_TRY(status);
    text->size += got;
    return BS_OK;
}

/* What it means that no more text comes. */
static bs_status no_more_lines(const bsi_manifest_reader *reader)
{
    if (reader->text.size > reader->next_at) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the last line is cut short");
    }
    return BS_END;
}

/* The next line, with its line feed: BS_END where the text ends. */
static bs_status next_line(bsi_manifest_reader *reader, bsi_slice *out)
{
    size_t searched = reader->next_at;
    const char *feed = NULL;

    for (;;) {
        const char *begin = (const char *)reader->text.data;
        const size_t left = reader->text.size - searched;
        feed = left > 0 ? memchr(begin + searched, '\n', left) : NULL;
        if (feed) {
            reader->line_at = reader->next_at;
            reader->next_at = (size_t)(feed - begin) + 1;
            *out = (bsi_slice){begin + reader->line_at, reader->next_at - reader->line_at};
            return BS_OK;
        }
        if (reader->source_ended) {
            return no_more_lines(reader);
        }
        searched = reader->text.size - reader->next_at;
        BSI_TRY(fill(reader));
    }
}

static bs_status restart(bsi_manifest_reader *reader)
{
    reader->text.size = 0;
    reader->line_at = 0;
    reader->next_at = 0;
    reader->source_ended = false;
    reader->at_end = false;
    reader->taken = 0;
    reader->entries = 0;
    reader->previous.size = 0;
    reader->previous_is_dir = true;
    bsi_sha256_reset(reader->said);
    bsi_sha256_reset(reader->encoded);
    return bsi_block_reader_start(reader->blocks, 0);
}

static bs_status check_end(bsi_manifest_reader *reader, bsi_slice line)
{
    uint64_t entries = 0;
    bsi_digest said = {0};
    bsi_digest computed;
    bsi_slice more = {0};
    bs_status status = BS_OK;

    BSI_TRY(bsi_parse_end(line, &entries, &said));
    if (!reader->checked) {
        bsi_sha256_finish(reader->said, &computed);
        if (!bsi_digest_equal(&said, &computed)) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "its own hash does not fit");
        }
    }
    if (entries != reader->info.entries) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "first and last line tell other counts");
    }
    reader->at_end = true;
    status = next_line(reader, &more);
    if (status == BS_OK) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "something follows its last line");
    }
    return status < 0 ? status : BS_OK;
}

/* What the key set says in public, and what the manifest says, which its key vouches for, agree. */
static bs_status check_identity(const bsi_manifest_reader *reader)
{
    const bsi_manifest_info *info = &reader->info;
    const bool is_encrypted = bsi_is_encrypted_key(reader->key);

    BSI_TRY(bsi_manifest_check_claims(info, reader->key,
                                      is_encrypted ? BSI_MANIFEST_SUFFIX BSI_ENVELOPE_SUFFIX
                                                   : BSI_MANIFEST_SUFFIX));
    if (is_encrypted && (strcmp(info->id, reader->keys.info.id) != 0 ||
                         info->encryption != reader->keys.info.encryption)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "its key set is that of another backup");
    }
    if (!is_encrypted && !reader->is_copy && info->encryption != BSI_ENCRYPTION_NONE) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it says that it is encrypted, and is not");
    }
    return BS_OK;
}

static bs_status read_info_line(bsi_manifest_reader *reader)
{
    bsi_slice line = {0};
    bsi_line_kind kind = BSI_LINE_END;
    bs_status status = next_line(reader, &line);

    BSI_TRY(status);
    if (status == BS_OK) {
        BSI_TRY(bsi_line_kind_of(line, &kind));
    }
    if (kind != BSI_LINE_INFO) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it does not begin as a manifest");
    }
    if (!reader->checked) {
        bsi_sha256_update(reader->said, line.data, line.size);
    }
    if (reader->info.id[0]) {
        return BS_OK; /* Read before. */
    }
    BSI_TRY(bsi_parse_info(line, BSI_INFO_WHOLE, &reader->info));
    return check_identity(reader);
}

static bs_status open_encrypted(bsi_manifest_reader *reader, uint64_t size)
{
    bsi_crypt crypt;

    BSI_TRY(bsi_backup_keys_load(&reader->env, reader->key, &reader->keys));
    BSI_TRY(bsi_backup_keys_open(&reader->env, &reader->keys));
    if (size != reader->keys.info.manifest_size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it has %llu bytes instead of %llu",
                        (unsigned long long)size,
                        (unsigned long long)reader->keys.info.manifest_size);
    }
    crypt = bsi_backup_keys_crypt(&reader->keys, BSI_ENVELOPE_MANIFEST);
    return bsi_object_reader_new(&reader->env, reader->key, &crypt, size, &reader->object);
}

static bs_status open_object(bsi_manifest_reader *reader)
{
    const bsi_vault_env *env = &reader->env;
    bs_storage_object object = {0};
    bsi_block_source source = {.read = read_encoded, .user = reader};

    BSI_TRY(bsi_storage_stat(env->storage, env->call, reader->key, &object));
    BSI_TRY(bsi_is_encrypted_key(reader->key)
                ? open_encrypted(reader, object.size)
                : bsi_object_reader_new(env, reader->key, NULL, object.size, &reader->object));
    reader->encoded_size = bsi_object_size(reader->object);
    if (reader->encoded_size <= BSI_MANIFEST_SEAL_SIZE) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it is too short for a manifest");
    }
    source.size = reader->encoded_size;
    BSI_TRY(bsi_sha256_new(&reader->encoded));
    BSI_TRY(bsi_sha256_new(&reader->said));
    BSI_TRY(bsi_block_reader_new(&bsi_codec_zstd, &source, &reader->blocks));
    BSI_TRY(restart(reader));
    return read_info_line(reader);
}

static bs_status say_which(const bsi_manifest_reader *reader, bs_status status)
{
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "manifest '%s'", reader->key)
                      : status;
}

static bs_status open_manifest(const bsi_vault_env *env, bsi_storage *storage, const char *key,
                               bsi_manifest_reader **out)
{
    bs_status status = BS_OK;
    bsi_manifest_reader *reader = bsi_calloc(1, sizeof(*reader));

    if (!reader) {
        return BS_E_NOMEM;
    }
    reader->env = *env;
    reader->env.storage = bsi_storage_ref(storage);
    reader->is_copy = storage != env->storage;
    bsi_buf_init(&reader->text, BSI_MANIFEST_LINE_MAX);
    bsi_buf_init(&reader->previous, BSI_PATH_MAX);
    bsi_line_memory_init(&reader->memory);
    reader->key = bsi_strdup(key);
    status = reader->key ? say_which(reader, open_object(reader)) : BS_E_NOMEM;
    if (status < 0) {
        bsi_manifest_close(reader);
        return status;
    }
    *out = reader;
    return BS_OK;
}

bs_status bsi_manifest_open(const bsi_vault_env *env, const char *key, bsi_manifest_reader **out)
{
    return open_manifest(env, env->storage, key, out);
}

void bsi_manifest_close(bsi_manifest_reader *reader)
{
    if (!reader) {
        return;
    }
    bsi_block_reader_free(reader->blocks);
    bsi_object_reader_free(reader->object);
    bsi_backup_keys_dispose(&reader->keys);
    bsi_sha256_free(reader->encoded);
    bsi_sha256_free(reader->said);
    bsi_buf_dispose(&reader->text);
    bsi_buf_dispose(&reader->previous);
    bsi_line_memory_dispose(&reader->memory);
    bsi_manifest_info_dispose(&reader->info);
    bsi_storage_unref(reader->env.storage);
    bsi_free(reader->key);
    bsi_free(reader);
}

/* The seal must be, byte for byte, what the writer puts behind the bytes before it. */
static bs_status check_seal(bsi_manifest_reader *reader)
{
    bsi_digest digest;
    uint8_t expected[BSI_MANIFEST_SEAL_SIZE];

    if (reader->taken != reader->encoded_size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it was not read whole");
    }
    bsi_sha256_peek(reader->encoded, &digest);
    bsi_manifest_seal(&digest, expected);
    if (memcmp(reader->seal, expected, sizeof(expected)) != 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "its seal does not fit");
    }
    bsi_sha256_update(reader->encoded, reader->seal, sizeof(reader->seal));
    bsi_sha256_finish(reader->encoded, &reader->info.manifest_sha256);
    reader->info.manifest_size = reader->encoded_size;
    return BS_OK;
}

/*
 * Who knows the data key can make another manifest that it opens. The key set,
 * which may be signed, says which one it was.
 */
static bs_status check_envelope(bsi_manifest_reader *reader)
{
    bsi_manifest_info *info = &reader->info;

    if (!reader->keys.set) {
        return BS_OK;
    }
    info->manifest_size = reader->keys.info.manifest_size;
    BSI_TRY(bsi_object_digest(reader->object, &info->manifest_sha256));
    if (!bsi_digest_equal(&info->manifest_sha256, &reader->keys.info.manifest_sha256)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "its bytes are not those that were written");
    }
    return BS_OK;
}

/* The next line and what it is. All but the last are hashed, until the hash was right once. */
static bs_status next_of_kind(bsi_manifest_reader *reader, bsi_slice *line, bsi_line_kind *kind)
{
    const bs_status status = next_line(reader, line);

    BSI_TRY(status);
    if (status == BS_END) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it has no last line");
    }
    BSI_TRY(bsi_line_kind_of(*line, kind));
    if (*kind != BSI_LINE_END && !reader->checked) {
        bsi_sha256_update(reader->said, line->data, line->size);
    }
    return BS_OK;
}

static bs_status check_line(bsi_manifest_reader *reader)
{
    bsi_slice line = {0};
    bsi_line_kind kind = BSI_LINE_INFO;

    BSI_TRY(next_of_kind(reader, &line, &kind));
    return kind == BSI_LINE_END ? check_end(reader, line) : BS_OK;
}

/* All lines by their hash alone: what they say is checked when they are used. */
static bs_status check_all(bsi_manifest_reader *reader)
{
    while (!reader->at_end) {
        BSI_TRY(check_line(reader));
    }
    BSI_TRY(check_seal(reader));
    BSI_TRY(check_envelope(reader));
    reader->checked = true;
    BSI_TRY(restart(reader));
    return read_info_line(reader);
}

static bs_status open_checked(const bsi_vault_env *env, bsi_storage *storage, const char *key,
                              bsi_manifest_reader **out)
{
    bsi_manifest_reader *reader = NULL;
    bs_status status = open_manifest(env, storage, key, &reader);

    BSI_TRY(status);
    status = say_which(reader, check_all(reader));
    if (status < 0) {
        bsi_manifest_close(reader);
        return status;
    }
    *out = reader;
    return BS_OK;
}

bs_status bsi_manifest_open_checked(const bsi_vault_env *env, const char *key,
                                    bsi_manifest_reader **out)
{
    return open_checked(env, env->storage, key, out);
}

bs_status bsi_manifest_open_copy(const bsi_vault_env *env, const char *key,
                                 bsi_manifest_reader **out)
{
    return open_checked(env, env->bases, key, out);
}

void bsi_manifest_report_signer(const bsi_manifest_reader *reader)
{
    if (reader->keys.set) {
        bsi_backup_keys_report_signer(&reader->env, &reader->keys);
    }
}

bs_status bsi_manifest_rewind(bsi_manifest_reader *reader)
{
    bs_status status = restart(reader);

    if (status >= 0) {
        status = read_info_line(reader);
    }
    return say_which(reader, status);
}

const bsi_manifest_info *bsi_manifest_reader_info(const bsi_manifest_reader *reader)
{
    return &reader->info;
}

bsi_manifest_info bsi_manifest_take_info(bsi_manifest_reader *reader)
{
    const bsi_manifest_info info = reader->info;

    reader->info = (bsi_manifest_info){0};
    return info;
}

void bsi_manifest_report_to(bsi_manifest_reader *reader, const bsi_warn *warnings)
{
    reader->warnings = warnings;
}

bsi_slice bsi_manifest_line(const bsi_manifest_reader *reader)
{
    return (bsi_slice){(const char *)reader->text.data + reader->line_at,
                       reader->next_at - reader->line_at};
}

/* --- Entries --- */

static bs_status corrupt_entry(const bsi_manifest_entry *entry, const char *what)
{
    char path[256];

    bsi_printable(entry->listed.entry.path.data, entry->listed.entry.path.size, path, sizeof(path));
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "entry '%s': %s", path, what);
}

/* The size of the container that an entry says its bytes are in. */
static bool find_container(const bsi_manifest_info *info, const char *id, uint64_t *size_out)
{
    if (strcmp(id, info->id) == 0) {
        *size_out = info->container_size;
        return true;
    }
    for (size_t i = 0; i < info->needs_count; i++) {
        if (strcmp(id, info->needs[i].id) == 0) {
            *size_out = info->needs[i].size;
            return true;
        }
    }
    return false;
}

static bs_status check_place(const bsi_manifest_reader *reader, const bsi_manifest_entry *entry)
{
    uint64_t size = 0;
    uint64_t end = 0;

    if (entry->listed.entry.stat.type != BSI_TYPE_FILE ||
        strcmp(reader->info.form, "archive") != 0) {
        return BS_OK;
    }
    if (!entry->has_locator || !find_container(&reader->info, entry->listed.stored_in, &size)) {
        return corrupt_entry(entry, "its content is in no container that the manifest names");
    }
    if (!bsi_add_u64(entry->locator.offset, entry->locator.stored, &end) || end > size) {
        return corrupt_entry(entry, "its content lies outside of the container");
    }
    return BS_OK;
}

static bs_status check_order(bsi_manifest_reader *reader, const bsi_manifest_entry *entry)
{
    const bsi_slice path = entry->listed.entry.path;
    const bsi_slice previous = {(const char *)reader->previous.data, reader->previous.size};

    if (reader->entries > 0 && bsi_path_compare(previous, path) >= 0) {
        return corrupt_entry(entry, "it stands twice or out of order");
    }
    if (reader->entries > 0 && !reader->previous_is_dir && bsi_path_is_below(path, previous)) {
        return corrupt_entry(entry, "it lies below something that is no directory");
    }
    bsi_buf_clear(&reader->previous);
    reader->previous_is_dir = entry->listed.entry.stat.type == BSI_TYPE_DIR;
    return bsi_buf_append(&reader->previous, path.data, path.size);
}

static bs_status take_entry(bsi_manifest_reader *reader, bsi_slice line)
{
    BSI_TRY(bsi_parse_entry(line, &reader->memory, &reader->entry));
    BSI_TRY(check_order(reader, &reader->entry));
    BSI_TRY(check_place(reader, &reader->entry));
    reader->entries++;
    return BS_OK;
}

static bs_status take_warning(bsi_manifest_reader *reader, bsi_slice line)
{
    bsi_slice path = {0};
    bs_error error;

    if (!reader->warnings) {
        return BS_OK;
    }
    BSI_TRY(bsi_parse_warning(line, &reader->memory, &path, &error));
    reader->warnings->report(reader->warnings->user, path, &error);
    return BS_OK;
}

static bs_status finish(bsi_manifest_reader *reader, bsi_slice line)
{
    BSI_TRY(check_end(reader, line));
    if (reader->entries != reader->info.entries) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it has %llu entries instead of %llu",
                        (unsigned long long)reader->entries,
                        (unsigned long long)reader->info.entries);
    }
    return BS_END;
}

/* BS_OK: an entry; BS_PARTIAL: something else, go on; BS_END: the end. */
static bs_status take_line(bsi_manifest_reader *reader)
{
    bsi_slice line = {0};
    bsi_line_kind kind = BSI_LINE_INFO;

    BSI_TRY(next_of_kind(reader, &line, &kind));
    if (kind == BSI_LINE_END) {
        return finish(reader, line);
    }
    if (kind == BSI_LINE_ENTRY) {
        return take_entry(reader, line);
    }
    if (kind == BSI_LINE_INFO) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "its first line stands twice");
    }
    BSI_TRY(take_warning(reader, line));
    return BS_PARTIAL;
}

bs_status bsi_manifest_next(bsi_manifest_reader *reader, const bsi_manifest_entry **out)
{
    bs_status status = reader->at_end ? BS_END : BS_PARTIAL;

    while (status == BS_PARTIAL) {
        status = take_line(reader);
    }
    if (status == BS_OK) {
        *out = &reader->entry;
    }
    return say_which(reader, status);
}
