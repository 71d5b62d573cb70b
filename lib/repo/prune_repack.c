/* SPDX-License-Identifier: MIT */
/*
 * Copying what is needed out of packs that go. Sealed bytes are copied as they are,
 * after they were opened and found right. Of what lies close together, much is read at
 * once.
 */
#include "base/alloc.h"
#include "compress/zstd_frame.h"
#include "repo/prune_int.h"
#include "repo/reader.h"
#include "repo/save.h"

enum {
    GAP_MAX = 128 * 1024,           /* Bytes that are read in vain rather than read in two goes. */
    STRETCH_MAX = 16 * 1024 * 1024, /* Bytes that are read in one go; one blob may be larger. */
};

typedef struct mover {
    bsi_repo_prune *prune;
    bsi_repo_lock *lock;
    bsi_repo_writer *writer;
    bsi_blob_sealer *opener;
    bsi_blob_sealer *sealer;
    bsi_blob_reader *reader; /* Of other copies. */
    bsi_buf stretch;
    bsi_buf sealed; /* Anew. */
    bsi_blob_list blobs;
} mover;

/* Seal plain bytes anew. */
static bs_status store_anew(mover *self, const bsi_blob *blob, bsi_slice plain)
{
    bsi_blob fresh = {.id = blob->id, .type = blob->type};

    bsi_buf_clear(&self->sealed);
    BSI_TRY(bsi_blob_seal(self->sealer, &fresh, plain.data, plain.size, &self->sealed));
    return bsi_repo_writer_copy(self->writer, &fresh, self->sealed.data);
}

static bool is_plain_tree(const mover *self, const bsi_blob *blob)
{
    return blob->type == BSI_BLOB_TREE && blob->plain_size == 0 &&
           bsi_repo_config_of(self->prune->repo)->version > 1;
}

static bs_status move_blob(mover *self, const bsi_blob *blob, const uint8_t *sealed)
{
    bsi_slice plain = {0};
    bs_status status = bsi_blob_open(self->opener, blob, sealed, &plain);

    if (status == BS_OK && !is_plain_tree(self, blob)) {
        return bsi_repo_writer_copy(self->writer, blob, sealed);
    }
    if (status == BS_E_CORRUPT || status == BS_E_LIMIT) { /* Another copy may be whole. */
        status =
            bsi_blob_reader_read(self->reader, self->prune->call, blob->type, &blob->id, &plain);
    }
    BSI_TRY(status);
    return store_anew(self, blob, plain);
}

/* How many blobs from one on are read in one go. */
static size_t stretch_from(const mover *self, size_t first)
{
    const bsi_blob *items = self->blobs.items;
    uint64_t end = (uint64_t)items[first].offset + items[first].size;
    size_t next = first + 1;

    while (next < self->blobs.count && items[next].offset - end <= GAP_MAX &&
           items[next].offset + items[next].size - items[first].offset <= STRETCH_MAX) {
        end = (uint64_t)items[next].offset + items[next].size;
        next++;
    }
    return next - first;
}

static bs_status move_stretch(mover *self, const char *key, size_t first, size_t count)
{
    const bsi_repo_prune *prune = self->prune;
    const bsi_blob *items = &self->blobs.items[first];
    const uint32_t begin = items[0].offset;
    const size_t size = (size_t)items[count - 1].offset + items[count - 1].size - begin;

    BSI_TRY(bsi_prune_go_on(prune, self->lock));
    bsi_buf_clear(&self->stretch);
    BSI_TRY(bsi_buf_reserve(&self->stretch, size));
    BSI_TRY(bsi_storage_read(bsi_repo_storage(prune->repo), prune->call, key, begin,
                             self->stretch.data, size));
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(move_blob(self, &items[i], self->stretch.data + (items[i].offset - begin)));
    }
    return BS_OK;
}

/* Leave only those in the list whose copy in this pack counts. */
static bs_status pick_kept(mover *self, uint32_t number)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->blobs.count; i++) {
        bool keeps = false;
        BSI_TRY(bsi_prune_keeps(self->prune, number, &self->blobs.items[i], &keeps));
        if (keeps) {
            self->blobs.items[kept++] = self->blobs.items[i];
        }
    }
    self->blobs.count = kept;
    return BS_OK;
}

static bs_status move_pack(mover *self, uint32_t number)
{
    const bsi_repo_prune *prune = self->prune;
    char key[BSI_REPO_KEY_SIZE];
    bsi_digest id;
    bs_status status = bsi_repo_index_pack(prune->index, number, &id, &self->blobs);
    size_t count = 0;

    BSI_CHECK(status != BS_END);
    BSI_TRY(status);
    BSI_TRY(pick_kept(self, number));
    bsi_repo_object_key(prune->repo, BSI_REPO_PACKS, &id, key);
    for (size_t at = 0; status == BS_OK && at < self->blobs.count; at += count) {
        count = stretch_from(self, at);
        status = move_stretch(self, key, at, count);
    }
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "repacking %s", key) : BS_OK;
}

static bs_status move_all(mover *self)
{
    bs_status status = BS_OK;

    for (uint32_t i = 0; status == BS_OK && i < self->prune->pack_count; i++) {
        if (self->prune->packs[i].fate == BSI_FATE_REPACK) {
            status = move_pack(self, i);
        }
    }
    return status < 0 ? status : bsi_repo_writer_finish(self->writer);
}

static bs_status mover_new(mover *self)
{
    const bsi_repo_prune *prune = self->prune;
    const bsi_save_options saving = {.pack_target = prune->options.pack_target};
    const bsi_blob_options sealing = {
        .key = bsi_repo_master_key(prune->repo),
        .version = bsi_repo_config_of(prune->repo)->version,
        .level = BSI_ZSTD_FRAME_LEVEL_DEFAULT,
    };

    BSI_TRY(bsi_blob_sealer_new(&sealing, &self->opener));
    BSI_TRY(bsi_blob_sealer_new(&sealing, &self->sealer));
    BSI_TRY(bsi_blob_reader_new(prune->repo, prune->index, &self->reader));
    return bsi_repo_writer_new(prune->repo, prune->index, prune->options.pool, prune->call, &saving,
                               &self->writer);
}

static void note_written(const mover *self)
{
    bsi_save_stats stats = {0};

    if (self->writer) {
        bsi_repo_writer_stats(self->writer, &stats);
    }
    self->prune->report.packs_written += stats.packs;
    self->prune->report.bytes_written += stats.sealed_bytes;
    self->prune->report.index_files_written += stats.index_files;
}

static void mover_dispose(mover *self)
{
    bsi_repo_writer_free(self->writer);
    bsi_blob_sealer_free(self->opener);
    bsi_blob_sealer_free(self->sealer);
    bsi_blob_reader_free(self->reader);
    bsi_buf_dispose(&self->stretch);
    bsi_buf_dispose(&self->sealed);
    bsi_blob_list_dispose(&self->blobs);
}

bs_status bsi_repo_prune_repack(bsi_repo_prune *prune, bsi_repo_lock *lock)
{
    mover self = {.prune = prune, .lock = lock};
    bs_status status = BS_OK;

    if (prune->report.packs_to_repack == 0) {
        return BS_OK;
    }
    BSI_CHECK(prune->options.pool);
    bsi_buf_init(&self.stretch, UINT32_MAX);
    bsi_buf_init(&self.sealed, UINT32_MAX);
    status = mover_new(&self);
    if (status == BS_OK) {
        status = move_all(&self);
    }
    note_written(&self);
    mover_dispose(&self);
    return status;
}
