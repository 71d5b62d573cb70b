/* SPDX-License-Identifier: MIT */
/*
 * Reading packs: the digest of the whole file, the header against the index,
 * and each blob. A pack is read once, from its beginning to its end, through a
 * window that moves along; several packs are read at the same time.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/endian.h"
#include "repo/check_int.h"
#include "repo/pack.h"

enum { WINDOW_SIZE = 2 * 1024 * 1024, PERCENT_ALL = 100 };

/* Those that read packs, and what they share. */
typedef struct crew crew;

/* One of them, with the pack that it is at. */
typedef struct pack_run {
    bsi_task task; /* The first member. */
    crew *crew;
    struct pack_run *next; /* Of those that are idle. */
    uint32_t number;
    bsi_digest id;
    char key[BSI_REPO_KEY_SIZE];
    bsi_blob_list blobs;  /* As the index has them. */
    bsi_blob_list header; /* As the pack itself has them. */
    bsi_blob_sealer *sealer;
    bsi_sha256 *hash;
    bsi_buf window;
    uint64_t window_at; /* Where in the pack the window begins. */
} pack_run;

struct crew {
    bsi_check *check;
    bsi_mutex lock; /* Guards what follows, and all of the check that a run writes to. */
    pack_run *idle;
    bs_status status; /* The first failure. */
    bs_error error;
    bsi_latch under_way;
    pack_run *runs;
    size_t count;
};

static bool is_chosen(const bsi_check *self, const bsi_digest *id)
{
    const bsi_check_options *options = &self->options;
    const uint64_t chance = (bsi_le64(id->bytes + 8) ^ self->salt) * UINT64_C(0x9e3779b97f4a7c15);

    if (options->parts > 0 && id->bytes[0] % options->parts != options->part - 1) {
        return false;
    }
    return options->percent == 0 || (chance >> 32) % PERCENT_ALL < options->percent;
}

/* --- Findings --- */

static void tell(pack_run *self, const char *text)
{
    bsi_mutex_lock(&self->crew->lock);
    bsi_check_tell(self->crew->check,
                   &(bsi_check_finding){.subject = BSI_CHECK_PACK, .id = &self->id, .text = text});
    bsi_mutex_unlock(&self->crew->lock);
}

/* What this thread's record says. */
static void tell_error(pack_run *self)
{
    bs_error error;

    bsi_error_save(&error);
    tell(self, error.message);
}

static bs_status note_bad(pack_run *self, const bsi_blob *blob)
{
    const uint64_t place = (uint64_t)self->number << 32 | blob->offset;
    bs_status status = BS_OK;

    tell_error(self);
    bsi_mutex_lock(&self->crew->lock);
    status = bsi_buf_append(&self->crew->check->bad_places, &place, sizeof(place));
    bsi_mutex_unlock(&self->crew->lock);
    return status;
}

/* --- One pack's bytes --- */

static uint64_t read_end(const pack_run *self)
{
    return self->window_at + self->window.size;
}

/* Read on, behind what is in the window. */
static bs_status read_on(pack_run *self, size_t size)
{
    const bsi_check *check = self->crew->check;
    uint8_t *at = NULL;

    BSI_TRY(bsi_buf_reserve(&self->window, size));
    at = self->window.data + self->window.size;
    BSI_TRY(bsi_storage_read(bsi_repo_storage(check->repo), check->call, self->key, read_end(self),
                             at, size));
    bsi_sha256_update(self->hash, at, size);
    self->window.size += size;
    return BS_OK;
}

/* Let go of what lies before an offset. */
static void slide(pack_run *self, uint64_t offset)
{
    const size_t gone = (size_t)bsi_min_u64(offset - self->window_at, self->window.size);

    if (gone > 0) {
        memmove(self->window.data, self->window.data + gone, self->window.size - gone);
        self->window.size -= gone;
        self->window_at += gone;
    }
}

/*
 * Have a stretch in the window, which begins no earlier than the last one did. What lies before it
 * is let go of when more is read, and not for each blob: a pack has thousands of small ones.
 */
