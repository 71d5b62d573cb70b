/* SPDX-License-Identifier: MIT */
#ifndef BSI_SOURCE_WALK_H
#define BSI_SOURCE_WALK_H

#include "base/warn.h"
#include "os/entry.h"
#include "task/call.h"
#include "task/pool.h"
#include "text/pattern.h"

/*
 * What lies beneath the roots of a backup, in the order of bsi_path_compare().
 * Links are never followed; trees may be of any depth. Needs memory for the
 * directories on the way to the present one and a bounded amount ahead of it.
 *
 * What cannot be seen is reported and left out, or, for a directory that cannot
 * be listed, given without what is in it: BS_E_ACCESS and the like;
 * BS_E_NOT_FOUND for what vanished under way.
 */
typedef struct bsi_walk bsi_walk;

/* A directory, wherever it is mounted. */
typedef struct bsi_dir_id {
    uint64_t dev;
    uint64_t ino;
} bsi_dir_id;

/* Everything is borrowed and must outlive the walk. */
typedef struct bsi_walk_options {
    /*
     * Absolute and normalised, sorted by bsi_path_compare() of what follows the
     * leading slash; none lies inside another.
     */
    const char *const *roots;
    size_t root_count;
    /*
     * On paths relative to their root; a root itself is always kept. What `exclude`
     * matches is neither given nor entered. With an `include` list that has patterns,
     * only what it or a directory above matches is given, and directories on the way there.
     */
    const bsi_pattern_list *include; /* NULL: everything. */
    const bsi_pattern_list *exclude; /* NULL: nothing. */
    bool one_file_system;            /* Directories of another one are given, not entered. */
    const bsi_dir_id *skip;          /* Left out with a report: the library's own directories. */
    size_t skip_count;
    bsi_pool *pool;       /* Reads ahead; NULL: nobody does. */
    const bsi_warn *warn; /* NULL: nobody listens. */
} bsi_walk_options;

typedef struct bsi_walk_item {
    bsi_slice path; /* Absolute, without the leading slash. Valid until the next call. */
    bsi_stat stat;
    size_t root; /* The number of its root in the options. */
} bsi_walk_item;

/* Fails with layer SOURCE and names the root when one is missing or cannot be read. */
BS_NODISCARD bs_status bsi_walk_new(const bsi_walk_options *options, bsi_walk **out);

/*
 * The next item: BS_END after the last. Fails when it is cancelled, out of memory
 * or can no longer reach a root; the walk can then only be freed.
 */
BS_NODISCARD bs_status bsi_walk_next(bsi_walk *walk, const bs_call *call, bsi_walk_item *out);

/* Waits for what is read ahead. NULL is ignored. */
void bsi_walk_free(bsi_walk *walk);

#endif
