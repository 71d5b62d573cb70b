/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_SCHEDULER_H
#define BSI_ENGINE_SCHEDULER_H

#include <backupsvc/service.h>

#include "base/error.h"

/*
 * Runs schedules when they are due: one thread that sleeps until the next due
 * time, until somebody changes a schedule, a run ends or the clock is set.
 */
typedef struct bsi_scheduler bsi_scheduler;

/* See bs_service_run_schedules(). BS_OK also when it runs already. */
BS_NODISCARD bs_status bsi_scheduler_start(bs_service *service);

/* Look at the schedules anew, if they are run here. Any thread. */
void bsi_scheduler_wake(bs_service *service);

/* No run is started any more. The second step: nobody can wake it any more. */
void bsi_scheduler_stop(bs_service *service);
void bsi_scheduler_free(bs_service *service);

#ifdef BSI_TESTING
/* Wait until it has looked at the schedules since now: when it will look again by itself. */
int64_t bsi_scheduler_sync(bs_service *service);
#endif

#endif
