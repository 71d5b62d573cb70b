/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_LOCAL_WALK_H
#define BSI_STORAGE_DRIVERS_LOCAL_WALK_H

#include <backupsvc/sys/storage_driver.h>

#include "storage/drivers/local_tree.h"
#include "task/call.h"

/* What is done with each file below a directory of a local storage. */
typedef struct bsi_local_visit {
    /* `path` is the file's key; `dir` is open for the call. Anything but BS_OK ends the walk. */
    bs_status (*visit)(void *user, int dir, const char *name, const char *path);
    void *user;
    /*
     * Set by visit() when it removed the file. Not NULL: directories left without
     * anything are removed too.
     */
    const bool *removed;
} bsi_local_visit;

/* Visit all files below `prefix` ("": the root), in no order. What vanishes meanwhile is passed
 * over. */
BS_NODISCARD bs_status bsi_local_walk(bsi_local_tree *tree, const bs_call *call, const char *prefix,
                                      const bsi_local_visit *visit);

#endif
