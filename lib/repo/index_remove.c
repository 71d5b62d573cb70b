/* SPDX-License-Identifier: MIT */
/*
 * Taking packs out of the index: what stays moves up, in its order, so that nothing
 * is overwritten that is still to be read.
 */
#include <string.h>

#include "base/endian.h"
#include "repo/index.h"
#include "repo/index_int.h"

/* How far it is. */
typedef struct compaction {
    uint32_t blobs;
    uint32_t packs;
    size_t large;      /* Written. */
    size_t large_read; /* Looked at. */
    uint32_t holes;
} compaction;

/* The large row of a blob's row that stays, if it has one. */
static void keep_large(bsi_repo_index *self, compaction *done, uint32_t row)
{
    while (done->large_read < self->large_count && self->large[done->large_read].row < row) {
        done->large_read++;
    }
    if (done->large_read < self->large_count && self->large[done->large_read].row == row) {
        self->large[done->large] = self->large[done->large_read++];
        self->large[done->large++].row = done->blobs;
    }
}

static void keep_pack(bsi_repo_index *self, compaction *done, uint32_t pack)
{
    const uint32_t first = bsi_index_pack_first(self, pack);
    const uint32_t end = bsi_index_pack_end(self, pack);
    uint32_t offset = 0;
    bsi_digest id;

    bsi_index_pack_id(self, pack, &id);
    bsi_index_put_pack(bsi_rows_at(&self->packs, done->packs++), &id, done->blobs);
    for (uint32_t row = first; row < end; row++) {
        bsi_blob blob;
        bsi_index_row(self, row, &blob);
        keep_large(self, done, row);
        memmove(bsi_rows_at(&self->blobs, done->blobs), bsi_rows_at(&self->blobs, row),
                BSI_INDEX_BLOB_ROW_SIZE);
        if (done->blobs % BSI_INDEX_MARK_EVERY == 0) {
            bsi_put_le32(bsi_rows_at(&self->marks, done->blobs / BSI_INDEX_MARK_EVERY), offset);
        }
        offset += blob.size;
        done->holes += bsi_index_is_hole(&blob);
        done->blobs++;
    }
}

static void remove_locked(bsi_repo_index *self, bsi_pack_choice_cb goes, void *user)
{
    compaction done = {0};

    for (uint32_t i = 0; i < self->packs.count; i++) {
        bsi_digest id;
        bsi_index_pack_id(self, i, &id);
        if (!bsi_index_pack_is_gone(self, i) && !goes(user, &id)) {
            keep_pack(self, &done, i);
        }
    }
    bsi_rows_cut(&self->blobs, done.blobs);
    bsi_rows_cut(&self->marks, (done.blobs + BSI_INDEX_MARK_EVERY - 1) / BSI_INDEX_MARK_EVERY);
    bsi_rows_cut(&self->packs, done.packs);
    self->large_count = done.large;
    self->holes = done.holes;
    self->packs_gone = 0;
    self->slotted = 0;
    bsi_slots_clear(&self->blob_slots);
    bsi_slots_clear(&self->pack_slots);
    bsi_index_slot_packs(self);
}

void bsi_repo_index_remove(bsi_repo_index *index, bsi_pack_choice_cb goes, void *user)
{
    bsi_mutex_lock(&index->lock);
    remove_locked(index, goes, user);
    bsi_mutex_unlock(&index->lock);
}
