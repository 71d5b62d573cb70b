/* SPDX-License-Identifier: MIT */
#ifndef BSI_COMPRESS_CODEC_H
#define BSI_COMPRESS_CODEC_H

#include "base/error.h"

/*
 * The vtable of block codecs: store, gzip, bzip2, zstd, deflate, lzma2.
 *
 * A codec turns a block of input into bytes that decode alone, and such blocks
 * one after the other are what the ordinary program for the format reads as one
 * stream (gzip members, bzip2 streams, zstd frames, deflate blocks, LZMA2
 * chunks). That is what lets all cores work on one file, and lets a reader
 * begin at any block.
 *
 * An encoder or decoder is used by one thread at a time. All errors carry layer
 * STORAGE; damaged input is BS_E_CORRUPT.
 */
typedef struct bsi_encoder bsi_encoder;
typedef struct bsi_decoder bsi_decoder;

typedef struct bsi_codec {
    const char *name;
    int level_min;
    int level_max;
    int level_default;

    /* How many input bytes make a block at this level. */
    size_t (*block_size)(int level);

    /* The most that encoding `size` bytes may take. */
    size_t (*bound)(size_t size);

    bs_status (*encoder_new)(int level, bsi_encoder **out);
    void (*encoder_free)(bsi_encoder *encoder);

    /*
     * Encode one block. `last`: nothing follows it in its stream (deflate marks
     * its final block; the others ignore it). *size_out <= bound(size).
     *
     * `verify`: decode the result again and compare it with the input; a
     * difference is BS_E_INTERNAL and the bytes must not be used.
     */
    bs_status (*encode)(bsi_encoder *encoder, const void *data, size_t size, bool last, bool verify,
                        void *out, size_t *size_out);

    /* Bytes behind the last block of a stream, such as LZMA2's end mark; NULL with size 0. */
    const void *trailer;
    size_t trailer_size;

    bs_status (*decoder_new)(bsi_decoder **out);
    void (*decoder_free)(bsi_decoder *decoder);

    /* Forget everything; the next byte begins a block. */
    void (*decoder_reset)(bsi_decoder *decoder);

    /*
     * Decode from `in` to `out` as far as both reach. *in_used_out and
     * *out_used_out tell how far. BS_END when the stream itself says that it is
     * over (deflate, lzma2); gzip, bzip2 and zstd go on with the next member.
     * With both 0 used and room in both, more input is needed. With in_size 0:
     * BS_END when the input so far ended where a block does, or was empty.
     */
    bs_status (*decode)(bsi_decoder *decoder, const void *in, size_t in_size, size_t *in_used_out,
                        void *out, size_t out_size, size_t *out_used_out);
} bsi_codec;

extern const bsi_codec bsi_codec_store;
extern const bsi_codec bsi_codec_gzip;
extern const bsi_codec bsi_codec_bzip2;
extern const bsi_codec bsi_codec_zstd;
extern const bsi_codec bsi_codec_deflate;
extern const bsi_codec bsi_codec_lzma2;

#endif
