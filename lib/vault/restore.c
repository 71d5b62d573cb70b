/* SPDX-License-Identifier: MIT */
/*
 * The passes of a restore over the entries of a backup.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "os/dir_cache.h"
#include "storage/decorators/fallback.h"
#include "text/json_read.h"
#include "vault/restore_int.h"
#include "vault/sample.h"

/* --- What is reported on the way --- */

static void report(void *user, bsi_slice path, const bs_error *error)
{
    bsi_restore *restore = user;

    atomic_fetch_add(&restore->warned, 1);
    if (error->code == BS_E_EXISTS && error->layer == BS_LAYER_TARGET) {
        atomic_fetch_add(&restore->skipped, 1);
    }
    if (restore->next_warn && restore->next_warn->report) {
        restore->next_warn->report(restore->next_warn->user, path, error);
    }
}

/* --- Where entries land --- */

/* The path without the source's own in front. False: the entry is the source itself, or beside it.
 */
static bool strip(const bsi_restore *restore, bsi_slice *path)
{
    const bsi_slice front = {restore->stripped, strlen(restore->stripped)};

    if (front.size == 0) {
        return true;
    }
    if (!bsi_path_is_below(*path, front)) {
        return false;
    }
    path->data += front.size + 1;
    path->size -= front.size + 1;
    return true;
}

static bool place(const bsi_restore *restore, const bsi_entry *entry, bsi_entry *out)
{
    *out = *entry;
    if (!restore->stripped) {
        return true;
    }
    if (out->linked.size > 0 && !strip(restore, &out->linked)) {
        return false;
    }
    return strip(restore, &out->path);
}

/* The one source, without its leading slash. */
static bs_status find_source(const bsi_manifest_info *info, bsi_buf *scratch, bsi_slice *out)
{
    bsi_json_reader json;
    bsi_slice source = {0};

    bsi_json_init(&json, info->source_paths, strlen(info->source_paths), BS_LAYER_STORAGE,
                  BS_E_CORRUPT);
    BSI_TRY(bsi_json_enter_array(&json));
    if (bsi_json_next_item(&json) == BS_OK) {
        BSI_TRY(bsi_json_read_string(&json, scratch, &source));
    }
    if (source.size == 0 || bsi_json_next_item(&json) != BS_END) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "strip_source: the backup has more than one source");
    }
    *out = (bsi_slice){source.data + 1, source.size - 1};
    return BS_OK;
}

/*
 * What lies in front of all that the source has: its own path; of a file, the directory that it
 * is in; and nothing, where the entries do not say where they were.
 */
