/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_INDEX_INT_H
#define BSI_REPO_INDEX_INT_H

#include "hash/sha256.h"
#include "os/thread.h"
#include "repo/blob.h"
#include "repo/index.h"

/* What the index of a repository is made of. None of it has a lock: the index has one. */

/*
 * Rows of one size, in blocks, so that none ever moves and little is held in reserve. Blocks
 * beyond a limit lie in a file without a name, BSI_ROWS_STRETCH of them in one stretch.
 */
enum { BSI_ROWS_PER_BLOCK = 4096, BSI_ROWS_STRETCH = 64 };

typedef struct bsi_rows {
    size_t row_size;
    uint32_t count;
    uint8_t **blocks;
    size_t block_count;
    size_t block_room; /* That `blocks` has places for. */
    size_t heap_most;  /* Blocks behind so many lie in the file. */
    int dir;           /* Where that file is made. */
    int fd;            /* -1: there is none so far. */
} bsi_rows;

void bsi_rows_init(bsi_rows *rows, size_t row_size);
/* At most so many bytes lie in memory that is no file's. Before the first row. */
void bsi_rows_limit(bsi_rows *rows, int dir, uint64_t bytes);
void bsi_rows_dispose(bsi_rows *rows);

/* Have memory for so many rows in all. */
BS_NODISCARD bs_status bsi_rows_reserve(bsi_rows *rows, size_t count);
/* One more, its bytes undefined; there is memory for it. */
uint8_t *bsi_rows_add(bsi_rows *rows);
/* Only the first `count` stay; memory that is not needed any more is given back. */
void bsi_rows_cut(bsi_rows *rows, uint32_t count);
/* Bytes of memory, without those of the file. */
uint64_t bsi_rows_memory(const bsi_rows *rows);
/* The stretch of the file that ends before a row, if one does, is not used soon. */
void bsi_rows_pass(const bsi_rows *rows, uint32_t number);

static inline uint8_t *bsi_rows_at(const bsi_rows *rows, uint32_t number)
{
    BSI_ASSERT(number < rows->count);
    return rows->blocks[number / BSI_ROWS_PER_BLOCK] +
           (size_t)(number % BSI_ROWS_PER_BLOCK) * rows->row_size;
}

/* --- A hash table of numbers of rows; the rows themselves tell what they are --- */

/*
 * Open addressing with linear probing. A slot is 0 or a row's number and one
 * more; the bits that numbers do not need are filled with some of the hash, so
 * that a row of another hash is seldom looked at in vain.
 */
typedef struct bsi_slots {
    uint32_t *slots;
    uint32_t capacity; /* 0: nothing was asked for yet. */
    uint32_t used;
    uint32_t number_mask; /* The bits of a slot that are the number. */
} bsi_slots;

enum { BSI_SLOTS_NUMBER_MAX = INT32_MAX - 1 }; /* Of a row: one bit is left for the hash. */

void bsi_slots_dispose(bsi_slots *self);

/* Whether so many rows in all have room, so that they can be put in. */
bool bsi_slots_has_room(const bsi_slots *self, uint32_t count);
/*
 * Make room for so many rows in all, and some. The table is empty then: all must be put in
 * again. (It grows where it lies: a second one beside it would be the peak of all memory.)
 * After a failure it is as before.
 */
BS_NODISCARD bs_status bsi_slots_renew(bsi_slots *self, uint32_t count);
/* Have the place of a hash brought near, for it is looked at soon. */
void bsi_slots_prefetch(const bsi_slots *self, uint64_t hash);
/* There is room. */
void bsi_slots_put(bsi_slots *self, uint64_t hash, uint32_t number);
void bsi_slots_clear(bsi_slots *self);
uint64_t bsi_slots_memory(const bsi_slots *self);

/* Goes through the rows that may have a hash, in the order in which they were put in. */
typedef struct bsi_slots_search {
    uint32_t at;
    uint32_t tag;
} bsi_slots_search;

