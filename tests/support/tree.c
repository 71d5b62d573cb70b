/* SPDX-License-Identifier: MIT */
#include "support/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "support/test.h"

enum {
    KIB = 1024,
    MIB = 1024 * 1024,
    DEEP_LEVELS = 40,
    DEEP_NAME = 200,
};

static uint64_t next_random(uint64_t *seed)
{
    uint64_t x = *seed += 0x9e3779b97f4a7c15U;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

static void check(bool good, const char *doing, const char *name)
{
    if (!good) {
        fail_msg("%s '%s': %s", doing, name, strerror(errno));
    }
}

static void make_dir(int dir, const char *name)
{
    check(mkdirat(dir, name, 0755) == 0 || errno == EEXIST, "making the directory", name);
}

static void fill(int fd, off_t offset, size_t size, uint64_t seed)
{
    uint64_t block[512];

    while (size > 0) {
        const size_t now = size < sizeof(block) ? size : sizeof(block);
        for (size_t i = 0; i < sizeof(block) / sizeof(block[0]); i++) {
            block[i] = next_random(&seed);
        }
        check(pwrite(fd, block, now, offset) == (ssize_t)now, "writing", "file");
        size -= now;
        offset += (off_t)now;
    }
}

static void write_file(int dir, const char *name, size_t size, uint64_t seed)
{
    const int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    check(fd >= 0, "making the file", name);
    fill(fd, 0, size, seed);
    (void)close(fd);
}

void tree_write(const char *path, size_t size, uint64_t seed)
{
    write_file(AT_FDCWD, path, size, seed);
}

static void build_plain(int dir, bool small)
{
    static const size_t sizes[] = {0,    1,     2,      511,     512, 4095,    4096,
                                   4097, 65536, 262143, MIB - 1, MIB, MIB + 1, 3 * MIB + 17};
    char name[64];

    make_dir(dir, "sizes");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (!small || sizes[i] < MIB - 1) {
            (void)snprintf(name, sizeof(name), "sizes/%zu bytes", sizes[i]);
            write_file(dir, name, sizes[i], i);
        }
    }
    make_dir(dir, "same");
    write_file(dir, "same/one", 100 * KIB, 77);
    write_file(dir, "same/two", 100 * KIB, 77);
    make_dir(dir, "empty directory");
    make_dir(dir, "order");
    make_dir(dir, "order/a");
    write_file(dir, "order/a/in", 10, 1);
    write_file(dir, "order/a b", 10, 2);
    write_file(dir, "order/a.txt", 10, 3);
    make_dir(dir, "order/ab");
    write_file(dir, "order/ab/in", 10, 4);
    make_dir(dir, "many");
    for (int i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof(name), "many/%03d", i);
        write_file(dir, name, (size_t)i, (uint64_t)i);
    }
}

static void build_symlinks(int dir)
{
    char longest[2000];

    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    make_dir(dir, "links");
    check(symlinkat("../same/one", dir, "links/to file") == 0, "linking", "to file");
    check(symlinkat("../order", dir, "links/to dir") == 0, "linking", "to dir");
    check(symlinkat("nowhere", dir, "links/dangling") == 0, "linking", "dangling");
    check(symlinkat("self", dir, "links/self") == 0, "linking", "self");
    check(symlinkat("/etc/passwd", dir, "links/absolute") == 0, "linking", "absolute");
    check(symlinkat("../../../../../tmp", dir, "links/out") == 0, "linking", "out");
    check(symlinkat("\xff\xfe\n\\x", dir, "links/odd bytes") == 0, "linking", "odd bytes");
    check(symlinkat(longest, dir, "links/long") == 0, "linking", "long");
}

static void build_hard_links(int dir)
{
    make_dir(dir, "hard");
    make_dir(dir, "hard/other");
    write_file(dir, "hard/first", 5000, 42);
    check(linkat(dir, "hard/first", dir, "hard/second", 0) == 0, "linking", "second");
    check(linkat(dir, "hard/first", dir, "hard/other/third", 0) == 0, "linking", "third");
    check(linkat(dir, "hard/first", dir, "another name", 0) == 0, "linking", "another name");
    write_file(dir, "hard/empty", 0, 0);
    check(linkat(dir, "hard/empty", dir, "hard/empty too", 0) == 0, "linking", "empty too");
    check(symlinkat("first", dir, "hard/link") == 0, "linking", "link");
    check(linkat(dir, "hard/link", dir, "hard/same link", 0) == 0, "linking", "same link");
}

static void write_sparse(int dir, const char *name, off_t size, const off_t *data, size_t count)
{
    const int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    check(fd >= 0, "making the file", name);
    check(ftruncate(fd, size) == 0, "sizing", name);
    for (size_t i = 0; i < count; i++) {
        fill(fd, data[i], 64 * KIB, (uint64_t)i + 9);
    }
    (void)close(fd);
}

