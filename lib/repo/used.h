/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_USED_H
#define BSI_REPO_USED_H

#include "repo/index.h"
#include "repo/locks.h"
#include "repo/repository.h"

/*
 * Which blobs of an index snapshots need. Each tree is read once, however many
 * directories and snapshots have it. It takes a bit for each blob of the index.
 * One thread at a time.
 */
typedef struct bsi_used bsi_used;

/* Both outlive it. */
BS_NODISCARD bs_status bsi_used_new(const bsi_repo *repo, bsi_repo_index *index, bsi_used **out);
void bsi_used_free(bsi_used *used); /* NULL is ignored. */

/*
 * All that one more snapshot needs. `lock` is kept meanwhile, if it is not NULL.
 * BS_E_NOT_FOUND: there is no such snapshot. BS_E_MISSING, BS_E_CORRUPT and others
 * as bsi_blob_reader_read() has them: not all of it can be told; what the snapshot
 * needs is known in part only, so that nothing may rely on it.
 */
BS_NODISCARD bs_status bsi_used_add(bsi_used *used, const bs_call *call, bsi_repo_lock *lock,
                                    const bsi_digest *snapshot);

/* Whether a blob is needed whose first place has this row. */
bool bsi_used_has(const bsi_used *used, uint32_t row);

typedef struct bsi_used_stats {
    uint64_t snapshots;
    uint64_t trees;
    uint64_t blobs;        /* Trees included, each once. */
    uint64_t sealed_bytes; /* Of these, at their first places. */
} bsi_used_stats;

void bsi_used_get_stats(const bsi_used *used, bsi_used_stats *out);

#endif
