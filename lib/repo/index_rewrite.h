/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_INDEX_REWRITE_H
#define BSI_REPO_INDEX_REWRITE_H

#include "repo/index.h"
#include "repo/locks.h"
#include "repo/repository.h"

/* Whether a pack is left out. May not use the index. */
typedef bool (*bsi_index_choice_cb)(void *user, uint32_t number, const bsi_digest *pack);

/*
 * Write all of an index into new files, but for packs that are left out; when these are
 * durable, remove the files in `old`, whose content is all in the index. So each pack that
 * stays is in an index file at each moment. Whoever does this holds an exclusive lock, which
 * is kept meanwhile unless it is NULL. Adds to `files`, how many were written.
 *
 * What is to be done between the two is done by `durable`; its failure ends all of it.
 */
typedef struct bsi_index_rewrite {
    bsi_repo_index *index;
    bsi_repo_lock *lock;
    const bsi_repo_files *old;
    bsi_index_choice_cb leaves_out; /* NULL: all packs stay. */
    bs_status (*durable)(
        void *user); /* The new files are, and the old ones still there; or NULL. */
    void *user;
    uint64_t files;
} bsi_index_rewrite;

BS_NODISCARD bs_status bsi_repo_index_rewrite(const bsi_repo *repo, const bs_call *call,
                                              bsi_index_rewrite *rewrite);

#endif
