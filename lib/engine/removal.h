/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_REMOVAL_H
#define BSI_ENGINE_REMOVAL_H

#include <backupsvc/service.h>

#include "base/error.h"

/*
 * Removing backups in steps that a dead process leaves so that the next one can
 * finish: the row is marked, the objects go, the row goes.
 */

/* See bs_backup_delete(). */
BS_NODISCARD bs_status bsi_backup_delete(bs_service *service, const char *reference, bool cascade,
                                         uint64_t *removed_out);

/*
 * Remove a backup by itself, which nobody asked for: BS_E_NEEDED also for the last good one.
 * `reason` is that of BSI_METRIC_RETENTION_DELETED.
 */
BS_NODISCARD bs_status bsi_backup_expire(bs_service *service, const char *id, const char *reason,
                                         int64_t now);

/* Try again what was begun and could not be finished. What nobody else is about. */
BS_NODISCARD bs_status bsi_removals_retry(bs_service *service);

/* Finish what was begun on one storage; what cannot be removed now is logged and stays marked. */
BS_NODISCARD bs_status bsi_removals_finish(bs_service *service, const char *storage);

#endif
