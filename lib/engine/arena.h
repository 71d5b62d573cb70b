/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_ARENA_H
#define BSI_ENGINE_ARENA_H

#include "base/error.h"
#include "base/slice.h"

/*
 * Memory that is given back all at once: what an info struct or a parsed
 * request points at. One thread at a time; a zeroed arena is empty.
 */
typedef struct bsi_arena {
    struct bsi_arena_block *blocks;
    size_t used; /* Of the newest block. */
    size_t size;
} bsi_arena;

/* Zeroed, aligned for anything; NULL: no memory. */
void *bsi_arena_alloc(bsi_arena *arena, size_t count, size_t size);

/* Copies ending in NUL; NULL: no memory. A NULL text becomes "". */
char *bsi_arena_slice(bsi_arena *arena, bsi_slice text);
char *bsi_arena_text(bsi_arena *arena, const char *text);

/* A copy of a list of texts ended by NULL; NULL: no memory. */
const char **bsi_arena_texts(bsi_arena *arena, const char *const *texts);

void bsi_arena_dispose(bsi_arena *arena);
/* The same for one that secrets were put into. */
void bsi_arena_wipe(bsi_arena *arena);

#endif
