/* SPDX-License-Identifier: MIT */
/*
 * What settings do. docs/internals/testing.md lists which test holds each of them, here or
 * elsewhere.
 */
#include "support/test.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/service.h"
#include "os/fault.h"
#include "os/thread.h"
#include "os/time.h"
#include "retention_fixture.h"
#include "support/tree.h"

enum { KIB = 1024 };

/* A directory with one file. */
static void make_source(const engine_fixture *engine, size_t size)
{
    char path[PATH_SIZE];

    assert_int_equal(mkdir(engine->source, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/file", engine->source);
    tree_write(path, size, 1);
}

/* --- Where from --- */

static void write_env(const engine_fixture *engine, const char *text, char path_out[PATH_SIZE])
{
    FILE *file = NULL;

    (void)snprintf(path_out, PATH_SIZE, "%s/.env", engine->dir->path);
    file = fopen(path_out, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void a_file_and_the_environment_decide_about_requests(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    bs_backup_info *info = NULL;
    char path[PATH_SIZE];
    char id[BS_ID_SIZE];

    make_source(engine, 100);
    write_env(engine, "DEFAULT_BACKUP_TYPE=mirror\nexport DEFAULT_RETENTION_DAYS='7'\n", path);
    assert_ok(bs_config_new(&engine->config));
    assert_ok(bs_config_load_file(engine->config, path));
    assert_int_equal(setenv("DEFAULT_RETENTION_DAYS", "9", 1), 0);
    assert_ok(bs_config_load_env(engine->config));
    assert_int_equal(unsetenv("DEFAULT_RETENTION_DAYS"), 0);
    engine_close(engine);
    engine_open(engine);
    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    assert_int_equal(info->backup_type, BS_BACKUP_MIRROR);
    assert_int_equal(info->retention_days, 9);
    bs_backup_info_free(info);
}

static void the_state_lies_at_the_path(void **state)
{
    engine_fixture *engine = *state;
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    char path[PATH_SIZE];
    struct stat info;

    engine_close(engine);
    (void)snprintf(path, sizeof(path), "%s/elsewhere", engine->dir->path);
    assert_ok(bs_config_new(&engine->config));
    assert_ok(bs_config_set(engine->config, "BACKUP_STORAGE_PATH", path));
    options.config = engine->config;
    assert_ok(bs_service_open(&options, &engine->service));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
}

/* --- What requests leave open --- */

static void requests_without_a_type_take_the_usual_one(void **state)
{
    static const struct {
        const char *setting;
        bs_backup_type asked;
        bs_backup_type expected;
    } cases[] = {
        {"full", BS_BACKUP_DEFAULT, BS_BACKUP_FULL},
        {"incremental", BS_BACKUP_DEFAULT, BS_BACKUP_INCREMENTAL},
        {"differential", BS_BACKUP_DEFAULT, BS_BACKUP_DIFFERENTIAL},
        {"mirror", BS_BACKUP_DEFAULT, BS_BACKUP_MIRROR},
        {"mirror", BS_BACKUP_FULL, BS_BACKUP_FULL},
    };
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    make_source(engine, 100);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bs_backup_info *info = NULL;
        print_message("# case: %s, asked for %d\n", cases[i].setting, (int)cases[i].asked);
        set(engine, "DEFAULT_BACKUP_TYPE", cases[i].setting);
        options.backup_type = cases[i].asked;
        engine_backup(engine, &options, BS_OK, id);
        info = engine_get(engine, id);
        assert_int_equal(info->backup_type, cases[i].expected);
        bs_backup_info_free(info);
    }
}

static void requests_without_days_take_the_usual_ones(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    set(engine, "DEFAULT_RETENTION_DAYS", "0");
    back_up_by(engine, &options, id);
    set(engine, "DEFAULT_RETENTION_DAYS", "7");
    back_up_by(engine, &options, id);
    set(engine, "DEFAULT_RETENTION_DAYS", "8");
    back_up_by(engine, &options, id);
    back_up_by(engine, &options, id);
    pass(7 * DAY + HOUR);
    assert_plan(engine, "kkmk");
    pass(DAY);
    assert_plan(engine, "kmmk"); /* The last good one stays. */
}

/* Lines of numbers: a higher level finds more in them. */
static void write_lines(const engine_fixture *engine)
{
    FILE *file = fopen(engine->source, "we");

    assert_non_null(file);
    for (unsigned i = 0; i < 20000; i++) {
        assert_true(fprintf(file, "%u of %u\n", i * i % 10007, i) > 0);
    }
    assert_int_equal(fclose(file), 0);
}

static uint64_t size_at(engine_fixture *engine, int32_t asked, int32_t expected)
{
    bs_backup_options options = engine_options(engine, "home");
    bs_backup_info *info = NULL;
    uint64_t size = 0;
    char id[BS_ID_SIZE];

    options.compression_level = asked;
    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    assert_int_equal(info->compression_level, expected);
    size = info->backup_size;
    bs_backup_info_free(info);
    return size;
}

static void requests_without_a_level_take_the_usual_one(void **state)
{
    engine_fixture *engine = *state;
    uint64_t least = 0;
    uint64_t most = 0;

    write_lines(engine);
    set(engine, "COMPRESSION_LEVEL", "1");
    most = size_at(engine, 0, 1);
    assert_true(size_at(engine, 9, 9) < most - most / 20);
    set(engine, "COMPRESSION_LEVEL", "9");
    least = size_at(engine, 0, 9);
    assert_true(least < most - most / 20);
    assert_true(size_at(engine, 1, 1) > least + least / 20);
}

static void larger_files_are_left_out_and_named(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    bs_backup_info *info = NULL;
    char path[PATH_SIZE];
    char id[BS_ID_SIZE];

    make_source(engine, 4 * KIB);
    (void)snprintf(path, sizeof(path), "%s/larger", engine->source);
    tree_write(path, 4 * KIB + 1, 2);
    set(engine, "MAX_FILE_SIZE", "4KiB");
    engine_backup(engine, &options, BS_PARTIAL, id);
    info = engine_get(engine, id);
    assert_int_equal(info->files_processed, 1);
    assert_int_equal(info->warnings_count, 1);
    assert_string_equal(info->warnings[0].path, path + 1);
    assert_non_null(strstr(info->warnings[0].message, "MAX_FILE_SIZE"));
    bs_backup_info_free(info);
    set(engine, "MAX_FILE_SIZE", "0");
    engine_backup(engine, &options, BS_OK, id);
}

/* --- Where to --- */

/* "allowed" with a directory "in" and a link out of it, and "beside" it. */
static void make_places(const engine_fixture *engine)
{
    const int dir = engine->dir->fd;

    assert_int_equal(mkdirat(dir, "allowed", 0700), 0);
    assert_int_equal(mkdirat(dir, "allowed/in", 0700), 0);
    assert_int_equal(mkdirat(dir, "allowed-not", 0700), 0);
    assert_int_equal(mkdirat(dir, "beside", 0700), 0);
    assert_int_equal(mkdirat(dir, "beside/deep", 0700), 0);
    assert_int_equal(symlinkat("../beside", dir, "allowed/out"), 0);
}

/* Sets roots, the second of which is "allowed". */
static void set_roots(engine_fixture *engine, const char *name)
{
    char roots[2 * PATH_SIZE];

    (void)snprintf(roots, sizeof(roots), "/nowhere:%s//allowed/", engine->dir->path);
    set(engine, name, roots);
}

static const struct {
    const char *place;
    const char *words; /* NULL: it is allowed. */
} places[] = {
    {"allowed/in", NULL},
    {"allowed", NULL},
    {"beside", "beneath none of the directories in "},
    {"allowed-not", "beneath none of the directories in "},
    {"allowed/out", "is a symbolic link"},
    {"allowed/out/deep", "allowed/out' is a symbolic link"},
};

enum { PLACES = sizeof(places) / sizeof(places[0]) };

static void sources_lie_beneath_their_roots(void **state)
{
    engine_fixture *engine = *state;
    char path[PATH_SIZE];
    const char *const paths[] = {path, NULL};
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    make_places(engine);
    set_roots(engine, "SOURCE_ROOTS");
    options.source_paths = paths;
    for (size_t i = 0; i < PLACES; i++) {
        print_message("# case: %s\n", places[i].place);
        (void)snprintf(path, sizeof(path), "%s/%s", engine->dir->path, places[i].place);
        if (!places[i].words) {
            engine_backup(engine, &options, BS_OK, id);
            continue;
        }
        assert_status(bs_backup_start(engine->service, &options, id), BS_E_ACCESS);
        assert_non_null(strstr(bs_error_last()->message, "source_paths[0]: '"));
        assert_non_null(strstr(bs_error_last()->message, places[i].words));
        assert_non_null(strstr(bs_error_last()->message, "SOURCE_ROOTS"));
    }
    assert_int_equal(count_listed(engine), 2);
}

static void restores_go_beneath_their_roots(void **state)
{
    engine_fixture *engine = *state;
    const bs_backup_options backup = engine_options(engine, "home");
    bs_restore_options options = BS_RESTORE_OPTIONS_INIT;
    char path[PATH_SIZE];
    char id[BS_ID_SIZE];
    char restore_id[BS_ID_SIZE];

    make_places(engine);
    make_source(engine, 100);
    set_roots(engine, "RESTORE_ROOTS");
    engine_backup(engine, &backup, BS_OK, id);
    options.backup_id = id;
    options.restore_path = path;
    options.strip_source = true;
    for (size_t i = 0; i < PLACES; i++) {
        print_message("# case: %s/new/file\n", places[i].place);
        (void)snprintf(path, sizeof(path), "%s/%s/new", engine->dir->path, places[i].place);
        if (!places[i].words) {
            assert_ok(bs_restore_start(engine->service, &options, restore_id));
            assert_ok(bs_restore_wait(engine->service, restore_id, BS_FOREVER));
            assert_int_equal(access(path, F_OK), 0);
            continue;
        }
        assert_status(bs_restore_start(engine->service, &options, restore_id), BS_E_ACCESS);
        assert_non_null(strstr(bs_error_last()->message, "restore_path: '"));
        assert_non_null(strstr(bs_error_last()->message, places[i].words));
        assert_int_not_equal(access(path, F_OK), 0);
    }
}

/* --- How it works --- */

/* How many calls of a kind of the system a full backup takes. */
static uint64_t count_calls(engine_fixture *engine, bsi_os_op op)
{
    const bsi_fault_plan plan = {.op_mask = UINT64_C(1) << op};
    const bs_backup_options options = engine_options(engine, "home");
    uint64_t count = 0;
    char id[BS_ID_SIZE];

    bsi_fault_set(&plan);
    engine_backup(engine, &options, BS_OK, id);
    count = bsi_fault_count();
    bsi_fault_set(NULL);
    return count;
}

static void bytes_move_a_chunk_at_a_time(void **state)
{
    static const bsi_os_op ops[] = {BSI_OS_READ, BSI_OS_WRITE};
    enum { SIZE = 512 * KIB, CHUNK = 8 * KIB };
    engine_fixture *engine = quiet_engine(state);
    uint64_t usual[2];

    tree_write(engine->source, SIZE, 1);
    for (size_t i = 0; i < 2; i++) {
        usual[i] = count_calls(engine, ops[i]);
    }
    set(engine, "BACKUP_CHUNK_SIZE", "8KiB");
    for (size_t i = 0; i < 2; i++) {
        assert_true(count_calls(engine, ops[i]) > usual[i] + SIZE / CHUNK / 2);
    }
}

typedef struct measured_source {
    size_t left;
    size_t largest; /* Room that was given at once. */
} measured_source;

static int give_measured(void *user, void *buf, size_t size, size_t *got_out)
{
    measured_source *self = user;

    self->largest = size > self->largest ? size : self->largest;
    *got_out = size < self->left ? size : self->left;
    self->left -= *got_out;
    memset(buf, 'x', *got_out);
    return 0;
}

static void callbacks_are_asked_for_a_chunk_at_most(void **state)
{
    engine_fixture *engine = *state;
    measured_source source = {.left = 100 * KIB};
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    options.name = "measured";
    options.source_callback = give_measured;
    options.source_user = &source;
    set(engine, "BACKUP_CHUNK_SIZE", "4096");
    engine_backup(engine, &options, BS_OK, id);
    assert_int_equal(source.largest, 4096);
    assert_int_equal(source.left, 0);
}

static void there_are_as_many_workers_as_set(void **state)
{
    static const struct {
        const char *parallel;
        const char *threads;
        unsigned expected; /* 0: one for each processor. */
    } cases[] = {
        {"true", "1", 1}, {"true", "7", 7}, {"false", "7", 1}, {"true", "auto", 0}, {"", "", 0},
    };
    engine_fixture *engine = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const unsigned expected = cases[i].expected > 0 ? cases[i].expected : bsi_cpu_count();
        print_message("# case: PARALLEL_PROCESSING=%s MAX_WORKER_THREADS=%s\n", cases[i].parallel,
                      cases[i].threads);
        set(engine, "PARALLEL_PROCESSING", cases[i].parallel);
        set(engine, "MAX_WORKER_THREADS", cases[i].threads);
        assert_int_equal(bsi_pool_threads(engine->service->pool), expected);
    }
}

/* With a byte of memory all of it lies in a file; what is stored and restored is the same. */
static void an_index_outgrows_its_memory_into_a_file(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    tree_build(engine->source, TREE_SMALL);
    options.form = BS_FORM_REPOSITORY;
    assert_int_equal(bsi_service_env(engine->service, NULL, NULL, NULL).index_memory_most, 0);
    engine_backup(engine, &options, BS_OK, id);
    set(engine, "MAX_INDEX_MEMORY", "1");
    assert_int_equal(bsi_service_env(engine->service, NULL, NULL, NULL).index_memory_most, 1);
    engine_backup(engine, &options, BS_OK, id);
    engine_restore(engine, id);
}

/* Fills what it is given `*user` times, with more than 50 ms before each time. */
static int give_slowly(void *user, void *buf, size_t size, size_t *got_out)
{
    unsigned *left = user;
    const int64_t until = bsi_monotonic_ns() + 51000000;

    while (bsi_monotonic_ns() < until) {
        ;
    }
    memset(buf, 'x', size);
    *got_out = *left > 0 ? size : 0;
    *left -= *left > 0 ? 1 : 0;
    return 0;
}

static unsigned count_progress(engine_fixture *engine, unsigned times)
{
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    bs_subscription *events = NULL;
    bs_event *event = NULL;
    unsigned count = 0;
    char id[BS_ID_SIZE];

    options.name = "slow";
    options.source_callback = give_slowly;
    options.source_user = &times;
    assert_ok(bs_subscribe(engine->service, NULL, &events));
    engine_backup(engine, &options, BS_OK, id);
    while (bs_subscription_next(events, 0, &event) == BS_OK) {
        count += event->type == BS_EVENT_PROGRESS ? 1 : 0;
        bs_event_free(event);
    }
    bs_unsubscribe(events);
    return count;
}

static void progress_is_told_once_an_interval(void **state)
{
    engine_fixture *engine = *state;

    set(engine, "PROGRESS_UPDATE_INTERVAL", "60");
    assert_int_equal(count_progress(engine, 4), 1);
    set(engine, "PROGRESS_UPDATE_INTERVAL", "0.05");
    assert_true(count_progress(engine, 4) >= 4);
}

/* A full backup, and an incremental one that finds it damaged: one warning. */
static void build_on_damage(engine_fixture *engine)
{
    bs_backup_options options = engine_options(engine, "broken");
    bs_backup_info *info = NULL;
    char path[PATH_SIZE];
    char id[BS_ID_SIZE];

    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    object_path(engine, info->manifest_path, path);
    bs_backup_info_free(info);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 100), 0);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    engine_backup(engine, &options, BS_OK, id);
}

