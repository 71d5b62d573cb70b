/* SPDX-License-Identifier: MIT */
/*
 * MAX_STORAGE_SIZE: warnings, thinning, refusals, and backups that cross it.
 */
#include "support/test.h"

#include <fts.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/runner.h"
#include "retention_fixture.h"
#include "support/tree.h"

enum { KIB = 1024, SOURCE_SIZE = 20 * KIB };

/* A full backup of bytes that cannot be compressed; the status that it ends with. */
static bs_status back_up_noise(engine_fixture *engine, const char *name, int32_t keep_last)
{
    static uint64_t seed = 100;
    bs_backup_options options = engine_options(engine, name);
    char id[BS_ID_SIZE];

    options.keep_last = keep_last;
    tree_write(engine->source, SOURCE_SIZE, seed++);
    BSI_TRY(bs_backup_start(engine->service, &options, id));
    return bs_backup_wait(engine->service, id, BS_FOREVER);
}

static size_t count_objects(const engine_fixture *engine)
{
    char path[PATH_SIZE];
    char *const paths[] = {path, NULL};
    FTS *walk = NULL;
    size_t count = 0;

    object_path(engine, "", path);
    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(walk);
    for (const FTSENT *item = fts_read(walk); item; item = fts_read(walk)) {
        count += item->fts_info == FTS_F;
    }
    (void)fts_close(walk);
    return count;
}

static void a_backup_that_crosses_the_limit_leaves_nothing(void **state)
{
    engine_fixture *engine = *state;

    set(engine, "MAX_STORAGE_SIZE", "70KiB");
    set(engine, "STORAGE_WARNING_THRESHOLD", "0.99");
    for (size_t i = 0; i < 3; i++) {
        assert_ok(back_up_noise(engine, "home", 9));
    }
    assert_int_equal(count_objects(engine), 6);
    assert_status(back_up_noise(engine, "home", 9), BS_E_NO_SPACE);
    assert_non_null(strstr(bs_error_last()->message, "71680 bytes that MAX_STORAGE_SIZE allows"));
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    assert_int_equal(count_objects(engine), 6);
    assert_status(back_up_noise(engine, "home", 9), BS_E_NO_SPACE); /* Nothing was lost count of. */
    set(engine, "MAX_STORAGE_SIZE", "100KiB");
    assert_ok(back_up_noise(engine, "home", 9));
}

static void a_full_storage_takes_no_backup(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    assert_ok(back_up_noise(engine, "home", 9));
    assert_ok(back_up_noise(engine, "home", 9));
    set(engine, "MAX_STORAGE_SIZE", "30KiB");
    assert_status(bs_backup_start(engine->service, &options, id), BS_E_NO_SPACE);
    assert_non_null(strstr(bs_error_last()->message, "of the 30.0 KiB that MAX_STORAGE_SIZE"));
    assert_int_equal(count_listed(engine), 2);
    assert_ok(bs_backup_delete(engine->service, "latest:home", false, NULL));
    set(engine, "MAX_STORAGE_SIZE", "60KiB");
    assert_ok(back_up_noise(engine, "home", 9));
}

static void what_is_marked_makes_room_for_the_next(void **state)
{
    engine_fixture *engine = *state;

    set(engine, "MAX_STORAGE_SIZE", "90KiB");
    set(engine, "STORAGE_WARNING_THRESHOLD", "0.4");
    for (size_t i = 0; i < 8; i++) {
        assert_ok(back_up_noise(engine, "home", 1));
        engine_close(engine);
        engine_open(engine);
        assert_true(count_listed(engine) <= 3);
    }
}

static void a_refusal_is_the_last_thing_that_happens(void **state)
{
    engine_fixture *engine = quiet_engine(state);

    for (size_t i = 0; i < 3; i++) {
        assert_ok(back_up_noise(engine, "home", 1));
    }
    assert_applied(engine, "kmm");
    set(engine, "STORAGE_CLEANUP_ENABLED", "true");
    set(engine, "MAX_STORAGE_SIZE", "50KiB");
    assert_ok(back_up_noise(engine, "home", 1));
    engine_close(engine);
    engine_open(engine);
    assert_int_equal(count_listed(engine), 2);
}

static void without_cleaning_up_nothing_goes(void **state)
{
    engine_fixture *engine = quiet_engine(state);

    for (size_t i = 0; i < 3; i++) {
        assert_ok(back_up_noise(engine, "home", 1));
    }
    assert_applied(engine, "kmm");
    set(engine, "MAX_STORAGE_SIZE", "50KiB");
    assert_status(back_up_noise(engine, "home", 1), BS_E_NO_SPACE);
    assert_int_equal(count_listed(engine), 3);
}

/* How many events of a storage came by, of those that wait now. */
static size_t count_warnings(bs_subscription *events, char message_out[200])
{
    bs_event *event = NULL;
    size_t count = 0;

    while (bs_subscription_next(events, 0, &event) == BS_OK) {
        if (event->type == BS_EVENT_STORAGE) {
            char *json = NULL;
            assert_int_equal(event->warning.code, BS_E_NO_SPACE);
            assert_string_equal(event->warning.path, "local");
            assert_string_equal(event->job_id, "");
            (void)snprintf(message_out, 200, "%s", event->warning.message);
            assert_ok(bs_event_to_json(event, &json));
            assert_non_null(strstr(json, "\"type\":\"storage\""));
            assert_non_null(strstr(json, "\"path\":\"local\""));
            bs_free(json);
            count++;
        }
        bs_event_free(event);
    }
    return count;
}

