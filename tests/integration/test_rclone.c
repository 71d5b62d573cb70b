/* SPDX-License-Identifier: MIT */
/*
 * rclone over the system's rclone: what is refused, what is kept when it dies, what replaces an
 * object, and backups of each form.
 */
#include "support/test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "engine_fixture.h"
#include "os/process.h"
#include "remote_fixture.h"
#include "support/compare.h"
#include "support/daemon.h"
#include "support/tree.h"

enum {
    SKIPPED = 77,
    BIG = 40 * 1024 * 1024, /* More than is kept. */
    PART = 2 * 1024 * 1024,
    SAME = COMPARE_NO_SOCKETS | COMPARE_NO_TOP,
};

static test_dir *place;

static void usual(remote_settings *all)
{
    static unsigned number;

    *all = (remote_settings){.driver = "rclone", .secret = "canary-5521"};
    (void)snprintf(all->path, sizeof(all->path), "%s/%u", place->path, number++);
    remote_set(all, "remote", all->path);
}

static bsi_storage *open_usual(remote_settings *all)
{
    bsi_storage *storage = NULL;

    usual(all);
    assert_ok(remote_open(all, &storage));
    return storage;
}

/* --- What is refused --- */

static void a_missing_program_is_told_with_what_to_install(void **state)
{
    remote_settings all;

    (void)state;
    usual(&all);
    remote_set(&all, "program", "no-such-rclone");
    remote_assert_refused(&all, BS_E_UNSUPPORTED);
    remote_assert_text("no-such-rclone");
    remote_assert_text("install rclone");
}

static void a_remote_that_is_not_configured_is_told(void **state)
{
    char config[400];
    remote_settings all;

    (void)state;
    usual(&all);
    (void)snprintf(config, sizeof(config), "%s/none.conf", place->path);
    remote_set(&all, "config_file", config);
    remote_set(&all, "remote", "nowhere:backups");
    remote_assert_refused(&all, BS_E_INVALID);
    remote_assert_text("config file");
}

static void a_configuration_that_does_not_open_is_told(void **state)
{
    static const char *const passes[] = {NULL, "canary-5521"};
    static const char text[] =
        "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\n"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAAA\n";
    char config[400];
    remote_settings all;

    (void)state;
    assert_true(test_write_file(place->path, "locked.conf", text));
    (void)snprintf(config, sizeof(config), "%s/locked.conf", place->path);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(passes); i++) {
        usual(&all);
        remote_set(&all, "config_file", config);
        remote_set(&all, "remote", "locked:backups");
        if (passes[i]) {
            remote_set(&all, "config_pass", passes[i]);
        }
        remote_assert_refused(&all, BS_E_ACCESS);
        remote_assert_text("config_pass");
        assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    }
}

static void settings_that_are_none_are_refused(void **state)
{
    static const char *const wrong[][2] = {
        {"remote", "relative/path"},   {"remote", "a,key=value:path"}, {"remote", "a\nb:path"},
        {"stall_timeout_s", "0"},      {"parameters", "key=value"},    {"colour", "red"},
        {"stall_timeout_s", "100000"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(wrong); i++) {
        remote_settings all;
        usual(&all);
        remote_set(&all, wrong[i][0], wrong[i][1]);
        remote_assert_refused(&all, BS_E_INVALID);
        remote_assert_text(wrong[i][0]);
    }
}

static void parameters_stay_secret_and_in_their_place(void **state)
{
    static const char *const wrong[] = {"url=http://canary-5521", "pass=\"canary-5521", "a=b\nc"};
    remote_settings all;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(wrong); i++) {
        usual(&all);
        remote_set(&all, "remote", ":webdav:");
        remote_set(&all, "parameters", wrong[i]);
        remote_assert_refused(&all, BS_E_INVALID);
        remote_assert_text("parameters");
    }
    usual(&all);
    remote_set(&all, "remote", ":webdav:");
    remote_set(&all, "parameters", "url=\"http://127.0.0.1:1/canary-5521\",user=canary-5521");
    remote_assert_refused(&all, BS_E_IO);
}

static void a_directory_is_made_only_on_request(void **state)
{
    remote_settings all;

    (void)state;
    usual(&all);
    remote_set(&all, "create", "false");
    remote_assert_refused(&all, BS_E_NOT_FOUND);
    assert_int_equal(access(all.path, F_OK), -1);
    remote_drop(&all, "create");
    remote_assert_opens(&all);
}

/* --- Its life --- */

/* The number of the one rclone that serves a storage of this process; 0: none. */
static pid_t child_of_ours(void)
{
    char path[64];
    char line[64] = "";
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    file = fopen(path, "re");
    assert_non_null(file);
    assert_true(fgets(line, sizeof(line), file) || feof(file));
    assert_int_equal(fclose(file), 0);
    return (pid_t)strtol(line, NULL, 10);
}

