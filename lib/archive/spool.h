/* SPDX-License-Identifier: MIT */
#ifndef BSI_ARCHIVE_SPOOL_H
#define BSI_ARCHIVE_SPOOL_H

#include "base/error.h"

/*
 * A list of bytes that only grows, for what a container says at its end about
 * millions of entries: the last MiB lies in memory, what comes before in a file
 * without a name. One thread at a time.
 */
typedef struct bsi_spool bsi_spool;

/* `dir` is borrowed; a file is made in it once memory does not suffice. */
BS_NODISCARD bs_status bsi_spool_new(int dir, bsi_spool **out);
void bsi_spool_free(bsi_spool *spool);

BS_NODISCARD bs_status bsi_spool_append(bsi_spool *spool, const void *data, size_t size);
uint64_t bsi_spool_size(const bsi_spool *spool);

/* Exactly `size` bytes from `offset`, which must be there. Cheap when read in order. */
BS_NODISCARD bs_status bsi_spool_read(bsi_spool *spool, uint64_t offset, void *buf, size_t size);

/* Forget what lies behind `size`, which is not beyond the end. */
BS_NODISCARD bs_status bsi_spool_cut(bsi_spool *spool, uint64_t size);

#endif
