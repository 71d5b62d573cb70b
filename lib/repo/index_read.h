/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_INDEX_READ_H
#define BSI_REPO_INDEX_READ_H

#include "repo/index.h"
#include "repo/repository.h"
#include "task/pool.h"

/*
 * Takes an index file that was read, or whose reading has failed: then the error record
 * is that of the failure, and some of what the file tells may be in the index. What it
 * returns but BS_OK is the end.
 */
typedef bs_status (*bsi_index_file_cb)(void *user, const bsi_digest *id, bs_status status);

typedef struct bsi_index_source {
    const bsi_repo *repo;
    bsi_pool *pool; /* Whose threads fetch and parse; NULL: this one does. */
    bsi_index_file_cb taken;
    void *user;
} bsi_index_source;

/*
 * Read index files into an index, in their order, whatever order they arrive in. Besides
 * the index it takes what one file more than the pool has threads take, text and parsed, of
 * at most BSI_INDEX_READERS_MAX; one whose text is longer than BSI_INDEX_TEXT_USUAL is read
 * by itself. On a thread that is none of the
 * pool's. The memory of an index that is empty is limited as the repository's place has it.
 */
enum { BSI_INDEX_READERS_MAX = 8, BSI_INDEX_TEXT_USUAL = 32 * 1024 * 1024 };
BS_NODISCARD bs_status bsi_index_read(const bsi_index_source *source, const bs_call *call,
                                      const bsi_repo_files *files, bsi_repo_index *index);

/* Limit the memory of an index that is empty as the place of a repository has it. */
void bsi_index_limit_of(const bsi_repo *repo, bsi_repo_index *index);

#endif
