/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_DIR_STACK_H
#define BSI_VAULT_DIR_STACK_H

#include "base/error.h"
#include "os/entry.h"

/*
 * The directories on the way to the present entry of a backup, outermost first.
 * One thread at a time.
 */
typedef struct bsi_dir_stack bsi_dir_stack;

BS_NODISCARD bs_status bsi_dir_stack_new(bsi_dir_stack **out);
void bsi_dir_stack_free(bsi_dir_stack *stack);

/* Take a directory on top; it is copied. Those that do not lead to it must be gone. */
BS_NODISCARD bs_status bsi_dir_stack_push(bsi_dir_stack *stack, const bsi_entry *dir);

/*
 * The top, when it does not lead to `path` (size 0: in any case), is taken off and
 * given in `out`; else BS_END. Valid until the next call.
 */
BS_NODISCARD bs_status bsi_dir_stack_pop_beside(bsi_dir_stack *stack, bsi_slice path,
                                                const bsi_entry **out);

/* The n-th from the outside in; BS_END behind the top. Valid until the next call. */
BS_NODISCARD bs_status bsi_dir_stack_at(bsi_dir_stack *stack, size_t index, const bsi_entry **out);

size_t bsi_dir_stack_count(const bsi_dir_stack *stack);

/* Take all off. */
void bsi_dir_stack_clear(bsi_dir_stack *stack);

#endif
