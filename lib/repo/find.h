/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_FIND_H
#define BSI_REPO_FIND_H

#include "repo/index.h"
#include "repo/repository.h"
#include "repo/tree.h"
#include "text/pattern.h"

/*
 * Finds paths in one snapshot after another. What has nothing below it that matches is
 * read once for all of them, as long as it lies at the same path. One thread at a time.
 */
typedef struct bsi_finder bsi_finder;

typedef struct bsi_find_match {
    const bsi_digest *snapshot;
    bsi_slice path; /* From the root, with a slash before each name; any bytes. */
    const bsi_node *node;
} bsi_find_match;

/* Takes one match, for the call only; what it returns other than BS_OK ends it all. */
typedef bs_status (*bsi_find_cb)(void *user, const bsi_find_match *match);

/*
 * `patterns` as text/pattern.h has them, with the root of a snapshot as their top. All of
 * the arguments outlive the finder. `index` is that of the repository.
 */
BS_NODISCARD bs_status bsi_finder_new(const bsi_repo *repo, bsi_repo_index *index,
                                      const bsi_pattern_list *patterns, bsi_finder **out);
void bsi_finder_free(bsi_finder *finder); /* NULL is ignored. */

/* All matches in one snapshot, a folder before what is in it. */
BS_NODISCARD bs_status bsi_finder_run(bsi_finder *finder, const bs_call *call,
                                      const bsi_digest *snapshot, bsi_find_cb callback, void *user);

#endif
