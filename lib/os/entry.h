/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_ENTRY_H
#define BSI_OS_ENTRY_H

#include "base/slice.h"
#include "os/file.h"

/*
 * One thing in a tree, as sources find it, containers store it, manifests list
 * it and targets put it back. Only describes: all memory belongs to whoever
 * fills it in.
 */

/* A stretch of data in a sparse file; in ascending order, not touching, inside the file. */
typedef struct bsi_extent {
    uint64_t offset;
    uint64_t size;
} bsi_extent;

typedef struct bsi_xattr {
    bsi_slice name;
    bsi_slice value;
} bsi_xattr;

typedef struct bsi_entry {
    bsi_slice path; /* Bytes without a slash in front; components apart by single slashes. */
    bsi_stat stat;
    bsi_slice user; /* Name of the owner; empty: unknown. */
    bsi_slice group;
    bsi_slice link;          /* Content of a symbolic link. */
    bsi_slice linked;        /* Path of the first name of the same inode; empty: none. */
    const bsi_xattr *xattrs; /* Sorted by name. POSIX ACLs are system.posix_acl_* among them. */
    size_t xattr_count;
    bool sparse; /* Only `extents` hold data; the rest of stat.size are holes. */
    const bsi_extent *extents;
    size_t extent_count;
} bsi_entry;

/*
 * Order of paths in manifests and walks: a directory, then all that is in it,
 * then its next sibling, siblings by their bytes. (As memcmp() with '/' sorting
 * before every other byte.)
 */
int bsi_path_compare(bsi_slice a, bsi_slice b);

/* Whether `path` lies below `dir` (not: is `dir`). Every path lies below "". */
bool bsi_path_is_below(bsi_slice path, bsi_slice dir);

/*
 * Whether a path may stand in a backup: not empty, no empty, "." or ".."
 * component, no NUL, no component over 255 bytes, at most BSI_PATH_MAX in all.
 */
#define BSI_PATH_MAX (1024 * 1024)
bool bsi_path_is_safe(bsi_slice path);

/* The word for a type in manifests and messages ("file", "dir", ...), and back (0: none). */
const char *bsi_file_type_name(bsi_file_type type);
bsi_file_type bsi_file_type_parse(bsi_slice name);

/* How many bytes of a file are stored: all of them, or those in extents. */
uint64_t bsi_entry_data_size(const bsi_entry *entry);

#endif
