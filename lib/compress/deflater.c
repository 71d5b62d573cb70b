/* SPDX-License-Identifier: MIT */
/*
 * Looks at pieces from all over a block before its compressor is chosen. One
 * piece that becomes smaller is enough to compress the whole block: only what
 * is noise throughout is stored as it is.
 */
#include "compress/deflater.h"

#include <libdeflate.h>

#include "base/alloc.h"

enum {
    STORING_LEVEL = 0,
    PROBING_LEVEL = 1,
    PROBE_FROM = 256 << 10, /* Smaller blocks are not worth the question. */
    PIECE = 16 << 10,
    PIECES = 8,
    PIECE_ROOM = PIECE - PIECE / 64, /* A piece that does not fit in here is noise. */
};

struct bsi_deflater {
    struct libdeflate_compressor *asked;
    struct libdeflate_compressor *probing;
    struct libdeflate_compressor *storing;
    uint8_t piece[PIECE_ROOM];
};

bs_status bsi_deflater_new(int level, bsi_deflater **out)
{
    bsi_deflater *deflater = bsi_calloc(1, sizeof(*deflater));

    if (!deflater) {
        return BS_E_NOMEM;
    }
    deflater->asked = libdeflate_alloc_compressor(level);
    deflater->probing = libdeflate_alloc_compressor(PROBING_LEVEL);
    deflater->storing = libdeflate_alloc_compressor(STORING_LEVEL);
    if (!deflater->asked || !deflater->probing || !deflater->storing) {
        bsi_deflater_free(deflater);
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory for compressing");
    }
    *out = deflater;
    return BS_OK;
}

void bsi_deflater_free(bsi_deflater *deflater)
{
    if (deflater) {
        libdeflate_free_compressor(deflater->asked);
        libdeflate_free_compressor(deflater->probing);
        libdeflate_free_compressor(deflater->storing);
        bsi_free(deflater);
    }
}

static bool is_noise(bsi_deflater *deflater, const uint8_t *data, size_t size)
{
    const size_t step = (size - PIECE) / (PIECES - 1);

    for (size_t i = 0; i < PIECES; i++) {
        if (libdeflate_deflate_compress(deflater->probing, data + i * step, PIECE, deflater->piece,
                                        sizeof(deflater->piece)) != 0) {
            return false;
        }
    }
    return true;
}

struct libdeflate_compressor *bsi_deflater_for(bsi_deflater *deflater, const void *data,
                                               size_t size)
{
    return size >= PROBE_FROM && is_noise(deflater, data, size) ? deflater->storing
                                                                : deflater->asked;
}
