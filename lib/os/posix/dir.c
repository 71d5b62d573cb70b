/* SPDX-License-Identifier: MIT */
/*
 * Directory listings straight from getdents64(), in one buffer per listing.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/file.h"
#include "os/posix/posix.h"

enum { BUFFER_SIZE = 32 * 1024 };

struct bsi_dir {
    int fd;
    size_t used; /* Bytes of `buffer` that the kernel filled. */
    size_t at;   /* Where the next record begins. */
    uint64_t buffer[BUFFER_SIZE / sizeof(uint64_t)];
};

static bsi_file_type type_of(unsigned char type)
{
    switch (type) {
    case DT_REG:
        return BSI_TYPE_FILE;
    case DT_DIR:
        return BSI_TYPE_DIR;
    case DT_LNK:
        return BSI_TYPE_SYMLINK;
    case DT_FIFO:
        return BSI_TYPE_FIFO;
    case DT_SOCK:
        return BSI_TYPE_SOCKET;
    case DT_CHR:
        return BSI_TYPE_CHAR_DEVICE;
    case DT_BLK:
        return BSI_TYPE_BLOCK_DEVICE;
    default:
        return (bsi_file_type)0;
    }
}

/* A position of its own; where search permission is missing, the caller's from its start. */
static int open_again(int fd)
{
    const int flags = fcntl(fd, F_GETFL);
    const int keep_atime = flags >= 0 ? flags & O_NOATIME : 0;
    int again =
        BSI_SYSCALL(BSI_OS_OPEN, openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | keep_atime));

    if (again < 0 && errno == EACCES) {
        again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (again >= 0 && lseek(again, 0, SEEK_SET) < 0) {
            const int code = errno;
            (void)close(again);
            errno = code;
            again = -1;
        }
    }
    return again;
}

bs_status bsi_dir_open(int fd, bsi_dir **out)
{
    bsi_dir *dir = bsi_alloc(sizeof(*dir));

    if (!dir) {
        return BS_E_NOMEM;
    }
    dir->used = 0;
    dir->at = 0;
    dir->fd = open_again(fd);
    if (dir->fd < 0) {
        const int code = errno;
        bsi_free(dir);
        return bsi_fail_os(BS_LAYER_SYSTEM, code, "opening a directory");
    }
    *out = dir;
    return BS_OK;
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static bs_status fill_buffer(bsi_dir *dir)
{
    ssize_t got = 0;

    do {
        got = BSI_SYSCALL(BSI_OS_LIST, getdents64(dir->fd, dir->buffer, sizeof(dir->buffer)));
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "listing a directory");
    }
    dir->used = (size_t)got;
    dir->at = 0;
    return got == 0 ? BS_END : BS_OK;
}

/* BS_OK with the next record, dots included. */
static bs_status next_record(bsi_dir *dir, const struct dirent64 **out)
{
    const struct dirent64 *record = NULL;

    if (dir->at >= dir->used) {
        const bs_status status = fill_buffer(dir);
        if (status != BS_OK) {
            return status;
        }
    }
    record = (const void *)((const char *)dir->buffer + dir->at);
    BSI_ASSERT(record->d_reclen > 0 && record->d_reclen <= dir->used - dir->at);
    dir->at += record->d_reclen;
    *out = record;
    return BS_OK;
}

bs_status bsi_dir_next(bsi_dir *dir, bsi_dir_entry *out)
{
    const struct dirent64 *record = NULL;

    do {
        const bs_status status = next_record(dir, &record);
        if (status != BS_OK) {
            return status;
        }
    } while (is_dots(record->d_name));
    out->name = record->d_name;
    out->ino = record->d_ino;
    out->type = type_of(record->d_type);
    return BS_OK;
}

void bsi_dir_close(bsi_dir *dir)
{
    if (dir) {
        bsi_close_quietly(dir->fd);
        bsi_free(dir);
    }
}
