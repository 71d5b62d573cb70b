/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_SCHEDULE_ACTION_H
#define BSI_ENGINE_SCHEDULE_ACTION_H

#include <backupsvc/schedule.h>

#include "engine/arena.h"
#include "engine/complaints.h"
#include "engine/job.h"

/*
 * What schedules can do, one row a kind. A new kind is a value of
 * bs_schedule_action, its word, and a row in the table.
 */
typedef struct bsi_action {
    bs_schedule_action action;

    /*
     * Check what is asked for, and write as JSON what it takes to do it later.
     * What is wrong is complained of; failures are those of the machine.
     */
    bs_status (*take)(bs_service *service, const bs_schedule_options *options, bsi_arena *arena,
                      bsi_complaints *complaints, const char **request_out);

    /* Make the job of one run from what take() wrote; bsi_job_enlist() comes next. */
    bs_status (*prepare)(bs_service *service, const char *request, bsi_job **out);
} bsi_action;

/* NULL: there is none. */
const bsi_action *bsi_action_find(int action);

#endif