static bs_status find_front(bsi_restore *restore, bsi_slice source, char **out)
{
    const bsi_manifest_entry *first = NULL;
    bsi_slice dir = {"", 0};
    bsi_slice name = {0};
    bs_status status = restore->source->rewind(restore);

    do {
        BSI_TRY(status);
        status = restore->source->next(restore, &first);
    } while (status == BS_OK && first->listed.entry.stat.type == BSI_TYPE_DIR &&
             bsi_path_is_below(source, first->listed.entry.path));
    BSI_TRY(status);
    if (status == BS_OK && first->listed.entry.stat.type != BSI_TYPE_DIR) {
        bsi_path_split(first->listed.entry.path, &dir, &name);
    } else if (status == BS_OK && bsi_slice_equal(first->listed.entry.path, source)) {
        dir = source;
    }
    *out = bsi_strndup(dir.data, dir.size);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status find_stripped(bsi_restore *restore, char **out)
{
    bsi_slice source = {0};
    bsi_buf scratch;
    bs_status status = BS_OK;

    bsi_buf_init(&scratch, BSI_PATH_MAX);
    status = find_source(restore->source->info, &scratch, &source);
    if (status >= 0) {
        status = find_front(restore, source, out);
    }
    bsi_buf_dispose(&scratch);
    return status;
}

/* --- The passes --- */

typedef bs_status (*visit_cb)(bsi_restore *restore, const bsi_manifest_entry *entry, bool wanted);

static bs_status find_wanted(bsi_restore *restore, const bsi_entry *entry, bool *out)
{
    BSI_TRY(bsi_selection_wants(restore->selection, entry, out));
    *out = *out && (!restore->plan->sample || bsi_sample_has(restore->plan->sample, entry));
    return BS_OK;
}

static bs_status each_entry(bsi_restore *restore, visit_cb visit)
{
    const bsi_manifest_entry *entry = NULL;
    bs_status status = restore->source->rewind(restore);

    BSI_TRY(status);
    while ((status = restore->source->next(restore, &entry)) == BS_OK) {
        bool wanted = false;
        BSI_TRY(bsi_call_check(restore->env.call));
        if (atomic_load(&restore->stop)) {
            return BS_OK; /* The failure is kept. */
        }
        BSI_TRY(find_wanted(restore, &entry->listed.entry, &wanted));
        BSI_TRY(visit(restore, entry, wanted));
    }
    return status < 0 ? status : BS_OK;
}

typedef struct totals {
    uint64_t files;
    uint64_t bytes;
    uint64_t entries;
} totals;

static bs_status count_wanted(bsi_restore *restore, totals *out)
{
    const bsi_manifest_entry *entry = NULL;
    bs_status status = restore->source->rewind(restore);

    BSI_TRY(status);
    while ((status = restore->source->next(restore, &entry)) == BS_OK) {
        bool wanted = false;
        BSI_TRY(bsi_call_check(restore->env.call));
        BSI_TRY(find_wanted(restore, &entry->listed.entry, &wanted));
        if (wanted) {
            const bool file = entry->listed.entry.stat.type == BSI_TYPE_FILE;
            out->entries++;
            out->files += file ? 1 : 0;
            out->bytes += file ? entry->listed.entry.stat.size : 0;
        }
    }
    return status < 0 ? status : BS_OK;
}

/* Keep the stack of directories on the way to `entry`; what is left of it is handed to `finish`. */
static bs_status leave_dirs(bsi_restore *restore, bsi_slice path,
                            bs_status (*finish)(bsi_restore *restore, const bsi_entry *dir))
{
    const bsi_entry *dir = NULL;
    bs_status status = BS_OK;

    while ((status = bsi_dir_stack_pop_beside(restore->dirs, path, &dir)) == BS_OK) {
        const size_t level = bsi_dir_stack_count(restore->dirs);
        const bool made = level < restore->dirs_made;
        restore->dirs_made = made ? level : restore->dirs_made;
        BSI_TRY(made && finish ? finish(restore, dir) : BS_OK);
    }
    return status < 0 ? status : BS_OK;
}

static bs_status make_dir(bsi_restore *restore, const bsi_entry *dir)
{
    bsi_entry placed;

    if (!place(restore, dir, &placed)) {
        return BS_OK;
    }
    return bsi_restore_settle(restore, dir->path, bsi_target_dir(restore->target, &placed));
}

static bs_status make_dirs(bsi_restore *restore)
{
    const bsi_entry *dir = NULL;
    bs_status status = BS_OK;

    while ((status = bsi_dir_stack_at(restore->dirs, restore->dirs_made, &dir)) == BS_OK) {
        restore->dirs_made++;
        BSI_TRY(make_dir(restore, dir));
    }
    return status < 0 ? status : BS_OK;
}

/* First pass: directories, and files under their first name. */
static bs_status visit_content(bsi_restore *restore, const bsi_manifest_entry *entry, bool wanted)
{
    const bsi_entry *listed = &entry->listed.entry;
    bsi_entry placed;

    BSI_TRY(leave_dirs(restore, listed->path, NULL));
    if (listed->stat.type == BSI_TYPE_DIR) {
        BSI_TRY(bsi_dir_stack_push(restore->dirs, listed));
    }
    if (!wanted) {
        return BS_OK;
    }
    BSI_TRY(make_dirs(restore));
    if (listed->stat.type != BSI_TYPE_FILE || listed->linked.size > 0 ||
        !place(restore, listed, &placed)) {
        return BS_OK;
    }
    return restore->source->file(restore, &placed, entry);
}

static bs_status restore_other(bsi_restore *restore, const bsi_entry *placed)
{
    if (placed->stat.type == BSI_TYPE_SYMLINK) {
        return bsi_target_symlink(restore->target, placed);
    }
    return bsi_target_node(restore->target, placed);
}

/* A further name; where it cannot be one, it becomes a thing of its own. */
static bs_status restore_link(bsi_restore *restore, bsi_entry *placed,
                              const bsi_manifest_entry *entry)
{
    const bool file = placed->stat.type == BSI_TYPE_FILE;
    bs_status status = bsi_target_hardlink(restore->target, placed);

    if (status == BS_E_NOT_FOUND) {
        placed->linked = (bsi_slice){0};
        if (file) {
            return restore->source->file(restore, placed, entry);
        }
        status = restore_other(restore, placed);
    }
    if (file) {
        bsi_progress_add(restore->env.progress, 1, placed->stat.size);
    }
    return bsi_restore_settle(restore, placed->path, status);
}

/* Second pass: what refers to files, or is none. A head is no link, and comes before its links. */
static bs_status visit_links(bsi_restore *restore, const bsi_manifest_entry *entry, bool wanted)
{
    bsi_entry placed;

    if (!wanted || !place(restore, &entry->listed.entry, &placed) ||
        placed.stat.type == BSI_TYPE_DIR) {
        return BS_OK;
    }
    if (placed.linked.size > 0) {
        return restore_link(restore, &placed, entry);
    }
    if (placed.stat.type == BSI_TYPE_FILE) {
        return BS_OK;
    }
    return bsi_restore_settle(restore, placed.path, restore_other(restore, &placed));
}

static bs_status finish_dir(bsi_restore *restore, const bsi_entry *dir)
{
    bsi_entry placed;
    bs_status status = BS_OK;

    if (place(restore, dir, &placed)) {
        status = bsi_target_dir_finish(restore->target, &placed);
    } else if (bsi_slice_is(dir->path, restore->stripped)) {
        status = bsi_target_root_finish(restore->target, dir); /* The source itself. */
    }
    return bsi_restore_settle(restore, dir->path, status);
}

/* Third pass: directories get their metadata when nothing in them changes any more. */
static bs_status visit_dirs(bsi_restore *restore, const bsi_manifest_entry *entry, bool wanted)
{
    BSI_TRY(leave_dirs(restore, entry->listed.entry.path, finish_dir));
    if (entry->listed.entry.stat.type == BSI_TYPE_DIR) {
        BSI_TRY(bsi_dir_stack_push(restore->dirs, &entry->listed.entry));
    }
    if (wanted) {
        restore->dirs_made = bsi_dir_stack_count(restore->dirs);
    }
    return BS_OK;
}

/* All files are done when it returns. */
static bs_status pass_once(bsi_restore *restore, visit_cb visit)
{
    bs_status status = each_entry(restore, visit);

    if (status >= 0 && restore->source->flush) {
        status = restore->source->flush(restore);
    }
    BSI_TRY(bsi_restore_drain(restore));
    return status;
}

/* --- Files that are tried again --- */

uint64_t bsi_restore_number(bsi_slice path)
{
    uint64_t number = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < path.size; i++) {
        number = (number ^ (uint8_t)path.data[i]) * 1099511628211u;
    }
    return number;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* The directories are there. */
static bs_status visit_again(bsi_restore *restore, const bsi_manifest_entry *entry, bool wanted)
{
    const bsi_restore_again *again = restore->trying;
    bsi_entry placed;
    uint64_t number = 0;

    if (!wanted || entry->listed.entry.stat.type != BSI_TYPE_FILE ||
        !place(restore, &entry->listed.entry, &placed)) {
        return BS_OK;
    }
    number = bsi_restore_number(placed.path);
    if (!bsearch(&number, again->paths, again->count, sizeof(number), compare_numbers)) {
        return BS_OK;
    }
    placed.linked = (bsi_slice){0};
    return restore->source->file(restore, &placed, entry);
}

static bs_status try_again(bsi_restore *restore)
{
    bsi_restore_again again = restore->deferred;
    bs_status status = BS_OK;

    restore->deferred = (bsi_restore_again){0};
    bsi_error_restore(&again.first);
    if (bsi_fallback_advance(restore->env.storage)) {
        restore->source->again(restore);
        restore->defers = bsi_fallback_has_next(restore->env.storage);
    }
    qsort(again.paths, again.count, sizeof(*again.paths), compare_numbers);
    restore->trying = &again;
    status = pass_once(restore, visit_again);
    restore->trying = NULL;
    bsi_free(again.paths);
    return status;
}

/* With whatever other copies can give. */
static bs_status pass_files(bsi_restore *restore, visit_cb visit)
{
    BSI_TRY(pass_once(restore, visit));
    while (restore->deferred.count > 0) {
        BSI_TRY(try_again(restore));
    }
    return BS_OK;
}

static bs_status run_passes(bsi_restore *restore)
{
    BSI_TRY(pass_files(restore, visit_content));
    BSI_TRY(pass_files(restore, visit_links));
    bsi_dir_stack_clear(restore->dirs);
    restore->dirs_made = 0;
    BSI_TRY(each_entry(restore, visit_dirs));
    BSI_TRY(leave_dirs(restore, (bsi_slice){0}, finish_dir));
    return bsi_target_sync(restore->target);
}

/* --- The run --- */

static bs_status prepare(bsi_restore *restore)
{
    totals wanted = {0};

    BSI_TRY(bsi_selection_new(restore->plan->paths, &restore->selection));
    BSI_TRY(bsi_dir_stack_new(&restore->dirs));
    BSI_TRY(count_wanted(restore, &wanted));
    if (wanted.entries == 0 && restore->plan->paths && restore->plan->paths[0]) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "nothing in the backup is called '%s'",
                        restore->plan->paths[0]);
    }
    bsi_selection_report_unmet(restore->selection, &restore->warn);
    bsi_progress_set_total(restore->env.progress, wanted.files, wanted.bytes);
    return bsi_target_check_space(restore->target, wanted.bytes, wanted.entries);
}

