/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_TREES_H
#define BSI_VAULT_REPOSITORY_TREES_H

#include "repo/save.h"
#include "repo/tree.h"

/*
 * Puts the trees of a snapshot together from nodes that come in the order of
 * bsi_path_compare(), and stores each as soon as nothing more can come into it. In
 * memory are the directories on the way to the present one, and the trees that are
 * on their way to the storage. Of the former there may be so much as fits into memory
 * again when they are read: more is BS_E_LIMIT. One thread at a time, none of the pool's.
 */
typedef struct bsi_trees bsi_trees;

/* Directories by what became of them since the parent; restic's summary tells of them. */
typedef struct bsi_tree_counts {
    uint64_t added;
    uint64_t changed;
    uint64_t unmodified;
} bsi_tree_counts;

/* Both are borrowed. */
BS_NODISCARD bs_status bsi_trees_new(bsi_repo_index *index, bsi_repo_writer *writer,
                                     bsi_trees **out);
/* NULL is ignored. Trees that are on their way stay the writer's. */
void bsi_trees_free(bsi_trees *trees);

/* A node whose text is complete. Its directory was entered before, unless it is at the top. */
BS_NODISCARD bs_status bsi_trees_add(bsi_trees *trees, bsi_slice path, bsi_slice text);

/*
 * A directory, of whose node bsi_node_begin() has written `text`. `before` is the tree that it had
 * in the parent, NULL where it was not; `is_same` that all the rest of its node is as it was.
 */
BS_NODISCARD bs_status bsi_trees_enter(bsi_trees *trees, bsi_slice path, bsi_slice text,
                                       const bsi_digest *before, bool is_same);

/* Nothing more comes. Trees are durable after bsi_repo_writer_finish(). */
BS_NODISCARD bs_status bsi_trees_finish(bsi_trees *trees, bsi_digest *root_out);

const bsi_tree_counts *bsi_trees_counts(const bsi_trees *trees);

#endif
