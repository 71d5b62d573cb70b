/* SPDX-License-Identifier: MIT */
#ifndef BSI_TARGET_INODE_MAP_H
#define BSI_TARGET_INODE_MAP_H

#include "base/error.h"
#include "base/slice.h"

/*
 * Which inode this run put at a path, for directories and for files with
 * several names. Keeps a keyed hash of the path instead of the path: should two
 * ever agree, the inode that is found will not be the one remembered, and the
 * caller takes the safe way. One thread at a time.
 */
typedef struct bsi_inode {
    uint64_t dev;
    uint64_t ino; /* 0: not known yet. */
    uint32_t uid; /* Numbers of inodes are used again; owners cannot be forged. */
} bsi_inode;

typedef struct bsi_inode_slot {
    uint64_t key; /* 0: free. */
    bsi_inode inode;
} bsi_inode_slot;

typedef struct bsi_inode_map {
    bsi_inode_slot *slots;
    size_t capacity; /* 0, or a power of two. */
    size_t count;
    uint64_t seed[2];
} bsi_inode_map;

BS_NODISCARD bs_status bsi_inode_map_init(bsi_inode_map *map);
void bsi_inode_map_dispose(bsi_inode_map *map);

/* The key of a path, which may be kept in its stead. Never 0. */
uint64_t bsi_inode_map_key(const bsi_inode_map *map, bsi_slice path);

/* Add or replace. */
BS_NODISCARD bs_status bsi_inode_map_put(bsi_inode_map *map, uint64_t key, bsi_inode inode);

/* Replace what is known of a key. */
void bsi_inode_map_set(bsi_inode_map *map, uint64_t key, bsi_inode inode);

/* NULL: nothing known. Borrowed until the next bsi_inode_map_put(). */
const bsi_inode *bsi_inode_map_get(const bsi_inode_map *map, uint64_t key);

#endif
