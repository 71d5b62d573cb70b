/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_SNAPSHOTS_H
#define BSI_VAULT_REPOSITORY_SNAPSHOTS_H

#include "vault/manifests.h"
#include "vault/repository/snapshot_info.h"
#include "vault/repository/tree_walk.h"

/* A snapshot in its repository, opened for reading. */
typedef struct bsi_opened_snapshot {
    bsi_repo_session session;
    bsi_repo_file file;
    bsi_snapshot snapshot;
} bsi_opened_snapshot;

/*
 * Open the snapshot with this key. `whole`: for reading what is in it, under a shared lock and
 * with the index; else only what it says of itself.
 */
BS_NODISCARD bs_status bsi_snapshot_open(const bsi_vault_env *env, const char *manifest_key,
                                         bool whole, bsi_opened_snapshot *out);
void bsi_snapshot_close(bsi_opened_snapshot *opened);

/* A walk over its trees. */
BS_NODISCARD bs_status bsi_snapshot_walk(const bsi_opened_snapshot *opened,
                                         const bsi_tree_watch *watch, bsi_tree_walk **out);

/* What the snapshots of a repository say; see vault/manifests.h. */
extern const bsi_manifests bsi_snapshot_manifests;

#endif
