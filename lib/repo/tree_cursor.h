/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_TREE_CURSOR_H
#define BSI_REPO_TREE_CURSOR_H

#include "repo/reader.h"
#include "repo/tree.h"

/* A tree of a repository, with its text, that is gone through node by node. */
typedef struct bsi_tree_cursor {
    bsi_buf text;
    bsi_tree_reader reader;
    bsi_node node; /* The present one. */
    bool at_node;
} bsi_tree_cursor;

/*
 * Read a tree; the cursor stands before its first node. After a failure there is nothing to
 * dispose of.
 */
BS_NODISCARD bs_status bsi_tree_cursor_open(bsi_tree_cursor *cursor, bsi_blob_reader *reader,
                                            const bs_call *call, const bsi_digest *tree);
/* Zeroed is disposed of. */
void bsi_tree_cursor_dispose(bsi_tree_cursor *cursor);

/* To the next node; BS_END behind the last. */
BS_NODISCARD bs_status bsi_tree_cursor_next(bsi_tree_cursor *cursor);

#endif
