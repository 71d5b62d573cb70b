/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_INDEX_LOAD_H
#define BSI_REPO_INDEX_LOAD_H

#include "base/warn.h"
#include "repo/index.h"
#include "repo/repository.h"
#include "task/pool.h"

/* Zeros stand for the usual. */
typedef struct bsi_index_load_options {
    /*
     * Index files that cannot be made use of are reported there under their keys, and passed over;
     * some of what they tell may be in the index. NULL: the first one is the failure, whose text
     * names it.
     */
    const bsi_warn *damaged;
    bsi_pool *pool; /* Whose threads fetch and parse; NULL: this one does, one file at a time. */
} bsi_index_load_options;

/*
 * Read all index files of a repository into an index. When one of them goes while
 * they are read, for somebody replaces it, they are read again, up to
 * BSI_INDEX_LOAD_ROUNDS times: then it is BS_E_BUSY. `options` may be NULL. On a
 * thread that is none of the pool's.
 */
enum { BSI_INDEX_LOAD_ROUNDS = 4 };
BS_NODISCARD bs_status bsi_repo_index_load(const bsi_repo *repo, const bs_call *call,
                                           const bsi_index_load_options *options,
                                           bsi_repo_index *index);

#endif
