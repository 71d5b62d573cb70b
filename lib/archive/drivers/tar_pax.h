/* SPDX-License-Identifier: MIT */
#ifndef BSI_ARCHIVE_DRIVERS_TAR_PAX_H
#define BSI_ARCHIVE_DRIVERS_TAR_PAX_H

#include "base/buffer.h"
#include "os/entry.h"

/* Append one record "length key=value\n"; the length counts itself. */
BS_NODISCARD bs_status bsi_pax_record(bsi_buf *out, const char *key, bsi_slice value);
BS_NODISCARD bs_status bsi_pax_number(bsi_buf *out, const char *key, uint64_t value);
/* Seconds with as many decimals as needed. */
BS_NODISCARD bs_status bsi_pax_time(bsi_buf *out, const char *key, const bsi_time *time);
/* All extended attributes of an entry, POSIX ACLs as text. */
BS_NODISCARD bs_status bsi_pax_xattrs(bsi_buf *out, const bsi_entry *entry);

#endif
