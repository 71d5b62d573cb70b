/* SPDX-License-Identifier: MIT */
/*
 * Marks of packs that could go: their text, and their files.
 */
#include "repo/marks.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "repo/json_parts.h"

enum { SCRATCH_MAX = 4096, FIRST_ROOM = 64 };

void bsi_marks_dispose(bsi_marks *marks)
{
    bsi_free(marks->items);
    *marks = (bsi_marks){0};
}

static int compare_packs(const void *a, const void *b)
{
    return memcmp(((const bsi_mark *)a)->pack.bytes, ((const bsi_mark *)b)->pack.bytes,
                  BSI_SHA256_SIZE);
}

static int compare_marks(const void *a, const void *b)
{
    const int order = compare_packs(a, b);
    const int64_t one = ((const bsi_mark *)a)->since_sec;
    const int64_t other = ((const bsi_mark *)b)->since_sec;

    return order != 0 ? order : (one > other) - (one < other);
}

const bsi_mark *bsi_marks_find(const bsi_marks *marks, const bsi_digest *pack)
{
    const bsi_mark key = {.pack = *pack};

    return marks->count > 0 ? bsearch(&key, marks->items, marks->count, sizeof(key), compare_packs)
                            : NULL;
}

bs_status bsi_marks_add(bsi_marks *marks, const bsi_digest *pack, int64_t since_sec)
{
    if (marks->count == marks->capacity) {
        const size_t room = marks->capacity > 0 ? 2 * marks->capacity : FIRST_ROOM;
        bsi_mark *items = bsi_realloc_array(marks->items, room, sizeof(*items));
        if (!items) {
            return BS_E_NOMEM;
        }
        marks->items = items;
        marks->capacity = room;
    }
    marks->items[marks->count++] = (bsi_mark){*pack, since_sec};
    return BS_OK;
}

void bsi_marks_sort(bsi_marks *marks)
{
    size_t kept = 0;

    if (marks->count == 0) {
        return;
    }
    qsort(marks->items, marks->count, sizeof(*marks->items), compare_marks);
    for (size_t i = 0; i < marks->count; i++) {
        if (kept == 0 || compare_packs(&marks->items[kept - 1], &marks->items[i]) != 0) {
            marks->items[kept++] = marks->items[i];
        }
    }
    marks->count = kept;
}

/* --- Text --- */

typedef struct parser {
    bsi_marks *marks;
    bsi_buf scratch;
    bsi_digest pack;
    bsi_go_time since;
    bool has_pack;
    bool has_since;
} parser;

static bs_status mark_member(bsi_json_reader *json, bsi_slice key, void *user)
{
    parser *self = user;

    if (bsi_slice_is(key, "id")) {
        self->has_pack = true;
        return bsi_json_read_digest(json, &self->scratch, &self->pack);
    }
    if (bsi_slice_is(key, "since")) {
        self->has_since = true;
        return bsi_json_read_go_time(json, &self->scratch, &self->since);
    }
    return bsi_json_skip(json);
}

static bs_status parse_mark(bsi_json_reader *json, void *user)
{
    parser *self = user;

    self->has_pack = false;
    self->has_since = false;
    BSI_TRY(bsi_json_each_member(json, mark_member, self));
    if (!self->has_pack || !self->has_since) {
        return bsi_json_fail(json, "a mark without a pack or without a time");
    }
    return bsi_marks_add(self->marks, &self->pack, self->since.sec);
}

static bs_status file_member(bsi_json_reader *json, bsi_slice key, void *user)
{
    return bsi_slice_is(key, "packs") ? bsi_json_each_item(json, parse_mark, user)
                                      : bsi_json_skip(json);
}

bs_status bsi_marks_parse(bsi_slice text, bsi_marks *marks)
{
    parser self = {.marks = marks};
    const size_t before = marks->count;
    bsi_json_reader json;
    bs_status status = BS_OK;

    bsi_buf_init(&self.scratch, SCRATCH_MAX);
    bsi_json_init(&json, text.data, text.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    status = bsi_json_each_member(&json, file_member, &self);
    if (status == BS_OK) {
        status = bsi_json_end(&json);
    }
    if (status < 0) {
        marks->count = before;
    }
    bsi_buf_dispose(&self.scratch);
    return status;
}

static bs_status write_mark(const bsi_mark *mark, bsi_buf *out)
{
    const bsi_go_time since = {.sec = mark->since_sec};

    BSI_TRY(bsi_json_put_digest(out, "{\"id\":\"", &mark->pack));
    BSI_TRY(bsi_buf_append_text(out, ",\"since\":"));
    BSI_TRY(bsi_go_json_time(out, &since));
    return bsi_buf_append_byte(out, '}');
}

bs_status bsi_marks_write(const bsi_marks *marks, bsi_buf *out)
{
    BSI_TRY(bsi_buf_append_text(out, "{\"packs\":["));
    for (size_t i = 0; i < marks->count; i++) {
        BSI_TRY(i > 0 ? bsi_buf_append_byte(out, ',') : BS_OK);
        BSI_TRY(write_mark(&marks->items[i], out));
    }
    return bsi_buf_append_text(out, "]}\n");
}

/* --- Files --- */

static bs_status load_file(const bsi_repo *repo, const bs_call *call, const bsi_digest *id,
                           bsi_marks *marks)
{
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_MARKS_FILE_MAX);
    status = bsi_repo_load(repo, call, BSI_REPO_MARKS, id, &text);
    if (status == BS_OK) {
        status = bsi_marks_parse(bsi_buf_slice(&text), marks);
    }
    bsi_buf_dispose(&text);
    if (status == BS_E_CORRUPT || status == BS_E_LIMIT || status == BS_E_NOT_FOUND) {
        return BS_OK; /* What it marked is marked anew. */
    }
    return status;
}

bs_status bsi_marks_load(const bsi_repo *repo, const bs_call *call, bsi_marks *marks)
{
    bsi_repo_files files = {0};
    bs_status status = bsi_repo_list(repo, call, BSI_REPO_MARKS, &files);

    for (size_t i = 0; status == BS_OK && i < files.count; i++) {
        status = load_file(repo, call, &files.items[i].id, marks);
    }
    bsi_repo_files_dispose(&files);
    bsi_marks_sort(marks);
    return status;
}

static bs_status save_file(const bsi_repo *repo, const bs_call *call, const bsi_marks *marks)
{
    bsi_digest id;
    bsi_buf text;
    bs_status status = BS_OK;

    if (marks->count == 0) {
        return BS_OK;
    }
    bsi_buf_init(&text, BSI_MARKS_FILE_MAX);
    status = bsi_marks_write(marks, &text);
    if (status == BS_OK) {
        status = bsi_repo_save(repo, call, BSI_REPO_MARKS, bsi_buf_slice(&text), &id);
    }
    bsi_buf_dispose(&text);
    return status;
}

bs_status bsi_marks_save(const bsi_repo *repo, const bs_call *call, const bsi_marks *marks)
{
    bsi_repo_files old = {0};
    bs_status status = bsi_repo_list(repo, call, BSI_REPO_MARKS, &old);

    if (status == BS_OK) {
        status = save_file(repo, call, marks);
    }
    for (size_t i = 0; status == BS_OK && i < old.count; i++) {
        status = bsi_repo_remove(repo, call, BSI_REPO_MARKS, &old.items[i].id);
    }
    bsi_repo_files_dispose(&old);
    return status;
}
