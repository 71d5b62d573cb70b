/* SPDX-License-Identifier: MIT */
/*
 * What retention leaves, by itself and when it is asked.
 */
#include "support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "os/fault.h"
#include "os/time.h"
#include "retention_fixture.h"
#include "support/tree.h"

/* --- The two steps --- */

static void what_no_rule_keeps_is_marked_then_removed(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_retention_report *report = NULL;
    bs_backup_info *info = NULL;
    char ids[3][BS_ID_SIZE];

    for (size_t i = 0; i < 3; i++) {
        back_up(engine, 1, ids[i]);
    }
    report = plan(engine);
    assert_string_equal(actions_of(report), "kmm");
    assert_int_equal(report->kept, 1);
    assert_int_equal(report->marked, 2);
    assert_int_equal(item_of(report, ids[2])->kept_by, BS_KEPT_BY_LAST | BS_KEPT_AS_LAST_GOOD);
    assert_int_equal(item_of(report, ids[0])->kept_by, 0);
    assert_string_equal(item_of(report, ids[0])->name, "home");
    assert_string_equal(item_of(report, ids[0])->storage, "local");
    bs_retention_report_free(report);
    info = engine_get(engine, ids[0]);
    assert_string_equal(info->marked_at, "");
    bs_backup_info_free(info);

    assert_applied(engine, "kmm");
    info = engine_get(engine, ids[0]);
    assert_int_not_equal(info->marked_at[0], 0);
    assert_true(strcmp(info->marked_at, info->remove_after) < 0);
    assert_applied(engine, "kww");
    pass(24 * HOUR - 60);
    assert_applied(engine, "kww");
    pass(120);
    assert_plan(engine, "krr");
    assert_int_equal(count_listed(engine), 3);
    report = apply(engine);
    assert_int_equal(report->removed, 2);
    assert_true(report->removed_bytes >= 2 * info->backup_size - 200);
    assert_int_equal(report->failed, 0);
    bs_retention_report_free(report);
    assert_int_equal(count_listed(engine), 1);
    assert_false(object_exists(engine, info->backup_file_path));
    assert_false(object_exists(engine, info->manifest_path));
    bs_backup_info_free(info);
    engine_restore(engine, ids[2]);
}

static void without_grace_it_goes_at_once(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    char id[BS_ID_SIZE];

    set(engine, "RETENTION_GRACE_HOURS", "0");
    for (size_t i = 0; i < 3; i++) {
        back_up(engine, 1, id);
    }
    assert_applied(engine, "krr");
    assert_applied(engine, "k");
}

static void a_rule_that_comes_to_keep_a_backup_takes_its_mark_away(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_info *info = NULL;
    char ids[3][BS_ID_SIZE];

    back_up(engine, 1, ids[0]);
    back_up(engine, 1, ids[1]);
    assert_applied(engine, "km");
    back_up(engine, 3, ids[2]);
    assert_plan(engine, "kkk");
    info = engine_get(engine, ids[0]);
    assert_int_not_equal(info->marked_at[0], 0);
    bs_backup_info_free(info);
    assert_applied(engine, "kkk");
    info = engine_get(engine, ids[0]);
    assert_string_equal(info->marked_at, "");
    bs_backup_info_free(info);
}

static void a_marked_backup_that_becomes_the_last_one_stays(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    char ids[2][BS_ID_SIZE];

    back_up(engine, 1, ids[0]);
    back_up(engine, 1, ids[1]);
    assert_applied(engine, "km");
    assert_ok(bs_backup_delete(engine->service, ids[1], false, NULL));
    pass(2 * DAY);
    assert_applied(engine, "k");
    engine_restore(engine, ids[0]);
}

static void undelete_keeps_a_backup_for_good(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_retention_report *report = NULL;
    bs_backup_info *info = NULL;
    char ids[2][BS_ID_SIZE];

    back_up(engine, 1, ids[0]);
    back_up(engine, 1, ids[1]);
    assert_status(bs_backup_undelete(engine->service, ids[0]), BS_E_NOT_FOUND);
    assert_non_null(strstr(bs_error_last()->message, "not marked"));
    assert_applied(engine, "km");
    assert_ok(bs_backup_undelete(engine->service, ids[0]));
    info = engine_get(engine, ids[0]);
    assert_string_equal(info->marked_at, "");
    assert_int_equal(info->pins_count, 1);
    assert_string_equal(info->pins[0].reason, "undeleted");
    bs_backup_info_free(info);
    pass(5 * DAY);
    report = apply(engine);
    assert_int_equal(item_of(report, ids[0])->kept_by, BS_KEPT_BY_PIN);
    bs_retention_report_free(report);
    assert_ok(bs_backup_unpin(engine->service, ids[0], false));
    assert_applied(engine, "km");
}

