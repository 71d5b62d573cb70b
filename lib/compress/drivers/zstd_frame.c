/* SPDX-License-Identifier: MIT */
/*
 * Frames in one go. Where the whole output lies in memory, libzstd needs no
 * window of its own, however large the frame says that it is.
 */
#include "compress/zstd_frame.h"

#include <zstd.h>

#include "base/alloc.h"
#include "compress/drivers/zstd_int.h"

_Static_assert((int)BSI_ZSTD_FRAME_LEVEL_DEFAULT == (int)BSI_ZSTD_LEVEL_DEFAULT, "one default");

struct bsi_zstd_frames {
    int level;
    ZSTD_CCtx *compressor;   /* NULL until first needed. */
    ZSTD_DCtx *decompressor; /* Likewise. */
};

bs_status bsi_zstd_frames_new(int level, bsi_zstd_frames **out)
{
    bsi_zstd_frames *self = NULL;

    BSI_CHECK(level >= BSI_ZSTD_FRAME_LEVEL_MIN && level <= BSI_ZSTD_FRAME_LEVEL_MAX);
    self = bsi_calloc(1, sizeof(*self));
    if (!self) {
        return BS_E_NOMEM;
    }
    self->level = level;
    *out = self;
    return BS_OK;
}

void bsi_zstd_frames_free(bsi_zstd_frames *self)
{
    if (self) {
        (void)ZSTD_freeCCtx(self->compressor);
        (void)ZSTD_freeDCtx(self->decompressor);
        bsi_free(self);
    }
}

size_t bsi_zstd_frame_bound(size_t size)
{
    return ZSTD_compressBound(size);
}

bs_status bsi_zstd_frame_encode(bsi_zstd_frames *self, const void *data, size_t size, void *out,
                                size_t *size_out)
{
    size_t used = 0;

    if (!self->compressor) {
        BSI_TRY(bsi_zstd_compressor_new(self->level, false, &self->compressor));
    }
    used = ZSTD_compress2(self->compressor, out, ZSTD_compressBound(size), data, size);
    if (ZSTD_isError(used)) {
        return bsi_zstd_compress_failure(used);
    }
    *size_out = used;
    return BS_OK;
}

bs_status bsi_zstd_frame_decode(bsi_zstd_frames *self, const void *frame, size_t frame_size,
                                void *out, size_t out_size)
{
    size_t got = 0;

    if (!self->decompressor) {
        BSI_TRY(bsi_zstd_decompressor_new(&self->decompressor));
    }
    got = ZSTD_findFrameCompressedSize(frame, frame_size);
    if (ZSTD_isError(got)) {
        return bsi_zstd_decompress_failure(got);
    }
    if (got != frame_size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the zstd frame is followed by %zu bytes that are not its own",
                        frame_size - got);
    }
    got = ZSTD_decompressDCtx(self->decompressor, out, out_size, frame, frame_size);
    if (ZSTD_isError(got)) {
        return bsi_zstd_decompress_failure(got);
    }
    if (got != out_size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the zstd frame holds %zu bytes; it should hold %zu", got, out_size);
    }
    return BS_OK;
}
