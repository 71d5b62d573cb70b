/* SPDX-License-Identifier: MIT */
/*
 * Which entries a listing shows.
 */
#include "vault/listing.h"

#include <string.h>

/* Whether `path` is shown when `dir` is listed. */
static bool is_shown(bsi_slice path, bsi_slice dir, bool recursive)
{
    bsi_slice rest = path;

    if (recursive) {
        return bsi_slice_equal(path, dir) || bsi_path_is_below(path, dir);
    }
    if (!bsi_path_is_below(path, dir)) {
        return false;
    }
    if (dir.size > 0) {
        rest.data += dir.size + 1;
        rest.size -= dir.size + 1;
    }
    return memchr(rest.data, '/', rest.size) == NULL;
}

/*
 * The next entry to show of a listing that is not recursive. Sources lie deep
 * below the top: where nothing lies directly in a directory, the first entries
 * below it are shown instead.
 */
static bool is_top(bsi_slice path, bsi_slice dir, bsi_buf *shown)
{
    const bsi_slice before = {(const char *)shown->data, shown->size};

    return bsi_path_is_below(path, dir) && (shown->size == 0 || (!bsi_path_is_below(path, before) &&
                                                                 !bsi_slice_equal(path, before)));
}

bs_status bsi_listing_entry(bsi_listing *list, const bsi_listed *listed)
{
    const bsi_slice path = listed->entry.path;

    if (bsi_slice_equal(path, list->dir) || bsi_path_is_below(path, list->dir)) {
        list->found = true;
    }
    if (!is_shown(path, list->dir, list->recursive) &&
        (list->recursive || !is_top(path, list->dir, &list->shown))) {
        return BS_OK;
    }
    bsi_buf_clear(&list->shown);
    BSI_TRY(bsi_buf_append(&list->shown, path.data, path.size));
    return list->sink.take(list->sink.user, listed);
}

void bsi_listing_begin(bsi_listing *list, bsi_slice dir, bool recursive, bsi_listed_sink sink)
{
    *list = (bsi_listing){.dir = dir, .recursive = recursive, .sink = sink};
    bsi_buf_init(&list->shown, BSI_PATH_MAX);
}

bs_status bsi_listing_end(bsi_listing *list, bs_status status)
{
    char printable[256];

    bsi_buf_dispose(&list->shown);
    if (status >= 0 && !list->found && list->dir.size > 0) {
        return bsi_fail(
            BS_LAYER_CALLER, BS_E_NOT_FOUND, "the backup holds no '%s'",
            bsi_printable(list->dir.data, list->dir.size, printable, sizeof(printable)));
    }
    return status;
}
