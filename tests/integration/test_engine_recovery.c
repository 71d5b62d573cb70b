/* SPDX-License-Identifier: MIT */
/*
 * What stays after the process has died at any of its system calls, and
 * catalogues that are made anew.
 */
#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "catalog/catalog.h"
#include "engine_fixture.h"
#include "os/fault.h"
#include "support/compare.h"
#include "support/tree.h"

/* --- Rebuilding --- */

/* Everything that a program can see of a backup and that lies on its storage, as text. */
static char *describe(engine_fixture *engine, const char *id)
{
    bs_backup_info *info = engine_get(engine, id);
    char *json = NULL;

    info->usage = (bs_usage){0};
    assert_ok(bs_backup_info_to_json(info, &json));
    bs_backup_info_free(info);
    return json;
}

/* Every member of the rows, which programs do not see in full. */
static void compare_rows(const bsi_row_backup *a, const bsi_row_backup *b)
{
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->requested_type, b->requested_type);
    assert_string_equal(a->options, b->options);
    assert_string_equal(a->source_paths, b->source_paths);
    assert_string_equal(a->metadata, b->metadata);
    assert_string_equal(a->base_note, b->base_note);
    assert_string_equal(a->manifest_sha256, b->manifest_sha256);
    assert_int_equal(a->container_size, b->container_size);
    assert_int_equal(a->manifest_size, b->manifest_size);
    assert_int_equal(a->bytes_stored, b->bytes_stored);
    assert_int_equal(a->created_at, b->created_at);
    assert_int_equal(a->started_at, b->started_at);
    assert_int_equal(a->completed_at, b->completed_at);
    assert_int_equal(a->expires_at, b->expires_at);
    assert_int_equal(a->retention_days, b->retention_days);
    assert_int_equal(a->total_files, b->total_files);
    assert_int_equal(a->total_bytes, b->total_bytes);
}

typedef struct rows {
    bsi_row_backup *rows;
    size_t count;
    bsi_id *needs[8];
    size_t needs_count[8];
} rows;

static void load_rows(engine_fixture *engine, rows *out)
{
    bsi_catalog *catalog = NULL;

    engine_close(engine);
    assert_ok(bsi_catalog_open(engine->state, &catalog));
    assert_ok(bsi_catalog_list_backups(catalog, NULL, &out->rows, &out->count, NULL));
    assert_true(out->count <= 8);
    for (size_t i = 0; i < out->count; i++) {
        assert_ok(
            bsi_catalog_needs(catalog, out->rows[i].id, &out->needs[i], &out->needs_count[i]));
    }
    bsi_catalog_close(catalog);
    engine_open(engine);
}

static void free_rows(rows *all)
{
    for (size_t i = 0; i < all->count; i++) {
        bsi_free(all->needs[i]);
    }
    bsi_row_backups_free(all->rows, all->count);
}

static void remove_catalog(engine_fixture *engine)
{
    char path[400];

    engine_close(engine);
    (void)snprintf(path, sizeof(path), "%s/catalog.sqlite", engine->state);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/catalog.sqlite-journal", engine->state);
    (void)unlink(path);
    engine_open(engine);
}

