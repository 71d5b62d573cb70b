/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_PATHS_H
#define BSI_ENGINE_PATHS_H

#include "base/slice.h"
#include "os/entry.h"

/*
 * Paths as texts, without asking the file system: nothing is resolved.
 */

/*
 * An absolute path without doubled slashes, "." components and a slash at its
 * end; freed with bsi_free(). NULL: it is not absolute, has a ".." component
 * (whose meaning depends on links), or there is no memory.
 */
char *bsi_path_normalise(const char *path);

/* Whether the normalised `path` is `dir` or lies below it. */
bool bsi_path_is_within(const char *path, const char *dir);

/* Whether a text can be the name of one file: no slash, not "", ".", ".."; at most 255 bytes. */
bool bsi_path_is_name(const char *name);

#endif
