/* SPDX-License-Identifier: MIT */
/*
 * Sequential decoding over random access: reads the source in large pieces and
 * feeds the decoder from them.
 */
#include "compress/block_reader.h"

#include "base/alloc.h"
#include "base/checked.h"

enum {
    INPUT_SIZE = 256 << 10,
    SKIP_SIZE = 64 << 10,
};

struct bsi_block_reader {
    const bsi_codec *codec;
    bsi_block_source source;
    bsi_decoder *decoder;
    bool alone;      /* What is in `input` belongs to the present stream only. */
    uint64_t end;    /* Where that one's source ends. */
    uint64_t offset; /* Behind what is in `input`. */
    uint8_t *input;
    size_t at; /* Bytes of `input` that are used up. */
    size_t size;
    uint8_t *skipped; /* Where skipped bytes go; NULL until first needed. */
};

bs_status bsi_block_reader_new(const bsi_codec *codec, const bsi_block_source *source,
                               bsi_block_reader **out)
{
    bsi_block_reader *reader = bsi_calloc(1, sizeof(*reader));
    bs_status status = BS_OK;

    if (!reader) {
        return BS_E_NOMEM;
    }
    reader->codec = codec;
    reader->source = *source;
    reader->end = source->size;
    status = codec->decoder_new(&reader->decoder);
    if (status < 0) {
        goto out;
    }
    reader->input = bsi_alloc(INPUT_SIZE);
    if (!reader->input) {
        status = BS_E_NOMEM;
        goto out;
    }
    *out = reader;
    reader = NULL;
out:
    bsi_block_reader_free(reader);
    return status;
}

void bsi_block_reader_free(bsi_block_reader *reader)
{
    if (!reader) {
        return;
    }
    if (reader->decoder) {
        reader->codec->decoder_free(reader->decoder);
    }
    bsi_free(reader->input);
    bsi_free(reader->skipped);
    bsi_free(reader);
}

bs_status bsi_block_reader_start(bsi_block_reader *reader, uint64_t offset)
{
    /* Many small streams lie in one piece of input. */
    if (!reader->alone && offset <= reader->offset && reader->offset - offset <= reader->size) {
        reader->codec->decoder_reset(reader->decoder);
        reader->at = reader->size - (size_t)(reader->offset - offset);
        return BS_OK;
    }
    BSI_TRY(bsi_block_reader_start_alone(reader, offset, reader->source.size));
    reader->alone = false;
    return BS_OK;
}

bs_status bsi_block_reader_start_alone(bsi_block_reader *reader, uint64_t offset, uint64_t end)
{
    if (offset > end || end > reader->source.size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "a block lies behind the end of the stored data");
    }
    reader->codec->decoder_reset(reader->decoder);
    reader->alone = true;
    reader->end = end;
    reader->offset = offset;
    reader->at = 0;
    reader->size = 0;
    return BS_OK;
}

static bs_status fill(bsi_block_reader *reader)
{
    const uint64_t left = reader->end - reader->offset;
    const size_t size = (size_t)bsi_min_u64(left, INPUT_SIZE);

    if (reader->at < reader->size || size == 0) {
        return BS_OK;
    }
    reader->at = 0;
    reader->size = 0;
    BSI_TRY(reader->source.read(reader->source.user, reader->offset, reader->input, size));
    reader->offset += size;
    reader->size = size;
    return BS_OK;
}

bs_status bsi_block_reader_read_some(bsi_block_reader *reader, void *buf, size_t size,
                                     size_t *size_out)
{
    size_t got = 0;

    while (got == 0 && size > 0) {
        size_t used = 0;
        bs_status status = fill(reader);
        const size_t present = reader->size - reader->at;

        if (status < 0) {
            return status;
        }
        status = reader->codec->decode(reader->decoder, reader->input + reader->at, present, &used,
                                       buf, size, &got);
        if (status < 0) {
            return status;
        }
        reader->at += used;
        if (status == BS_END && got == 0) {
            return BS_END;
        }
        if (got == 0 && used == 0) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                            "the compressed data ends before its time");
        }
    }
    *size_out = got;
    return BS_OK;
}

bs_status bsi_block_reader_read(bsi_block_reader *reader, void *buf, size_t size)
{
    uint8_t *out = buf;

    while (size > 0) {
        size_t got = 0;
        const bs_status status = bsi_block_reader_read_some(reader, out, size, &got);

        if (status == BS_END) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                            "the compressed data holds less than it should");
        }
        if (status < 0) {
            return status;
        }
        out += got;
        size -= got;
    }
    return BS_OK;
}

bs_status bsi_block_reader_skip(bsi_block_reader *reader, uint64_t size)
{
    bs_status status = BS_OK;

    if (size > 0 && !reader->skipped) {
        reader->skipped = bsi_alloc(SKIP_SIZE);
        if (!reader->skipped) {
            return BS_E_NOMEM;
        }
    }
    while (size > 0 && status == BS_OK) {
        const size_t part = (size_t)bsi_min_u64(size, SKIP_SIZE);

        status = bsi_block_reader_read(reader, reader->skipped, part);
        size -= part;
    }
    return status;
}
