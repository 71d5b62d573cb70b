/* SPDX-License-Identifier: MIT */
#ifndef BSI_STORAGE_DRIVERS_SFTP_FILES_H
#define BSI_STORAGE_DRIVERS_SFTP_FILES_H

#include "storage/drivers/sftp_link.h"

/*
 * Files and directories of a server, over one acquired link. Paths are what the
 * server is told; directories of keys ("" for the root) are slices of keys.
 * Failures name host, path and the server's words. BS_E_NOT_FOUND is only what
 * a server has said of a file.
 */

/* root/dir/name, without the parts that are empty. Freed by the caller. NULL: no memory. */
char *bsi_sftp_path(const bsi_sftp_config *config, bsi_slice dir, const char *name);

/* A request that is one path, done: what its answer says stands in `answer`. */
BS_NODISCARD bs_status bsi_sftp_do(bsi_sftp_link *link, const bs_call *call, uint8_t type,
                                   const char *path, bsi_sftp_answer *answer);

static inline bool bsi_sftp_said(const bsi_sftp_answer *answer, uint32_t code)
{
    return answer->type == BSI_SFTP_ANSWER_STATUS && answer->code == code;
}

/* What a path is: BS_E_NOT_FOUND when it is nothing, or no regular file. */
BS_NODISCARD bs_status bsi_sftp_stat_file(bsi_sftp_link *link, const bs_call *call,
                                          const char *path, bsi_sftp_attrs *out);

/* Open a file; the answer has the handle when it is BS_OK. */
BS_NODISCARD bs_status bsi_sftp_open_file(bsi_sftp_link *link, const bs_call *call,
                                          const char *path, uint32_t flags,
                                          bsi_sftp_answer *answer);

/* Close without waiting for the answer. */
void bsi_sftp_close_soon(bsi_sftp_link *link, bsi_slice handle);

/* Exactly this range: BS_E_RANGE when the file ends before. Open files are kept for the next. */
BS_NODISCARD bs_status bsi_sftp_read_range(bsi_sftp_link *link, const bs_call *call,
                                           const char *path, uint64_t epoch, uint64_t offset,
                                           void *buf, size_t size);

/*
 * What "no such file" means of a file in a key's directory, for servers say that also where a
 * directory on the way is gone or is none. BS_E_NOT_FOUND: there is nothing. BS_E_IO: the
 * storage's own directory is gone, or something else is where a directory was, and nobody
 * knows what had been in that.
 */
BS_NODISCARD bs_status bsi_sftp_judge_missing(bsi_sftp_link *link, const bs_call *call,
                                              bsi_slice dir);

/*
 * Make what is missing of a key's directory; whether it is there then is seen at its use.
 * `last_out`: what the server said to the last of them.
 */
BS_NODISCARD bs_status bsi_sftp_make_dirs(bsi_sftp_link *link, const bs_call *call, bsi_slice dir,
                                          bsi_sftp_answer *last_out);

/* Set a file's permission bits. */
BS_NODISCARD bs_status bsi_sftp_set_mode(bsi_sftp_link *link, const bs_call *call, const char *path,
                                         uint32_t mode, bsi_sftp_answer *answer);

/* Make what is missing of a path. */
BS_NODISCARD bs_status bsi_sftp_make_path(bsi_sftp_link *link, const bs_call *call,
                                          const char *path);

/* Remove a key's directory and those above as long as they are empty, but for the root. */
BS_NODISCARD bs_status bsi_sftp_remove_empty(bsi_sftp_link *link, const bs_call *call,
                                             bsi_slice dir, bsi_slice *left_out);

/* Ask for a handle's bytes to be made durable; where the server can. */
BS_NODISCARD bs_status bsi_sftp_ask_fsync(bsi_sftp_link *link, const bs_call *call,
                                          bsi_slice handle, bsi_sftp_answer *answer);

/*
 * Make durable what was put into a key's directory, or removed from it. Servers that
 * cannot do that for directories are taken at their word.
 */
BS_NODISCARD bs_status bsi_sftp_sync_dir(bsi_sftp_link *link, const bs_call *call, bsi_slice dir);

/* Bytes that can still be stored: BS_E_UNSUPPORTED where the server does not tell. */
BS_NODISCARD bs_status bsi_sftp_free_bytes(bsi_sftp_link *link, const bs_call *call,
                                           uint64_t *bytes_out);

/* Rename by one of OpenSSH's ways ("posix-rename@openssh.com"), or NULL for that of version 3. */
BS_NODISCARD bs_status bsi_sftp_move(bsi_sftp_link *link, const bs_call *call, const char *way,
                                     const char *from, const char *to, bsi_sftp_answer *answer);

/* All entries of a directory, as the server has sent them; BS_E_NOT_FOUND without the directory. */
BS_NODISCARD bs_status bsi_sftp_read_dir(bsi_sftp_link *link, const bs_call *call, const char *path,
                                         bsi_buf *entries);

#endif
