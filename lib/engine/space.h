/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_SPACE_H
#define BSI_ENGINE_SPACE_H

#include <backupsvc/service.h>

#include "task/budget.h"

/*
 * MAX_STORAGE_SIZE: how much the storage "local" may hold. From
 * STORAGE_WARNING_THRESHOLD on there are warnings, and retention does not let
 * what it has marked wait; at the limit no backup begins, and one that crosses it
 * fails as on a full disk.
 */

/* Sum up what the catalogue knows; at the beginning of the service. */
BS_NODISCARD bs_status bsi_space_open(bs_service *service);

/*
 * Whether a backup may begin on a storage; `out` is what it spends from. A
 * storage that is full is thinned first, which may take its time. BS_E_NO_SPACE.
 */
BS_NODISCARD bs_status bsi_space_admit(bs_service *service, const char *storage, bsi_spending *out);

/* The backup is over, and its row tells what it has stored. */
void bsi_space_settle(bs_service *service, bsi_spending *spending);

/* Whether there is a limit at all. */
bool bsi_space_is_limited(const bs_service *service);

/*
 * Whether the threshold is reached. The first time that it is, that is logged and
 * told to all who listen, and again only after it was not.
 */
bool bsi_space_is_short(bs_service *service);

#endif
