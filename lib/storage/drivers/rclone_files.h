/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_RCLONE_FILES_H
#define BSI_STORAGE_DRIVERS_RCLONE_FILES_H

#include "storage/drivers/rclone_daemon.h"

/* Calls of rclone's, about files below the storage's root. Any thread. */

/*
 * Before a file takes another one's place rclone removes that one. What is to replace an object
 * waits under its name behind this prefix, whole: without the object it is the object.
 */
#define BSI_RCLONE_NEXT_PREFIX ".bst-next-"

/* Whether uploads go to a name of their own first: not to services of buckets, where an object
 * appears whole, nor where a file cannot get another name by the service. */
bool bsi_rclone_stages(const bsi_rclone *rclone);

/* The path of `prefix` and the key's last component, beside the key. NULL: no memory. */
char *bsi_rclone_beside(const char *key, const char *prefix);

/* Where the key's next object waits. BS_OK with NULL: nowhere, its name would be too long. */
BS_NODISCARD bs_status bsi_rclone_next_path(const bsi_rclone *rclone, const char *key, char **out);

/* Between these two nobody else here changes what lies under a key, or waits to. */
bsi_mutex *bsi_rclone_lock_place(bsi_rclone *rclone, const char *key);
void bsi_rclone_unlock_place(bsi_mutex *place);

/* A call that answers nothing: "deletefile", "mkdir", "rmdirs", of one path. */
BS_NODISCARD bs_status bsi_rclone_do(bsi_rclone *rclone, const bs_call *call, const char *action,
                                     const char *path);

/* Any failure of it is passed over, and the error record is left alone. */
void bsi_rclone_remove_quietly(bsi_rclone *rclone, const bs_call *call, const char *path);

/* BS_E_NOT_FOUND: rclone sees no file there. */
BS_NODISCARD bs_status bsi_rclone_stat(bsi_rclone *rclone, const bs_call *call, const char *path,
                                       bsi_rclone_item *out);

/*
 * Give a file another name, also in the place of one, or of directories in which nothing is.
 * BS_E_NOT_FOUND: nothing is under the old one.
 */
BS_NODISCARD bs_status bsi_rclone_move(bsi_rclone *rclone, const bs_call *call, const char *from,
                                       const char *to);

/* Whether the storage's root can be listed; without it nothing is known to be missing. */
BS_NODISCARD bs_status bsi_rclone_check_root(bsi_rclone *rclone, const bs_call *call);

/* As bsi_rclone_stat() of an object, and the path that it has now, to be freed. BS_E_NOT_FOUND:
 * it has been looked for, and is not there. */
BS_NODISCARD bs_status bsi_rclone_find(bsi_rclone *rclone, const bs_call *call, const char *key,
                                       bsi_rclone_item *out, char **path_out);

/* Each file below a directory; one that is not there has none. The calling thread is in the
 * middle of a request meanwhile, and may make others. */
BS_NODISCARD bs_status bsi_rclone_walk(bsi_rclone *rclone, const bs_call *call, const char *dir,
                                       bsi_rclone_visit visit, void *user);

BS_NODISCARD bs_status bsi_rclone_ask_features(bsi_rclone *rclone, const bs_call *call);

#endif
