/* SPDX-License-Identifier: MIT */
/*
 * Raw LZMA2, as 7z folders hold it: each block begins with a dictionary reset,
 * and the end mark that liblzma puts behind it is taken off, so that blocks
 * follow one another; the trailer ends the stream.
 */
#include <lzma.h>
#include <string.h>

#include "base/alloc.h"
#include "compress/codec.h"
#include "compress/lzma2.h"

enum {
    BLOCK_SIZE = 8 << 20,
    CHUNK_MIN = 32 << 10, /* Incompressible data comes in chunks of nearly 64 KiB. */
    CHUNK_HEAD = 6,
    STORED_MAX = 64 << 10, /* In one chunk. */
    STORED_RESETTING = 1,  /* A chunk that is stored as it is, and forgets the dictionary. */
    STORED = 2,            /* A chunk that is stored as it is. */
    STORED_HEAD = 3,
    PROBE_FROM = 256 << 10, /* Smaller blocks are not worth the question. */
    PROBE_PIECE = 4 << 10,
    PROBE_PIECES = 16,
    PROBE_SIZE = PROBE_PIECE * PROBE_PIECES,
};

struct bsi_encoder {
    lzma_stream stream;
    lzma_options_lzma options;
    lzma_stream checker;
    uint8_t *check; /* A block decoded again; NULL until first needed. */
    uint8_t probe[PROBE_SIZE];
};

struct bsi_decoder {
    lzma_stream stream;
    bs_status begun; /* What the last reset came to. */
    bool ended;
};

static const uint8_t end_mark[] = {0};

static void *liblzma_alloc(void *opaque, size_t count, size_t size)
{
    (void)opaque;
    return bsi_realloc_array(NULL, count, size);
}

static void liblzma_free(void *opaque, void *memory)
{
    (void)opaque;
    bsi_free(memory);
}

static const lzma_allocator allocator = {liblzma_alloc, liblzma_free, NULL};

static size_t block_size(int level)
{
    (void)level;
    return BLOCK_SIZE;
}

static size_t bound(size_t size)
{
    return size + (size / CHUNK_MIN + 1) * CHUNK_HEAD + sizeof(end_mark);
}

static bs_status no_memory(void)
{
    return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory for LZMA2");
}

static void encoder_free(bsi_encoder *encoder)
{
    if (!encoder) {
        return;
    }
    lzma_end(&encoder->stream);
    lzma_end(&encoder->checker);
    bsi_free(encoder->check);
    bsi_free(encoder);
}

static bs_status encoder_new(int level, bsi_encoder **out)
{
    bsi_encoder *encoder = bsi_calloc(1, sizeof(*encoder));

    if (!encoder) {
        return BS_E_NOMEM;
    }
    encoder->stream = (lzma_stream)LZMA_STREAM_INIT;
    encoder->stream.allocator = &allocator;
    encoder->checker = (lzma_stream)LZMA_STREAM_INIT;
    encoder->checker.allocator = &allocator;
    if (lzma_lzma_preset(&encoder->options, (uint32_t)level)) {
        encoder_free(encoder);
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL, "LZMA2 has no level %d", level);
    }
    if (level == 1) {
        /* liblzma's own level 1 takes half as long again for some five per cent. */
        encoder->options.mf = LZMA_MF_HC4;
        encoder->options.depth = 1;
    }
    if (encoder->options.dict_size > BSI_LZMA2_DICT_SIZE) {
        encoder->options.dict_size = BSI_LZMA2_DICT_SIZE;
    }
    *out = encoder;
    return BS_OK;
}

static bs_status run(lzma_stream *stream, const void *in, size_t in_size, void *out,
                     size_t out_size)
{
    lzma_ret result = LZMA_OK;

    stream->next_in = in;
    stream->avail_in = in_size;
    stream->next_out = out;
    stream->avail_out = out_size;
    result = lzma_code(stream, LZMA_FINISH);
    if (result == LZMA_MEM_ERROR) {
        return no_memory();
    }
    return result == LZMA_STREAM_END ? BS_END : BS_OK;
}

static bs_status verify_block(bsi_encoder *encoder, const void *data, size_t size,
                              const void *coded, size_t coded_size)
{
    const lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &encoder->options},
                                   {LZMA_VLI_UNKNOWN, NULL}};
    bs_status status = BS_OK;

    if (!encoder->check) {
        encoder->check = bsi_alloc(BLOCK_SIZE);
        if (!encoder->check) {
            return BS_E_NOMEM;
        }
    }
    if (lzma_raw_decoder(&encoder->checker, filters) != LZMA_OK) {
        return no_memory();
    }
    status = run(&encoder->checker, coded, coded_size, encoder->check, size);
    if (status < 0) {
        return status;
    }
    if (status != BS_END || encoder->checker.avail_in > 0 || encoder->checker.avail_out > 0 ||
        (size > 0 && memcmp(encoder->check, data, size) != 0)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL,
                        "a block compressed with LZMA2 does not decode to what it was");
    }
    return BS_OK;
}