static void a_lost_catalogue_is_rebuilt_as_it_was(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "daily");
    const char *around[] = {engine->dir->path, NULL};
    bs_rebuild_report report;
    rows before = {.count = 0};
    rows after = {.count = 0};
    char ids[5][BS_ID_SIZE];
    char *told[5];

    tree_build(engine->source, 0);
    options.metadata = "{ \"a\" : [ 1, \"x y\" ] }";
    engine_backup(engine, &options, BS_OK, ids[0]);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    options.retention_days = BS_RETENTION_FOREVER;
    options.compression = BS_COMPRESSION_TAR_GZ;
    tree_mutate(engine->source, 3, 10);
    assert_ok(bs_backup_start(engine->service, &options, ids[1]));
    assert_true(bs_backup_wait(engine->service, ids[1], BS_FOREVER) >= 0);
    options.source_paths = around; /* The state directory is left out with a warning. */
    options.name = "around";
    engine_backup(engine, &options, BS_PARTIAL, ids[2]);
    options = engine_options(engine, "copy");
    options.backup_type = BS_BACKUP_MIRROR;
    assert_ok(bs_backup_start(engine->service, &options, ids[3]));
    assert_true(bs_backup_wait(engine->service, ids[3], BS_FOREVER) >= 0);
    for (int i = 0; i < 4; i++) {
        told[i] = describe(engine, ids[i]);
    }
    load_rows(engine, &before);
    remove_catalog(engine);
    assert_status(bs_backup_wait(engine->service, ids[0], 0), BS_E_NOT_FOUND);
    assert_ok(bs_catalog_rebuild(engine->service, &report));
    assert_int_equal(report.backups, 4);
    assert_int_equal(report.unreadable, 0);
    for (int i = 0; i < 4; i++) {
        char *now = describe(engine, ids[i]);
        assert_string_equal(now, told[i]);
        bs_free(now);
        bs_free(told[i]);
    }
    load_rows(engine, &after);
    assert_int_equal(before.count, after.count);
    for (size_t i = 0; i < before.count; i++) {
        compare_rows(&before.rows[i], &after.rows[i]);
        assert_int_equal(before.needs_count[i], after.needs_count[i]);
        for (size_t j = 0; j < before.needs_count[i]; j++) {
            assert_string_equal(before.needs[i][j].text, after.needs[i][j].text);
        }
    }
    free_rows(&before);
    free_rows(&after);
    engine_restore(engine, ids[1]);
    assert_trees_equal(engine->source, engine->target, COMPARE_NO_SOCKETS | COMPARE_NO_TOP);
}

static void a_damaged_catalogue_is_refused_and_can_be_replaced(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "daily");
    bs_service_options service_options = BS_SERVICE_OPTIONS_INIT;
    bs_rebuild_report report;
    char path[400];
    char id[BS_ID_SIZE];
    FILE *file = NULL;

    tree_build(engine->source, 0);
    engine_backup(engine, &options, BS_OK, id);
    engine_close(engine);
    (void)snprintf(path, sizeof(path), "%s/catalog.sqlite", engine->state);
    file = fopen(path, "r+e");
    assert_non_null(file);
    assert_int_equal(fseek(file, 3000, SEEK_SET), 0);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(fputc(i & 255, file), i & 255);
    }
    assert_int_equal(fclose(file), 0);
    service_options.state_path = engine->state;
    assert_status(bs_service_open(&service_options, &engine->service), BS_E_CORRUPT);
    service_options.replace_damaged = true;
    assert_ok(bs_service_open(&service_options, &engine->service));
    assert_ok(bs_catalog_rebuild(engine->service, &report));
    assert_int_equal(report.backups, 1);
    engine_restore(engine, id);
    assert_trees_equal(engine->source, engine->target, COMPARE_NO_SOCKETS | COMPARE_NO_TOP);
}

/* --- Dying --- */

/* In a child: open, back up incrementally, delete the first; die at the n-th call. */
static void run_and_die(engine_fixture *engine, const char *first, uint64_t at, int kind)
{
    const bsi_fault_plan plan = {.at = at};
    bs_service_options service_options = BS_SERVICE_OPTIONS_INIT;
    bs_backup_options options = engine_options(engine, "daily");
    bs_config *config = NULL;
    bs_service *service = NULL;
    char id[BS_ID_SIZE];

    service_options.state_path = engine->state;
    if (bs_config_new(&config) < 0 || bs_config_set(config, "PARALLEL_PROCESSING", "false") < 0) {
        _exit(2);
    }
    service_options.config = config;
    bsi_fault_set(&plan);
    options.backup_type = kind == 1 ? BS_BACKUP_MIRROR : BS_BACKUP_INCREMENTAL;
    if (bs_service_open(&service_options, &service) < 0) {
        _exit(3);
    }
    if (kind == 2) {
        if (bs_backup_delete(service, first, true, NULL) < 0) {
            _exit(4);
        }
    } else if (bs_backup_start(service, &options, id) < 0 ||
               bs_backup_wait(service, id, BS_FOREVER) < 0) {
        _exit(5);
    }
    bs_service_close(service);
    bs_config_free(config);
    _exit(0);
}

