/* SPDX-License-Identifier: MIT */
/*
 * Manifests, read from a storage in memory. An input is
 *
 *     how 1 | where the lines are divided 2 | lines
 *
 * Key, number of entries, last line, compression and seal are made to fit, so that
 * the lines are believed as far as they make sense. What can be read to its end is
 * written again, line by line and as a whole, and read again.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <zstd.h>

#include "base/alloc.h"
#include "vault/manifest_parse.h"
#include "vault/names.h"

#define KEY_OF_NONE "home/20261123T020000Z-full-6789abcd" BSI_MANIFEST_SUFFIX

enum {
    HOW_RAW = 1,       /* What is divided is the object before its seal, as it is. */
    HOW_NO_END = 2,    /* No last line but those of the input. */
    HOW_UNCHECKED = 4, /* Read without going to the end first. */
    HOW_OWN_COUNT = 8, /* The first line tells the input's own number of entries. */
    HOW_NO_WARNINGS = 16,
    HOW_OWN_SEAL = 32, /* The object is the input, seal and all. */

    TEXT_MAX = 64 * 1024,
    RAW_MAX = 2048, /* Some bytes can stand for many. */
};

static const char count_field[] = "\"entries\":";

static bsi_storage *storage(void)
{
    static bsi_storage *made;

    if (!made) {
        fuzz_ok(bsi_storage_open("mem", NULL, 0, NULL, &made));
    }
    return made;
}

/* Without threads. */
static bsi_pool *pool(void)
{
    static bsi_pool *made;

    if (!made) {
        fuzz_ok(bsi_pool_new(0, &made));
    }
    return made;
}

/* --- Making an object --- */

static uint64_t count_entries(bsi_slice lines)
{
    fuzz_input in = {(const uint8_t *)lines.data, lines.size};
    uint64_t count = 0;

    while (in.left > 0) {
        const bsi_slice line = fuzz_line(&in);
        count += line.size > 6 && memcmp(line.data, "{\"path", 6) == 0;
    }
    return count;
}

/* The first line with the number of entries that there are. */
static void put_first(bsi_buf *out, bsi_slice line, uint64_t entries)
{
    const char *field =
        line.size > 0 ? memmem(line.data, line.size, count_field, sizeof(count_field) - 1) : NULL;
    const char *end = line.data + line.size;
    const char *rest = field ? field + sizeof(count_field) - 1 : end;

    fuzz_ok(bsi_buf_append(out, line.data, (size_t)(rest - line.data)));
    if (field) {
        fuzz_ok(bsi_buf_append_format(out, "%llu", (unsigned long long)entries));
    }
    while (rest < end && *rest >= '0' && *rest <= '9') {
        rest++;
    }
    fuzz_ok(bsi_buf_append(out, rest, (size_t)(end - rest)));
    fuzz_ok(bsi_buf_append_byte(out, '\n'));
}

static void put_last(bsi_buf *out, uint64_t entries)
{
    char hex[2 * BSI_SHA256_SIZE + 1];
    bsi_digest digest;

    bsi_sha256_of(out->data, out->size, &digest);
    bsi_digest_format(&digest, hex);
    fuzz_ok(bsi_buf_append_format(out, "{\"end\":{\"entries\":%llu,\"sha256\":\"%s\"}}\n",
                                  (unsigned long long)entries, hex));
}

static void make_text(bsi_buf *out, bsi_slice lines, uint8_t how)
{
    fuzz_input in = {(const uint8_t *)lines.data, lines.size};
    const uint64_t entries = count_entries(lines);

    if (!(how & HOW_OWN_COUNT)) {
        put_first(out, fuzz_line(&in), entries);
    }
    fuzz_ok(bsi_buf_append(out, in.at, in.left));
    if (!(how & HOW_NO_END)) {
        put_last(out, entries);
    }
}

static void compress(bsi_buf *out, const uint8_t *data, size_t size)
{
    static ZSTD_CCtx *context;
    const size_t bound = ZSTD_compressBound(size);

    context = context ? context : ZSTD_createCCtx();
    fuzz_ok(bsi_buf_reserve(out, bound));
    out->size += ZSTD_compressCCtx(context, out->data + out->size, bound, data, size, 1);
    fuzz_check(out->size <= out->capacity);
}

/* In two frames, divided anywhere, and sealed. */
static void make_object(bsi_buf *out, const bsi_buf *text, size_t divide)
{
    const size_t first = divide % (text->size + 1);

    compress(out, text->data, first);
    compress(out, text->data + first, text->size - first);
}

static void put_seal(bsi_buf *object)
{
    uint8_t seal[BSI_MANIFEST_SEAL_SIZE];
    bsi_digest digest;

    bsi_sha256_of(object->data, object->size, &digest);
    bsi_manifest_seal(&digest, seal);
    fuzz_ok(bsi_buf_append(object, seal, sizeof(seal)));
}

