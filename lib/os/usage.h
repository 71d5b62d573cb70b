/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_USAGE_H
#define BSI_OS_USAGE_H

#include "base/error.h"

/*
 * What this process takes of the machine. Only for numbers that are shown: what
 * the system does not tell is 0, and nothing here fails. The seam of os/fault.h
 * does not count looks at time and memory: they are made whenever some time has
 * passed, and tests that count calls need the same number each time.
 */

/* Nanoseconds for which the calling thread has run on a processor. */
int64_t bsi_thread_cpu_ns(void);

typedef struct bsi_memory_usage {
    uint64_t resident; /* Bytes in memory now. */
    uint64_t peak;     /* The most there ever were in the life of the process. */
} bsi_memory_usage;

bsi_memory_usage bsi_memory_now(void);

typedef struct bsi_process_usage {
    int64_t cpu_ns;     /* Of all threads, also those that have ended. */
    int64_t started_at; /* Nanoseconds since 1970-01-01T00:00:00Z, to 10 ms. */
    uint64_t resident;  /* Bytes. */
    uint64_t open_files;
    uint64_t max_files; /* UINT64_MAX: no limit. */
} bsi_process_usage;

bsi_process_usage bsi_process_usage_now(void);

#endif
