/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_COPY_H
#define BSI_REPO_COPY_H

#include "repo/locks.h"
#include "repo/repository.h"
#include "task/pool.h"

/*
 * Copies snapshots from one repository to another, with all that they need and that is not
 * there yet. Files are the same in both, but each is cut into chunks as the first one has
 * them: unless both have the same polynomial, later backups do not find these. Whoever
 * copies holds a shared lock on each. One thread at a time.
 */
typedef struct bsi_copier bsi_copier;

typedef struct bsi_copy_options {
    bsi_repo_lock *from_lock; /* Kept meanwhile; NULL: the caller sees to that. */
    bsi_repo_lock *to_lock;   /* Likewise. */
    size_t pack_target;       /* Bytes; 0: BSI_PACK_TARGET. */
    bsi_pool *pool;           /* Outlives the copier. */
} bsi_copy_options;

/* Reads both indexes. All that is given outlives the copier. */
BS_NODISCARD bs_status bsi_copier_new(const bsi_repo *from, const bsi_repo *to, const bs_call *call,
                                      const bsi_copy_options *options, bsi_copier **out);
/* NULL is ignored; the error record is left alone. */
void bsi_copier_free(bsi_copier *copier);

/*
 * Copy a snapshot. It is the same but for `parent`, which means nothing there, and
 * `original`, which is the id of the first version of it in any repository. When there is a
 * snapshot already with the same original, tree and time, nothing is copied, and `is_new_out`
 * is false. After a failure nothing refers to what was copied so far, and the next try uses it.
 */
BS_NODISCARD bs_status bsi_copier_add(bsi_copier *copier, const bsi_digest *snapshot,
                                      bsi_digest *id_out, bool *is_new_out);

typedef struct bsi_copy_stats {
    uint64_t snapshots;
    uint64_t trees; /* That were read. */
    uint64_t blobs; /* That were copied. */
    uint64_t bytes; /* Of these, plain. */
} bsi_copy_stats;

void bsi_copier_get_stats(bsi_copier *copier, bsi_copy_stats *out);

#endif
