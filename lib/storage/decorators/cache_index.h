/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DECORATORS_CACHE_INDEX_H
#define BSI_STORAGE_DECORATORS_CACHE_INDEX_H

#include "hash/sha256.h"

/*
 * Which copies a cache has, what they take, and which of them was used last. A zeroed
 * one is empty. One thread at a time.
 */
enum { BSI_CACHE_COPIES_MAX = 65536 };

typedef struct bsi_cache_copy {
    bsi_digest name;
    uint64_t size;   /* Bytes in the store. */
    int64_t touched; /* Seconds since 1970, as the store has it. */
    uint64_t order;  /* The later it was used, the more; 0: only before all this. */
} bsi_cache_copy;

typedef struct bsi_cache_index {
    bsi_cache_copy *copies; /* By their names. */
    size_t count;
    size_t capacity;
    uint64_t bytes;
    uint64_t order;
} bsi_cache_index;

void bsi_cache_index_dispose(bsi_cache_index *index);

/*
 * A copy of that size, in place of the one of its name. `at` is its time, in seconds. It counts as
 * used right now, or, when it was found, before all others by its time.
 */
BS_NODISCARD bs_status bsi_cache_index_add(bsi_cache_index *index, const bsi_digest *name,
                                           uint64_t size, int64_t at, bool was_found);

/* False when there is none. `touch_out`: its time is `touch_s` old, and is `now` from here on. */
bool bsi_cache_index_use(bsi_cache_index *index, const bsi_digest *name, int64_t now,
                         int64_t touch_s, bool *touch_out);

/* False when there was none. */
bool bsi_cache_index_drop(bsi_cache_index *index, const bsi_digest *name);

/* Which one must go so that all take `bytes_max`; false: none must. */
bool bsi_cache_index_oldest(const bsi_cache_index *index, uint64_t bytes_max, bsi_digest *out);

#endif
