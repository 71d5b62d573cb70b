/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DECORATORS_FALLBACK_H
#define BSI_STORAGE_DECORATORS_FALLBACK_H

#include "base/warn.h"
#include "storage/storage.h"

/*
 * Several storages that have the same objects, read as one. What one of them cannot give is
 * asked of the next; one that is away is not asked first again. Everything but stat() and
 * read() goes to the first.
 */
typedef struct bsi_fallback_place {
    const char *name;
    bsi_storage *storage;
} bsi_fallback_place;

/*
 * `warn` (may be NULL) hears once of each that could not give something which another had, with
 * its name as path. The storages get references of their own; names and `warn` are borrowed as
 * long as the new one is. At least one place.
 */
BS_NODISCARD bs_status bsi_storage_fallback(const bsi_fallback_place *places, size_t count,
                                            const bsi_warn *warn, bsi_storage **out);

/* Whether there is one to go to; of other storages false. */
bool bsi_fallback_has_next(const bsi_storage *storage);

/*
 * What the present one gave was no good, as the thread's error record tells, which is reported
 * and stays: ask the next first. False: each has been that once.
 */
bool bsi_fallback_advance(bsi_storage *storage);

#endif
