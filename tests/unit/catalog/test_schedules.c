/* SPDX-License-Identifier: MIT */
#include "fixture.h"

static bsi_row_schedule schedule_row(const char *id, const char *name)
{
    return (bsi_row_schedule){
        .id = id,
        .name = name,
        .action = "backup",
        .request = "{}",
        .cron_expression = "0 2 * * *",
        .timezone = "UTC",
        .missed = "run_once",
        .is_active = true,
        .created_at = 5,
        .next_run_at = 1000,
    };
}

static void add_schedule(void **state, unsigned number, const char *name, bool is_active,
                         int64_t next_run_at)
{
    char id[BS_ID_SIZE];
    bsi_row_schedule row = schedule_row(id_of(number, id), name);

    row.is_active = is_active;
    row.next_run_at = next_run_at;
    assert_ok(bsi_catalog_add_schedule(catalog_of(state), &row));
}

/* Write the row as it is stored, with these runs. */
static void write_runs(void **state, const char *id, const bsi_row_run *runs, size_t count)
{
    bsi_row_schedule row;

    assert_ok(bsi_catalog_get_schedule(catalog_of(state), id, &row));
    assert_ok(bsi_catalog_write_schedule(catalog_of(state), &row, runs, count));
    bsi_row_schedule_dispose(&row);
}

static void every_member_of_a_schedule_is_kept(void **state)
{
    bsi_row_schedule row = schedule_row("abcd1234", "nightly");
    bsi_row_schedule back;

    assert_ok(bsi_catalog_add_schedule(catalog_of(state), &row));
    row.name = "daily";
    row.action = "verify";
    row.request = "{\"backup_id\":\"x\"}";
    row.cron_expression = "@daily";
    row.timezone = "Europe/Berlin";
    row.missed = "all";
    row.is_active = false;
    row.created_at = 1;
    row.updated_at = 2;
    row.next_run_at = 3;
    row.dealt = "1-4";
    row.last_run_at = 5;
    row.last_job_id = "j";
    row.last_status = "failed";
    row.runs_started = 6;
    row.runs_skipped_busy = 7;
    row.runs_missed = 8;
    row.runs_failed_to_start = 9;
    assert_ok(bsi_catalog_write_schedule(catalog_of(state), &row, NULL, 0));
    reopen(state);
    assert_ok(bsi_catalog_get_schedule(catalog_of(state), row.id, &back));
    assert_string_equal(back.name, "daily");
    assert_string_equal(back.action, "verify");
    assert_string_equal(back.request, row.request);
    assert_string_equal(back.cron_expression, "@daily");
    assert_string_equal(back.timezone, "Europe/Berlin");
    assert_string_equal(back.missed, "all");
    assert_false(back.is_active);
    assert_int_equal(back.revision, 1);
    assert_int_equal(back.created_at, 1);
    assert_int_equal(back.updated_at, 2);
    assert_int_equal(back.next_run_at, 3);
    assert_string_equal(back.dealt, "1-4");
    assert_int_equal(back.last_run_at, 5);
    assert_string_equal(back.last_job_id, "j");
    assert_string_equal(back.last_status, "failed");
    assert_int_equal(back.runs_started, 6);
    assert_int_equal(back.runs_skipped_busy, 7);
    assert_int_equal(back.runs_missed, 8);
    assert_int_equal(back.runs_failed_to_start, 9);
    bsi_row_schedule_dispose(&back);
}

static void every_member_of_a_run_is_kept(void **state)
{
    const bsi_row_run run = {.due_at = 1000,
                             .recorded_at = 1001,
                             .outcome = "failed_to_start",
                             .job_id = "job",
                             .status = "failed",
                             .completed_at = 1002,
                             .error_code = BS_E_NOT_FOUND,
                             .error_layer = BS_LAYER_SOURCE,
                             .error_message = "gone"};
    bsi_row_run *runs = NULL;
    size_t count = 0;
    char id[BS_ID_SIZE];

    add_schedule(state, 1, "nightly", true, 1000);
    write_runs(state, id_of(1, id), &run, 1);
    assert_ok(bsi_catalog_find_runs(catalog_of(state), "job", &runs, &count));
    assert_int_equal(count, 1);
    assert_string_equal(runs[0].schedule_id, id);
    assert_int_equal(runs[0].number, 1);
    assert_int_equal(runs[0].due_at, 1000);
    assert_int_equal(runs[0].recorded_at, 1001);
    assert_string_equal(runs[0].outcome, "failed_to_start");
    assert_string_equal(runs[0].job_id, "job");
    assert_string_equal(runs[0].status, "failed");
    assert_int_equal(runs[0].completed_at, 1002);
    assert_int_equal(runs[0].error_code, BS_E_NOT_FOUND);
    assert_int_equal(runs[0].error_layer, BS_LAYER_SOURCE);
    assert_string_equal(runs[0].error_message, "gone");
    bsi_row_runs_free(runs, count);
}