static void build_sparse(int dir)
{
    static const off_t some[] = {0, MIB, 5 * MIB};
    static const off_t end[] = {16 * MIB - 64 * KIB};

    make_dir(dir, "sparse");
    write_sparse(dir, "sparse/some data", 8 * MIB, some, 3);
    write_sparse(dir, "sparse/data at the end", 16 * MIB, end, 1);
    write_sparse(dir, "sparse/no data", 4 * MIB + 5, NULL, 0);
    write_sparse(dir, "sparse/large", (off_t)1 << 27, some, 3);
}

static void build_special(int dir)
{
    make_dir(dir, "special");
    check(mknodat(dir, "special/fifo", S_IFIFO | 0640, 0) == 0, "making", "fifo");
    if (geteuid() == 0) {
        check(mknodat(dir, "special/char", S_IFCHR | 0666, makedev(1, 3)) == 0, "making", "char");
        check(mknodat(dir, "special/block", S_IFBLK | 0660, makedev(7, 300)) == 0, "making",
              "block");
    }
}

static void build_owners(int dir)
{
    if (geteuid() != 0) {
        return;
    }
    make_dir(dir, "owners");
    write_file(dir, "owners/daemon", 10, 1);
    write_file(dir, "owners/no name", 10, 2);
    check(symlinkat("daemon", dir, "owners/link") == 0, "linking", "link");
    check(fchownat(dir, "owners/daemon", 1, 1, 0) == 0, "owning", "daemon");
    check(fchownat(dir, "owners/no name", 54321, 65432, 0) == 0, "owning", "no name");
    check(fchownat(dir, "owners/link", 2, 2, AT_SYMLINK_NOFOLLOW) == 0, "owning", "link");
    check(fchownat(dir, "owners", 3, 3, 0) == 0, "owning", "owners");
}

static void set_xattr(int dir, const char *name, const char *key, const void *value, size_t size)
{
    char path[320];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
    check(lsetxattr(path, key, value, size, 0) == 0 || errno == ENOTSUP || errno == EPERM,
          "setting an attribute of", name);
}

/* Owner rw-, user 12345 r--, group r--, mask rw-, others ---; as the kernel's ACL version 2. */
static const uint8_t acl[] = {
    2, 0,    0,    0,    1,    0,    6,    0, 0xff, 0xff, 0xff, 0xff, 2,    0,    4,
    0, 0x39, 0x30, 0,    0,    4,    0,    4, 0,    0xff, 0xff, 0xff, 0xff, 0x10, 0,
    6, 0,    0xff, 0xff, 0xff, 0xff, 0x20, 0, 0,    0,    0xff, 0xff, 0xff, 0xff,
};
/* cap_net_bind_service, effective and permitted; revision 2. */
static const uint8_t capability[] = {1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

static void build_xattrs(int dir)
{
    char large[1500];

    memset(large, 'L', sizeof(large));
    make_dir(dir, "attributes");
    write_file(dir, "attributes/user", 10, 1);
    set_xattr(dir, "attributes/user", "user.zebra", "stripes", 7);
    set_xattr(dir, "attributes/user", "user.bytes", "a\0b\xff", 4);
    set_xattr(dir, "attributes/user", "user.empty", "", 0);
    set_xattr(dir, "attributes/user", "user.large", large, sizeof(large));
    set_xattr(dir, "attributes", "user.directory", "yes", 3);
    write_file(dir, "attributes/acl", 10, 2);
    set_xattr(dir, "attributes/acl", "system.posix_acl_access", acl, sizeof(acl));
    make_dir(dir, "attributes/default acl");
    set_xattr(dir, "attributes/default acl", "system.posix_acl_default", acl, sizeof(acl));
    if (geteuid() == 0) {
        write_file(dir, "attributes/capability", 10, 3);
        set_xattr(dir, "attributes/capability", "security.capability", capability,
                  sizeof(capability));
        check(symlinkat("acl", dir, "attributes/link") == 0, "linking", "link");
        set_xattr(dir, "attributes/link", "trusted.link", "value", 5);
    }
}

static void set_mode(int dir, const char *name, mode_t mode)
{
    check(fchmodat(dir, name, mode, 0) == 0, "setting the mode of", name);
}

static void build_modes(int dir)
{
    static const mode_t modes[] = {0400, 0600, 0640, 0755, 0777, 01755, 02755, 04755, 06711};
    char name[64];

    make_dir(dir, "modes");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        (void)snprintf(name, sizeof(name), "modes/%04o", (unsigned)modes[i]);
        write_file(dir, name, 10, i);
        set_mode(dir, name, modes[i]);
    }
    make_dir(dir, "modes/sticky");
    set_mode(dir, "modes/sticky", 01777);
    make_dir(dir, "modes/setgid");
    set_mode(dir, "modes/setgid", 02775);
    make_dir(dir, "modes/private");
    set_mode(dir, "modes/private", 0700);
    if (geteuid() == 0) {
        write_file(dir, "modes/none", 10, 5);
        set_mode(dir, "modes/none", 0);
    }
    make_dir(dir, "modes/read-only");
    write_file(dir, "modes/read-only/file", 10, 6);
    set_mode(dir, "modes/read-only", 0555);
}

