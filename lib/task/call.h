/* SPDX-License-Identifier: MIT */
#ifndef BSI_TASK_CALL_H
#define BSI_TASK_CALL_H

#include <stdatomic.h>

#include "base/error.h"

/* Set once, by anybody; seen by everything that works for the job. */
typedef struct bsi_cancel {
    atomic_bool requested;
} bsi_cancel;

/*
 * What comes with a call besides its arguments. Every blocking function takes
 * one, second after its subject, and polls it between blocks. NULL stands for
 * a call that is never cancelled and has no end.
 */
typedef struct bs_call {
    const bsi_cancel *cancel;      /* NULL: cannot be cancelled. */
    int64_t deadline_ns;           /* Of bsi_monotonic_ns(); 0: none. */
    struct bsi_spending *spending; /* What is stored is taken from here; NULL: no limit. */
    size_t chunk;                  /* Bytes that are moved at a time; 0: what measures best. */
    bool fresh; /* What is read comes from the storage itself, not from a copy. */
} bs_call;

/* BS_OK, or BS_E_CANCELLED or BS_E_TIMEOUT with the record set. */
BS_NODISCARD bs_status bsi_call_check(const bs_call *call);

/* Let time pass; the call ends it early, as in bsi_call_check(). */
BS_NODISCARD bs_status bsi_call_wait(const bs_call *call, uint32_t wait_ms);

/* How many bytes to move until the next check: what the call says, else `usual`. */
size_t bsi_call_chunk(const bs_call *call, size_t usual);

void bsi_cancel_request(bsi_cancel *cancel);

#endif
