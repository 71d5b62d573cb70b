/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_PRUNE_INT_H
#define BSI_REPO_PRUNE_INT_H

#include "repo/bits.h"
#include "repo/digest_table.h"
#include "repo/index.h"
#include "repo/marks.h"
#include "repo/prune.h"
#include "repo/used.h"

/* What the files of pruning share. */

typedef enum bsi_pack_fate {
    BSI_FATE_STAY,
    BSI_FATE_GO,     /* Nothing in it is needed. */
    BSI_FATE_REPACK, /* What is needed of it is copied; then it goes. */
} bsi_pack_fate;

/* A pack of the index. */
typedef struct bsi_prune_pack {
    bsi_pack_fate fate;
    bool is_known;  /* There is one of this number. */
    bool is_there;  /* On the storage, of the size that it must have. */
    bool is_lost;   /* Not on the storage at all. */
    bool is_marked; /* By an earlier run. */
    bool is_mixed;  /* Data and trees in one. */
    bool is_tree;   /* Its first blob is one. */
    bool has_plain; /* A tree that is not compressed, where it should be. */
    uint64_t file_size;
    uint64_t sealed;   /* Bytes of all its blobs. */
    uint64_t unneeded; /* Of blobs that nobody needs. */
    uint64_t kept;     /* Of blobs that are needed, and whose copy that counts is here. */
} bsi_prune_pack;

struct bsi_repo_prune {
    const bsi_repo *repo;
    const bs_call *call;
    bsi_prune_options options;
    bsi_prune_report report;
    bsi_repo_index *index;
    bsi_used *used;
    bsi_digest_table index_files; /* That the index in memory was made from. */
    bsi_digest_table snapshots;   /* That were read. */
    bsi_prune_pack *packs;        /* By their numbers in the index, as of the plan. */
    uint32_t pack_count;
    bsi_bits kept; /* Rows of places that count. */
    bsi_marks marks;
};

/* Read the index files that were not read yet. BS_E_BUSY: one that was read is gone. */
BS_NODISCARD bs_status bsi_prune_load_index(bsi_repo_prune *self);

/* Read the snapshots that were not read yet. */
BS_NODISCARD bs_status bsi_prune_load_snapshots(bsi_repo_prune *self, bsi_repo_lock *lock);

/* Fill `packs`: what is in each, and which copy of a blob counts. */
BS_NODISCARD bs_status bsi_prune_survey(bsi_repo_prune *self);

/* Set the fates. */
BS_NODISCARD bs_status bsi_prune_decide(bsi_repo_prune *self);

/* Whether the copy of a blob in this pack is the one that counts. */
BS_NODISCARD bs_status bsi_prune_keeps(bsi_repo_prune *self, uint32_t pack, const bsi_blob *blob,
                                       bool *out);

/* Whether anybody needs a blob of the index; `first` is its first place. */
BS_NODISCARD bs_status bsi_prune_needs(bsi_repo_prune *self, const bsi_blob *blob,
                                       bsi_blob_place *first, bool *out);

/* Between two steps: whether to go on, and the lock written anew if that is due. */
BS_NODISCARD bs_status bsi_prune_go_on(const bsi_repo_prune *self, bsi_repo_lock *lock);

/* A number that no pack has goes nowhere. */
static inline bool bsi_prune_goes(const bsi_repo_prune *self, uint32_t pack)
{
    return pack < self->pack_count && self->packs[pack].fate != BSI_FATE_STAY;
}

#endif
