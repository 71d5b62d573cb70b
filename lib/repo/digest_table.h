/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_DIGEST_TABLE_H
#define BSI_REPO_DIGEST_TABLE_H

#include "hash/sha256.h"

/*
 * A small number for each of many digests. They are digests of what was stored, spread evenly by
 * themselves. One thread at a time. Zeroed, it is empty.
 */
typedef struct bsi_digest_slot {
    bsi_digest digest;
    uint32_t taken; /* 0: the slot is free. */
    uint32_t value;
} bsi_digest_slot;

typedef struct bsi_digest_table {
    bsi_digest_slot *slots;
    size_t capacity; /* A power of two, or 0. */
    size_t count;
} bsi_digest_table;

void bsi_digest_table_dispose(bsi_digest_table *table);

/* Where the number of a digest is; NULL: it is not there. Valid until the next one is added. */
uint32_t *bsi_digest_table_find(const bsi_digest_table *table, const bsi_digest *digest);

/* Add a digest that is not there, or change its number. */
BS_NODISCARD bs_status bsi_digest_table_put(bsi_digest_table *table, const bsi_digest *digest,
                                            uint32_t value);

#endif
