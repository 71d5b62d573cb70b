/* SPDX-License-Identifier: MIT */
/*
 * Rows, and the hash table of their numbers.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/endian.h"
#include "os/file.h"
#include "os/mapped.h"
#include "os/random.h"
#include "repo/index_int.h"

/* --- Rows --- */

enum { BLOCKS_FIRST = 8 };

void bsi_rows_init(bsi_rows *rows, size_t row_size)
{
    *rows = (bsi_rows){.row_size = row_size, .heap_most = SIZE_MAX, .fd = -1};
}

static size_t block_size(const bsi_rows *rows)
{
    return BSI_ROWS_PER_BLOCK * rows->row_size;
}

void bsi_rows_limit(bsi_rows *rows, int dir, uint64_t bytes)
{
    BSI_ASSERT(rows->block_count == 0);
    rows->dir = dir;
    rows->heap_most = (size_t)bsi_min_u64(bytes / block_size(rows), SIZE_MAX);
}

/* Which one of its stretch a block in the file is. */
static size_t place_in_stretch(const bsi_rows *rows, size_t block)
{
    return (block - rows->heap_most) % BSI_ROWS_STRETCH;
}

static void let_go(const bsi_rows *rows, size_t first_block)
{
    bsi_mapped_let_go(rows->blocks[first_block], BSI_ROWS_STRETCH * block_size(rows));
}

/* The one before it is full, and seldom looked at from now on. */
static bs_status map_stretch(bsi_rows *rows, uint8_t **out)
{
    const uint64_t offset = (uint64_t)(rows->block_count - rows->heap_most) * block_size(rows);
    void *memory = NULL;

    if (rows->fd < 0) {
        BSI_TRY(bsi_temp_file(rows->dir, &rows->fd));
    }
    BSI_TRY(bsi_mapped_new(rows->fd, offset, BSI_ROWS_STRETCH * block_size(rows), &memory));
    if (rows->block_count > rows->heap_most) {
        let_go(rows, rows->block_count - BSI_ROWS_STRETCH);
    }
    *out = memory;
    return BS_OK;
}

static bs_status add_block(bsi_rows *rows)
{
    uint8_t *block = NULL;

    if (rows->block_count < rows->heap_most) {
        block = bsi_alloc(block_size(rows));
        if (!block) {
            return BS_E_NOMEM;
        }
    } else if (place_in_stretch(rows, rows->block_count) == 0) {
        BSI_TRY(map_stretch(rows, &block));
    } else {
        block = rows->blocks[rows->block_count - 1] + block_size(rows);
    }
    rows->blocks[rows->block_count++] = block;
    return BS_OK;
}

static void free_blocks(bsi_rows *rows, size_t from)
{
    while (rows->block_count > from) {
        uint8_t *const block = rows->blocks[--rows->block_count];
        if (rows->block_count < rows->heap_most) {
            bsi_free(block);
        } else if (place_in_stretch(rows, rows->block_count) == 0) {
            bsi_mapped_free(block, BSI_ROWS_STRETCH * block_size(rows));
        }
    }
}

void bsi_rows_dispose(bsi_rows *rows)
{
    free_blocks(rows, 0);
    bsi_free(rows->blocks);
    if (rows->fd >= 0) {
        bsi_close_quietly(rows->fd);
    }
    bsi_rows_init(rows, rows->row_size);
}

static size_t blocks_for(size_t count)
{
    return (count + BSI_ROWS_PER_BLOCK - 1) / BSI_ROWS_PER_BLOCK;
}

bs_status bsi_rows_reserve(bsi_rows *rows, size_t count)
{
    const size_t need = blocks_for(count);

    if (need > rows->block_room) {
        size_t room = rows->block_room > 0 ? rows->block_room : BLOCKS_FIRST;
        uint8_t **blocks = NULL;
        while (room < need) {
            room *= 2;
        }
        blocks = bsi_realloc_array(rows->blocks, room, sizeof(*blocks));
        if (!blocks) {
            return BS_E_NOMEM;
        }
        rows->blocks = blocks;
        rows->block_room = room;
    }
    while (rows->block_count < need) {
        BSI_TRY(add_block(rows));
    }
    return BS_OK;
}

uint8_t *bsi_rows_add(bsi_rows *rows)
{
    BSI_ASSERT(rows->count < rows->block_count * BSI_ROWS_PER_BLOCK);
    rows->count++;
    return bsi_rows_at(rows, rows->count - 1);
}

