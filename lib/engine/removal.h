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

/* Finish what was begun on one storage; what cannot be removed now is logged and stays marked. */
BS_NODISCARD bs_status bsi_removals_finish(bs_service *service, const char *storage);

#endif