static bs_status move_to(pack_run *self, uint64_t offset, size_t size, uint64_t file_size)
{
    while (read_end(self) < offset + size) {
        const uint64_t left = file_size - read_end(self);
        size_t need = WINDOW_SIZE;

        slide(self, offset);
        if (read_end(self) >= offset) {
            need = (size_t)(offset + size - read_end(self));
        }
        need = need < WINDOW_SIZE ? WINDOW_SIZE : need;
        BSI_TRY(read_on(self, (size_t)bsi_min_u64(need, left)));
    }
    return BS_OK;
}

/* A blob that is whole as far as its file goes, but cannot be opened, is a finding. */
static bs_status check_blob(pack_run *self, const bsi_blob *blob, uint64_t file_size)
{
    bsi_slice plain = {0};
    bs_status status = BS_OK;

    if (blob->offset < self->window_at || (uint64_t)blob->offset + blob->size > file_size) {
        return BS_OK; /* Told of with the pack's size. */
    }
    BSI_TRY(move_to(self, blob->offset, blob->size, file_size));
    status = bsi_blob_open(self->sealer, blob, self->window.data + (blob->offset - self->window_at),
                           &plain);
    return bsi_check_is_finding(status) ? note_bad(self, blob) : status;
}

static bs_status check_blobs(pack_run *self, uint64_t file_size)
{
    for (size_t i = 0; i < self->blobs.count; i++) {
        BSI_TRY(check_blob(self, &self->blobs.items[i], file_size));
    }
    return move_to(self, file_size, 0, file_size);
}

static void check_digest(pack_run *self)
{
    bsi_digest digest;

    bsi_sha256_finish(self->hash, &digest);
    if (!bsi_digest_equal(&digest, &self->id)) {
        tell(self, "its bytes are not those that its name stands for");
    }
}

/* --- Its header --- */

static bs_status check_header(pack_run *self)
{
    const bsi_check *check = self->crew->check;
    const bsi_pack_object pack = {bsi_repo_storage(check->repo), self->key, self->id};
    bs_status status = BS_OK;

    bsi_blob_list_clear(&self->header);
    status = bsi_pack_load_header(&pack, check->call, bsi_repo_master_key(check->repo),
                                  bsi_repo_config_of(check->repo)->version, &self->header);
    if (bsi_check_is_finding(status)) {
        tell_error(self);
        return BS_OK;
    }
    BSI_TRY(status);
    if (!bsi_blob_list_equal(&self->header, &self->blobs)) {
        tell(self, "its header lists other blobs than the index");
    }
    return BS_OK;
}

/* --- Packs --- */

static void count_pack(pack_run *self, uint64_t size)
{
    bsi_check_report *report = &self->crew->check->report;

    bsi_mutex_lock(&self->crew->lock);
    report->packs_read++;
    report->bytes_read += size;
    bsi_mutex_unlock(&self->crew->lock);
}

/* A file that went away, or became shorter, while it was read is a finding as well. */
static bs_status read_pack(pack_run *self)
{
    const bsi_check *check = self->crew->check;
    uint64_t *size = &check->pack_sizes[self->number]; /* This run's alone. */
    bs_status status = BS_OK;

    BSI_TRY(bsi_call_check(check->call));
    bsi_repo_object_key(check->repo, BSI_REPO_PACKS, &self->id, self->key);
    bsi_sha256_reset(self->hash);
    bsi_buf_clear(&self->window);
    self->window_at = 0;
    BSI_TRY(check_header(self));
    status = check_blobs(self, *size);
    if (bsi_check_is_finding(status)) {
        *size = BSI_CHECK_NO_PACK;
        tell_error(self);
        return BS_OK;
    }
    BSI_TRY(status);
    check_digest(self);
    count_pack(self, *size);
    return BS_OK;
}

