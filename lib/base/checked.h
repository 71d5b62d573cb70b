/* SPDX-License-Identifier: MIT */
#ifndef BSI_BASE_CHECKED_H
#define BSI_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Arithmetic on sizes from outside: false when the result does not fit, `out` then undefined. */
static inline bool bsi_add_size(size_t a, size_t b, size_t *out)
{
    *out = a + b;
    return *out >= a;
}

static inline bool bsi_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    *out = a + b;
    return *out >= a;
}

static inline bool bsi_mul_size(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b) {
        return false;
    }
    *out = a * b;
    return true;
}

static inline uint64_t bsi_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t bsi_max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline size_t bsi_min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

#endif
