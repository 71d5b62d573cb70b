/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_STATE_DIR_H
#define BSI_ENGINE_STATE_DIR_H

#include "base/error.h"
#include "source/walk.h"

/*
 * The directory that a service owns:
 *
 *     lock              held as long as the service is open
 *     catalog.sqlite    the catalogue
 *     tmp/              files of the running process; emptied when it is opened
 *     storage/          the storage "local"
 *     bases/            for each storage plain copies of manifests that backups build on
 *     cache/            for storages that have one, copies of what is read again and again
 *     phrases/          pass phrases of repositories; see engine/phrases.h
 *     keyring           keys under names, sealed; see engine/keyring.h
 *     signing.key, signers   who signs; see engine/signers.h
 *     audit/            the audit log; see engine/audit.h
 *
 * It is named by its absolute path, taken when it is opened: a change of the
 * process's directory does not matter afterwards.
 */
typedef struct bsi_state_dir {
    char *path; /* Absolute and normalised. */
    char *storage_path;
    int fd;
    int lock_fd;
    int temp_fd;
    bsi_dir_id id;
} bsi_state_dir;

#define BSI_STATE_LOCK_FILE "lock"
#define BSI_STATE_TEMP_DIR "tmp"
#define BSI_STATE_STORAGE_DIR "storage"
#define BSI_STATE_BASES_DIR "bases"
#define BSI_STATE_CACHE_DIR "cache"
#define BSI_STATE_PHRASES_DIR "phrases"

/*
 * Make what is missing and take the lock. BS_E_BUSY: somebody has it;
 * BS_E_READ_ONLY; BS_E_INVALID: it holds files, but none of ours.
 */
BS_NODISCARD bs_status bsi_state_dir_open(const char *path, bsi_state_dir *out);

/* A zeroed one is ignored. */
void bsi_state_dir_close(bsi_state_dir *dir);

#endif
