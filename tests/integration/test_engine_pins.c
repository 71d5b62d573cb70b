/* SPDX-License-Identifier: MIT */
/*
 * Pins and holds, what lies of them on the storage, and what is swept up there.
 */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os/time.h"
#include "retention_fixture.h"

/* --- Pins --- */

static bs_status pin(engine_fixture *engine, const char *id, const char *reason, const char *until,
                     bool hold)
{
    bs_pin_options options = BS_PIN_OPTIONS_INIT;

    options.reason = reason;
    options.until = until;
    options.hold = hold;
    return bs_backup_pin(engine->service, id, &options);
}

static void pins_and_holds_keep_from_everybody(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_retention_report *report = NULL;
    char ids[2][BS_ID_SIZE];

    back_up(engine, 1, ids[0]);
    back_up(engine, 1, ids[1]);
    assert_ok(pin(engine, ids[0], "before the move", NULL, false));
    assert_ok(pin(engine, ids[0], "case 17", NULL, true));
    report = apply(engine);
    assert_int_equal(item_of(report, ids[0])->kept_by, BS_KEPT_BY_PIN | BS_KEPT_BY_HOLD);
    bs_retention_report_free(report);
    assert_status(bs_backup_delete(engine->service, ids[0], true, NULL), BS_E_NEEDED);
    assert_non_null(strstr(bs_error_last()->message, "case 17"));
    assert_ok(bs_backup_unpin(engine->service, ids[0], true));
    assert_status(bs_backup_unpin(engine->service, ids[0], true), BS_E_NOT_FOUND);
    assert_status(bs_backup_delete(engine->service, ids[0], true, NULL), BS_E_NEEDED);
    assert_non_null(strstr(bs_error_last()->message, "before the move"));
    assert_ok(bs_backup_unpin(engine->service, ids[0], false));
    assert_ok(bs_backup_delete(engine->service, ids[0], true, NULL));
}

static void a_cascade_stops_before_it_begins_at_a_pin(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_options options = engine_options(engine, "home");
    const char *const two[] = {engine->source, "/etc/hostname", NULL};
    char ids[3][BS_ID_SIZE];

    options.source_paths = two;
    options.backup_type = BS_BACKUP_INCREMENTAL;
    for (size_t i = 0; i < 3; i++) {
        back_up_by(engine, &options, ids[i]);
    }
    assert_ok(pin(engine, ids[1], "kept", NULL, false));
    assert_status(bs_backup_delete(engine->service, ids[0], true, NULL), BS_E_NEEDED);
    assert_int_equal(count_listed(engine), 3);
    engine_close(engine);
    engine_open(engine);
    assert_int_equal(count_listed(engine), 3);
}

static void a_pin_ends_when_it_said(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_info *info = NULL;
    char until[40];
    char ids[2][BS_ID_SIZE];
    time_t at = 0;
    struct tm tm;

    back_up(engine, 1, ids[0]);
    back_up(engine, 1, ids[1]);
    at = (time_t)bsi_now().sec + 3 * DAY;
    assert_non_null(gmtime_r(&at, &tm));
    assert_true(strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
    assert_ok(pin(engine, ids[0], "three days", until, false));
    info = engine_get(engine, ids[0]);
    assert_int_equal(strncmp(info->pins[0].until, until, 19), 0);
    assert_false(info->pins[0].hold);
    assert_int_not_equal(info->pins[0].created_at[0], 0);
    bs_backup_info_free(info);
    pass(3 * DAY - 60);
    assert_applied(engine, "kk");
    pass(120);
    assert_applied(engine, "km");
    pass(2 * DAY);
    assert_applied(engine, "kr");
    assert_int_equal(count_listed(engine), 1);
}

static void pins_that_make_no_sense_are_refused(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_options options = engine_options(engine, "home");
    char long_reason[600];
    char id[BS_ID_SIZE];
    char mirror[BS_ID_SIZE];

    memset(long_reason, 'x', sizeof(long_reason) - 1);
    long_reason[sizeof(long_reason) - 1] = '\0';
    back_up(engine, 1, id);
    assert_status(pin(engine, id, NULL, NULL, false), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "reason: takes one line"));
    assert_status(pin(engine, id, "", NULL, false), BS_E_INVALID);
    assert_status(pin(engine, id, "\xff", NULL, false), BS_E_INVALID);
    assert_status(pin(engine, id, "two\nlines", NULL, false), BS_E_INVALID);
    assert_status(pin(engine, id, long_reason, NULL, false), BS_E_INVALID);
    assert_status(pin(engine, id, "x", "tomorrow", false), BS_E_INVALID);
    assert_status(pin(engine, id, "x", "2001-01-01T00:00:00Z", false), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "until: is past"));
    assert_status(pin(engine, id, "x", "9999-01-01T00:00:00Z", false), BS_E_INVALID);
    assert_status(pin(engine, "ffffffff", "x", NULL, false), BS_E_NOT_FOUND);
    options.backup_type = BS_BACKUP_MIRROR;
    back_up_by(engine, &options, mirror);
    assert_status(pin(engine, mirror, "x", NULL, false), BS_E_UNSUPPORTED);
}