/* Its pack is done with: ready for the next. */
static void retire(pack_run *self, bs_status status)
{
    crew *all = self->crew;

    bsi_mutex_lock(&all->lock);
    if (status < 0 && all->status == BS_OK) {
        all->status = status;
        bsi_error_save(&all->error);
    }
    self->next = all->idle;
    all->idle = self;
    bsi_mutex_unlock(&all->lock);
}

static void run_task(bsi_task *task)
{
    pack_run *self = (pack_run *)(void *)task;
    bsi_latch *under_way = &self->crew->under_way;

    retire(self, read_pack(self));
    bsi_latch_done(under_way);
}

/* --- The crew --- */

/* One that is idle; there is one as soon as not all are under way. */
static pack_run *next_idle(crew *self, bs_status *status_out)
{
    pack_run *run = NULL;

    bsi_latch_wait(&self->under_way, self->count - 1);
    bsi_mutex_lock(&self->lock);
    run = self->idle;
    self->idle = run->next;
    *status_out = self->status;
    bsi_mutex_unlock(&self->lock);
    return run;
}

static void start(pack_run *run, bsi_pool *pool)
{
    bsi_latch_add(&run->crew->under_way);
    if (pool) {
        bsi_pool_submit(pool, &run->task);
    } else {
        run_task(&run->task);
    }
}

/* Have a pack read, if it is one of those that are. */
static bs_status assign(crew *self, uint32_t number)
{
    const bsi_check *check = self->check;
    bs_status status = BS_OK;
    pack_run *run = next_idle(self, &status);

    if (status == BS_OK) {
        status = bsi_repo_index_pack(check->index, number, &run->id, &run->blobs);
    }
    if (status != BS_OK || check->pack_sizes[number] == BSI_CHECK_NO_PACK ||
        !is_chosen(check, &run->id)) {
        retire(run, status);
        return status < 0 ? status : BS_OK;
    }
    run->number = number;
    start(run, check->options.pool);
    return BS_OK;
}

static bs_status run_new(crew *self, pack_run *run)
{
    const bsi_blob_options options = {
        .key = bsi_repo_master_key(self->check->repo),
        .version = bsi_repo_config_of(self->check->repo)->version,
        .level = 1,
    };

    run->task.run = run_task;
    run->crew = self;
    bsi_buf_init(&run->window, UINT32_MAX);
    BSI_TRY(bsi_blob_sealer_new(&options, &run->sealer));
    BSI_TRY(bsi_sha256_new(&run->hash));
    run->next = self->idle;
    self->idle = run;
    return BS_OK;
}

static bs_status crew_new(crew *self, bsi_check *check)
{
    const bsi_pool *pool = check->options.pool;
    const size_t threads = pool ? bsi_pool_threads(pool) : 0;

    *self = (crew){.check = check, .count = threads + 1};
    bsi_mutex_init(&self->lock);
    bsi_latch_init(&self->under_way);
    self->runs = bsi_calloc(self->count, sizeof(*self->runs));
    if (!self->runs) {
        self->count = 0;
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < self->count; i++) {
        BSI_TRY(run_new(self, &self->runs[i]));
    }
    return BS_OK;
}

static void crew_dispose(crew *self)
{
    for (size_t i = 0; i < self->count; i++) {
        pack_run *run = &self->runs[i];
        bsi_blob_sealer_free(run->sealer);
        bsi_sha256_free(run->hash);
        bsi_blob_list_dispose(&run->blobs);
        bsi_blob_list_dispose(&run->header);
        bsi_buf_dispose(&run->window);
    }
    bsi_free(self->runs);
    bsi_latch_dispose(&self->under_way);
    bsi_mutex_dispose(&self->lock);
}

bs_status bsi_check_data(bsi_check *check)
{
    crew self;
    bs_status status = crew_new(&self, check);

    for (uint32_t i = 0; status == BS_OK && i < check->pack_count; i++) {
        status = assign(&self, i);
    }
    bsi_latch_wait(&self.under_way, 0);
    if (self.status < 0) {
        bsi_error_restore(&self.error);
        status = self.status;
    }
    crew_dispose(&self);
    return status;
}
