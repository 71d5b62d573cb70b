/* SPDX-License-Identifier: MIT */
/*
 * The engine over the real layers below: what programs see of backups,
 * restores, verifications and removals.
 */
#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine_fixture.h"
#include "os/file.h"
#include "support/compare.h"
#include "support/tree.h"

enum { SAME = COMPARE_NO_SOCKETS | COMPARE_NO_TOP };

static void every_type_brings_its_own_state_back(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "daily");
    char ids[3][BS_ID_SIZE];
    char copies[3][320];
    bs_backup_info *info = NULL;

    tree_build(engine->source, TREE_EVERYTHING & ~TREE_SOCKETS & ~TREE_SPECIAL);
    options.compression = BS_COMPRESSION_TAR_ZST;
    for (int i = 0; i < 3; i++) {
        static const bs_backup_type types[] = {BS_BACKUP_FULL, BS_BACKUP_INCREMENTAL,
                                               BS_BACKUP_DIFFERENTIAL};
        options.backup_type = types[i];
        assert_ok(bs_backup_start(engine->service, &options, ids[i]));
        assert_true(bs_backup_wait(engine->service, ids[i], BS_FOREVER) >= 0);
        info = engine_get(engine, ids[i]);
        assert_int_equal(info->backup_type, types[i]);
        assert_string_equal(info->base_id, i == 0 ? "" : ids[0]);
        assert_true(info->progress == 100);
        bs_backup_info_free(info);
        engine_restore(engine, ids[i]);
        assert_trees_equal(engine->source, engine->target, SAME);
        (void)snprintf(copies[i], sizeof(copies[i]), "%s/copy%d", engine->dir->path, i);
        assert_int_equal(rename(engine->target, copies[i]), 0);
        if (i < 2) {
            tree_mutate(engine->source, (uint64_t)i + 1, 40);
        }
    }
    for (int i = 0; i < 3; i++) { /* What came later took nothing from what came before. */
        engine_restore(engine, ids[i]);
        assert_trees_equal(copies[i], engine->target, SAME);
        tree_remove(copies[i]);
    }
}

static void restore_stripped(engine_fixture *engine, const char *id, bool overwrite,
                             bs_status expected)
{
    bs_restore_options options = BS_RESTORE_OPTIONS_INIT;
    char restore_id[BS_ID_SIZE];

    options.backup_id = id;
    options.restore_path = engine->target;
    options.strip_source = true;
    options.overwrite = overwrite;
    assert_ok(bs_restore_start(engine->service, &options, restore_id));
    assert_status(bs_restore_wait(engine->service, restore_id, BS_FOREVER), expected);
}

static uint32_t mode_of(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void a_stripped_source_gives_the_target_its_own_metadata(void **state)
{
    engine_fixture *engine = *state;
    const struct timespec times[] = {{1000000000, 1}, {1000000000, 123456789}};
    bs_backup_options options = engine_options(engine, "daily");
    char id[BS_ID_SIZE];

    tree_build(engine->source, 0);
    assert_int_equal(chmod(engine->source, 0750), 0);
    assert_int_equal(utimensat(AT_FDCWD, engine->source, times, 0), 0);
    engine_backup(engine, &options, BS_OK, id);
    restore_stripped(engine, id, false, BS_OK);
    assert_trees_equal(engine->source, engine->target, COMPARE_NO_SOCKETS);
    assert_int_equal(chmod(engine->target, 0711), 0);
    restore_stripped(engine, id, false, BS_PARTIAL); /* All of it is there. */
    assert_int_equal(mode_of(engine->target), 0711);
    restore_stripped(engine, id, true, BS_OK);
    assert_trees_equal(engine->source, engine->target, COMPARE_NO_SOCKETS);
}

static void an_incremental_without_a_base_becomes_a_full_and_says_so(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "daily");
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];

    tree_build(engine->source, 0);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    assert_int_equal(info->backup_type, BS_BACKUP_FULL);
    assert_non_null(strstr(info->note, "no earlier backup"));
    bs_backup_info_free(info);
}

