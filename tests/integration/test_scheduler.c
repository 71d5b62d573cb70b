/* SPDX-License-Identifier: MIT */
/*
 * Schedules and the clock: each due time is dealt with once, whatever happens to
 * the clock, the service and the jobs.
 */
#include "support/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/service.h"
#include "os/time.h"
#include "schedule_fixture.h"
#include "support/tree.h"

#define DAY0 SCHEDULE_DAY0

static void a_schedule_starts_its_backup_at_its_times(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_info *info = NULL;
    bs_backup_info *backup = NULL;

    schedule_add(engine, "hourly", "@hourly", BS_MISSED_DEFAULT);
    info = schedule_get(engine, "hourly");
    assert_string_equal(info->next_run_at, "2026-11-23T01:00:00.000000000Z");
    assert_string_equal(info->last_run_at, "");
    assert_string_equal(info->last_status, "");
    bs_schedule_info_free(info);
    schedule_at(engine, DAY0 + HOUR - 30);
    assert_story(engine, "hourly", "");
    schedule_at(engine, DAY0 + HOUR);
    schedule_at(engine, DAY0 + HOUR + 30);
    schedule_at(engine, DAY0 + 2 * HOUR + 59);
    assert_story(engine, "hourly", "1s 2s");
    assert_int_equal(schedule_backups(engine, "hourly"), 2);

    info = schedule_get(engine, "hourly");
    assert_string_equal(info->next_run_at, "2026-11-23T03:00:00.000000000Z");
    assert_memory_equal(info->last_run_at, "2026-11-23T02:00:", 17);
    assert_string_equal(info->last_status, "completed");
    assert_int_equal(info->runs_started, 2);
    assert_false(info->running);
    assert_false(info->overdue);
    backup = engine_get(engine, info->last_job_id);
    assert_string_equal(backup->name, "hourly");
    assert_int_equal(backup->status, BS_STATE_COMPLETED);
    bs_backup_info_free(backup);
    bs_schedule_info_free(info);
}

static void a_service_that_was_not_told_to_runs_nothing(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_info *info = NULL;

    schedule_add(engine, "hourly", "@hourly", BS_MISSED_DEFAULT);
    schedule_reopen(engine, false);
    schedule_clock(DAY0 + HOUR + 59);
    info = schedule_get(engine, "hourly");
    assert_false(info->overdue);
    bs_schedule_info_free(info);
    schedule_clock(DAY0 + HOUR + 61);
    info = schedule_get(engine, "hourly");
    assert_true(info->overdue);
    bs_schedule_info_free(info);
    assert_story(engine, "hourly", "");
}

static void an_inactive_schedule_is_not_run_and_misses_nothing(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_options changes = BS_SCHEDULE_OPTIONS_INIT;
    bs_schedule_info *info = NULL;

    schedule_add(engine, "hourly", "@hourly", BS_MISSED_DEFAULT);
    changes.is_active = BS_CHOICE_NO;
    assert_ok(bs_schedule_update(engine->service, "hourly", &changes));
    schedule_at(engine, DAY0 + 3 * HOUR);
    info = schedule_get(engine, "hourly");
    assert_string_equal(info->next_run_at, "");
    assert_false(info->overdue);
    bs_schedule_info_free(info);
    changes.is_active = BS_CHOICE_YES;
    assert_ok(bs_schedule_update(engine->service, "hourly", &changes));
    schedule_settle(engine);
    assert_story(engine, "hourly", "");
    schedule_at(engine, DAY0 + 4 * HOUR);
    assert_story(engine, "hourly", "4s");
}

/* Down from 01:30 to 04:30. */
static void pause_and_come_back(engine_fixture *engine)
{
    schedule_at(engine, DAY0 + HOUR);
    schedule_clock(DAY0 + HOUR + 1800);
    engine_close(engine);
    schedule_clock(DAY0 + 4 * HOUR + 1800);
    engine_open(engine);
    assert_ok(bs_service_run_schedules(engine->service));
    schedule_settle(engine);
}

