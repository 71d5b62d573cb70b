/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_CLOCK_H
#define BSI_ENGINE_CLOCK_H

#include <backupsvc/service.h>

#include "base/error.h"

/*
 * Whether the clock may be trusted with deleting; see bsi_retention_look(). What
 * it said is kept in the catalogue, from one process to the next.
 */

/* Look, and keep what was seen: BS_E_CLOCK, with what is the matter, when it cannot be trusted. */
BS_NODISCARD bs_status bsi_clock_look(bs_service *service, int64_t now);

/* The same without keeping anything. */
BS_NODISCARD bs_status bsi_clock_judge(bs_service *service, int64_t now);

/* Somebody says that it is right, in spite of everything that is recorded so far. */
BS_NODISCARD bs_status bsi_clock_accept(bs_service *service, int64_t now);

#endif