static void a_damaged_base_makes_a_full(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "daily");
    bs_backup_info *info = NULL;
    char path[700];
    char id[BS_ID_SIZE];

    tree_build(engine->source, 0);
    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    (void)snprintf(path, sizeof(path), "%s/storage/%s", engine->state, info->manifest_path);
    bs_backup_info_free(info);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 100), 0);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    assert_int_equal(info->backup_type, BS_BACKUP_FULL);
    assert_non_null(strstr(info->note, "cannot be used"));
    bs_backup_info_free(info);
    engine_restore(engine, id);
    assert_trees_equal(engine->source, engine->target, SAME);
}

static void a_mirror_replaces_the_one_before(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "copy");
    bs_backup_page *page = NULL;
    char ids[2][BS_ID_SIZE];

    tree_build(engine->source, 0);
    options.backup_type = BS_BACKUP_MIRROR;
    engine_backup(engine, &options, BS_OK, ids[0]);
    tree_mutate(engine->source, 7, 10);
    assert_ok(bs_backup_start(engine->service, &options, ids[1]));
    assert_true(bs_backup_wait(engine->service, ids[1], BS_FOREVER) >= 0);
    assert_ok(bs_backup_list(engine->service, NULL, &page));
    assert_int_equal(page->total, 1);
    assert_string_equal(page->items[0]->id, ids[1]);
    assert_int_equal(page->items[0]->form, BS_FORM_MIRROR);
    bs_backup_page_free(page);
    engine_restore(engine, ids[1]);
    assert_trees_equal(engine->source, engine->target, SAME);
}

static void a_command_and_a_callback_become_one_file(void **state)
{
    engine_fixture *engine = *state;
    static const char *const argv[] = {"printf", "hello", NULL};
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    bs_backup_info *info = NULL;
    engine_gate gate = {0, 1};
    char id[BS_ID_SIZE];

    options.name = "dump";
    options.source_command = argv;
    options.source_name = "dump.txt";
    options.backup_type = BS_BACKUP_INCREMENTAL;
    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    assert_int_equal(info->backup_type, BS_BACKUP_FULL);
    assert_non_null(strstr(info->note, "stream"));
    assert_string_equal(info->source_paths[0], "printf");
    assert_int_equal(info->bytes_processed, 5);
    bs_backup_info_free(info);

    options.source_command = NULL;
    options.source_callback = engine_slow_source;
    options.source_user = &gate;
    engine_backup(engine, &options, BS_OK, id);
}

static void a_failing_command_fails_the_backup_with_its_error(void **state)
{
    engine_fixture *engine = *state;
    static const char *const argv[] = {"false", NULL};
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];

    options.name = "dump";
    options.source_command = argv;
    engine_backup(engine, &options, BS_E_COMMAND, id);
    info = engine_get(engine, id);
    assert_int_equal(info->status, BS_STATE_FAILED);
    assert_int_equal(info->error.code, BS_E_COMMAND);
    assert_int_equal(info->error.layer, BS_LAYER_SOURCE);
    bs_backup_info_free(info);
    engine_close(engine);
    engine_open(engine);
    assert_status(bs_backup_wait(engine->service, id, 0), BS_E_COMMAND);
}

/* --- Requests --- */

