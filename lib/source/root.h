/* SPDX-License-Identifier: MIT */
#ifndef BSI_SOURCE_ROOT_H
#define BSI_SOURCE_ROOT_H

#include "base/slice.h"
#include "os/file.h"

/* The tops of what is backed up. */

/* BS_E_INVALID unless all are absolute, normalised, sorted and apart from each other. */
BS_NODISCARD bs_status bsi_roots_check(const char *const *roots, size_t count);

/* A root's path as items and entries have it: without the leading slash. */
bsi_slice bsi_root_path(const char *root);

/*
 * The directory that a root lies in, and its name there ("." for "/"). Links on
 * the way are followed: whoever names a root has chosen them. The caller closes.
 */
BS_NODISCARD bs_status bsi_root_open_parent(const char *root, int *dir_out, const char **name_out);

#endif
