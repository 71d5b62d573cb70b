/* SPDX-License-Identifier: MIT */
#ifndef BSI_BASE_WARN_H
#define BSI_BASE_WARN_H

#include "base/error.h"
#include "base/slice.h"

/*
 * Where a job hears of what it could not do but survives: a file that cannot be
 * read, an owner that cannot be set. Each report ends up in the job's list of
 * warnings; a job with warnings never ends as plainly completed.
 */
typedef struct bsi_warn {
    /* Any thread of the job, several at a time; copies what it keeps. `path` may hold any byte. */
    void (*report)(void *user, bsi_slice path, const bs_error *error);
    void *user;
} bsi_warn;

/* Report the thread's error record, as it stands, about `path`. NULL: nobody listens. */
void bsi_warn_last(const bsi_warn *warn, bsi_slice path);

/* Report something new: code, layer and text as for bsi_fail(). */
void bsi_warn_new(const bsi_warn *warn, bsi_slice path, bs_layer layer, bs_status code,
                  const char *format, ...) BSI_PRINTF(5, 6);

#endif
