/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_READER_H
#define BSI_REPO_READER_H

#include "repo/blob.h"
#include "repo/index.h"
#include "repo/repository.h"

/*
 * Reads blobs of a repository: looks up where they are, reads just these bytes of
 * the pack, and opens them. One thread at a time per reader; readers share an index.
 */
typedef struct bsi_blob_reader bsi_blob_reader;

/* Both outlive the reader. */
BS_NODISCARD bs_status bsi_blob_reader_new(const bsi_repo *repo, bsi_repo_index *index,
                                           bsi_blob_reader **out);
void bsi_blob_reader_free(bsi_blob_reader *reader); /* NULL is ignored. */

/*
 * The plain bytes of a blob, valid until the reader's next call. When its pack is
 * missing or damaged, other packs that have it are tried; the failure is the first
 * one's, and names blob and pack. BS_E_MISSING: no pack in the index has it.
 */
BS_NODISCARD bs_status bsi_blob_reader_read(bsi_blob_reader *reader, const bs_call *call,
                                            bsi_blob_type type, const bsi_digest *id,
                                            bsi_slice *out);

/* The same from a place that is known. */
BS_NODISCARD bs_status bsi_blob_reader_read_at(bsi_blob_reader *reader, const bs_call *call,
                                               const bsi_blob_place *place, bsi_slice *out);

/*
 * Read packs in blocks from now on, and keep some of these: for whoever reads most of what
 * is in a pack, in small pieces, as those do who read all trees. It takes up to
 * BSI_READER_BLOCKS_SIZE bytes.
 */
#define BSI_READER_BLOCKS_SIZE ((size_t)32 << 20)
BS_NODISCARD bs_status bsi_blob_reader_use_blocks(bsi_blob_reader *reader);

/* BS_E_MISSING, with a text that names the blob: no pack in the index has it. */
bs_status bsi_blob_not_known(bsi_blob_type type, const bsi_digest *id);

#endif
