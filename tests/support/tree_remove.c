/* SPDX-License-Identifier: MIT */
/*
 * Removing trees of any depth: down by name, up by "..".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/test.h"
#include "support/tree.h"

/* Remove all but directories; the name of one that is left, or NULL. */
static char *empty(int fd)
{
    const int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again >= 0 ? fdopendir(again) : NULL;
    char *found = NULL;

    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (unlinkat(fd, entry->d_name, 0) != 0 && errno == EISDIR) {
            free(found);
            found = strdup(entry->d_name);
            assert_non_null(found);
        }
    }
    assert_int_equal(closedir(dir), 0);
    return found;
}

static int enter(int parent, const char *name)
{
    int fd = -1;

    assert_int_equal(fchmodat(parent, name, 0700, 0), 0);
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

void tree_remove(const char *path)
{
    char **names = NULL;
    size_t depth = 0;
    struct stat info;
    int here = -1;

    if (lstat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        (void)unlink(path);
        return;
    }
    here = enter(AT_FDCWD, path);
    for (;;) {
        char *name = empty(here);
        int next = -1;

        if (name) {
            next = enter(here, name);
            names = realloc(names, (depth + 1) * sizeof(*names));
            assert_non_null(names);
            names[depth++] = name;
        } else if (depth > 0) {
            next = openat(here, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            assert_true(next >= 0);
            if (unlinkat(next, names[--depth], AT_REMOVEDIR) != 0) {
                assert_int_not_equal(errno, EBUSY); /* A disk: it would be tried for ever. */
            }
            free(names[depth]);
        }
        (void)close(here);
        if (next < 0) {
            break;
        }
        here = next;
    }
    free(names);
    (void)rmdir(path);
}