/* It is dead when this returns, and may have been collected by who noticed. */
static void kill_child(void)
{
    const pid_t child = child_of_ours();
    siginfo_t info;

    assert_true(child > 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_true(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0 || errno == ECHILD);
}

static void one_that_has_died_is_started_anew(void **state)
{
    remote_settings all;
    bsi_storage *storage = open_usual(&all);

    (void)state;
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "text", 4));
    for (int i = 0; i < 3; i++) {
        kill_child();
        remote_assert_stored(storage, "d/k", "text", 4);
    }
    kill_child();
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "new", 3));
    remote_assert_stored(storage, "d/k", "new", 3);
    bsi_storage_unref(storage);
    assert_int_equal(child_of_ours(), 0);
}

static void an_upload_in_whose_middle_it_dies_leaves_nothing_that_is_seen(void **state)
{
    remote_settings all;
    bsi_storage *storage = open_usual(&all);
    bsi_upload *upload = NULL;
    uint8_t *data = calloc(1, BIG);
    bs_status status = BS_OK;
    uint64_t objects = 0;
    uint64_t bytes = 0;

    (void)state;
    assert_non_null(data);
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "old", 3));
    assert_ok(bsi_upload_begin(storage, NULL, "d/k", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, data, BIG));
    kill_child();
    for (int i = 0; i < 8 && status == BS_OK; i++) {
        status = bsi_upload_write(upload, NULL, data, BIG);
    }
    assert_status(status, BS_E_IO);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    bsi_upload_abort(upload);
    remote_assert_stored(storage, "d/k", "old", 3);
    assert_int_equal(remote_count_objects(storage), 1);
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_MAX, &objects, &bytes));
    assert_int_equal(remote_count_files(all.path), 1);
    bsi_storage_unref(storage);
    free(data);
}

/* Where failures are repeated nobody notices. */
static void what_is_kept_is_sent_again(void **state)
{
    remote_settings all;
    bsi_storage *storage = NULL;
    bsi_upload *upload = NULL;
    uint8_t *data = malloc(PART);

    (void)state;
    assert_non_null(data);
    remote_fill(data, PART);
    usual(&all);
    storage = remote_open_patient(&all);
    assert_ok(bsi_upload_begin(storage, NULL, "d/k", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, data, PART));
    kill_child();
    assert_ok(bsi_upload_commit(upload, NULL));
    remote_assert_stored(storage, "d/k", data, PART);
    assert_int_equal(remote_count_files(all.path), 1);
    bsi_storage_unref(storage);
    free(data);
}

/* --- What replaces an object --- */

static void assert_found(bsi_storage *storage, const char *text)
{
    bs_storage_object object;

    assert_ok(bsi_storage_stat(storage, NULL, "d/k", &object));
    assert_int_equal(object.size, strlen(text));
    remote_assert_stored(storage, "d/k", text, strlen(text));
    assert_int_equal(remote_count_objects(storage), 1);
}

static void what_waits_for_a_place_is_the_object_without_it(void **state)
{
    char dir[500];
    remote_settings all;
    bsi_storage *storage = open_usual(&all);
    uint64_t objects = 0;
    uint64_t bytes = 0;

    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s/d", all.path);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_true(test_write_file(dir, ".bst-next-k", "waits"));
    assert_found(storage, "waits");
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_MAX, &objects, &bytes));
    assert_int_equal(objects, 0);
    assert_true(test_write_file(dir, ".bst-next-k", "came too late"));
    assert_found(storage, "waits");
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_MAX, &objects, &bytes));
    assert_int_equal(objects, 1);
    assert_int_equal(bytes, strlen("came too late"));
    assert_int_equal(remote_count_files(all.path), 1);
    assert_true(test_write_file(dir, ".bst-next-k", "waits"));
    assert_ok(bsi_storage_remove(storage, NULL, "d/k"));
    assert_int_equal(remote_count_files(all.path), 0);
    bsi_storage_unref(storage);
}

static void a_vanished_directory_is_neither_empty_nor_without_objects(void **state)
{
    char away[500];
    char byte = 0;
    size_t count = 0;
    bs_storage_object object;
    remote_settings all;
    bsi_storage *storage = open_usual(&all);

    (void)state;
    assert_ok(bsi_storage_put(storage, NULL, "d/k", "x", 1));
    (void)snprintf(away, sizeof(away), "%s.away", all.path);
    assert_int_equal(rename(all.path, away), 0);
    assert_status(bsi_storage_stat(storage, NULL, "d/k", &object), BS_E_IO);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_NEVER);
    remote_assert_text("is gone");
    assert_status(bsi_storage_read(storage, NULL, "d/k", 0, &byte, 1), BS_E_IO);
    assert_status(bsi_storage_list(storage, NULL, "", remote_count, &count), BS_E_IO);
    assert_status(bsi_storage_list(storage, NULL, "d", remote_count, &count), BS_E_IO);
    assert_status(bsi_storage_remove(storage, NULL, "d/k"), BS_E_IO);
    assert_int_equal(rename(away, all.path), 0);
    remote_assert_stored(storage, "d/k", "x", 1);
    bsi_storage_unref(storage);
}

