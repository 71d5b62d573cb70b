/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_LOCAL_TREE_H
#define BSI_STORAGE_DRIVERS_LOCAL_TREE_H

#include "base/error.h"
#include "base/slice.h"
#include "os/thread.h"

/*
 * The directories of a local storage. Paths are those of directories as they
 * stand in keys; "" is the root. Nothing is reached through a symbolic link,
 * and paths may be longer than PATH_MAX. Any thread.
 */
enum { BSI_LOCAL_DURABLE_MAX = 512 };

typedef struct bsi_local_tree {
    int root;
    bsi_mutex lock; /* Guards the rest, and removing directories. Taken alone. */
    char *durable[BSI_LOCAL_DURABLE_MAX]; /* Directories known to be on disk, by their hash. */
    uint64_t removed;                     /* Grows with each removed directory. */
} bsi_local_tree;

/* `out` comes zeroed. */
BS_NODISCARD bs_status bsi_local_tree_open(const char *path, bool create, bsi_local_tree *out);
void bsi_local_tree_close(bsi_local_tree *tree);

BS_NODISCARD bs_status bsi_local_open_dir(const bsi_local_tree *tree, bsi_slice path, int *fd_out);

/*
 * The same to look for an object. BS_E_NOT_FOUND: there is nothing; BS_E_IO: something else is
 * where a directory was, and says nothing of what had been in that.
 */
BS_NODISCARD bs_status bsi_local_reach_dir(const bsi_local_tree *tree, bsi_slice path, int *fd_out);

/* Make what is missing of a path. Not durable before bsi_local_sync_parents(). */
BS_NODISCARD bs_status bsi_local_make_dirs(const bsi_local_tree *tree, bsi_slice path);

/* Make durable what was put into a directory, or removed from it. */
BS_NODISCARD bs_status bsi_local_sync_dir(const bsi_local_tree *tree, bsi_slice path);

/* Make durable that a directory exists which holds an object. */
BS_NODISCARD bs_status bsi_local_sync_parents(bsi_local_tree *tree, bsi_slice path);

/*
 * Remove a directory and those above it as long as they are empty, but for the root.
 * `left_out` is the one that stays.
 */
void bsi_local_remove_empty(bsi_local_tree *tree, bsi_slice path, bsi_slice *left_out);

#endif
