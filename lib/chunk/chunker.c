/* SPDX-License-Identifier: MIT */
/*
 * The scan of the fingerprint.
 *
 * Each fingerprint needs the one before it, and a look into a table between:
 * one scan leaves the processor waiting most of the time. As a fingerprint
 * depends on the last 64 bytes only, several stretches of the data are scanned
 * at once, each with a start of its own. A cut ends the round, and it is the
 * first stretch's cut that counts.
 */
#include "chunk/chunker.h"

#include <stdbool.h>

#include "base/checked.h"
#include "chunk/polynomial.h"

enum {
    LANES = 4,
    STRETCH = 16 * 1024, /* Of one lane in one round; its start costs 64 bytes more. */
    TOP_SHIFT = BSI_CHUNK_DEGREE - 8,
};

#define CUT_MASK ((uint64_t)(1 << 20) - 1)

bs_status bsi_chunker_init(bsi_chunker *self, uint64_t polynomial)
{
    uint64_t factor = 1; /* x^512 */

    if (bsi_polynomial_degree(polynomial) != BSI_CHUNK_DEGREE ||
        !bsi_polynomial_is_irreducible(polynomial)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "%llx is no polynomial for cutting chunks: it must be irreducible and of "
                        "degree %d",
                        (unsigned long long)polynomial, BSI_CHUNK_DEGREE);
    }
    for (int i = 0; i < BSI_CHUNK_WINDOW; i++) {
        factor = bsi_polynomial_multiply(factor, 1 << 8, polynomial);
    }
    for (uint64_t byte = 0; byte < 256; byte++) {
        const uint64_t power = (polynomial ^ (uint64_t)1 << BSI_CHUNK_DEGREE); /* x^53 */
        self->in[byte] =
            byte << BSI_CHUNK_DEGREE ^ bsi_polynomial_multiply(byte, power, polynomial);
        self->out[byte] = bsi_polynomial_multiply(byte, factor, polynomial);
    }
    return BS_OK;
}

/* The fingerprint of a window that one byte more has come into. */
static inline uint64_t append(const bsi_chunker *self, uint64_t digest, uint8_t byte)
{
    return (digest << 8 | byte) ^ self->in[digest >> TOP_SHIFT];
}

/* The fingerprint of a full window that moves one byte on, to the one behind `next`. */
static inline uint64_t move(const bsi_chunker *self, uint64_t digest, const uint8_t *next)
{
    return append(self, digest, *next) ^ self->out[*(next - BSI_CHUNK_WINDOW)];
}

/* The fingerprint of the window that ends before `end`. */
static uint64_t start(const bsi_chunker *self, const uint8_t *end)
{
    uint64_t digest = 0;

    for (const uint8_t *at = end - BSI_CHUNK_WINDOW; at < end; at++) {
        digest = append(self, digest, *at);
    }
    return digest;
}

/* Behind which byte of [at, end) the first cut is; NULL: there is none. */
static const uint8_t *scan(const bsi_chunker *self, uint64_t digest, const uint8_t *at,
                           const uint8_t *end)
{
    for (; at < end; at++) {
        digest = move(self, digest, at);
        if ((digest & CUT_MASK) == 0) {
            return at + 1;
        }
    }
    return NULL;
}

/* The same for LANES stretches from `at` on. */
static const uint8_t *scan_lanes(const bsi_chunker *self, const uint8_t *at)
{
    uint64_t a = start(self, at);
    uint64_t b = start(self, at + STRETCH);
    uint64_t c = start(self, at + (ptrdiff_t)2 * STRETCH);
    uint64_t d = start(self, at + (ptrdiff_t)3 * STRETCH);
    const uint8_t *cut = NULL;
    const uint8_t *next = at;
    const uint8_t *const end = at + STRETCH;
    bool none = true;

    for (; none && next < end; next++) {
        a = move(self, a, next);
        b = move(self, b, next + STRETCH);
        c = move(self, c, next + (ptrdiff_t)2 * STRETCH);
        d = move(self, d, next + (ptrdiff_t)3 * STRETCH);
        none = (a & CUT_MASK) != 0 && (b & CUT_MASK) != 0 && (c & CUT_MASK) != 0 &&
               (d & CUT_MASK) != 0;
    }
    if (none) {
        return NULL;
    }
    /* One of them has a cut; an earlier stretch may have one still to come. */
    for (int lane = 0; lane < LANES && !cut; lane++) {
        const uint8_t *const from = at + (ptrdiff_t)lane * STRETCH;
        const ptrdiff_t done = next - 1 - at;
        cut = scan(self, start(self, from + done), from + done, from + STRETCH);
    }
    return cut;
}

size_t bsi_chunk_length(const bsi_chunker *self, const uint8_t *data, size_t size, size_t from)
{
    const size_t last = bsi_min_size(size, BSI_CHUNK_MAX);
    const size_t first = from > BSI_CHUNK_MIN ? from : BSI_CHUNK_MIN;
    const uint8_t *cut = NULL;
    size_t at = first - 1; /* A cut is behind a byte. */

    while (!cut && at < last && last - at >= (size_t)LANES * STRETCH) {
        cut = scan_lanes(self, data + at);
        at += (size_t)LANES * STRETCH;
    }
    if (!cut && at < last) {
        cut = scan(self, start(self, data + at), data + at, data + last);
    }
    if (cut) {
        return (size_t)(cut - data);
    }
    return last == BSI_CHUNK_MAX ? BSI_CHUNK_MAX : 0;
}
