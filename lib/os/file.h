/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_FILE_H
#define BSI_OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "os/time.h"

/*
 * Files by directory descriptor. Every name is one that the kernel resolves
 * relative to `dir` (BSI_CWD for the process's own), every descriptor is
 * close-on-exec, EINTR and short transfers stay inside. Failures carry layer
 * SYSTEM, the errno and the name; callers add what the file is to them.
 *
 * Thread-safety: any thread; one descriptor's position belongs to one thread.
 */
#define BSI_CWD (-100) /* AT_FDCWD */

typedef enum bsi_file_type {
    BSI_TYPE_FILE = 1,
    BSI_TYPE_DIR,
    BSI_TYPE_SYMLINK,
    BSI_TYPE_FIFO,
    BSI_TYPE_SOCKET,
    BSI_TYPE_CHAR_DEVICE,
    BSI_TYPE_BLOCK_DEVICE,
} bsi_file_type;

typedef struct bsi_stat {
    bsi_file_type type;
    uint32_t mode; /* Permission bits with setuid, setgid, sticky: 07777. */
    uint32_t uid;
    uint32_t gid;
    uint64_t size;
    uint64_t allocated; /* Bytes on disk: less than `size` in a sparse file. */
    uint64_t dev;
    uint64_t ino;
    uint64_t nlink;
    uint32_t rdev_major;
    uint32_t rdev_minor;
    bsi_time mtime;
    bsi_time ctime;
} bsi_stat;

/* How bsi_open() opens; O_CLOEXEC and O_NOCTTY always. */
enum {
    BSI_OPEN_READ = 1 << 0,
    BSI_OPEN_WRITE = 1 << 1,
    BSI_OPEN_CREATE = 1 << 2,    /* With the given mode, whatever the umask is. */
    BSI_OPEN_EXCLUSIVE = 1 << 3, /* With CREATE: fail with BS_E_EXISTS. */
    BSI_OPEN_DIR = 1 << 4,
    BSI_OPEN_NOFOLLOW = 1 << 5, /* The last component may be no symbolic link. */
    BSI_OPEN_NONBLOCK = 1 << 6, /* A FIFO that was swapped in does not hang the caller. */
    BSI_OPEN_PATH = 1 << 7,     /* O_PATH: a handle to the name, not to its content. */
    BSI_OPEN_BENEATH = 1 << 8,  /* No component of `name` is a link, "", "." or "..". */
    BSI_OPEN_NOATIME = 1 << 9,  /* Do not touch the access time, where we may ask for that. */
    BSI_OPEN_APPEND = 1 << 10,  /* Every write goes to the end, wherever that is by then. */
};
BS_NODISCARD bs_status bsi_open(int dir, const char *name, unsigned flags, uint32_t mode,
                                int *fd_out);

/* Close; an error of the device shows here. The descriptor is gone in any case. -1 is ignored. */
BS_NODISCARD bs_status bsi_close(int fd);

/* As bsi_close() for descriptors whose content no longer matters; leaves the error record alone. */
void bsi_close_quietly(int fd);

/* Up to `size` bytes from the position; fewer only at the end of the file. */
BS_NODISCARD bs_status bsi_read(int fd, void *buf, size_t size, size_t *got_out);
/* One read() call: what a pipe has now, at least one byte, or 0 at its end. */
BS_NODISCARD bs_status bsi_read_some(int fd, void *buf, size_t size, size_t *got_out);
BS_NODISCARD bs_status bsi_pread(int fd, void *buf, size_t size, uint64_t offset, size_t *got_out);
BS_NODISCARD bs_status bsi_write(int fd, const void *data, size_t size);
BS_NODISCARD bs_status bsi_pwrite(int fd, const void *data, size_t size, uint64_t offset);

/* Durable when it returns. A failure is final: the file's content must be given up. */
BS_NODISCARD bs_status bsi_sync(int fd);
/* All of the file system that `fd` lies on. */
BS_NODISCARD bs_status bsi_sync_fs(int fd);

BS_NODISCARD bs_status bsi_truncate(int fd, uint64_t size);
BS_NODISCARD bs_status bsi_seek(int fd, uint64_t offset);
/* The next stretch of data at or after `offset`: BS_END when only a hole follows. */
BS_NODISCARD bs_status bsi_next_data(int fd, uint64_t offset, uint64_t size, uint64_t *begin_out,
                                     uint64_t *end_out);
/* Tell the kernel that the file is read once from its start, or not again. Never fails. */
void bsi_advise_sequential(int fd);
/* Begin to bring written bytes to the disk, so that a later bsi_sync() finds less to do. */
void bsi_advise_written(int fd, uint64_t offset, uint64_t size);
void bsi_advise_done(int fd);