/* Where a manifest must lie that begins with this line; any key when it is none. */
static char *key_of(bsi_slice line)
{
    bsi_manifest_info info;
    char *stem = NULL;
    char *key = NULL;

    if (line.size > 0 && bsi_parse_info(line, BSI_INFO_WHOLE, &info) == BS_OK) {
        fuzz_check(bsi_backup_name_is_valid(info.name));
        stem = bsi_manifest_stem(&info);
        fuzz_check(stem);
        fuzz_check(asprintf(&key, "%s" BSI_MANIFEST_SUFFIX, stem) > 0);
        bsi_free(stem);
    }
    if (line.size > 0) {
        bsi_manifest_info_dispose(&info);
    }
    return key ? key : strdup(KEY_OF_NONE);
}

/* --- One entry --- */

static void format(bsi_buf *out, const bsi_manifest_entry *entry)
{
    bsi_buf_init(out, BSI_MANIFEST_LINE_MAX);
    fuzz_ok(bsi_manifest_format_entry(out, &entry->listed));
    fuzz_ok(bsi_manifest_format_end(out, entry->has_locator ? &entry->locator : NULL));
}

static bool is_same_time(bsi_time a, bsi_time b)
{
    return a.sec == b.sec && a.nsec == b.nsec;
}

static void compare(const bsi_manifest_entry *one, const bsi_manifest_entry *two)
{
    const bsi_entry *a = &one->listed.entry;
    const bsi_entry *b = &two->listed.entry;

    fuzz_check(bsi_slice_equal(a->path, b->path) && bsi_slice_equal(a->link, b->link));
    fuzz_check(bsi_slice_equal(a->user, b->user) && bsi_slice_equal(a->group, b->group));
    fuzz_check(bsi_slice_equal(a->linked, b->linked) && a->stat.type == b->stat.type);
    fuzz_check(a->stat.mode == b->stat.mode && a->stat.size == b->stat.size);
    fuzz_check(a->stat.uid == b->stat.uid && a->stat.gid == b->stat.gid);
    fuzz_check(a->stat.dev == b->stat.dev && a->stat.ino == b->stat.ino);
    fuzz_check(a->stat.nlink == b->stat.nlink && a->stat.rdev_major == b->stat.rdev_major);
    fuzz_check(a->stat.rdev_minor == b->stat.rdev_minor);
    fuzz_check(is_same_time(a->stat.mtime, b->stat.mtime));
    fuzz_check(is_same_time(a->stat.ctime, b->stat.ctime));
    fuzz_check(a->sparse == b->sparse && a->extent_count == b->extent_count);
    fuzz_check(a->xattr_count == b->xattr_count);
    for (size_t i = 0; i < a->xattr_count; i++) {
        fuzz_check(bsi_slice_equal(a->xattrs[i].name, b->xattrs[i].name));
        fuzz_check(bsi_slice_equal(a->xattrs[i].value, b->xattrs[i].value));
    }
    fuzz_check(one->has_locator == two->has_locator);
    fuzz_check(one->listed.has_digest == two->listed.has_digest);
    fuzz_check(strcmp(one->listed.stored_in, two->listed.stored_in) == 0);
}

/* Written and parsed, an entry is the same; what is believed of it is harmless. */
static void check_entry(const bsi_manifest_entry *entry, bsi_buf *lines)
{
    bsi_line_memory memory;
    bsi_line_kind kind = BSI_LINE_END;
    bsi_manifest_entry again;
    bsi_buf first;
    bsi_buf second;

    fuzz_check(bsi_path_is_safe(entry->listed.entry.path));
    bsi_line_memory_init(&memory);
    format(&first, entry);
    fuzz_ok(bsi_line_kind_of(bsi_buf_slice(&first), &kind));
    fuzz_check(kind == BSI_LINE_ENTRY);
    fuzz_ok(bsi_parse_entry(bsi_buf_slice(&first), &memory, &again));
    compare(entry, &again);
    format(&second, &again);
    fuzz_check(bsi_slice_equal(bsi_buf_slice(&first), bsi_buf_slice(&second)));
    fuzz_ok(bsi_buf_append(lines, first.data, first.size));
    bsi_line_memory_dispose(&memory);
    bsi_buf_dispose(&first);
    bsi_buf_dispose(&second);
}

static void check_warning(void *user, bsi_slice path, const bs_error *error)
{
    bsi_line_memory memory;
    bsi_slice again = {0};
    bs_error error_again;
    bsi_buf line;

    (void)user;
    bsi_line_memory_init(&memory);
    bsi_buf_init(&line, BSI_MANIFEST_LINE_MAX);
    fuzz_ok(bsi_manifest_format_warning(&line, path, error));
    fuzz_ok(bsi_parse_warning(bsi_buf_slice(&line), &memory, &again, &error_again));
    fuzz_check(bsi_slice_equal(path, again) && error->code == error_again.code);
    fuzz_check(error->layer == error_again.layer);
    bsi_line_memory_dispose(&memory);
    bsi_buf_dispose(&line);
}

/* --- The whole --- */

