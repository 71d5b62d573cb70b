/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_TREE_H
#define TESTS_SUPPORT_TREE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Trees of files with every oddity that a backup must bring back, and random
 * changes to them. Anything that goes wrong fails the running cmocka test.
 */

/* What tree_build() puts into a tree besides plain files, directories and symbolic links. */
enum {
    TREE_HARD_LINKS = 1 << 0,
    TREE_SPARSE = 1 << 1,
    TREE_SPECIAL = 1 << 2, /* FIFOs and sockets; devices for the superuser. */
    TREE_OWNERS = 1 << 3,  /* Files of others; only for the superuser. */
    TREE_XATTRS = 1 << 4,  /* And POSIX ACLs, where the file system has them. */
    TREE_MODES = 1 << 5,   /* setuid, sticky, unreadable, read-only directories. */
    TREE_TIMES = 1 << 6,   /* Before 1970, with nanoseconds, far away. */
    TREE_NAMES = 1 << 7,   /* Line breaks, not UTF-8, 255 bytes, NFC beside NFD. */
    TREE_DEEP = 1 << 8,    /* A path longer than PATH_MAX. */
    TREE_SOCKETS = 1 << 9,
    TREE_EVERYTHING = (1 << 10) - 1,
    TREE_SMALL = 1 << 10, /* Without the files of megabytes. */
};

/* Make directory `path`, unless it is there, and fill it. The same tree each time. */
void tree_build(const char *path, unsigned flags);

/*
 * Make `count` changes: add, edit (some with the old time put back), append,
 * delete, rename, swap file and directory, change types and modes, retarget
 * symbolic links, make and break hard links. The same for the same seed.
 */
void tree_mutate(const char *path, uint64_t seed, size_t count);

/* Write a file with a content that follows from `seed`. */
void tree_write(const char *path, size_t size, uint64_t seed);

/*
 * Make directory `to` with the directories of `from`, and further names of its files: a copy for
 * whoever replaces files and never writes into them, as storages do.
 */
void tree_link(const char *from, const char *to);

/* Remove a tree of any depth, whatever the modes in it. A missing one is fine. */
void tree_remove(const char *path);

#endif
