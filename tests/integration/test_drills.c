/* SPDX-License-Identifier: MIT */
/*
 * Restore drills: what they restore, find, measure, tell and leave behind.
 */
#include "support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine_fixture.h"
#include "support/tree.h"

enum { FILES = 250, FILE_SIZE = 700, PATH_SIZE = 1000 };

/* --- Setting up --- */

static void write_file(const engine_fixture *engine, unsigned number, uint64_t seed)
{
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/%u/%03u", engine->source, number % 7, number);
    tree_write(path, FILE_SIZE, seed);
}

static void write_files(const engine_fixture *engine)
{
    char path[PATH_SIZE];

    assert_int_equal(mkdir(engine->source, 0755), 0);
    for (unsigned i = 0; i < 7; i++) {
        (void)snprintf(path, sizeof(path), "%s/%u", engine->source, i);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    for (unsigned i = 0; i < FILES; i++) {
        write_file(engine, i, i + 1);
    }
}

static void backup(engine_fixture *engine, bs_backup_type type, bs_compression compression,
                   char id_out[BS_ID_SIZE])
{
    bs_backup_options options = engine_options(engine, "home");

    options.backup_type = type;
    options.compression = compression;
    engine_backup(engine, &options, BS_OK, id_out);
}

/* Names in a directory; a missing one has none. */
static size_t count_names(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;

    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    if (dir) {
        (void)closedir(dir);
    }
    return count;
}

static void check_no_scratch(const engine_fixture *engine)
{
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/tmp", engine->state);
    assert_int_equal(count_names(path), 0);
}

/* Run one to its end; its info is freed by the caller. */
static bs_drill_info *drill(engine_fixture *engine, const bs_drill_options *options,
                            bs_status expected)
{
    bs_drill_info *info = NULL;
    char id[BS_ID_SIZE];

    assert_ok(bs_drill_start(engine->service, options, id));
    assert_status(bs_drill_wait(engine->service, id, BS_FOREVER), expected);
    assert_ok(bs_drill_get(engine->service, id, &info));
    assert_string_equal(info->id, id);
    check_no_scratch(engine);
    return info;
}

static bs_drill_options options_for(const char *backup_id)
{
    bs_drill_options options = BS_DRILL_OPTIONS_INIT;

    options.backup_id = backup_id;
    return options;
}

/* --- What is restored --- */

static void check_proven(const bs_drill_info *info, uint64_t files)
{
    assert_int_equal(info->status, BS_STATE_COMPLETED);
    assert_true(info->proven);
    assert_int_equal(info->files_restored, files);
    assert_int_equal(info->bytes_restored, files * FILE_SIZE);
    assert_int_equal(info->files_processed, files);
    assert_int_equal(info->files_wrong, 0);
    assert_int_equal(info->backup_files, FILES);
    assert_int_equal(info->backup_bytes, FILES * FILE_SIZE);
    assert_true(info->restore_seconds > 0);
    assert_string_equal(info->name, "home");
    assert_true(info->progress == 100);
}

static void a_sample_has_as_many_files_as_were_asked_for(void **state)
{
    static const struct {
        int32_t files;
        int32_t percent;
        bool all;
        uint64_t expected;
    } cases[] = {
        {0, 0, false, 100},       {1, 0, false, 1},        {37, 0, false, 37},
        {FILES, 0, false, FILES}, {9999, 0, false, FILES}, {0, 1, false, 3},
        {0, 50, false, 125},      {0, 100, false, FILES},  {0, 0, true, FILES},
    };
    engine_fixture *engine = *state;
    bs_drill_options options = options_for("latest:home");
    char id[BS_ID_SIZE];

    write_files(engine);
    backup(engine, BS_BACKUP_FULL, BS_COMPRESSION_ZIP, id);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bs_drill_info *info = NULL;
        options.sample_files = cases[i].files;
        options.sample_percent = cases[i].percent;
        options.all = cases[i].all;
        info = drill(engine, &options, BS_OK);
        assert_string_equal(info->backup_id, id);
        check_proven(info, cases[i].expected);
        bs_drill_info_free(info);
    }
}

