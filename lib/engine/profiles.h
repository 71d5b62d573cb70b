/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_PROFILES_H
#define BSI_ENGINE_PROFILES_H

#include <backupsvc/storage.h>

#include "engine/service.h"

/*
 * Storages that the catalogue keeps. They are opened when they are first
 * named, and are then among the service's own.
 */
BS_NODISCARD bs_status bsi_profile_add(bs_service *service, const char *name, const char *driver,
                                       const char *const *settings);
BS_NODISCARD bs_status bsi_profile_remove(bs_service *service, const char *name, bool force);

/*
 * Change limits, pairs as of bsi_limits_read(), of a storage that is open or kept: at once where
 * it is open, and for later where it is kept.
 */
BS_NODISCARD bs_status bsi_profile_limit(bs_service *service, const char *name,
                                         const char *const *limits);

/* Whether one of that name is kept. */
BS_NODISCARD bs_status bsi_profile_find(bs_service *service, const char *name, bool *is_kept);

/* Whether it is append-only or read-only, so that nothing is removed there. Connects to nothing. */
BS_NODISCARD bs_status bsi_profile_keeps_all(bs_service *service, const char *name, bool *out);

/* Open it if one of that name is kept, and is not open yet. */
BS_NODISCARD bs_status bsi_profile_open(bs_service *service, const char *name, bool *is_kept);

/* Open all of them, for what must look everywhere. */
BS_NODISCARD bs_status bsi_profiles_open(bs_service *service);

BS_NODISCARD bs_status bsi_storage_list_get(bs_service *service, bs_storage_list_info **out);
/* NULL is ignored. */
void bsi_storage_list_free(bs_storage_list_info *info);

BS_NODISCARD bs_status bsi_storage_check_run(bs_service *service, const char *name,
                                             bs_storage_check_info **out);
/* NULL is ignored. */
void bsi_storage_check_free(bs_storage_check_info *info);

#endif
