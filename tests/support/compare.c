/* SPDX-License-Identifier: MIT */
/*
 * Both trees are walked side by side, each with one descriptor that goes down
 * by name and up by "..", so that neither depth nor path length matters.
 */
#include "support/compare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "support/test.h"

enum {
    BLOCK = 4096,
    CHUNK = 64 * 1024,
    ALLOCATION_SLACK = 64 * 1024,
    PRINT_MAX = 100,
};

typedef struct names {
    char **items;
    size_t count;
} names;

/* One pair of directories on the way. */
typedef struct level {
    names a;
    names b;
    size_t next_a;
    size_t next_b;
    size_t path_size;
} level;

/* Which inode of one tree stands for which of the other. */
typedef struct link_pair {
    dev_t dev;
    ino_t ino;
    ino_t other;
} link_pair;

typedef struct comparison {
    unsigned flags;
    unsigned differences;
    bool print;
    int dir_a;
    int dir_b;
    char *path;
    size_t path_size;
    level *levels;
    size_t level_count;
    void *links_a; /* Trees of link_pair, by the inode of each side. */
    void *links_b;
} comparison;

/* What stands in both trees under the same name. */
typedef struct pair {
    const char *name;
    struct stat a;
    struct stat b;
} pair;

static void differ(comparison *c, const char *what)
{
    c->differences++;
    if (!c->print || c->differences > PRINT_MAX) {
        return;
    }
    print_error("'");
    for (size_t i = 0; i < c->path_size; i++) {
        const unsigned char byte = (unsigned char)c->path[i];
        if (byte < 0x20 || byte >= 0x7f || byte == '\\') {
            print_error("\\x%02x", byte);
        } else {
            print_error("%c", byte);
        }
    }
    print_error("': %s\n", what);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static names list(int dir)
{
    const int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    names out = {0};
    DIR *stream = NULL;

    assert_true(fd >= 0);
    stream = fdopendir(fd);
    assert_non_null(stream);
    for (const struct dirent *entry = readdir(stream); entry; entry = readdir(stream)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            if ((out.count & (out.count - 1)) == 0) {
                out.items = realloc(out.items, (out.count * 2 + 1) * sizeof(*out.items));
                assert_non_null(out.items);
            }
            out.items[out.count] = strdup(entry->d_name);
            assert_non_null(out.items[out.count++]);
        }
    }
    assert_int_equal(closedir(stream), 0);
    if (out.count > 1) {
        qsort(out.items, out.count, sizeof(*out.items), compare_strings);
    }
    return out;
}

static void free_names(names *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
}