/* True when the child came to its end. */
static bool die_at(engine_fixture *engine, const char *first, uint64_t at, int kind)
{
    int result = 0;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        run_and_die(engine, first, at, kind);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    if (WIFSIGNALED(result)) {
        assert_int_equal(WTERMSIG(result), SIGKILL);
        return false;
    }
    assert_int_equal(WEXITSTATUS(result), 0);
    return true;
}

/* Whatever the list says is there can be verified; nothing says that it runs. */
static size_t check_survivors(engine_fixture *engine)
{
    bs_backup_page *page = NULL;
    size_t whole = 0;

    assert_ok(bs_backup_list(engine->service, NULL, &page));
    for (size_t i = 0; i < page->count; i++) {
        const bs_backup_info *info = page->items[i];
        char id[BS_ID_SIZE];
        assert_true(info->status >= BS_STATE_COMPLETED);
        if (info->status == BS_STATE_FAILED) {
            assert_int_equal(info->error.code, BS_E_INTERRUPTED);
            continue;
        }
        assert_ok(bs_verify_start(engine->service, info->id, id));
        assert_ok(bs_verify_wait(engine->service, id, BS_FOREVER));
        whole++;
    }
    bs_backup_page_free(page);
    return whole;
}

/* What lies on the storage is what the list knows: no more. */
static void check_no_orphans(engine_fixture *engine, size_t whole)
{
    bs_rebuild_report report;

    assert_ok(bs_catalog_rebuild(engine->service, &report));
    assert_int_equal(report.backups, whole);
    assert_int_equal(report.unreadable, 0);
}

static void small_source(engine_fixture *engine)
{
    char path[400];

    assert_int_equal(mkdir(engine->source, 0755), 0);
    for (int i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/file%d", engine->source, i);
        tree_write(path, 1000, (uint64_t)i);
    }
}

/* Stepping keeps the test short; the offset moves with the kind so that all residues are met. */
static void die_everywhere(engine_fixture *engine, int kind, uint64_t step)
{
    bs_backup_options options = engine_options(engine, "daily");
    char first[BS_ID_SIZE];
    bool ended = false;
    size_t deaths = 0;

    small_source(engine);
    for (uint64_t at = 1; !ended; at += step) {
        size_t whole = 0;
        engine_backup(engine, &options, BS_OK, first);
        engine_close(engine);
        ended = die_at(engine, first, at, kind);
        deaths += ended ? 0 : 1;
        engine_open(engine);
        whole = check_survivors(engine);
        if (kind != 2) {
            assert_true(whole >= 1);
            engine_restore(engine, first);
            assert_trees_equal(engine->source, engine->target, COMPARE_NO_TOP | COMPARE_NO_SOCKETS);
        }
        check_no_orphans(engine, whole);
        while (bs_backup_delete(engine->service, "latest:daily", true, NULL) == BS_OK) {
        }
    }
    print_message("# died %zu times\n", deaths);
    assert_true(deaths > 10);
}

static void a_backup_that_dies_leaves_all_or_nothing(void **state)
{
    die_everywhere(*state, 0, 7);
}

static void a_mirror_that_dies_leaves_all_or_nothing(void **state)
{
    die_everywhere(*state, 1, 7);
}

static void a_removal_that_dies_is_finished_by_the_next_service(void **state)
{
    die_everywhere(*state, 2, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lost_catalogue_is_rebuilt_as_it_was),
        TEST(a_damaged_catalogue_is_refused_and_can_be_replaced),
        TEST(a_backup_that_dies_leaves_all_or_nothing),
        TEST(a_mirror_that_dies_leaves_all_or_nothing),
        TEST(a_removal_that_dies_is_finished_by_the_next_service),
    };

    return cmocka_run_group_tests_name("engine/recovery", tests, NULL, NULL);
}
