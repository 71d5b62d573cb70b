/* SPDX-License-Identifier: MIT */
#ifndef BSI_BASE_SLICE_H
#define BSI_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Bytes that somebody else owns: a name, a path, part of a document. May hold any byte. */
typedef struct bsi_slice {
    const char *data;
    size_t size;
} bsi_slice;

static inline bsi_slice bsi_slice_of(const char *text)
{
    return (bsi_slice){text, strlen(text)};
}

static inline bool bsi_slice_equal(bsi_slice a, bsi_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool bsi_slice_is(bsi_slice slice, const char *text)
{
    return bsi_slice_equal(slice, bsi_slice_of(text));
}

#endif
