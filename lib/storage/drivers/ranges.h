/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_RANGES_H
#define BSI_STORAGE_DRIVERS_RANGES_H

#include "net/http.h"

/* Where the bytes of a range go. */
typedef struct bsi_range {
    uint8_t *at;
    size_t left;
} bsi_range;

/* A bsi_http_sink of a bsi_range; more than fits is a failure. */
bs_status bsi_range_take(void *user, const void *data, size_t size);

/*
 * Whether an answer is all of the range that was asked for. Where the object ends before,
 * BS_E_RANGE; anything else is a server that is none, and may pass.
 */
BS_NODISCARD bs_status bsi_range_check(const bsi_http_answer *answer, uint64_t offset, size_t size);

#endif
