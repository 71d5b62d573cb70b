/* SPDX-License-Identifier: MIT */
#ifndef BSI_TASK_USAGE_H
#define BSI_TASK_USAGE_H

#include <stdatomic.h>

#include "task/pool.h"

/*
 * What a job uses: processor time and bytes over a network, counted on every
 * thread that works for it. A thread works for one job at a time, and so do the
 * tasks that it submits to the pool.
 */
typedef struct bsi_usage {
    atomic_uint_least64_t cpu_ns;
    atomic_uint_least64_t bytes_sent;
    atomic_uint_least64_t bytes_received;
    bsi_latch tasks; /* In the pool, or not yet counted. */
} bsi_usage;

void bsi_usage_init(bsi_usage *usage);
void bsi_usage_dispose(bsi_usage *usage);

/*
 * From now on the calling thread works for `usage`, or for nobody (NULL). What
 * it has run so far is added to the one for which it has worked.
 */
void bsi_usage_enter(bsi_usage *usage);

/* The calling thread works for this one no more, and everything is counted, its tasks too. */
void bsi_usage_leave(bsi_usage *usage);

/* For whom the calling thread works; NULL: nobody. */
bsi_usage *bsi_usage_current(void);

/* Count for the one for whom the calling thread works. */
void bsi_usage_add_network(uint64_t sent, uint64_t received);

#endif
