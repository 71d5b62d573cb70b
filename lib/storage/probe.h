/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_PROBE_H
#define BSI_STORAGE_PROBE_H

#include "storage/storage.h"

/*
 * Tries out what a storage does, with small objects of its own below
 * BSI_PROBE_FOLDER, which it removes again. Of one with BS_STORAGE_CAP_READ_ONLY
 * it only asks.
 */
#define BSI_PROBE_FOLDER ".backupsvc-check"

typedef enum bsi_probe_result {
    BSI_PROBE_OK,
    BSI_PROBE_LACKS, /* The storage says that it cannot. */
    BSI_PROBE_FAILED,
} bsi_probe_result;

typedef struct bsi_probe_step {
    const char *name; /* Static, such as "read_range". */
    bsi_probe_result result;
    int64_t time_ns;
    bs_error error; /* Of what failed. */
} bsi_probe_step;

enum { BSI_PROBE_STEPS_MAX = 16 };

typedef struct bsi_probe {
    bsi_probe_step steps[BSI_PROBE_STEPS_MAX];
    size_t count;
    bool clock_is_known;
    int64_t clock_ahead_ns; /* Of the storage, by the time of an object; as exact as that is. */
    uint64_t free_bytes;    /* BS_STORAGE_NO_SIZE: not known. */
} bsi_probe;

/*
 * Fails only when the probe itself cannot go on: no memory, or the caller has
 * given up. What the storage does wrong is in `out`; after a put that failed
 * there is nothing else to try.
 */
BS_NODISCARD bs_status bsi_storage_probe(bsi_storage *storage, const bs_call *call, bsi_probe *out);

#endif
