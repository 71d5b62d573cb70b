/* SPDX-License-Identifier: MIT */
#ifndef JOB_H
#define JOB_H

#include "tool.h"

/* The calls by which one kind of job is followed. */
typedef struct job_kind {
    const char *noun;
    bs_status (*wait)(bs_service *service, const char *id, uint32_t timeout_ms);
    bs_status (*cancel)(bs_service *service, const char *id);
} job_kind;

/*
 * Show progress until the job has ended; a signal cancels it. What its wait
 * function says, with the record set. `events` must have been there before the
 * job, so that none of its events is missed. `seconds_out` is how long it took.
 */
bs_status job_follow(const tool_run *tool, const job_kind *kind, bs_subscription *events,
                     const char *id, double *seconds_out);

/* Follow a backup, a verification or a drill to its end and tell about it; the exit code. */
int backup_follow(tool_run *tool, bs_subscription *events, const char *id);
int verify_follow(tool_run *tool, bs_subscription *events, const char *id);
int drill_follow(tool_run *tool, bs_subscription *events, const char *id);

/* How many files a drill restores: "100" or "5%". False when it is neither. */
bool drill_take_sample(const char *text, bs_drill_options *options);

/* What a job that was followed means for the exit code. */
int job_exit_code(bs_status status);

/* How a job has ended. */
typedef struct job_end {
    const char *noun; /* The member of the document that has what is known of it. */
    const char *id;   /* Also in front, with "_id" behind the noun; NULL: not. */
    bs_job_state state;
    const bs_error *error;
} job_end;

/*
 * Print the document of a job that has ended: `json`, which is freed, and the error when it has
 * failed. `status` tells whether there is a `json`.
 */
void job_show_json(const job_end *end, bs_status status, char *json);

/* A job's warnings for a person, on standard error. */
void job_show_warnings(const tool_run *tool, const bs_warning *warnings, size_t kept,
                       uint64_t count);

/* One line with the error of a job that has failed, on standard error. */
void job_show_error(const char *noun, const bs_error *error, bs_job_state state);

#endif
