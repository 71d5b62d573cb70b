/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_PARENT_H
#define BSI_VAULT_REPOSITORY_PARENT_H

#include "repo/tree.h"
#include "vault/repository/session.h"

/*
 * The snapshot that a backup builds on, read beside a walk of the sources: both in
 * the order of bsi_path_compare(). Of the trees only those on the way to the present
 * place are in memory. One thread at a time.
 *
 * A tree that cannot be read is reported, and what it would tell of counts as new:
 * a snapshot is complete without its parent.
 */
typedef struct bsi_parent bsi_parent;

typedef struct bsi_parent_info {
    bsi_digest id;           /* Of the snapshot. */
    char backup[BS_ID_SIZE]; /* The id of its backup; "": restic made it. */
    bsi_time scan_began;     /* See bsi_source_unchanged(). */
    /*
     * It was made by us and by the same user: attributes, and where links point, are taken
     * from it for what is unchanged. Others may have left out what we would see.
     */
    bool is_ours;
} bsi_parent_info;

/* `session` has an index, and is borrowed. BS_E_CORRUPT, BS_E_NOT_FOUND: there is no using it. */
BS_NODISCARD bs_status bsi_parent_open(const bsi_repo_session *session, const char *manifest_key,
                                       bsi_parent **out);
void bsi_parent_free(bsi_parent *parent); /* NULL is ignored. */

const bsi_parent_info *bsi_parent_info_of(const bsi_parent *parent);

/*
 * What the parent has at `path`, which comes after those asked for before: the node's text, valid
 * until the next call. BS_END: nothing. Paths below a directory are found only after the
 * directory's own was asked for, or one of another below it.
 */
BS_NODISCARD bs_status bsi_parent_find(bsi_parent *parent, bsi_slice path, bsi_file_type type,
                                       bsi_slice *text_out);

/* Nothing more is asked for. */
BS_NODISCARD bs_status bsi_parent_finish(bsi_parent *parent);

/* Files of the parent that were not asked for, or only as something else. */
uint64_t bsi_parent_removed(const bsi_parent *parent);

#endif