static void set_time(int dir, const char *name, int64_t sec, long nsec)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = sec, .tv_nsec = nsec}};

    check(utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) == 0, "setting the time of", name);
}

static void build_times(int dir)
{
    static const struct {
        const char *name;
        int64_t sec;
        long nsec;
    } times[] = {
        {"times/before 1970", -86400 * 365, 123456789},
        {"times/just before 1970", -1, 999999999},
        {"times/1970", 0, 0},
        {"times/one nanosecond", 1500000000, 1},
        {"times/last nanosecond", 1500000000, 999999999},
        {"times/after 2038", 2200000000, 5},
    };

    make_dir(dir, "times");
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        write_file(dir, times[i].name, i, i);
        set_time(dir, times[i].name, times[i].sec, times[i].nsec);
    }
    check(symlinkat("1970", dir, "times/link") == 0, "linking", "link");
    set_time(dir, "times/link", 1234567890, 987654321);
    make_dir(dir, "times/directory");
    write_file(dir, "times/directory/file", 3, 3);
    set_time(dir, "times/directory", 1111111111, 222222222);
    set_time(dir, "times", 1000000000, 7);
}

static void build_names(int dir)
{
    static const char *const names[] = {
        "-rf",      "--",       " ",         " leading",        "trailing ",        "new\nline",
        "tab\t",    "bell\a",   "\x7f",      "back\\slash",     "quote'\"",         "$(reboot)",
        "star*",    "what?",    "[a-z]",     "colon:",          "semi;colon",       "CON",
        "nul.txt",  "dot.",     "...",       "..hidden",        ".hidden",          "~",
        "#hash",    "!bang",    "%41",       "a\\x41",          "\xff\xfe",         "latin \xe4",
        "\xc3\x28", "\xc3\xa4", "a\xcc\x88", "\xe2\x80\xaertl", "\xf0\x9f\x98\x80", "\x01",
    };
    char longest[256];
    char name[300];
    int below = -1;

    make_dir(dir, "names");
    below = openat(dir, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(below >= 0, "opening", "names");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        write_file(below, names[i], i, i);
        (void)snprintf(name, sizeof(name), "dir %s", names[i]);
        make_dir(below, name);
    }
    memset(longest, 'n', 255);
    longest[255] = '\0';
    write_file(below, longest, 10, 1);
    memset(longest, '\xe4', 255);
    make_dir(below, longest);
    (void)close(below);
}

static void build_deep(int dir)
{
    char name[DEEP_NAME + 1];
    int here = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    memset(name, 'd', DEEP_NAME);
    name[DEEP_NAME] = '\0';
    for (int i = 0; i < DEEP_LEVELS; i++) {
        int below = -1;

        check(here >= 0, "opening", "deep directory");
        make_dir(here, name);
        write_file(here, "file", (size_t)i, (uint64_t)i);
        below = openat(here, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(here);
        here = below;
    }
    write_file(here, "at the bottom", 1000, 1);
    (void)close(here);
}

void tree_build(const char *path, unsigned flags)
{
    static const struct {
        unsigned flag;
        void (*build)(int dir);
    } parts[] = {
        {TREE_HARD_LINKS, build_hard_links}, {TREE_SPARSE, build_sparse},
        {TREE_SPECIAL, build_special},       {TREE_OWNERS, build_owners},
        {TREE_XATTRS, build_xattrs},         {TREE_MODES, build_modes},
        {TREE_NAMES, build_names},           {TREE_DEEP, build_deep},
        {TREE_TIMES, build_times},
    };
    int dir = -1;

    make_dir(AT_FDCWD, path);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(dir >= 0, "opening", path);
    build_plain(dir, flags & TREE_SMALL);
    build_symlinks(dir);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (flags & parts[i].flag) {
            parts[i].build(dir);
        }
    }
    if (flags & TREE_SOCKETS) {
        check(mknodat(dir, "socket", S_IFSOCK | 0755, 0) == 0, "making", "socket");
    }
    (void)close(dir);
}
