/* SPDX-License-Identifier: MIT */
#ifndef BSI_COMPRESS_DEFLATER_H
#define BSI_COMPRESS_DEFLATER_H

#include "base/error.h"

struct libdeflate_compressor;

/*
 * What gzip and deflate compress with: libdeflate at the level asked for, and
 * beside it a way for blocks of pictures and archives, where searching is in vain.
 */
typedef struct bsi_deflater bsi_deflater;

BS_NODISCARD bs_status bsi_deflater_new(int level, bsi_deflater **out);
/* NULL is ignored. */
void bsi_deflater_free(bsi_deflater *deflater);

/* The compressor for a block. Borrowed. */
struct libdeflate_compressor *bsi_deflater_for(bsi_deflater *deflater, const void *data,
                                               size_t size);

#endif