void bsi_rows_cut(bsi_rows *rows, uint32_t count)
{
    BSI_ASSERT(count <= rows->count);
    rows->count = count;
    free_blocks(rows, blocks_for(count));
}

uint64_t bsi_rows_memory(const bsi_rows *rows)
{
    return (uint64_t)bsi_min_size(rows->block_count, rows->heap_most) * block_size(rows) +
           rows->block_room * sizeof(*rows->blocks);
}

void bsi_rows_pass(const bsi_rows *rows, uint32_t number)
{
    const size_t block = number / BSI_ROWS_PER_BLOCK;

    if (number % BSI_ROWS_PER_BLOCK == 0 && block > rows->heap_most &&
        place_in_stretch(rows, block) == 0) {
        let_go(rows, block - BSI_ROWS_STRETCH);
    }
}

/* --- Slots --- */

/* At most LOAD_MOST of 256 slots are used; a new table has room for an eighth more than is asked.
 */
enum { SLOTS_FIRST = 1024, LOAD_MOST = 230, ROOM_PART = 8 };

void bsi_slots_dispose(bsi_slots *self)
{
    bsi_free(self->slots);
    *self = (bsi_slots){0};
}

void bsi_slots_clear(bsi_slots *self)
{
    if (self->capacity > 0) {
        memset(self->slots, 0, (size_t)self->capacity * sizeof(*self->slots));
    }
    self->used = 0;
}

uint64_t bsi_slots_memory(const bsi_slots *self)
{
    return (uint64_t)self->capacity * sizeof(*self->slots);
}

/* The upper half of a hash says where, the lower half what the spare bits are. */
static uint32_t home_of(const bsi_slots *self, uint64_t hash)
{
    return (uint32_t)((hash >> 32) * self->capacity >> 32);
}

static uint32_t tag_of(const bsi_slots *self, uint64_t hash)
{
    return (uint32_t)hash & ~self->number_mask;
}

static uint32_t after(const bsi_slots *self, uint32_t at)
{
    return at + 1 < self->capacity ? at + 1 : 0;
}

static uint32_t room_of(uint32_t capacity)
{
    return (uint32_t)((uint64_t)capacity * LOAD_MOST / 256);
}

/* The smallest number of all ones that numbers of up to `count` rows, and one more, fit into. */
static uint32_t mask_for(uint32_t count)
{
    uint32_t mask = 1;

    while (mask < count + 1) {
        mask = mask << 1 | 1;
    }
    return mask;
}

bool bsi_slots_has_room(const bsi_slots *self, uint32_t count)
{
    return count <= room_of(self->capacity);
}

bs_status bsi_slots_renew(bsi_slots *self, uint32_t count)
{
    const uint64_t rows = (uint64_t)count + count / ROOM_PART;
    uint64_t capacity = rows * 256 / LOAD_MOST + 1;
    uint32_t *slots = NULL;

    BSI_CHECK(count <= BSI_SLOTS_NUMBER_MAX);
    capacity = capacity < SLOTS_FIRST ? SLOTS_FIRST : bsi_min_u64(capacity, UINT32_MAX);
    slots = bsi_realloc_array(self->slots, (size_t)capacity, sizeof(*slots));
    if (!slots) {
        return BS_E_NOMEM;
    }
    self->slots = slots;
    self->capacity = (uint32_t)capacity;
    self->number_mask = mask_for(room_of(self->capacity));
    bsi_slots_clear(self);
    return BS_OK;
}

void bsi_slots_prefetch(const bsi_slots *self, uint64_t hash)
{
    __builtin_prefetch(&self->slots[home_of(self, hash)], 1);
}

void bsi_slots_put(bsi_slots *self, uint64_t hash, uint32_t number)
{
    uint32_t at = home_of(self, hash);

    BSI_ASSERT(self->used < room_of(self->capacity) && number < self->number_mask);
    while (self->slots[at] != 0) {
        at = after(self, at);
    }
    self->slots[at] = tag_of(self, hash) | (number + 1);
    self->used++;
}

void bsi_slots_find(const bsi_slots *self, uint64_t hash, bsi_slots_search *search)
{
    search->at = home_of(self, hash);
    search->tag = tag_of(self, hash);
}

