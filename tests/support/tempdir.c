/* SPDX-License-Identifier: MIT */
#include "support/tempdir.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

int test_dir_teardown(void **state)
{
    test_dir *dir = *state;
    const int result = nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);

    (void)close(dir->fd);
    free(dir);
    return result;
}

void test_dir_in_memory(void)
{
    if (!getenv("TMPDIR") && access("/dev/shm", W_OK | X_OK) == 0) {
        (void)setenv("TMPDIR", "/dev/shm", 1);
    }
}
