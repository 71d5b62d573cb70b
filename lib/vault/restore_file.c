/* SPDX-License-Identifier: MIT */
/*
 * Restoring by a manifest: the content of its files. The job's thread decodes; hashing and writing
 * happen on the pool: a small file is one task, a large one a row of them.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "vault/restore_int.h"

enum {
    SMALL_MAX = 512 * 1024,
    PART = 512 * 1024,
    UNDER_WAY_BYTES = 32 * 1024 * 1024,
    UNDER_WAY_FILES = 128,
};

/* What the source of the restore is here. */
typedef struct by_manifest {
    bsi_manifest_reader *manifest;
    const bsi_content *content;
    bsi_sha256 *hash;
} by_manifest;

/* --- Outcomes --- */

static bool ends_the_run(bs_status status, bs_layer layer)
{
    switch (status) {
    case BS_E_NOMEM:
    case BS_E_CANCELLED:
    case BS_E_TIMEOUT:
    case BS_E_INTERNAL:
    case BS_E_CALLBACK:
        return true;
    case BS_E_NO_SPACE:
    case BS_E_IO:
    case BS_E_READ_ONLY:
        return layer == BS_LAYER_TARGET;
    default:
        return false;
    }
}

/* What was stored is not what comes back; other failures of a storage may pass. */
static bool tells_damage(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_MISSING || status == BS_E_RANGE;
}

static void keep_failure(bsi_restore *restore)
{
    bsi_mutex_lock(&restore->lock);
    if (!restore->failed) {
        restore->failed = true;
        bsi_error_save(&restore->failure);
    }
    bsi_mutex_unlock(&restore->lock);
    atomic_store(&restore->stop, true);
}

static bs_status defer(bsi_restore *restore, bsi_slice path)
{
    bsi_restore_again *again = &restore->deferred;
    bs_status status = BS_OK;

    bsi_mutex_lock(&restore->lock);
    if (again->count == 0) {
        bsi_error_save(&again->first);
    }
    if (again->count == again->capacity) {
        const size_t capacity = again->capacity > 0 ? 2 * again->capacity : 64;
        uint64_t *larger = bsi_realloc_array(again->paths, capacity, sizeof(*larger));
        status = larger ? BS_OK : BS_E_NOMEM;
        again->paths = larger ? larger : again->paths;
        again->capacity = larger ? capacity : again->capacity;
    }
    if (status >= 0) {
        again->paths[again->count++] = bsi_restore_number(path);
    }
    bsi_mutex_unlock(&restore->lock);
    return status;
}

/* Whether a copy may have what this failure kept from us. */
static bool may_do_better(const bsi_restore *restore, bs_status status)
{
    return restore->defers && tells_damage(status) && bs_error_last()->layer != BS_LAYER_TARGET;
}

bs_status bsi_restore_settle(bsi_restore *restore, bsi_slice path, bs_status status)
{
    if (status >= 0) {
        return BS_OK; /* With BS_PARTIAL the target has told why. */
    }
    if (may_do_better(restore, status)) {
        status = defer(restore, path);
        if (status >= 0) {
            return BS_OK;
        }
    }
    if (ends_the_run(status, bs_error_last()->layer)) {
        keep_failure(restore);
        return status;
    }
    if (bs_error_last()->layer == BS_LAYER_STORAGE) {
        atomic_fetch_add(tells_damage(status) ? &restore->damaged : &restore->unread, 1);
    }
    bsi_warn_last(&restore->warn, path);
    return BS_OK;
}

bs_status bsi_restore_drain(bsi_restore *restore)
{
    bsi_latch_wait(&restore->under_way, 0);
    if (restore->failed) {
        bsi_error_restore(&restore->failure);
        return restore->failure.code;
    }
    return BS_OK;
}

static bs_status wrong_content(void)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                    "its stored content is damaged; it was not put in place");
}

/* --- Small files --- */

typedef struct small_file {
    bsi_task task;
    bsi_restore *restore;
    bsi_target_file *file;
    bsi_digest expected;
    size_t size;
    size_t path_size;
    uint8_t bytes[]; /* Content, then path. */
} small_file;

static bs_status finish_small(small_file *small)
{
    bsi_restore *restore = small->restore;
    bsi_target_file *file = small->file;
    bsi_digest digest;
    bs_status status = BS_OK;

    if (restore->plan->verify) {
        bsi_sha256_of(small->bytes, small->size, &digest);
        status = bsi_digest_equal(&digest, &small->expected) ? BS_OK : wrong_content();
    }
    if (status >= 0 && small->size > 0) {
        status = bsi_target_file_write(file, 0, small->bytes, small->size);
    }
    if (status < 0) {
        bsi_target_file_abort(file);
        return status;
    }
    return bsi_target_file_commit(file);
}

