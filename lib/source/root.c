/* SPDX-License-Identifier: MIT */
/*
 * The rules for roots, and the one place where a path is resolved as a whole.
 */
#include "source/root.h"

#include <string.h>

#include "base/alloc.h"
#include "os/entry.h"

enum { PRINTABLE_SIZE = 512 };

bsi_slice bsi_root_path(const char *root)
{
    return bsi_slice_of(root + 1);
}

static bs_status refuse(const char *root, const char *why)
{
    char text[PRINTABLE_SIZE];

    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "source '%s' %s",
                    bsi_printable(root, strlen(root), text, sizeof(text)), why);
}

bs_status bsi_roots_check(const char *const *roots, size_t count)
{
    if (count == 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "no source");
    }
    for (size_t i = 0; i < count; i++) {
        bsi_slice path;

        if (roots[i][0] != '/') {
            return refuse(roots[i], "is not absolute");
        }
        path = bsi_root_path(roots[i]);
        if (path.size > 0 && !bsi_path_is_safe(path)) {
            return refuse(roots[i], "is not normalised");
        }
        if (i > 0 && bsi_path_compare(bsi_root_path(roots[i - 1]), path) >= 0) {
            return refuse(roots[i], "is out of order");
        }
        if (i > 0 && bsi_path_is_below(path, bsi_root_path(roots[i - 1]))) {
            return refuse(roots[i], "lies inside another source");
        }
    }
    return BS_OK;
}

bs_status bsi_root_open_parent(const char *root, int *dir_out, const char **name_out)
{
    const char *slash = strrchr(root, '/');
    const char *name = slash[1] != '\0' ? slash + 1 : ".";
    char *parent = bsi_strndup(root, slash > root ? (size_t)(slash - root) : 1);
    char text[PRINTABLE_SIZE];
    bs_status status = BS_OK;

    if (!parent) {
        return BS_E_NOMEM;
    }
    status = bsi_open(BSI_CWD, parent, BSI_OPEN_DIR | BSI_OPEN_PATH, 0, dir_out);
    bsi_free(parent);
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_SOURCE, status, "source '%s'",
                                bsi_printable(root, strlen(root), text, sizeof(text)));
    }
    *name_out = name;
    return BS_OK;
}
