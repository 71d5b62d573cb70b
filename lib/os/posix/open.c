/* SPDX-License-Identifier: MIT */
/*
 * Opening files. The kernel keeps a name beneath its directory where it has
 * openat2(); elsewhere the name is walked component by component.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/file.h"
#include "os/posix/open.h"
#include "os/posix/posix.h"
#include "os/random.h"

enum {
    RACE_TRIES = 32,  /* openat2() gives EAGAIN when a rename disturbed the lookup. */
    CREATE_TRIES = 8, /* A name that comes and goes between two calls. */
    TEMP_TRIES = 16,
    COMPONENT_MAX = 255,
};

#ifdef BSI_TESTING
#include <stdatomic.h>

static atomic_bool no_openat2;

void bsi_os_force_no_openat2(bool force)
{
    atomic_store(&no_openat2, force);
}

static bool has_openat2(void)
{
    return !atomic_load(&no_openat2);
}
#else
static bool has_openat2(void)
{
    return true;
}
#endif

/* What one attempt to open needs. */
typedef struct open_request {
    int dir;
    const char *name;
    int flags;
    mode_t mode;
    bool beneath;
} open_request;

static int plain_open(int dir, const char *name, int flags, mode_t mode)
{
    int fd = -1;

    do {
        fd = BSI_SYSCALL(BSI_OS_OPEN, openat(dir, name, flags, mode));
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static int kernel_open_beneath(const open_request *request)
{
    struct open_how how = {
        .flags = (unsigned)request->flags,
        .mode = (request->flags & O_CREAT) != 0 ? request->mode : 0U,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd = -1;

    if (!has_openat2()) {
        errno = ENOSYS;
        return -1;
    }
    for (int i = 0; i < RACE_TRIES; i++) {
        fd = BSI_SYSCALL(BSI_OS_OPEN,
                         syscall(SYS_openat2, request->dir, request->name, &how, sizeof(how)));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) {
            break;
        }
    }
    return (int)fd;
}

/* The length of the component that `at` begins with; 0 when no name may hold it. */
static size_t component_length(const char *at)
{
    const size_t length = strcspn(at, "/");

    if (length > COMPONENT_MAX || (length == 1 && at[0] == '.') ||
        (length == 2 && at[0] == '.' && at[1] == '.')) {
        return 0;
    }
    return length;
}

/* 0, or the errno for a name that is absolute or has a component "", "." or "..". */
static int check_beneath(const char *name)
{
    const char *at = name;

    for (;;) {
        const size_t length = component_length(at);
        if (length == 0) {
            return strcspn(at, "/") > COMPONENT_MAX ? ENAMETOOLONG : EINVAL;
        }
        if (at[length] == '\0') {
            return 0;
        }
        at += length + 1;
    }
}

static bool is_symlink(int dir, const char *name)
{
    struct stat info;

    return fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
}

/* O_NOFOLLOW calls a link "no directory" or gives a handle to it; openat2() says ELOOP. */
static int open_component(int dir, const char *name, int flags, mode_t mode, bool link_allowed)
{
    int fd = plain_open(dir, name, flags | O_NOFOLLOW, mode);
    struct stat info;

    if (fd < 0 && errno == ENOTDIR) {
        errno = is_symlink(dir, name) ? ELOOP : ENOTDIR;
    }
    if (fd >= 0 && (flags & O_PATH) != 0 && !link_allowed && fstat(fd, &info) == 0 &&
        S_ISLNK(info.st_mode)) {
        (void)close(fd);
        errno = ELOOP;
        fd = -1;
    }
    return fd;
}

static int walk_beneath(const open_request *request)
{
    char part[COMPONENT_MAX + 1];
    const char *at = request->name;
    int here = request->dir;
    int fd = -1;

    for (;;) {
        const size_t length = component_length(at);
        const bool is_last = at[length] == '\0';

        memcpy(part, at, length);
        part[length] = '\0';
        if (is_last) {
            fd = open_component(here, part, request->flags, request->mode,
                                (request->flags & O_NOFOLLOW) != 0);
        } else {
            fd = open_component(here, part, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, false);
        }
        if (here != request->dir) {
            bsi_close_quietly(here);
        }
        if (fd < 0 || is_last) {
            return fd;
        }
        here = fd;
        at += length + 1;
    }
}

static int open_request_once(const open_request *request)
{
    int fd = -1;

    if (!request->beneath) {
        return plain_open(request->dir, request->name, request->flags, request->mode);
    }
    fd = kernel_open_beneath(request);
    /* EPERM: the system call filter of a container that does not know openat2(). */
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
        fd = walk_beneath(request);
    }
    return fd;
}

/* Only the owner and the superuser may leave the access time alone. */
static int open_tolerant(const open_request *request)
{
    open_request plain = *request;
    const int fd = open_request_once(request);

    if (fd >= 0 || errno != EPERM || (request->flags & O_NOATIME) == 0) {
        return fd;
    }
    plain.flags &= ~O_NOATIME;
    return open_request_once(&plain);
}

/*
 * Give a file that we have just made its mode. Whatever the umask left is part
 * of it, so a file system that keeps no modes is no danger and no error.
 */
static int settle_mode(const open_request *request, int fd)
{
    if (BSI_SYSCALL(BSI_OS_META, fchmod(fd, request->mode)) == 0 || errno == EPERM ||
        errno == ENOTSUP || errno == ENOSYS) {
        return fd;
    }
    const int code = errno;
    bsi_close_quietly(fd);
    if (!strchr(request->name, '/')) {
        (void)unlinkat(request->dir, request->name, 0);
    }
    errno = code;
    return -1;
}

/* Tells a new file from one that was there, which keeps its mode. */
static int open_creating(const open_request *request, bool exclusive)
{
    open_request made = *request;
    int fd = -1;

    made.flags |= O_CREAT | O_EXCL;
    for (int i = 0; i < CREATE_TRIES; i++) {
        fd = open_tolerant(&made);
        if (fd >= 0) {
            return settle_mode(request, fd);
        }
        if (errno != EEXIST || exclusive) {
            return -1;
        }
        fd = open_tolerant(request);
        if (fd >= 0 || errno != ENOENT) {
            return fd;
        }
    }
    return -1;
}

static int system_flags(unsigned flags)
{
    int out = O_CLOEXEC;

    out |= (flags & BSI_OPEN_DIR) != 0 ? O_DIRECTORY : 0;
    out |= (flags & BSI_OPEN_NOFOLLOW) != 0 ? O_NOFOLLOW : 0;
    if ((flags & BSI_OPEN_PATH) != 0) {
        return out | O_PATH; /* openat2() takes nothing else with it. */
    }
    out |= O_NOCTTY;
    out |= (flags & BSI_OPEN_NONBLOCK) != 0 ? O_NONBLOCK : 0;
    out |= (flags & BSI_OPEN_NOATIME) != 0 ? O_NOATIME : 0;
    out |= (flags & BSI_OPEN_APPEND) != 0 ? O_APPEND : 0;
    if ((flags & BSI_OPEN_WRITE) != 0) {
        out |= (flags & BSI_OPEN_READ) != 0 ? O_RDWR : O_WRONLY;
    }
    return out;
}

bs_status bsi_open(int dir, const char *name, unsigned flags, uint32_t mode, int *fd_out)
{
    const open_request request = {
        .dir = dir,
        .name = name,
        .flags = system_flags(flags),
        .mode = (mode_t)(mode & 07777),
        .beneath = (flags & BSI_OPEN_BENEATH) != 0,
    };
    int fd = -1;

    BSI_ASSERT((flags & BSI_OPEN_CREATE) == 0 || (flags & BSI_OPEN_PATH) == 0);
    if (request.beneath) {
        const int code = check_beneath(name);
        if (code != 0) {
            return bsi_os_fail_name(code, "opening", name);
        }
    }
    if ((flags & BSI_OPEN_CREATE) != 0) {
        fd = open_creating(&request, (flags & BSI_OPEN_EXCLUSIVE) != 0);
    } else {
        fd = open_tolerant(&request);
    }
    if (fd < 0) {
        return bsi_os_fail_name(errno, "opening", name);
    }
    *fd_out = fd;
    return BS_OK;
}

static bs_status random_name(char *out, size_t size)
{
    uint64_t chance[2] = {0};

    BSI_TRY(bsi_random(chance, sizeof(chance)));
    (void)snprintf(out, size, ".tmp-%016" PRIx64 "%016" PRIx64, chance[0], chance[1]);
    return BS_OK;
}

/* For file systems without O_TMPFILE. */
static bs_status temp_file_by_name(int dir, int *fd_out)
{
    char name[48];
    int fd = -1;
    int code = EEXIST;

    for (int i = 0; i < TEMP_TRIES && fd < 0 && code == EEXIST; i++) {
        const bs_status status = random_name(name, sizeof(name));
        if (status < 0) {
            return status;
        }
        fd = plain_open(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        code = fd < 0 ? errno : 0;
    }
    if (fd >= 0 && BSI_SYSCALL(BSI_OS_UNLINK, unlinkat(dir, name, 0)) != 0) {
        code = errno;
        bsi_close_quietly(fd);
        (void)unlinkat(dir, name, 0);
    }
    if (code != 0) {
        return bsi_fail_os(BS_LAYER_SYSTEM, code, "making a temporary file");
    }
    *fd_out = fd;
    return BS_OK;
}

bs_status bsi_temp_file(int dir, int *fd_out)
{
    const int fd = plain_open(dir, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        *fd_out = fd;
        return BS_OK;
    }
    if (errno != ENOTSUP && errno != EISDIR && errno != EINVAL && errno != ENOENT) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "making a temporary file");
    }
    return temp_file_by_name(dir, fd_out);
}
