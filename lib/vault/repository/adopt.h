/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_ADOPT_H
#define BSI_VAULT_REPOSITORY_ADOPT_H

#include "vault/repository/session.h"

/*
 * Makes snapshots of backups that other forms keep: of archives, with the containers that they
 * build on, and of mirrors. All that a restore would give is in the snapshot. One thread at a time.
 */
typedef struct bsi_adopter bsi_adopter;

/*
 * Reads the index and the snapshots that are there, and takes in packs that no index tells of. The
 * session, which holds a lock, outlives it.
 */
BS_NODISCARD bs_status bsi_adopter_new(const bsi_repo_session *session, bsi_adopter **out);
/* NULL is ignored; the error record is left alone. */
void bsi_adopter_free(bsi_adopter *adopter);

/* What came of a backup. */
typedef struct bsi_adopted {
    bsi_digest snapshot;
    bool is_new;    /* Else it was there already. */
    uint64_t trees; /* Directories. */
    uint64_t blobs; /* That were not stored before. */
    uint64_t bytes; /* Of these, plain. */
} bsi_adopted;

/*
 * A snapshot of a backup whose form lends. It has the backup's id, name, times and metadata, and
 * tells what it was made of; its `original` is the digest of the manifest. Where there is one of
 * that original with the same id, or with the same tree and time, none is made: of the former
 * nothing but the manifest is read.
 *
 * All bytes are compared with the manifest as they are read: BS_E_CORRUPT or BS_E_MISSING name the
 * container and the entry. After a failure nothing refers to what was stored so far, and the next
 * try uses it. Progress goes to env->progress.
 */
BS_NODISCARD bs_status bsi_adopter_add(bsi_adopter *adopter, const bsi_vault *form,
                                       const bsi_vault_env *env, const char *manifest_key,
                                       bsi_adopted *out);

#endif
