/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DECORATORS_METRICS_H
#define BSI_STORAGE_DECORATORS_METRICS_H

#include "storage/storage.h"

/*
 * A storage over another one that counts what is asked of that: how often, for
 * how long, how many bytes, with which failures. It stands above whatever
 * repeats failed calls, so that it sees what the callers see. Bytes to and from
 * storages with BS_STORAGE_CAP_NETWORK also count for the job at work.
 */
typedef enum bsi_storage_op {
    BSI_STORAGE_OP_STAT,
    BSI_STORAGE_OP_READ,
    BSI_STORAGE_OP_LIST,   /* Without the time that its callback takes. */
    BSI_STORAGE_OP_REMOVE, /* One call for many objects counts once. */
    BSI_STORAGE_OP_PUT,    /* A whole upload, from its beginning to commit or failure. */
    BSI_STORAGE_OP_RENAME,
    BSI_STORAGE_OP_OTHER, /* Free space, times, sweeping up. */
    BSI_STORAGE_OP_COUNT
} bsi_storage_op;

/* Such as "read". */
const char *bsi_storage_op_name(bsi_storage_op op);

/* Upper bounds of the histogram of times, in seconds; behind the last one is one more bucket. */
enum { BSI_STORAGE_BOUNDS = 10 };
extern const double bsi_storage_bounds[BSI_STORAGE_BOUNDS];

/* Codes are -1 and below; the number of a code is its position. */
enum { BSI_STORAGE_CODES = 64 };

typedef struct bsi_storage_op_numbers {
    uint64_t ok; /* Also "there is no such object", "it ends earlier", "it exists": answers. */
    uint64_t failed;
    uint64_t cancelled; /* Counted nowhere else. */
    uint64_t time_ns;   /* Of those that went well or failed, as the next. */
    uint64_t buckets[BSI_STORAGE_BOUNDS + 1];
} bsi_storage_op_numbers;

typedef struct bsi_storage_numbers {
    bsi_storage_op_numbers ops[BSI_STORAGE_OP_COUNT];
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t errors[BSI_STORAGE_CODES]; /* By minus the code; of those that failed. */
} bsi_storage_numbers;

/* Takes a reference of its own to `inner`. */
BS_NODISCARD bs_status bsi_storage_metrics_new(bsi_storage *inner, bsi_storage **out);

/* What was counted so far. Calls under way may be seen in part. */
void bsi_storage_metrics_read(const bsi_storage *metrics, bsi_storage_numbers *out);

#endif
