/* SPDX-License-Identifier: MIT */
/*
 * bzip2: each block of input is a stream of its own, cut so that it normally
 * holds exactly one of bzip2's blocks.
 */
#include <bzlib.h>
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "compress/codec.h"

enum {
    LEVEL_MAX = 9,
    LEVEL_BYTES = 100000, /* What one level adds to the block size. */
    BLOCK_SLACK =
        200, /* The format keeps 19 bytes; runs of four bytes grow to five, others shrink. */
    KEPT_COUNT = 4,
};

/* Memory of libbz2, kept from stream to stream: fresh pages cost more than the sorting of text. */
typedef struct kept {
    void *memory;
    size_t size;
    bool used;
} kept;

struct bsi_encoder {
    int level;
    kept pool[KEPT_COUNT];
    kept check_pool[KEPT_COUNT];
    uint8_t *check; /* A block decoded again; NULL until first needed. */
};

struct bsi_decoder {
    bz_stream stream;
    kept pool[KEPT_COUNT];
    bool ready; /* `stream` is initialised: a stream has begun. */
};

static size_t block_size(int level)
{
    return (size_t)level * LEVEL_BYTES - BLOCK_SLACK;
}

/* The manual's formula. */
static size_t bound(size_t size)
{
    return size + size / 100 + 600;
}

static void *pool_alloc(void *opaque, int count, int size)
{
    kept *pool = opaque;
    const size_t bytes = (size_t)count * (size_t)size;

    for (size_t i = 0; i < KEPT_COUNT; i++) {
        if (!pool[i].used && pool[i].memory && pool[i].size == bytes) {
            pool[i].used = true;
            return pool[i].memory;
        }
    }
    for (size_t i = 0; i < KEPT_COUNT; i++) {
        if (pool[i].used) {
            continue;
        }
        bsi_free(pool[i].memory);
        pool[i].memory = bsi_alloc(bytes);
        pool[i].size = bytes;
        pool[i].used = pool[i].memory != NULL;
        return pool[i].memory;
    }
    return NULL;
}

static void pool_free(void *opaque, void *memory)
{
    kept *pool = opaque;

    for (size_t i = 0; i < KEPT_COUNT; i++) {
        if (pool[i].memory == memory) {
            pool[i].used = false;
        }
    }
}

static void pool_dispose(kept *pool)
{
    for (size_t i = 0; i < KEPT_COUNT; i++) {
        bsi_free(pool[i].memory);
    }
}

static bs_status no_memory(void)
{
    return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory for bzip2");
}

static void encoder_free(bsi_encoder *encoder)
{
    if (!encoder) {
        return;
    }
    pool_dispose(encoder->pool);
    pool_dispose(encoder->check_pool);
    bsi_free(encoder->check);
    bsi_free(encoder);
}

static bs_status encoder_new(int level, bsi_encoder **out)
{
    bsi_encoder *encoder = bsi_calloc(1, sizeof(*encoder));

    if (!encoder) {
        return BS_E_NOMEM;
    }
    encoder->level = level;
    *out = encoder;
    return BS_OK;
}

static bs_status verify_stream(bsi_encoder *encoder, const void *data, size_t size, void *coded,
                               size_t coded_size)
{
    bz_stream stream = {.bzalloc = pool_alloc, .bzfree = pool_free, .opaque = encoder->check_pool};
    int result = BZ_OK;

    if (!encoder->check) {
        encoder->check = bsi_alloc(block_size(encoder->level));
        if (!encoder->check) {
            return BS_E_NOMEM;
        }
    }
    if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK) {
        return no_memory();
    }
    stream.next_in = coded;
    stream.avail_in = (unsigned)coded_size;
    stream.next_out = (char *)encoder->check;
    stream.avail_out = (unsigned)size;
    result = BZ2_bzDecompress(&stream);
    (void)BZ2_bzDecompressEnd(&stream);
    if (result == BZ_MEM_ERROR) {
        return no_memory();
    }
    if (result != BZ_STREAM_END || stream.avail_in > 0 || stream.avail_out > 0 ||
        (size > 0 && memcmp(encoder->check, data, size) != 0)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL,
                        "a block compressed with bzip2 does not decode to what it was");
    }
    return BS_OK;
}

