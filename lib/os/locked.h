/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_LOCKED_H
#define BSI_OS_LOCKED_H

#include <stddef.h>

#include "base/error.h"

/*
 * Whole pages of zeroed memory for secrets: kept out of core dumps, zeroed in
 * forked children, and locked so that they are not swapped. Each of the three
 * is asked for and not insisted on: a process may lock little (RLIMIT_MEMLOCK).
 * Any thread.
 */
BS_NODISCARD bs_status bsi_locked_map(size_t size, void **out);

/* With the size it was made with. The caller wipes first. NULL is ignored. */
void bsi_locked_unmap(void *pages, size_t size);

#endif
