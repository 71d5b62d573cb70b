/* SPDX-License-Identifier: MIT */
/*
 * Compares entries with what a restore asks for. A wish is both at once, a path
 * and a pattern, so that names with stars and brackets can be asked for as well.
 */
#include "vault/selection.h"

#include <string.h>

#include "base/alloc.h"

typedef struct wish {
    char *path; /* Without slashes at either end. */
    size_t size;
    bsi_pattern_list *pattern; /* NULL: it is no valid pattern, only a path. */
    bool is_plain;             /* As a pattern it means the same as the path. */
    bool met;
} wish;

struct bsi_selection {
    wish *wishes;
    size_t count;
    bsi_pattern_scratch *scratch;
};

/* A pattern with a slash before its end stands for a whole path. Spaces at the end are cut off. */
static bool is_plain(const char *text)
{
    const char *slash = strchr(text, '/');

    return slash && (slash == text || slash[1] != '\0') && !strpbrk(text, "*?[]\\!#") &&
           text[strlen(text) - 1] != ' ';
}

static bs_status make_wish(wish *out, const char *text)
{
    const char *const patterns[] = {text};
    size_t size = 0;
    bs_status status = BS_OK;

    status = bsi_pattern_list_new(patterns, 1, &out->pattern, NULL);
    if (status < 0 && status != BS_E_INVALID) {
        return status;
    }
    out->is_plain = !out->pattern || is_plain(text);
    text += strspn(text, "/");
    size = strlen(text);
    while (size > 0 && text[size - 1] == '/') {
        size--;
    }
    out->size = size;
    out->path = bsi_strndup(text, size);
    return out->path ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_selection_new(const char *const *paths, bsi_selection **out)
{
    size_t count = 0;
    bs_status status = BS_OK;
    bsi_selection *selection = bsi_calloc(1, sizeof(*selection));

    if (!selection) {
        return BS_E_NOMEM;
    }
    while (paths && paths[count]) {
        count++;
    }
    selection->wishes = bsi_calloc(count, sizeof(*selection->wishes));
    status = selection->wishes ? bsi_pattern_scratch_new(&selection->scratch) : BS_E_NOMEM;
    for (size_t i = 0; i < count && status >= 0; i++) {
        selection->count++;
        status = make_wish(&selection->wishes[i], paths[i]);
    }
    if (status < 0) {
        bsi_selection_free(selection);
        return status;
    }
    *out = selection;
    return BS_OK;
}

void bsi_selection_free(bsi_selection *selection)
{
    if (!selection) {
        return;
    }
    for (size_t i = 0; selection->wishes && i < selection->count; i++) {
        bsi_free(selection->wishes[i].path);
        bsi_pattern_list_free(selection->wishes[i].pattern);
    }
    bsi_free(selection->wishes);
    bsi_pattern_scratch_free(selection->scratch);
    bsi_free(selection);
}

static bs_status meets(bsi_selection *selection, const wish *asked, const bsi_entry *entry,
                       bool *out)
{
    const bsi_slice path = {asked->path, asked->size};
    bsi_pattern_result result = BSI_PATTERN_NONE;

    *out = asked->size == 0 || bsi_slice_equal(entry->path, path) ||
           bsi_path_is_below(entry->path, path);
    if (*out || !asked->pattern) {
        return BS_OK;
    }
    BSI_TRY(bsi_pattern_match_or_parent(asked->pattern, selection->scratch, entry->path.data,
                                        entry->path.size, entry->stat.type == BSI_TYPE_DIR,
                                        &result));
    *out = result == BSI_PATTERN_MATCH;
    return BS_OK;
}

bs_status bsi_selection_wants(bsi_selection *selection, const bsi_entry *entry, bool *out)
{
    bool any = selection->count == 0;

    for (size_t i = 0; i < selection->count; i++) {
        bool met = false;
        BSI_TRY(meets(selection, &selection->wishes[i], entry, &met));
        if (met) {
            selection->wishes[i].met = true;
            any = true;
        }
    }
    *out = any;
    return BS_OK;
}

bool bsi_selection_may_hold(const bsi_selection *selection, bsi_slice folder)
{
    for (size_t i = 0; i < selection->count; i++) {
        const wish *asked = &selection->wishes[i];
        const bsi_slice wished = {asked->path, asked->size};
        if (!asked->is_plain || asked->size == 0 || bsi_slice_equal(wished, folder) ||
            bsi_path_is_below(wished, folder) || bsi_path_is_below(folder, wished)) {
            return true;
        }
    }
    return selection->count == 0;
}

void bsi_selection_report_unmet(const bsi_selection *selection, const bsi_warn *warn)
{
    for (size_t i = 0; i < selection->count; i++) {
        const wish *asked = &selection->wishes[i];
        if (!asked->met) {
            bsi_warn_new(warn, (bsi_slice){asked->path, asked->size}, BS_LAYER_CALLER,
                         BS_E_NOT_FOUND, "nothing in the backup is called so");
        }
    }
}