static bs_status encode(bsi_encoder *encoder, const void *data, size_t size, bool last, bool verify,
                        void *out, size_t *size_out)
{
    bz_stream stream = {.bzalloc = pool_alloc, .bzfree = pool_free, .opaque = encoder->pool};
    const size_t room = bound(size);
    bs_status status = BS_OK;
    size_t used = 0;
    int result = BZ_OK;

    (void)last;
    BSI_CHECK(size <= block_size(encoder->level));
    if (BZ2_bzCompressInit(&stream, encoder->level, 0, 0) != BZ_OK) {
        return no_memory();
    }
    stream.next_in = (char *)(uintptr_t)data; /* Only read; libbz2 knows no const. */
    stream.avail_in = (unsigned)size;
    stream.next_out = out;
    stream.avail_out = (unsigned)room;
    result = BZ2_bzCompress(&stream, BZ_FINISH);
    (void)BZ2_bzCompressEnd(&stream);
    if (result != BZ_STREAM_END) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL, "bzip2 took more room than its bound");
    }
    used = room - stream.avail_out;
    status = verify ? verify_stream(encoder, data, size, out, used) : BS_OK;
    if (status == BS_OK) {
        *size_out = used;
    }
    return status;
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

static void decoder_reset(bsi_decoder *decoder)
{
    if (decoder->ready) {
        (void)BZ2_bzDecompressEnd(&decoder->stream);
        decoder->ready = false;
    }
}

static void decoder_free(bsi_decoder *decoder)
{
    if (!decoder) {
        return;
    }
    decoder_reset(decoder);
    pool_dispose(decoder->pool);
    bsi_free(decoder);
}

static bs_status begin_stream(bsi_decoder *decoder)
{
    bz_stream *stream = &decoder->stream;

    *stream = (bz_stream){.bzalloc = pool_alloc, .bzfree = pool_free, .opaque = decoder->pool};
    if (BZ2_bzDecompressInit(stream, 0, 0) != BZ_OK) {
        return no_memory();
    }
    decoder->ready = true;
    return BS_OK;
}

/* One call of BZ2_bzDecompress(); its failures turned into ours. */
static bs_status decompress_some(bsi_decoder *decoder)
{
    switch (BZ2_bzDecompress(&decoder->stream)) {
    case BZ_OK:
        return BS_OK;
    case BZ_STREAM_END:
        decoder_reset(decoder);
        return BS_OK;
    case BZ_MEM_ERROR:
        return no_memory();
    case BZ_DATA_ERROR_MAGIC:
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the data is not bzip2");
    default:
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the bzip2 data is damaged");
    }
}

static bs_status decode(bsi_decoder *decoder, const void *in, size_t in_size, size_t *in_used_out,
                        void *out, size_t out_size, size_t *out_used_out)
{
    bz_stream *stream = &decoder->stream;
    char *next_in = (char *)(uintptr_t)in; /* Only read; libbz2 knows no const. */
    char *next_out = out;
    unsigned in_left = (unsigned)bsi_min_size(in_size, INT_MAX);
    unsigned out_left = (unsigned)bsi_min_size(out_size, INT_MAX);
    bs_status status = BS_OK;

    *in_used_out = 0;
    *out_used_out = 0;
    if (in_size == 0 && !decoder->ready) {
        return BS_END;
    }
    do {
        status = decoder->ready ? BS_OK : begin_stream(decoder);
        if (status < 0) {
            return status;
        }
        stream->next_in = next_in;
        stream->avail_in = in_left;
        stream->next_out = next_out;
        stream->avail_out = out_left;
        status = decompress_some(decoder);
        if (status < 0) {
            return status;
        }
        next_in = stream->next_in;
        in_left = stream->avail_in;
        next_out = stream->next_out;
        out_left = stream->avail_out;
    } while (!decoder->ready && in_left > 0 && out_left > 0);
    *in_used_out = (size_t)(next_in - (const char *)in);
    *out_used_out = (size_t)(next_out - (char *)out);
    return BS_OK;
}

const bsi_codec bsi_codec_bzip2 = {
    .name = "bzip2",
    .level_min = 1,
    .level_max = LEVEL_MAX,
    .level_default = LEVEL_MAX,
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