/* There is always an empty slot: it is where each search ends. */
bool bsi_slots_next(const bsi_slots *self, bsi_slots_search *search, uint32_t *number_out)
{
    while (self->capacity > 0 && self->slots[search->at] != 0) {
        const uint32_t slot = self->slots[search->at];
        search->at = after(self, search->at);
        if ((slot & ~self->number_mask) == search->tag) {
            *number_out = (slot & self->number_mask) - 1;
            return true;
        }
    }
    return false;
}

/* --- The hash --- */

bs_status bsi_id_hash_init(bsi_id_hash *self)
{
    return bsi_random(self->words, sizeof(self->words));
}

uint64_t bsi_id_hash_of(const bsi_id_hash *self, const bsi_digest *id)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(self->words); i += 2) {
        const uint32_t low = bsi_le32(id->bytes + 4 * i) + self->words[i];
        const uint32_t high = bsi_le32(id->bytes + 4 * i + 4) + self->words[i + 1];
        sum += (uint64_t)low * high;
    }
    /* Its bits are not alike in worth: these steps (MurmurHash3's, public domain) mix them. */
    sum = (sum ^ sum >> 33) * UINT64_C(0xff51afd7ed558ccd);
    sum = (sum ^ sum >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return sum ^ sum >> 33;
}

/* --- Pending blobs --- */

enum { PENDING_FIRST = 1024 };

void bsi_pending_dispose(bsi_pending *self)
{
    bsi_free(self->places);
    *self = (bsi_pending){0};
}

static bool is_same(const bsi_pending_blob *place, const bsi_digest *id, bsi_blob_type type)
{
    return place->type == (uint8_t)type && bsi_digest_equal(&place->id, id);
}

/* The place of a blob, or the empty one where it would be. */
static size_t place_of(const bsi_pending *self, uint64_t hash, const bsi_digest *id,
                       bsi_blob_type type)
{
    size_t at = (size_t)hash & (self->capacity - 1);

    while (self->places[at].taken && !is_same(&self->places[at], id, type)) {
        at = (at + 1) & (self->capacity - 1);
    }
    return at;
}

bool bsi_pending_has(const bsi_pending *self, uint64_t hash, const bsi_digest *id,
                     bsi_blob_type type)
{
    return self->count > 0 && self->places[place_of(self, hash, id, type)].taken;
}

static void put_pending(bsi_pending *self, uint64_t hash, const bsi_digest *id, bsi_blob_type type)
{
    bsi_pending_blob *place = &self->places[place_of(self, hash, id, type)];

    BSI_ASSERT(!place->taken);
    *place = (bsi_pending_blob){*id, (uint8_t)type, true};
    self->count++;
}

static bs_status grow(bsi_pending *self, const bsi_id_hash *hash)
{
    bsi_pending larger = {.capacity = self->capacity > 0 ? 2 * self->capacity : PENDING_FIRST};

    larger.places = bsi_calloc(larger.capacity, sizeof(*larger.places));
    if (!larger.places) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < self->capacity; i++) {
        const bsi_pending_blob *place = &self->places[i];
        if (place->taken) {
            put_pending(&larger, bsi_id_hash_of(hash, &place->id), &place->id,
                        (bsi_blob_type)place->type);
        }
    }
    bsi_pending_dispose(self);
    *self = larger;
    return BS_OK;
}

bs_status bsi_pending_add(bsi_pending *self, const bsi_id_hash *hash, const bsi_digest *id,
                          bsi_blob_type type)
{
    if (2 * (self->count + 1) > self->capacity) {
        BSI_TRY(grow(self, hash));
    }
    put_pending(self, bsi_id_hash_of(hash, id), id, type);
    return BS_OK;
}

/* What lies behind moves up, so that no search ends too early. */
void bsi_pending_remove(bsi_pending *self, const bsi_id_hash *hash, const bsi_digest *id,
                        bsi_blob_type type)
{
    size_t at = 0;

    if (self->count == 0) {
        return;
    }
    at = place_of(self, bsi_id_hash_of(hash, id), id, type);
    if (!self->places[at].taken) {
        return;
    }
    self->places[at].taken = false;
    self->count--;
    for (at = (at + 1) & (self->capacity - 1); self->places[at].taken;
         at = (at + 1) & (self->capacity - 1)) {
        const bsi_pending_blob moved = self->places[at];
        self->places[at].taken = false;
        self->count--;
        put_pending(self, bsi_id_hash_of(hash, &moved.id), &moved.id, (bsi_blob_type)moved.type);
    }
}
