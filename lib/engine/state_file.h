/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_STATE_FILE_H
#define BSI_ENGINE_STATE_FILE_H

#include "base/buffer.h"
#include "base/slice.h"

/*
 * Small files of the state directory that nobody else may read (mode 0600) and
 * that are replaced whole: keyring, signing key, signers. One writer of a file
 * at a time.
 */
BS_NODISCARD bs_status bsi_state_file_exists(int dir, const char *name, bool *out);

/* Append all of it to `out`, whose limit is the file's. BS_E_NOT_FOUND. */
BS_NODISCARD bs_status bsi_state_file_read(int dir, const char *name, bsi_buf *out);

/*
 * Write beside it, read back, let `check` try what was read (NULL: only
 * compare), and rename. Durable when it returns; a crash leaves the old file or
 * the new one.
 */
typedef bs_status (*bsi_state_file_check)(void *user, bsi_slice content);
BS_NODISCARD bs_status bsi_state_file_write(int dir, const char *name, bsi_slice content,
                                            bsi_state_file_check check, void *user);

#endif