static void missed_times_are_made_up_for_as_the_schedule_says(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_info *info = NULL;

    schedule_add(engine, "once", "@hourly", BS_MISSED_RUN_ONCE);
    schedule_add(engine, "skip", "@hourly", BS_MISSED_SKIP);
    schedule_add(engine, "all", "@hourly", BS_MISSED_ALL);
    pause_and_come_back(engine);
    assert_story(engine, "once", "1s 2m 3m 4s");
    assert_story(engine, "skip", "1s 2m 3m 4m");
    assert_story(engine, "all", "1s 2s 3s 4s");
    info = schedule_get(engine, "skip");
    assert_int_equal(info->runs_missed, 3);
    assert_int_equal(info->runs_started, 1);
    assert_string_equal(info->last_status, "completed");
    bs_schedule_info_free(info);
    schedule_at(engine, DAY0 + 5 * HOUR);
    assert_story(engine, "once", "1s 2m 3m 4s 5s");
    assert_story(engine, "skip", "1s 2m 3m 4m 5s");
    assert_story(engine, "all", "1s 2s 3s 4s 5s");
    assert_int_equal(schedule_backups(engine, "once"), 3);
    assert_int_equal(schedule_backups(engine, "all"), 5);
}

static void a_clock_set_forward_is_a_pause(void **state)
{
    engine_fixture *engine = *state;

    schedule_add(engine, "once", "@hourly", BS_MISSED_RUN_ONCE);
    schedule_add(engine, "skip", "@hourly", BS_MISSED_SKIP);
    schedule_at(engine, DAY0 + HOUR);
    schedule_at(engine, DAY0 + 4 * HOUR + 1800);
    assert_story(engine, "once", "1s 2m 3m 4s");
    assert_story(engine, "skip", "1s 2m 3m 4m");
}

static void a_clock_set_back_runs_nothing_twice(void **state)
{
    engine_fixture *engine = *state;

    schedule_add(engine, "hourly", "@hourly", BS_MISSED_RUN_ONCE);
    schedule_at(engine, DAY0 + HOUR);
    schedule_at(engine, DAY0 + 2 * HOUR);
    schedule_at(engine, DAY0 + HOUR - 60);
    schedule_at(engine, DAY0 + HOUR);
    schedule_at(engine, DAY0 + 2 * HOUR);
    assert_story(engine, "hourly", "1s 2s");
    schedule_at(engine, DAY0 + 3 * HOUR);
    assert_story(engine, "hourly", "1s 2s 3s");
    assert_int_equal(schedule_backups(engine, "hourly"), 3);
}

static void a_clock_that_was_far_ahead_costs_no_time_when_it_is_mended(void **state)
{
    engine_fixture *engine = *state;

    schedule_add(engine, "hourly", "@hourly", BS_MISSED_RUN_ONCE);
    schedule_at(engine, DAY0 + HOUR);
    schedule_at(engine, DAY0 + INT64_C(366) * 10 * DAY + 1800);
    assert_int_equal(schedule_backups(engine, "hourly"), 2);
    schedule_at(engine, DAY0 + HOUR + 1800);
    schedule_at(engine, DAY0 + 2 * HOUR);
    schedule_at(engine, DAY0 + 3 * HOUR);
    assert_int_equal(schedule_backups(engine, "hourly"), 4);
}

/* What was missed by a wrong clock comes when the right one shows it. */
static void what_a_wrong_clock_made_missed_is_run_in_its_time(void **state)
{
    engine_fixture *engine = *state;

    schedule_add(engine, "hourly", "@hourly", BS_MISSED_RUN_ONCE);
    schedule_at(engine, DAY0 + HOUR);
    schedule_at(engine, DAY0 + 4 * HOUR);
    schedule_at(engine, DAY0 + HOUR + 600);
    for (int hour = 2; hour <= 5; hour++) {
        schedule_at(engine, DAY0 + (int64_t)hour * HOUR);
    }
    assert_story(engine, "hourly", "1s 2m 3m 4s 2s 3s 5s");
}

static void a_clock_set_back_while_down_is_noticed_too(void **state)
{
    engine_fixture *engine = *state;

    schedule_add(engine, "hourly", "@hourly", BS_MISSED_RUN_ONCE);
    schedule_at(engine, DAY0 + INT64_C(100) * DAY);
    engine_close(engine);
    schedule_clock(DAY0 + 30);
    engine_open(engine);
    assert_ok(bs_service_run_schedules(engine->service));
    schedule_at(engine, DAY0 + HOUR);
    schedule_at(engine, DAY0 + 2 * HOUR);
    assert_int_equal(schedule_backups(engine, "hourly"), 3);
}

