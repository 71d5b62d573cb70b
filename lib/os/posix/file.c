/* SPDX-License-Identifier: MIT */
/*
 * Descriptors: close, read, write, sync, space and locks.
 */
#include "os/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "os/posix/posix.h"

bs_status bsi_os_fail_name(int os_code, const char *doing, const char *name)
{
    char text[256];

    return bsi_fail_os(BS_LAYER_SYSTEM, os_code, "%s '%s'", doing,
                       bsi_printable(name, strlen(name), text, sizeof(text)));
}

const char *bsi_os_fd_path(int fd, char out[BSI_OS_FD_PATH_SIZE])
{
    (void)snprintf(out, BSI_OS_FD_PATH_SIZE, "/proc/self/fd/%d", fd);
    return out;
}

bs_status bsi_close(int fd)
{
    int code = 0;

    if (fd < 0) {
        return BS_OK;
    }
    code = bsi_fault_point(BSI_OS_CLOSE);
    if (close(fd) != 0 && code == 0) {
        code = errno;
    }
    /* Linux has given the descriptor up even when a signal came. */
    if (code != 0 && code != EINTR) {
        return bsi_fail_os(BS_LAYER_SYSTEM, code, "closing a file");
    }
    return BS_OK;
}

void bsi_close_quietly(int fd)
{
    if (fd >= 0) {
        const int saved = errno;
        (void)bsi_fault_point(BSI_OS_CLOSE);
        (void)close(fd);
        errno = saved;
    }
}

/*
 * O_NONBLOCK means nothing for most regular files, but a few file systems heed
 * it. True when `fd` is such a file and now blocks, so that the call is to be repeated.
 */
static bool can_block_instead(int fd)
{
    struct stat info;
    int flags = 0;

    if (errno != EAGAIN || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        errno = EAGAIN;
        return false;
    }
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK) == 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
        errno = EAGAIN;
        return false;
    }
    return true;
}

static bool must_repeat(int fd)
{
    return errno == EINTR || (errno == EAGAIN && can_block_instead(fd));
}

static size_t transfer_size(size_t size)
{
    return (size_t)bsi_fault_short(bsi_min_size(size, SSIZE_MAX));
}

/* At the position when `offset` is negative. */
static ssize_t read_once(int fd, void *buf, size_t size, off_t offset)
{
    ssize_t got = 0;

    do {
        got = BSI_SYSCALL(BSI_OS_READ, offset < 0 ? read(fd, buf, transfer_size(size))
                                                  : pread(fd, buf, transfer_size(size), offset));
    } while (got < 0 && must_repeat(fd));
    return got;
}

static ssize_t write_once(int fd, const void *data, size_t size, off_t offset)
{
    ssize_t done = 0;

    do {
        done =
            BSI_SYSCALL(BSI_OS_WRITE, offset < 0 ? write(fd, data, transfer_size(size))
                                                 : pwrite(fd, data, transfer_size(size), offset));
    } while (done < 0 && must_repeat(fd));
    if (done == 0 && size > 0) {
        errno = EIO;
        return -1;
    }
    return done;
}

static bool fits_off_t(uint64_t offset, size_t size)
{
    uint64_t end = 0;

    return bsi_add_u64(offset, size, &end) && end <= INT64_MAX;
}

bs_status bsi_read_some(int fd, void *buf, size_t size, size_t *got_out)
{
    const ssize_t got = read_once(fd, buf, size, -1);

    if (got < 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "reading");
    }
    *got_out = (size_t)got;
    return BS_OK;
}

