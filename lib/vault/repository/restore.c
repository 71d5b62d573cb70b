/* SPDX-License-Identifier: MIT */
/*
 * Restoring a snapshot. Files are begun in their order; what they are made of is
 * gathered for some of them at a time and read by pack. Whoever writes a file's
 * last blob gives it its name.
 */
#include <string.h>

#include "base/alloc.h"
#include "vault/repository/form.h"
#include "vault/repository/pack_ranges.h"
#include "vault/repository/snapshots.h"
#include "vault/restore_int.h"

enum {
    BATCH_BLOBS = 1024,
    BATCH_FILES = 64,
    BATCH_BYTES = 16 * 1024 * 1024, /* Stored ones. */
    UNDER_WAY_FILES = 128,          /* Each holds a descriptor. */
};

/* What half a mebibyte of zeros is known by: restic cuts a hole into such blobs. */
static const bsi_digest zeros_id = {{0x07, 0x85, 0x4d, 0x2f, 0xef, 0x29, 0x7a, 0x06,
                                     0xba, 0x81, 0x68, 0x5e, 0x66, 0x0c, 0x33, 0x2d,
                                     0xe3, 0x6d, 0x5d, 0x18, 0xd5, 0x46, 0x92, 0x7d,
                                     0x30, 0xda, 0xad, 0x6d, 0x7f, 0xda, 0x15, 0x41}};

/* What the source of the restore is here. */
typedef struct by_snapshot {
    bsi_opened_snapshot opened;
    bsi_restore *restore;
    bsi_tree_walk *walk;
    const bsi_tree_item *item; /* The present one. */
    bsi_pack_ranges *ranges;
    size_t files; /* Whose blobs are in the batch. */
    size_t count; /* Of the batch. */
    uint64_t bytes;
    bsi_wanted_blob batch[BATCH_BLOBS];
} by_snapshot;

/* A file on its way. */
typedef struct open_file {
    bsi_restore *restore;
    bsi_target_file *file;
    uint64_t size;
    atomic_uint_least64_t written;
    atomic_size_t uses;  /* Blobs to come, and one more while they are asked for. */
    atomic_flag failing; /* Set by the first failure, */
    bs_error failure;    /* which is kept here. */
    atomic_bool failed;
    size_t path_size;
    char path[];
} open_file;

/* --- A file and its blobs --- */

static void keep_failure(open_file *self)
{
    if (!atomic_flag_test_and_set(&self->failing)) {
        bsi_error_save(&self->failure);
        atomic_store(&self->failed, true);
    }
}

/* Nobody uses it any more. */
static void end_file(open_file *self)
{
    bsi_restore *restore = self->restore;
    const bsi_slice path = {self->path, self->path_size};
    bs_status status = BS_OK;

    if (atomic_load(&self->failed)) {
        bsi_target_file_abort(self->file);
        bsi_error_restore(&self->failure);
        status = self->failure.code;
    } else {
        status = bsi_target_file_commit(self->file);
    }
    status = bsi_restore_settle(restore, path, status);
    (void)status; /* A failure that ends the run is kept for the job's thread. */
    bsi_progress_add(restore->env.progress, 1, self->size - atomic_load(&self->written));
    bsi_free(self);
    bsi_latch_done(&restore->under_way);
}

static void release(open_file *self)
{
    if (atomic_fetch_sub(&self->uses, 1) == 1) {
        end_file(self);
    }
}

static void write_blob(void *user, const bsi_wanted_blob *wanted, bs_status status, bsi_slice plain)
{
    open_file *self = wanted->owner;
    bsi_restore *restore = self->restore;

    (void)user;
    if (status >= 0 && !atomic_load(&self->failed)) {
        status = bsi_target_file_write(self->file, wanted->at, plain.data, plain.size);
        atomic_fetch_add(&self->written, plain.size);
        bsi_progress_add(restore->env.progress, 0, plain.size);
    }
    if (status < 0) {
        keep_failure(self);
    }
    release(self);
}

/* --- The batch --- */

static void send_batch(by_snapshot *self)
{
    bsi_pack_ranges_read(self->ranges, self->batch, self->count);
    self->count = 0;
    self->bytes = 0;
    self->files = 0;
}

static void add_blob(by_snapshot *self, open_file *file, const bsi_blob_place *place, uint64_t at)
{
    atomic_fetch_add(&file->uses, 1);
    self->batch[self->count++] = (bsi_wanted_blob){*place, file, at};
    self->bytes += place->blob.size;
    if (self->count == BATCH_BLOBS || self->bytes >= BATCH_BYTES) {
        send_batch(self);
    }
}

static bool is_hole(const bsi_digest *id)
{
    return bsi_digest_equal(id, &zeros_id);
}

