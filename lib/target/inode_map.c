/* SPDX-License-Identifier: MIT */
/*
 * An open hash table with linear probing, at most two thirds full. Keys are
 * hashes under a secret seed, so that nobody can choose paths that pile up.
 */
#include "target/inode_map.h"

#include "base/alloc.h"
#include "base/endian.h"
#include "os/random.h"

enum { FIRST_CAPACITY = 64 };

bs_status bsi_inode_map_init(bsi_inode_map *map)
{
    *map = (bsi_inode_map){0};
    return bsi_random(map->seed, sizeof(map->seed));
}

void bsi_inode_map_dispose(bsi_inode_map *map)
{
    bsi_free(map->slots);
    *map = (bsi_inode_map){0};
}

static uint64_t mix(uint64_t value)
{
    value ^= value >> 32;
    value *= UINT64_C(0x9e3779b97f4a7c15);
    value ^= value >> 29;
    value *= UINT64_C(0xd6e8feb86659fd93);
    return value ^ value >> 32;
}

uint64_t bsi_inode_map_key(const bsi_inode_map *map, bsi_slice path)
{
    const uint8_t *bytes = (const uint8_t *)path.data;
    uint64_t hash = map->seed[0] ^ path.size;
    size_t at = 0;
    uint8_t rest[8] = {0};

    for (; path.size - at >= 8; at += 8) {
        hash = mix(hash ^ bsi_le64(bytes + at)) + map->seed[1];
    }
    if (at < path.size) {
        memcpy(rest, bytes + at, path.size - at);
    }
    hash = mix(hash ^ bsi_le64(rest)) ^ map->seed[1];
    hash = mix(hash);
    return hash != 0 ? hash : 1;
}

/* The slot that holds the key, or the free one where it belongs. */
static bsi_inode_slot *find_slot(bsi_inode_slot *slots, size_t capacity, uint64_t key)
{
    size_t at = (size_t)key & (capacity - 1);

    while (slots[at].key != 0 && slots[at].key != key) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

static bs_status grow(bsi_inode_map *map)
{
    const size_t capacity = map->capacity > 0 ? 2 * map->capacity : FIRST_CAPACITY;
    bsi_inode_slot *slots = bsi_calloc(capacity, sizeof(*slots));

    if (!slots) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].key != 0) {
            *find_slot(slots, capacity, map->slots[i].key) = map->slots[i];
        }
    }
    bsi_free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
    return BS_OK;
}

bs_status bsi_inode_map_put(bsi_inode_map *map, uint64_t key, bsi_inode inode)
{
    bsi_inode_slot *slot = map->capacity > 0 ? find_slot(map->slots, map->capacity, key) : NULL;

    if (slot && slot->key != 0) {
        slot->inode = inode;
        return BS_OK;
    }
    if (3 * (map->count + 1) > 2 * map->capacity && grow(map) < 0) {
        return BS_E_NOMEM;
    }
    slot = find_slot(map->slots, map->capacity, key);
    *slot = (bsi_inode_slot){.key = key, .inode = inode};
    map->count++;
    return BS_OK;
}

void bsi_inode_map_set(bsi_inode_map *map, uint64_t key, bsi_inode inode)
{
    bsi_inode_slot *slot = find_slot(map->slots, map->capacity, key);

    BSI_ASSERT(slot->key == key);
    slot->inode = inode;
}

const bsi_inode *bsi_inode_map_get(const bsi_inode_map *map, uint64_t key)
{
    const bsi_inode_slot *slot = NULL;

    if (map->capacity == 0) {
        return NULL;
    }
    slot = find_slot(map->slots, map->capacity, key);
    return slot->key != 0 ? &slot->inode : NULL;
}