static void a_schedule_never_runs_beside_itself(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_info *info = NULL;
    char id[BS_ID_SIZE];

    schedule_add_slow(engine, "slow", "@hourly", BS_MISSED_RUN_ONCE);
    schedule_clock(DAY0 + HOUR);
    schedule_look(engine);
    schedule_clock(DAY0 + 2 * HOUR);
    schedule_look(engine);
    info = schedule_get(engine, "slow");
    assert_true(info->running);
    assert_int_equal(info->runs_skipped_busy, 1);
    assert_true(strcmp(info->last_status, "pending") == 0 ||
                strcmp(info->last_status, "running") == 0);
    assert_status(bs_schedule_run(engine->service, "slow", id), BS_E_BUSY);
    assert_non_null(strstr(bs_error_last()->message, info->last_job_id));
    bs_schedule_info_free(info);
    schedule_end(engine, "slow");
    assert_story(engine, "slow", "1s 2b");
    schedule_clock(DAY0 + 3 * HOUR);
    schedule_look(engine);
    schedule_end(engine, "slow");
    assert_story(engine, "slow", "1s 2b 3s");
}

static void who_wants_all_waits_for_the_run_before(void **state)
{
    engine_fixture *engine = *state;

    schedule_add_slow(engine, "slow", "@hourly", BS_MISSED_ALL);
    schedule_clock(DAY0 + HOUR);
    schedule_look(engine);
    schedule_clock(DAY0 + 3 * HOUR);
    schedule_look(engine);
    assert_story(engine, "slow", "1s");
    for (int i = 0; i < 3; i++) {
        schedule_end(engine, "slow");
        schedule_look(engine);
    }
    assert_story(engine, "slow", "1s 2s 3s");
    assert_int_equal(schedule_backups(engine, "slow"), 3);
}

static void what_cannot_start_is_recorded_and_tried_at_the_next_time(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_info *info = NULL;
    bs_schedule_runs *runs = NULL;
    char moved[320];

    schedule_add(engine, "hourly", "@hourly", BS_MISSED_RUN_ONCE);
    (void)snprintf(moved, sizeof(moved), "%s-moved", engine->source);
    assert_int_equal(rename(engine->source, moved), 0);
    schedule_at(engine, DAY0 + HOUR);
    info = schedule_get(engine, "hourly");
    assert_string_equal(info->last_status, "failed_to_start");
    assert_string_equal(info->last_job_id, "");
    assert_int_equal(info->runs_failed_to_start, 1);
    bs_schedule_info_free(info);
    assert_ok(bs_schedule_list_runs(engine->service, "hourly", 0, 0, &runs));
    assert_int_equal(runs->items[0]->error.code, BS_E_NOT_FOUND);
    assert_int_equal(runs->items[0]->error.layer, BS_LAYER_SOURCE);
    assert_non_null(strstr(runs->items[0]->error.message, "source_paths[0]"));
    bs_schedule_runs_free(runs);
    assert_int_equal(rename(moved, engine->source), 0);
    schedule_at(engine, DAY0 + HOUR + 300);
    assert_story(engine, "hourly", "1f");
    schedule_at(engine, DAY0 + 2 * HOUR);
    assert_story(engine, "hourly", "1f 2s");
}

static void a_job_that_fails_is_told_of_and_not_run_again(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options request = BS_BACKUP_OPTIONS_INIT;
    bs_schedule_options options = BS_SCHEDULE_OPTIONS_INIT;
    bs_schedule_runs *runs = NULL;
    bs_schedule_info *info = NULL;
    char id[BS_ID_SIZE];

    request.name = "command";
    request.source_command = (const char *const[]){"false", NULL};
    options.name = "failing";
    options.cron_expression = "0 * * * *";
    options.backup_request = &request;
    assert_ok(bs_schedule_add(engine->service, &options, id));
    schedule_at(engine, DAY0 + HOUR);
    schedule_at(engine, DAY0 + HOUR + 60);
    assert_story(engine, "failing", "1s");
    info = schedule_get(engine, "failing");
    assert_string_equal(info->last_status, "failed");
    bs_schedule_info_free(info);
    assert_ok(bs_schedule_list_runs(engine->service, "failing", 0, 0, &runs));
    assert_string_equal(runs->items[0]->status, "failed");
    assert_int_equal(runs->items[0]->error.code, BS_E_COMMAND);
    assert_memory_equal(runs->items[0]->completed_at, "2026-11-23T01:00:", 17);
    bs_schedule_runs_free(runs);
}