static void every_form_can_be_drilled(void **state)
{
    static const bs_compression containers[] = {BS_COMPRESSION_NONE,    BS_COMPRESSION_TAR_GZ,
                                                BS_COMPRESSION_TAR_BZ2, BS_COMPRESSION_TAR_ZST,
                                                BS_COMPRESSION_7Z,      BS_COMPRESSION_ZIP};
    engine_fixture *engine = *state;
    bs_drill_options options = options_for("latest:home");
    char id[BS_ID_SIZE];

    write_files(engine);
    options.sample_files = 40;
    for (size_t i = 0; i < sizeof(containers) / sizeof(containers[0]); i++) {
        backup(engine, BS_BACKUP_FULL, containers[i], id);
        write_file(engine, (unsigned)i, 1000 + i);
        backup(engine, BS_BACKUP_INCREMENTAL, containers[i], id);
        bs_drill_info *info = drill(engine, &options, BS_OK);
        check_proven(info, 40);
        bs_drill_info_free(info);
    }
    backup(engine, BS_BACKUP_MIRROR, BS_COMPRESSION_DEFAULT, id);
    bs_drill_info *info = drill(engine, &options, BS_OK);
    assert_string_equal(info->backup_id, id);
    check_proven(info, 40);
    bs_drill_info_free(info);
}

static void what_no_key_opens_is_not_proven(void **state)
{
    static const char key[] =
        "bsvc-key-1 aa0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    engine_fixture *engine = *state;
    bs_drill_options options = options_for("latest:home");
    bs_backup_options request = engine_options(engine, "home");
    bs_drill_info *info = NULL;
    char id[BS_ID_SIZE];

    write_files(engine);
    request.encryption = BS_ENCRYPTION_AES256;
    request.encryption_key = key;
    engine_backup(engine, &request, BS_OK, id);
    engine_close(engine);
    engine_open(engine);
    info = drill(engine, &options, BS_E_KEY);
    assert_false(info->proven);
    assert_int_equal(info->files_restored, 0);
    bs_drill_info_free(info);
    assert_ok(bs_key_unlock(engine->service, key, NULL));
    info = drill(engine, &options, BS_OK);
    check_proven(info, 100);
    bs_drill_info_free(info);
}

/* Links, holes, modes, odd names, paths that are too long for the system, things that are no files.
 */
static void the_oddest_tree_can_be_drilled(void **state)
{
    engine_fixture *engine = *state;
    bs_drill_options options = options_for("latest:odd");
    bs_backup_options request = engine_options(engine, "odd");
    bs_drill_info *info = NULL;
    char id[BS_ID_SIZE];

    tree_build(engine->source, TREE_EVERYTHING & ~(unsigned)TREE_SOCKETS);
    request.compression = BS_COMPRESSION_TAR_ZST;
    engine_backup(engine, &request, BS_OK, id);
    options.all = true;
    info = drill(engine, &options, BS_OK);
    assert_true(info->proven);
    assert_int_equal(info->warnings_count, 0);
    assert_int_equal(info->files_restored, info->backup_files);
    assert_true(info->files_restored > 10);
    bs_drill_info_free(info);
}

static void an_empty_backup_is_proven_by_restoring_nothing(void **state)
{
    engine_fixture *engine = *state;
    const bs_drill_options options = options_for("latest:home");
    bs_drill_info *info = NULL;
    char id[BS_ID_SIZE];

    assert_int_equal(mkdir(engine->source, 0755), 0);
    backup(engine, BS_BACKUP_FULL, BS_COMPRESSION_ZIP, id);
    info = drill(engine, &options, BS_OK);
    assert_true(info->proven);
    assert_int_equal(info->files_restored, 0);
    bs_drill_info_free(info);
}

/* --- Where --- */

static void the_scratch_directory_may_be_elsewhere(void **state)
{
    engine_fixture *engine = *state;
    bs_drill_options options = options_for("latest:home");
    bs_drill_info *info = NULL;
    char id[BS_ID_SIZE];

    write_files(engine);
    backup(engine, BS_BACKUP_FULL, BS_COMPRESSION_ZIP, id);
    options.scratch_path = engine->target;
    info = drill(engine, &options, BS_E_NOT_FOUND); /* It must be there. */
    assert_int_equal(info->status, BS_STATE_FAILED);
    assert_non_null(strstr(info->error.message, engine->target));
    bs_drill_info_free(info);
    assert_int_equal(mkdir(engine->target, 0755), 0);
    info = drill(engine, &options, BS_OK);
    check_proven(info, 100);
    bs_drill_info_free(info);
    assert_int_equal(count_names(engine->target), 0);
}