bs_status bsi_read(int fd, void *buf, size_t size, size_t *got_out)
{
    uint8_t *bytes = buf;
    size_t done = 0;

    while (done < size) {
        const ssize_t got = read_once(fd, bytes + done, size - done, -1);
        if (got < 0) {
            return bsi_fail_os(BS_LAYER_SYSTEM, errno, "reading");
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *got_out = done;
    return BS_OK;
}

bs_status bsi_pread(int fd, void *buf, size_t size, uint64_t offset, size_t *got_out)
{
    uint8_t *bytes = buf;
    size_t done = 0;

    if (!fits_off_t(offset, size)) {
        return bsi_fail_os(BS_LAYER_SYSTEM, EINVAL, "reading");
    }
    while (done < size) {
        const ssize_t got = read_once(fd, bytes + done, size - done, (off_t)(offset + done));
        if (got < 0) {
            return bsi_fail_os(BS_LAYER_SYSTEM, errno, "reading");
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *got_out = done;
    return BS_OK;
}

bs_status bsi_write(int fd, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    size_t done = 0;

    while (done < size) {
        const ssize_t moved = write_once(fd, bytes + done, size - done, -1);
        if (moved < 0) {
            return bsi_fail_os(BS_LAYER_SYSTEM, errno, "writing");
        }
        done += (size_t)moved;
    }
    return BS_OK;
}

bs_status bsi_pwrite(int fd, const void *data, size_t size, uint64_t offset)
{
    const uint8_t *bytes = data;
    size_t done = 0;

    if (!fits_off_t(offset, size)) {
        return bsi_fail_os(BS_LAYER_SYSTEM, EFBIG, "writing");
    }
    while (done < size) {
        const ssize_t moved = write_once(fd, bytes + done, size - done, (off_t)(offset + done));
        if (moved < 0) {
            return bsi_fail_os(BS_LAYER_SYSTEM, errno, "writing");
        }
        done += (size_t)moved;
    }
    return BS_OK;
}

bs_status bsi_sync(int fd)
{
    int result = 0;

    do {
        result = BSI_SYSCALL(BSI_OS_SYNC, fsync(fd));
    } while (result != 0 && errno == EINTR);
    return result == 0 ? BS_OK : bsi_fail_os(BS_LAYER_SYSTEM, errno, "syncing");
}

bs_status bsi_sync_fs(int fd)
{
    if (BSI_SYSCALL(BSI_OS_SYNC, syncfs(fd)) != 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "syncing a file system");
    }
    return BS_OK;
}

bs_status bsi_truncate(int fd, uint64_t size)
{
    int result = 0;

    if (size > INT64_MAX) {
        return bsi_fail_os(BS_LAYER_SYSTEM, EFBIG, "setting the size of a file");
    }
    do {
        result = BSI_SYSCALL(BSI_OS_META, ftruncate(fd, (off_t)size));
    } while (result != 0 && errno == EINTR);
    return result == 0 ? BS_OK : bsi_fail_os(BS_LAYER_SYSTEM, errno, "setting the size of a file");
}

bs_status bsi_seek(int fd, uint64_t offset)
{
    if (offset > INT64_MAX || lseek(fd, (off_t)offset, SEEK_SET) < 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, offset > INT64_MAX ? EINVAL : errno,
                           "moving in a file");
    }
    return BS_OK;
}

bs_status bsi_next_data(int fd, uint64_t offset, uint64_t size, uint64_t *begin_out,
                        uint64_t *end_out)
{
    off_t begin = 0;
    off_t end = 0;

    if (offset >= size || size > INT64_MAX) {
        return BS_END;
    }
    begin = BSI_SYSCALL(BSI_OS_READ, lseek(fd, (off_t)offset, SEEK_DATA));
    if (begin >= 0) {
        end = BSI_SYSCALL(BSI_OS_READ, lseek(fd, begin, SEEK_HOLE));
    }
    if (begin < 0 || end < 0) {
        if (errno == ENXIO) {
            return BS_END;
        }
        if (errno != EINVAL && errno != ENOTSUP) {
            return bsi_fail_os(BS_LAYER_SYSTEM, errno, "looking for the holes of a file");
        }
        /* The file system does not tell holes from data. */
        begin = (off_t)offset;
        end = (off_t)size;
    }
    if ((uint64_t)begin >= size) {
        return BS_END;
    }
    *begin_out = (uint64_t)begin;
    *end_out = bsi_min_u64((uint64_t)end, size);
    return BS_OK;
}

void bsi_advise_sequential(int fd)
{
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

/* Without one of the WAIT flags this takes no error away from the fsync() that is to see it. */
void bsi_advise_written(int fd, uint64_t offset, uint64_t size)
{
    (void)sync_file_range(fd, (off_t)offset, (off_t)size, SYNC_FILE_RANGE_WRITE);
}

void bsi_advise_done(int fd)
{
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

bs_status bsi_free_space(int fd, uint64_t *bytes_out, uint64_t *files_out)
{
    struct statvfs info;
    uint64_t unit = 0;

    if (BSI_SYSCALL(BSI_OS_STAT, fstatvfs(fd, &info)) != 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "asking for free space");
    }
    unit = info.f_frsize != 0 ? info.f_frsize : info.f_bsize;
    *bytes_out = unit != 0 && info.f_bavail > UINT64_MAX / unit ? UINT64_MAX : info.f_bavail * unit;
    /* Some file systems keep no table of files that could fill up, and say 0 of 0. */
    *files_out = info.f_files == 0 ? UINT64_MAX : info.f_favail;
    return BS_OK;
}

bs_status bsi_lock_exclusive(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (BSI_SYSCALL(BSI_OS_LOCK, fcntl(fd, F_OFD_SETLK, &lock)) == 0) {
        return BS_OK;
    }
    if (errno == EACCES || errno == EAGAIN) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_BUSY, "locked by another process");
    }
    return bsi_fail_os(BS_LAYER_SYSTEM, errno, "locking");
}

bs_status bsi_pipe(int fds_out[2])
{
    if (BSI_SYSCALL(BSI_OS_OPEN, pipe2(fds_out, O_CLOEXEC | O_NONBLOCK)) != 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "making a pipe");
    }
    return BS_OK;
}

bs_status bsi_absolute_path(const char *path, char **out)
{
    char here[PATH_MAX];
    size_t used = 0;
    const size_t size = strlen(path);
    char *text = NULL;

    if (size == 0) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_INVALID, "an empty path");
    }
    if (path[0] != '/') {
        if (bsi_os_refused(BSI_OS_STAT) || !getcwd(here, sizeof(here))) {
            return bsi_fail_os(BS_LAYER_SYSTEM, errno == ERANGE ? ENAMETOOLONG : errno,
                               "asking for the working directory");
        }
        used = strlen(here);
        if (here[used - 1] != '/') {
            here[used] = '/';
            used++;
        }
    }
    text = bsi_alloc(used + size + 1);
    if (!text) {
        return BS_E_NOMEM;
    }
    memcpy(text, here, used);
    memcpy(text + used, path, size + 1);
    *out = text;
    return BS_OK;
}

bool bsi_is_privileged(void)
{
    return geteuid() == 0;
}

uint32_t bsi_process_uid(void)
{
    return geteuid();
}

uint32_t bsi_process_gid(void)
{
    return getegid();
}