static void a_name_is_taken_only_once(void **state)
{
    bsi_row_schedule row = schedule_row("abcd0002", "nightly");

    add_schedule(state, 1, "nightly", true, 1000);
    add_schedule(state, 3, "other", true, 1000);
    assert_status(bsi_catalog_add_schedule(catalog_of(state), &row), BS_E_EXISTS);
    assert_non_null(strstr(bs_error_last()->message, "'nightly'"));
    row.id = "00000003-0000-7000-8000-000000000000";
    assert_status(bsi_catalog_write_schedule(catalog_of(state), &row, NULL, 0), BS_E_EXISTS);
}

/* Two who have seen the same state: the second one must look again. */
static void a_row_that_was_changed_meanwhile_is_not_overwritten(void **state)
{
    const bsi_row_run run = {.outcome = "started"};
    bsi_row_schedule row;
    bsi_row_run *runs = NULL;
    size_t count = 0;
    char id[BS_ID_SIZE];

    add_schedule(state, 1, "nightly", true, 1000);
    assert_ok(bsi_catalog_get_schedule(catalog_of(state), id_of(1, id), &row));
    assert_ok(bsi_catalog_write_schedule(catalog_of(state), &row, NULL, 0));
    row.next_run_at = 2000;
    assert_status(bsi_catalog_write_schedule(catalog_of(state), &row, &run, 1), BS_E_CHANGED);
    bsi_row_schedule_dispose(&row);
    assert_ok(bsi_catalog_get_schedule(catalog_of(state), id, &row));
    assert_int_equal(row.next_run_at, 1000);
    bsi_row_schedule_dispose(&row);
    assert_ok(bsi_catalog_list_runs(catalog_of(state), id, 0, 0, &runs, &count));
    assert_int_equal(count, 0);
    bsi_row_runs_free(runs, count);
}

static void due_are_the_active_whose_time_has_come(void **state)
{
    bsi_id *ids = NULL;
    size_t count = 0;
    int64_t next = -1;
    char id[BS_ID_SIZE];

    add_schedule(state, 1, "late", true, 2000);
    add_schedule(state, 2, "early", true, 1000);
    add_schedule(state, 3, "never", true, 0);
    add_schedule(state, 4, "off", false, 500);
    add_schedule(state, 5, "future", true, 3000);
    assert_ok(bsi_catalog_due_schedules(catalog_of(state), 2000, &ids, &count));
    assert_int_equal(count, 2);
    assert_string_equal(ids[0].text, id_of(2, id));
    assert_string_equal(ids[1].text, id_of(1, id));
    bsi_free(ids);
    ids = NULL;
    assert_ok(bsi_catalog_due_schedules(catalog_of(state), 999, &ids, &count));
    assert_int_equal(count, 0);
    bsi_free(ids);
    assert_ok(bsi_catalog_next_due(catalog_of(state), 2000, &next));
    assert_int_equal(next, 3000);
    assert_ok(bsi_catalog_next_due(catalog_of(state), 3000, &next));
    assert_int_equal(next, 0);
}

static void schedules_are_listed_by_name_and_activity(void **state)
{
    const bsi_schedule_filter on = {.no_inactive = true};
    const bsi_schedule_filter off = {.no_active = true};
    const bsi_schedule_filter second = {.limit = 1, .offset = 1};
    bsi_row_schedule *rows = NULL;
    size_t count = 0;
    uint64_t total = 0;

    add_schedule(state, 1, "c", true, 1000);
    add_schedule(state, 2, "a", true, 1000);
    add_schedule(state, 3, "b", false, 1000);
    assert_ok(bsi_catalog_list_schedules(catalog_of(state), NULL, &rows, &count, &total));
    assert_int_equal(count, 3);
    assert_string_equal(rows[0].name, "a");
    assert_string_equal(rows[2].name, "c");
    bsi_row_schedules_free(rows, count);
    assert_ok(bsi_catalog_list_schedules(catalog_of(state), &on, &rows, &count, &total));
    assert_int_equal(total, 2);
    assert_string_equal(rows[1].name, "c");
    bsi_row_schedules_free(rows, count);
    assert_ok(bsi_catalog_list_schedules(catalog_of(state), &off, &rows, &count, &total));
    assert_int_equal(total, 1);
    assert_string_equal(rows[0].name, "b");
    bsi_row_schedules_free(rows, count);
    assert_ok(bsi_catalog_list_schedules(catalog_of(state), &second, &rows, &count, &total));
    assert_int_equal(count, 1);
    assert_int_equal(total, 3);
    assert_string_equal(rows[0].name, "b");
    bsi_row_schedules_free(rows, count);
}

