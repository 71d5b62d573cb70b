/* SPDX-License-Identifier: MIT */
/*
 * Snapshots, read and written. Members that are not known are kept as they are,
 * so that a snapshot which is changed and written again loses nothing.
 */
#include "repo/snapshot.h"

#include <inttypes.h>

#include "text/json_write.h"

/* Bytes for the entries of a list. */
enum { LIST_MAX = 16 * 1024 * 1024 };

/* Which list of a snapshot's own lies in which buffer. */
enum { LIST_PATHS, LIST_EXCLUDES, LIST_TAGS };

typedef enum member_kind {
    KIND_TIME,
    KIND_ID,
    KIND_TEXT,
    KIND_LIST,
    KIND_U32,
    KIND_U64,
    KIND_SUMMARY,
} member_kind;

typedef struct member {
    const char *key;
    member_kind kind;
    size_t offset;
    size_t list;
} member;

#define AT(field) offsetof(bsi_snapshot, field)
#define IN(field) offsetof(bsi_snapshot_summary, field)

/* In the order in which they are written. */
static const member members[] = {
    {"time", KIND_TIME, AT(time), 0},
    {"parent", KIND_ID, AT(parent), 0},
    {"tree", KIND_ID, AT(tree), 0},
    {"paths", KIND_LIST, AT(paths), LIST_PATHS},
    {"hostname", KIND_TEXT, AT(hostname), 0},
    {"username", KIND_TEXT, AT(username), 0},
    {"uid", KIND_U32, AT(uid), 0},
    {"gid", KIND_U32, AT(gid), 0},
    {"excludes", KIND_LIST, AT(excludes), LIST_EXCLUDES},
    {"tags", KIND_LIST, AT(tags), LIST_TAGS},
    {"original", KIND_ID, AT(original), 0},
    {"program_version", KIND_TEXT, AT(program_version), 0},
    {"summary", KIND_SUMMARY, AT(summary), 0},
};

static const member summary_members[] = {
    {"backup_start", KIND_TIME, IN(backup_start), 0},
    {"backup_end", KIND_TIME, IN(backup_end), 0},
    {"files_new", KIND_U64, IN(files_new), 0},
    {"files_changed", KIND_U64, IN(files_changed), 0},
    {"files_unmodified", KIND_U64, IN(files_unmodified), 0},
    {"dirs_new", KIND_U64, IN(dirs_new), 0},
    {"dirs_changed", KIND_U64, IN(dirs_changed), 0},
    {"dirs_unmodified", KIND_U64, IN(dirs_unmodified), 0},
    {"data_blobs", KIND_U64, IN(data_blobs), 0},
    {"tree_blobs", KIND_U64, IN(tree_blobs), 0},
    {"data_added", KIND_U64, IN(data_added), 0},
    {"data_added_packed", KIND_U64, IN(data_added_packed), 0},
    {"total_files_processed", KIND_U64, IN(total_files_processed), 0},
    {"total_bytes_processed", KIND_U64, IN(total_bytes_processed), 0},
};

/* --- Writing --- */

static bs_status put_key(bsi_buf *out, const char *key)
{
    return bsi_buf_append_format(out, ",\"%s\":", key);
}

static bs_status put_id(bsi_buf *out, const char *key, const bsi_snapshot_id *id)
{
    if (!id->given) {
        return BS_OK;
    }
    BSI_TRY(put_key(out, key));
    return bsi_json_put_digest(out, "\"", &id->digest);
}

static bs_status put_text(bsi_buf *out, const char *key, bsi_slice text)
{
    if (text.size == 0) {
        return BS_OK;
    }
    BSI_TRY(put_key(out, key));
    return bsi_go_json_string(out, text);
}

static bs_status put_list(bsi_buf *out, const char *key, const bsi_snapshot_texts *list)
{
    BSI_TRY(put_key(out, key));
    for (size_t i = 0; i < list->count; i++) {
        BSI_TRY(bsi_buf_append_byte(out, i == 0 ? '[' : ','));
        BSI_TRY(bsi_go_json_string(out, list->items[i]));
    }
    return bsi_buf_append_text(out, list->count > 0 ? "]" : "null");
}

static bs_status put_some(bsi_buf *out, const char *key, const bsi_snapshot_texts *list)
{
    return list->count > 0 ? put_list(out, key, list) : BS_OK;
}

