/* SPDX-License-Identifier: MIT */
/*
 * Index files, several at a time: the pool fetches, decrypts and parses them into lists,
 * and the job's thread puts these into the index, each in its turn. So the numbers of
 * packs and rows are those that one thread alone would give.
 */
#include "repo/index_read.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "repo/index_file.h"
#include "repo/repository_int.h"

/* A pack of a parsed file; its blobs lie behind those of the one before. */
typedef struct parsed_pack {
    bsi_digest id;
    size_t blobs;
} parsed_pack;

/* One file under way. */
typedef struct reader {
    bsi_task task; /* The first member. */
    const bsi_index_source *source;
    const bs_call *call;
    bsi_latch under_way;
    bsi_digest id;
    bsi_buf text;  /* Memory that is kept: to have it anew takes as long as to parse it. */
    bsi_buf packs; /* parsed_pack */
    bsi_blob_list blobs;
    bs_status status;
    bs_error error;
} reader;

typedef struct crew {
    const bsi_index_source *source;
    const bs_call *call;
    bsi_repo_index *index;
    reader *readers; /* A ring. */
    size_t count;    /* 0: this thread does it all. */
} crew;

/* --- On the pool --- */

static bs_status keep_pack(void *user, const bsi_digest *pack, const bsi_blob_list *blobs)
{
    reader *self = user;
    const parsed_pack parsed = {.id = *pack, .blobs = blobs->count};

    for (size_t i = 0; i < blobs->count; i++) {
        BSI_TRY(bsi_blob_list_add(&self->blobs, &blobs->items[i]));
    }
    return bsi_buf_append(&self->packs, &parsed, sizeof(parsed));
}

static bs_status parse(reader *self)
{
    const bsi_repo *repo = self->source->repo;

    BSI_TRY(bsi_call_check(self->call));
    BSI_TRY(bsi_repo_load(repo, self->call, BSI_REPO_INDEX, &self->id, &self->text));
    return bsi_index_file_failed(bsi_index_parse(bsi_buf_slice(&self->text),
                                                 bsi_repo_config_of(repo)->version, keep_pack,
                                                 self),
                                 &self->id);
}

static void run_task(bsi_task *task)
{
    reader *self = (reader *)(void *)task;

    self->status = parse(self);
    if (self->status < 0) {
        bsi_error_save(&self->error);
    }
    bsi_latch_done(&self->under_way);
}

static void start(reader *self, const bsi_digest *id)
{
    self->id = *id;
    bsi_buf_clear(&self->text);
    bsi_buf_clear(&self->packs);
    bsi_blob_list_clear(&self->blobs);
    bsi_latch_add(&self->under_way);
    bsi_pool_submit(self->source->pool, &self->task);
}

/* --- On the job's thread --- */

static bs_status read_alone(const crew *self, const bsi_digest *id)
{
    const bsi_repo *repo = self->source->repo;
    bsi_buf text;
    bs_status status = bsi_call_check(self->call);

    BSI_TRY(status);
    bsi_buf_init(&text, BSI_INDEX_FILE_MAX);
    status = bsi_repo_load(repo, self->call, BSI_REPO_INDEX, id, &text);
    if (status == BS_OK) {
        status = bsi_repo_index_add_file(self->index, id, bsi_buf_slice(&text),
                                         bsi_repo_config_of(repo)->version);
    }
    bsi_buf_dispose(&text);
    return status;
}

static bs_status put_packs(const crew *self, const reader *done)
{
    const parsed_pack *packs = (const parsed_pack *)(const void *)done->packs.data;
    size_t at = 0;

    for (size_t i = 0; i < done->packs.size / sizeof(*packs); i++) {
        const bsi_blob_list blobs = {.items = done->blobs.items + at, .count = packs[i].blobs};
        BSI_TRY(bsi_index_file_failed(bsi_repo_index_add_told(self->index, &packs[i].id, &blobs),
                                      &done->id));
        at += packs[i].blobs;
    }
    return BS_OK;
}

/* A text that is too long for several at a time is read again, alone. */
static bs_status put_file(const crew *self, const reader *done)
{
    if (done->status == BS_E_LIMIT) {
        return read_alone(self, &done->id);
    }
    BSI_TRY(put_packs(self, done));
    if (done->status < 0) {
        bsi_error_restore(&done->error);
    }
    return done->status;
}

static bs_status take(const crew *self, const bsi_digest *id, bs_status status)
{
    return self->source->taken(self->source->user, id, status);
}

static bs_status read_by_turns(const crew *self, const bsi_repo_files *files)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < files->count && i < self->count; i++) {
        start(&self->readers[i], &files->items[i].id);
    }
    for (size_t i = 0; status == BS_OK && i < files->count; i++) {
        reader *next = &self->readers[i % self->count];
        bsi_latch_wait(&next->under_way, 0);
        status = take(self, &next->id, put_file(self, next));
        if (status == BS_OK && files->count - i > self->count) {
            start(next, &files->items[i + self->count].id);
        }
    }
    return status;
}

static bs_status read_all_alone(const crew *self, const bsi_repo_files *files)
{
    bs_status status = BS_OK;

    for (size_t i = 0; status == BS_OK && i < files->count; i++) {
        const bsi_digest *id = &files->items[i].id;
        status = take(self, id, read_alone(self, id));
    }
    return status;
}

/* --- Life --- */

static bs_status crew_new(crew *self, size_t files)
{
    const size_t threads = self->source->pool ? bsi_pool_threads(self->source->pool) : 0;

    if (threads == 0 || files < 2) {
        return BS_OK;
    }
    self->count = bsi_min_size(bsi_min_size(threads + 1, BSI_INDEX_READERS_MAX), files);
    self->readers = bsi_calloc(self->count, sizeof(*self->readers));
    if (!self->readers) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < self->count; i++) {
        reader *one = &self->readers[i];
        one->task.run = run_task;
        one->source = self->source;
        one->call = self->call;
        bsi_latch_init(&one->under_way);
        bsi_buf_init(&one->text, BSI_INDEX_TEXT_USUAL);
        bsi_buf_init(&one->packs, SIZE_MAX / 2);
    }
    return BS_OK;
}

static void crew_dispose(crew *self)
{
    if (!self->readers) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        reader *one = &self->readers[i];
        bsi_latch_wait(&one->under_way, 0);
        bsi_latch_dispose(&one->under_way);
        bsi_buf_dispose(&one->text);
        bsi_buf_dispose(&one->packs);
        bsi_blob_list_dispose(&one->blobs);
    }
    bsi_free(self->readers);
}

void bsi_index_limit_of(const bsi_repo *repo, bsi_repo_index *index)
{
    if (repo->index_memory_most > 0) {
        bsi_repo_index_limit(index, repo->temp_dir, repo->index_memory_most);
    }
}

bs_status bsi_index_read(const bsi_index_source *source, const bs_call *call,
                         const bsi_repo_files *files, bsi_repo_index *index)
{
    crew self = {.source = source, .call = call, .index = index};
    bs_status status = crew_new(&self, files->count);

    bsi_index_limit_of(source->repo, index);
    if (status == BS_OK) {
        status = self.count > 0 ? read_by_turns(&self, files) : read_all_alone(&self, files);
    }
    crew_dispose(&self);
    return status;
}
