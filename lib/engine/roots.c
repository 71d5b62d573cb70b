/* SPDX-License-Identifier: MIT */
/*
 * Holds the paths of requests to the directories that settings allow.
 */
#include "engine/roots.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/paths.h"
#include "os/file.h"

/* What lies between a root of `size` bytes and the end of the path. */
static bs_status refuse_links(const char *setting, const char *path, size_t size)
{
    char *prefix = bsi_strdup(path);
    bs_status status = prefix ? BS_OK : BS_E_NOMEM;

    while (status == BS_OK && path[size]) {
        bsi_stat stat;
        size += 1 + strcspn(path + size + 1, "/");
        prefix[size] = '\0';
        status = bsi_stat_at(BSI_CWD, prefix, &stat);
        if (status == BS_OK && stat.type == BSI_TYPE_SYMLINK) {
            status = bsi_fail(BS_LAYER_CALLER, BS_E_ACCESS,
                              "'%.200s' is a symbolic link, which may lead out of what %s allows",
                              prefix, setting);
        }
        prefix[size] = path[size];
    }
    bsi_free(prefix);
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status root_allows(const char *setting, bsi_slice root, const char *path)
{
    char *text = bsi_strndup(root.data, root.size);
    char *clean = text ? bsi_path_normalise(text) : NULL;
    bs_status status = BS_E_NOMEM;

    if (clean && bsi_path_is_within(path, clean)) {
        status = refuse_links(setting, path, strcmp(clean, "/") == 0 ? 0 : strlen(clean));
    } else if (clean) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_ACCESS,
                          "'%.200s' lies beneath none of the directories in %s", path, setting);
    }
    bsi_free(clean);
    bsi_free(text);
    return status;
}

bs_status bsi_roots_allow(const bs_config *config, bsi_config_id roots, const char *path)
{
    const char *setting = bsi_config_at(roots)->name;
    const char *root = bsi_config_text(config, roots);
    bs_status status = BS_OK;

    while (root && *root) {
        const size_t size = strcspn(root, ":");
        status = root_allows(setting, (bsi_slice){root, size}, path);
        if (status != BS_E_ACCESS) {
            break;
        }
        root += size + (root[size] == ':' ? 1 : 0);
    }
    return status;
}