/* Where the pins of a backup lie. */
static void pins_key(engine_fixture *engine, const char *id, char out[PATH_SIZE])
{
    bs_backup_info *info = engine_get(engine, id);
    const char *end = strstr(info->manifest_path, ".manifest.");

    assert_non_null(end);
    (void)snprintf(out, PATH_SIZE, "%.*s.pins.json", (int)(end - info->manifest_path),
                   info->manifest_path);
    bs_backup_info_free(info);
}

static void lose_catalogue(engine_fixture *engine)
{
    char path[PATH_SIZE];

    engine_close(engine);
    (void)snprintf(path, sizeof(path), "%s/catalog.sqlite", engine->state);
    assert_int_equal(unlink(path), 0);
    engine_open(engine);
    assert_ok(bs_catalog_rebuild(engine->service, NULL));
}

static void pins_outlive_the_catalogue(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_info *info = NULL;
    char key[PATH_SIZE];
    char ids[3][BS_ID_SIZE];

    for (size_t i = 0; i < 3; i++) {
        back_up(engine, 1, ids[i]);
    }
    assert_ok(pin(engine, ids[0], "first \"one\"", NULL, false));
    assert_ok(pin(engine, ids[0], "held", "2200-01-01T00:00:00Z", true));
    assert_ok(pin(engine, ids[1], "second", NULL, false));
    assert_ok(bs_backup_unpin(engine->service, ids[1], false));
    pins_key(engine, ids[1], key);
    assert_false(object_exists(engine, key));
    lose_catalogue(engine);
    info = engine_get(engine, ids[0]);
    assert_int_equal(info->pins_count, 2);
    assert_true(info->pins[0].hold);
    assert_string_equal(info->pins[0].until, "2200-01-01T00:00:00.000000000Z");
    assert_string_equal(info->pins[1].reason, "first \"one\"");
    bs_backup_info_free(info);
    assert_plan(engine, "kmk");
    pins_key(engine, ids[0], key);
    assert_true(object_exists(engine, key));
    assert_ok(bs_backup_unpin(engine->service, ids[0], true));
    assert_ok(bs_backup_unpin(engine->service, ids[0], false));
    assert_false(object_exists(engine, key));
}

static void pins_that_cannot_be_read_keep_their_backup(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{\"pins\":3}",
        "{\"pins\":[{\"kind\":\"wish\"}]}",
        "{\"pins\":[{\"kind\":\"pin\",\"until\":\"soon\"}]}",
        "{\"pins\":[{\"kind\":\"pin\",\"colour\":\"red\"}]}",
    };
    engine_fixture *engine = quiet_engine(state);
    char key[PATH_SIZE];
    char ids[2][BS_ID_SIZE];

    back_up(engine, 1, ids[0]);
    back_up(engine, 1, ids[1]);
    pins_key(engine, ids[0], key);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# %s\n", texts[i]);
        write_object(engine, key, texts[i]);
        lose_catalogue(engine);
        assert_plan(engine, "kk");
    }
    assert_ok(bs_backup_unpin(engine->service, ids[0], false));
    assert_false(object_exists(engine, key));
    assert_plan(engine, "km");
}

