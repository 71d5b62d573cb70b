/* SPDX-License-Identifier: MIT */
#ifndef BSI_CHUNK_CHUNKER_H
#define BSI_CHUNK_CHUNKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Cuts data where its content says so, so that what was inserted or removed
 * moves the cuts along with it. The cuts are those of restic with the same
 * polynomial: behind the first byte, at least BSI_CHUNK_MIN bytes after the
 * last cut, where the Rabin fingerprint of the last BSI_CHUNK_WINDOW bytes has
 * its low 20 bits zero; behind BSI_CHUNK_MAX bytes in any case.
 */
enum {
    BSI_CHUNK_WINDOW = 64,
    BSI_CHUNK_MIN = 512 * 1024,
    BSI_CHUNK_MAX = 8 * 1024 * 1024,
    BSI_CHUNK_DEGREE = 53, /* Of the polynomials. */
};

/* Tables of one polynomial, 4 KiB. Not changed after bsi_chunker_init(): any thread. */
typedef struct bsi_chunker {
    uint64_t in[256];  /* What the bits above the degree become, to be added to them. */
    uint64_t out[256]; /* A byte that leaves the window: byte * x^512 modulo the polynomial. */
} bsi_chunker;

/* BS_E_CORRUPT of layer STORAGE: not irreducible, or not of degree BSI_CHUNK_DEGREE. */
BS_NODISCARD bs_status bsi_chunker_init(bsi_chunker *self, uint64_t polynomial);

/*
 * The length of the chunk that `data` begins with, as far as the bytes that are
 * there tell: 0 when it does not end within `size`. The last bytes of a file
 * are a chunk, however few. No cut before `from` is looked for: a caller who
 * got 0 and has read more goes on from the old `size` + 1.
 */
size_t bsi_chunk_length(const bsi_chunker *self, const uint8_t *data, size_t size, size_t from);

#endif
