/* SPDX-License-Identifier: MIT */
/*
 * A stack of manifest lines, parsed when they are asked for.
 */
#include "vault/dir_stack.h"

#include "base/alloc.h"

/* Honest trees come nowhere near it. */
#define LINES_MAX (2 * BSI_MANIFEST_LINE_MAX)

typedef struct level {
    char *line;
    size_t size;
} level;

struct bsi_dir_stack {
    level *levels;
    size_t count;
    size_t capacity;
    size_t bytes; /* Of all lines. */
    char *popped; /* The line that the entry last given points into. */
    bsi_line_memory memory;
    bsi_manifest_entry entry;
};

bs_status bsi_dir_stack_new(bsi_dir_stack **out)
{
    bsi_dir_stack *stack = bsi_calloc(1, sizeof(*stack));

    if (!stack) {
        return BS_E_NOMEM;
    }
    bsi_line_memory_init(&stack->memory);
    *out = stack;
    return BS_OK;
}

void bsi_dir_stack_free(bsi_dir_stack *stack)
{
    if (!stack) {
        return;
    }
    bsi_dir_stack_clear(stack);
    bsi_free(stack->levels);
    bsi_free(stack->popped);
    bsi_line_memory_dispose(&stack->memory);
    bsi_free(stack);
}

bs_status bsi_dir_stack_push(bsi_dir_stack *stack, bsi_slice line)
{
    level *levels = NULL;
    char *copy = NULL;

    if (line.size > LINES_MAX - stack->bytes) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the directories on the way to an entry take more than %zu bytes",
                        LINES_MAX);
    }
    if (stack->count == stack->capacity) {
        const size_t capacity = stack->capacity ? stack->capacity * 2 : 32;
        levels = bsi_realloc_array(stack->levels, capacity, sizeof(*levels));
        if (!levels) {
            return BS_E_NOMEM;
        }
        stack->levels = levels;
        stack->capacity = capacity;
    }
    copy = bsi_memdup(line.data, line.size);
    if (!copy) {
        return BS_E_NOMEM;
    }
    stack->levels[stack->count] = (level){copy, line.size};
    stack->count++;
    stack->bytes += line.size;
    return BS_OK;
}

bs_status bsi_dir_stack_at(bsi_dir_stack *stack, size_t index, const bsi_entry **out)
{
    if (index >= stack->count) {
        return BS_END;
    }
    BSI_TRY(bsi_parse_entry((bsi_slice){stack->levels[index].line, stack->levels[index].size},
                            &stack->memory, &stack->entry));
    *out = &stack->entry.listed.entry;
    return BS_OK;
}

bs_status bsi_dir_stack_pop_beside(bsi_dir_stack *stack, bsi_slice path, const bsi_entry **out)
{
    const bsi_entry *top = NULL;
    const bs_status status =
        stack->count > 0 ? bsi_dir_stack_at(stack, stack->count - 1, &top) : BS_END;

    if (status != BS_OK) {
        return status;
    }
    if (path.size > 0 && bsi_path_is_below(path, top->path)) {
        return BS_END;
    }
    stack->count--;
    bsi_free(stack->popped);
    stack->popped = stack->levels[stack->count].line;
    stack->bytes -= stack->levels[stack->count].size;
    *out = top;
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
        bsi_free(stack->levels[stack->count].line);
    }
    stack->bytes = 0;
}
