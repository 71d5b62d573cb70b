/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_SCHEDULE_DUE_H
#define BSI_ENGINE_SCHEDULE_DUE_H

#include <backupsvc/service.h>

#include "base/error.h"

/*
 * What is to be done with schedules at an instant, in seconds since 1970. Each
 * call looks after all of them: one that fails keeps no other from its turn, and
 * the failure tells that it has to be tried again.
 */

/* Runs that were written down, but whose jobs never began: start or give them up. */
BS_NODISCARD bs_status bsi_schedules_resume(bs_service *service, int64_t now);

/*
 * The clock, or the time zone database, may be another than when the next due times
 * were reckoned: reckon those anew that lie ahead.
 */
BS_NODISCARD bs_status bsi_schedules_refresh(bs_service *service, int64_t now);

/* Deal with all due times up to now. */
BS_NODISCARD bs_status bsi_schedules_run_due(bs_service *service, int64_t now);

#endif
