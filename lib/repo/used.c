/* SPDX-License-Identifier: MIT */
/*
 * The walk needs no paths and no order: trees that were seen wait in a list, and
 * a blob's bit says that it was.
 */
#include "repo/used.h"

#include "repo/bits.h"
#include "repo/reader.h"
#include "repo/snapshot_load.h"
#include "repo/tree.h"

struct bsi_used {
    const bsi_repo *repo;
    bsi_repo_index *index;
    bsi_blob_reader *reader;
    bsi_bits rows; /* Of the first places. */
    bsi_buf trees; /* bsi_digest: seen, and still to be read. */
    bsi_used_stats stats;
};

bs_status bsi_used_new(const bsi_repo *repo, bsi_repo_index *index, bsi_used **out)
{
    bsi_used *self = bsi_calloc(1, sizeof(*self));
    bs_status status = self ? bsi_blob_reader_new(repo, index, &self->reader) : BS_E_NOMEM;

    if (status == BS_OK) {
        status = bsi_blob_reader_use_blocks(self->reader);
    }
    if (status < 0) {
        bsi_used_free(self);
        return status;
    }
    self->repo = repo;
    self->index = index;
    bsi_buf_init(&self->trees, (size_t)BSI_INDEX_ROWS_MAX * sizeof(bsi_digest));
    *out = self;
    return BS_OK;
}

void bsi_used_free(bsi_used *used)
{
    if (used) {
        bsi_blob_reader_free(used->reader);
        bsi_bits_dispose(&used->rows);
        bsi_buf_dispose(&used->trees);
        bsi_free(used);
    }
}

bool bsi_used_has(const bsi_used *used, uint32_t row)
{
    return bsi_bits_has(&used->rows, row);
}

void bsi_used_get_stats(const bsi_used *used, bsi_used_stats *out)
{
    *out = used->stats;
}

/* A blob that a tree names. */
static bs_status need(bsi_used *self, bsi_blob_type type, const bsi_digest *id, bool *is_new)
{
    bsi_blob_place place = {0};
    const bs_status status = bsi_repo_index_find(self->index, type, id, 0, &place);

    if (status == BS_END) {
        return bsi_blob_not_known(type, id);
    }
    BSI_TRY(status);
    *is_new = !bsi_used_has(self, place.row);
    if (*is_new) {
        BSI_TRY(bsi_bits_reserve(&self->rows, place.row + 1));
        bsi_bits_add(&self->rows, place.row);
        self->stats.blobs++;
        self->stats.sealed_bytes += place.blob.size;
    }
    return BS_OK;
}

static bs_status need_tree(bsi_used *self, const bsi_digest *id)
{
    bool is_new = false;

    BSI_TRY(need(self, BSI_BLOB_TREE, id, &is_new));
    return is_new ? bsi_buf_append(&self->trees, id, sizeof(*id)) : BS_OK;
}

static bs_status need_node(bsi_used *self, const bsi_node *node)
{
    bool is_new = false;

    for (size_t i = 0; i < node->content_count; i++) {
        BSI_TRY(need(self, BSI_BLOB_DATA, &node->content[i], &is_new));
    }
    return node->has_subtree ? need_tree(self, &node->subtree) : BS_OK;
}

static bs_status need_nodes(bsi_used *self, bsi_slice text)
{
    bsi_tree_reader reader;
    bsi_node node;
    bs_status status = BS_OK;

    bsi_tree_reader_init(&reader, text.data, text.size);
    while (status == BS_OK) {
        status = bsi_tree_reader_next(&reader, &node);
        if (status == BS_OK) {
            status = need_node(self, &node);
        }
    }
    bsi_tree_reader_dispose(&reader);
    return status < 0 ? status : BS_OK;
}

static bs_status read_tree(bsi_used *self, const bs_call *call, const bsi_digest *id)
{
    bsi_slice text = {0};

    BSI_TRY(bsi_blob_reader_read(self->reader, call, BSI_BLOB_TREE, id, &text));
    self->stats.trees++;
    return need_nodes(self, text);
}

static bs_status read_trees(bsi_used *self, const bs_call *call, bsi_repo_lock *lock)
{
    bsi_digest id;

    while (self->trees.size > 0) {
        BSI_TRY(bsi_call_check(call));
        BSI_TRY(lock ? bsi_repo_lock_keep(lock, call) : BS_OK);
        self->trees.size -= sizeof(id);
        memcpy(&id, self->trees.data + self->trees.size, sizeof(id));
        BSI_TRY(read_tree(self, call, &id));
    }
    return BS_OK;
}

bs_status bsi_used_add(bsi_used *used, const bs_call *call, bsi_repo_lock *lock,
                       const bsi_digest *snapshot)
{
    char hex[2 * BSI_SHA256_SIZE + 1];
    bsi_digest tree;
    bs_status status = BS_OK;

    BSI_TRY(bsi_snapshot_load_tree(used->repo, call, snapshot, &tree));
    status = need_tree(used, &tree);
    if (status == BS_OK) {
        status = read_trees(used, call, lock);
    }
    if (status < 0) {
        bsi_digest_format(snapshot, hex);
        return bsi_fail_context(BS_LAYER_STORAGE, status, "what snapshot %.8s needs", hex);
    }
    used->stats.snapshots++;
    return BS_OK;
}
