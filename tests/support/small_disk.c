/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "support/small_disk.h"

static bool write_text(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    (void)close(fd);
    return good;
}

/* Whoever is not root becomes nobody else, but may mount where nobody else sees it. */
static bool enter_namespaces(void)
{
    const uid_t uid = geteuid();
    const gid_t gid = getegid();
    char users[64];
    char groups[64];

    if (uid == 0) {
        return unshare(CLONE_NEWNS) == 0;
    }
    (void)snprintf(users, sizeof(users), "%u %u 1", uid, uid);
    (void)snprintf(groups, sizeof(groups), "%u %u 1", gid, gid);
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/uid_map", users) &&
           write_text("/proc/self/gid_map", groups);
}

bool test_small_disk_is_possible(void)
{
    return enter_namespaces() && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool do_mount(const char *path, size_t bytes, unsigned long flags)
{
    char options[64];

    (void)snprintf(options, sizeof(options), "size=%zu,mode=0777", bytes);
    return mount("tmpfs", path, "tmpfs", flags, options) == 0;
}

bool test_small_disk_mount(const char *path, size_t bytes)
{
    return do_mount(path, bytes, 0);
}

bool test_small_disk_resize(const char *path, size_t bytes)
{
    return do_mount(path, bytes, MS_REMOUNT);
}

bool test_small_disk_unmount(const char *path)
{
    return umount2(path, MNT_DETACH) == 0;
}