static void a_run_by_hand_leaves_the_due_times_alone(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_info *info = NULL;
    char id[BS_ID_SIZE];

    schedule_add(engine, "hourly", "@hourly", BS_MISSED_RUN_ONCE);
    assert_ok(bs_schedule_run(engine->service, "hourly", id));
    assert_ok(bs_backup_wait(engine->service, id, BS_FOREVER));
    info = schedule_get(engine, "hourly");
    assert_string_equal(info->last_job_id, id);
    assert_string_equal(info->last_status, "completed");
    assert_string_equal(info->next_run_at, "2026-11-23T01:00:00.000000000Z");
    bs_schedule_info_free(info);
    schedule_at(engine, DAY0 + HOUR);
    assert_story(engine, "hourly", "hs 1s");
}

static void a_verification_can_be_scheduled(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_options options = BS_SCHEDULE_OPTIONS_INIT;
    bs_backup_options backup = engine_options(engine, "home");
    bs_schedule_info *info = NULL;
    char id[BS_ID_SIZE];

    options.name = "check";
    options.cron_expression = "@hourly";
    options.action = BS_ACTION_VERIFY;
    options.action_request = "{ \"backup_id\" : \"latest:home\" }";
    assert_ok(bs_schedule_add(engine->service, &options, id));
    schedule_at(engine, DAY0 + HOUR);
    engine_backup(engine, &backup, BS_OK, id);
    schedule_at(engine, DAY0 + 2 * HOUR);
    assert_story(engine, "check", "1f 2s");
    info = schedule_get(engine, "check");
    assert_int_equal(info->action, BS_ACTION_VERIFY);
    assert_string_equal(info->action_request, "{\"backup_id\":\"latest:home\"}");
    assert_null(info->backup_request);
    assert_string_equal(info->last_status, "completed");
    assert_ok(bs_verify_wait(engine->service, info->last_job_id, 0));
    bs_schedule_info_free(info);
}

static void backups_can_be_verified_in_turn(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_options options = BS_SCHEDULE_OPTIONS_INIT;
    bs_backup_options backup = engine_options(engine, "home");
    char ids[3][BS_ID_SIZE];
    char id[BS_ID_SIZE];

    for (size_t i = 0; i < 3; i++) {
        engine_backup(engine, &backup, BS_OK, ids[i]);
    }
    options.name = "check";
    options.cron_expression = "@hourly";
    options.action = BS_ACTION_VERIFY;
    options.action_request = "{\"backup_id\":\"stalest:home\"}";
    assert_ok(bs_schedule_add(engine->service, &options, id));
    for (size_t i = 0; i < 6; i++) {
        bs_schedule_info *info = NULL;
        bs_verify_info *verified = NULL;
        schedule_at(engine, DAY0 + ((int64_t)i + 1) * HOUR);
        info = schedule_get(engine, "check");
        assert_ok(bs_verify_get(engine->service, info->last_job_id, &verified));
        assert_string_equal(verified->backup_id, ids[i % 3]);
        bs_verify_info_free(verified);
        bs_schedule_info_free(info);
    }
}

static void a_drill_can_be_scheduled(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_options options = BS_SCHEDULE_OPTIONS_INIT;
    bs_backup_options backup = engine_options(engine, "home");
    bs_schedule_info *info = NULL;
    char id[BS_ID_SIZE];

    options.name = "drill";
    options.cron_expression = "@hourly";
    options.action = BS_ACTION_DRILL;
    options.action_request = "{\"sample_percent\":101}";
    assert_status(bs_schedule_add(engine->service, &options, id), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "action_request.backup_id: is missing"));
    assert_non_null(
        strstr(bs_error_last()->message, "action_request.sample_percent: takes 1 to 100"));
    options.action_request = "{\"backup_id\":\"latest:home\"}";
    assert_ok(bs_schedule_add(engine->service, &options, id));
    schedule_at(engine, DAY0 + HOUR);
    engine_backup(engine, &backup, BS_OK, id);
    schedule_at(engine, DAY0 + 2 * HOUR);
    assert_story(engine, "drill", "1f 2s");
    info = schedule_get(engine, "drill");
    assert_int_equal(info->action, BS_ACTION_DRILL);
    assert_string_equal(info->action_request,
                        "{\"backup_id\":\"latest:home\",\"sample_files\":100}");
    assert_string_equal(info->last_status, "completed");
    assert_ok(bs_drill_wait(engine->service, info->last_job_id, 0));
    bs_schedule_info_free(info);
}