static void all_complaints_come_at_once(void **state)
{
    engine_fixture *engine = *state;
    static const char *const paths[] = {"relative", "/nonexistent-source", "/a/../b", NULL};
    static const char *const patterns[] = {"*.tmp", "[", NULL};
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    const char *message = bs_error_last()->message;
    char id[BS_ID_SIZE] = "unset";

    options.name = ".hidden";
    options.source_paths = paths;
    options.form = BS_FORM_MIRROR;
    options.storage = "nowhere";
    options.compression = BS_COMPRESSION_TAR_GZ;
    options.compression_level = 99;
    options.exclude_patterns = patterns;
    options.retention_days = -5;
    options.metadata = "[1]";
    assert_status(bs_backup_start(engine->service, &options, id), BS_E_INVALID);
    assert_string_equal(id, "unset");
    assert_non_null(strstr(message, "name: takes"));
    assert_non_null(strstr(message, "source_paths[0]: takes an absolute path"));
    assert_non_null(strstr(message, "source_paths[1]: "));
    assert_non_null(strstr(message, "source_paths[2]: takes a path without '..'"));
    assert_non_null(strstr(message, "form: a full backup has the form archive or repository"));
    assert_non_null(strstr(message, "storage: there is no storage 'nowhere'; there are: local"));
    assert_non_null(strstr(message, "compression_level: tar.gz takes"));
    assert_non_null(strstr(message, "exclude_patterns[1]: "));
    assert_non_null(strstr(message, "retention_days: takes"));
    assert_non_null(strstr(message, "metadata: takes a JSON object"));
}

static void a_single_kind_of_complaint_has_its_own_code(void **state)
{
    engine_fixture *engine = *state;
    static const char *const missing[] = {"/nonexistent-source", NULL};
    bs_backup_options options = engine_options(engine, "daily");
    char id[BS_ID_SIZE];

    tree_build(engine->source, 0);
    options.storage = "nowhere";
    assert_status(bs_backup_start(engine->service, &options, id), BS_E_NOT_FOUND);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
    options.storage = NULL;
    options.source_paths = missing;
    assert_status(bs_backup_start(engine->service, &options, id), BS_E_NOT_FOUND);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_SOURCE);
}

/* Objects in one another. */
static void nest(char *out, size_t levels)
{
    for (size_t i = 1; i < levels; i++) {
        out = stpcpy(out, "{\"a\":");
    }
    out = stpcpy(out, "{}");
    memset(out, '}', levels - 1);
    out[levels - 1] = '\0';
}

/* As a part of the documents that it is kept in. */
static void metadata_of_most_levels_is_read_again(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "daily");
    bs_backup_info *info = NULL;
    bs_rebuild_report report;
    char metadata[512];
    char id[BS_ID_SIZE];

    tree_build(engine->source, 0);
    options.metadata = metadata;
    nest(metadata, 32);
    engine_backup(engine, &options, BS_OK, id);
    assert_ok(bs_catalog_rebuild(engine->service, &report));
    info = engine_get(engine, id);
    assert_string_equal(info->metadata, metadata);
    bs_backup_info_free(info);
    nest(metadata, 33);
    assert_status(bs_backup_start(engine->service, &options, id), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "metadata: "));
}

static void the_state_directory_is_no_source_and_no_target(void **state)
{
    engine_fixture *engine = *state;
    const char *inside[] = {engine->state, NULL};
    const char *around[] = {engine->dir->path, NULL};
    bs_backup_options options = engine_options(engine, "daily");
    bs_restore_options restore = BS_RESTORE_OPTIONS_INIT;
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];

    tree_build(engine->source, 0);
    options.source_paths = inside;
    assert_status(bs_backup_start(engine->service, &options, id), BS_E_INVALID);
    options.source_paths = around;
    engine_backup(engine, &options, BS_PARTIAL, id);
    info = engine_get(engine, id);
    assert_int_equal(info->warnings_count, 1);
    assert_non_null(strstr(info->warnings[0].path, "state"));
    bs_backup_info_free(info);
    restore.backup_id = id;
    restore.restore_path = engine->state;
    assert_status(bs_restore_start(engine->service, &restore, id), BS_E_INVALID);
}

static void a_source_inside_another_is_read_once(void **state)
{
    engine_fixture *engine = *state;
    char inner[320];
    const char *paths[] = {inner, engine->source, NULL};
    bs_backup_options options = engine_options(engine, "daily");
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];

    tree_build(engine->source, 0);
    (void)snprintf(inner, sizeof(inner), "%s/nested", engine->source);
    assert_int_equal(mkdir(inner, 0755), 0);
    options.source_paths = paths;
    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    assert_non_null(strstr(info->note, "lies in source"));
    assert_string_equal(info->source_paths[0], inner);
    bs_backup_info_free(info);
}

