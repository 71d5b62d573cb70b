/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_RESTORE_INT_H
#define BSI_VAULT_RESTORE_INT_H

#include "vault/dir_stack.h"
#include "vault/restore.h"
#include "vault/selection.h"

/* What the parts of a restore share. */
/* Files that are to be tried again: a number for each path. */
typedef struct bsi_restore_again {
    uint64_t *paths; /* Sorted when they are looked for. */
    size_t count;
    size_t capacity;
    bs_error first; /* Why the first of them is here. */
} bsi_restore_again;

struct bsi_restore {
    bsi_vault_env env; /* The caller's, but reporting to `warn`. */
    const bsi_restore_plan *plan;
    const bsi_restore_source *source;
    bsi_target *target;
    bsi_selection *selection;
    bsi_dir_stack *dirs;
    size_t dirs_made;     /* Levels of `dirs` that lead to something wanted. */
    const char *stripped; /* Path in front of what is restored; NULL: nothing is taken off. */

    bsi_latch under_way; /* Files on the pool. */
    atomic_uint_least64_t bytes_under_way;
    atomic_bool stop;

    bsi_warn warn; /* Counts on the way to the caller's. */
    const bsi_warn *next_warn;
    atomic_uint_least64_t skipped;
    atomic_uint_least64_t warned;
    atomic_uint_least64_t damaged; /* Entries whose stored bytes are wrong or gone. */
    atomic_uint_least64_t unread;  /* Entries that the storage would not give. */

    const bsi_restore_again *trying; /* In such a pass. */
    bool defers; /* There is a copy to try what is damaged with. Changes between passes. */

    bsi_mutex lock; /* Guards what follows. */
    bsi_restore_again deferred;
    bool failed;
    bs_error failure;
};

/*
 * What an entry's outcome means for the run: BS_OK to go on. Anything that only
 * concerns this entry is reported; what would meet the next one too ends the run.
 */
BS_NODISCARD bs_status bsi_restore_settle(bsi_restore *restore, bsi_slice path, bs_status status);

/* What stands for a path among files that are to be tried again. Two paths hardly ever share one;
 * then a good file is looked at once more. */
uint64_t bsi_restore_number(bsi_slice path);

/* Wait for all files under way; the first failure among them comes back. */
BS_NODISCARD bs_status bsi_restore_drain(bsi_restore *restore);

#endif
