/* SPDX-License-Identifier: MIT */
/*
 * Zstandard (RFC 8878): each block is a frame that tells its content's size and
 * ends in a checksum.
 */
#define ZSTD_STATIC_LINKING_ONLY /* For leaving checksums unchecked. */
#include <string.h>
#include <zstd.h>

#include "base/alloc.h"
#include "compress/codec.h"
#include "compress/drivers/zstd_int.h"

enum { BLOCK_SIZE = 1 << BSI_ZSTD_BLOCK_LOG };

struct bsi_encoder {
    ZSTD_CCtx *context;
    ZSTD_DCtx *checker; /* For verifying; NULL until first needed. */
    uint8_t *check;     /* A block decoded again; likewise. */
};

struct bsi_decoder {
    ZSTD_DCtx *context;
    bool between; /* No frame has begun. */
};

static size_t block_size(int level)
{
    (void)level;
    return BLOCK_SIZE;
}

static size_t bound(size_t size)
{
    return ZSTD_compressBound(size);
}

static void encoder_free(bsi_encoder *encoder)
{
    if (!encoder) {
        return;
    }
    (void)ZSTD_freeCCtx(encoder->context);
    (void)ZSTD_freeDCtx(encoder->checker);
    bsi_free(encoder->check);
    bsi_free(encoder);
}

static bs_status encoder_new(int level, bsi_encoder **out)
{
    bsi_encoder *encoder = bsi_calloc(1, sizeof(*encoder));
    bs_status status = BS_OK;

    if (!encoder) {
        return BS_E_NOMEM;
    }
    status = bsi_zstd_compressor_new(level, true, &encoder->context);
    if (status < 0) {
        encoder_free(encoder);
        return status;
    }
    *out = encoder;
    return BS_OK;
}

static bs_status prepare_check(bsi_encoder *encoder)
{
    if (!encoder->checker) {
        BSI_TRY(bsi_zstd_decompressor_new(&encoder->checker));
        /* Every byte is compared with what it came from: that is check enough. */
        (void)ZSTD_DCtx_setParameter(encoder->checker, ZSTD_d_forceIgnoreChecksum,
                                     ZSTD_d_ignoreChecksum);
    }
    if (!encoder->check) {
        encoder->check = bsi_alloc(BLOCK_SIZE);
        if (!encoder->check) {
            return BS_E_NOMEM;
        }
    }
    return BS_OK;
}

static bs_status verify_frame(bsi_encoder *encoder, const void *data, size_t size,
                              const void *frame, size_t frame_size)
{
    const size_t room = size;
    size_t got = 0;

    BSI_TRY(prepare_check(encoder));
    got = ZSTD_decompressDCtx(encoder->checker, encoder->check, room, frame, frame_size);
    if (ZSTD_isError(got) || got != size || (size > 0 && memcmp(encoder->check, data, size) != 0)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL,
                        "a block compressed with zstd does not decode to what it was");
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
    used = ZSTD_compress2(encoder->context, out, bound(size), data, size);
    if (ZSTD_isError(used)) {
        return bsi_zstd_compress_failure(used);
    }
    status = verify ? verify_frame(encoder, data, size, out, used) : BS_OK;
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
    (void)ZSTD_freeDCtx(decoder->context);
    bsi_free(decoder);
}

static void decoder_reset(bsi_decoder *decoder)
{
    (void)ZSTD_DCtx_reset(decoder->context, ZSTD_reset_session_only);
    decoder->between = true;
}

static bs_status decoder_new(bsi_decoder **out)
{
    bsi_decoder *decoder = bsi_calloc(1, sizeof(*decoder));
    bs_status status = BS_OK;

    if (!decoder) {
        return BS_E_NOMEM;
    }
    status = bsi_zstd_decompressor_new(&decoder->context);
    if (status < 0) {
        decoder_free(decoder);
        return status;
    }
    decoder_reset(decoder);
    *out = decoder;
    return BS_OK;
}

static bs_status decode(bsi_decoder *decoder, const void *in, size_t in_size, size_t *in_used_out,
                        void *out, size_t out_size, size_t *out_used_out)
{
    ZSTD_inBuffer input = {in, in_size, 0};
    ZSTD_outBuffer output = {out, out_size, 0};
    bool moved = false;

    *in_used_out = 0;
    *out_used_out = 0;
    if (in_size == 0 && decoder->between) {
        return BS_END;
    }
    do {
        const size_t before = input.pos + output.pos;
        const size_t result = ZSTD_decompressStream(decoder->context, &output, &input);

        if (ZSTD_isError(result)) {
            return bsi_zstd_decompress_failure(result);
        }
        moved = input.pos + output.pos > before;
        decoder->between = result == 0;
    } while (moved && input.pos < in_size && output.pos < out_size);
    *in_used_out = input.pos;
    *out_used_out = output.pos;
    return BS_OK;
}

const bsi_codec bsi_codec_zstd = {
    .name = "zstd",
    .level_min = 1,
    .level_max = 19,
    .level_default = BSI_ZSTD_LEVEL_DEFAULT,
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