/* --- Looking at them --- */

static int count_entry(void *user, const bs_entry *entry)
{
    assert_true(entry->path_size > 0);
    *(size_t *)user += 1;
    return 0;
}

static int stop_at_once(void *user, const bs_entry *entry)
{
    (void)user;
    (void)entry;
    return 1;
}

typedef struct collected {
    char bytes[64];
    size_t size;
} collected;

static int collect(void *user, const void *data, size_t size)
{
    collected *all = user;

    if (all->size < sizeof(all->bytes)) {
        const size_t room = sizeof(all->bytes) - all->size;
        memcpy(all->bytes + all->size, data, size < room ? size : room);
    }
    all->size += size;
    return 0;
}

static void a_backup_can_be_browsed_read_and_downloaded(void **state)
{
    engine_fixture *engine = *state;
    static const char *const argv[] = {"printf", "hello", NULL};
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    bs_backup_info *info = NULL;
    collected all = {.size = 0};
    collected range = {.size = 0};
    size_t count = 0;
    char id[BS_ID_SIZE];

    options.name = "dump";
    options.source_command = argv;
    engine_backup(engine, &options, BS_OK, id);
    assert_ok(bs_backup_entries(engine->service, "latest:dump", NULL, true, count_entry, &count));
    assert_int_equal(count, 1);
    assert_status(bs_backup_entries(engine->service, id, "", false, stop_at_once, NULL),
                  BS_E_CALLBACK);
    assert_status(bs_backup_entries(engine->service, id, "no/such", false, count_entry, &count),
                  BS_E_NOT_FOUND);
    assert_ok(bs_backup_read(engine->service, id, "/output", collect, &all));
    assert_int_equal(all.size, 5);
    assert_memory_equal(all.bytes, "hello", 5);
    assert_status(bs_backup_read(engine->service, id, "nothing", collect, &all), BS_E_NOT_FOUND);

    info = engine_get(engine, id);
    all.size = 0;
    assert_ok(bs_backup_download(engine->service, id, 0, UINT64_MAX, collect, &all));
    assert_true(all.size > 0 && all.size < info->backup_size);
    assert_memory_equal(all.bytes, "PK", 2);
    assert_ok(bs_backup_download(engine->service, id, 1, 1, collect, &range));
    assert_int_equal(range.size, 1);
    assert_status(
        bs_backup_download(engine->service, id, info->backup_size + 1, 1, collect, &range),
        BS_E_RANGE);
    bs_backup_info_free(info);
}

static void lists_come_in_pages_newest_first(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "a");
    bs_backup_filter filter = BS_BACKUP_FILTER_INIT;
    const bs_job_state failed = BS_STATE_FAILED;
    bs_backup_page *page = NULL;
    char ids[3][BS_ID_SIZE];

    tree_build(engine->source, 0);
    engine_backup(engine, &options, BS_OK, ids[0]);
    options.name = "b";
    engine_backup(engine, &options, BS_OK, ids[1]);
    engine_backup(engine, &options, BS_OK, ids[2]);
    filter.limit = 1;
    filter.offset = 1;
    assert_ok(bs_backup_list(engine->service, &filter, &page));
    assert_int_equal(page->total, 3);
    assert_int_equal(page->count, 1);
    assert_string_equal(page->items[0]->id, ids[1]);
    bs_backup_page_free(page);
    filter = (bs_backup_filter)BS_BACKUP_FILTER_INIT;
    filter.name = "a";
    assert_ok(bs_backup_list(engine->service, &filter, &page));
    assert_int_equal(page->total, 1);
    bs_backup_page_free(page);
    filter.status = &failed;
    assert_ok(bs_backup_list(engine->service, &filter, &page));
    assert_int_equal(page->total, 0);
    bs_backup_page_free(page);
}

