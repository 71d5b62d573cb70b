/* SPDX-License-Identifier: MIT */
/*
 * Random changes to a tree. Before each one the names that are there are
 * collected anew; a change that the tree does not allow is left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/test.h"
#include "support/tree.h"

enum {
    PATHS_MAX = 4096,
    LEVEL_MAX = 8, /* Deeper ones are left as they are. */
    PATH_ROOM = 3000,
    COPY_MAX = 8 * 1024 * 1024, /* A sparse file may claim any size. */
};

/* For nftw(), which passes nothing through. */
static char *paths[PATHS_MAX];
static size_t path_count;

static uint64_t state;

static uint64_t chance(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* For changes that the tree may not allow. */
static void tolerate(int result)
{
    (void)result;
}

static int collect_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    if (place->level > LEVEL_MAX) {
        return FTW_SKIP_SUBTREE;
    }
    if (place->level > 0 && path_count < PATHS_MAX && strlen(path) < PATH_ROOM / 2) {
        paths[path_count] = strdup(path);
        assert_non_null(paths[path_count++]);
    }
    return FTW_CONTINUE;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void collect(const char *top)
{
    path_count = 0;
    assert_int_equal(nftw(top, collect_one, 16, FTW_PHYS | FTW_ACTIONRETVAL), 0);
    if (path_count > 0) {
        qsort(paths, path_count, sizeof(paths[0]), compare_paths);
    }
}

static void forget(void)
{
    for (size_t i = 0; i < path_count; i++) {
        free(paths[i]);
    }
}

/* Any name of a type (S_IFMT bits; 0: of any), or NULL. */
static const char *pick(mode_t type)
{
    const size_t start = path_count > 0 ? chance(path_count) : 0;

    for (size_t i = 0; i < path_count; i++) {
        const char *path = paths[(start + i) % path_count];
        struct stat info;
        if (type == 0 || (lstat(path, &info) == 0 && (info.st_mode & S_IFMT) == type)) {
            return path;
        }
    }
    return NULL;
}

/* A name that is not there yet, in some directory. */
static void new_name(const char *top, char out[PATH_ROOM])
{
    const char *dir = chance(4) == 0 ? NULL : pick(S_IFDIR);

    (void)snprintf(out, PATH_ROOM, "%s/new %llx", dir ? dir : top,
                   (unsigned long long)chance(UINT64_MAX));
}

static void add(const char *top)
{
    char path[PATH_ROOM];

    new_name(top, path);
    if (chance(3) == 0) {
        tolerate(mkdir(path, 0750));
    } else {
        tree_write(path, chance(200000), chance(UINT64_MAX));
    }
}

/* Change bytes, not the size; now and then with the old time put back. */
static void edit(const char *top)
{
    const char *path = pick(S_IFREG);
    const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    struct stat info;

    (void)top;
    if (fd < 0) {
        return;
    }
    assert_int_equal(fstat(fd, &info), 0);
    if (info.st_size > 0) {
        const off_t at = (off_t)chance((uint64_t)info.st_size);
        unsigned char byte = 0;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= (unsigned char)(1 + chance(255));
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    if (chance(3) == 0) {
        const struct timespec times[2] = {info.st_atim, info.st_mtim};
        (void)futimens(fd, times);
    }
    (void)close(fd);
}

static void append(const char *top)
{
    const char *path = pick(S_IFREG);
    const int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

    (void)top;
    if (fd >= 0) {
        assert_int_equal(write(fd, "appended", 8), 8);
        (void)close(fd);
    }
}

static void cut(const char *top)
{
    const char *path = pick(S_IFREG);
    struct stat info;

    (void)top;
    if (path && lstat(path, &info) == 0 && info.st_size > 0) {
        tolerate(truncate(path, (off_t)chance((uint64_t)info.st_size)));
    }
}

static void delete (const char *top)
{
    const char *path = pick(0);

    (void)top;
    if (path) {
        tree_remove(path);
    }
}

static void move(const char *top)
{
    const char *path = pick(0);
    char to[PATH_ROOM];

    new_name(top, to);
    if (path) {
        tolerate(rename(path, to)); /* Not into itself. */
    }
}

/* Something else under the same name. */
static void change_type(const char *top)
{
    const char *path = pick(0);
    bool was_dir = false;
    struct stat info;

    (void)top;
    if (!path || lstat(path, &info) != 0) {
        return;
    }
    was_dir = S_ISDIR(info.st_mode);
    tree_remove(path);
    if (lstat(path, &info) == 0) {
        return;
    }
    if (was_dir) {
        tree_write(path, chance(5000), chance(UINT64_MAX));
    } else if (chance(3) == 0) {
        tolerate(symlink("changed", path));
    } else if (chance(3) == 0) {
        tolerate(mkfifo(path, 0600));
    } else if (mkdir(path, 0755) == 0) {
        char below[PATH_ROOM];
        (void)snprintf(below, sizeof(below), "%s/file", path);
        tree_write(below, chance(5000), chance(UINT64_MAX));
    }
}

static void change_mode(const char *top)
{
    const char *path = pick(chance(2) == 0 ? S_IFREG : S_IFDIR);

    (void)top;
    if (path) {
        tolerate(chmod(path, 0700 | (mode_t)chance(0100)));
    }
}

static void retarget(const char *top)
{
    const char *path = pick(S_IFLNK);
    char target[32];

    (void)top;
    (void)snprintf(target, sizeof(target), "target %u", (unsigned)chance(1000));
    if (path && unlink(path) == 0) {
        assert_int_equal(symlink(target, path), 0);
    }
}

static void add_link(const char *top)
{
    const char *path = pick(S_IFREG);
    char to[PATH_ROOM];

    new_name(top, to);
    if (path) {
        tolerate(link(path, to));
    }
}

/* Give a name a file of its own with the same bytes. */
static void break_link(const char *top)
{
    const char *path = pick(S_IFREG);
    char copy[PATH_ROOM];
    char block[2048];
    struct stat info;
    int from = -1;
    int to = -1;

    new_name(top, copy);
    from = path && lstat(path, &info) == 0 && info.st_size <= COPY_MAX
               ? open(path, O_RDONLY | O_CLOEXEC)
               : -1;
    to = from >= 0 ? open(copy, O_WRONLY | O_CREAT | O_CLOEXEC, 0644) : -1;
    for (ssize_t got = to >= 0 ? read(from, block, sizeof(block)) : 0; got > 0;
         got = read(from, block, sizeof(block))) {
        assert_int_equal(write(to, block, (size_t)got), got);
    }
    if (to >= 0) {
        (void)close(to);
        tolerate(rename(copy, path));
    }
    if (from >= 0) {
        (void)close(from);
    }
}

void tree_mutate(const char *path, uint64_t seed, size_t count)
{
    static void (*const changes[])(const char *) = {
        add,  add,         edit,        edit,     append,      cut,      delete,     move,
        move, change_type, change_mode, retarget, change_type, add_link, break_link,
    };

    state = seed * 0x9e3779b97f4a7c15U | 1;
    for (size_t i = 0; i < count; i++) {
        collect(path);
        changes[chance(sizeof(changes) / sizeof(changes[0]))](path);
        forget();
    }
}