void bsi_slots_find(const bsi_slots *self, uint64_t hash, bsi_slots_search *search);
/* False behind the last one. */
bool bsi_slots_next(const bsi_slots *self, bsi_slots_search *search, uint32_t *number_out);

/*
 * A hash that nobody can make collide who does not know its key (NH of UMAC, RFC 4418, over the
 * eight words of an id): names of blobs are chosen by those who wrote the repository.
 */
typedef struct bsi_id_hash {
    uint32_t words[BSI_SHA256_SIZE / 4];
} bsi_id_hash;

BS_NODISCARD bs_status bsi_id_hash_init(bsi_id_hash *self);
uint64_t bsi_id_hash_of(const bsi_id_hash *self, const bsi_digest *id);

/* --- Blobs that somebody is about to store --- */

typedef struct bsi_pending_blob {
    bsi_digest id;
    uint8_t type;
    bool taken;
} bsi_pending_blob;

typedef struct bsi_pending {
    bsi_pending_blob *places; /* Open addressing; their number is a power of two. */
    size_t capacity;
    size_t count;
} bsi_pending;

void bsi_pending_dispose(bsi_pending *self);
bool bsi_pending_has(const bsi_pending *self, uint64_t hash, const bsi_digest *id,
                     bsi_blob_type type);
/* One that is not in it. */
BS_NODISCARD bs_status bsi_pending_add(bsi_pending *self, const bsi_id_hash *hash,
                                       const bsi_digest *id, bsi_blob_type type);
/* One that is not in it is ignored. */
void bsi_pending_remove(bsi_pending *self, const bsi_id_hash *hash, const bsi_digest *id,
                        bsi_blob_type type);

/* --- The index itself --- */

enum {
    BSI_INDEX_BLOB_ROW_SIZE = BSI_SHA256_SIZE + 7,
    BSI_INDEX_MARK_EVERY = 64,
};

/* Sizes of one row that do not fit into it. */
typedef struct bsi_large_row {
    uint32_t row;
    uint32_t size;
    uint32_t plain_size;
} bsi_large_row;

struct bsi_repo_index {
    bsi_mutex lock; /* Guards everything below. */
    bsi_id_hash hash;
    bsi_rows blobs;
    bsi_rows marks; /* Offset of each BSI_INDEX_MARK_EVERY-th blob's row, 4 bytes. */
    bsi_rows packs;
    bsi_large_row *large; /* By row. */
    size_t large_count;
    size_t large_room;
    bsi_slots blob_slots;
    uint32_t slotted; /* Rows of blobs that are in the slots. */
    bsi_slots pack_slots;
    bsi_pending pending;
    uint32_t holes;       /* Rows that are no blobs. */
    uint32_t packs_gone;  /* Rows that are no packs. */
    bsi_blob_list merged; /* Scratch. */
    uint64_t merged_rows; /* Looked at again so far. */
    uint64_t packs_told;  /* By index files. */
};

/* A row of a blob, all but its offset. */
void bsi_index_row(const bsi_repo_index *self, uint32_t row, bsi_blob *out);
/* Whether it is a stretch of which nothing is known. */
bool bsi_index_is_hole(const bsi_blob *blob);

/* The first row of a pack's blobs, and the one behind its last. */
uint32_t bsi_index_pack_first(const bsi_repo_index *self, uint32_t pack);
uint32_t bsi_index_pack_end(const bsi_repo_index *self, uint32_t pack);
bool bsi_index_pack_is_gone(const bsi_repo_index *self, uint32_t pack);
void bsi_index_pack_id(const bsi_repo_index *self, uint32_t pack, bsi_digest *out);
void bsi_index_put_pack(uint8_t *row, const bsi_digest *id, uint32_t first);
/* Have all packs in their slots, which are empty. */
void bsi_index_slot_packs(bsi_repo_index *self);

#endif
