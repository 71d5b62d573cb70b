/* SPDX-License-Identifier: MIT */
/*
 * Input that cannot be: one clear error, and nothing was done by half.
 */
#include "support/test.h"

#include <string.h>

#include "base/error.h"
#include "retention_fixture.h"
#include "support/tree.h"

typedef struct bad_time {
    const char *cron;
    const char *zone;
    const char *words; /* What the error says, behind the field's prefix. */
} bad_time;

static const bad_time bad_times[] = {
    {"0 0 31 2 *", NULL, "cron_expression: the schedule is never due"},
    {"61 * * * *", NULL, "cron_expression: "},
    {"* * * *", NULL, "cron_expression: "},
    {"@fortnightly", NULL, "cron_expression: "},
    {"", NULL, "cron_expression: is missing"},
    {"@daily", "Europe/Atlantis", "timezone: there is no time zone 'Europe/Atlantis'"},
    {"@daily", "../../etc/passwd", "timezone: '../../etc/passwd' is not the name"},
};

enum { BAD_TIMES = sizeof(bad_times) / sizeof(bad_times[0]) };

static engine_fixture *engine_with_source(void **state)
{
    engine_fixture *engine = *state;

    tree_write(engine->source, 100, 1);
    return engine;
}

/* The error says the words, and complains of nothing else. */
static void assert_one_complaint(const char *words)
{
    const char *message = bs_error_last()->message;

    if (!strstr(message, words)) {
        print_error("\"%s\" is not in \"%s\"\n", words, message);
    }
    assert_non_null(strstr(message, words));
    assert_null(strchr(message, '\n'));
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
}

static uint64_t count_schedules(engine_fixture *engine)
{
    bs_schedule_page *page = NULL;
    uint64_t total = 0;

    assert_ok(bs_schedule_list(engine->service, NULL, &page));
    total = page->total;
    bs_schedule_page_free(page);
    return total;
}

/* --- Times --- */

static void a_schedule_at_an_impossible_time_is_not_added(void **state)
{
    engine_fixture *engine = engine_with_source(state);
    const bs_backup_options backup = engine_options(engine, "home");
    bs_schedule_options options = BS_SCHEDULE_OPTIONS_INIT;
    char id[BS_ID_SIZE] = "unset";

    options.name = "nightly";
    options.backup_request = &backup;
    for (size_t i = 0; i < BAD_TIMES; i++) {
        print_message("# case: '%s' in %s\n", bad_times[i].cron,
                      bad_times[i].zone ? bad_times[i].zone : "UTC");
        options.cron_expression = bad_times[i].cron;
        options.timezone = bad_times[i].zone;
        assert_status(bs_schedule_add(engine->service, &options, id), BS_E_INVALID);
        assert_one_complaint(bad_times[i].words);
        assert_string_equal(id, "unset");
        assert_int_equal(count_schedules(engine), 0);
    }
}

static void a_schedule_keeps_its_time_when_the_new_one_is_impossible(void **state)
{
    engine_fixture *engine = engine_with_source(state);
    const bs_backup_options backup = engine_options(engine, "home");
    bs_schedule_options options = BS_SCHEDULE_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    options.name = "nightly";
    options.cron_expression = "30 2 * * *";
    options.timezone = "Europe/Berlin";
    options.backup_request = &backup;
    assert_ok(bs_schedule_add(engine->service, &options, id));
    for (size_t i = 0; i < BAD_TIMES; i++) {
        bs_schedule_options change = BS_SCHEDULE_OPTIONS_INIT;
        bs_schedule_info *info = NULL;
        if (bad_times[i].cron[0] == '\0') {
            continue; /* Leaves the time as it is. */
        }
        change.name = "renamed";
        change.cron_expression = bad_times[i].cron;
        change.timezone = bad_times[i].zone;
        assert_status(bs_schedule_update(engine->service, id, &change), BS_E_INVALID);
        assert_one_complaint(bad_times[i].words);
        assert_ok(bs_schedule_get(engine->service, id, &info));
        assert_string_equal(info->name, "nightly");
        assert_string_equal(info->cron_expression, "30 2 * * *");
        assert_string_equal(info->timezone, "Europe/Berlin");
        bs_schedule_info_free(info);
    }
}

static void a_backup_that_brings_an_impossible_time_is_not_started(void **state)
{
    engine_fixture *engine = engine_with_source(state);
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE] = "unset";

    for (size_t i = 0; i < BAD_TIMES; i++) {
        options.schedule = bad_times[i].cron;
        options.schedule_timezone = bad_times[i].zone;
        assert_status(bs_backup_start(engine->service, &options, id), BS_E_INVALID);
        assert_one_complaint(bad_times[i].words);
        assert_string_equal(id, "unset");
        assert_int_equal(count_schedules(engine), 0);
        assert_int_equal(count_listed(engine), 0);
    }
}

static void nothing_is_foretold_of_an_impossible_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < BAD_TIMES; i++) {
        bs_schedule_times *times = NULL;
        assert_status(bs_schedule_preview(bad_times[i].cron, bad_times[i].zone, 5, &times),
                      BS_E_INVALID);
        assert_one_complaint(bad_times[i].words);
        assert_null(times);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, retention_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_schedule_at_an_impossible_time_is_not_added),
        TEST(a_schedule_keeps_its_time_when_the_new_one_is_impossible),
        TEST(a_backup_that_brings_an_impossible_time_is_not_started),
        TEST(nothing_is_foretold_of_an_impossible_time),
    };

    return cmocka_run_group_tests_name("integration/bad_input", tests, NULL, NULL);
}
