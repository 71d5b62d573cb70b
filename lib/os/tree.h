/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_TREE_H
#define BSI_OS_TREE_H

#include "base/error.h"

/*
 * Removing trees of our own: whoever else may write there could be faster. However
 * deep they are, two descriptors and no recursion: what lies in a directory is
 * moved to the top before the directory goes.
 */

/* Remove all that is in the directory behind `fd`. */
BS_NODISCARD bs_status bsi_tree_empty(int fd);

/* A directory with all that is in it. BS_OK also when there is none. */
BS_NODISCARD bs_status bsi_tree_remove(int dir, const char *name);

#endif
