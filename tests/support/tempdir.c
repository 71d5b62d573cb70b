/* SPDX-License-Identifier: MIT */
#include "support/tempdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "support/tree.h"

#define MEMORY "/dev/shm"

/* What the tests that run beside each other need; containers often have 64 MiB there. */
enum { ENOUGH = 1 << 30 };

int test_dir_setup(void **state)
{
    const char *parent = getenv("TMPDIR");
    test_dir *dir = calloc(1, sizeof(*dir));

    if (!dir) {
        return -1;
    }
    (void)snprintf(dir->path, sizeof(dir->path), "%s/bs-test-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(dir->path)) {
        free(dir);
        return -1;
    }
    dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = dir;
    return dir->fd >= 0 ? 0 : -1;
}

int test_dir_teardown(void **state)
{
    test_dir *dir = *state;

    tree_remove(dir->path);
    (void)close(dir->fd);
    free(dir);
    return 0;
}

void test_dir_in_memory(void)
{
    struct statvfs space;

    if (!getenv("TMPDIR") && access(MEMORY, W_OK | X_OK) == 0 && statvfs(MEMORY, &space) == 0 &&
        space.f_bavail >= ENOUGH / space.f_frsize) {
        (void)setenv("TMPDIR", MEMORY, 1);
    }
}
