/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DECORATORS_RETRY_H
#define BSI_STORAGE_DECORATORS_RETRY_H

#include "storage/storage.h"
#include "task/backoff.h"

/*
 * A storage over another one that tries again what failed and may pass. Whole
 * calls are repeated; uploads go on where they stopped with BS_STORAGE_CAP_RESUME,
 * and listings page by page where the driver has list_page(), else as long as
 * nothing was told. A rename goes through as it is, and so does what an upload
 * gets without that capability: nobody knows whether it was done.
 */

/* Takes a reference of its own to `inner`. `policy` may be NULL. */
BS_NODISCARD bs_status bsi_storage_retry_new(bsi_storage *inner, const bsi_backoff_policy *policy,
                                             bsi_storage **out);

#endif