static void a_marked_backup_is_no_base(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_options options = engine_options(engine, "home");
    bs_backup_info *info = NULL;
    char ids[3][BS_ID_SIZE];

    back_up(engine, 1, ids[0]);
    back_up(engine, 1, ids[1]);
    assert_applied(engine, "km");
    assert_ok(bs_backup_delete(engine->service, ids[1], false, NULL));
    options.backup_type = BS_BACKUP_INCREMENTAL;
    back_up_by(engine, &options, ids[2]);
    info = engine_get(engine, ids[2]);
    assert_int_equal(info->backup_type, BS_BACKUP_FULL);
    assert_string_equal(info->base_id, "");
    bs_backup_info_free(info);
}

/* --- Rules --- */

static void the_newest_good_backup_that_has_rules_brings_them(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_options options = engine_options(engine, "home");
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];

    for (size_t i = 0; i < 4; i++) {
        back_up(engine, 1, id);
    }
    assert_plan(engine, "kmmm");
    back_up(engine, 3, id);
    assert_plan(engine, "kkkmm");
    back_up_by(engine, &options, id); /* It has none, and changes nothing. */
    assert_plan(engine, "kkkmmm");
    assert_ok(bs_backup_delete(engine->service, id, false, NULL));
    assert_ok(bs_backup_get(engine->service, "latest:home", &info));
    (void)snprintf(id, sizeof(id), "%s", info->id);
    bs_backup_info_free(info);
    info = engine_get(engine, id);
    assert_int_equal(info->keep_last, 3);
    assert_int_equal(info->retention_days, 0);
    assert_string_equal(info->expires_at, "");
    bs_backup_info_free(info);
    options.keep_daily = 1;
    options.retention_days = 5;
    back_up_by(engine, &options, id);
    assert_plan(engine, "kmmmmm");
    info = engine_get(engine, id);
    assert_int_equal(info->keep_daily, 1);
    assert_int_equal(info->retention_days, 5);
    assert_int_not_equal(info->expires_at[0], 0);
    bs_backup_info_free(info);
}

static void days_that_a_backup_was_given_are_kept(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    options.retention_days = BS_RETENTION_FOREVER;
    back_up_by(engine, &options, id);
    options.retention_days = 20;
    back_up_by(engine, &options, id);
    options.retention_days = 0; /* 30, by DEFAULT_RETENTION_DAYS. */
    back_up_by(engine, &options, id);
    back_up(engine, 1, id);
    assert_plan(engine, "kkkk");
    pass(20 * DAY + 60);
    assert_plan(engine, "kkmk");
    assert_applied(engine, "kkmk");
    pass(10 * DAY);
    assert_applied(engine, "kmrk");
}

static void names_and_storages_are_looked_at_by_themselves(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_options options = engine_options(engine, "home");
    bs_retention_options only = BS_RETENTION_OPTIONS_INIT;
    bs_retention_report *report = NULL;
    const char *settings[] = {"path", NULL, "create", "true", NULL};
    char other[PATH_SIZE];
    char id[BS_ID_SIZE];

    (void)snprintf(other, sizeof(other), "%s/other", engine->dir->path);
    settings[1] = other;
    assert_ok(bs_service_add_storage(engine->service, "other", "local", settings));
    options.keep_last = 1;
    for (size_t i = 0; i < 2; i++) {
        options.storage = NULL;
        options.name = "home";
        back_up_by(engine, &options, id);
        options.storage = "other";
        back_up_by(engine, &options, id);
        options.name = "work";
        back_up_by(engine, &options, id);
    }
    assert_plan(engine, "kmkmkm");
    only.name = "work";
    assert_ok(bs_retention_apply(engine->service, &only, &report));
    assert_string_equal(actions_of(report), "km");
    assert_string_equal(report->items[0]->storage, "other");
    bs_retention_report_free(report);
    assert_plan(engine, "kmkmkw");
    pass(2 * DAY);
    engine_close(engine);
    engine_open(engine);
    assert_status(bs_retention_apply(engine->service, &only, &report), BS_PARTIAL);
    assert_int_equal(report->failed, 1);
    assert_int_equal(report->removed, 0);
    assert_int_equal(report->items[1]->error.code, BS_E_NOT_FOUND);
    assert_non_null(strstr(report->items[1]->error.message, "no storage 'other'"));
    bs_retention_report_free(report);
    only.name = "none";
    assert_ok(bs_retention_apply(engine->service, &only, &report));
    assert_int_equal(report->count, 0);
    bs_retention_report_free(report);
    tree_remove(other);
}