static void run_small(bsi_task *task)
{
    small_file *small = (small_file *)(void *)task; /* The task is its first member. */
    bsi_restore *restore = small->restore;
    const bsi_slice path = {(const char *)small->bytes + small->size, small->path_size};
    const uint64_t size = small->size;

    if (atomic_load(&restore->stop)) {
        bsi_target_file_abort(small->file);
    } else {
        const bs_status finished = finish_small(small);
        const bs_status settled = bsi_restore_settle(restore, path, finished);
        (void)settled; /* A failure is kept for the job's thread. */
        if (finished >= 0 || !restore->defers) {
            bsi_progress_add(restore->env.progress, 1, size);
        }
    }
    bsi_free(small);
    atomic_fetch_sub(&restore->bytes_under_way, size);
    bsi_latch_done(&restore->under_way);
}

/* Wait until there is room for one more file under way. */
static void make_room(bsi_restore *restore)
{
    bsi_latch_wait(&restore->under_way, UNDER_WAY_FILES);
    if (atomic_load(&restore->bytes_under_way) > UNDER_WAY_BYTES) {
        bsi_latch_wait(&restore->under_way, 0);
    }
}

static bs_status read_small(bsi_restore *restore, const bsi_manifest_entry *from, small_file *small)
{
    const by_manifest *self = restore->source->self;
    const bsi_content *content = self->content;

    BSI_TRY(content->begin(content->self, from));
    return small->size == 0 ? BS_OK : content->next(content->self, small->bytes, small->size);
}

static bs_status restore_small(bsi_restore *restore, const bsi_entry *entry,
                               const bsi_manifest_entry *from, bsi_target_file *file)
{
    const size_t size = (size_t)entry->stat.size;
    small_file *small = bsi_alloc(sizeof(*small) + size + entry->path.size);
    bs_status status = BS_OK;

    if (!small) {
        bsi_target_file_abort(file);
        return BS_E_NOMEM;
    }
    *small = (small_file){.task.run = run_small,
                          .restore = restore,
                          .file = file,
                          .expected = from->listed.sha256,
                          .size = size,
                          .path_size = entry->path.size};
    memcpy(small->bytes + size, entry->path.data, entry->path.size);
    status = read_small(restore, from, small);
    if (status < 0) {
        bsi_target_file_abort(file);
        bsi_free(small);
        return status;
    }
    make_room(restore);
    atomic_fetch_add(&restore->bytes_under_way, size);
    bsi_latch_add(&restore->under_way);
    bsi_pool_submit(restore->env.pool, &small->task);
    return BS_OK;
}

/* --- Large files --- */

/* Hashes and writes one part while the job's thread decodes the next into the other buffer. */
typedef struct writer {
    bsi_task task;
    bsi_latch busy;
    bsi_sha256 *hash;
    bsi_target_file *file;
    const bsi_entry *entry;
    const uint8_t *data;
    size_t size;
    size_t extent;
    uint64_t in_extent;
    uint64_t at;
    bs_status status;
    bs_error failure;
} writer;

static bs_status write_part(writer *self)
{
    const uint8_t *data = self->data;
    size_t size = self->size;

    bsi_sha256_update(self->hash, data, size);
    if (!self->entry->sparse) {
        self->at += size;
        return bsi_target_file_write(self->file, self->at - size, data, size);
    }
    while (size > 0) {
        const bsi_extent *extent = &self->entry->extents[self->extent];
        const size_t part = (size_t)bsi_min_u64(size, extent->size - self->in_extent);
        BSI_TRY(bsi_target_file_write(self->file, extent->offset + self->in_extent, data, part));
        data += part;
        size -= part;
        self->in_extent += part;
        if (self->in_extent == extent->size) {
            self->extent++;
            self->in_extent = 0;
        }
    }
    return BS_OK;
}

static void run_writer(bsi_task *task)
{
    writer *self = (writer *)(void *)task; /* The task is its first member. */

    self->status = write_part(self);
    if (self->status < 0) {
        bsi_error_save(&self->failure);
    }
    bsi_latch_done(&self->busy);
}

/* Wait for the part under way; its failure comes back here. */
static bs_status settle_writer(writer *self)
{
    bsi_latch_wait(&self->busy, 0);
    if (self->status < 0) {
        bsi_error_restore(&self->failure);
    }
    return self->status;
}

