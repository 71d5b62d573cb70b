/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_RUNNER_H
#define BSI_ENGINE_RUNNER_H

#include "engine/job.h"

/*
 * When jobs run: in the order they were started, MAX_CONCURRENT_BACKUPS of them
 * at once, on threads that are made when there is work for them.
 */

/*
 * Write a job's first row and hand it to the runners. Gives up the caller's
 * reference. On failure nothing is left of it: BS_E_BUSY while the service
 * closes or its catalogue is rebuilt.
 */
BS_NODISCARD bs_status bsi_job_start(bsi_job *job);

/*
 * The same in two steps, for those who have to write something down between
 * them. An enlisted job can be found by its id; bsi_job_begin() or
 * bsi_job_discard() must follow, which give up the caller's reference. A job that
 * failed to be enlisted is discarded as well.
 */
BS_NODISCARD bs_status bsi_job_enlist(bsi_job *job);
BS_NODISCARD bs_status bsi_job_begin(bsi_job *job);
void bsi_job_discard(bsi_job *job);

/* Harmless on one that is over. A job that waits to be run ends here and now. */
void bsi_job_cancel(bsi_job *job);

/* Keep jobs from starting: BS_E_BUSY when one is waiting or running. */
BS_NODISCARD bs_status bsi_jobs_hold(bs_service *service);
void bsi_jobs_release(bs_service *service);

/* Cancel all, wait until they are over, and end the runners. No job can start any more. */
void bsi_jobs_stop(bs_service *service);

#ifdef BSI_TESTING
/* Wait until all runners but so many have nothing to do, upkeep included. */
void bsi_jobs_sync(bs_service *service, unsigned busy);
#endif

/* Whether the service has been closing for so long that what can wait must wait. */
bool bsi_jobs_are_over(bs_service *service);

#endif