static void rules_of_the_caller_take_the_place_of_all_others(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_retention_options rules = BS_RETENTION_OPTIONS_INIT;
    bs_backup_options options = engine_options(engine, "home");
    bs_retention_report *report = NULL;
    char id[BS_ID_SIZE];

    options.retention_days = BS_RETENTION_FOREVER;
    for (size_t i = 0; i < 3; i++) {
        back_up_by(engine, &options, id);
    }
    assert_plan(engine, "kkk");
    rules.keep_last = 2;
    assert_ok(bs_retention_plan(engine->service, &rules, &report));
    assert_string_equal(actions_of(report), "kkm");
    bs_retention_report_free(report);
    rules.keep_last = -1;
    assert_status(bs_retention_plan(engine->service, &rules, &report), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "keep_last: takes 0 to 1000000, not -1"));
    rules.keep_last = 0;
    rules.retention_days = BS_RETENTION_FOREVER;
    assert_status(bs_retention_apply(engine->service, &rules, NULL), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "retention_days: takes 0 to 36500, not -1"));
}

static void days_are_those_of_the_zone(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    options.keep_daily = 2;
    pass(DAY - bsi_now().sec % DAY + 22 * HOUR + HOUR / 2); /* 22:30 in UTC. */
    back_up_by(engine, &options, id);
    pass(HOUR);
    back_up_by(engine, &options, id);
    assert_plan(engine, "km");
    set(engine, "TIMEZONE", "Etc/GMT-1"); /* 23:30 and 00:30. */
    assert_plan(engine, "kk");
}

static void an_unknown_zone_stops_the_start(void **state)
{
    engine_fixture *engine = *state;
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_service *service = NULL;
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/other", engine->dir->path);
    assert_ok(bs_config_new(&engine->config));
    assert_ok(bs_config_set(engine->config, "TIMEZONE", "Europe/Atlantis"));
    options.state_path = path;
    options.config = engine->config;
    assert_status(bs_service_open(&options, &service), BS_E_INVALID);
    assert_string_equal(bs_error_last()->message,
                        "TIMEZONE: there is no time zone 'Europe/Atlantis'; a time zone is "
                        "called as Europe/Berlin or UTC");
    assert_int_not_equal(access(path, F_OK), 0); /* Nothing was made. */
}

static void requests_with_impossible_rules_are_refused(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    options.keep_daily = -2;
    options.keep_yearly = 1000001;
    assert_status(bs_backup_start(engine->service, &options, id), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "keep_daily: takes 0 to 1000000, not -2"));
    assert_non_null(strstr(bs_error_last()->message, "keep_yearly: takes 0 to 1000000"));
    options = engine_options(engine, "home");
    options.keep_last = 1;
    options.retention_days = BS_RETENTION_FOREVER;
    assert_status(bs_backup_start(engine->service, &options, id), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "retention_days: -1 keeps every backup"));
}

static void failures_go_after_their_time(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_options options = engine_options(engine, "home");
    const char *const command[] = {"/bin/sh", "-c", "exit 3", NULL};
    bs_retention_report *report = NULL;
    char failed[BS_ID_SIZE];
    char id[BS_ID_SIZE];

    options.source_paths = NULL;
    options.source_command = command;
    engine_backup(engine, &options, BS_E_COMMAND, failed);
    back_up(engine, 1, id);
    report = plan(engine);
    assert_int_equal(item_of(report, failed)->kept_by, BS_KEPT_AS_RECENT_FAILURE);
    bs_retention_report_free(report);
    for (size_t i = 0; i < 3; i++) {
        pass(30 * DAY - 60);
        assert_applied(engine, "kk");
    }
    pass(DAY);
    assert_applied(engine, "kr");
    assert_applied(engine, "k");
}

/* --- Needs --- */

static void a_base_goes_with_its_last_dependant(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_backup_options options = engine_options(engine, "home");
    const char *const two[] = {engine->source, "/etc/hostname", NULL};
    bs_retention_report *report = NULL;
    char ids[4][BS_ID_SIZE];

    options.source_paths = two;
    options.keep_last = 1;
    options.backup_type = BS_BACKUP_INCREMENTAL;
    for (size_t i = 0; i < 3; i++) {
        back_up_by(engine, &options, ids[i]);
    }
    report = plan(engine);
    assert_string_equal(actions_of(report), "kmk");
    assert_int_equal(item_of(report, ids[0])->kept_by, BS_KEPT_AS_NEEDED);
    assert_string_equal(item_of(report, ids[0])->needed_by, ids[2]);
    bs_retention_report_free(report);
    assert_applied(engine, "kmk");
    options.backup_type = BS_BACKUP_FULL;
    back_up_by(engine, &options, ids[3]);
    assert_applied(engine, "kmwm");
    pass(2 * DAY);
    assert_applied(engine, "krrr");
    assert_int_equal(count_listed(engine), 1);
}