static bs_status copy_parts(bsi_restore *restore, const bsi_entry *entry, writer *self,
                            uint8_t *buffer)
{
    const bsi_content *content = ((const by_manifest *)restore->source->self)->content;
    uint64_t left = bsi_entry_data_size(entry);
    bool second = false;

    while (left > 0) {
        uint8_t *part = buffer + (second ? PART : 0);
        const size_t size = (size_t)bsi_min_u64(left, PART);
        BSI_TRY(bsi_call_check(restore->env.call));
        BSI_TRY(content->next(content->self, part, size));
        BSI_TRY(settle_writer(self));
        self->data = part;
        self->size = size;
        bsi_latch_add(&self->busy);
        bsi_pool_submit(restore->env.pool, &self->task);
        bsi_progress_add(restore->env.progress, 0, size);
        left -= size;
        second = !second;
    }
    return BS_OK;
}

static bs_status copy_large(bsi_restore *restore, const bsi_entry *entry,
                            const bsi_manifest_entry *from, bsi_target_file *file)
{
    const by_manifest *source = restore->source->self;
    writer self = {.task.run = run_writer, .hash = source->hash, .file = file, .entry = entry};
    uint8_t *buffer = bsi_alloc((size_t)2 * PART);
    bsi_digest digest;
    bs_status status = buffer ? BS_OK : BS_E_NOMEM;
    bs_error failure = {0};

    bsi_latch_init(&self.busy);
    bsi_sha256_reset(source->hash);
    if (status >= 0) {
        status = source->content->begin(source->content->self, from);
    }
    if (status >= 0) {
        status = copy_parts(restore, entry, &self, buffer);
    }
    bsi_error_save(&failure);
    if (settle_writer(&self) < 0 && status >= 0) {
        status = self.status;
    } else {
        bsi_error_restore(&failure);
    }
    bsi_sha256_finish(source->hash, &digest);
    if (status >= 0 && restore->plan->verify && !bsi_digest_equal(&digest, &from->listed.sha256)) {
        status = wrong_content();
    }
    bsi_latch_dispose(&self.busy);
    bsi_free(buffer);
    return status;
}

static bs_status restore_large(bsi_restore *restore, const bsi_entry *entry,
                               const bsi_manifest_entry *from, bsi_target_file *file)
{
    const bs_status status = copy_large(restore, entry, from, file);

    if (status < 0) {
        bsi_target_file_abort(file);
        return status;
    }
    bsi_progress_add(restore->env.progress, 1, entry->stat.size - bsi_entry_data_size(entry));
    return bsi_target_file_commit(file);
}

static bs_status restore_file(bsi_restore *restore, const bsi_entry *entry,
                              const bsi_manifest_entry *from)
{
    bsi_target_file *file = NULL;
    bs_status status = bsi_target_file_begin(restore->target, entry, &file);

    if (status != BS_OK) {
        bsi_progress_add(restore->env.progress, 1, entry->stat.size);
    } else if (!entry->sparse && entry->stat.size <= SMALL_MAX) {
        status = restore_small(restore, entry, from, file);
    } else {
        status = restore_large(restore, entry, from, file);
    }
    return bsi_restore_settle(restore, entry->path, status);
}

/* --- The source --- */

static bs_status rewind_manifest(bsi_restore *restore)
{
    return bsi_manifest_rewind(((const by_manifest *)restore->source->self)->manifest);
}

static bs_status next_entry(bsi_restore *restore, const bsi_manifest_entry **out)
{
    return bsi_manifest_next(((const by_manifest *)restore->source->self)->manifest, out);
}

static void forget_content(bsi_restore *restore)
{
    const bsi_content *content = ((const by_manifest *)restore->source->self)->content;

    content->forget(content->self);
}

bs_status bsi_restore_manifest(const bsi_vault_env *env, const bsi_restore_plan *plan,
                               bsi_manifest_reader *manifest, const bsi_content *content,
                               bsi_restore_result *out)
{
    by_manifest self = {.manifest = manifest, .content = content};
    const bsi_restore_source source = {
        .info = bsi_manifest_reader_info(manifest),
        .rewind = rewind_manifest,
        .next = next_entry,
        .file = restore_file,
        .again = content->forget ? forget_content : NULL,
        .self = &self,
    };
    bs_status status = bsi_sha256_new(&self.hash);

    if (status >= 0) {
        status = bsi_restore_run(env, plan, &source, out);
    }
    bsi_sha256_free(self.hash);
    return status;
}
