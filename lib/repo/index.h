/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_INDEX_H
#define BSI_REPO_INDEX_H

#include "repo/blob.h"

/*
 * The index of a repository in memory: which blobs there are, in which packs,
 * and where. It takes about 45 bytes for each blob: 39 for what is known of it,
 * 5 for finding it, and its share of what is known of its pack.
 *
 * Any thread. Packs are numbered in the order in which they come; numbers stay
 * until packs are removed.
 */
typedef struct bsi_repo_index bsi_repo_index;

enum {
    BSI_INDEX_ROWS_MAX = 0x7ffffffe, /* Blobs. */
    /* Places of one blob that are told; it may lie in more packs. */
    BSI_INDEX_COPIES_MAX = 16,
};

BS_NODISCARD bs_status bsi_repo_index_new(bsi_repo_index **out);
void bsi_repo_index_free(bsi_repo_index *index); /* NULL is ignored. */

/*
 * What is known of blobs, 39 bytes of each, takes at most so many bytes of memory; the rest lies in
 * a file without a name in `dir`, which stays open as long as the index. What finds them stays in
 * memory. An index that has blobs already is left as it is.
 */
void bsi_repo_index_limit(bsi_repo_index *index, int dir, uint64_t bytes);

/*
 * A pack with its blobs, in any order; they were checked, and are pending no more.
 * What was known of the pack stays known: files of an index may each tell of a part.
 * Blobs that overlap are BS_E_CORRUPT of layer STORAGE, and nothing is added; so it
 * is with BS_E_LIMIT for packs that come again and again, a blob more each time.
 */
BS_NODISCARD bs_status bsi_repo_index_add(bsi_repo_index *index, const bsi_digest *pack,
                                          const bsi_blob_list *blobs);

/*
 * All that an index file's text tells. `file` is its name, for failures; what stands
 * before the place of a failure is in the index.
 */
BS_NODISCARD bs_status bsi_repo_index_add_file(bsi_repo_index *index, const bsi_digest *file,
                                               bsi_slice json, uint32_t version);

/* As bsi_repo_index_add(), for a pack that an index file tells of. */
BS_NODISCARD bs_status bsi_repo_index_add_told(bsi_repo_index *index, const bsi_digest *pack,
                                               const bsi_blob_list *blobs);
/* Put "index <id>" in front of a failure's text. */
bs_status bsi_index_file_failed(bs_status status, const bsi_digest *file);

/* Where a blob is. */
typedef struct bsi_blob_place {
    bsi_digest pack;
    uint32_t pack_number;
    uint32_t row; /* A small number for this place, as long as its pack has its number. */
    bsi_blob blob;
} bsi_blob_place;

/* BS_OK: it is there, in pack or to come. BS_END: it is not. No error record is made. */
BS_NODISCARD bs_status bsi_repo_index_has(bsi_repo_index *index, bsi_blob_type type,
                                          const bsi_digest *id);

/* The n-th place of a blob, from 0 on. BS_END: there is no such place. */
BS_NODISCARD bs_status bsi_repo_index_find(bsi_repo_index *index, bsi_blob_type type,
                                           const bsi_digest *id, unsigned copy,
                                           bsi_blob_place *out);

/* Whether the index tells of a pack. */
bool bsi_repo_index_has_pack(bsi_repo_index *index, const bsi_digest *pack);
/* The same, with its number. */
bool bsi_repo_index_number(bsi_repo_index *index, const bsi_digest *pack, uint32_t *out);

/* --- Blobs to come --- */

typedef enum bsi_claim {
    BSI_CLAIM_MINE,    /* The caller stores it: adds its pack, or gives the claim back. */
    BSI_CLAIM_KNOWN,   /* It is stored. */
    BSI_CLAIM_PENDING, /* Somebody else is about to store it. */
} bsi_claim;

/* Say that one wants to store a blob. Of several threads one is told that it is the one. */
BS_NODISCARD bs_status bsi_repo_index_claim(bsi_repo_index *index, bsi_blob_type type,
                                            const bsi_digest *id, bsi_claim *out);
/* It will not be stored after all. */
void bsi_repo_index_release(bsi_repo_index *index, bsi_blob_type type, const bsi_digest *id);

/* --- All of it --- */

typedef struct bsi_repo_index_stats {
    uint64_t blobs; /* Each as often as it is stored. */
    uint64_t packs;
    uint64_t packs_told; /* By index files; one that several tell of as often as they do. */
    uint64_t memory;     /* Bytes. */
} bsi_repo_index_stats;

void bsi_repo_index_get_stats(bsi_repo_index *index, bsi_repo_index_stats *out);

/* Whether several index files tell of the same pack, which restic finds fault with. */
bool bsi_repo_index_is_told_twice(bsi_repo_index *index);

/* Behind the highest number of a pack. */
uint32_t bsi_repo_index_pack_end(bsi_repo_index *index);

/*
 * A pack, and its blobs in the order in which they lie, which take the place of what is
 * in the list. BS_END: there is no pack of that number.
 */
BS_NODISCARD bs_status bsi_repo_index_pack(bsi_repo_index *index, uint32_t number,
                                           bsi_digest *id_out, bsi_blob_list *blobs_out);

/* Whether a pack goes. Must not use the index. */
typedef bool (*bsi_pack_choice_cb)(void *user, const bsi_digest *pack);

/* Take packs out. All numbers change. */
void bsi_repo_index_remove(bsi_repo_index *index, bsi_pack_choice_cb goes, void *user);

#endif
