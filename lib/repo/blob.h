/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_BLOB_H
#define BSI_REPO_BLOB_H

#include "base/buffer.h"
#include "base/slice.h"
#include "crypto/ctr_poly.h"
#include "hash/sha256.h"

/*
 * Blobs: chunks of files, and trees. A blob is known by its type and the digest
 * of its plain text. It lies in a pack sealed: encrypted, and before that, from
 * version 2 of the format on, compressed as one zstd frame.
 */
typedef enum bsi_blob_type {
    BSI_BLOB_DATA,
    BSI_BLOB_TREE,
} bsi_blob_type;

/*
 * Plain bytes of the largest blob that is read. restic's chunks have at most 8
 * MiB, other programs' may have more; the tree of a directory has some hundred
 * bytes for each name.
 */
enum {
    BSI_BLOB_DATA_MAX = 128 * 1024 * 1024,
    BSI_BLOB_TREE_MAX = 1024 * 1024 * 1024,
};

/* A blob as it lies in a pack. */
typedef struct bsi_blob {
    bsi_digest id;
    bsi_blob_type type;
    uint32_t offset;     /* In the pack. */
    uint32_t size;       /* Sealed. */
    uint32_t plain_size; /* Of a compressed one; 0: it is not compressed. */
} bsi_blob;

/* Its plain bytes, compressed or not. It was checked. */
uint32_t bsi_blob_plain_size(const bsi_blob *blob);

/*
 * Whether the sizes are possible in a repository of that version: BS_E_CORRUPT of
 * layer STORAGE, or BS_E_LIMIT for a blob that would be too large.
 */
BS_NODISCARD bs_status bsi_blob_check(const bsi_blob *blob, uint32_t version);

/* "data" or "tree". */
const char *bsi_blob_type_name(bsi_blob_type type);

/* Whether two are the same blob in the same place, with the same sizes. */
bool bsi_blob_equal(const bsi_blob *a, const bsi_blob *b);

/* Some blobs, such as those of one pack. Zeroed, it is empty. */
typedef struct bsi_blob_list {
    bsi_blob *items;
    size_t count;
    size_t capacity;
} bsi_blob_list;

BS_NODISCARD bs_status bsi_blob_list_add(bsi_blob_list *list, const bsi_blob *blob);
void bsi_blob_list_clear(bsi_blob_list *list); /* Keeps the memory. */
void bsi_blob_list_dispose(bsi_blob_list *list);
bool bsi_blob_list_equal(const bsi_blob_list *a, const bsi_blob_list *b);

/* What blobs are sealed with. */
typedef struct bsi_blob_options {
    const bsi_secret *key; /* The repository's master key; outlives the sealer. */
    uint32_t version;      /* Of the repository. */
    int level;             /* Of zstd, as in compress/zstd_frame.h. */
    bool store_data;       /* Do not compress data. */
} bsi_blob_options;

/*
 * Seals and opens blobs, one thread at a time. Contexts and buffers are kept
 * from one blob to the next, and nothing of the key.
 */
typedef struct bsi_blob_sealer bsi_blob_sealer;

BS_NODISCARD bs_status bsi_blob_sealer_new(const bsi_blob_options *options, bsi_blob_sealer **out);
void bsi_blob_sealer_free(bsi_blob_sealer *sealer); /* NULL is ignored. */

/*
 * Seal plain bytes whose id and type stand in `blob`, and append them to `out`;
 * sets both sizes. What was sealed is opened again and compared: a difference is
 * BS_E_INTERNAL. Data that compresses to no less is stored as it is; trees are
 * always compressed in version 2, for restic's prune packs them anew otherwise.
 */
BS_NODISCARD bs_status bsi_blob_seal(bsi_blob_sealer *sealer, bsi_blob *blob, const void *plain,
                                     size_t size, bsi_buf *out);

/*
 * The plain bytes of a blob out of its `blob->size` sealed ones, valid until the
 * sealer's next call. Its sizes, its tag and its id are checked: what does not
 * fit is BS_E_CORRUPT with the blob's name.
 */
BS_NODISCARD bs_status bsi_blob_open(bsi_blob_sealer *sealer, const bsi_blob *blob,
                                     const void *sealed, bsi_slice *out);

#endif
