/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DECORATORS_CACHE_H
#define BSI_STORAGE_DECORATORS_CACHE_H

#include "storage/storage.h"

/*
 * A storage over another one that keeps copies of small objects which are read again
 * and again, in a second storage near by, its store. An object is asked for before its
 * copy is used: the copy must be of the same size and time, and have the digest that it
 * had when it was kept. What is wrong with the store is no failure: then it goes without.
 *
 * Only for objects that are not replaced in place by others of the same size and time.
 * What was asked of an object counts for two seconds, so that to ask and to read is one
 * request. Calls with `fresh` set always read the storage itself.
 *
 * Copies that were not used for the longest time go when there are too many. All of them
 * may be taken away at any time.
 */
typedef struct bsi_cache_options {
    uint64_t bytes_max;                 /* Of all copies. */
    uint64_t object_max;                /* Of one; 0: 16 MiB. */
    bool (*is_wanted)(const char *key); /* Which objects; NULL: all. */
} bsi_cache_options;

/*
 * Takes references of its own to `inner` and `store`. Looks at what the store has: failures
 * of that are the store's.
 */
BS_NODISCARD bs_status bsi_storage_cache_new(bsi_storage *inner, bsi_storage *store,
                                             const bsi_cache_options *options, bsi_storage **out);

typedef struct bsi_cache_numbers {
    uint64_t hits;    /* Reads that a copy was used for, */
    uint64_t misses;  /* and those that had to fetch one. */
    uint64_t objects; /* Copies, */
    uint64_t bytes;   /* and what they take. */
} bsi_cache_numbers;

void bsi_storage_cache_read_numbers(bsi_storage *cache, bsi_cache_numbers *out);

#endif
