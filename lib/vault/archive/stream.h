/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_ARCHIVE_STREAM_H
#define BSI_VAULT_ARCHIVE_STREAM_H

#include "vault/archive/store.h"

/*
 * Store the plan's stream as one file, owned by this process's user, with the
 * present time. A container that must know sizes beforehand gets it by way of
 * a temporary file. A stream that does not end well fails the backup.
 */
BS_NODISCARD bs_status bsi_store_stream(bsi_store *store);

#endif
