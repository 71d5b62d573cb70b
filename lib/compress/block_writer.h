/* SPDX-License-Identifier: MIT */
#ifndef BSI_COMPRESS_BLOCK_WRITER_H
#define BSI_COMPRESS_BLOCK_WRITER_H

#include "compress/codec.h"
#include "task/call.h"
#include "task/pool.h"

/*
 * Cuts a stream into segments, encodes them on all cores and hands the results
 * on in order. A segment is what one encode() call produces and what a reader
 * can begin at.
 *
 * One producer thread writes; the sink is called on that same thread, from
 * inside write, space, cut and finish. Memory is bounded by the number of threads
 * times the block size. After a failure only bsi_block_writer_free() is left.
 */
typedef struct bsi_block_writer bsi_block_writer;

/* Where the encoded bytes go. A failure ends the writer and comes back unchanged. */
typedef struct bsi_block_sink {
    /* Before the bytes of each segment, in order. May be NULL. */
    bs_status (*segment)(void *user, uint64_t segment, uint64_t raw_size, uint64_t stored_size);
    /* Next bytes of the encoded stream. */
    bs_status (*data)(void *user, const void *data, size_t size);
    void *user;

    /*
     * Both or none. Without them data() leaves its bytes alone when it has returned. With them it
     * may go on reading them: what mark() tells behind a block's bytes is what settle() is called
     * with before the memory of that block is used again.
     */
    uint64_t (*mark)(void *user);
    bs_status (*settle)(void *user, uint64_t mark);
} bsi_block_sink;

typedef struct bsi_block_options {
    const bsi_codec *codec;
    int level;   /* Within the codec's range. */
    bool verify; /* Decode every block again before it counts as written. */
    bsi_pool *pool;
    const bs_call *call; /* Kept; must outlive the writer. */
} bsi_block_options;

BS_NODISCARD bs_status bsi_block_writer_new(const bsi_block_options *options,
                                            const bsi_block_sink *sink, bsi_block_writer **out);
/* Waits for what is under way. NULL is ignored. */
void bsi_block_writer_free(bsi_block_writer *writer);

BS_NODISCARD bs_status bsi_block_writer_write(bsi_block_writer *writer, const void *data,
                                              size_t size);

/*
 * Room in the present block to fill in place: at least one byte. Then say how much was used. What
 * was committed stays readable where it is until the commit after it.
 */
BS_NODISCARD bs_status bsi_block_writer_space(bsi_block_writer *writer, void **space_out,
                                              size_t *size_out);
BS_NODISCARD bs_status bsi_block_writer_commit(bsi_block_writer *writer, size_t used);

/*
 * End the present segment: the next byte begins a new one. `last`: and the
 * stream too, a new one follows (zip members, 7z folders); the codec's trailer
 * is written. Small segments share a block of work, so that a thousand short
 * files do not cost a thousand hand-overs.
 */
BS_NODISCARD bs_status bsi_block_writer_cut(bsi_block_writer *writer, bool last);

/* Right after a cut: encode what was cut off and wait until the sink has all of it. */
BS_NODISCARD bs_status bsi_block_writer_flush(bsi_block_writer *writer);

/* Where the next byte will lie: the segment, and how many bytes of it come before. */
void bsi_block_writer_tell(const bsi_block_writer *writer, uint64_t *segment_out,
                           uint64_t *skip_out);

/* Encode what is left as the last segment, write the trailer, wait for everything. */
BS_NODISCARD bs_status bsi_block_writer_finish(bsi_block_writer *writer);

#endif
