/* SPDX-License-Identifier: MIT */
/*
 * Names in directories: making, removing, renaming and linking them.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/file.h"
#include "os/posix/posix.h"

bs_status bsi_mkdir(int dir, const char *name, uint32_t mode)
{
    if (BSI_SYSCALL(BSI_OS_MKDIR, mkdirat(dir, name, (mode_t)(mode & 07777))) != 0) {
        return bsi_os_fail_name(errno, "making the directory", name);
    }
    return BS_OK;
}

/* `flags` as for fstatat(). */
static bool is_dir(int dir, const char *name, int flags)
{
    struct stat info;

    return fstatat(dir, name, &info, flags) == 0 && S_ISDIR(info.st_mode);
}

static bs_status ensure_dir(int dir, const char *path, uint32_t mode)
{
    int code = 0;

    if (BSI_SYSCALL(BSI_OS_MKDIR, mkdirat(dir, path, (mode_t)(mode & 07777))) == 0) {
        return BS_OK;
    }
    code = errno;
    /* Not every file system says EEXIST before it says what else is in the way. */
    if (is_dir(dir, path, 0)) {
        return BS_OK;
    }
    return bsi_os_fail_name(code, "making the directory", path);
}

bs_status bsi_mkdir_all(int dir, const char *path, uint32_t mode)
{
    char *copy = bsi_strdup(path);
    bs_status status = BS_OK;

    if (!copy) {
        return BS_E_NOMEM;
    }
    for (char *at = copy; *at != '\0' && status == BS_OK; at++) {
        if (*at == '/' && at != copy && at[-1] != '/') {
            *at = '\0';
            status = ensure_dir(dir, copy, mode);
            *at = '/';
        }
    }
    if (status == BS_OK) {
        status = ensure_dir(dir, copy, mode);
    }
    bsi_free(copy);
    return status;
}

bs_status bsi_unlink(int dir, const char *name)
{
    if (BSI_SYSCALL(BSI_OS_UNLINK, unlinkat(dir, name, 0)) != 0) {
        return bsi_os_fail_name(errno, "removing", name);
    }
    return BS_OK;
}

bs_status bsi_rmdir(int dir, const char *name)
{
    if (BSI_SYSCALL(BSI_OS_UNLINK, unlinkat(dir, name, AT_REMOVEDIR)) != 0) {
        return bsi_os_fail_name(errno, "removing the directory", name);
    }
    return BS_OK;
}

/* A link cannot replace anything; directories can have none. */
static int move_by_link(int old_dir, const char *old_name, int new_dir, const char *new_name)
{
    int code = 0;

    if (is_dir(old_dir, old_name, AT_SYMLINK_NOFOLLOW)) {
        errno = ENOTSUP;
        return -1;
    }
    if (linkat(old_dir, old_name, new_dir, new_name, 0) != 0) {
        return -1;
    }
    if (BSI_SYSCALL(BSI_OS_UNLINK, unlinkat(old_dir, old_name, 0)) == 0) {
        return 0;
    }
    code = errno;
    (void)unlinkat(new_dir, new_name, 0);
    errno = code;
    return -1;
}

bs_status bsi_rename(int old_dir, const char *old_name, int new_dir, const char *new_name,
                     bool no_replace)
{
    int result = BSI_SYSCALL(BSI_OS_RENAME, renameat2(old_dir, old_name, new_dir, new_name,
                                                      no_replace ? RENAME_NOREPLACE : 0));

    if (result != 0 && no_replace && (errno == EINVAL || errno == ENOSYS)) {
        result = move_by_link(old_dir, old_name, new_dir, new_name);
    }
    return result == 0 ? BS_OK : bsi_os_fail_name(errno, "renaming to", new_name);
}

bs_status bsi_link(int old_dir, const char *old_name, int new_dir, const char *new_name)
{
    if (BSI_SYSCALL(BSI_OS_LINK, linkat(old_dir, old_name, new_dir, new_name, 0)) != 0) {
        return bsi_os_fail_name(errno, "linking to", new_name);
    }
    return BS_OK;
}

bs_status bsi_symlink(const char *content, int dir, const char *name)
{
    if (BSI_SYSCALL(BSI_OS_LINK, symlinkat(content, dir, name)) != 0) {
        return bsi_os_fail_name(errno, "making the symbolic link", name);
    }
    return BS_OK;
}

bs_status bsi_readlink(int dir, const char *name, char **out)
{
    char content[PATH_MAX];
    const ssize_t size = BSI_SYSCALL(BSI_OS_STAT, readlinkat(dir, name, content, sizeof(content)));
    char *copy = NULL;

    if (size < 0 || (size_t)size == sizeof(content)) {
        return bsi_os_fail_name(size < 0 ? errno : ENAMETOOLONG, "reading the symbolic link", name);
    }
    copy = bsi_strndup(content, (size_t)size);
    if (!copy) {
        return BS_E_NOMEM;
    }
    *out = copy;
    return BS_OK;
}

bs_status bsi_make_node(int dir, const char *name, bsi_file_type type, uint32_t mode,
                        uint32_t major, uint32_t minor)
{
    mode_t kind = 0;

    switch (type) {
    case BSI_TYPE_FIFO:
        kind = S_IFIFO;
        break;
    case BSI_TYPE_SOCKET:
        kind = S_IFSOCK;
        break;
    case BSI_TYPE_CHAR_DEVICE:
        kind = S_IFCHR;
        break;
    case BSI_TYPE_BLOCK_DEVICE:
        kind = S_IFBLK;
        break;
    default:
        return bsi_os_fail_name(EINVAL, "making the special file", name);
    }
    if (BSI_SYSCALL(BSI_OS_LINK, mknodat(dir, name, kind | (mode_t)(mode & 07777),
                                         makedev(major, minor))) != 0) {
        return bsi_os_fail_name(errno, "making the special file", name);
    }
    return BS_OK;
}
