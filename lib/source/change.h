/* SPDX-License-Identifier: MIT */
#ifndef BSI_SOURCE_CHANGE_H
#define BSI_SOURCE_CHANGE_H

#include <stdbool.h>

#include "os/file.h"

/*
 * Whether what was backed up once must not be read again. `then` is its state as
 * noted by a scan that began at `then_scan_began`. Type, size, times and inode
 * must be equal; the device may be numbered anew by each mount. What had been
 * changed within a second of that scan, or after its start, may have been changed
 * again without a new time, and counts as changed.
 */
bool bsi_source_unchanged(const bsi_stat *now, const bsi_stat *then,
                          const bsi_time *then_scan_began);

#endif
