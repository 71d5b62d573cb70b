/* SPDX-License-Identifier: MIT */
/*
 * The index from what index files still tell and from the packs' own headers.
 */
#include "repo/index_load.h"
#include "repo/index_read.h"
#include "repo/index_rewrite.h"
#include "repo/pack.h"
#include "repo/repair_int.h"

typedef struct indexer {
    bsi_repair base;
    bsi_repo_index *before; /* What index files tell. */
    bsi_repo_files files;   /* These. */
    bsi_repo_files packs;   /* On the storage. */
    bsi_blob_list blobs;
    bool changed;
} indexer;

static void index_damaged(void *user, bsi_slice key, const bs_error *error)
{
    const size_t digits = 2 * BSI_SHA256_SIZE;
    indexer *self = user;
    bsi_digest id = {0};

    self->base.report->indexes_damaged++;
    self->changed = true;
    if (key.size >= digits &&
        bsi_digest_parse(key.data + key.size - digits, digits, &id) == BS_OK) {
        bsi_repair_tell(
            &self->base,
            &(bsi_check_finding){.subject = BSI_CHECK_INDEX, .id = &id, .text = error->message});
    }
}

/* --- What is known of a pack --- */

/* From its header, in place of what is in the list. */
static bs_status read_header(indexer *self, const bsi_digest *id, bsi_blob_list *out)
{
    const bsi_repo *repo = self->base.repo;
    char key[BSI_REPO_KEY_SIZE];
    const bsi_pack_object pack = {bsi_repo_storage(repo), key, *id};

    bsi_blob_list_clear(out);
    bsi_repo_object_key(repo, BSI_REPO_PACKS, id, key);
    return bsi_pack_load_header(&pack, self->base.call, bsi_repo_master_key(repo),
                                bsi_repo_config_of(repo)->version, out);
}

/* What an index told of a pack is right as far as can be seen from outside. */
static bool seems_right(const indexer *self, const bsi_repo_file *file)
{
    return !self->base.options.all_headers && self->blobs.count > 0 &&
           file->size == bsi_pack_size(&self->blobs);
}

/* The header counts for more than an index; without one, the index counts. */
static bs_status correct_pack(indexer *self, const bsi_digest *id, bsi_blob_list *header)
{
    bs_error error;
    bs_status status = BS_OK;

    BSI_TRY(bsi_repair_go_on(&self->base));
    status = read_header(self, id, header);
    if (bsi_repair_is_damage(status)) {
        bsi_error_save(&error);
        bsi_repair_tell_pack(&self->base, id, error.message);
        return bsi_repo_index_add(self->base.index, id, &self->blobs);
    }
    BSI_TRY(status);
    if (!bsi_blob_list_equal(header, &self->blobs)) {
        self->changed = true;
        self->base.report->packs_corrected++;
        bsi_repair_tell_pack(&self->base, id, "the index told something else than its header");
    }
    return bsi_repo_index_add(self->base.index, id, header);
}

/* One that an index knows. */
static bs_status index_known(indexer *self, uint32_t number, bsi_blob_list *header)
{
    const bsi_repo_file *file = NULL;
    bsi_digest id;
    const bs_status status = bsi_repo_index_pack(self->before, number, &id, &self->blobs);

    if (status != BS_OK) {
        return status < 0 ? status : BS_OK;
    }
    file = bsi_repo_files_find(&self->packs, &id);
    if (!file) {
        self->changed = true;
        self->base.report->packs_missing++;
        bsi_repair_tell_pack(&self->base, &id, "is missing; the index tells of it no more");
        return BS_OK;
    }
    return seems_right(self, file) ? bsi_repo_index_add(self->base.index, &id, &self->blobs)
                                   : correct_pack(self, &id, header);
}

/* One that is in no index. */
static bs_status index_unknown(indexer *self, const bsi_digest *id, bsi_blob_list *header)
{
    bs_error error;
    bs_status status = BS_OK;

    if (bsi_repo_index_has_pack(self->before, id)) {
        return BS_OK;
    }
    BSI_TRY(bsi_repair_go_on(&self->base));
    status = read_header(self, id, header);
    if (bsi_repair_is_damage(status)) {
        bsi_error_save(&error);
        self->base.report->packs_unreadable++;
        bsi_repair_tell_pack(&self->base, id, error.message);
        return BS_OK;
    }
    BSI_TRY(status);
    self->changed = true;
    self->base.report->packs_found++;
    bsi_repair_tell_pack(&self->base, id, "was in no index");
    return bsi_repo_index_add(self->base.index, id, header);
}

static bs_status index_packs(indexer *self, bsi_blob_list *header)
{
    const uint32_t end = bsi_repo_index_pack_end(self->before);

    for (uint32_t i = 0; i < end; i++) {
        BSI_TRY(index_known(self, i, header));
    }
    for (size_t i = 0; i < self->packs.count; i++) {
        BSI_TRY(index_unknown(self, &self->packs.items[i].id, header));
    }
    return BS_OK;
}

/* --- The whole --- */

static bs_status repair(indexer *self)
{
    const bsi_repair *base = &self->base;
    const bsi_warn damaged = {.report = index_damaged, .user = self};
    const bsi_index_load_options loading = {&damaged, base->options.pool};
    bsi_index_rewrite rewrite = {.lock = base->lock, .old = &self->files};
    bsi_blob_list header = {0};
    bs_status status = BS_OK;

    BSI_TRY(bsi_repo_index_new(&self->before));
    BSI_TRY(bsi_repo_index_new(&self->base.index));
    bsi_index_limit_of(base->repo, self->base.index);
    BSI_TRY(bsi_repo_list(base->repo, base->call, BSI_REPO_INDEX, &self->files));
    BSI_TRY(bsi_repo_index_load(base->repo, base->call, &loading, self->before));
    BSI_TRY(bsi_repo_list(base->repo, base->call, BSI_REPO_PACKS, &self->packs));
    status = index_packs(self, &header);
    bsi_blob_list_dispose(&header);
    BSI_TRY(status);
    if ((!self->changed && !bsi_repo_index_is_told_twice(self->before)) || base->options.dry_run) {
        return BS_OK;
    }
    rewrite.index = base->index;
    return bsi_repo_index_rewrite(base->repo, base->call, &rewrite);
}

bs_status bsi_repo_repair_index(const bsi_repo *repo, const bs_call *call, bsi_repo_lock *lock,
                                const bsi_repair_options *options, bsi_repair_report *report)
{
    indexer self = {.base = {.repo = repo, .call = call, .lock = lock, .report = report}};
    bs_status status = BS_OK;

    *report = (bsi_repair_report){0};
    if (options) {
        self.base.options = *options;
    }
    status = repair(&self);
    bsi_repo_index_free(self.before);
    bsi_repo_index_free(self.base.index);
    bsi_repo_files_dispose(&self.files);
    bsi_repo_files_dispose(&self.packs);
    bsi_blob_list_dispose(&self.blobs);
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "repairing the index") : BS_OK;
}
