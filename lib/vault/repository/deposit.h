/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_DEPOSIT_H
#define BSI_VAULT_REPOSITORY_DEPOSIT_H

#include "vault/draft.h"
#include "vault/repository/batch.h"
#include "vault/repository/chunks.h"
#include "vault/repository/parent.h"
#include "vault/repository/trees.h"

/*
 * The work of a backup: sources in, blobs and the id of the root's tree out.
 *
 * First a walk notes what there is. Then the job's thread goes through the notes beside
 * the parent, hands them to the pool in batches, takes these back in order, stores large
 * files itself, and puts the trees together. Memory is bounded by the number of batches.
 */
typedef struct bsi_deposit {
    const bsi_vault_env *env;
    const bsi_backup_plan *plan;
    const bsi_repo_session *session;
    bsi_repo_writer *writer;
    bsi_parent *parent; /* NULL: none. */

    /* What came of it. */
    bsi_digest root;
    bsi_time began; /* The walk. */
    uint64_t entries;
    uint64_t files;
    uint64_t bytes;
    uint64_t new_bytes; /* Of files' chunks that were not stored before. */
    bsi_file_changes changes;
    bsi_tree_counts dirs;
} bsi_deposit;

/* All blobs are stored, or on their way, when it returns: see bsi_repo_writer_finish(). */
BS_NODISCARD bs_status bsi_deposit_run(bsi_deposit *deposit);

#endif
