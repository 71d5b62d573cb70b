/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_RECLAIM_H
#define BSI_ENGINE_RECLAIM_H

#include <backupsvc/service.h>

#include "vault/reclaim.h"

/*
 * Remove what belongs to no backup from all registered storages: objects of
 * backups that failed or that nobody knows, and, while no backup is running,
 * uploads that were not finished. What nobody knows must be a day old. Adds to
 * `out`; what a storage answers to it is logged and no failure of the call.
 */
BS_NODISCARD bs_status bsi_reclaim(bs_service *service, int64_t now, bsi_reclaimed *out);

#endif
