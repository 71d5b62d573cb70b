/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_COPY_BACKUPS_H
#define BSI_ENGINE_COPY_BACKUPS_H

#include "engine/job.h"
#include "vault/repository/adopt.h"

/*
 * The part of a copy that turns backups of other forms into snapshots: which of them, and one
 * after the other.
 */
typedef struct bsi_copy_backup {
    char id[BS_ID_SIZE];
    int64_t seq;
} bsi_copy_backup;

/* Zeroed, it is empty. */
typedef struct bsi_copy_backups {
    bsi_copy_backup *items;
    size_t count;
    size_t capacity;
    uint64_t files; /* Of all of them. */
    uint64_t bytes;
} bsi_copy_backups;

void bsi_copy_backups_dispose(bsi_copy_backups *list);

/*
 * Take what `reference` names, if that is a completed backup whose form lends. Else `*taken_out`
 * is false: it may name a snapshot. BS_E_INVALID: it is one, and lies on another storage.
 */
BS_NODISCARD bs_status bsi_copy_backups_take(bs_service *service, const char *storage,
                                             const char *reference, bsi_copy_backups *list,
                                             bool *taken_out);

/* All of them that are on a storage now, in the order in which they were made. */
BS_NODISCARD bs_status bsi_copy_backups_take_all(bs_service *service, const char *storage,
                                                 bsi_copy_backups *list);

/* Make a snapshot of one. BS_E_NOT_FOUND: it went meanwhile; else as bsi_adopter_add(). */
BS_NODISCARD bs_status bsi_copy_backup_run(bsi_job *job, const char *id, bsi_adopter *adopter,
                                           bsi_adopted *out);

#endif