static void statistics_agree_with_the_list(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "a");
    bs_stats_info *stats = NULL;
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];

    tree_build(engine->source, 0);
    engine_backup(engine, &options, BS_OK, id);
    options.name = "b";
    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    assert_ok(bs_stats(engine->service, &stats));
    assert_int_equal(stats->total_backups, 2);
    assert_int_equal(stats->completed_backups, 2);
    assert_int_equal(stats->names, 2);
    assert_int_equal(stats->source_bytes, 2 * info->bytes_processed);
    assert_string_equal(stats->newest_backup_at, info->created_at);
    assert_true(stats->storage_free_bytes > 0);
    bs_stats_info_free(stats);
    bs_backup_info_free(info);
}

/* --- Verification and removal --- */

static void damage_is_found_and_told_with_its_files(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "daily");
    bs_backup_info *info = NULL;
    bs_verify_info *verify = NULL;
    char path[700];
    char id[BS_ID_SIZE];
    char verify_id[BS_ID_SIZE];

    tree_build(engine->source, 0);
    engine_backup(engine, &options, BS_OK, id);
    assert_ok(bs_verify_start(engine->service, id, verify_id));
    assert_ok(bs_verify_wait(engine->service, verify_id, BS_FOREVER));
    info = engine_get(engine, id);
    (void)snprintf(path, sizeof(path), "%s/storage/%s", engine->state, info->backup_file_path);
    bs_backup_info_free(info);
    engine_close(engine);
    assert_int_equal(unlink(path), 0);
    engine_open(engine);
    assert_ok(bs_verify_start(engine->service, id, verify_id));
    assert_status(bs_verify_wait(engine->service, verify_id, BS_FOREVER), BS_E_MISSING);
    engine_close(engine);
    engine_open(engine);
    assert_ok(bs_verify_get(engine->service, verify_id, &verify));
    assert_int_equal(verify->status, BS_STATE_FAILED);
    assert_int_equal(verify->damages_count, 1);
    assert_true(verify->damages[0].paths_count > 0);
    assert_non_null(verify->damages[0].paths[0]);
    assert_int_equal(verify->error.code, BS_E_MISSING);
    bs_verify_info_free(verify);
}

static void what_others_need_goes_only_with_them(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "daily");
    char ids[3][BS_ID_SIZE];
    uint64_t removed = 0;
    bs_backup_page *page = NULL;

    tree_build(engine->source, 0);
    engine_backup(engine, &options, BS_OK, ids[0]);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    engine_backup(engine, &options, BS_OK, ids[1]);
    engine_backup(engine, &options, BS_OK, ids[2]);
    assert_status(bs_backup_delete(engine->service, ids[0], false, &removed), BS_E_NEEDED);
    assert_non_null(strstr(bs_error_last()->message, ids[1]));
    assert_ok(bs_backup_delete(engine->service, ids[2], false, &removed));
    assert_int_equal(removed, 1);
    assert_ok(bs_backup_delete(engine->service, ids[0], true, &removed));
    assert_int_equal(removed, 2);
    assert_ok(bs_backup_list(engine->service, NULL, &page));
    assert_int_equal(page->total, 0);
    bs_backup_page_free(page);
    assert_status(bs_backup_delete(engine->service, ids[0], false, NULL), BS_E_NOT_FOUND);
}

/* --- The service --- */

static void a_second_service_finds_the_directory_busy(void **state)
{
    engine_fixture *engine = *state;
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_service *second = NULL;

    options.state_path = engine->state;
    assert_status(bs_service_open(&options, &second), BS_E_BUSY);
    assert_non_null(strstr(bs_error_last()->message, engine->state));
    assert_null(second);
}