static bs_status not_there(const bsi_digest *id)
{
    char hex[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(id, hex);
    return bsi_fail(BS_LAYER_STORAGE, BS_E_MISSING, "data blob %s is in no pack of the index", hex);
}

static bs_status ask_for_blobs(by_snapshot *self, open_file *file)
{
    const bsi_tree_item *item = self->item;
    bsi_blob_place place;
    uint64_t at = 0;

    for (size_t i = 0; i < item->content_count && !atomic_load(&file->failed); i++) {
        const bsi_digest *id = &item->content[i];
        const bs_status status =
            bsi_repo_index_find(self->opened.session.index, BSI_BLOB_DATA, id, 0, &place);
        BSI_TRY(bsi_call_check(self->restore->env.call));
        BSI_TRY(status);
        if (status == BS_END) {
            return not_there(id);
        }
        if (!is_hole(id)) {
            add_blob(self, file, &place, at);
        }
        at += bsi_blob_plain_size(&place.blob);
    }
    return BS_OK;
}

static bool has_holes(const bsi_tree_item *item)
{
    for (size_t i = 0; i < item->content_count; i++) {
        if (is_hole(&item->content[i])) {
            return true;
        }
    }
    return false;
}

static bs_status missing_content(const by_snapshot *self)
{
    const bsi_tree_item *item = self->item;
    bsi_blob_place place;

    for (size_t i = 0; i < item->content_count; i++) {
        const bs_status status = bsi_repo_index_find(self->opened.session.index, BSI_BLOB_DATA,
                                                     &item->content[i], 0, &place);
        BSI_TRY(status);
        if (status == BS_END) {
            return not_there(&item->content[i]);
        }
    }
    return BS_OK;
}

static bs_status begin_file(by_snapshot *self, const bsi_entry *entry, open_file **out)
{
    open_file *file = bsi_alloc(sizeof(*file) + entry->path.size);
    bs_status status = BS_OK;

    if (!file) {
        return BS_E_NOMEM;
    }
    *file = (open_file){.restore = self->restore,
                        .failing = ATOMIC_FLAG_INIT,
                        .size = entry->stat.size,
                        .path_size = entry->path.size};
    atomic_init(&file->uses, 1);
    memcpy(file->path, entry->path.data, entry->path.size);
    status = bsi_target_file_begin(self->restore->target, entry, &file->file);
    if (status != BS_OK) {
        bsi_free(file);
        return status;
    }
    *out = file;
    return BS_OK;
}

static bs_status restore_file(bsi_restore *restore, const bsi_entry *entry,
                              const bsi_manifest_entry *from)
{
    by_snapshot *self = restore->source->self;
    bsi_entry sparse = *entry;
    open_file *file = NULL;
    bs_status status = self->item->incomplete ? missing_content(self) : BS_OK;

    (void)from;
    if (self->files == BATCH_FILES) {
        send_batch(self);
    }
    bsi_latch_wait(&restore->under_way, UNDER_WAY_FILES - 1);
    sparse.sparse = has_holes(self->item);
    if (status >= 0) {
        status = begin_file(self, &sparse, &file);
    }
    if (status != BS_OK) {
        bsi_progress_add(restore->env.progress, 1, entry->stat.size);
        return bsi_restore_settle(restore, entry->path, status);
    }
    bsi_latch_add(&restore->under_way);
    self->files++;
    status = ask_for_blobs(self, file);
    if (status < 0) {
        keep_failure(file);
    }
    release(file);
    return BS_OK;
}

/* --- The source --- */

static bs_status flush(bsi_restore *restore)
{
    by_snapshot *self = restore->source->self;

    send_batch(self);
    bsi_pack_ranges_drain(self->ranges);
    return BS_OK;
}

static bs_status rewind_walk(bsi_restore *restore)
{
    by_snapshot *self = restore->source->self;

    self->restore = restore;
    return bsi_tree_walk_rewind(self->walk);
}

static bs_status next_item(bsi_restore *restore, const bsi_manifest_entry **out)
{
    by_snapshot *self = restore->source->self;
    bs_status status = bsi_repo_session_keep(&self->opened.session);

    if (status >= 0) {
        status = bsi_tree_walk_next(self->walk, &self->item);
    }
    if (status == BS_OK) {
        *out = &self->item->entry;
    }
    return status;
}

static bs_status unread(void *user, bsi_slice path, const bsi_digest *tree, bs_status status)
{
    const by_snapshot *self = user;

    (void)tree;
    return bsi_restore_settle(self->restore, path, status);
}

/* Trees that hold nothing of what is asked for are not read. */
static bool enters(void *user, bsi_slice dir)
{
    const bsi_selection *selection = ((const by_snapshot *)user)->restore->selection;

    return !selection || bsi_selection_may_hold(selection, dir);
}

static bs_status run(by_snapshot *self, const bsi_restore_plan *plan, const bsi_manifest_info *info,
                     bsi_restore_result *out)
{
    const bsi_tree_watch watch = {.unread = unread, .enters = enters, .user = self, .again = true};
    const bsi_wanted_sink sink = {.take = write_blob, .any_copy = true};
    const bsi_restore_source source = {
        .info = info,
        .rewind = rewind_walk,
        .next = next_item,
        .file = restore_file,
        .flush = flush,
        .self = self,
    };
    bs_status status = bsi_snapshot_walk(&self->opened, &watch, &self->walk);

    if (status >= 0) {
        status = bsi_pack_ranges_new(&self->opened.session, &sink, &self->ranges);
    }
    if (status >= 0) {
        status = bsi_restore_run(self->opened.session.env, plan, &source, out);
    }
    bsi_pack_ranges_free(self->ranges);
    bsi_tree_walk_free(self->walk);
    return status;
}

bs_status bsi_repository_form_restore(const bsi_vault_env *env, const bsi_restore_plan *plan,
                                      bsi_restore_result *out)
{
    by_snapshot *self = bsi_calloc(1, sizeof(*self));
    bsi_manifest_info info = {0};
    bs_status status = BS_E_NOMEM;

    if (!self) {
        return BS_E_NOMEM;
    }
    status = bsi_snapshot_open(env, plan->manifest_key, true, &self->opened);
    if (status < 0) {
        bsi_free(self);
        return status;
    }
    status =
        bsi_snapshot_info(&self->opened.session, &self->opened.snapshot, &self->opened.file, &info);
    if (status >= 0) {
        status = run(self, plan, &info, out);
    }
    bsi_manifest_info_dispose(&info);
    bsi_snapshot_close(&self->opened);
    bsi_free(self);
    return status;
}
