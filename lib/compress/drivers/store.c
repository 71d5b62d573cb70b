/* SPDX-License-Identifier: MIT */
/*
 * No compression: blocks are their own encoding. There is nothing to check and
 * no end to see, so damage goes through unnoticed.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "compress/codec.h"

enum { BLOCK_SIZE = 1 << 20 };

struct bsi_encoder {
    char unused;
};

struct bsi_decoder {
    char unused;
};

static size_t block_size(int level)
{
    (void)level;
    return BLOCK_SIZE;
}

static size_t bound(size_t size)
{
    return size;
}

static bs_status encoder_new(int level, bsi_encoder **out)
{
    bsi_encoder *encoder = bsi_calloc(1, sizeof(*encoder));

    (void)level;
    if (!encoder) {
        return BS_E_NOMEM;
    }
    *out = encoder;
    return BS_OK;
}

static void encoder_free(bsi_encoder *encoder)
{
    bsi_free(encoder);
}

static bs_status encode(bsi_encoder *encoder, const void *data, size_t size, bool last, bool verify,
                        void *out, size_t *size_out)
{
    (void)encoder;
    (void)last;
    (void)verify;
    BSI_CHECK(size <= BLOCK_SIZE);
    if (size > 0) {
        memcpy(out, data, size);
    }
    *size_out = size;
    return BS_OK;
}

static bs_status decoder_new(bsi_decoder **out)
{
    bsi_decoder *decoder = bsi_calloc(1, sizeof(*decoder));

    if (!decoder) {
        return BS_E_NOMEM;
    }
    *out = decoder;
    return BS_OK;
}

static void decoder_free(bsi_decoder *decoder)
{
    bsi_free(decoder);
}

static void decoder_reset(bsi_decoder *decoder)
{
    (void)decoder;
}

static bs_status decode(bsi_decoder *decoder, const void *in, size_t in_size, size_t *in_used_out,
                        void *out, size_t out_size, size_t *out_used_out)
{
    const size_t size = bsi_min_size(in_size, out_size);

    (void)decoder;
    if (size > 0) {
        memcpy(out, in, size);
    }
    *in_used_out = size;
    *out_used_out = size;
    return in_size == 0 ? BS_END : BS_OK;
}

const bsi_codec bsi_codec_store = {
    .name = "store",
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
