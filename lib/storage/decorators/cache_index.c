/* SPDX-License-Identifier: MIT */
/*
 * The copies of a cache, in an array that is sorted by their names.
 */
#include "storage/decorators/cache_index.h"

#include <string.h>

#include "base/alloc.h"

enum { CAPACITY_MIN = 64 };

/* Where a name is, or would be. */
static size_t find(const bsi_cache_index *index, const bsi_digest *name, bool *found)
{
    size_t low = 0;
    size_t high = index->count;

    *found = false;
    while (low < high && !*found) {
        const size_t middle = low + (high - low) / 2;
        const int order = memcmp(index->copies[middle].name.bytes, name->bytes, BSI_SHA256_SIZE);
        if (order == 0) {
            *found = true;
            low = middle;
        } else if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void bsi_cache_index_dispose(bsi_cache_index *index)
{
    bsi_free(index->copies);
    *index = (bsi_cache_index){.copies = NULL};
}

static bs_status make_room(bsi_cache_index *index)
{
    const size_t capacity = index->capacity > 0 ? 2 * index->capacity : CAPACITY_MIN;
    bsi_cache_copy *larger = NULL;

    if (index->count < index->capacity) {
        return BS_OK;
    }
    larger = bsi_realloc_array(index->copies, capacity, sizeof(*larger));
    if (!larger) {
        return BS_E_NOMEM;
    }
    index->copies = larger;
    index->capacity = capacity;
    return BS_OK;
}

bs_status bsi_cache_index_add(bsi_cache_index *index, const bsi_digest *name, uint64_t size,
                              int64_t at, bool was_found)
{
    const bsi_cache_copy copy = {
        .name = *name, .size = size, .touched = at, .order = was_found ? 0 : ++index->order};
    bool found = false;
    const size_t place = find(index, name, &found);

    if (found) {
        index->bytes -= index->copies[place].size;
    } else {
        BSI_TRY(make_room(index));
        memmove(index->copies + place + 1, index->copies + place,
                (index->count - place) * sizeof(index->copies[0]));
        index->count++;
    }
    index->copies[place] = copy;
    index->bytes += size;
    return BS_OK;
}

bool bsi_cache_index_use(bsi_cache_index *index, const bsi_digest *name, int64_t now,
                         int64_t touch_s, bool *touch_out)
{
    bool found = false;
    const size_t at = find(index, name, &found);

    *touch_out = false;
    if (found) {
        bsi_cache_copy *copy = &index->copies[at];
        copy->order = ++index->order;
        *touch_out = now < copy->touched || now - copy->touched >= touch_s;
        copy->touched = *touch_out ? now : copy->touched;
    }
    return found;
}

bool bsi_cache_index_drop(bsi_cache_index *index, const bsi_digest *name)
{
    bool found = false;
    const size_t at = find(index, name, &found);

    if (found) {
        index->bytes -= index->copies[at].size;
        index->count--;
        memmove(index->copies + at, index->copies + at + 1,
                (index->count - at) * sizeof(index->copies[0]));
    }
    return found;
}

static bool is_older(const bsi_cache_copy *one, const bsi_cache_copy *other)
{
    return one->order != other->order ? one->order < other->order : one->touched < other->touched;
}

bool bsi_cache_index_oldest(const bsi_cache_index *index, uint64_t bytes_max, bsi_digest *out)
{
    const bsi_cache_copy *oldest = index->copies;

    if (index->count == 0 || (index->bytes <= bytes_max && index->count <= BSI_CACHE_COPIES_MAX)) {
        return false;
    }
    for (size_t i = 1; i < index->count; i++) {
        if (is_older(&index->copies[i], oldest)) {
            oldest = &index->copies[i];
        }
    }
    *out = oldest->name;
    return true;
}
