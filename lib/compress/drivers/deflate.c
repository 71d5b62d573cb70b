/* SPDX-License-Identifier: MIT */
/*
 * Raw deflate (RFC 1951), as zip members hold it: the blocks of one stream make
 * one deflate stream together.
 *
 * libdeflate marks the last deflate block of what it makes as the final one. In
 * a block that is not the stream's last, that mark is taken back and an empty
 * stored block behind it fills up the byte. Where the mark stands only a
 * decoder can tell, so such a block is decoded once in any case, and comparing
 * the result with the input verifies it at the same time.
 */
#define ZLIB_CONST /* zlib then takes input as const. */
#include <libdeflate.h>
#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "compress/codec.h"
#include "compress/deflater.h"

enum {
    BLOCK_SIZE = 1 << 20,
    RAW_WINDOW = -15, /* The largest window, and nothing around the data. */
    JOINT_SIZE = 6,   /* The most that an empty stored block takes. */
    BITS_LEFT = 7,    /* Of zlib's data_type: unused bits of the last byte. */
    LAST_BLOCK = 64,  /* Of zlib's data_type: this is the final block. */
    BLOCK_EDGE = 128, /* Of zlib's data_type: a block has just ended. */
};

struct bsi_encoder {
    bsi_deflater *deflater;
    struct libdeflate_decompressor *decompressor; /* For verifying; NULL until first needed. */
    uint8_t *check;                               /* A block decoded again; likewise. */
    z_stream stream;                              /* Finds the final block. */
    bool ready;                                   /* `stream` is initialised. */
};

struct bsi_decoder {
    z_stream stream;
    bool ready; /* `stream` is initialised. */
    bool ended;
};

static size_t block_size(int level)
{
    (void)level;
    return BLOCK_SIZE;
}

static size_t bound(size_t size)
{
    return libdeflate_deflate_compress_bound(NULL, size) + JOINT_SIZE;
}

static void *zlib_alloc(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    return bsi_calloc(count, size);
}

static void zlib_free(void *opaque, void *memory)
{
    (void)opaque;
    bsi_free(memory);
}

static bs_status inflate_begin(z_stream *stream)
{
    stream->zalloc = zlib_alloc;
    stream->zfree = zlib_free;
    if (inflateInit2(stream, RAW_WINDOW) != Z_OK) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory for decompressing");
    }
    return BS_OK;
}

static void encoder_free(bsi_encoder *encoder)
{
    if (!encoder) {
        return;
    }
    if (encoder->ready) {
        (void)inflateEnd(&encoder->stream);
    }
    bsi_deflater_free(encoder->deflater);
    libdeflate_free_decompressor(encoder->decompressor);
    bsi_free(encoder->check);
    bsi_free(encoder);
}

static bs_status encoder_new(int level, bsi_encoder **out)
{
    bsi_encoder *encoder = bsi_calloc(1, sizeof(*encoder));
    bs_status status = encoder ? bsi_deflater_new(level, &encoder->deflater) : BS_E_NOMEM;

    if (status < 0) {
        encoder_free(encoder);
        return status;
    }
    *out = encoder;
    return BS_OK;
}

static bs_status prepare_check(bsi_encoder *encoder)
{
    if (!encoder->check) {
        encoder->check = bsi_alloc(BLOCK_SIZE);
    }
    return encoder->check ? BS_OK : BS_E_NOMEM;
}

static bs_status prepare_decompressor(bsi_encoder *encoder)
{
    if (!encoder->decompressor) {
        encoder->decompressor = libdeflate_alloc_decompressor();
    }
    if (!encoder->decompressor) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory for verifying");
    }
    return BS_OK;
}

static bs_status prepare_stream(bsi_encoder *encoder)
{
    if (encoder->ready) {
        return inflateReset2(&encoder->stream, RAW_WINDOW) == Z_OK ? BS_OK : BS_E_INTERNAL;
    }
    BSI_TRY(inflate_begin(&encoder->stream));
    encoder->ready = true;
    return BS_OK;
}

static bs_status not_the_same(void)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL,
                    "a block compressed with deflate does not decode to what it was");
}

static bs_status verify_last(bsi_encoder *encoder, const void *data, size_t size, const void *coded,
                             size_t coded_size)
{
    enum libdeflate_result result = LIBDEFLATE_SUCCESS;

    BSI_TRY(prepare_check(encoder));
    BSI_TRY(prepare_decompressor(encoder));
    result = libdeflate_deflate_decompress(encoder->decompressor, coded, coded_size, encoder->check,
                                           size, NULL);
    if (result != LIBDEFLATE_SUCCESS || (size > 0 && memcmp(encoder->check, data, size) != 0)) {
        return not_the_same();
    }
    return BS_OK;
}