static void leave_behind(const char *folder, const char *id, char path_out[PATH_SIZE])
{
    char path[PATH_SIZE + 64];

    (void)snprintf(path_out, PATH_SIZE, "%s/backupsvc-drill-%s", folder, id);
    assert_int_equal(mkdir(path_out, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/file", path_out);
    tree_write(path, 10, 1);
}

/* As a process that died would have left it, a deep tree among it. */
static void what_a_dead_process_left_is_removed(void **state)
{
    engine_fixture *engine = *state;
    char folder[sizeof(engine->state) + 8];
    char path[PATH_SIZE];
    char deep[PATH_SIZE + 16];

    (void)snprintf(folder, sizeof(folder), "%s/tmp", engine->state);
    leave_behind(folder, "01900000-0000-7000-8000-000000000001", path);
    (void)snprintf(deep, sizeof(deep), "%s/deep", path);
    tree_build(deep, TREE_DEEP | TREE_HARD_LINKS);
    engine_close(engine);
    engine_open(engine);
    check_no_scratch(engine);
}

/* --- What is found --- */

static size_t read_whole(const char *path, char **out)
{
    FILE *file = fopen(path, "rb");
    struct stat stat;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &stat), 0);
    *out = malloc((size_t)stat.st_size);
    assert_non_null(*out);
    assert_int_equal(fread(*out, 1, (size_t)stat.st_size, file), stat.st_size);
    (void)fclose(file);
    return (size_t)stat.st_size;
}

static void find_container(engine_fixture *engine, const char *id, char out[PATH_SIZE])
{
    bs_backup_info *info = engine_get(engine, id);

    (void)snprintf(out, PATH_SIZE, "%s/storage/%s", engine->state, info->backup_file_path);
    bs_backup_info_free(info);
}

/* Change one bit in a container, where it holds the content of file 011. */
static void damage(engine_fixture *engine, const char *id)
{
    char path[PATH_SIZE];
    char *content = NULL;
    char *container = NULL;
    char *at = NULL;
    size_t size = 0;
    int fd = -1;

    (void)snprintf(path, sizeof(path), "%s/4/011", engine->source);
    assert_int_equal(read_whole(path, &content), FILE_SIZE);
    find_container(engine, id, path);
    size = read_whole(path, &container);
    at = memmem(container, size, content, FILE_SIZE);
    assert_non_null(at);
    *at = (char)(*at ^ 4);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, at, 1, at - container), 1);
    (void)close(fd);
    free(content);
    free(container);
}

static void damage_is_found_and_named(void **state)
{
    engine_fixture *engine = *state;
    bs_drill_options options = options_for("latest:home");
    bs_drill_info *info = NULL;
    char id[BS_ID_SIZE];

    write_files(engine);
    backup(engine, BS_BACKUP_FULL, BS_COMPRESSION_NONE, id);
    damage(engine, id);
    options.all = true;
    info = drill(engine, &options, BS_E_CORRUPT);
    assert_int_equal(info->status, BS_STATE_FAILED);
    assert_false(info->proven);
    assert_int_equal(info->files_wrong, 1);
    assert_int_equal(info->files_restored, FILES);
    assert_string_equal(info->error.message,
                        "1 of 250 files did not come back as they were backed up");
    assert_int_equal(info->warnings_count, 1);
    assert_int_equal(info->warnings[0].code, BS_E_CORRUPT);
    assert_non_null(strstr(info->warnings[0].path, "source/4/011"));
    bs_drill_info_free(info);
}

static void a_backup_that_is_gone_is_not_proven(void **state)
{
    engine_fixture *engine = *state;
    const bs_drill_options options = options_for("latest:home");
    bs_drill_info *info = NULL;
    char path[PATH_SIZE];
    char id[BS_ID_SIZE];

    write_files(engine);
    backup(engine, BS_BACKUP_FULL, BS_COMPRESSION_TAR_ZST, id);
    find_container(engine, id, path);
    assert_int_equal(unlink(path), 0);
    engine_close(engine); /* It holds the file open. */
    engine_open(engine);
    info = drill(engine, &options, BS_E_CORRUPT);
    assert_int_equal(info->files_wrong, 100);
    assert_false(info->proven);
    bs_drill_info_free(info);
}

