/* SPDX-License-Identifier: MIT */
/*
 * The sources of a request: a list of paths, a command or a callback.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "engine/paths.h"
#include "engine/request.h"
#include "engine/roots.h"
#include "engine/service.h"
#include "os/file.h"

enum {
    SOURCE_PATHS_MAX = 1000,
    SOURCE_ARGV_MAX = 1000,
};

static size_t count_texts(const char *const *texts)
{
    size_t count = 0;

    while (texts[count]) {
        count++;
    }
    return count;
}

/* Whether it is allowed, there, and can be read; opening is the only true answer to the latter. */
static void check_readable(const bs_service *service, const char *path, size_t index,
                           bsi_complaints *complaints)
{
    bsi_stat stat;
    int fd = -1;
    bs_status status = bsi_roots_allow(service->config, BSI_CONFIG_SOURCE_ROOTS, path);

    if (status < 0) {
        bsi_complain(complaints, status, BS_LAYER_CALLER, "source_paths[%zu]: %s", index,
                     bs_error_last()->message);
        return;
    }
    status = bsi_stat_at(BSI_CWD, path, &stat);
    if (status >= 0 && (stat.type == BSI_TYPE_FILE || stat.type == BSI_TYPE_DIR)) {
        status = bsi_open(BSI_CWD, path, BSI_OPEN_READ | BSI_OPEN_NONBLOCK, 0, &fd);
        bsi_close_quietly(fd);
    }
    if (status < 0) {
        bsi_complain(complaints, status, BS_LAYER_SOURCE, "source_paths[%zu]: %s", index,
                     bs_error_last()->message);
    }
}

/* The normalised path, or NULL after a complaint; both when there is no memory. */
static bs_status take_path(const bs_service *service, const char *path, size_t index,
                           bsi_arena *arena, bsi_complaints *complaints, const char **out)
{
    char *clean = NULL;
    bs_status status = BS_OK;

    *out = NULL;
    if (!bsi_utf8_valid(path, strlen(path))) {
        bsi_complain_invalid(complaints, "source_paths[%zu]: is not UTF-8", index);
        return BS_OK;
    }
    if (path[0] != '/') {
        bsi_complain_invalid(complaints, "source_paths[%zu]: takes an absolute path, not '%.200s'",
                             index, path);
        return BS_OK;
    }
    bsi_error_restore(&(bs_error){.code = BS_OK});
    clean = bsi_path_normalise(path);
    if (!clean) {
        if (bs_error_last()->code == BS_E_NOMEM) {
            return BS_E_NOMEM;
        }
        bsi_complain_invalid(complaints, "source_paths[%zu]: takes a path without '..'", index);
        return BS_OK;
    }
    if (bsi_path_is_within(clean, service->dir.path)) {
        bsi_complain_invalid(complaints,
                             "source_paths[%zu]: '%.200s' lies in the service's own state "
                             "directory",
                             index, clean);
    } else {
        check_readable(service, clean, index, complaints);
        *out = bsi_arena_text(arena, clean);
        status = *out ? BS_OK : BS_E_NOMEM;
    }
    bsi_free(clean);
    return status;
}

static int compare_roots(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;

    return bsi_path_compare(bsi_slice_of(*left + 1), bsi_slice_of(*right + 1));
}

/* Sorted, a root comes right behind the one that it lies in. */
static bs_status merge_roots(bsi_backup_request *request, const char **roots, size_t count)
{
    size_t kept = 0;
    bsi_buf note;
    bs_status status = BS_OK;

    bsi_buf_init(&note, 4096);
    qsort(roots, count, sizeof(*roots), compare_roots);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !bsi_path_is_within(roots[i], roots[kept - 1])) {
            roots[kept++] = roots[i];
            continue;
        }
        if (note.size == 0) {
            status = bsi_buf_append_format(&note, "source '%.1000s' lies in source '%.1000s'",
                                           roots[i], roots[kept - 1]);
        }
    }
    if (status >= 0 && note.size > 0) {
        request->note =
            bsi_arena_slice(&request->arena, (bsi_slice){(const char *)note.data, note.size});
        status = request->note ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&note);
    roots[kept] = NULL;
    request->roots = roots;
    request->root_count = kept;
    return status;
}

/* The index of the first path that is the same, or `index` itself. */
static size_t find_same(const char *const *paths, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (paths[i] && paths[index] && strcmp(paths[i], paths[index]) == 0) {
            return i;
        }
    }
    return index;
}

