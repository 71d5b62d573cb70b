/* SPDX-License-Identifier: MIT */
/*
 * Open addressing, at most three quarters full.
 */
#include "repo/digest_table.h"

#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"

enum { SMALLEST = 64 };

void bsi_digest_table_dispose(bsi_digest_table *table)
{
    bsi_free(table->slots);
    *table = (bsi_digest_table){0};
}

/* The slot of a digest, or the free one where it would go. There is always a free one. */
static bsi_digest_slot *slot_of(const bsi_digest_table *table, const bsi_digest *digest)
{
    const size_t mask = table->capacity - 1;
    size_t at = (size_t)bsi_le64(digest->bytes) & mask;

    while (table->slots[at].taken && !bsi_digest_equal(&table->slots[at].digest, digest)) {
        at = (at + 1) & mask;
    }
    return &table->slots[at];
}

uint32_t *bsi_digest_table_find(const bsi_digest_table *table, const bsi_digest *digest)
{
    bsi_digest_slot *slot = table->count > 0 ? slot_of(table, digest) : NULL;

    return slot && slot->taken ? &slot->value : NULL;
}

static bs_status grow(bsi_digest_table *table)
{
    bsi_digest_table larger = {.capacity = table->capacity ? table->capacity * 2 : SMALLEST};

    larger.slots = bsi_calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].taken) {
            *slot_of(&larger, &table->slots[i].digest) = table->slots[i];
        }
    }
    larger.count = table->count;
    bsi_digest_table_dispose(table);
    *table = larger;
    return BS_OK;
}

bs_status bsi_digest_table_put(bsi_digest_table *table, const bsi_digest *digest, uint32_t value)
{
    bsi_digest_slot *slot = NULL;

    if (table->count + 1 > table->capacity / 4 * 3) {
        BSI_TRY(grow(table));
    }
    slot = slot_of(table, digest);
    if (!slot->taken) {
        *slot = (bsi_digest_slot){.digest = *digest, .taken = 1};
        table->count++;
    }
    slot->value = value;
    return BS_OK;
}
