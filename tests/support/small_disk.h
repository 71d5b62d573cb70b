/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_SMALL_DISK_H
#define TESTS_SUPPORT_SMALL_DISK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Disks of a few megabytes, in memory, that only this program and what it starts can see; they
 * are gone with it.
 */

/* Before the first thread and the first server. False: the system does not let us. */
bool test_small_disk_is_possible(void);

/* Over a directory, which anybody may write. */
bool test_small_disk_mount(const char *path, size_t bytes);

/* The disk at a path has another size from now on. */
bool test_small_disk_resize(const char *path, size_t bytes);

/* Take away what was mounted there last. */
bool test_small_disk_unmount(const char *path);

#endif