static void a_new_time_counts_from_now_on(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_options changes = BS_SCHEDULE_OPTIONS_INIT;
    bs_schedule_info *info = NULL;

    schedule_add(engine, "hourly", "@hourly", BS_MISSED_ALL);
    schedule_at(engine, DAY0 + HOUR);
    changes.cron_expression = "0 */3 * * *";
    changes.timezone = "Europe/Berlin";
    assert_ok(bs_schedule_update(engine->service, "hourly", &changes));
    info = schedule_get(engine, "hourly");
    assert_string_equal(info->next_run_at, "2026-11-23T02:00:00.000000000Z");
    assert_string_equal(info->timezone, "Europe/Berlin");
    assert_int_equal(info->missed, BS_MISSED_ALL);
    bs_schedule_info_free(info);
    schedule_at(engine, DAY0 + 2 * HOUR);
    schedule_at(engine, DAY0 + 3 * HOUR);
    assert_story(engine, "hourly", "1s 2s");
}

static void a_removed_schedule_is_not_run(void **state)
{
    engine_fixture *engine = *state;

    schedule_add(engine, "hourly", "@hourly", BS_MISSED_RUN_ONCE);
    schedule_add(engine, "other", "@hourly", BS_MISSED_RUN_ONCE);
    schedule_at(engine, DAY0 + HOUR);
    assert_ok(bs_schedule_remove(engine->service, "hourly"));
    schedule_at(engine, DAY0 + 2 * HOUR);
    assert_int_equal(schedule_backups(engine, "hourly"), 1);
    assert_int_equal(schedule_backups(engine, "other"), 2);
}

/* --- Runs that were written down before a crash, and whose jobs never began --- */

static void write_unstarted(engine_fixture *engine, const char *name, int64_t due_sec)
{
    bsi_catalog *catalog = engine->service->catalog;
    bsi_row_run run = {.due_at = due_sec * 1000000000,
                       .recorded_at = due_sec * 1000000000,
                       .outcome = "started",
                       .job_id = "01a207c2-acf0-74e0-b391-000000000000",
                       .status = "pending"};
    bsi_row_schedule row;
    char id[BS_ID_SIZE];

    assert_ok(bsi_catalog_resolve_schedule(catalog, name, id));
    assert_ok(bsi_catalog_get_schedule(catalog, id, &row));
    row.next_run_at = (DAY0 + 2 * HOUR) * 1000000000;
    row.dealt = "1795395600-1795395600";
    row.last_job_id = run.job_id;
    row.last_status = "pending";
    row.runs_started = 1;
    assert_ok(bsi_catalog_write_schedule(catalog, &row, &run, 1));
    bsi_row_schedule_dispose(&row);
}

static void a_run_that_a_crash_kept_from_beginning_begins_once(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_info *info = NULL;

    schedule_reopen(engine, false);
    schedule_add(engine, "once", "@hourly", BS_MISSED_RUN_ONCE);
    schedule_add(engine, "skip", "@hourly", BS_MISSED_SKIP);
    schedule_add(engine, "hand", "@hourly", BS_MISSED_RUN_ONCE);
    write_unstarted(engine, "once", DAY0 + HOUR);
    write_unstarted(engine, "skip", DAY0 + HOUR);
    write_unstarted(engine, "hand", 0);
    schedule_clock(DAY0 + HOUR + 1800);
    schedule_reopen(engine, true);
    schedule_settle(engine);
    schedule_reopen(engine, true);
    schedule_settle(engine);
    assert_story(engine, "once", "1s");
    assert_story(engine, "skip", "1m");
    assert_story(engine, "hand", "hf");
    assert_int_equal(schedule_backups(engine, "once"), 1);
    assert_int_equal(schedule_backups(engine, "skip"), 0);
    info = schedule_get(engine, "once");
    assert_int_equal(info->runs_started, 1);
    assert_string_equal(info->last_status, "completed");
    bs_schedule_info_free(info);
    info = schedule_get(engine, "hand");
    assert_int_equal(info->runs_started, 0);
    assert_int_equal(info->runs_failed_to_start, 1);
    assert_string_equal(info->last_status, "failed_to_start");
    bs_schedule_info_free(info);
}

