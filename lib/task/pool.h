/* SPDX-License-Identifier: MIT */
#ifndef BSI_TASK_POOL_H
#define BSI_TASK_POOL_H

#include "base/error.h"
#include "os/thread.h"

/*
 * The service's worker threads. Tasks are embedded in their owners, so that
 * submitting cannot fail; they are leaves: a task never waits for another one
 * and never takes long without polling its job's bs_call. Jobs bound how many
 * they have under way; the pool itself keeps no limit.
 */
typedef struct bsi_pool bsi_pool;

typedef struct bsi_task {
    void (*run)(struct bsi_task *task); /* The task may be gone when it returns. */
    struct bsi_task *next;
    struct bsi_usage *usage; /* Set by the pool: for whom it works; NULL: nobody. */
} bsi_task;

/*
 * 0 threads: every task runs inside bsi_pool_submit(). When the system gives
 * fewer threads than asked, the pool works with those, down to 0.
 */
BS_NODISCARD bs_status bsi_pool_new(unsigned threads, bsi_pool **out);
/* Runs what is queued, then ends the threads. NULL is ignored. */
void bsi_pool_free(bsi_pool *pool);
unsigned bsi_pool_threads(const bsi_pool *pool);
void bsi_pool_submit(bsi_pool *pool, bsi_task *task);

/* A number of things under way that somebody waits for. Initialise with bsi_latch_init(). */
typedef struct bsi_latch {
    bsi_mutex lock; /* Guards count. */
    bsi_cond change;
    size_t count;
} bsi_latch;

void bsi_latch_init(bsi_latch *latch);
void bsi_latch_dispose(bsi_latch *latch);
void bsi_latch_add(bsi_latch *latch);
/* The latch may be disposed of as soon as the last bsi_latch_done() has let a waiter go. */
void bsi_latch_done(bsi_latch *latch);
/* Until at most `count` are under way. */
void bsi_latch_wait(bsi_latch *latch, size_t count);

#endif