static void a_forked_child_is_told_that_the_service_is_not_its_own(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_page *page = NULL;
    int result = 0;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        const bool refused = bs_backup_list(engine->service, NULL, &page) == BS_E_BUSY;
        bs_service_close(engine->service);
        _exit(refused ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_ok(bs_backup_list(engine->service, NULL, &page));
    bs_backup_page_free(page);
}

static void a_named_storage_takes_backups(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "daily");
    char path[320];
    const char *const settings[] = {"path", path, NULL};
    char id[BS_ID_SIZE];

    (void)snprintf(path, sizeof(path), "%s/disk", engine->dir->path);
    assert_int_equal(mkdir(path, 0755), 0);
    tree_build(engine->source, 0);
    assert_ok(bs_service_add_storage(engine->service, "disk", "local", settings));
    assert_status(bs_service_add_storage(engine->service, "disk", "local", settings), BS_E_EXISTS);
    assert_status(bs_service_add_storage(engine->service, "a/b", "local", settings), BS_E_INVALID);
    assert_status(bs_service_add_storage(engine->service, "x", "tape", settings), BS_E_UNSUPPORTED);
    options.storage = "disk";
    engine_backup(engine, &options, BS_OK, id);
    engine_close(engine);
    engine_open(engine);
    assert_status(bs_backup_delete(engine->service, id, false, NULL), BS_E_NOT_FOUND);
    assert_ok(bs_service_add_storage(engine->service, "disk", "local", settings));
    engine_restore(engine, id);
    assert_trees_equal(engine->source, engine->target, SAME);
}

static void a_storage_that_is_empty_all_at_once_is_refused(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "daily");
    char path[320];
    char aside[320];
    const char *const settings[] = {"path", path, NULL};
    char id[BS_ID_SIZE];

    (void)snprintf(path, sizeof(path), "%s/disk", engine->dir->path);
    (void)snprintf(aside, sizeof(aside), "%s/aside", engine->dir->path);
    assert_int_equal(mkdir(path, 0755), 0);
    tree_build(engine->source, TREE_SMALL);
    assert_ok(bs_service_add_storage(engine->service, "disk", "local", settings));
    options.storage = "disk";
    engine_backup(engine, &options, BS_OK, id);
    engine_close(engine);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    engine_open(engine);
    assert_status(bs_service_add_storage(engine->service, "disk", "local", settings), BS_E_MISSING);
    assert_non_null(strstr(bs_error_last()->message, "'disk' is empty, but 1 backups"));
    assert_status(bs_backup_delete(engine->service, id, false, NULL), BS_E_NOT_FOUND);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(aside, path), 0);
    assert_ok(bs_service_add_storage(engine->service, "disk", "local", settings));
    assert_ok(bs_backup_delete(engine->service, id, false, NULL));
    engine_close(engine);
    engine_open(engine); /* Nothing should lie there now. */
    assert_ok(bs_service_add_storage(engine->service, "disk", "local", settings));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_type_brings_its_own_state_back),
        TEST(a_stripped_source_gives_the_target_its_own_metadata),
        TEST(an_incremental_without_a_base_becomes_a_full_and_says_so),
        TEST(a_damaged_base_makes_a_full),
        TEST(a_mirror_replaces_the_one_before),
        TEST(a_command_and_a_callback_become_one_file),
        TEST(a_failing_command_fails_the_backup_with_its_error),
        TEST(all_complaints_come_at_once),
        TEST(a_single_kind_of_complaint_has_its_own_code),
        TEST(metadata_of_most_levels_is_read_again),
        TEST(the_state_directory_is_no_source_and_no_target),
        TEST(a_source_inside_another_is_read_once),
        TEST(a_backup_can_be_browsed_read_and_downloaded),
        TEST(lists_come_in_pages_newest_first),
        TEST(statistics_agree_with_the_list),
        TEST(damage_is_found_and_told_with_its_files),
        TEST(what_others_need_goes_only_with_them),
        TEST(a_second_service_finds_the_directory_busy),
        TEST(a_forked_child_is_told_that_the_service_is_not_its_own),
        TEST(a_named_storage_takes_backups),
        TEST(a_storage_that_is_empty_all_at_once_is_refused),
    };

    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
