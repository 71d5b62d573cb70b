/* SPDX-License-Identifier: MIT */
/*
 * A stack of entries, each with what it points to in one piece of memory.
 */
#include "vault/dir_stack.h"

#include <string.h>

#include "base/alloc.h"

/* Honest trees come nowhere near it. */
#define BYTES_MAX ((size_t)128 * 1024 * 1024)

typedef struct level {
    bsi_entry entry;
    size_t size; /* Of the level, with all that the entry points to. */
    bsi_xattr xattrs[];
} level;

struct bsi_dir_stack {
    level **levels;
    size_t count;
    size_t capacity;
    size_t bytes;  /* Of all levels. */
    level *popped; /* The entry last given. */
};

bs_status bsi_dir_stack_new(bsi_dir_stack **out)
{
    *out = bsi_calloc(1, sizeof(**out));
    return *out ? BS_OK : BS_E_NOMEM;
}

void bsi_dir_stack_free(bsi_dir_stack *stack)
{
    if (stack) {
        bsi_dir_stack_clear(stack);
        bsi_free(stack->levels);
        bsi_free(stack->popped);
        bsi_free(stack);
    }
}

static size_t size_of(const bsi_entry *dir)
{
    size_t size = sizeof(level) + dir->xattr_count * sizeof(bsi_xattr) + dir->path.size +
                  dir->user.size + dir->group.size;

    for (size_t i = 0; i < dir->xattr_count; i++) {
        size += dir->xattrs[i].name.size + dir->xattrs[i].value.size;
    }
    return size;
}

/* Move what a slice points to to `*at`. */
static void keep(bsi_slice *slice, char **at)
{
    if (slice->size > 0) {
        memcpy(*at, slice->data, slice->size);
    }
    slice->data = *at;
    *at += slice->size;
}

static level *copy(const bsi_entry *dir, size_t size)
{
    level *made = bsi_alloc(size);
    char *at = NULL;

    if (!made) {
        return NULL;
    }
    made->size = size;
    made->entry = *dir;
    made->entry.xattrs = made->xattrs;
    at = (char *)(made->xattrs + dir->xattr_count);
    keep(&made->entry.path, &at);
    keep(&made->entry.user, &at);
    keep(&made->entry.group, &at);
    for (size_t i = 0; i < dir->xattr_count; i++) {
        made->xattrs[i] = dir->xattrs[i];
        keep(&made->xattrs[i].name, &at);
        keep(&made->xattrs[i].value, &at);
    }
    return made;
}

bs_status bsi_dir_stack_push(bsi_dir_stack *stack, const bsi_entry *dir)
{
    const size_t size = size_of(dir);

    if (size > BYTES_MAX - stack->bytes) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the directories on the way to an entry take more than %zu bytes",
                        BYTES_MAX);
    }
    if (stack->count == stack->capacity) {
        const size_t capacity = stack->capacity ? stack->capacity * 2 : 32;
        level **levels = bsi_realloc_array(stack->levels, capacity, sizeof(level *));
        if (!levels) {
            return BS_E_NOMEM;
        }
        stack->levels = levels;
        stack->capacity = capacity;
    }
    stack->levels[stack->count] = copy(dir, size);
    if (!stack->levels[stack->count]) {
        return BS_E_NOMEM;
    }
    stack->count++;
    stack->bytes += size;
    return BS_OK;
}

bs_status bsi_dir_stack_at(bsi_dir_stack *stack, size_t index, const bsi_entry **out)
{
    if (index >= stack->count) {
        return BS_END;
    }
    *out = &stack->levels[index]->entry;
    return BS_OK;
}

bs_status bsi_dir_stack_pop_beside(bsi_dir_stack *stack, bsi_slice path, const bsi_entry **out)
{
    level *top = stack->count > 0 ? stack->levels[stack->count - 1] : NULL;

    if (!top || (path.size > 0 && bsi_path_is_below(path, top->entry.path))) {
        return BS_END;
    }
    stack->count--;
    stack->bytes -= top->size;
    bsi_free(stack->popped);
    stack->popped = top;
    *out = &top->entry;
    return BS_OK;
}

size_t bsi_dir_stack_count(const bsi_dir_stack *stack)
{
    return stack->count;
}

void bsi_dir_stack_clear(bsi_dir_stack *stack)
{
    while (stack->count > 0) {
        stack->count--;
        bsi_free(stack->levels[stack->count]);
    }
    stack->bytes = 0;
}
