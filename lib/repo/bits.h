/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_BITS_H
#define BSI_REPO_BITS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* A set of small numbers. Zeroed, it is empty. One thread at a time. */
typedef struct bsi_bits {
    uint64_t *words;
    size_t room; /* Words. */
} bsi_bits;

static inline void bsi_bits_dispose(bsi_bits *bits)
{
    bsi_free(bits->words);
    *bits = (bsi_bits){0};
}

/* Have room for the numbers below `count`. */
BS_NODISCARD static inline bs_status bsi_bits_reserve(bsi_bits *bits, uint32_t count)
{
    size_t room = (size_t)count / 64 + 1;
    uint64_t *words = NULL;

    if (room <= bits->room) {
        return BS_OK;
    }
    room += room / 2;
    words = bsi_realloc_array(bits->words, room, sizeof(*words));
    if (!words) {
        return BS_E_NOMEM;
    }
    memset(words + bits->room, 0, (room - bits->room) * sizeof(*words));
    bits->words = words;
    bits->room = room;
    return BS_OK;
}

static inline bool bsi_bits_has(const bsi_bits *bits, uint32_t number)
{
    return number / 64 < bits->room && (bits->words[number / 64] >> number % 64 & 1) != 0;
}

/* There is room for it. */
static inline void bsi_bits_add(bsi_bits *bits, uint32_t number)
{
    bits->words[number / 64] |= UINT64_C(1) << number % 64;
}

#endif
