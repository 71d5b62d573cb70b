/* SPDX-License-Identifier: MIT */
#ifndef BSI_COMPRESS_DRIVERS_ZSTD_INT_H
#define BSI_COMPRESS_DRIVERS_ZSTD_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What the two users of libzstd share: the codec, and frames for repositories. */
struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

enum {
    BSI_ZSTD_BLOCK_LOG = 23,
    BSI_ZSTD_LEVEL_DEFAULT = 3,
    BSI_ZSTD_WINDOW_LOG_MAX = 27, /* What every zstd program reads without being told to. */
};

/* Contexts whose memory comes from base/alloc.h. Freed by libzstd's own functions. */
BS_NODISCARD bs_status bsi_zstd_compressor_new(int level, bool checksum, struct ZSTD_CCtx_s **out);
BS_NODISCARD bs_status bsi_zstd_decompressor_new(struct ZSTD_DCtx_s **out);

/* What a failed result of libzstd reports: of compressing, and of decompressing. */
bs_status bsi_zstd_compress_failure(size_t result);
bs_status bsi_zstd_decompress_failure(size_t result);

#endif