BS_NODISCARD bs_status bsi_fstat(int fd, bsi_stat *out);
/* Of the name itself; links are not followed. */
BS_NODISCARD bs_status bsi_stat_at(int dir, const char *name, bsi_stat *out);

BS_NODISCARD bs_status bsi_mkdir(int dir, const char *name, uint32_t mode);
/* Make every missing directory of a path. Existing ones are left as they are. */
BS_NODISCARD bs_status bsi_mkdir_all(int dir, const char *path, uint32_t mode);
BS_NODISCARD bs_status bsi_unlink(int dir, const char *name);
BS_NODISCARD bs_status bsi_rmdir(int dir, const char *name);
/* Replaces the new name unless `no_replace`, which fails with BS_E_EXISTS. */
BS_NODISCARD bs_status bsi_rename(int old_dir, const char *old_name, int new_dir,
                                  const char *new_name, bool no_replace);
/* A link to what the name itself is; never to what a symbolic link points at. */
BS_NODISCARD bs_status bsi_link(int old_dir, const char *old_name, int new_dir,
                                const char *new_name);
BS_NODISCARD bs_status bsi_symlink(const char *content, int dir, const char *name);
/* The link's content as allocated text, freed by the caller with bsi_free(). */
BS_NODISCARD bs_status bsi_readlink(int dir, const char *name, char **out);
/* A FIFO or device; `type` says which. */
BS_NODISCARD bs_status bsi_make_node(int dir, const char *name, bsi_file_type type, uint32_t mode,
                                     uint32_t major, uint32_t minor);

/* On a descriptor; BSI_KEEP_ID leaves an owner as it is. */
#define BSI_KEEP_ID UINT32_MAX
BS_NODISCARD bs_status bsi_fchmod(int fd, uint32_t mode);
BS_NODISCARD bs_status bsi_fchown(int fd, uint32_t uid, uint32_t gid);
BS_NODISCARD bs_status bsi_set_mtime(int fd, const bsi_time *mtime);
/* On a name, never through a symbolic link. */
BS_NODISCARD bs_status bsi_chmod_at(int dir, const char *name, uint32_t mode);
BS_NODISCARD bs_status bsi_chown_at(int dir, const char *name, uint32_t uid, uint32_t gid);
BS_NODISCARD bs_status bsi_set_mtime_at(int dir, const char *name, const bsi_time *mtime);

/*
 * Extended attributes of what `fd` refers to, which may be an O_PATH descriptor
 * (of a symbolic link, say). List: names one after the other, each with its NUL.
 * A file system without attributes gives an empty list, whose `*names_out` may be
 * NULL. BS_E_NOT_FOUND when the attribute is not set. Caller frees what comes out.
 */
BS_NODISCARD bs_status bsi_xattr_list(int fd, char **names_out, size_t *size_out);
BS_NODISCARD bs_status bsi_xattr_get(int fd, const char *name, uint8_t **value_out,
                                     size_t *size_out);
BS_NODISCARD bs_status bsi_xattr_set(int fd, const char *name, const void *value, size_t size);
BS_NODISCARD bs_status bsi_xattr_remove(int fd, const char *name);

/* One name of a directory. */
typedef struct bsi_dir_entry {
    const char *name; /* Valid until the next call. Never "." or "..". */
    uint64_t ino;
    bsi_file_type type; /* 0: the file system does not say. */
} bsi_dir_entry;
typedef struct bsi_dir bsi_dir;
/* Reads the directory behind `fd`, which stays the caller's. */
BS_NODISCARD bs_status bsi_dir_open(int fd, bsi_dir **out);
/* BS_END after the last name; unsorted. */
BS_NODISCARD bs_status bsi_dir_next(bsi_dir *dir, bsi_dir_entry *out);
void bsi_dir_close(bsi_dir *dir);

/* Space of the file system that `fd` lies on, for this user. */
BS_NODISCARD bs_status bsi_free_space(int fd, uint64_t *bytes_out, uint64_t *files_out);

/* An exclusive lock that ends with the descriptor, even when the process dies: BS_E_BUSY. */
BS_NODISCARD bs_status bsi_lock_exclusive(int fd);

/* A file without a name in `dir`, gone when it is closed. */
BS_NODISCARD bs_status bsi_temp_file(int dir, int *fd_out);

/* A pair of descriptors: bytes written to the second come out of the first. Non-blocking. */
BS_NODISCARD bs_status bsi_pipe(int fds_out[2]);

/* The absolute form of a path: the process's directory in front of a relative one. Caller frees. */
BS_NODISCARD bs_status bsi_absolute_path(const char *path, char **out);

/* Whether this process may act on files of others (effective user 0). */
bool bsi_is_privileged(void);

/* The ids that files made by this process belong to. */
uint32_t bsi_process_uid(void);
uint32_t bsi_process_gid(void);

#endif
