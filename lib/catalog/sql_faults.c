/* SPDX-License-Identifier: MIT */
/*
 * Leads SQLite's file calls past os/fault.h, so that tests reach inside of a
 * commit. fsync() is out of reach: SQLite calls it directly.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <sqlite3.h>

#include "catalog/catalog_int.h"
#include "os/fault.h"

/* 0 with nothing to do, or -1 with errno. */
static int disturb(bsi_os_op op)
{
    const int code = bsi_fault_point(op);

    if (code != 0) {
        errno = code;
        return -1;
    }
    return 0;
}

static int faulty_open(const char *path, int flags, int mode)
{
    return disturb(BSI_OS_OPEN) < 0 ? -1 : open(path, flags, mode);
}

static ssize_t faulty_read(int fd, void *buf, size_t size)
{
    return disturb(BSI_OS_READ) < 0 ? -1 : read(fd, buf, size);
}

static ssize_t faulty_pread(int fd, void *buf, size_t size, off_t offset)
{
    return disturb(BSI_OS_READ) < 0 ? -1 : pread(fd, buf, size, offset);
}

static ssize_t faulty_write(int fd, const void *data, size_t size)
{
    return disturb(BSI_OS_WRITE) < 0 ? -1 : write(fd, data, bsi_fault_short(size));
}

static ssize_t faulty_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return disturb(BSI_OS_WRITE) < 0 ? -1 : pwrite(fd, data, bsi_fault_short(size), offset);
}

static int faulty_truncate(int fd, off_t size)
{
    return disturb(BSI_OS_META) < 0 ? -1 : ftruncate(fd, size);
}

static int faulty_unlink(const char *path)
{
    return disturb(BSI_OS_UNLINK) < 0 ? -1 : unlink(path);
}

static void install(void)
{
    static const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } calls[] = {
        {"open", (sqlite3_syscall_ptr)faulty_open},
        {"read", (sqlite3_syscall_ptr)faulty_read},
        {"pread", (sqlite3_syscall_ptr)faulty_pread},
        {"pread64", (sqlite3_syscall_ptr)faulty_pread},
        {"write", (sqlite3_syscall_ptr)faulty_write},
        {"pwrite", (sqlite3_syscall_ptr)faulty_pwrite},
        {"pwrite64", (sqlite3_syscall_ptr)faulty_pwrite},
        {"ftruncate", (sqlite3_syscall_ptr)faulty_truncate},
        {"unlink", (sqlite3_syscall_ptr)faulty_unlink},
    };
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    for (size_t i = 0; vfs && i < BSI_ARRAY_SIZE(calls); i++) {
        if (vfs->xGetSystemCall(vfs, calls[i].name)) {
            (void)vfs->xSetSystemCall(vfs, calls[i].name, calls[i].call);
        }
    }
}

void bsi_sql_faults_install(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, install);
}
