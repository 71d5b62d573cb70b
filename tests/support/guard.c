/* SPDX-License-Identifier: MIT */
#include "support/guard.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "support/test.h"
#include "support/tree.h"

enum { PATH_ROOM = 1200 };

/* For nftw(), which passes nothing through. */
static FILE *out;
static size_t top_size;

static void join(const char *path, const char *name, char joined[PATH_ROOM])
{
    (void)snprintf(joined, PATH_ROOM, "%s/%s", path, name);
}

void guard_build(const char *path)
{
    static const char *const dirs[] = {"", "in", "in/target", "in/beside", "outside"};
    static const char *const files[] = {"secret", "in/beside/file", "outside/secret", "outside/x",
                                        "in/a"};
    char name[PATH_ROOM];

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        join(path, dirs[i], name);
        assert_int_equal(mkdir(name, 0755), 0);
        assert_int_equal(chmod(name, 0755), 0);
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        join(path, files[i], name);
        tree_write(name, 100 + i, i);
        (void)setxattr(name, "trusted.guard", "guard", 5, 0);
    }
    join(path, "in/program", name);
    tree_write(name, 50, 9);
    assert_int_equal(chmod(name, 04755), 0);
    join(path, "in/link", name);
    assert_int_equal(symlink("../secret", name), 0);
    /* What even an ordinary user could change. */
    join(path, "in/beside/open", name);
    tree_write(name, 60, 10);
    assert_int_equal(chmod(name, 0666), 0);
    join(path, "in/beside", name);
    assert_int_equal(chmod(name, 0777), 0);
    join(path, "outside", name);
    assert_int_equal(chmod(name, 0777), 0);
}

static unsigned long long hash_file(const char *path)
{
    unsigned long long hash = 0xcbf29ce484222325U;
    unsigned char block[512];
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = 0;

    assert_true(fd >= 0);
    while ((got = read(fd, block, sizeof(block))) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            hash = (hash ^ block[i]) * 0x100000001b3U;
        }
    }
    (void)close(fd);
    return hash;
}

static int look(const char *path, const struct stat *info, int type, struct FTW *place)
{
    char text[512] = "";
    ssize_t size = 0;

    (void)type;
    (void)place;
    if (strcmp(path + top_size, "/in/target") == 0) {
        return FTW_SKIP_SUBTREE;
    }
    (void)fprintf(out, "%s ino %llu mode %o owner %u:%u links %lu size %lld", path + top_size,
                  (unsigned long long)info->st_ino, (unsigned)info->st_mode, (unsigned)info->st_uid,
                  (unsigned)info->st_gid, (unsigned long)info->st_nlink, (long long)info->st_size);
    (void)fprintf(out, " mtime %lld.%09ld ctime %lld.%09ld", (long long)info->st_mtim.tv_sec,
                  info->st_mtim.tv_nsec, (long long)info->st_ctim.tv_sec, info->st_ctim.tv_nsec);
    if (S_ISREG(info->st_mode)) {
        (void)fprintf(out, " content %llx", hash_file(path));
    }
    if (S_ISLNK(info->st_mode)) {
        size = readlink(path, text, sizeof(text));
        (void)fprintf(out, " to %.*s", (int)size, text);
    }
    size = llistxattr(path, text, sizeof(text));
    for (ssize_t at = 0; at < size; at += (ssize_t)strlen(text + at) + 1) {
        char value[256] = "";
        const ssize_t got = lgetxattr(path, text + at, value, sizeof(value));
        (void)fprintf(out, " %s=%.*s", text + at, got > 0 ? (int)got : 0, value);
    }
    (void)fputc('\n', out);
    return FTW_CONTINUE;
}

char *guard_snapshot(const char *path)
{
    char *text = NULL;
    size_t size = 0;

    out = open_memstream(&text, &size);
    assert_non_null(out);
    top_size = strlen(path);
    assert_int_equal(nftw(path, look, 16, FTW_PHYS | FTW_ACTIONRETVAL), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

void guard_check(const char *path, const char *snapshot)
{
    char *now = guard_snapshot(path);

    if (strcmp(now, snapshot) != 0) {
        print_error("before:\n%s\nafter:\n%s\n", snapshot, now);
    }
    assert_string_equal(now, snapshot);
    free(now);
}
