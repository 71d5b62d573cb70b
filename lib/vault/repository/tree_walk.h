/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_TREE_WALK_H
#define BSI_VAULT_REPOSITORY_TREE_WALK_H

#include "vault/manifest.h"
#include "vault/repository/session.h"

/*
 * The entries of a snapshot, from its root tree down: a directory, then all that
 * is in it, then its next sibling. One thread at a time.
 *
 * Trees are known by the digest of their text, so none can lie below itself. But
 * a few of them can stand for more entries than anybody has time for: at most
 * BSI_WALK_REPEATS times as many directories are entered as there are blobs.
 *
 * Memory: the trees on the way to the present entry, at most BSI_BLOB_TREE_MAX
 * bytes, and about 150 bytes and a path for each file with several names.
 */
typedef struct bsi_tree_walk bsi_tree_walk;

enum { BSI_WALK_REPEATS = 1000, BSI_WALK_DEPTH_MAX = 65536 };

/* One entry. Valid until the next call. */
typedef struct bsi_tree_item {
    bsi_manifest_entry entry;  /* Without digest and locator. `size` is that of the blobs. */
    const bsi_digest *content; /* A file's blobs. */
    size_t content_count;
    const bsi_digest *subtree; /* A directory's tree; NULL: it is none. */
    bool incomplete; /* A blob of it is in no pack of the index: its size is what the tree says. */
} bsi_tree_item;

/* Who goes along. Any of the functions may be NULL. */
typedef struct bsi_tree_watch {
    /*
     * Hears of a directory whose content, or of another entry that, cannot be read; the record
     * says why. BS_OK: go on without it. Without this function it is the end. Nothing is told
     * again when the walk begins again.
     */
    bs_status (*unread)(void *user, bsi_slice path, const bsi_digest *tree, bs_status status);
    /* Whether what is in a directory matters. */
    bool (*enters)(void *user, bsi_slice dir);
    void *user;
    bool again; /* The walk will begin again: what is read is kept in a file without a name. */
} bsi_tree_watch;

/* The session, which has an index, outlives the walk; so does what is watched with. */
BS_NODISCARD bs_status bsi_tree_walk_new(const bsi_repo_session *session, const bsi_digest *root,
                                         const bsi_tree_watch *watch, bsi_tree_walk **out);
void bsi_tree_walk_free(bsi_tree_walk *walk); /* NULL is ignored. */

/* Begin again at the first entry. */
BS_NODISCARD bs_status bsi_tree_walk_rewind(bsi_tree_walk *walk);

/* The next entry; BS_END behind the last. */
BS_NODISCARD bs_status bsi_tree_walk_next(bsi_tree_walk *walk, const bsi_tree_item **out);

#endif
