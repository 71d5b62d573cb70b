/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_INDEX_FILE_H
#define BSI_REPO_INDEX_FILE_H

#include "base/buffer.h"
#include "repo/blob.h"

/*
 * Index files: which blobs lie where in which packs, as JSON text.
 *
 *     {"packs":[{"id":"<hex>","blobs":[{"id":"<hex>","type":"data","offset":0,"length":38,
 *      "uncompressed_length":511},...]},...]}<line feed>
 *
 * All blobs of a pack are in one index file.
 */
enum {
    BSI_INDEX_FILE_MAX = 512 * 1024 * 1024, /* Bytes of text that are read. */
    BSI_INDEX_FILE_BLOBS = 50000,           /* With so many restic begins a new file. */
    BSI_INDEX_FILE_AGE_SEC = 600,           /* Likewise, when it was begun so long ago. */
};

/* Takes what a file says of one pack. The list, in the file's order, is for the call only. */
typedef bs_status (*bsi_index_pack_cb)(void *user, const bsi_digest *pack,
                                       const bsi_blob_list *blobs);

/*
 * Go through an index file's text, without building anything of it but the list of
 * one pack. Members that are not known, and `supersedes`, are passed over. Text that
 * is no index, and a blob that cannot be, is BS_E_CORRUPT of layer STORAGE or
 * BS_E_LIMIT. A failure of `callback` ends it and comes back unchanged.
 */
BS_NODISCARD bs_status bsi_index_parse(bsi_slice text, uint32_t version, bsi_index_pack_cb callback,
                                       void *user);

/* An index file that is being written. */
typedef struct bsi_index_writer {
    bsi_buf text;
    size_t blobs;
    size_t packs;
} bsi_index_writer;

void bsi_index_writer_init(bsi_index_writer *writer);
void bsi_index_writer_dispose(bsi_index_writer *writer);

/* One pack more; it is in the file as a whole or, after a failure, not at all. */
BS_NODISCARD bs_status bsi_index_writer_add(bsi_index_writer *writer, const bsi_digest *pack,
                                            const bsi_blob_list *blobs);
/* The end of the text, which is complete then. */
BS_NODISCARD bs_status bsi_index_writer_finish(bsi_index_writer *writer);
/* Begin a new file, keeping the memory. */
void bsi_index_writer_clear(bsi_index_writer *writer);

#endif
