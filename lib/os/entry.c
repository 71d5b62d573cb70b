/* SPDX-License-Identifier: MIT */
/*
 * Rules about paths and entries that every layer must see alike.
 */
#include "os/entry.h"

#include <string.h>

enum { COMPONENT_MAX = 255 };

int bsi_path_compare(bsi_slice a, bsi_slice b)
{
    const size_t common = a.size < b.size ? a.size : b.size;

    for (size_t i = 0; i < common; i++) {
        if (a.data[i] != b.data[i]) {
            const int left = a.data[i] == '/' ? -1 : (uint8_t)a.data[i];
            const int right = b.data[i] == '/' ? -1 : (uint8_t)b.data[i];
            return left < right ? -1 : 1;
        }
    }
    if (a.size == b.size) {
        return 0;
    }
    return a.size < b.size ? -1 : 1;
}

bool bsi_path_is_below(bsi_slice path, bsi_slice dir)
{
    if (dir.size == 0) {
        return path.size > 0;
    }
    return path.size > dir.size && path.data[dir.size] == '/' &&
           memcmp(path.data, dir.data, dir.size) == 0;
}

static bool component_is_safe(const char *name, size_t size)
{
    if (size == 0 || size > COMPONENT_MAX) {
        return false;
    }
    if (name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.'))) {
        return false;
    }
    return memchr(name, '\0', size) == NULL;
}

bool bsi_path_is_safe(bsi_slice path)
{
    size_t at = 0;

    if (path.size == 0 || path.size > BSI_PATH_MAX) {
        return false;
    }
    while (at <= path.size) {
        const char *slash = memchr(path.data + at, '/', path.size - at);
        const size_t end = slash ? (size_t)(slash - path.data) : path.size;
        if (!component_is_safe(path.data + at, end - at)) {
            return false;
        }
        at = end + 1;
    }
    return true;
}

static const char *const type_names[] = {
    [BSI_TYPE_FILE] = "file",
    [BSI_TYPE_DIR] = "dir",
    [BSI_TYPE_SYMLINK] = "symlink",
    [BSI_TYPE_FIFO] = "fifo",
    [BSI_TYPE_SOCKET] = "socket",
    [BSI_TYPE_CHAR_DEVICE] = "chardev",
    [BSI_TYPE_BLOCK_DEVICE] = "blockdev",
};

const char *bsi_file_type_name(bsi_file_type type)
{
    if ((size_t)type >= BSI_ARRAY_SIZE(type_names) || !type_names[type]) {
        return "unknown";
    }
    return type_names[type];
}

bsi_file_type bsi_file_type_parse(bsi_slice name)
{
    for (size_t i = BSI_TYPE_FILE; i < BSI_ARRAY_SIZE(type_names); i++) {
        if (bsi_slice_is(name, type_names[i])) {
            return (bsi_file_type)i;
        }
    }
    return (bsi_file_type)0;
}

uint64_t bsi_entry_data_size(const bsi_entry *entry)
{
    uint64_t sum = 0;

    if (!entry->sparse) {
        return entry->stat.size;
    }
    for (size_t i = 0; i < entry->extent_count; i++) {
        sum += entry->extents[i].size;
    }
    return sum;
}