/* --- The clock --- */

static void nothing_goes_while_the_clock_cannot_be_trusted(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_retention_options accept = BS_RETENTION_OPTIONS_INIT;
    bs_retention_report *report = NULL;
    char id[BS_ID_SIZE];

    accept.accept_clock = true;
    for (size_t i = 0; i < 3; i++) {
        back_up(engine, 1, id);
    }
    pass(-DAY);
    report = plan(engine);
    assert_string_equal(actions_of(report), "kkk"); /* None has begun yet. */
    assert_int_equal(report->clock.code, BS_E_CLOCK);
    bs_retention_report_free(report);
    assert_status(bs_retention_apply(engine->service, NULL, &report), BS_E_CLOCK);
    assert_non_null(strstr(bs_error_last()->message, "but something happened at"));
    pass(DAY);
    assert_applied(engine, "kmm");
    pass(33 * DAY);
    back_up(engine, 1, id); /* Its time proves nothing. */
    assert_status(bs_retention_apply(engine->service, NULL, &report), BS_E_CLOCK);
    assert_non_null(strstr(bs_error_last()->message, "too long after"));
    pass(6 * DAY);
    assert_status(bs_retention_apply(engine->service, NULL, &report), BS_E_CLOCK);
    pass(DAY);
    report = plan(engine);
    assert_int_equal(report->clock.code, BS_OK);
    assert_string_equal(actions_of(report), "kmrr");
    bs_retention_report_free(report);
    pass(-2 * DAY); /* Doubts begin anew. */
    assert_status(bs_retention_apply(engine->service, NULL, &report), BS_E_CLOCK);
    assert_ok(bs_retention_plan(engine->service, &accept, &report));
    assert_int_equal(report->clock.code, BS_OK);
    bs_retention_report_free(report);
    assert_ok(bs_retention_apply(engine->service, &accept, &report));
    assert_string_equal(actions_of(report), "kmrr");
    bs_retention_report_free(report);
    assert_applied(engine, "kw");
}

static void a_record_from_the_future_can_be_accepted(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_retention_options accept = BS_RETENTION_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    accept.accept_clock = true;
    pass(1000 * DAY);
    back_up(engine, 1, id);
    pass(-1000 * DAY);
    back_up(engine, 1, id);
    assert_status(bs_retention_apply(engine->service, NULL, NULL), BS_E_CLOCK);
    assert_ok(bs_retention_apply(engine->service, &accept, NULL));
    pass(60);
    back_up(engine, 1, id);
    assert_applied(engine, "kmk");
}

/* --- By itself --- */

static void the_service_does_it_after_each_backup(void **state)
{
    engine_fixture *engine = *state;
    char ids[4][BS_ID_SIZE];

    set(engine, "RETENTION_GRACE_HOURS", "0");
    for (size_t i = 0; i < 4; i++) {
        back_up(engine, 2, ids[i]);
        /* A service that closes ends what it has begun. */
        engine_close(engine);
        engine_open(engine);
        assert_int_equal(count_listed(engine), i < 2 ? i + 1 : 2);
    }
    engine_restore(engine, ids[2]);
    engine_restore(engine, ids[3]);
}

static void once_a_day_it_looks_at_all_names(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "idle");
    char id[BS_ID_SIZE];

    set(engine, "RETENTION_GRACE_HOURS", "0");
    back_up(engine, 1, id);
    options.retention_days = 3;
    back_up_by(engine, &options, id);
    back_up_by(engine, &options, id);
    for (int day = 0; day < 5; day++) {
        assert_int_equal(count_listed(engine), day < 3 ? 3 : 2);
        pass(DAY);
        back_up(engine, 1, id);
        engine_close(engine);
        engine_open(engine);
    }
}

/* --- Trouble --- */

typedef struct reading {
    engine_fixture *engine;
    bs_status status;
    bs_error error;
} reading;