static bs_status put_number(bsi_buf *out, const char *key, uint32_t value)
{
    return value != 0 ? bsi_buf_append_format(out, ",\"%s\":%" PRIu32, key, value) : BS_OK;
}

static bs_status put_summary(bsi_buf *out, const bsi_snapshot_summary *summary)
{
    BSI_TRY(put_key(out, "summary"));
    for (size_t i = 0; i < BSI_ARRAY_SIZE(summary_members); i++) {
        const member *one = &summary_members[i];
        const void *field = (const char *)summary + one->offset;

        BSI_TRY(bsi_buf_append_format(out, "%c\"%s\":", i == 0 ? '{' : ',', one->key));
        BSI_TRY(one->kind == KIND_TIME
                    ? bsi_go_json_time(out, field)
                    : bsi_buf_append_format(out, "%" PRIu64, *(const uint64_t *)field));
    }
    return bsi_buf_append_byte(out, '}');
}

static bs_status put_content(bsi_buf *out, const bsi_snapshot *snapshot)
{
    BSI_TRY(bsi_buf_append_text(out, "{\"time\":"));
    BSI_TRY(bsi_go_json_time(out, &snapshot->time));
    BSI_TRY(put_id(out, "parent", &snapshot->parent));
    BSI_TRY(put_id(out, "tree", &snapshot->tree));
    return put_list(out, "paths", &snapshot->paths);
}

static bs_status put_author(bsi_buf *out, const bsi_snapshot *snapshot)
{
    BSI_TRY(put_text(out, "hostname", snapshot->hostname));
    BSI_TRY(put_text(out, "username", snapshot->username));
    BSI_TRY(put_number(out, "uid", snapshot->uid));
    return put_number(out, "gid", snapshot->gid);
}

static bs_status put_circumstances(bsi_buf *out, const bsi_snapshot *snapshot)
{
    BSI_TRY(put_some(out, "excludes", &snapshot->excludes));
    BSI_TRY(put_some(out, "tags", &snapshot->tags));
    BSI_TRY(put_id(out, "original", &snapshot->original));
    BSI_TRY(put_text(out, "program_version", snapshot->program_version));
    return snapshot->has_summary ? put_summary(out, &snapshot->summary) : BS_OK;
}

bs_status bsi_snapshot_write(const bsi_snapshot *snapshot, bsi_buf *out)
{
    BSI_CHECK(snapshot->tree.given);
    BSI_TRY(put_content(out, snapshot));
    BSI_TRY(put_author(out, snapshot));
    BSI_TRY(put_circumstances(out, snapshot));
    BSI_TRY(bsi_buf_append(out, snapshot->others.data, snapshot->others.size));
    return bsi_buf_append_byte(out, '}');
}

/* --- Reading --- */

static const member *find_member(const member *table, size_t count, bsi_slice key)
{
    for (size_t i = 0; i < count; i++) {
        if (bsi_slice_is(key, table[i].key)) {
            return &table[i];
        }
    }
    return NULL;
}

static bs_status read_id(bsi_json_reader *reader, bsi_snapshot *out, bsi_snapshot_id *id)
{
    id->given = true;
    return bsi_json_read_digest(reader, &out->memory.scratch, &id->digest);
}

/* A list while it is read. */
typedef struct list_parts {
    bsi_json_texts *memory;
    bsi_buf *list;
} list_parts;

static bs_status list_item(bsi_json_reader *reader, void *user)
{
    const list_parts *parts = user;
    bsi_slice text = {0};

    BSI_TRY(bsi_json_read_text(reader, parts->memory, &text));
    return bsi_buf_append(parts->list, &text, sizeof(text));
}

static bs_status read_list(bsi_json_reader *reader, bsi_snapshot *out, size_t list,
                           bsi_snapshot_texts *texts)
{
    bsi_buf *const buf = &out->lists[list];
    list_parts parts = {&out->memory, buf};

    bsi_buf_clear(buf);
    BSI_TRY(bsi_json_each_item(reader, list_item, &parts));
    texts->items = (const bsi_slice *)(const void *)buf->data;
    texts->count = buf->size / sizeof(*texts->items);
    return BS_OK;
}