static void what_lies_of_pins_goes_with_the_backup(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    char key[PATH_SIZE];
    char until[40];
    char ids[2][BS_ID_SIZE];
    time_t at = (time_t)bsi_now().sec + DAY;
    struct tm tm;

    assert_non_null(gmtime_r(&at, &tm));
    assert_true(strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
    back_up(engine, 1, ids[0]);
    back_up(engine, 1, ids[1]);
    assert_ok(pin(engine, ids[0], "a day", until, false));
    pins_key(engine, ids[0], key);
    assert_true(object_exists(engine, key));
    pass(2 * DAY);
    assert_ok(bs_backup_delete(engine->service, ids[0], false, NULL));
    assert_false(object_exists(engine, key));
}

/* --- Rubbish --- */

static void age(const engine_fixture *engine, const char *key, int64_t seconds)
{
    const struct timespec at[2] = {{bsi_now().sec - seconds, 0}, {bsi_now().sec - seconds, 0}};
    char path[PATH_SIZE];

    object_path(engine, key, path);
    assert_int_equal(utimensat(AT_FDCWD, path, at, 0), 0);
}

static void what_belongs_to_no_backup_is_swept_up(void **state)
{
    static const struct {
        const char *key;
        int64_t age;
        bool stays;
    } objects[] = {
        {"home/20260101T000000Z-full-0000000a.zip", 2 * DAY, false},
        {"home/20260101T000000Z-full-0000000a.pins.json", 2 * DAY, false},
        {"home/20260101T000000Z-incremental-0000000b.tar.zst", 23 * HOUR, true},
        {"home/20260101T000000Z-full-0000000c.zip", 2 * DAY, true},
        {"home/20260101T000000Z-full-0000000c.pins.json", HOUR, true},
        {"home/20260101T000000Z-full-0000000d.zip", 2 * DAY, true},
        {"home/20260101T000000Z-full-0000000d.manifest.json.zst", 2 * DAY, true},
        {"home/.bst-0123456789abcdef", 2 * DAY, false},
        {"home/.bst-1123456789abcdef", 2 * HOUR, true},
        {"home/20260101T000000Z-full-0000000e", 2 * DAY, true},
        {"home/20260101T000000Z-full-0000000E.zip", 2 * DAY, true},
        {"home/20260101T000000Z-half-0000000f.zip", 2 * DAY, true},
        {"home/20260101-full-0000000f.zip", 2 * DAY, true},
        {"home/letter.txt", 2 * DAY, true},
        {"letter.txt", 2 * DAY, true},
    };
    engine_fixture *engine = quiet_engine(state);
    bs_retention_report *report = NULL;
    bs_backup_info *info = NULL;
    char damaged[PATH_SIZE];
    char id[BS_ID_SIZE];

    back_up(engine, 5, id);
    info = engine_get(engine, id);
    object_path(engine, info->manifest_path, damaged);
    assert_int_equal(unlink(damaged), 0); /* Its container is all that is left. */
    age(engine, info->backup_file_path, 2 * DAY);
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        write_object(engine, objects[i].key, "12345");
        age(engine, objects[i].key, objects[i].age);
    }
    report = plan(engine);
    assert_int_equal(report->reclaimed_objects, 0);
    bs_retention_report_free(report);
    report = apply(engine);
    assert_int_equal(report->reclaimed_objects, 3);
    assert_int_equal(report->reclaimed_bytes, 15);
    bs_retention_report_free(report);
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        print_message("# %s\n", objects[i].key);
        assert_int_equal(object_exists(engine, objects[i].key), objects[i].stays);
    }
    assert_true(object_exists(engine, info->backup_file_path));
    bs_backup_info_free(info);
}

static void nothing_is_swept_up_while_a_backup_runs(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_options options = engine_options(engine, "home");
    engine_gate gate = {0, 0};
    char id[BS_ID_SIZE];

    options.source_paths = NULL;
    options.source_callback = engine_slow_source;
    options.source_user = &gate;
    back_up(engine, 5, id);
    write_object(engine, "home/.bst-0123456789abcdef", "12345");
    age(engine, "home/.bst-0123456789abcdef", 2 * DAY);
    assert_ok(bs_backup_start(engine->service, &options, id));
    while (!__atomic_load_n(&gate.entered, __ATOMIC_SEQ_CST)) {
    }
    assert_applied(engine, "kk");
    assert_true(object_exists(engine, "home/.bst-0123456789abcdef"));
    __atomic_store_n(&gate.open, 1, __ATOMIC_SEQ_CST);
    assert_ok(bs_backup_wait(engine->service, id, BS_FOREVER));
    assert_applied(engine, "kk");
    assert_false(object_exists(engine, "home/.bst-0123456789abcdef"));
    assert_ok(bs_backup_delete(engine->service, id, false, NULL));
}

/* Of manifests, for `rsa`. */
#define BASES "../bases/on-local/home/"

static void copies_that_were_never_finished_are_swept_up(void **state)
{
    static const char *const folders[] = {"../bases", "../bases/on-local", BASES};
    engine_fixture *engine = quiet_engine(state);
    char path[PATH_SIZE];

    assert_applied(engine, "");
    assert_false(object_exists(engine, "../bases/on-local")); /* None is made for that. */
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        object_path(engine, folders[i], path);
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
    }
    write_object(engine, BASES "finished.manifest.json.zst", "12345");
    write_object(engine, BASES ".bst-0123456789abcdef", "12345");
    write_object(engine, BASES ".bst-1123456789abcdef", "12345");
    age(engine, BASES "finished.manifest.json.zst", 2 * DAY);
    age(engine, BASES ".bst-0123456789abcdef", 2 * DAY);
    age(engine, BASES ".bst-1123456789abcdef", 2 * HOUR);
    assert_applied(engine, "");
    assert_true(object_exists(engine, BASES "finished.manifest.json.zst"));
    assert_false(object_exists(engine, BASES ".bst-0123456789abcdef"));
    assert_true(object_exists(engine, BASES ".bst-1123456789abcdef"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, retention_teardown)
    const struct CMUnitTest tests[] = {
        TEST(pins_and_holds_keep_from_everybody),
        TEST(a_cascade_stops_before_it_begins_at_a_pin),
        TEST(a_pin_ends_when_it_said),
        TEST(pins_that_make_no_sense_are_refused),
        TEST(pins_outlive_the_catalogue),
        TEST(pins_that_cannot_be_read_keep_their_backup),
        TEST(what_lies_of_pins_goes_with_the_backup),
        TEST(what_belongs_to_no_backup_is_swept_up),
        TEST(copies_that_were_never_finished_are_swept_up),
        TEST(nothing_is_swept_up_while_a_backup_runs),
    };

    return cmocka_run_group_tests_name("integration/engine_pins", tests, NULL, NULL);
}