/* Where in `coded`, counted in bits, the final block begins and ends. */
static bs_status find_final_block(bsi_encoder *encoder, const void *coded, size_t coded_size,
                                  size_t *begin_out, size_t *end_out)
{
    z_stream *stream = &encoder->stream;
    size_t edge = 0;

    stream->next_in = coded;
    stream->avail_in = (unsigned)coded_size;
    for (;;) {
        const int result = inflate(stream, Z_BLOCK);
        const int type = stream->data_type;

        if (result == Z_MEM_ERROR) {
            return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory for verifying");
        }
        if (result != Z_OK || !(type & BLOCK_EDGE)) {
            return not_the_same();
        }
        *begin_out = edge;
        edge = (coded_size - stream->avail_in) * CHAR_BIT - (size_t)(type & BITS_LEFT);
        if (type & LAST_BLOCK) {
            break;
        }
    }
    *end_out = edge;
    return BS_OK;
}

/* Turn the end of `coded` into a place where another block can follow. */
static size_t open_end(uint8_t *coded, size_t begin, size_t end)
{
    static const uint8_t stored_sizes[] = {0, 0, 0xff, 0xff};
    const size_t tail = end / CHAR_BIT;
    const size_t size = (end + 3 + CHAR_BIT - 1) / CHAR_BIT;

    coded[begin / CHAR_BIT] &= (uint8_t) ~(1u << begin % CHAR_BIT);
    coded[tail] &= (uint8_t)((1u << end % CHAR_BIT) - 1);
    if (size > tail + 1) {
        coded[tail + 1] = 0;
    }
    memcpy(coded + size, stored_sizes, sizeof(stored_sizes));
    return size + sizeof(stored_sizes);
}

static bs_status join(bsi_encoder *encoder, const void *data, size_t size, uint8_t *coded,
                      size_t *coded_size)
{
    size_t begin = 0;
    size_t end = 0;

    BSI_TRY(prepare_check(encoder));
    BSI_TRY(prepare_stream(encoder));
    encoder->stream.next_out = encoder->check;
    encoder->stream.avail_out = (unsigned)size;
    BSI_TRY(find_final_block(encoder, coded, *coded_size, &begin, &end));
    if (encoder->stream.avail_out > 0 || memcmp(encoder->check, data, size) != 0) {
        return not_the_same();
    }
    *coded_size = open_end(coded, begin, end);
    return BS_OK;
}

static bs_status encode(bsi_encoder *encoder, const void *data, size_t size, bool last, bool verify,
                        void *out, size_t *size_out)
{
    bs_status status = BS_OK;
    size_t used = 0;

    BSI_CHECK(size <= BLOCK_SIZE);
    if (size == 0 && !last) {
        *size_out = 0;
        return BS_OK;
    }
    used = libdeflate_deflate_compress(bsi_deflater_for(encoder->deflater, data, size), data, size,
                                       out, bound(size) - JOINT_SIZE);
    if (used == 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL, "deflate took more room than its bound");
    }
    if (!last) {
        status = join(encoder, data, size, out, &used);
    } else if (verify) {
        status = verify_last(encoder, data, size, out, used);
    }
    if (status == BS_OK) {
        *size_out = used;
    }
    return status;
}

static void decoder_free(bsi_decoder *decoder)
{
    if (!decoder) {
        return;
    }
    if (decoder->ready) {
        (void)inflateEnd(&decoder->stream);
    }
    bsi_free(decoder);
}

static bs_status decoder_new(bsi_decoder **out)
{
    bsi_decoder *decoder = bsi_calloc(1, sizeof(*decoder));
    bs_status status = BS_OK;

    if (!decoder) {
        return BS_E_NOMEM;
    }
    status = inflate_begin(&decoder->stream);
    if (status < 0) {
        decoder_free(decoder);
        return status;
    }
    decoder->ready = true;
    *out = decoder;
    return BS_OK;
}

static void decoder_reset(bsi_decoder *decoder)
{
    (void)inflateReset2(&decoder->stream, RAW_WINDOW);
    decoder->ended = false;
}

static bs_status decode(bsi_decoder *decoder, const void *in, size_t in_size, size_t *in_used_out,
                        void *out, size_t out_size, size_t *out_used_out)
{
    z_stream *stream = &decoder->stream;
    const unsigned in_part = (unsigned)bsi_min_size(in_size, INT_MAX);
    const unsigned out_part = (unsigned)bsi_min_size(out_size, INT_MAX);
    int result = Z_OK;

    *in_used_out = 0;
    *out_used_out = 0;
    if (decoder->ended) {
        return BS_END;
    }
    stream->next_in = in;
    stream->avail_in = in_part;
    stream->next_out = out;
    stream->avail_out = out_part;
    result = inflate(stream, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory for decompressing");
    }
    if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the deflate data is damaged: %s",
                        stream->msg ? stream->msg : "not deflate");
    }
    *in_used_out = in_part - stream->avail_in;
    *out_used_out = out_part - stream->avail_out;
    decoder->ended = result == Z_STREAM_END;
    return decoder->ended ? BS_END : BS_OK;
}

const bsi_codec bsi_codec_deflate = {
    .name = "deflate",
    .level_min = 1,
    .level_max = 12,
    .level_default = 5,
    .block_size = block_size,
    .bound = bound,
    .encoder_new = encoder_new,
    .encoder_free = encoder_free,
    .encode = encode,
    .decoder_new = decoder_new,
    .decoder_free = decoder_free,
    .decoder_reset = decoder_reset,
    .decode = decode,
};
