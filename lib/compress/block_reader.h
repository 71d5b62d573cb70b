/* SPDX-License-Identifier: MIT */
#ifndef BSI_COMPRESS_BLOCK_READER_H
#define BSI_COMPRESS_BLOCK_READER_H

#include "compress/codec.h"

/*
 * Reads decoded bytes from any block of an encoded stream on, through an input
 * buffer of its own. One thread at a time. After a failure, or BS_END, only
 * start and free are left.
 */
typedef struct bsi_block_reader bsi_block_reader;

/* Random access to the encoded bytes. */
typedef struct bsi_block_source {
    /* Fills all of `buf` or fails; never asked for bytes at or behind `size`. */
    bs_status (*read)(void *user, uint64_t offset, void *buf, size_t size);
    void *user;
    uint64_t size;
} bsi_block_source;

/* The source is copied. Begin with bsi_block_reader_start(). */
BS_NODISCARD bs_status bsi_block_reader_new(const bsi_codec *codec, const bsi_block_source *source,
                                            bsi_block_reader **out);
void bsi_block_reader_free(bsi_block_reader *reader);

/* Go to the block that begins at `offset`; behind the source's end is BS_E_CORRUPT. Reads nothing.
 */
BS_NODISCARD bs_status bsi_block_reader_start(bsi_block_reader *reader, uint64_t offset);
/*
 * The same for a stream whose bytes the source tells differently from now on: none that were read
 * before are used, and none at or behind `end` are asked for.
 */
BS_NODISCARD bs_status bsi_block_reader_start_alone(bsi_block_reader *reader, uint64_t offset,
                                                    uint64_t end);

/* The next `size` bytes exactly; BS_E_CORRUPT when the stream ends first or is damaged. */
BS_NODISCARD bs_status bsi_block_reader_read(bsi_block_reader *reader, void *buf, size_t size);

/* As read, without keeping the bytes. */
BS_NODISCARD bs_status bsi_block_reader_skip(bsi_block_reader *reader, uint64_t size);

/*
 * At least one and at most `size` bytes, for streams whose length is not known.
 * BS_END behind the last one; a source that ends within a block is BS_E_CORRUPT.
 */
BS_NODISCARD bs_status bsi_block_reader_read_some(bsi_block_reader *reader, void *buf, size_t size,
                                                  size_t *size_out);

#endif