static bs_status summary_member(bsi_json_reader *reader, bsi_slice key, void *user)
{
    bsi_snapshot *out = user;
    const member *found = find_member(summary_members, BSI_ARRAY_SIZE(summary_members), key);
    void *field = (char *)&out->summary + (found ? found->offset : 0);

    if (!found) {
        return bsi_json_skip(reader);
    }
    return found->kind == KIND_TIME ? bsi_json_read_go_time(reader, &out->memory.scratch, field)
                                    : bsi_json_read_u64(reader, field);
}

static bs_status read_summary(bsi_json_reader *reader, bsi_snapshot *out)
{
    out->has_summary = true;
    out->summary = (bsi_snapshot_summary){
        .backup_start = BSI_GO_TIME_NONE,
        .backup_end = BSI_GO_TIME_NONE,
    };
    return bsi_json_each_member(reader, summary_member, out);
}

/* Not as Go writes it: with its escapes a key can become longer than keys with escapes may be. */
static bs_status keep_key(bsi_slice key, bsi_buf *others)
{
    bsi_json_writer writer;

    bsi_json_writer_init(&writer, others, BSI_JSON_COMPACT);
    bsi_json_write_string(&writer, key);
    return bsi_json_writer_finish(&writer);
}

static bs_status keep_other(bsi_json_reader *reader, bsi_slice key, bsi_buf *others)
{
    bsi_slice value = {0};

    BSI_TRY(bsi_buf_append_byte(others, ','));
    BSI_TRY(keep_key(key, others));
    BSI_TRY(bsi_json_raw_value(reader, &value));
    BSI_TRY(bsi_buf_append_byte(others, ':'));
    return bsi_buf_append(others, value.data, value.size);
}

static bs_status snapshot_member(bsi_json_reader *reader, bsi_slice key, void *user)
{
    bsi_snapshot *out = user;
    const member *found = find_member(members, BSI_ARRAY_SIZE(members), key);
    void *field = (char *)out + (found ? found->offset : 0);

    if (!found) {
        return keep_other(reader, key, &out->other_members);
    }
    switch (found->kind) {
    case KIND_TIME:
        return bsi_json_read_go_time(reader, &out->memory.scratch, field);
    case KIND_ID:
        return read_id(reader, out, field);
    case KIND_TEXT:
        return bsi_json_read_text(reader, &out->memory, field);
    case KIND_LIST:
        return read_list(reader, out, found->list, field);
    case KIND_U32:
        return bsi_json_read_u32(reader, field);
    case KIND_U64:
        return bsi_json_read_u64(reader, field);
    case KIND_SUMMARY:
        return read_summary(reader, out);
    }
    return BS_E_INTERNAL;
}

static bs_status read_snapshot(bsi_slice json, bsi_snapshot *out)
{
    bsi_json_reader reader;

    bsi_json_init(&reader, json.data, json.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    BSI_TRY(bsi_json_each_member(&reader, snapshot_member, out));
    BSI_TRY(bsi_json_end(&reader));
    if (!out->tree.given || out->time.sec == BSI_GO_TIME_NONE.sec) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "there is no %s",
                        out->tree.given ? "time" : "tree");
    }
    out->others = bsi_buf_slice(&out->other_members);
    return BS_OK;
}

bs_status bsi_snapshot_parse(bsi_slice json, bsi_snapshot *out)
{
    bs_status status = BS_OK;

    *out = (bsi_snapshot){.time = BSI_GO_TIME_NONE};
    if (json.size > BSI_SNAPSHOT_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT, "a snapshot of %zu bytes; at most %d",
                        json.size, BSI_SNAPSHOT_MAX);
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(out->lists); i++) {
        bsi_buf_init(&out->lists[i], LIST_MAX);
    }
    /* An escape of a key may be six times as long as the character. */
    bsi_buf_init(&out->other_members, 6 * (json.size + 1));
    status = bsi_json_texts_init(&out->memory, json.size);
    if (status == BS_OK) {
        status = read_snapshot(json, out);
    }
    if (status < 0) {
        bsi_snapshot_dispose(out);
        return bsi_fail_context(BS_LAYER_STORAGE, status, "a snapshot");
    }
    return BS_OK;
}

void bsi_snapshot_dispose(bsi_snapshot *snapshot)
{
    bsi_json_texts_dispose(&snapshot->memory);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(snapshot->lists); i++) {
        bsi_buf_dispose(&snapshot->lists[i]);
    }
    bsi_buf_dispose(&snapshot->other_members);
    *snapshot = (bsi_snapshot){.time = BSI_GO_TIME_NONE};
}
