/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_REPOSITORY_H
#define BSI_ENGINE_REPOSITORY_H

#include <backupsvc/repository.h>

#include "engine/access.h"
#include "engine/job.h"
#include "vault/repository/session.h"

/* Repositories as such, apart from the backups that lie in them. */

#define BSI_REPOSITORY_STORAGE "local" /* Where none is named. */

/* The repository of a storage, opened with the pass phrases that are known. Stays where it is. */
typedef struct bsi_open_repository {
    bsi_storage *storage;
    bsi_access access;
    bsi_warn warn; /* To the log. */
    bsi_vault_env env;
    bsi_repo_session session;
} bsi_open_repository;

/* `storage` NULL: the usual one. `job` NULL: it is for a call that belongs to none. */
BS_NODISCARD bs_status bsi_repository_open(bs_service *service, const char *storage,
                                           bsi_session_lock lock, bsi_job *job,
                                           bsi_open_repository *out);
/* With its index, under a shared lock, for a call that belongs to no job. */
BS_NODISCARD bs_status bsi_repository_open_whole(bs_service *service, const char *storage,
                                                 bsi_open_repository *out);
/* A zeroed one is ignored; the error record is left alone. */
void bsi_repository_close(bsi_open_repository *repository);

BS_NODISCARD bs_status bsi_repository_init(bs_service *service,
                                           const bs_repository_options *options,
                                           char id_out[BS_DIGEST_TEXT_SIZE]);

BS_NODISCARD bs_status bsi_repository_key_list(bs_service *service, const char *storage,
                                               bs_repository_keys **out);
void bsi_repository_keys_free(bs_repository_keys *keys);
BS_NODISCARD bs_status bsi_repository_key_add(bs_service *service, const char *storage,
                                              const char *reference,
                                              char id_out[BS_DIGEST_TEXT_SIZE]);
BS_NODISCARD bs_status bsi_repository_key_remove(bs_service *service, const char *storage,
                                                 const char *id);
BS_NODISCARD bs_status bsi_repository_key_change(bs_service *service, const char *storage,
                                                 const char *reference);
BS_NODISCARD bs_status bsi_repository_recipient_add(bs_service *service, const char *storage,
                                                    const char *reference,
                                                    char fingerprint_out[BS_FINGERPRINT_SIZE]);
BS_NODISCARD bs_status bsi_repository_key_renew(bs_service *service, const char *storage);

BS_NODISCARD bs_status bsi_repository_unlock(bs_service *service, const char *storage, bool all,
                                             uint64_t *removed_out);

/* RFC 3339 in UTC; "" for a time that is not told. NULL: no memory. */
const char *bsi_info_go_time(bsi_arena *arena, const bsi_go_time *time);

/* --- Checks --- */

/* What the rows of these jobs call their kind. */
#define BSI_JOB_KIND_CHECK "check"

BS_NODISCARD bs_status bsi_check_start(bs_service *service, const bs_check_options *options,
                                       char id_out[BS_ID_SIZE]);
BS_NODISCARD bs_status bsi_check_get(bs_service *service, const char *reference,
                                     bs_check_info **out);
void bsi_check_info_free(bs_check_info *info);

/* --- Pruning --- */

#define BSI_JOB_KIND_PRUNE "prune"

BS_NODISCARD bs_status bsi_prune_start(bs_service *service, const bs_prune_options *options,
                                       char id_out[BS_ID_SIZE]);
BS_NODISCARD bs_status bsi_prune_get(bs_service *service, const char *reference,
                                     bs_prune_info **out);
void bsi_prune_info_free(bs_prune_info *info);

/* --- Repair --- */

#define BSI_JOB_KIND_REPAIR "repair"

BS_NODISCARD bs_status bsi_repair_start(bs_service *service, const bs_repair_options *options,
                                        char id_out[BS_ID_SIZE]);
BS_NODISCARD bs_status bsi_repair_get(bs_service *service, const char *reference,
                                      bs_repair_info **out);
void bsi_repair_info_free(bs_repair_info *info);

#endif
