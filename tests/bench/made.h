/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_MADE_H
#define TESTS_BENCH_MADE_H

#include "base/endian.h"
#include "repo/blob.h"

/* Blobs that nobody has stored, each made of its number: for indexes that are large. */

enum { MADE_BLOBS = 10000000, MADE_PER_PACK = 50, MADE_SIZE = 300000 };

/* splitmix64 (Steele, Lea, Flood 2014): a bijection, so no two ids are alike. */
static inline uint64_t made_mix(uint64_t value)
{
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static inline bsi_digest made_id(uint64_t number)
{
    bsi_digest id;

    for (size_t i = 0; i < BSI_SHA256_SIZE / 8; i++) {
        bsi_put_le64(id.bytes + 8 * i, made_mix(number * 4 + i));
    }
    return id;
}

/* Whether the blobs of a pack can have places in it. */
static inline bool made_fits(uint64_t per_pack)
{
    return per_pack > 0 && per_pack <= UINT32_MAX / (2 * MADE_SIZE);
}

/* The blobs from `first` on, as many as a pack has, in the place of what is in the list. */
static inline bs_status made_pack(uint64_t first, uint64_t per_pack, bsi_blob_type type,
                                  bsi_blob_list *out)
{
    bs_status status = BS_OK;
    uint32_t offset = 0;

    bsi_blob_list_clear(out);
    for (uint64_t i = first; status == BS_OK && i < first + per_pack; i++) {
        const bsi_blob blob = {.id = made_id(i),
                               .type = type,
                               .offset = offset,
                               .size = MADE_SIZE + (uint32_t)(i % 1000),
                               .plain_size = 2 * MADE_SIZE};
        offset += blob.size;
        status = bsi_blob_list_add(out, &blob);
    }
    return status;
}

#endif
