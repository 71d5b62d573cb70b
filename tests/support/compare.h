/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_COMPARE_H
#define TESTS_SUPPORT_COMPARE_H

#include <stdbool.h>

/*
 * Compares two trees by plain system calls, sharing no code with the library:
 * names, types, content, modes, owners, times, link targets, devices, which
 * names are hard links of each other, attributes, ACLs and holes.
 */

/* What to leave out of the comparison. */
enum {
    COMPARE_NO_OWNER = 1 << 0,
    COMPARE_NO_MODE = 1 << 1,
    COMPARE_NO_TIMES = 1 << 2,
    COMPARE_NO_DIR_TIMES = 1 << 3,
    COMPARE_NO_LINK_TIMES = 1 << 4, /* Of symbolic links. */
    COMPARE_WHOLE_SECONDS = 1 << 5, /* Times without their nanoseconds. */
    COMPARE_TWO_SECONDS = 1 << 6,   /* Times that differ by up to two seconds are equal. */
    COMPARE_NO_XATTRS = 1 << 7,     /* And no ACLs. */
    COMPARE_NO_HARD_LINKS = 1 << 8,
    COMPARE_NO_HOLES = 1 << 9,
    COMPARE_NO_SPECIAL = 1 << 10,    /* FIFOs, sockets and devices may be missing. */
    COMPARE_NO_SOCKETS = 1 << 11,    /* Sockets may be missing. */
    COMPARE_NO_TOP = 1 << 12,        /* The metadata of the two top directories. */
    COMPARE_EXTRA_ALLOWED = 1 << 13, /* The copy may have more names. */
};

/*
 * True when `copy` is as `original`. Every difference is printed, up to a
 * hundred. Trees may be of any depth. Fails the running test when a tree cannot be read.
 */
bool compare_trees(const char *original, const char *copy, unsigned flags);

/* As compare_trees(), without printing: how many differences there are. */
unsigned compare_count(const char *original, const char *copy, unsigned flags);

#define assert_trees_equal(original, copy, flags) \
    assert_true(compare_trees((original), (copy), (flags)))

#endif