static bs_status compress(bsi_encoder *encoder, const void *data, size_t size, void *out,
                          size_t room, size_t *used_out)
{
    const lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &encoder->options},
                                   {LZMA_VLI_UNKNOWN, NULL}};
    bs_status status = BS_OK;

    if (lzma_raw_encoder(&encoder->stream, filters) != LZMA_OK) {
        return no_memory();
    }
    status = run(&encoder->stream, data, size, out, room);
    if (status < 0) {
        return status;
    }
    if (status != BS_END) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL, "LZMA2 took more room than its bound");
    }
    *used_out = room - encoder->stream.avail_out;
    return BS_OK;
}

/*
 * Whether pieces from all over the block say that compressing it is in vain, as
 * it is for pictures and archives: LZMA would spend its full time on finding out.
 */
static bs_status probe(bsi_encoder *encoder, const uint8_t *data, size_t size, void *out,
                       bool *vain_out)
{
    const size_t step = size / PROBE_PIECES;
    size_t used = 0;

    for (size_t i = 0; i < PROBE_PIECES; i++) {
        memcpy(encoder->probe + i * PROBE_PIECE, data + i * step, PROBE_PIECE);
    }
    BSI_TRY(compress(encoder, encoder->probe, PROBE_SIZE, out, bound(size), &used));
    *vain_out = used > PROBE_SIZE - PROBE_SIZE / 64;
    return BS_OK;
}

/* Chunks that hold the block as it is, with the end mark. */
static size_t store(const uint8_t *data, size_t size, uint8_t *out)
{
    size_t used = 0;
    size_t part = 0;

    for (size_t at = 0; at < size; at += part) {
        part = size - at < STORED_MAX ? size - at : STORED_MAX;
        out[used] = at == 0 ? STORED_RESETTING : STORED;
        out[used + 1] = (uint8_t)((part - 1) >> 8);
        out[used + 2] = (uint8_t)(part - 1);
        memcpy(out + used + STORED_HEAD, data + at, part);
        used += STORED_HEAD + part;
    }
    memcpy(out + used, end_mark, sizeof(end_mark));
    return used + sizeof(end_mark);
}

static bs_status encode(bsi_encoder *encoder, const void *data, size_t size, bool last, bool verify,
                        void *out, size_t *size_out)
{
    bs_status status = BS_OK;
    bool vain = false;
    size_t used = 0;

    (void)last;
    BSI_CHECK(size <= BLOCK_SIZE);
    if (size >= PROBE_FROM) {
        status = probe(encoder, data, size, out, &vain);
    }
    if (status == BS_OK && vain) {
        used = store(data, size, out);
    } else if (status == BS_OK) {
        status = compress(encoder, data, size, out, bound(size), &used);
    }
    if (status == BS_OK && verify) {
        status = verify_block(encoder, data, size, out, used);
    }
    if (status == BS_OK) {
        *size_out = used - sizeof(end_mark);
    }
    return status;
}

static void decoder_free(bsi_decoder *decoder)
{
    if (!decoder) {
        return;
    }
    lzma_end(&decoder->stream);
    bsi_free(decoder);
}

static void decoder_reset(bsi_decoder *decoder)
{
    lzma_options_lzma options = {.dict_size = BSI_LZMA2_DICT_SIZE};
    const lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};

    decoder->begun = BS_OK;
    if (lzma_raw_decoder(&decoder->stream, filters) != LZMA_OK) {
        decoder->begun = no_memory();
    }
    decoder->ended = false;
}

static bs_status decoder_new(bsi_decoder **out)
{
    bsi_decoder *decoder = bsi_calloc(1, sizeof(*decoder));

    if (!decoder) {
        return BS_E_NOMEM;
    }
    decoder->stream = (lzma_stream)LZMA_STREAM_INIT;
    decoder->stream.allocator = &allocator;
    decoder_reset(decoder);
    if (decoder->begun < 0) {
        decoder_free(decoder);
        return BS_E_NOMEM;
    }
    *out = decoder;
    return BS_OK;
}

static bs_status decode(bsi_decoder *decoder, const void *in, size_t in_size, size_t *in_used_out,
                        void *out, size_t out_size, size_t *out_used_out)
{
    lzma_stream *stream = &decoder->stream;
    lzma_ret result = LZMA_OK;

    *in_used_out = 0;
    *out_used_out = 0;
    if (decoder->begun < 0) {
        return no_memory();
    }
    if (decoder->ended) {
        return BS_END;
    }
    stream->next_in = in;
    stream->avail_in = in_size;
    stream->next_out = out;
    stream->avail_out = out_size;
    result = lzma_code(stream, LZMA_RUN);
    if (result == LZMA_MEM_ERROR) {
        return no_memory();
    }
    if (result != LZMA_OK && result != LZMA_BUF_ERROR && result != LZMA_STREAM_END) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the LZMA2 data is damaged");
    }
    *in_used_out = in_size - stream->avail_in;
    *out_used_out = out_size - stream->avail_out;
    decoder->ended = result == LZMA_STREAM_END;
    return decoder->ended ? BS_END : BS_OK;
}

const bsi_codec bsi_codec_lzma2 = {
    .name = "lzma2",
    .level_min = 1,
    .level_max = 9,
    .level_default = 1,
    .block_size = block_size,
    .bound = bound,
    .encoder_new = encoder_new,
    .encoder_free = encoder_free,
    .encode = encode,
    .trailer = end_mark,
    .trailer_size = sizeof(end_mark),
    .decoder_new = decoder_new,
    .decoder_free = decoder_free,
    .decoder_reset = decoder_reset,
    .decode = decode,
};
