/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_FTP_WALK_H
#define BSI_STORAGE_DRIVERS_FTP_WALK_H

#include "storage/drivers/ftp_files.h"

/* What is done with each file below a directory of the storage. */
typedef struct bsi_ftp_visit {
    /* `key` ends with `name`. No connection is in use. Anything but BS_OK ends the walk. */
    bs_status (*visit)(void *user, const char *key, const char *name,
                       const bs_storage_object *object);
    void *user;
} bsi_ftp_visit;

/*
 * Visit all files below `prefix` ("": the root), in no order. What vanishes is passed over, and
 * so are files whose names no key is kept under.
 */
BS_NODISCARD bs_status bsi_ftp_walk(bsi_ftp_pool *pool, const bs_call *call, const char *prefix,
                                    const bsi_ftp_visit *visit);

#endif
