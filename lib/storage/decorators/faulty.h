/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DECORATORS_FAULTY_H
#define BSI_STORAGE_DECORATORS_FAULTY_H

#include "storage/storage.h"

/*
 * A storage over another one that fails when it is told to, for tests. Without
 * a plan it only passes on. Built with -Dtesting.
 */
enum {
    BSI_FAULTY_STAT = 1 << 0,
    BSI_FAULTY_READ = 1 << 1,
    BSI_FAULTY_LIST = 1 << 2,
    BSI_FAULTY_REMOVE = 1 << 3,
    BSI_FAULTY_BEGIN = 1 << 4,
    BSI_FAULTY_WRITE = 1 << 5, /* And patch. */
    BSI_FAULTY_COMMIT = 1 << 6,
    BSI_FAULTY_RENAME = 1 << 7,
    BSI_FAULTY_OTHER = 1 << 8,
};

typedef struct bsi_faulty_plan {
    uint32_t op_mask;  /* BSI_FAULTY_...; 0 means all. */
    uint64_t at;       /* Which counted call is hit, from 1; 0: none. */
    bs_status code;    /* What it fails with. */
    bs_retry retry;    /* And whether that may pass. */
    bool after;        /* It was done all the same: remove, commit and rename only. */
    bool forever;      /* All counted calls from there on fail. */
    bool every;        /* Each `at`-th of them does. */
    bool garble;       /* Reads succeed and have one bit changed instead; code is not looked at. */
    uint32_t delay_us; /* Each counted call waits before it is done, up to so long; 0: none. */
} bsi_faulty_plan;

/* Takes a reference of its own to `inner`. */
BS_NODISCARD bs_status bsi_storage_faulty_new(bsi_storage *inner, bsi_storage **out);

/* Begin counting anew with this plan; NULL ends the disturbance. Any time, any thread. */
void bsi_storage_faulty_set(bsi_storage *faulty, const bsi_faulty_plan *plan);

/* How many calls were counted since. */
uint64_t bsi_storage_faulty_count(bsi_storage *faulty);

#endif
