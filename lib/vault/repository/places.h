/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_PLACES_H
#define BSI_VAULT_REPOSITORY_PLACES_H

#include "base/buffer.h"
#include "repo/index.h"

/*
 * A set of places of blobs, each a pack's number and an offset in it: 8 bytes
 * for each, and as much again for some that are there twice. One thread at a
 * time. Zeroed, it is empty.
 */
typedef struct bsi_places {
    uint64_t *items; /* Ascending and each once, after bsi_places_settle(). */
    size_t count;
    size_t capacity;
} bsi_places;

void bsi_places_dispose(bsi_places *places);

static inline uint64_t bsi_place_key(uint32_t pack_number, uint32_t offset)
{
    return (uint64_t)pack_number << 32 | offset;
}

BS_NODISCARD bs_status bsi_places_add(bsi_places *places, uint64_t key);

/* Everything is added. */
void bsi_places_settle(bsi_places *places);

/* Take out what is in another set; both are settled. */
void bsi_places_subtract(bsi_places *places, const bsi_places *other);

#endif