/* The end of a job that nobody could note is noted when the service is opened again. */
static void the_end_of_a_job_is_found_out_later(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options request = engine_options(engine, "once");
    bs_schedule_runs *runs = NULL;
    bsi_catalog *catalog = NULL;
    bsi_row_run *rows = NULL;
    bsi_row_schedule row;
    size_t count = 0;
    char id[BS_ID_SIZE];

    schedule_add(engine, "once", "@hourly", BS_MISSED_RUN_ONCE);
    schedule_at(engine, DAY0 + HOUR);
    catalog = engine->service->catalog;
    assert_ok(bsi_catalog_resolve_schedule(catalog, "once", id));
    assert_ok(bsi_catalog_get_schedule(catalog, id, &row));
    assert_ok(bsi_catalog_list_runs(catalog, id, 1, 0, &rows, &count));
    rows[0].status = "pending";
    rows[0].completed_at = 0;
    row.last_status = "pending";
    assert_ok(bsi_catalog_write_schedule(catalog, &row, rows, 1));
    bsi_row_runs_free(rows, count);
    bsi_row_schedule_dispose(&row);
    (void)request;
    /* Whoever asks is told the truth already now. */
    assert_ok(bs_schedule_list_runs(engine->service, "once", 0, 0, &runs));
    assert_string_equal(runs->items[0]->status, "completed");
    bs_schedule_runs_free(runs);
    schedule_reopen(engine, false);
    assert_ok(bsi_catalog_find_runs(engine->service->catalog, "", &rows, &count));
    assert_int_equal(count, 0);
    bsi_row_runs_free(rows, count);
    schedule_reopen(engine, true);
    schedule_settle(engine);
    assert_story(engine, "once", "1s");
    assert_int_equal(schedule_backups(engine, "once"), 1);
}

static void a_job_that_closing_cancelled_is_not_run_again(void **state)
{
    engine_fixture *engine = *state;
    bs_schedule_info *info = NULL;

    schedule_add_slow(engine, "slow", "@hourly", BS_MISSED_ALL);
    schedule_clock(DAY0 + HOUR);
    schedule_look(engine);
    schedule_reopen(engine, true);
    schedule_settle(engine);
    assert_story(engine, "slow", "1s");
    info = schedule_get(engine, "slow");
    assert_string_equal(info->last_status, "cancelled");
    assert_false(info->running);
    bs_schedule_info_free(info);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, schedule_setup, schedule_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_schedule_starts_its_backup_at_its_times),
        TEST(a_service_that_was_not_told_to_runs_nothing),
        TEST(an_inactive_schedule_is_not_run_and_misses_nothing),
        TEST(missed_times_are_made_up_for_as_the_schedule_says),
        TEST(a_clock_set_forward_is_a_pause),
        TEST(a_clock_set_back_runs_nothing_twice),
        TEST(a_clock_that_was_far_ahead_costs_no_time_when_it_is_mended),
        TEST(what_a_wrong_clock_made_missed_is_run_in_its_time),
        TEST(a_clock_set_back_while_down_is_noticed_too),
        TEST(a_schedule_never_runs_beside_itself),
        TEST(who_wants_all_waits_for_the_run_before),
        TEST(what_cannot_start_is_recorded_and_tried_at_the_next_time),
        TEST(a_job_that_fails_is_told_of_and_not_run_again),
        TEST(a_run_by_hand_leaves_the_due_times_alone),
        TEST(a_verification_can_be_scheduled),
        TEST(backups_can_be_verified_in_turn),
        TEST(a_drill_can_be_scheduled),
        TEST(a_new_time_counts_from_now_on),
        TEST(a_removed_schedule_is_not_run),
        TEST(a_run_that_a_crash_kept_from_beginning_begins_once),
        TEST(the_end_of_a_job_is_found_out_later),
        TEST(a_job_that_closing_cancelled_is_not_run_again),
    };

    return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
