/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_SNAPSHOT_LOAD_H
#define BSI_REPO_SNAPSHOT_LOAD_H

#include "repo/repository.h"
#include "repo/snapshot.h"

/*
 * Snapshots on a storage. Failures are those of bsi_repo_load() and of
 * bsi_snapshot_parse(), and name the snapshot.
 */

/* On success it is disposed of by the caller. */
BS_NODISCARD bs_status bsi_snapshot_load(const bsi_repo *repo, const bs_call *call,
                                         const bsi_digest *id, bsi_snapshot *out);

/* Only the id of its tree. */
BS_NODISCARD bs_status bsi_snapshot_load_tree(const bsi_repo *repo, const bs_call *call,
                                              const bsi_digest *id, bsi_digest *tree_out);

/* Store one as a new file. */
BS_NODISCARD bs_status bsi_snapshot_save(const bsi_repo *repo, const bs_call *call,
                                         const bsi_snapshot *snapshot, bsi_digest *id_out);

#endif
