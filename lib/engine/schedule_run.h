/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_SCHEDULE_RUN_H
#define BSI_ENGINE_SCHEDULE_RUN_H

#include <backupsvc/schedule.h>

#include "catalog/rows.h"
#include "engine/arena.h"
#include "engine/job.h"

/*
 * Runs of schedules: from the decision to start one until its job has ended.
 *
 * A run is written down with the id of its job before that job begins, in the
 * same transaction that moves the schedule on. So whoever comes after a crash
 * finds out whether it began: its job is in the catalogue, or it is not.
 *
 * The job is on the service's list before its run is written. So whoever reads
 * a schedule's row can tell whether its last job is over.
 */

/* How often a row is written anew that others keep changing; each time one of them has succeeded.
 */
enum { BSI_SCHEDULE_TRIES = 16 };

/* Whether the last job of a schedule has not ended. */
bool bsi_schedule_is_busy(bs_service *service, const bsi_row_schedule *row);

/*
 * Put what is known of a run's job into the run: status, end and error, whose
 * text is in `arena`. BS_E_NOT_FOUND: there is no such job.
 */
BS_NODISCARD bs_status bsi_schedule_look(bs_service *service, bsi_arena *arena, bsi_row_run *run);

/* A run in the making. It must not be moved: its row points at its own texts. */
typedef struct bsi_run_draft {
    bsi_row_run run;
    bsi_job *job; /* NULL: it fails to start. */
    char job_id[BS_ID_SIZE];
    bs_error error; /* Why. */
} bsi_run_draft;

/*
 * Make the job of one run, and put into row and run that it starts or why it
 * fails to. `run` may be one that is written already and is started anew. A
 * failure is the machine's, and to be tried again.
 */
BS_NODISCARD bs_status bsi_schedule_draft(bs_service *service, bsi_row_schedule *row,
                                          const bsi_row_run *run, bsi_run_draft *out);

/*
 * Write a row and its runs, which that of `job` is among, and begin the job. Gives
 * it up; NULL: there is none. BS_E_CHANGED: the row is another by now. BS_E_BUSY: no
 * job may begin now. After these nothing has changed.
 */
BS_NODISCARD bs_status bsi_schedule_commit(bs_service *service, const bsi_row_schedule *row,
                                           const bsi_row_run *runs, size_t count, bsi_job *job);

/* Start one by hand; see bs_schedule_run(). */
BS_NODISCARD bs_status bsi_schedule_run(bs_service *service, const char *reference,
                                        char job_id_out[BS_ID_SIZE]);

/* The job of a run has ended so. Its own row is written already. */
void bsi_schedule_run_ended(bs_service *service, const char *job_id, const bsi_job_view *end);

/* After opening: note how the jobs ended that nobody could take note of. */
BS_NODISCARD bs_status bsi_schedule_recover(bs_service *service);

#endif