/* --- What is asked --- */

static void wrong_options_are_all_told(void **state)
{
    engine_fixture *engine = *state;
    bs_drill_options options = BS_DRILL_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    options.sample_files = -1;
    options.sample_percent = 101;
    options.scratch_path = "relative";
    assert_status(bs_drill_start(engine->service, &options, id), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "backup_id: is missing"));
    assert_non_null(strstr(bs_error_last()->message, "sample_files: takes 1 to"));
    assert_non_null(strstr(bs_error_last()->message, "sample_percent: takes 1 to 100"));
    assert_non_null(strstr(bs_error_last()->message, "takes one of"));
    assert_non_null(strstr(bs_error_last()->message, "scratch_path: takes an absolute path"));
    options = options_for("latest:nothing");
    assert_status(bs_drill_start(engine->service, &options, id), BS_E_NOT_FOUND);
    options.scratch_path = engine->state;
    assert_status(bs_drill_start(engine->service, &options, id), BS_E_INVALID);
    assert_status(bs_drill_wait(engine->service, "01900000-0000-7000-8000-000000000001", 0),
                  BS_E_NOT_FOUND);
}

static void options_come_from_json(void **state)
{
    static const char good[] = "{\"backup_id\":\"latest:home\",\"sample_percent\":5,"
                               "\"scratch_path\":\"/x\"}";
    static const char bad[] = "{\"sample\":5,\"all\":1}";
    bs_drill_options *options = NULL;

    (void)state;
    assert_ok(bs_drill_options_from_json(good, strlen(good), &options));
    assert_int_equal(options->struct_size, sizeof(*options));
    assert_string_equal(options->backup_id, "latest:home");
    assert_int_equal(options->sample_percent, 5);
    assert_string_equal(options->scratch_path, "/x");
    bs_drill_options_free(options);
    assert_status(bs_drill_options_from_json(bad, strlen(bad), &options), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "sample: there is no such field"));
    assert_non_null(strstr(bs_error_last()->message, "all: takes true or false"));
}

/* --- What is told --- */

static void drills_are_listed_newest_first_and_outlive_their_backup(void **state)
{
    engine_fixture *engine = *state;
    const bs_drill_options options = options_for("latest:home");
    bs_drill_filter filter = BS_DRILL_FILTER_INIT;
    bs_drill_page *page = NULL;
    bs_drill_info *first = NULL;
    bs_drill_info *second = NULL;
    char *json = NULL;
    char id[BS_ID_SIZE];

    write_files(engine);
    backup(engine, BS_BACKUP_FULL, BS_COMPRESSION_ZIP, id);
    first = drill(engine, &options, BS_OK);
    second = drill(engine, &options, BS_OK);
    assert_ok(bs_backup_delete(engine->service, id, false, NULL));
    engine_close(engine);
    engine_open(engine);
    assert_ok(bs_drill_list(engine->service, NULL, &page));
    assert_int_equal(page->total, 2);
    assert_int_equal(page->count, 2);
    assert_string_equal(page->items[0]->id, second->id);
    assert_string_equal(page->items[1]->id, first->id);
    check_proven(page->items[0], 100);
    assert_ok(bs_drill_info_to_json(page->items[0], &json));
    assert_non_null(strstr(json, "\"proven\":true,\"files_restored\":100,"));
    bs_free(json);
    bs_drill_page_free(page);
    filter.name = "other";
    assert_ok(bs_drill_list(engine->service, &filter, &page));
    assert_int_equal(page->total, 0);
    bs_drill_page_free(page);
    filter.name = "home";
    filter.limit = 1;
    filter.offset = 1;
    assert_ok(bs_drill_list(engine->service, &filter, &page));
    assert_int_equal(page->total, 2);
    assert_int_equal(page->count, 1);
    assert_string_equal(page->items[0]->id, first->id);
    bs_drill_page_free(page);
    bs_drill_info_free(first);
    bs_drill_info_free(second);
}

