/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_SFTP_WALK_H
#define BSI_STORAGE_DRIVERS_SFTP_WALK_H

#include "storage/drivers/sftp_files.h"
#include "storage/drivers/sftp_pool.h"

/* What is done with each file below a directory of the storage. */
typedef struct bsi_sftp_visit {
    /* `key` ends with `name`. No link is acquired. Anything but BS_OK ends the walk. */
    bs_status (*visit)(void *user, const char *key, const char *name,
                       const bs_storage_object *object);
    void *user;
    /* Set by visit() when it removed the file. Not NULL: emptied directories go too. */
    const bool *removed;
} bsi_sftp_visit;

/* Visit all files below `prefix` ("": the root), in no order. What vanishes is passed over. */
BS_NODISCARD bs_status bsi_sftp_walk(bsi_sftp_pool *pool, const bs_call *call, const char *prefix,
                                     const bsi_sftp_visit *visit);

#endif