/* Applies while the backup is being read. */
static int apply_meanwhile(void *user, const void *data, size_t size)
{
    reading *self = user;
    bs_retention_report *report = NULL;

    (void)data;
    (void)size;
    if (self->status == BS_OK) {
        self->status = bs_retention_apply(self->engine->service, NULL, &report);
        self->error = report->items[1]->error;
        bs_retention_report_free(report);
    }
    return 0;
}

static void what_is_being_read_goes_the_next_time(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    reading self = {.engine = engine, .status = BS_OK};
    char ids[2][BS_ID_SIZE];

    set(engine, "RETENTION_GRACE_HOURS", "0");
    back_up(engine, 1, ids[0]);
    back_up(engine, 1, ids[1]);
    assert_ok(bs_backup_download(engine->service, ids[0], 0, UINT64_MAX, apply_meanwhile, &self));
    assert_int_equal(self.status, BS_PARTIAL);
    assert_int_equal(self.error.code, BS_E_BUSY);
    assert_applied(engine, "kr");
}

/* Fail the 1st allocation, then the 2nd, ... until the call needs no more. */
static void without_memory_nothing_is_lost(void **state)
{
    engine_fixture *engine = quiet_engine(state);
    bs_retention_report *report = NULL;
    bs_status status = BS_E_NOMEM;
    char ids[3][BS_ID_SIZE];
    long n = 0;

    set(engine, "RETENTION_GRACE_HOURS", "0");
    for (size_t i = 0; i < 3; i++) {
        back_up(engine, 1, ids[i]);
    }
    for (; status == BS_E_NOMEM || status == BS_PARTIAL; n += 3) {
        bsi_alloc_fail_after(n);
        status = bs_retention_apply(engine->service, NULL, &report);
        bsi_alloc_fail_after(-1);
        if (status >= 0) {
            bs_retention_report_free(report);
        }
    }
    assert_ok(status);
    assert_true(n > 30);
    assert_ok(bs_retention_apply(engine->service, NULL, NULL));
    engine_close(engine);
    engine_open(engine);
    assert_int_equal(count_listed(engine), 1);
    engine_restore(engine, ids[2]);
}

/* Fail the 1st call to the system, then another one further on, ... until none fails. */
static void when_the_system_fails_the_next_run_finishes(void **state)
{
    static const int codes[] = {EIO, ENOSPC};
    engine_fixture *engine = quiet_engine(state);
    char ids[2][BS_ID_SIZE];
    uint64_t failed = 0;

    set(engine, "RETENTION_GRACE_HOURS", "0");
    for (size_t i = 0; i < BSI_ARRAY_SIZE(codes); i++) {
        for (uint64_t at = 1 + i;; at += 7) {
            const bsi_fault_plan fault = {.at = at, .os_code = codes[i]};

            back_up(engine, 1, ids[0]);
            back_up(engine, 1, ids[1]);
            bsi_fault_set(&fault);
            failed += bs_retention_apply(engine->service, NULL, NULL) != BS_OK;
            const bool done = bsi_fault_count() < at;
            bsi_fault_set(NULL);
            assert_ok(bs_retention_apply(engine->service, NULL, NULL));
            assert_int_equal(count_listed(engine), 1);
            if (done) {
                break;
            }
        }
    }
    assert_true(failed > 10);
    engine_restore(engine, ids[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, retention_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_no_rule_keeps_is_marked_then_removed),
        TEST(without_grace_it_goes_at_once),
        TEST(a_rule_that_comes_to_keep_a_backup_takes_its_mark_away),
        TEST(a_marked_backup_that_becomes_the_last_one_stays),
        TEST(undelete_keeps_a_backup_for_good),
        TEST(a_marked_backup_is_no_base),
        TEST(the_newest_good_backup_that_has_rules_brings_them),
        TEST(days_that_a_backup_was_given_are_kept),
        TEST(names_and_storages_are_looked_at_by_themselves),
        TEST(rules_of_the_caller_take_the_place_of_all_others),
        TEST(days_are_those_of_the_zone),
        TEST(an_unknown_zone_stops_the_start),
        TEST(requests_with_impossible_rules_are_refused),
        TEST(failures_go_after_their_time),
        TEST(a_base_goes_with_its_last_dependant),
        TEST(nothing_goes_while_the_clock_cannot_be_trusted),
        TEST(a_record_from_the_future_can_be_accepted),
        TEST(the_service_does_it_after_each_backup),
        TEST(once_a_day_it_looks_at_all_names),
        TEST(what_is_being_read_goes_the_next_time),
        TEST(without_memory_nothing_is_lost),
        TEST(when_the_system_fails_the_next_run_finishes),
    };

    return cmocka_run_group_tests_name("integration/engine_retention", tests, NULL, NULL);
}