static bs_drill_reports *reports(engine_fixture *engine, const char *name, size_t count)
{
    bs_drill_reports *all = NULL;

    assert_ok(bs_drill_list_reports(engine->service, name, &all));
    assert_int_equal(all->count, count);
    return all;
}

static void assert_near(double value, double expected, double distance)
{
    assert_true(value >= expected - distance && value <= expected + distance);
}

static void a_report_tells_what_was_proven_and_how_long_it_takes(void **state)
{
    engine_fixture *engine = *state;
    bs_drill_options options = options_for("latest:home");
    bs_backup_options other = engine_options(engine, "other");
    bs_drill_reports *all = NULL;
    const bs_drill_report *one = NULL;
    bs_drill_info *info = NULL;
    double seconds = 0;
    char *json = NULL;
    char id[BS_ID_SIZE];
    char newer[BS_ID_SIZE];

    assert_status(bs_drill_list_reports(engine->service, "home", &all), BS_E_NOT_FOUND);
    bs_drill_reports_free(reports(engine, NULL, 0));
    write_files(engine);
    backup(engine, BS_BACKUP_FULL, BS_COMPRESSION_NONE, id);
    engine_backup(engine, &other, BS_OK, newer);

    all = reports(engine, "home", 1);
    one = all->items[0];
    assert_string_equal(one->proven_at, "");
    assert_string_equal(one->last_drill_at, "");
    assert_string_equal(one->backup_id, id);
    assert_true(one->expected_seconds == 0);
    bs_drill_reports_free(all);

    for (int i = 0; i < 2; i++) { /* 50 files, then all 250. */
        options.sample_files = i == 0 ? 50 : 0;
        options.all = i == 1;
        info = drill(engine, &options, BS_OK);
        seconds += info->restore_seconds;
        bs_drill_info_free(info);
    }
    backup(engine, BS_BACKUP_FULL, BS_COMPRESSION_NONE, newer);
    damage(engine, newer);
    options.all = true;
    bs_drill_info_free(drill(engine, &options, BS_E_CORRUPT));

    all = reports(engine, NULL, 2);
    assert_string_equal(all->items[1]->name, "other");
    assert_int_equal(all->items[1]->drills, 0);
    one = all->items[0];
    assert_string_equal(one->name, "home");
    assert_int_equal(one->drills, 3);
    assert_int_equal(one->last_status, BS_STATE_FAILED);
    assert_true(strcmp(one->proven_at, one->last_drill_at) < 0);
    assert_string_equal(one->proven_backup_id, id);
    assert_int_equal(one->proven_files, FILES);
    assert_int_equal(one->proven_backup_files, FILES);
    assert_int_equal(one->measured_drills, 2);
    assert_int_equal(one->measured_files, 50 + FILES);
    assert_int_equal(one->measured_bytes, (50 + FILES) * FILE_SIZE);
    assert_near(one->measured_seconds, seconds, 1e-6);
    assert_near(one->files_per_second * seconds, 50 + FILES, 1e-3);
    assert_near(one->bytes_per_second * seconds, (50 + FILES) * FILE_SIZE, 1);
    assert_string_equal(one->backup_id, newer);
    assert_int_equal(one->backup_files, FILES);
    assert_near(one->expected_seconds, seconds * FILES / (50 + FILES), 1e-6);
    assert_ok(bs_drill_report_to_json(one, &json));
    assert_non_null(strstr(json, "\"last_status\":\"failed\""));
    bs_free(json);
    bs_drill_reports_free(all);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_sample_has_as_many_files_as_were_asked_for),
        CASE(every_form_can_be_drilled),
        CASE(what_no_key_opens_is_not_proven),
        CASE(the_oddest_tree_can_be_drilled),
        CASE(an_empty_backup_is_proven_by_restoring_nothing),
        CASE(the_scratch_directory_may_be_elsewhere),
        CASE(what_a_dead_process_left_is_removed),
        CASE(damage_is_found_and_named),
        CASE(a_backup_that_is_gone_is_not_proven),
        CASE(wrong_options_are_all_told),
        CASE(options_come_from_json),
        CASE(a_report_tells_what_was_proven_and_how_long_it_takes),
        CASE(drills_are_listed_newest_first_and_outlive_their_backup),
    };

    return cmocka_run_group_tests_name("integration/drills", tests, NULL, NULL);
}