static void lines_that_matter_less_are_dropped(void **state)
{
    static const struct {
        const char *level;
        unsigned least;
        unsigned most;
    } cases[] = {
        {"DEBUG", 3, UINT_MAX}, /* Also each request to a storage. */
        {"INFO", 2, 2},         {"WARNING", 1, 1}, {"ERROR", 0, 0}, {"CRITICAL", 0, 0},
    };
    engine_fixture *engine = quiet_engine(state);
    char id[BS_ID_SIZE];

    back_up(engine, 1, id);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned before = 0;
        print_message("# case: %s\n", cases[i].level);
        set(engine, "LOG_LEVEL", cases[i].level);
        before = engine->log_lines;
        back_up(engine, 1, id);
        bs_retention_report_free(apply(engine)); /* One is marked: a line of level info. */
        build_on_damage(engine);
        assert_in_range(engine->log_lines - before, cases[i].least, cases[i].most);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, retention_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_and_the_environment_decide_about_requests),
        TEST(the_state_lies_at_the_path),
        TEST(requests_without_a_type_take_the_usual_one),
        TEST(requests_without_days_take_the_usual_ones),
        TEST(requests_without_a_level_take_the_usual_one),
        TEST(larger_files_are_left_out_and_named),
        TEST(sources_lie_beneath_their_roots),
        TEST(restores_go_beneath_their_roots),
        TEST(bytes_move_a_chunk_at_a_time),
        TEST(callbacks_are_asked_for_a_chunk_at_most),
        TEST(there_are_as_many_workers_as_set),
        TEST(an_index_outgrows_its_memory_into_a_file),
        TEST(progress_is_told_once_an_interval),
        TEST(lines_that_matter_less_are_dropped),
    };

    return cmocka_run_group_tests_name("integration/config_effects", tests, NULL, NULL);
}
