/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_DIR_CACHE_H
#define BSI_OS_DIR_CACHE_H

#include "base/slice.h"
#include "os/file.h"

/*
 * Directory descriptors beneath one root, kept for the next path. Paths that
 * come in order cost one open per new directory. Each component is opened
 * by itself, never through a symbolic link, so that paths may be longer than
 * PATH_MAX and never leave the root. At most 64 descriptors are held, however
 * deep the tree. One thread at a time.
 */
typedef struct bsi_dir_cache bsi_dir_cache;

/* `root` is borrowed and must outlive the cache. */
BS_NODISCARD bs_status bsi_dir_cache_new(int root, bsi_dir_cache **out);
void bsi_dir_cache_free(bsi_dir_cache *cache);

/*
 * The descriptor of directory `path` ("" is the root). Borrowed: valid until
 * the next call on the cache.
 */
BS_NODISCARD bs_status bsi_dir_cache_open(bsi_dir_cache *cache, bsi_slice path, int *fd_out);

/* As bsi_dir_cache_open(), but makes what is missing with mode 0700 and tells how many levels. */
BS_NODISCARD bs_status bsi_dir_cache_make(bsi_dir_cache *cache, bsi_slice path, int *fd_out,
                                          unsigned *made_out);

/* Forget descriptors at and below `path`, which is about to be removed or replaced. */
void bsi_dir_cache_forget(bsi_dir_cache *cache, bsi_slice path);

/* Split a path into its directory ("" for the root) and its last component. */
void bsi_path_split(bsi_slice path, bsi_slice *dir_out, bsi_slice *name_out);

#endif
