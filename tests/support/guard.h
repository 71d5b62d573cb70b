/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_GUARD_H
#define TESTS_SUPPORT_GUARD_H

/*
 * A tree around a directory that things may be done to. What lies in the tree
 * and must not change: files, a setuid program, directories, links, attributes.
 */

/* Make the tree at `path`, and `path`/in/target inside of it. */
void guard_build(const char *path);

/*
 * All that can be seen of the tree but of what is below in/target: names, inodes, modes,
 * owners, links, times of content and inode, content, attributes. Freed with free().
 */
char *guard_snapshot(const char *path);

/* Fails the running test, with the lines that differ, when the tree is not as it was. */
void guard_check(const char *path, const char *snapshot);

#endif
