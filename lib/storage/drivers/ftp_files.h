/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_FTP_FILES_H
#define BSI_STORAGE_DRIVERS_FTP_FILES_H

#include "storage/drivers/ftp_pool.h"

/*
 * Files and directories of a server, over one connection. Paths are what the server is told;
 * directories of keys ("" for the root) are slices of keys. BS_E_NOT_FOUND says only that the
 * server refused, until bsi_ftp_judge_missing() has looked why.
 */

/* root/dir/name, escaped, without the parts that are empty. Freed by the caller. NULL: failed. */
char *bsi_ftp_path(const bsi_ftp_config *config, bsi_slice dir, const char *name);

/* What a file is; BS_E_NOT_FOUND also of what is no file. */
BS_NODISCARD bs_status bsi_ftp_stat_file(bsi_ftp_link *link, const bs_call *call, const char *path,
                                         bs_storage_object *out);

/* The size of a file, likewise. */
BS_NODISCARD bs_status bsi_ftp_measure(bsi_ftp_link *link, const bs_call *call, const char *path,
                                       uint64_t *size_out);

/*
 * Why the server has refused a file in a key's directory. BS_E_NOT_FOUND: there is none.
 * BS_E_ACCESS: there is one. BS_E_IO: the storage's own directory is gone, or something else is
 * where a directory was. BS_OK: nothing seems to be wrong any more.
 */
BS_NODISCARD bs_status bsi_ftp_judge_missing(bsi_ftp_link *link, const bs_call *call, bsi_slice dir,
                                             const char *path);

/* The same of a key's directory. BS_OK: it is there and can be entered. */
BS_NODISCARD bs_status bsi_ftp_judge_dir(bsi_ftp_link *link, const bs_call *call, bsi_slice dir);

/* Make what is missing of a key's directory; whether it is there then is seen at its use. */
BS_NODISCARD bs_status bsi_ftp_make_dirs(bsi_ftp_link *link, const bs_call *call, bsi_slice dir);

/* Make what is missing of the storage's own directory, likewise. */
BS_NODISCARD bs_status bsi_ftp_make_root(bsi_ftp_link *link, const bs_call *call);

/* Remove a key's directory and those above as long as they are empty, but for the root. */
BS_NODISCARD bs_status bsi_ftp_remove_empty(bsi_ftp_link *link, const bs_call *call, bsi_slice dir);

/* One command about a path. BS_OK: the server has done it. */
BS_NODISCARD bs_status bsi_ftp_do(bsi_ftp_link *link, const bs_call *call, const char *command,
                                  const char *path, const char *doing);

/* Rename a file, over what has that name. */
BS_NODISCARD bs_status bsi_ftp_move(bsi_ftp_link *link, const bs_call *call, const char *from,
                                    const char *to);

/* The nearest second that a server can be told, as text. False: it has no room for that one. */
bool bsi_ftp_format_time(int64_t ns, char out[BSI_FTP_TIME_SIZE]);

#endif