/* Until what follows from the backups is done. */
static void settle(const engine_fixture *engine)
{
    bsi_jobs_sync(engine->service, 0);
}

static void it_is_told_once_that_space_is_short(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_subscription *events = NULL;
    char message[200] = "";
    unsigned lines = 0;

    set(engine, "MAX_CONCURRENT_BACKUPS", "1");
    set(engine, "MAX_STORAGE_SIZE", "100KiB");
    set(engine, "STORAGE_WARNING_THRESHOLD", "0.35");
    lines = engine->log_lines;
    assert_ok(bs_subscribe(engine->service, NULL, &events));
    assert_ok(back_up_noise(engine, "home", 9));
    assert_ok(back_up_noise(engine, "home", 9)); /* 40 of 100. */
    assert_ok(back_up_noise(engine, "home", 9));
    settle(engine);
    assert_int_equal(count_warnings(events, message), 1);
    assert_non_null(strstr(message, "of the 100.0 KiB that MAX_STORAGE_SIZE allows"));
    assert_int_equal(engine->log_lines, lines + 1);
    while (count_listed(engine) > 0) {
        assert_ok(bs_backup_delete(engine->service, "latest:home", false, NULL));
    }
    settle(engine);
    assert_int_equal(count_warnings(events, message), 0);
    assert_ok(back_up_noise(engine, "home", 9));
    assert_ok(back_up_noise(engine, "home", 9));
    settle(engine);
    assert_int_equal(count_warnings(events, message), 1);
    bs_unsubscribe(events);
}

static void first_it_warns_then_it_thins_then_it_refuses(void **state)
{
    engine_fixture *engine = *state;
    bs_pin_options pin = BS_PIN_OPTIONS_INIT;
    bs_subscription *events = NULL;
    char message[200] = "";
    bs_status status = BS_OK;
    size_t kept = 0;

    set(engine, "MAX_CONCURRENT_BACKUPS", "1");
    set(engine, "STORAGE_WARNING_THRESHOLD", "60%");
    set(engine, "MAX_STORAGE_SIZE", "100KiB");
    assert_ok(bs_subscribe(engine->service, NULL, &events));
    assert_ok(back_up_noise(engine, "home", 1));
    settle(engine);
    assert_ok(back_up_noise(engine, "home", 1));
    assert_int_equal(count_listed(engine), 2); /* One is marked, and has its time of grace. */
    assert_int_equal(count_warnings(events, message), 0);
    assert_ok(back_up_noise(engine, "home", 1));
    settle(engine);
    assert_int_equal(count_warnings(events, message), 1);
    assert_int_equal(count_listed(engine), 2); /* The one that was marked did not wait. */
    pin.reason = "audit";
    for (; status == BS_OK && kept < 9; kept++) {
        assert_ok(bs_backup_pin(engine->service, "latest:home", &pin));
        status = back_up_noise(engine, "home", 1);
    }
    assert_int_equal(status, BS_E_NO_SPACE);
    assert_int_equal(count_objects(engine), 3 * kept); /* Container, manifest and pin of each. */
    bs_unsubscribe(events);
}

static void other_storages_have_no_limit(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    const char *settings[] = {"path", NULL, "create", "true", NULL};
    char other[PATH_SIZE];
    char id[BS_ID_SIZE];

    (void)snprintf(other, sizeof(other), "%s/other", engine->dir->path);
    settings[1] = other;
    set(engine, "MAX_STORAGE_SIZE", "10KiB");
    assert_ok(bs_service_add_storage(engine->service, "other", "local", settings));
    assert_status(back_up_noise(engine, "home", 9), BS_E_NO_SPACE);
    options.storage = "other";
    engine_backup(engine, &options, BS_OK, id);
    tree_remove(other);
}

static void mirrors_count_with_their_files(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "tree");
    char id[BS_ID_SIZE];

    set(engine, "MAX_STORAGE_SIZE", "30KiB");
    tree_write(engine->source, SOURCE_SIZE, 1);
    options.backup_type = BS_BACKUP_MIRROR;
    engine_backup(engine, &options, BS_OK, id);
    engine_backup(engine, &options, BS_OK, id); /* Nothing is new but the manifest. */
    assert_status(back_up_noise(engine, "home", 9), BS_E_NO_SPACE);
    assert_ok(bs_backup_delete(engine->service, id, false, NULL));
    assert_ok(back_up_noise(engine, "home", 9));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, retention_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_backup_that_crosses_the_limit_leaves_nothing),
        TEST(a_full_storage_takes_no_backup),
        TEST(what_is_marked_makes_room_for_the_next),
        TEST(a_refusal_is_the_last_thing_that_happens),
        TEST(without_cleaning_up_nothing_goes),
        TEST(it_is_told_once_that_space_is_short),
        TEST(first_it_warns_then_it_thins_then_it_refuses),
        TEST(other_storages_have_no_limit),
        TEST(mirrors_count_with_their_files),
    };

    return cmocka_run_group_tests_name("integration/engine_space", tests, NULL, NULL);
}