static void check_twice(const char *const *paths, size_t count, bsi_complaints *complaints)
{
    for (size_t i = 1; i < count; i++) {
        const size_t same = find_same(paths, i);
        if (same < i) {
            bsi_complain_invalid(complaints, "source_paths[%zu]: is the same as [%zu]", i, same);
        }
    }
}

static bs_status take_paths(const bs_service *service, const char *const *given,
                            bsi_backup_request *request, bsi_complaints *complaints)
{
    const size_t count = count_texts(given);
    const size_t before = complaints->count;
    const char **paths = NULL;
    const char **roots = NULL;

    if (count == 0 || count > SOURCE_PATHS_MAX) {
        bsi_complain_invalid(complaints, "source_paths: takes 1 to %d paths, not %zu",
                             SOURCE_PATHS_MAX, count);
        return BS_OK;
    }
    paths = bsi_arena_alloc(&request->arena, count + 1, sizeof(*paths));
    roots = bsi_arena_alloc(&request->arena, count + 1, sizeof(*roots));
    if (!paths || !roots) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(take_path(service, given[i], i, &request->arena, complaints, &paths[i]));
    }
    check_twice(paths, count, complaints);
    if (complaints->count > before) {
        return BS_OK;
    }
    memcpy(roots, paths, count * sizeof(*roots));
    request->source_paths = paths;
    return merge_roots(request, roots, count);
}

static bs_status take_command(const char *const *argv, bsi_backup_request *request,
                              bsi_complaints *complaints)
{
    const size_t count = count_texts(argv);

    if (count == 0 || count > SOURCE_ARGV_MAX || !argv[0][0]) {
        bsi_complain_invalid(complaints, "source_command: takes a program and its arguments");
        return BS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (!bsi_utf8_valid(argv[i], strlen(argv[i]))) {
            bsi_complain_invalid(complaints, "source_command[%zu]: is not UTF-8", i);
        }
    }
    request->is_command = true;
    request->source_paths = bsi_arena_texts(&request->arena, argv);
    return request->source_paths ? BS_OK : BS_E_NOMEM;
}

/* What only makes sense with a tree, and the name of the one file. */
static bs_status take_stream(const bs_backup_options *options, bsi_backup_request *request,
                             bsi_complaints *complaints)
{
    static const char *const no_paths[] = {NULL};
    const char *name =
        options->source_name && options->source_name[0] ? options->source_name : "output";

    if (!bsi_path_is_name(name) || !bsi_utf8_valid(name, strlen(name))) {
        bsi_complain_invalid(complaints, "source_name: takes the name of one file, without '/'");
    }
    if (options->backup_type == BS_BACKUP_MIRROR) {
        bsi_complain_invalid(complaints, "backup_type: a mirror takes source_paths");
    } else if (request->kind == BSI_KIND_MIRROR) {
        request->kind = BSI_KIND_FULL; /* Only the setting's default. */
    }
    if ((options->include_patterns && options->include_patterns[0]) ||
        (options->exclude_patterns && options->exclude_patterns[0])) {
        bsi_complain_invalid(complaints, "include_patterns, exclude_patterns: only source_paths "
                                         "take patterns");
    }
    if (!request->source_paths) {
        request->source_paths = no_paths;
    }
    request->stream_name = bsi_arena_text(&request->arena, name);
    return request->stream_name ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_request_take_sources(bs_service *service, const bs_backup_options *options,
                                   bsi_backup_request *request, bsi_complaints *complaints)
{
    const int kinds = (options->source_paths ? 1 : 0) + (options->source_command ? 1 : 0) +
                      (options->source_callback ? 1 : 0);

    if (kinds != 1) {
        bsi_complain_invalid(complaints, "source_paths: exactly one of source_paths, "
                                         "source_command and source_callback must be set");
        return BS_OK;
    }
    if (options->source_paths) {
        if (options->source_name && options->source_name[0]) {
            bsi_complain_invalid(complaints, "source_name: only a command or callback has one");
        }
        return take_paths(service, options->source_paths, request, complaints);
    }
    if (options->source_command) {
        BSI_TRY(take_command(options->source_command, request, complaints));
    }
    request->callback = options->source_callback;
    request->callback_user = options->source_user;
    return take_stream(options, request, complaints);
}
