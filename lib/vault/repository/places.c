/* SPDX-License-Identifier: MIT */
/*
 * A list that is sorted, and rid of doubles, whenever it has doubled.
 */
#include "vault/repository/places.h"

#include <stdlib.h>

#include "base/alloc.h"

enum { FIRST_CAPACITY = 4096 };

void bsi_places_dispose(bsi_places *places)
{
    bsi_free(places->items);
    *places = (bsi_places){0};
}

static int compare(const void *a, const void *b)
{
    const uint64_t one = *(const uint64_t *)a;
    const uint64_t other = *(const uint64_t *)b;

    return (one > other) - (one < other);
}

void bsi_places_settle(bsi_places *places)
{
    size_t kept = 0;

    if (places->count > 1) {
        qsort(places->items, places->count, sizeof(*places->items), compare);
    }
    for (size_t i = 0; i < places->count; i++) {
        if (kept == 0 || places->items[kept - 1] != places->items[i]) {
            places->items[kept++] = places->items[i];
        }
    }
    places->count = kept;
}

/* Room for one more: by taking doubles out, or else by more memory. */
static bs_status make_room(bsi_places *places)
{
    const size_t capacity = places->capacity > 0 ? places->capacity * 2 : FIRST_CAPACITY;
    uint64_t *items = NULL;

    bsi_places_settle(places);
    if (places->count < places->capacity / 2) {
        return BS_OK;
    }
    items = bsi_realloc_array(places->items, capacity, sizeof(*items));
    if (!items) {
        return BS_E_NOMEM;
    }
    places->items = items;
    places->capacity = capacity;
    return BS_OK;
}

bs_status bsi_places_add(bsi_places *places, uint64_t key)
{
    if (places->count == places->capacity) {
        BSI_TRY(make_room(places));
    }
    places->items[places->count++] = key;
    return BS_OK;
}

void bsi_places_subtract(bsi_places *places, const bsi_places *other)
{
    size_t kept = 0;
    size_t at = 0;

    for (size_t i = 0; i < places->count; i++) {
        while (at < other->count && other->items[at] < places->items[i]) {
            at++;
        }
        if (at == other->count || other->items[at] != places->items[i]) {
            places->items[kept++] = places->items[i];
        }
    }
    places->count = kept;
}
