/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_UNPACKED_H
#define BSI_REPO_UNPACKED_H

#include "base/buffer.h"
#include "base/slice.h"

/*
 * What is encrypted in a file of its own: snapshots, indexes, locks. Version 1
 * has the JSON text as it is; version 2 has the byte 2 and one zstd frame or
 * more, or the text as it is.
 */

/* Append what is to be encrypted. */
BS_NODISCARD bs_status bsi_unpacked_encode(uint32_t version, bsi_slice json, bsi_buf *out);

/*
 * Append the text of what was decrypted; `out` must be empty. BS_E_CORRUPT of
 * layer STORAGE; BS_E_LIMIT when it is longer than `out` may become.
 */
BS_NODISCARD bs_status bsi_unpacked_decode(uint32_t version, bsi_slice decrypted, bsi_buf *out);

#endif