static void a_schedule_is_found_by_name_or_by_the_beginning_of_its_id(void **state)
{
    char id[BS_ID_SIZE];
    char found[BS_ID_SIZE];

    add_schedule(state, 1, "00000002", true, 1000);
    add_schedule(state, 2, "nightly", true, 1000);
    assert_ok(bsi_catalog_resolve_schedule(catalog_of(state), "nightly", found));
    assert_string_equal(found, id_of(2, id));
    /* What is a name is one, though it might be the beginning of an id. */
    assert_ok(bsi_catalog_resolve_schedule(catalog_of(state), "00000002", found));
    assert_string_equal(found, id_of(1, id));
    assert_ok(bsi_catalog_resolve_schedule(catalog_of(state), "00000001", found));
    assert_string_equal(found, id_of(1, id));
    assert_status(bsi_catalog_resolve_schedule(catalog_of(state), "0000", found), BS_E_AMBIGUOUS);
    assert_status(bsi_catalog_resolve_schedule(catalog_of(state), "no such", found),
                  BS_E_NOT_FOUND);
    assert_non_null(strstr(bs_error_last()->message, "no schedule 'no such'"));
}

static void runs_are_numbered_replaced_and_newest_first(void **state)
{
    bsi_row_run runs[] = {
        {.due_at = 1, .outcome = "missed"},
        {.due_at = 2, .outcome = "started", .job_id = "j", .status = "pending"},
    };
    bsi_row_run *back = NULL;
    size_t count = 0;
    char id[BS_ID_SIZE];

    add_schedule(state, 1, "nightly", true, 1000);
    write_runs(state, id_of(1, id), runs, 2);
    assert_ok(bsi_catalog_find_runs(catalog_of(state), "", &back, &count));
    assert_int_equal(count, 1);
    assert_string_equal(back[0].job_id, "j");
    back[0].status = "completed";
    write_runs(state, id, back, 1);
    bsi_row_runs_free(back, count);
    write_runs(state, id, &(bsi_row_run){.due_at = 3, .outcome = "skipped_busy"}, 1);
    assert_ok(bsi_catalog_list_runs(catalog_of(state), id, 0, 0, &back, &count));
    assert_int_equal(count, 3);
    assert_int_equal(back[0].number, 3);
    assert_int_equal(back[0].due_at, 3);
    assert_string_equal(back[1].status, "completed");
    assert_int_equal(back[1].number, 2);
    assert_int_equal(back[2].due_at, 1);
    bsi_row_runs_free(back, count);
    assert_ok(bsi_catalog_list_runs(catalog_of(state), id, 1, 1, &back, &count));
    assert_int_equal(count, 1);
    assert_int_equal(back[0].number, 2);
    bsi_row_runs_free(back, count);
    assert_ok(bsi_catalog_find_runs(catalog_of(state), "", &back, &count));
    assert_int_equal(count, 0);
    bsi_row_runs_free(back, count);
}

static void old_runs_go_but_not_one_that_has_not_ended(void **state)
{
    const size_t more = BSI_CATALOG_RUNS_MAX + 5;
    bsi_row_run *runs = calloc(more, sizeof(*runs));
    bsi_row_run *back = NULL;
    size_t count = 0;
    char id[BS_ID_SIZE];

    assert_non_null(runs);
    for (size_t i = 0; i < more; i++) {
        runs[i] = (bsi_row_run){.due_at = (int64_t)i + 1, .outcome = "missed"};
    }
    runs[0].outcome = "started";
    runs[0].status = "running";
    add_schedule(state, 1, "nightly", true, 1000);
    write_runs(state, id_of(1, id), runs, more);
    free(runs);
    assert_ok(bsi_catalog_list_runs(catalog_of(state), id, 0, 0, &back, &count));
    assert_int_equal(count, BSI_CATALOG_RUNS_MAX + 1);
    assert_int_equal(back[0].number, more);
    assert_int_equal(back[count - 2].number, 6);
    assert_int_equal(back[count - 1].number, 1);
    bsi_row_runs_free(back, count);
}

static void runs_go_with_their_schedule(void **state)
{
    const bsi_row_run run = {.outcome = "started", .job_id = "j", .status = "pending"};
    bsi_row_run *runs = NULL;
    bsi_row_schedule row;
    size_t count = 0;
    char id[BS_ID_SIZE];

    add_schedule(state, 1, "nightly", true, 1000);
    write_runs(state, id_of(1, id), &run, 1);
    assert_ok(bsi_catalog_remove_schedule(catalog_of(state), id));
    assert_ok(bsi_catalog_remove_schedule(catalog_of(state), id));
    assert_status(bsi_catalog_get_schedule(catalog_of(state), id, &row), BS_E_NOT_FOUND);
    assert_ok(bsi_catalog_find_runs(catalog_of(state), "j", &runs, &count));
    assert_int_equal(count, 0);
    bsi_row_runs_free(runs, count);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_member_of_a_schedule_is_kept),
        TEST(every_member_of_a_run_is_kept),
        TEST(a_name_is_taken_only_once),
        TEST(a_row_that_was_changed_meanwhile_is_not_overwritten),
        TEST(due_are_the_active_whose_time_has_come),
        TEST(schedules_are_listed_by_name_and_activity),
        TEST(a_schedule_is_found_by_name_or_by_the_beginning_of_its_id),
        TEST(runs_are_numbered_replaced_and_newest_first),
        TEST(old_runs_go_but_not_one_that_has_not_ended),
        TEST(runs_go_with_their_schedule),
    };

    return cmocka_run_group_tests_name("catalog/schedules", tests, NULL, NULL);
}
