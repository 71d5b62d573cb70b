/* SPDX-License-Identifier: MIT */
/*
 * From the index in memory to new index files.
 */
#include "repo/index_rewrite.h"

#include "repo/index_file.h"

typedef struct writing {
    const bsi_repo *repo;
    const bs_call *call;
    bsi_index_rewrite *rewrite;
    bsi_index_writer file;
    bsi_blob_list blobs;
} writing;

static bs_status go_on(const writing *self)
{
    BSI_TRY(bsi_call_check(self->call));
    return self->rewrite->lock ? bsi_repo_lock_keep(self->rewrite->lock, self->call) : BS_OK;
}

static bs_status save_file(writing *self)
{
    bsi_digest id;

    if (self->file.packs == 0) {
        return BS_OK;
    }
    BSI_TRY(go_on(self));
    BSI_TRY(bsi_index_writer_finish(&self->file));
    BSI_TRY(bsi_repo_save(self->repo, self->call, BSI_REPO_INDEX, bsi_buf_slice(&self->file.text),
                          &id));
    bsi_index_writer_clear(&self->file);
    self->rewrite->files++;
    return BS_OK;
}

static bs_status add_pack(writing *self, uint32_t number)
{
    const bsi_index_rewrite *rewrite = self->rewrite;
    bsi_digest id;
    const bs_status status = bsi_repo_index_pack(rewrite->index, number, &id, &self->blobs);

    if (status != BS_OK ||
        (rewrite->leaves_out && rewrite->leaves_out(rewrite->user, number, &id))) {
        return status < 0 ? status : BS_OK;
    }
    BSI_TRY(bsi_index_writer_add(&self->file, &id, &self->blobs));
    return self->file.blobs >= BSI_INDEX_FILE_BLOBS ? save_file(self) : BS_OK;
}

static bs_status replace(writing *self)
{
    const bsi_repo_files *old = self->rewrite->old;
    const uint32_t end = bsi_repo_index_pack_end(self->rewrite->index);

    for (uint32_t i = 0; i < end; i++) {
        BSI_TRY(add_pack(self, i));
    }
    BSI_TRY(save_file(self));
    BSI_TRY(self->rewrite->durable ? self->rewrite->durable(self->rewrite->user) : BS_OK);
    for (size_t i = 0; i < old->count; i++) {
        BSI_TRY(go_on(self));
        BSI_TRY(bsi_repo_remove(self->repo, self->call, BSI_REPO_INDEX, &old->items[i].id));
    }
    return BS_OK;
}

bs_status bsi_repo_index_rewrite(const bsi_repo *repo, const bs_call *call,
                                 bsi_index_rewrite *rewrite)
{
    writing self = {.repo = repo, .call = call, .rewrite = rewrite};
    bs_status status = BS_OK;

    bsi_index_writer_init(&self.file);
    status = replace(&self);
    bsi_index_writer_dispose(&self.file);
    bsi_blob_list_dispose(&self.blobs);
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "replacing the index") : BS_OK;
}
