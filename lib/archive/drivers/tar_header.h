/* SPDX-License-Identifier: MIT */
#ifndef BSI_ARCHIVE_DRIVERS_TAR_HEADER_H
#define BSI_ARCHIVE_DRIVERS_TAR_HEADER_H

#include "base/buffer.h"
#include "os/entry.h"

enum { BSI_TAR_BLOCK = 512 };

/*
 * Append what stands in front of an entry's content: a ustar header and, where
 * that is too narrow, a pax extended header before it. `stored` is how many
 * bytes follow, with a sparse file's map; `records` is a buffer to work in.
 */
BS_NODISCARD bs_status bsi_tar_header(const bsi_entry *entry, uint64_t stored, bsi_buf *records,
                                      bsi_buf *out);

/* Whether the entry is written in the form for sparse files. */
bool bsi_tar_is_sparse(const bsi_entry *entry);

#endif
