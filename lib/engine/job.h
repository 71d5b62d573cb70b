/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_JOB_H
#define BSI_ENGINE_JOB_H

#include <stdatomic.h>

#include <backupsvc/events.h>

#include "base/warn.h"
#include "catalog/rows.h"
#include "engine/arena.h"
#include "engine/audit.h"
#include "engine/job_usage.h"
#include "os/thread.h"
#include "task/call.h"
#include "vault/vault.h"

/*
 * A backup, restore or verification between its start and its end. The row in
 * the catalogue comes first and stays; the job object is what is known only
 * while it runs. It is freed with its last reference.
 *
 * A job is on its service's list from before its row is there until its row
 * says how it ended: whoever asks looks at the list first, then at the row. One
 * whose last row could not be written stays on the list, so that the answer
 * stays true as long as the service is open.
 */
typedef struct bsi_job bsi_job;

/* What is known of a job at one moment. */
typedef struct bsi_job_view {
    bs_job_state state;
    int64_t started_at;
    int64_t completed_at;
    double progress;
    uint64_t files_processed;
    uint64_t total_files;
    uint64_t bytes_processed;
    uint64_t total_bytes;
    bsi_row_usage usage;
    bs_error error; /* Code BS_OK but of a job that failed or was cancelled. */
    bool saved;     /* The row knows as much, or more. */
} bsi_job_view;

/* What a kind of job does. */
typedef struct bsi_job_ops {
    bs_job_kind kind;

    /* Write its first row. */
    bs_status (*add)(bsi_job *job, const bsi_job_view *view);

    /* All the work, on a runner. BS_PARTIAL: with warnings. Polls job->call. */
    bs_status (*run)(bsi_job *job);

    /* Write the row anew; a final state once, with all that belongs to it. */
    bs_status (*save)(bsi_job *job, const bsi_job_view *view);

    /* Its end is written, or never will be: let go of what it kept others from. */
    void (*ended)(bsi_job *job);

    /* Which backup this is about, for the audit log; NULL: the one that has the job's id. */
    void (*describe)(const bsi_job *job, bsi_deed *out);

    /* Free `payload`. */
    void (*dispose)(void *payload);
} bsi_job_ops;

/* What a job has survived. Texts are in the arena. */
typedef struct bsi_job_warnings {
    bsi_mutex lock; /* Guards what follows. */
    bsi_arena arena;
    bsi_row_warning *rows;
    size_t count;
    size_t capacity;
    uint64_t total;
} bsi_job_warnings;

struct bsi_job {
    bsi_job *next;       /* On the service's list. */
    bsi_job *queue_next; /* While it waits to be run. */
    bs_service *service;
    const bsi_job_ops *ops;
    void *payload; /* The kind's own. */
    char id[BS_ID_SIZE];
    int64_t created_at;
    atomic_uint references;
    bool scheduled;                      /* A schedule's run; set before it is on the list. */
    char actor[BSI_AUDIT_ACTOR_MAX + 1]; /* For whom it was started. */

    bsi_cancel cancel;
    bs_call call;
    bsi_progress progress;
    bsi_warn warn;
    bsi_job_warnings warnings;
    bsi_job_usage usage;
    atomic_int_least64_t progress_sent; /* When, by the monotonic clock. */
    atomic_uint_least64_t percent;      /* In thousandths; the most that was ever shown. */

    /* Guarded by the service's lock. */
    bs_job_state state;
    bool over;  /* The state is final and nothing more happens. */
    bool saved; /* Its row says how it ended. */
    int64_t started_at;
    int64_t completed_at;
    bs_error error;
};

/*
 * Make a job with a new id, with one reference, on no list yet. `payload` is the
 * job's from here on, also after a failure.
 */
BS_NODISCARD bs_status bsi_job_new(bs_service *service, const bsi_job_ops *ops, void *payload,
                                   bsi_job **out);
void bsi_job_unref(bsi_job *job);

/* The job while it is on the list, with a reference of its own; NULL. */
bsi_job *bsi_job_find(bs_service *service, const char *id);

void bsi_job_look(bsi_job *job, bsi_job_view *out);

/* The warnings so far, as rows whose texts are in `arena`. */
BS_NODISCARD bs_status bsi_job_copy_warnings(bsi_job *job, bsi_arena *arena,
                                             bsi_row_warning **rows_out, size_t *count_out,
                                             uint64_t *total_out);
/* Forget them, and the counters: the work begins anew. */
void bsi_job_reset(bsi_job *job);

/* BS_OK, BS_PARTIAL or the job's failure, with the record set; BS_E_TIMEOUT. */
BS_NODISCARD bs_status bsi_job_wait(bsi_job *job, uint32_t timeout_ms);
/* The same for what a row says of a job that is over. */
BS_NODISCARD bs_status bsi_job_outcome(bs_job_state state, const bs_error *error);

/* Send an event about its state as it is now. */
void bsi_job_tell_state(bsi_job *job);

/*
 * Write how it ended, tell everybody, and take it off the service's list along
 * with the list's reference. With a failure the thread's record is its error.
 */
void bsi_job_finish(bsi_job *job, bs_status status);

/* What the row of any restore or verification says of how the job stands. The rest is zeroed. */
void bsi_job_fill_row(const bsi_job *job, const bsi_job_view *view, bsi_row_job *out);

/* Store the job's warnings, those that were only counted too. */
BS_NODISCARD bs_status bsi_job_save_warnings(bsi_job *job);

/* The percentage that a row tells: exact at the end, else from its counters. */
double bsi_progress_of_row(const bsi_job_view *view);

bsi_row_status bsi_row_status_of(bs_job_state state);
bs_job_state bsi_job_state_of(bsi_row_status status);

#endif