static void assert_kept(bsi_storage *storage, const uint8_t *data, size_t size)
{
    assert_ok(bsi_storage_put(storage, NULL, "d/k", data, size));
    remote_assert_stored(storage, "d/k", data, size);
}

static void large_objects_stream_and_come_back(void **state)
{
    remote_settings all;
    bsi_storage *storage = open_usual(&all);
    uint8_t *data = malloc(BIG);

    (void)state;
    assert_non_null(data);
    remote_fill(data, BIG);
    assert_kept(storage, data, BIG);
    assert_kept(storage, data, BIG - 1);
    assert_int_equal(remote_count_files(all.path), 1);
    bsi_storage_unref(storage);
    free(data);
}

/* --- Backups --- */

static bs_backup_options begin(engine_fixture *engine, const char *name, unsigned more)
{
    bs_backup_options options = engine_options(engine, name);
    remote_settings all;
    char path[320];
    const char *const settings[] = {"remote", all.path, NULL};

    usual(&all);
    assert_ok(bs_service_add_storage(engine->service, "remote", "rclone", settings));
    tree_build(engine->source, more | TREE_HARD_LINKS | TREE_SPARSE);
    (void)snprintf(path, sizeof(path), "%s/big", engine->source);
    tree_write(path, PART, 7);
    options.storage = "remote";
    return options;
}

static void assert_comes_back(engine_fixture *engine, const bs_backup_options *options,
                              unsigned flags)
{
    char id[BS_ID_SIZE];
    char verify_id[BS_ID_SIZE];

    engine_backup(engine, options, BS_OK, id);
    assert_ok(bs_verify_start(engine->service, id, verify_id));
    assert_ok(bs_verify_wait(engine->service, verify_id, BS_FOREVER));
    engine_restore(engine, id);
    assert_trees_equal(engine->source, engine->target, flags);
}

static void archives_come_back_identical(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, "home", TREE_NAMES);

    options.compression = BS_COMPRESSION_TAR_ZST;
    options.backup_type = BS_BACKUP_FULL;
    assert_comes_back(engine, &options, SAME);
    tree_mutate(engine->source, 7, 20);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    assert_comes_back(engine, &options, SAME);
}

/* Its beginning is written last. */
static void seven_zip_comes_back_identical(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, "home", TREE_NAMES);

    options.compression = BS_COMPRESSION_7Z;
    options.backup_type = BS_BACKUP_FULL;
    assert_comes_back(engine, &options, SAME);
}

static void repositories_come_back_identical(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, "home", TREE_NAMES);

    options.form = BS_FORM_REPOSITORY;
    assert_comes_back(engine, &options, SAME);
}

static void mirrors_come_back_identical(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, "tree", 0);
    char id[BS_ID_SIZE];

    options.backup_type = BS_BACKUP_MIRROR;
    options.allow_empty_mirror = true; /* A rename of a directory is most of this tree. */
    for (uint64_t round = 1; round <= 2; round++) {
        engine_backup(engine, &options, BS_OK, id);
        engine_restore(engine, id);
        assert_trees_equal(engine->source, engine->target, SAME);
        tree_mutate(engine->source, round, 10);
    }
}

#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)

static bool is_there(void)
{
    const char *const command[] = {"rclone", "version", NULL};
    bsi_process *process = NULL;
    bs_status status = bsi_process_start(command, NULL, &process);

    if (status == BS_OK) {
        status = bsi_process_finish(process);
    }
    bsi_process_free(process);
    return status == BS_OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_program_is_told_with_what_to_install),
        cmocka_unit_test(a_remote_that_is_not_configured_is_told),
        cmocka_unit_test(a_configuration_that_does_not_open_is_told),
        cmocka_unit_test(settings_that_are_none_are_refused),
        cmocka_unit_test(parameters_stay_secret_and_in_their_place),
        cmocka_unit_test(a_directory_is_made_only_on_request),
        cmocka_unit_test(one_that_has_died_is_started_anew),
        cmocka_unit_test(an_upload_in_whose_middle_it_dies_leaves_nothing_that_is_seen),
        cmocka_unit_test(what_is_kept_is_sent_again),
        cmocka_unit_test(what_waits_for_a_place_is_the_object_without_it),
        cmocka_unit_test(a_vanished_directory_is_neither_empty_nor_without_objects),
        cmocka_unit_test(large_objects_stream_and_come_back),
        ENGINE_TEST(archives_come_back_identical),
        ENGINE_TEST(seven_zip_comes_back_identical),
        ENGINE_TEST(repositories_come_back_identical),
        ENGINE_TEST(mirrors_come_back_identical),
    };
    int failed = 1;

    if (!is_there()) {
        print_message("no rclone here\n");
        return SKIPPED;
    }
    if (test_dir_setup((void **)&place) == 0) {
        failed = cmocka_run_group_tests_name("rclone", tests, NULL, NULL);
        failed += test_dir_teardown((void **)&place);
    }
    return failed;
}
