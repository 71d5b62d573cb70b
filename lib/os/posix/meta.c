/* SPDX-License-Identifier: MIT */
/*
 * What a file is: type, owner, mode and times.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "os/file.h"
#include "os/posix/posix.h"

enum { STAT_BLOCK = 512 }; /* The unit of st_blocks, whatever st_blksize says. */

static bsi_file_type type_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return BSI_TYPE_DIR;
    case S_IFLNK:
        return BSI_TYPE_SYMLINK;
    case S_IFIFO:
        return BSI_TYPE_FIFO;
    case S_IFSOCK:
        return BSI_TYPE_SOCKET;
    case S_IFCHR:
        return BSI_TYPE_CHAR_DEVICE;
    case S_IFBLK:
        return BSI_TYPE_BLOCK_DEVICE;
    default:
        return BSI_TYPE_FILE;
    }
}

static bsi_time time_of(const struct timespec *time)
{
    return (bsi_time){.sec = time->tv_sec, .nsec = (int32_t)time->tv_nsec};
}

static void convert_stat(const struct stat *in, bsi_stat *out)
{
    *out = (bsi_stat){
        .type = type_of(in->st_mode),
        .mode = in->st_mode & 07777,
        .uid = in->st_uid,
        .gid = in->st_gid,
        .size = in->st_size > 0 ? (uint64_t)in->st_size : 0,
        .allocated = in->st_blocks > 0 ? (uint64_t)in->st_blocks * STAT_BLOCK : 0,
        .dev = in->st_dev,
        .ino = in->st_ino,
        .nlink = in->st_nlink,
        .rdev_major = major(in->st_rdev),
        .rdev_minor = minor(in->st_rdev),
        .mtime = time_of(&in->st_mtim),
        .ctime = time_of(&in->st_ctim),
    };
}

bs_status bsi_fstat(int fd, bsi_stat *out)
{
    struct stat info;

    if (BSI_SYSCALL(BSI_OS_STAT, fstat(fd, &info)) != 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "looking at a file");
    }
    convert_stat(&info, out);
    return BS_OK;
}

bs_status bsi_stat_at(int dir, const char *name, bsi_stat *out)
{
    struct stat info;

    if (BSI_SYSCALL(BSI_OS_STAT,
                    fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)) != 0) {
        return bsi_os_fail_name(errno, "looking at", name);
    }
    convert_stat(&info, out);
    return BS_OK;
}

/* fchmod() refuses O_PATH descriptors, /proc does not. */
static int change_mode(int fd, mode_t mode)
{
    char path[BSI_OS_FD_PATH_SIZE];

    if (fchmod(fd, mode) == 0) {
        return 0;
    }
    return errno == EBADF ? chmod(bsi_os_fd_path(fd, path), mode) : -1;
}

bs_status bsi_fchmod(int fd, uint32_t mode)
{
    if (BSI_SYSCALL(BSI_OS_META, change_mode(fd, (mode_t)(mode & 07777))) != 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "setting a mode");
    }
    return BS_OK;
}

bs_status bsi_fchown(int fd, uint32_t uid, uint32_t gid)
{
    if (BSI_SYSCALL(BSI_OS_META, fchownat(fd, "", uid, gid, AT_EMPTY_PATH)) != 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "setting an owner");
    }
    return BS_OK;
}

static void fill_times(struct timespec out[2], const bsi_time *mtime)
{
    out[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
    out[1] = (struct timespec){.tv_sec = mtime->sec, .tv_nsec = mtime->nsec};
}

static int change_times(int fd, const struct timespec times[2])
{
    char path[BSI_OS_FD_PATH_SIZE];

    if (futimens(fd, times) == 0) {
        return 0;
    }
    return errno == EBADF ? utimensat(AT_FDCWD, bsi_os_fd_path(fd, path), times, 0) : -1;
}

bs_status bsi_set_mtime(int fd, const bsi_time *mtime)
{
    struct timespec times[2];

    fill_times(times, mtime);
    if (BSI_SYSCALL(BSI_OS_META, change_times(fd, times)) != 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "setting a modification time");
    }
    return BS_OK;
}

bs_status bsi_chmod_at(int dir, const char *name, uint32_t mode)
{
    const int fd = BSI_SYSCALL(BSI_OS_META, openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat info;
    int code = 0;

    if (fd < 0) {
        return bsi_os_fail_name(errno, "setting the mode of", name);
    }
    if (fstat(fd, &info) != 0) {
        code = errno;
    } else if (S_ISLNK(info.st_mode)) {
        code = ENOTSUP;
    } else if (change_mode(fd, (mode_t)(mode & 07777)) != 0) {
        code = errno;
    }
    bsi_close_quietly(fd);
    return code == 0 ? BS_OK : bsi_os_fail_name(code, "setting the mode of", name);
}

bs_status bsi_chown_at(int dir, const char *name, uint32_t uid, uint32_t gid)
{
    if (BSI_SYSCALL(BSI_OS_META, fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW)) != 0) {
        return bsi_os_fail_name(errno, "setting the owner of", name);
    }
    return BS_OK;
}

bs_status bsi_set_mtime_at(int dir, const char *name, const bsi_time *mtime)
{
    struct timespec times[2];

    fill_times(times, mtime);
    if (BSI_SYSCALL(BSI_OS_META, utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW)) != 0) {
        return bsi_os_fail_name(errno, "setting the modification time of", name);
    }
    return BS_OK;
}