static bs_status open_target(bsi_restore *restore)
{
    bsi_target_options options = restore->plan->target;

    options.warn = &restore->warn;
    return bsi_target_open(restore->plan->restore_path, &options, restore->env.call,
                           &restore->target);
}

static bs_status outcome(const bsi_restore *restore)
{
    const uint64_t damaged = atomic_load(&restore->damaged);
    const uint64_t unread = atomic_load(&restore->unread);

    if (damaged > 0) {
        return bsi_fail(
            BS_LAYER_STORAGE, BS_E_CORRUPT,
            "%llu entries are damaged on the storage and were not restored; the rest was",
            (unsigned long long)damaged);
    }
    if (unread > 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO,
                        "%llu entries could not be read from the storage and were not restored; "
                        "the rest was",
                        (unsigned long long)unread);
    }
    return atomic_load(&restore->warned) > 0 ? BS_PARTIAL : BS_OK;
}

bs_status bsi_restore_run(const bsi_vault_env *env, const bsi_restore_plan *plan,
                          const bsi_restore_source *source, bsi_restore_result *out)
{
    bsi_restore restore = {.env = *env, .plan = plan, .source = source, .next_warn = env->warn};
    char *stripped = NULL;
    bs_error failure;
    bs_status status = BS_OK;

    restore.warn = (bsi_warn){report, &restore};
    restore.env.warn = &restore.warn;
    bsi_mutex_init(&restore.lock);
    bsi_latch_init(&restore.under_way);
    if (plan->strip_source) {
        status = find_stripped(&restore, &stripped);
        restore.stripped = stripped;
    }
    if (status >= 0) {
        status = open_target(&restore);
    }
    if (status >= 0) {
        out->begun = true;
        restore.defers = source->again && bsi_fallback_has_next(env->storage);
        status = prepare(&restore);
    }
    if (status >= 0) {
        status = run_passes(&restore);
    }
    bsi_error_save(&failure);
    bsi_target_close(restore.target);
    bsi_error_restore(&failure);
    if (status >= 0) {
        status = outcome(&restore);
    }
    out->files_skipped = atomic_load(&restore.skipped);
    bsi_free(restore.deferred.paths);
    bsi_selection_free(restore.selection);
    bsi_dir_stack_free(restore.dirs);
    bsi_latch_dispose(&restore.under_way);
    bsi_mutex_dispose(&restore.lock);
    bsi_free(stripped);
    return status;
}
