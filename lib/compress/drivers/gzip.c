/* SPDX-License-Identifier: MIT */
/*
 * gzip (RFC 1952): each block is a member made by libdeflate. Members are read
 * with zlib, which takes them from anybody in pieces of any size.
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
    GZIP_WINDOW = 15 + 16, /* The largest window, and a gzip header and trailer around it. */
};

struct bsi_encoder {
    bsi_deflater *deflater;
    struct libdeflate_decompressor *decompressor; /* For verifying; NULL until first needed. */
    uint8_t *check;                               /* A block decoded again; likewise. */
};

struct bsi_decoder {
    z_stream stream;
    bool ready;   /* `stream` is initialised. */
    bool between; /* No member has begun. */
};

static size_t block_size(int level)
{
    (void)level;
    return BLOCK_SIZE;
}

static size_t bound(size_t size)
{
    return libdeflate_gzip_compress_bound(NULL, size);
}

static void encoder_free(bsi_encoder *encoder)
{
    if (!encoder) {
        return;
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
    if (!encoder->decompressor) {
        encoder->decompressor = libdeflate_alloc_decompressor();
        if (!encoder->decompressor) {
            return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory for verifying");
        }
    }
    if (!encoder->check) {
        encoder->check = bsi_alloc(BLOCK_SIZE);
        if (!encoder->check) {
            return BS_E_NOMEM;
        }
    }
    return BS_OK;
}

static bs_status verify_member(bsi_encoder *encoder, const void *data, size_t size,
                               const void *member, size_t member_size)
{
    enum libdeflate_result result = LIBDEFLATE_SUCCESS;

    BSI_TRY(prepare_check(encoder));
    result = libdeflate_gzip_decompress(encoder->decompressor, member, member_size, encoder->check,
                                        size, NULL);
    if (result != LIBDEFLATE_SUCCESS || (size > 0 && memcmp(encoder->check, data, size) != 0)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL,
                        "a block compressed with gzip does not decode to what it was");
    }
    return BS_OK;
}

static bs_status encode(bsi_encoder *encoder, const void *data, size_t size, bool last, bool verify,
                        void *out, size_t *size_out)
{
    bs_status status = BS_OK;
    size_t used = 0;

    (void)last;
    BSI_CHECK(size <= BLOCK_SIZE);
    used = libdeflate_gzip_compress(bsi_deflater_for(encoder->deflater, data, size), data, size,
                                    out, bound(size));
    if (used == 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL, "gzip took more room than its bound");
    }
    status = verify ? verify_member(encoder, data, size, out, used) : BS_OK;
    if (status == BS_OK) {
        *size_out = used;
    }
    return status;
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

    if (!decoder) {
        return BS_E_NOMEM;
    }
    decoder->stream.zalloc = zlib_alloc;
    decoder->stream.zfree = zlib_free;
    if (inflateInit2(&decoder->stream, GZIP_WINDOW) != Z_OK) {
        decoder_free(decoder);
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory for decompressing");
    }
    decoder->ready = true;
    decoder->between = true;
    *out = decoder;
    return BS_OK;
}

static void decoder_reset(bsi_decoder *decoder)
{
    (void)inflateReset2(&decoder->stream, GZIP_WINDOW);
    decoder->between = true;
}

/* One call of inflate(); its failures turned into ours. */
static bs_status inflate_some(bsi_decoder *decoder)
{
    const int result = inflate(&decoder->stream, Z_NO_FLUSH);

    switch (result) {
    case Z_OK:
    case Z_BUF_ERROR:
        decoder->between = false;
        return BS_OK;
    case Z_STREAM_END:
        decoder_reset(decoder);
        return BS_OK;
    case Z_MEM_ERROR:
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory for decompressing");
    default:
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the gzip data is damaged: %s",
                        decoder->stream.msg ? decoder->stream.msg : "not gzip");
    }
}

static bs_status decode(bsi_decoder *decoder, const void *in, size_t in_size, size_t *in_used_out,
                        void *out, size_t out_size, size_t *out_used_out)
{
    z_stream *stream = &decoder->stream;
    const unsigned in_part = (unsigned)bsi_min_size(in_size, INT_MAX);
    const unsigned out_part = (unsigned)bsi_min_size(out_size, INT_MAX);
    bs_status status = BS_OK;

    *in_used_out = 0;
    *out_used_out = 0;
    if (in_size == 0 && decoder->between) {
        return BS_END;
    }
    stream->next_in = in;
    stream->avail_in = in_part;
    stream->next_out = out;
    stream->avail_out = out_part;
    do {
        status = inflate_some(decoder);
    } while (status == BS_OK && decoder->between && stream->avail_in > 0 && stream->avail_out > 0);
    if (status < 0) {
        return status;
    }
    *in_used_out = in_part - stream->avail_in;
    *out_used_out = out_part - stream->avail_out;
    return BS_OK;
}

const bsi_codec bsi_codec_gzip = {
    .name = "gzip",
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