static int64_t as_ns(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static bool same_time(const comparison *c, const pair *p)
{
    int64_t apart = 0;

    if ((c->flags & COMPARE_NO_TIMES) ||
        ((c->flags & COMPARE_NO_DIR_TIMES) && S_ISDIR(p->a.st_mode)) ||
        ((c->flags & COMPARE_NO_LINK_TIMES) && S_ISLNK(p->a.st_mode))) {
        return true;
    }
    if (c->flags & COMPARE_WHOLE_SECONDS) {
        return p->a.st_mtim.tv_sec == p->b.st_mtim.tv_sec;
    }
    apart = as_ns(&p->a.st_mtim) - as_ns(&p->b.st_mtim);
    return apart == 0 ||
           ((c->flags & COMPARE_TWO_SECONDS) && apart <= 2000000000 && apart >= -2000000000);
}

static void compare_stat(comparison *c, const pair *p)
{
    char text[160];

    if (!S_ISLNK(p->a.st_mode) && !(c->flags & COMPARE_NO_MODE) &&
        (p->a.st_mode & 07777) != (p->b.st_mode & 07777)) {
        (void)snprintf(text, sizeof(text), "mode %04o became %04o", p->a.st_mode & 07777,
                       p->b.st_mode & 07777);
        differ(c, text);
    }
    if (!(c->flags & COMPARE_NO_OWNER) &&
        (p->a.st_uid != p->b.st_uid || p->a.st_gid != p->b.st_gid)) {
        (void)snprintf(text, sizeof(text), "owner %u:%u became %u:%u", p->a.st_uid, p->a.st_gid,
                       p->b.st_uid, p->b.st_gid);
        differ(c, text);
    }
    if (!same_time(c, p)) {
        (void)snprintf(text, sizeof(text), "time %lld.%09ld became %lld.%09ld",
                       (long long)p->a.st_mtim.tv_sec, p->a.st_mtim.tv_nsec,
                       (long long)p->b.st_mtim.tv_sec, p->b.st_mtim.tv_nsec);
        differ(c, text);
    }
    if ((S_ISCHR(p->a.st_mode) || S_ISBLK(p->a.st_mode)) && p->a.st_rdev != p->b.st_rdev) {
        differ(c, "device number differs");
    }
}

static char *read_link(int dir, const char *name, size_t *size)
{
    size_t room = 256;
    char *text = NULL;
    ssize_t got = 0;

    do {
        room *= 2;
        text = realloc(text, room);
        assert_non_null(text);
        got = readlinkat(dir, name, text, room);
        assert_true(got >= 0);
    } while ((size_t)got == room);
    *size = (size_t)got;
    return text;
}

static void compare_link(comparison *c, const pair *p)
{
    size_t size_a = 0;
    size_t size_b = 0;
    char *a = read_link(c->dir_a, p->name, &size_a);
    char *b = read_link(c->dir_b, p->name, &size_b);

    if (size_a != size_b || memcmp(a, b, size_a) != 0) {
        differ(c, "link target differs");
    }
    free(a);
    free(b);
}

static int open_file(int dir, const char *name)
{
    const int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* The next stretch of data in either file; holes in both need no reading. */
static off_t next_data(int a, int b, off_t at, off_t size)
{
    const off_t in_a = lseek(a, at, SEEK_DATA);
    const off_t in_b = lseek(b, at, SEEK_DATA);
    const off_t next_a = in_a < 0 ? size : in_a;
    const off_t next_b = in_b < 0 ? size : in_b;

    return next_a < next_b ? next_a : next_b;
}

static bool same_content(int a, int b, off_t size)
{
    static char buf_a[CHUNK];
    static char buf_b[CHUNK];
    off_t at = next_data(a, b, 0, size);

    while (at < size) {
        const size_t want = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        const ssize_t got_a = pread(a, buf_a, want, at);
        const ssize_t got_b = pread(b, buf_b, want, at);

        if (got_a <= 0 || got_a != got_b || memcmp(buf_a, buf_b, (size_t)got_a) != 0) {
            return false;
        }
        at = next_data(a, b, at + got_a, size);
    }
    return true;
}

/* Every block that is all hole in the original is one in the copy. */
static bool keeps_holes(int a, int b, off_t size)
{
    off_t data = 0;

    for (off_t hole = lseek(a, 0, SEEK_HOLE); hole >= 0 && hole < size;
         hole = lseek(a, data, SEEK_HOLE)) {
        const off_t first = (hole + BLOCK - 1) / BLOCK * BLOCK;
        off_t end = 0;
        off_t found = 0;

        data = lseek(a, hole, SEEK_DATA);
        end = (data < 0 ? size : data) / BLOCK * BLOCK;
        found = first < end ? lseek(b, first, SEEK_DATA) : -1;
        if (found >= 0 && found < end) {
            return false;
        }
        if (data < 0) {
            return true;
        }
    }
    return true;
}

static void compare_file(comparison *c, const pair *p)
{
    int a = -1;
    int b = -1;

    if (p->a.st_size != p->b.st_size) {
        char text[96];
        (void)snprintf(text, sizeof(text), "size %lld became %lld", (long long)p->a.st_size,
                       (long long)p->b.st_size);
        differ(c, text);
        return;
    }
    a = open_file(c->dir_a, p->name);
    b = open_file(c->dir_b, p->name);
    if (!same_content(a, b, p->a.st_size)) {
        differ(c, "content differs");
    }
    if (!(c->flags & COMPARE_NO_HOLES)) {
        if (!keeps_holes(a, b, p->a.st_size)) {
            differ(c, "a hole was filled");
        }
        if (p->b.st_blocks * 512 > p->a.st_blocks * 512 + ALLOCATION_SLACK) {
            differ(c, "takes more room on the disk");
        }
    }
    (void)close(a);
    (void)close(b);
}

static const char *proc_path(int dir, const char *name, char *out, size_t size)
{
    (void)snprintf(out, size, "/proc/self/fd/%d/%s", dir, name);
    return out;
}

static names list_xattrs(int dir, const char *name)
{
    char path[320];
    names out = {0};
    ssize_t size = llistxattr(proc_path(dir, name, path, sizeof(path)), NULL, 0);
    char *text = size > 0 ? malloc((size_t)size) : NULL;

    if (!text) {
        return out;
    }
    size = llistxattr(path, text, (size_t)size);
    assert_true(size >= 0);
    out.items = calloc((size_t)size, sizeof(*out.items));
    assert_non_null(out.items);
    for (const char *at = text; at < text + size; at += strlen(at) + 1) {
        if (strcmp(at, "security.selinux") != 0) {
            out.items[out.count++] = strdup(at);
        }
    }
    free(text);
    qsort(out.items, out.count, sizeof(*out.items), compare_strings);
    return out;
}

static char *get_xattr(int dir, const char *name, const char *key, ssize_t *size)
{
    enum { VALUE_MAX = 64 * 1024 };
    char path[320];
    char *value = malloc(VALUE_MAX);

    assert_non_null(value);
    *size = lgetxattr(proc_path(dir, name, path, sizeof(path)), key, value, VALUE_MAX);
    return value;
}

static void compare_xattrs(comparison *c, const pair *p)
{
    names a = list_xattrs(c->dir_a, p->name);
    names b = list_xattrs(c->dir_b, p->name);
    bool same = a.count == b.count;

    for (size_t i = 0; same && i < a.count; i++) {
        ssize_t size_a = 0;
        ssize_t size_b = 0;
        char *value_a = get_xattr(c->dir_a, p->name, a.items[i], &size_a);
        char *value_b = get_xattr(c->dir_b, p->name, a.items[i], &size_b);

        same = strcmp(a.items[i], b.items[i]) == 0 && size_a == size_b &&
               (size_a <= 0 || memcmp(value_a, value_b, (size_t)size_a) == 0);
        free(value_a);
        free(value_b);
    }
    if (!same) {
        differ(c, "attributes differ");
    }
    free_names(&a);
    free_names(&b);
}

static int compare_pairs(const void *a, const void *b)
{
    const link_pair *left = a;
    const link_pair *right = b;

    if (left->dev != right->dev) {
        return left->dev < right->dev ? -1 : 1;
    }
    if (left->ino != right->ino) {
        return left->ino < right->ino ? -1 : 1;
    }
    return 0;
}

/* Whether an inode has stood for the same one of the other tree each time. */
static bool stands_for(void **links, const struct stat *one, ino_t other)
{
    link_pair *fresh = malloc(sizeof(*fresh));
    void *found = NULL;
    bool same = true;

    assert_non_null(fresh);
    *fresh = (link_pair){one->st_dev, one->st_ino, other};
    found = tsearch(fresh, links, compare_pairs);
    assert_non_null(found);
    if (*(link_pair **)found != fresh) {
        same = (*(link_pair **)found)->other == other;
        free(fresh);
    }
    return same;
}

static void compare_hard_links(comparison *c, const pair *p)
{
    if (S_ISDIR(p->a.st_mode) || (p->a.st_nlink == 1 && p->b.st_nlink == 1)) {
        return;
    }
    if (!stands_for(&c->links_a, &p->a, p->b.st_ino)) {
        differ(c, "is no hard link of its group any more");
    }
    if (!stands_for(&c->links_b, &p->b, p->a.st_ino)) {
        differ(c, "became a hard link of something else");
    }
}

static void compare_pair(comparison *c, const pair *p)
{
    if ((p->a.st_mode & S_IFMT) != (p->b.st_mode & S_IFMT)) {
        differ(c, "type differs");
        return;
    }
    compare_stat(c, p);
    if (S_ISREG(p->a.st_mode)) {
        compare_file(c, p);
    } else if (S_ISLNK(p->a.st_mode)) {
        compare_link(c, p);
    }
    if (!(c->flags & COMPARE_NO_XATTRS)) {
        compare_xattrs(c, p);
    }
    if (!(c->flags & COMPARE_NO_HARD_LINKS)) {
        compare_hard_links(c, p);
    }
}

static void set_path(comparison *c, size_t dir_size, const char *name)
{
    const size_t size = strlen(name);

    c->path = realloc(c->path, dir_size + size + 2);
    assert_non_null(c->path);
    c->path_size = dir_size;
    if (dir_size > 0) {
        c->path[c->path_size++] = '/';
    }
    memcpy(c->path + c->path_size, name, size);
    c->path_size += size;
}

static void push(comparison *c)
{
    c->levels = realloc(c->levels, (c->level_count + 1) * sizeof(*c->levels));
    assert_non_null(c->levels);
    c->levels[c->level_count++] = (level){
        .a = list(c->dir_a),
        .b = list(c->dir_b),
        .path_size = c->path_size,
    };
}

static void move_to(int *dir, const char *name)
{
    const int fd = openat(*dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    assert_true(fd >= 0);
    (void)close(*dir);
    *dir = fd;
}

static void pop(comparison *c)
{
    level *top = &c->levels[--c->level_count];

    free_names(&top->a);
    free_names(&top->b);
    if (c->level_count > 0) {
        move_to(&c->dir_a, "..");
        move_to(&c->dir_b, "..");
    }
}

static void one_side_only(comparison *c, const char *name, bool in_copy)
{
    struct stat info;

    set_path(c, c->levels[c->level_count - 1].path_size, name);
    if (in_copy) {
        if (!(c->flags & COMPARE_EXTRA_ALLOWED)) {
            differ(c, "is only in the copy");
        }
        return;
    }
    assert_int_equal(fstatat(c->dir_a, name, &info, AT_SYMLINK_NOFOLLOW), 0);
    if ((c->flags & COMPARE_NO_SOCKETS) && S_ISSOCK(info.st_mode)) {
        return;
    }
    if ((c->flags & COMPARE_NO_SPECIAL) && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode) &&
        !S_ISLNK(info.st_mode)) {
        return;
    }
    differ(c, "is missing in the copy");
}

static void both_sides(comparison *c, const char *name)
{
    pair p = {.name = name};

    set_path(c, c->levels[c->level_count - 1].path_size, name);
    assert_int_equal(fstatat(c->dir_a, name, &p.a, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(fstatat(c->dir_b, name, &p.b, AT_SYMLINK_NOFOLLOW), 0);
    compare_pair(c, &p);
    if (S_ISDIR(p.a.st_mode) && S_ISDIR(p.b.st_mode)) {
        move_to(&c->dir_a, name);
        move_to(&c->dir_b, name);
        push(c);
    }
}

/* The next name of the top level, on whichever side it stands. */
static void step(comparison *c)
{
    level *top = &c->levels[c->level_count - 1];
    const char *a = top->next_a < top->a.count ? top->a.items[top->next_a] : NULL;
    const char *b = top->next_b < top->b.count ? top->b.items[top->next_b] : NULL;
    const int order = !a ? 1 : !b ? -1 : strcmp(a, b);

    if (!a && !b) {
        pop(c);
    } else if (order < 0) {
        top->next_a++;
        one_side_only(c, a, false);
    } else if (order > 0) {
        top->next_b++;
        one_side_only(c, b, true);
    } else {
        top->next_a++;
        top->next_b++;
        both_sides(c, a);
    }
}

static unsigned run(const char *original, const char *copy, unsigned flags, bool print)
{
    comparison c = {.flags = flags, .print = print};

    c.dir_a = open(original, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    c.dir_b = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(c.dir_a >= 0);
    assert_true(c.dir_b >= 0);
    if (!(flags & COMPARE_NO_TOP)) {
        pair top = {.name = "."};
        assert_int_equal(fstat(c.dir_a, &top.a), 0);
        assert_int_equal(fstat(c.dir_b, &top.b), 0);
        compare_pair(&c, &top);
    }
    push(&c);
    while (c.level_count > 0) {
        step(&c);
    }
    (void)close(c.dir_a);
    (void)close(c.dir_b);
    tdestroy(c.links_a, free);
    tdestroy(c.links_b, free);
    free(c.levels);
    free(c.path);
    return c.differences;
}

bool compare_trees(const char *original, const char *copy, unsigned flags)
{
    return run(original, copy, flags, true) == 0;
}

unsigned compare_count(const char *original, const char *copy, unsigned flags)
{
    return run(original, copy, flags, false);
}
