/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes. The calls on descriptors refuse O_PATH ones with EBADF;
 * those are reached by their name in /proc.
 */
#include <linux/limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/alloc.h"
#include "os/file.h"
#include "os/posix/posix.h"

enum {
    FIRST_SIZE = 1024, /* Enough for nearly every file. */
    TRIES = 8,         /* How often a list or value may grow under our hands. */
};

/* The list when `name` is NULL, else the value of that attribute. */
static ssize_t fetch(int fd, const char *name, void *out, size_t size)
{
    char path[BSI_OS_FD_PATH_SIZE];
    ssize_t got = name ? fgetxattr(fd, name, out, size) : flistxattr(fd, out, size);

    if (got < 0 && errno == EBADF) {
        (void)bsi_os_fd_path(fd, path);
        got = name ? getxattr(path, name, out, size) : listxattr(path, out, size);
    }
    return got;
}

static ssize_t fetch_grown(int fd, const char *name, size_t max, uint8_t **out)
{
    for (int i = 0; i < TRIES; i++) {
        const ssize_t need = fetch(fd, name, NULL, 0);
        ssize_t got = 0;
        uint8_t *bytes = NULL;

        if (need < 0 || (size_t)need > max) {
            errno = need < 0 ? errno : E2BIG;
            return -1;
        }
        bytes = bsi_alloc((size_t)need);
        if (!bytes) {
            errno = ENOMEM;
            return -1;
        }
        /* A size of 0 would ask for the size again. */
        got = need == 0 ? 0 : fetch(fd, name, bytes, (size_t)need);
        if (got >= 0) {
            *out = bytes;
            return got;
        }
        bsi_free(bytes);
        if (errno != ERANGE) {
            return -1;
        }
    }
    errno = EBUSY;
    return -1;
}

/* All of a list or value, allocated; one call where it is short. -1 with errno. */
static ssize_t fetch_all(int fd, const char *name, size_t max, uint8_t **out)
{
    uint8_t first[FIRST_SIZE];
    const ssize_t got = BSI_SYSCALL(BSI_OS_STAT, fetch(fd, name, first, sizeof(first)));

    if (got >= 0) {
        *out = bsi_memdup(first, (size_t)got);
        errno = ENOMEM;
        return *out ? got : -1;
    }
    return errno == ERANGE ? fetch_grown(fd, name, max, out) : -1;
}

bs_status bsi_xattr_list(int fd, char **names_out, size_t *size_out)
{
    uint8_t *names = NULL;
    const ssize_t size = fetch_all(fd, NULL, XATTR_LIST_MAX, &names);

    if (size < 0 && errno == E2BIG) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_LIMIT, "more extended attributes than can be listed");
    }
    if (size < 0 && errno != ENOTSUP) {
        return bsi_fail_os(BS_LAYER_SYSTEM, errno, "listing extended attributes");
    }
    if (size > 0 && names[size - 1] != '\0') {
        bsi_free(names);
        return bsi_fail_os(BS_LAYER_SYSTEM, EIO, "listing extended attributes");
    }
    *names_out = (char *)names;
    *size_out = size > 0 ? (size_t)size : 0;
    return BS_OK;
}

static bs_status fail_attribute(int code, const char *doing, const char *name)
{
    char text[XATTR_NAME_MAX + 1];

    (void)bsi_printable(name, strlen(name), text, sizeof(text));
    if (code == ENODATA) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOT_FOUND, "%s the extended attribute '%s': not set",
                        doing, text);
    }
    if (code == E2BIG || code == ERANGE) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_LIMIT, "%s the extended attribute '%s': too large",
                        doing, text);
    }
    return bsi_fail_os(BS_LAYER_SYSTEM, code, "%s the extended attribute '%s'", doing, text);
}

bs_status bsi_xattr_get(int fd, const char *name, uint8_t **value_out, size_t *size_out)
{
    uint8_t *value = NULL;
    const ssize_t size = fetch_all(fd, name, XATTR_SIZE_MAX, &value);

    if (size < 0) {
        return fail_attribute(errno, "reading", name);
    }
    *value_out = value;
    *size_out = (size_t)size;
    return BS_OK;
}

static int put(int fd, const char *name, const void *value, size_t size)
{
    char path[BSI_OS_FD_PATH_SIZE];

    if (fsetxattr(fd, name, value, size, 0) == 0) {
        return 0;
    }
    return errno == EBADF ? setxattr(bsi_os_fd_path(fd, path), name, value, size, 0) : -1;
}

bs_status bsi_xattr_set(int fd, const char *name, const void *value, size_t size)
{
    if (BSI_SYSCALL(BSI_OS_META, put(fd, name, value, size)) != 0) {
        return fail_attribute(errno, "setting", name);
    }
    return BS_OK;
}

static int take_away(int fd, const char *name)
{
    char path[BSI_OS_FD_PATH_SIZE];

    if (fremovexattr(fd, name) == 0) {
        return 0;
    }
    return errno == EBADF ? removexattr(bsi_os_fd_path(fd, path), name) : -1;
}

bs_status bsi_xattr_remove(int fd, const char *name)
{
    if (BSI_SYSCALL(BSI_OS_META, take_away(fd, name)) != 0) {
        return fail_attribute(errno, "removing", name);
    }
    return BS_OK;
}
