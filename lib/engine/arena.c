/* SPDX-License-Identifier: MIT */
/*
 * An arena: blocks that are filled from their start and freed together.
 */
#include "engine/arena.h"

#include <stdint.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "crypto/secret.h"

enum {
    ARENA_ALIGN = 16,
    ARENA_BLOCK = 4096 - 64,
};

struct bsi_arena_block {
    struct bsi_arena_block *next;
    size_t size;
    _Alignas(ARENA_ALIGN) char bytes[];
};

static bs_status arena_grow(bsi_arena *arena, size_t size)
{
    struct bsi_arena_block *block = NULL;
    const size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
    size_t total = 0;

    if (bsi_add_size(room, sizeof(*block), &total)) {
        block = bsi_calloc(1, total);
    }
    if (!block) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
    }
    block->next = arena->blocks;
    block->size = room;
    arena->blocks = block;
    arena->used = 0;
    arena->size = room;
    return BS_OK;
}

void *bsi_arena_alloc(bsi_arena *arena, size_t count, size_t size)
{
    size_t need = 0;
    void *memory = NULL;

    if (!bsi_mul_size(count, size, &need) || !bsi_add_size(need, ARENA_ALIGN - 1, &need)) {
        (void)bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
        return NULL;
    }
    need -= need % ARENA_ALIGN;
    if (need == 0) {
        need = ARENA_ALIGN;
    }
    if (!arena->blocks || need > arena->size - arena->used) {
        if (arena_grow(arena, need) < 0) {
            return NULL;
        }
    }
    memory = arena->blocks->bytes + arena->used;
    arena->used += need;
    return memory;
}

char *bsi_arena_slice(bsi_arena *arena, bsi_slice text)
{
    char *copy = bsi_arena_alloc(arena, 1, text.size + 1);

    if (copy && text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    return copy;
}

char *bsi_arena_text(bsi_arena *arena, const char *text)
{
    return bsi_arena_slice(arena, bsi_slice_of(text ? text : ""));
}

const char **bsi_arena_texts(bsi_arena *arena, const char *const *texts)
{
    size_t count = 0;
    const char **copy = NULL;

    while (texts[count]) {
        count++;
    }
    copy = bsi_arena_alloc(arena, count + 1, sizeof(*copy));
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = bsi_arena_text(arena, texts[i]);
        if (!copy[i]) {
            return NULL;
        }
    }
    return copy;
}

void bsi_arena_wipe(bsi_arena *arena)
{
    for (struct bsi_arena_block *block = arena->blocks; block; block = block->next) {
        bsi_wipe(block->bytes, block->size);
    }
    bsi_arena_dispose(arena);
}

void bsi_arena_dispose(bsi_arena *arena)
{
    while (arena->blocks) {
        struct bsi_arena_block *block = arena->blocks;
        arena->blocks = block->next;
        bsi_free(block);
    }
    *arena = (bsi_arena){0};
}