/* Read to the end; `lines` gets each entry as this library writes it. */
static bs_status read_entries(bsi_manifest_reader *reader, bsi_buf *lines)
{
    const bsi_manifest_entry *entry = NULL;
    uint64_t count = 0;
    bs_status status = BS_OK;

    while ((status = bsi_manifest_next(reader, &entry)) == BS_OK) {
        check_entry(entry, lines);
        count++;
    }
    fuzz_check(status == BS_END || status == BS_E_CORRUPT);
    fuzz_check(status != BS_END || count == bsi_manifest_reader_info(reader)->entries);
    return status;
}

static bool is_same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static void compare_info(const bsi_manifest_info *a, const bsi_manifest_info *b)
{
    fuzz_check(is_same_text(a->id, b->id) && is_same_text(a->base_id, b->base_id));
    fuzz_check(is_same_text(a->name, b->name) && is_same_text(a->form, b->form));
    fuzz_check(is_same_text(a->compression, b->compression) && a->level == b->level);
    fuzz_check(is_same_text(a->note, b->note) && is_same_text(a->metadata, b->metadata));
    fuzz_check(is_same_text(a->options, b->options));
    fuzz_check(is_same_text(a->source_paths, b->source_paths));
    fuzz_check(is_same_text(a->container_key, b->container_key));
    fuzz_check(a->kind == b->kind && a->needs_count == b->needs_count);
    fuzz_check(a->entries == b->entries && a->bytes == b->bytes && a->files == b->files);
    fuzz_check(is_same_time(a->created_at, b->created_at));
    fuzz_check(is_same_time(a->scan_began, b->scan_began));
}

/* In the place of the manifest that it is a copy of: nothing is lost by it. */
static void check_copy(const bsi_vault_env *env, const char *key, const bsi_manifest_info *info,
                       const bsi_buf *lines)
{
    bsi_manifest_info copied = *info; /* Only what is set at the end is its own. */
    bsi_manifest_writer *writer = NULL;
    bsi_manifest_reader *reader = NULL;
    bsi_buf again;

    bsi_buf_init(&again, SIZE_MAX / 2);
    fuzz_ok(bsi_manifest_writer_new(env, key, NULL, info, &writer));
    fuzz_ok(bsi_manifest_writer_put(writer, lines->data, lines->size));
    fuzz_ok(bsi_manifest_writer_finish(writer, &copied));
    fuzz_ok(bsi_manifest_writer_commit(writer));
    bsi_manifest_writer_free(writer);
    fuzz_ok(bsi_manifest_open_checked(env, key, &reader));
    compare_info(info, bsi_manifest_reader_info(reader));
    fuzz_check(read_entries(reader, &again) == BS_END);
    fuzz_check(bsi_slice_equal(bsi_buf_slice(lines), bsi_buf_slice(&again)));
    bsi_manifest_close(reader);
    bsi_buf_dispose(&again);
}

static void read_object(const char *key, uint8_t how)
{
    const bsi_vault_env env = {.storage = storage(), .pool = pool(), .temp_dir = -1};
    const bsi_warn warnings = {.report = check_warning};
    bsi_manifest_reader *reader = NULL;
    bsi_buf lines;
    bs_status status = how & HOW_UNCHECKED ? bsi_manifest_open(&env, key, &reader)
                                           : bsi_manifest_open_checked(&env, key, &reader);

    fuzz_check(status == BS_OK || status == BS_E_CORRUPT || status == BS_E_VERSION);
    if (status < 0) {
        return;
    }
    bsi_buf_init(&lines, SIZE_MAX / 2);
    if (!(how & HOW_NO_WARNINGS)) {
        bsi_manifest_report_to(reader, &warnings);
    }
    if (read_entries(reader, &lines) == BS_END && !(how & HOW_UNCHECKED)) {
        check_copy(&env, key, bsi_manifest_reader_info(reader), &lines);
    }
    bsi_manifest_close(reader);
    bsi_buf_dispose(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const uint8_t how = fuzz_byte(&in);
    const size_t divide = (size_t)fuzz_number(&in, 2);
    const bool raw = (how & (HOW_RAW | HOW_OWN_SEAL)) != 0;
    const bsi_slice given = fuzz_take(&in, raw ? RAW_MAX : TEXT_MAX);
    fuzz_input line = {(const uint8_t *)given.data, given.size};
    char *key = NULL;
    bsi_buf text;
    bsi_buf object;

    bsi_buf_init(&text, SIZE_MAX / 2);
    bsi_buf_init(&object, SIZE_MAX / 2);
    if (raw) {
        fuzz_ok(bsi_buf_append(&object, given.data, given.size));
    } else {
        make_text(&text, given, how);
        line = (fuzz_input){text.data, text.size};
        make_object(&object, &text, divide);
    }
    if (!(how & HOW_OWN_SEAL)) {
        put_seal(&object);
    }
    key = key_of(fuzz_line(&line));
    fuzz_check(key);
    fuzz_ok(bsi_storage_put(storage(), NULL, key, object.data, object.size));
    read_object(key, how);
    fuzz_ok(bsi_storage_remove(storage(), NULL, key));
    free(key);
    bsi_buf_dispose(&text);
    bsi_buf_dispose(&object);
    return 0;
}
