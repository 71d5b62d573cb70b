/* SPDX-License-Identifier: MIT */
/*
 * Normalising and comparing absolute paths.
 */
#include "engine/paths.h"

#include "base/alloc.h"

char *bsi_path_normalise(const char *path)
{
    char *out = NULL;
    size_t used = 0;

    if (path[0] != '/') {
        return NULL;
    }
    out = bsi_alloc(strlen(path) + 2);
    while (out && *path) {
        const size_t slashes = strspn(path, "/");
        const char *name = path + slashes;
        const size_t size = strcspn(name, "/");

        path = name + size;
        if (size == 0 || (size == 1 && name[0] == '.')) {
            continue;
        }
        if (size == 2 && name[0] == '.' && name[1] == '.') {
            bsi_free(out);
            return NULL;
        }
        out[used++] = '/';
        memcpy(out + used, name, size);
        used += size;
    }
    if (out) {
        if (used == 0) {
            out[used++] = '/';
        }
        out[used] = '\0';
    }
    return out;
}

bool bsi_path_is_within(const char *path, const char *dir)
{
    const size_t size = strlen(dir);

    if (strcmp(dir, "/") == 0) {
        return true;
    }
    return strncmp(path, dir, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

bool bsi_path_is_name(const char *name)
{
    const size_t size = strlen(name);

    return size > 0 && size <= 255 && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}
