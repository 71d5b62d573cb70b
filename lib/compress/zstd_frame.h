/* SPDX-License-Identifier: MIT */
#ifndef BSI_COMPRESS_ZSTD_FRAME_H
#define BSI_COMPRESS_ZSTD_FRAME_H

#include "base/error.h"

/*
 * Whole zstd frames (RFC 8878), from memory to memory: how repositories compress
 * each blob. Frames made here tell their content's size and have no checksum,
 * for blobs are known by a digest. Those of others need not tell it.
 *
 * One thread at a time. Contexts are made at first use and kept.
 */
typedef struct bsi_zstd_frames bsi_zstd_frames;

enum {
    BSI_ZSTD_FRAME_LEVEL_MIN = 1,
    BSI_ZSTD_FRAME_LEVEL_DEFAULT = 3,
    BSI_ZSTD_FRAME_LEVEL_MAX = 19
};

BS_NODISCARD bs_status bsi_zstd_frames_new(int level, bsi_zstd_frames **out);
void bsi_zstd_frames_free(bsi_zstd_frames *self); /* NULL is ignored. */

/* The most that a frame of `size` bytes may take. */
size_t bsi_zstd_frame_bound(size_t size);

/* `out` has room for the bound. */
BS_NODISCARD bs_status bsi_zstd_frame_encode(bsi_zstd_frames *self, const void *data, size_t size,
                                             void *out, size_t *size_out);

/*
 * Exactly one frame, whose content has exactly `out_size` bytes; anything else is
 * BS_E_CORRUPT of layer STORAGE. No memory is asked for by what the frame says.
 */
BS_NODISCARD bs_status bsi_zstd_frame_decode(bsi_zstd_frames *self, const void *frame,
                                             size_t frame_size, void *out, size_t out_size);

#endif
