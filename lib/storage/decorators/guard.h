/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DECORATORS_GUARD_H
#define BSI_STORAGE_DECORATORS_GUARD_H

#include "storage/storage.h"

/*
 * A storage over another one on which only some things may be done. Whatever is
 * refused fails with BS_E_READ_ONLY, and the text says by which setting.
 *
 * Append-only: objects are neither removed nor replaced, renamed or given other
 * times. Left out are those that are no part of a backup and that work cannot go
 * on without: locks of repositories ("locks/" and an id), as with restic's
 * append-only servers, and what a check tries (BSI_PROBE_FOLDER). Uploads that
 * never were committed may be swept up. Where the storage cannot put objects
 * only if they are new, who puts one looks before: two who put the same key at
 * the same moment may both succeed.
 *
 * What is guarded here is guarded from this program. Whoever has the storage's
 * credentials can go around it: that is for the storage's own locks to prevent.
 */
typedef enum bsi_guard_mode {
    BSI_GUARD_NOTHING,
    BSI_GUARD_APPEND_ONLY, /* BS_STORAGE_CAP_APPEND_ONLY is set, and _RENAME is not. */
    BSI_GUARD_READ_ONLY,   /* BS_STORAGE_CAP_READ_ONLY is set, and _RENAME is not. */
} bsi_guard_mode;

/* Takes a reference of its own to `inner`; `name` is the storage's, for texts, and copied. */
BS_NODISCARD bs_status bsi_storage_guard_new(bsi_storage *inner, const char *name,
                                             bsi_guard_mode mode, bsi_storage **out);

/* What the capabilities say of removing; BS_OK, or BS_E_READ_ONLY with `name` in its text. */
BS_NODISCARD bs_status bsi_storage_check_removable(const bsi_storage *storage, const char *name);

/* Likewise of putting objects. */
BS_NODISCARD bs_status bsi_storage_check_writable(const bsi_storage *storage, const char *name);

#endif
