/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_DIFF_H
#define BSI_REPO_DIFF_H

#include "repo/index.h"
#include "repo/repository.h"
#include "repo/tree.h"

/*
 * What is different between two trees. Folders whose trees are the same are not read.
 */
typedef enum bsi_diff_kind {
    BSI_DIFF_ADDED,
    BSI_DIFF_REMOVED,
    BSI_DIFF_CHANGED,  /* A file has another content. */
    BSI_DIFF_METADATA, /* Only what is known of it is different: mode, owner, mtime and so on. */
    BSI_DIFF_TYPE,     /* Such as a folder where a file was. */
} bsi_diff_kind;

typedef struct bsi_diff_item {
    bsi_diff_kind kind;
    bsi_slice path;         /* From the root, with a slash before each name; any bytes. */
    const bsi_node *before; /* NULL for what was added. */
    const bsi_node *after;  /* NULL for what was removed. */
} bsi_diff_item;

/* Takes one difference, for the call only; what it returns other than BS_OK ends it all. */
typedef bs_status (*bsi_diff_cb)(void *user, const bsi_diff_item *item);

/*
 * In ascending order of the paths' components, a folder before what is in it. Of a folder
 * that was added or removed all that is in it is told as well. `index` is that of the
 * repository. Trees whose names are not in order are BS_E_CORRUPT.
 */
BS_NODISCARD bs_status bsi_repo_diff(const bsi_repo *repo, const bs_call *call,
                                     bsi_repo_index *index, const bsi_digest *before,
                                     const bsi_digest *after, bsi_diff_cb callback, void *user);

#endif
