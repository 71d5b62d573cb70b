/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_RECOVERY_H
#define BSI_ENGINE_RECOVERY_H

#include <backupsvc/service.h>

#include "base/error.h"

/*
 * What the last process left unfinished. A backup whose manifest is durable is
 * a backup, whatever its row says; of any other nothing stays on the storage.
 * All of it can be repeated: a recovery that dies is begun again.
 */

/* Rows that say pending or running become failed; which they were is kept for what follows. */
BS_NODISCARD bs_status bsi_recovery_mark(bs_service *service);

/* Whether something that was interrupted has not been recovered yet. */
BS_NODISCARD bs_status bsi_recovery_is_due(bs_service *service, bool *out);

/* What concerns one storage, once it is registered. */
BS_NODISCARD bs_status bsi_recovery_storage(bs_service *service, const char *name);

#endif
