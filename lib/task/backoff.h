/* SPDX-License-Identifier: MIT */
#ifndef BSI_TASK_BACKOFF_H
#define BSI_TASK_BACKOFF_H

#include "task/call.h"

/*
 * Trying again after failures that may pass: longer and longer waits, each
 * cut by chance so that many who failed together do not come back together,
 * and an end to it. Which failures may pass is told by their retry class.
 */
typedef struct bsi_backoff_policy {
    uint32_t base_ms;  /* Longest wait before the second attempt; doubles from there. 0: 200. */
    uint32_t cap_ms;   /* No wait by chance is longer. 0: 30 s. */
    uint32_t total_ms; /* From the first attempt to the last. 0: 15 min. */
} bsi_backoff_policy;

/* The attempts of one operation. One thread. */
typedef struct bsi_backoff {
    bsi_backoff_policy policy;
    int64_t until_ns; /* Of bsi_monotonic_ns(). */
    uint32_t attempts;
} bsi_backoff;

/* Right before the first attempt. `policy` may be NULL. */
void bsi_backoff_begin(bsi_backoff *backoff, const bsi_backoff_policy *policy);

/*
 * After an attempt that failed with `failure`, whose record is the thread's.
 * BS_OK: it was waited, and the next attempt is due. Otherwise it is over:
 * `failure` when it does not pass, or when the next attempt would come after the
 * policy's or the call's end; BS_E_CANCELLED. What the server wants to have waited
 * is waited. Failures for lack of memory are not tried again.
 */
BS_NODISCARD bs_status bsi_backoff_wait(bsi_backoff *backoff, const bs_call *call,
                                        bs_status failure);

/* How long to wait behind the n-th attempt, from 1: evenly spread over `chance`. */
uint32_t bsi_backoff_ms(const bsi_backoff_policy *policy, uint32_t attempt, uint32_t chance);

#endif
