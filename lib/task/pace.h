/* SPDX-License-Identifier: MIT */
#ifndef BSI_TASK_PACE_H
#define BSI_TASK_PACE_H

#include "os/thread.h"
#include "task/call.h"

/*
 * How fast bytes go: a bucket that fills at a rate, and that each takes from
 * before he moves them. Whoever finds something in it may take more than that; the
 * next ones wait until what he took has been filled in again. So pieces of any
 * size keep to the rate. What is not taken is lost but for a tenth of a second.
 */
typedef struct bsi_pace {
    bsi_mutex lock; /* Guards the rest. */
    double level;   /* Bytes; below 0: so many are owed. */
    int64_t at_ns;  /* When it had this level, by bsi_monotonic_ns(). */
} bsi_pace;

void bsi_pace_init(bsi_pace *pace);
void bsi_pace_dispose(bsi_pace *pace);

/* Bytes per second at this moment; 0: no limit. Asked by any thread, each time one looks. */
typedef uint64_t (*bsi_pace_rate)(void *user);

/*
 * Take `size` bytes, when their turn has come. A rate that changes counts for who
 * waits already within 50 ms, and so does the end of the call: BS_E_CANCELLED and
 * BS_E_TIMEOUT have taken nothing.
 */
BS_NODISCARD bs_status bsi_pace_take(bsi_pace *pace, const bs_call *call, uint64_t size,
                                     bsi_pace_rate rate, void *user);

/* One look at the time `now_ns`: 0 when they are taken, else nanoseconds to wait, an hour at most.
 */
int64_t bsi_pace_try(bsi_pace *pace, uint64_t rate, uint64_t size, int64_t now_ns);

#endif
