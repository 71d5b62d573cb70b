/* SPDX-License-Identifier: MIT */
/*
 * Contexts of libzstd, how they are set, and what its failures mean.
 */
#define ZSTD_STATIC_LINKING_ONLY /* For memory of our own; the shared library has it too. */
#include <zstd.h>
#include <zstd_errors.h>

#include "base/alloc.h"
#include "compress/drivers/zstd_int.h"

enum {
    DEFAULT_BASE = 2, /* The level whose way of searching the default level has. */
    DEFAULT_HASH_LOG = 17,
};

static void *zstd_alloc(void *opaque, size_t size)
{
    (void)opaque;
    return bsi_alloc(size);
}

static void zstd_free(void *opaque, void *memory)
{
    (void)opaque;
    bsi_free(memory);
}

static const ZSTD_customMem memory = {zstd_alloc, zstd_free, NULL};

static bs_status no_memory(void)
{
    return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory for zstd");
}

bs_status bsi_zstd_compress_failure(size_t result)
{
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) {
        return no_memory();
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL, "zstd can not compress: %s",
                    ZSTD_getErrorName(result));
}

bs_status bsi_zstd_decompress_failure(size_t result)
{
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
        return no_memory();
    case ZSTD_error_frameParameter_windowTooLarge:
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the zstd data wants a window above %d MiB",
                        1 << (BSI_ZSTD_WINDOW_LOG_MAX - 20));
    default:
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the zstd data is damaged: %s",
                        ZSTD_getErrorName(result));
    }
}

static bool set(ZSTD_CCtx *context, ZSTD_cParameter parameter, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value));
}

/*
 * The window spans the whole block, which at most levels makes the result
 * smaller than zstd's own. At the default level that gain is given back for
 * speed, by a simpler search with one table that stays in the processor's
 * cache: it pays for verifying.
 */
static bool set_parameters(ZSTD_CCtx *context, int level, bool checksum)
{
    const bool preset = level == BSI_ZSTD_LEVEL_DEFAULT;

    return set(context, ZSTD_c_compressionLevel, preset ? DEFAULT_BASE : level) &&
           set(context, ZSTD_c_checksumFlag, checksum) &&
           set(context, ZSTD_c_windowLog, BSI_ZSTD_BLOCK_LOG) &&
           (!preset || set(context, ZSTD_c_hashLog, DEFAULT_HASH_LOG));
}

bs_status bsi_zstd_compressor_new(int level, bool checksum, ZSTD_CCtx **out)
{
    ZSTD_CCtx *context = ZSTD_createCCtx_advanced(memory);

    if (!context) {
        return no_memory();
    }
    if (!set_parameters(context, level, checksum)) {
        (void)ZSTD_freeCCtx(context);
        return bsi_fail(BS_LAYER_STORAGE, BS_E_INTERNAL, "zstd has no level %d", level);
    }
    *out = context;
    return BS_OK;
}

bs_status bsi_zstd_decompressor_new(ZSTD_DCtx **out)
{
    ZSTD_DCtx *context = ZSTD_createDCtx_advanced(memory);

    if (!context) {
        return no_memory();
    }
    (void)ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, BSI_ZSTD_WINDOW_LOG_MAX);
    *out = context;
    return BS_OK;
}
