/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "policy/due.h"

/* 2026-11-23T00:00:00Z, a Monday. */
#define DAY0 INT64_C(1795392000)
#define HOUR 3600
#define DAY 86400

/* A schedule in UTC. */
typedef struct subject {
    bsi_cron cron;
    bsi_due_rule rule;
    bsi_dealt dealt;
} subject;

static void make(subject *out, const char *text, bsi_missed missed)
{
    *out = (subject){.dealt = {.count = 0}};
    assert_ok(bsi_cron_parse(text, strlen(text), &out->cron));
    out->rule = (bsi_due_rule){&out->cron, bsi_timezone_utc(), missed};
}

static bsi_due_plan decide(const subject *self, int64_t next, int64_t now)
{
    bsi_due_plan plan;

    assert_ok(bsi_due_decide(&self->rule, &self->dealt, next, now, &plan));
    return plan;
}

static void assert_dealt(const subject *self, const char *expected)
{
    char text[BSI_DEALT_TEXT_SIZE];

    bsi_dealt_format(&self->dealt, text);
    assert_string_equal(text, expected);
}

static void a_due_time_is_run_when_it_has_come(void **state)
{
    subject self;
    bsi_due_plan plan;

    (void)state;
    make(&self, "0 * * * *", BSI_MISSED_SKIP);
    plan = decide(&self, DAY0, DAY0 - 1);
    assert_false(plan.run);
    assert_int_equal(plan.missed, 0);
    assert_int_equal(plan.next, DAY0);
    plan = decide(&self, DAY0, DAY0);
    assert_true(plan.run);
    assert_int_equal(plan.due, DAY0);
    assert_int_equal(plan.next, DAY0 + HOUR);
    assert_true(plan.has_next);
}

static void after_a_pause_the_latest_is_run_once(void **state)
{
    subject self;
    bsi_due_plan plan;

    (void)state;
    make(&self, "0 * * * *", BSI_MISSED_RUN_ONCE);
    plan = decide(&self, DAY0, DAY0 + 3 * HOUR + 1800);
    assert_true(plan.run);
    assert_int_equal(plan.due, DAY0 + 3 * HOUR);
    assert_int_equal(plan.next, DAY0 + 4 * HOUR);
    assert_int_equal(plan.missed, 3);
    assert_int_equal(plan.listed, 3);
    assert_int_equal(plan.list[0], DAY0);
    assert_int_equal(plan.list[2], DAY0 + 2 * HOUR);
}

static void who_skips_runs_only_what_is_at_most_a_minute_late(void **state)
{
    subject self;
    bsi_due_plan plan;

    (void)state;
    make(&self, "0 * * * *", BSI_MISSED_SKIP);
    plan = decide(&self, DAY0, DAY0 + 2 * HOUR + BSI_DUE_GRACE_SEC);
    assert_true(plan.run);
    assert_int_equal(plan.due, DAY0 + 2 * HOUR);
    assert_int_equal(plan.missed, 2);
    plan = decide(&self, DAY0, DAY0 + 2 * HOUR + BSI_DUE_GRACE_SEC + 1);
    assert_false(plan.run);
    assert_int_equal(plan.missed, 3);
    assert_int_equal(plan.list[2], DAY0 + 2 * HOUR);
    assert_int_equal(plan.next, DAY0 + 3 * HOUR);
}

static void who_wants_all_gets_one_after_the_other(void **state)
{
    const int64_t now = DAY0 + 2 * HOUR + 5;
    subject self;
    int64_t next = DAY0;

    (void)state;
    make(&self, "0 * * * *", BSI_MISSED_ALL);
    for (int i = 0; i < 3; i++) {
        const bsi_due_plan plan = decide(&self, next, now);
        assert_true(plan.run);
        assert_int_equal(plan.due, DAY0 + i * HOUR);
        assert_int_equal(plan.missed, 0);
        bsi_due_deal(&self.rule, &self.dealt, plan.due);
        next = plan.next;
    }
    assert_int_equal(next, DAY0 + 3 * HOUR);
    assert_false(decide(&self, next, now).run);
}

static void a_backlog_has_an_end(void **state)
{
    subject self;
    bsi_due_plan plan;

    (void)state;
    make(&self, "0 * * * *", BSI_MISSED_ALL);
    plan = decide(&self, DAY0, DAY0 + 149 * HOUR);
    assert_true(plan.run);
    assert_int_equal(plan.due, DAY0 + 50 * HOUR);
    assert_int_equal(plan.missed, 50);
    assert_int_equal(plan.listed, 50);
    assert_int_equal(plan.list[49], DAY0 + 49 * HOUR);
    assert_int_equal(plan.next, DAY0 + 51 * HOUR);
}

/* Nobody waits while the minutes of three hundred years are counted. */
static void a_clock_that_jumps_by_centuries_costs_no_centuries(void **state)
{
    const int64_t now = DAY0 + INT64_C(300) * 366 * DAY;
    subject self;
    bsi_due_plan plan;

    (void)state;
    make(&self, "* * * * *", BSI_MISSED_RUN_ONCE);
    plan = decide(&self, DAY0, now);
    assert_true(plan.run);
    assert_int_equal(plan.due, now);
    assert_int_equal(plan.next, now + 60);
    assert_true(plan.missed >= 100000);
    assert_int_equal(plan.listed, BSI_DUE_LISTED_MAX - 1);
    assert_int_equal(plan.list[plan.listed - 1], now - 60);
}

static void only_the_latest_missed_times_are_named(void **state)
{
    subject self;
    bsi_due_plan plan;

    (void)state;
    make(&self, "0 * * * *", BSI_MISSED_SKIP);
    plan = decide(&self, DAY0, DAY0 + 999 * HOUR + 1800);
    assert_int_equal(plan.missed, 1000);
    assert_int_equal(plan.listed, BSI_DUE_LISTED_MAX);
    assert_int_equal(plan.list[0], DAY0 + 800 * HOUR);
    assert_int_equal(plan.list[BSI_DUE_LISTED_MAX - 1], DAY0 + 999 * HOUR);
}

static void what_was_dealt_with_is_one_stretch_as_long_as_nothing_is_missed(void **state)
{
    subject self;

    (void)state;
    make(&self, "0 * * * *", BSI_MISSED_RUN_ONCE);
    for (int i = 0; i < 1000; i++) {
        bsi_due_deal(&self.rule, &self.dealt, DAY0 + i * HOUR);
    }
    assert_dealt(&self, "1795392000-1798988400");
    assert_true(bsi_dealt_has(&self.dealt, DAY0 + 7 * HOUR));
    assert_false(bsi_dealt_has(&self.dealt, DAY0 - 1));
    assert_false(bsi_dealt_has(&self.dealt, DAY0 + 1000 * HOUR));
}

static void a_missed_time_lies_between_two_stretches_until_it_is_run(void **state)
{
    subject self;
    int64_t next = 0;

    (void)state;
    make(&self, "0 * * * *", BSI_MISSED_RUN_ONCE);
    bsi_due_deal(&self.rule, &self.dealt, DAY0);
    bsi_due_deal(&self.rule, &self.dealt, DAY0 + 2 * HOUR);
    bsi_due_deal(&self.rule, &self.dealt, DAY0 + 2 * HOUR);
    assert_dealt(&self, "1795392000-1795392000 1795399200-1795399200");
    /* The clock was set back. */
    assert_ok(bsi_due_next(&self.rule, &self.dealt, DAY0 - 5 * HOUR, &next));
    assert_int_equal(next, DAY0 - 4 * HOUR);
    assert_ok(bsi_due_next(&self.rule, &self.dealt, DAY0 - 1, &next));
    assert_int_equal(next, DAY0 + HOUR);
    bsi_due_deal(&self.rule, &self.dealt, DAY0 + HOUR);
    assert_dealt(&self, "1795392000-1795399200");
    assert_ok(bsi_due_next(&self.rule, &self.dealt, DAY0 - 1, &next));
    assert_int_equal(next, DAY0 + 3 * HOUR);
}

/* The clock was in the year 2099 for an hour: this does not cost the years until then. */
static void years_by_a_wrong_clock_are_not_dealt_with(void **state)
{
    const int64_t far = INT64_C(4070908800);
    subject self;
    int64_t next = 0;

    (void)state;
    make(&self, "0 * * * *", BSI_MISSED_RUN_ONCE);
    bsi_due_deal(&self.rule, &self.dealt, DAY0);
    bsi_due_deal(&self.rule, &self.dealt, far);
    for (int i = 0; i < 100; i++) { /* Each leaves a gap. */
        assert_ok(bsi_due_next(&self.rule, &self.dealt, DAY0 + i * DAY, &next));
        assert_true(next <= DAY0 + i * DAY + HOUR);
        bsi_due_deal(&self.rule, &self.dealt, next);
    }
    assert_int_equal(self.dealt.count, BSI_DEALT_MAX);
    assert_true(bsi_dealt_has(&self.dealt, far));
    assert_false(bsi_dealt_has(&self.dealt, DAY0 + 200 * DAY));
    /* What was dealt with stays so, though the stretches have grown together. */
    for (int i = 0; i < 100; i++) {
        assert_true(bsi_dealt_has(&self.dealt, DAY0 + i * DAY + (i > 0 ? HOUR : 0)));
    }
}

static void the_oldest_gap_is_forgotten_first(void **state)
{
    subject self;

    (void)state;
    make(&self, "0 * * * *", BSI_MISSED_RUN_ONCE);
    for (int i = 0; i < 100; i++) {
        bsi_due_deal(&self.rule, &self.dealt, DAY0 + i * 3 * HOUR);
    }
    assert_int_equal(self.dealt.count, BSI_DEALT_MAX);
    assert_true(bsi_dealt_has(&self.dealt, DAY0 + HOUR));
    assert_false(bsi_dealt_has(&self.dealt, DAY0 + 98 * 3 * HOUR + HOUR));
    assert_false(bsi_dealt_has(&self.dealt, DAY0 + 90 * 3 * HOUR + HOUR));
}

static void a_time_that_was_dealt_with_is_no_due_time(void **state)
{
    subject self;
    bsi_due_plan plan;

    (void)state;
    make(&self, "0 * * * *", BSI_MISSED_RUN_ONCE);
    bsi_due_deal(&self.rule, &self.dealt, DAY0 + HOUR);
    plan = decide(&self, DAY0, DAY0 + HOUR + 1);
    assert_int_equal(plan.due, DAY0);
    assert_int_equal(plan.missed, 0);
    assert_int_equal(plan.next, DAY0 + 2 * HOUR);
}

static void a_schedule_may_have_no_next_time(void **state)
{
    subject self;
    bsi_due_plan plan;

    (void)state;
    make(&self, "0 0 1 1 *", BSI_MISSED_RUN_ONCE);
    self.dealt = (bsi_dealt){.stretches = {{DAY0, BSI_CIVIL_TIME_MAX - 1}}, .count = 1};
    plan = decide(&self, DAY0 - 1, DAY0);
    assert_true(plan.run);
    assert_false(plan.has_next);
}

static void stretches_survive_as_text(void **state)
{
    static const char *const broken[] = {
        "1",    "1-",   "-1",      "2-1",     "1-2 ",
        "1-2x", " 1-2", "5-6 6-7", "5-6 1-2", "1-99999999999999999"};
    bsi_dealt dealt;
    bsi_dealt back;
    char text[BSI_DEALT_TEXT_SIZE];

    (void)state;
    for (dealt.count = 0; dealt.count <= BSI_DEALT_MAX; dealt.count++) {
        for (size_t i = 0; i < dealt.count; i++) {
            dealt.stretches[i] = (bsi_stretch){DAY0 + (int64_t)i * 10, DAY0 + (int64_t)i * 10 + 5};
        }
        bsi_dealt_format(&dealt, text);
        assert_ok(bsi_dealt_parse(text, &back));
        assert_int_equal(back.count, dealt.count);
        assert_memory_equal(back.stretches, dealt.stretches,
                            dealt.count * sizeof(dealt.stretches[0]));
    }
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        print_message("# case: %s\n", broken[i]);
        assert_status(bsi_dealt_parse(broken[i], &back), BS_E_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_due_time_is_run_when_it_has_come),
        cmocka_unit_test(after_a_pause_the_latest_is_run_once),
        cmocka_unit_test(who_skips_runs_only_what_is_at_most_a_minute_late),
        cmocka_unit_test(who_wants_all_gets_one_after_the_other),
        cmocka_unit_test(a_backlog_has_an_end),
        cmocka_unit_test(a_clock_that_jumps_by_centuries_costs_no_centuries),
        cmocka_unit_test(only_the_latest_missed_times_are_named),
        cmocka_unit_test(what_was_dealt_with_is_one_stretch_as_long_as_nothing_is_missed),
        cmocka_unit_test(a_missed_time_lies_between_two_stretches_until_it_is_run),
        cmocka_unit_test(years_by_a_wrong_clock_are_not_dealt_with),
        cmocka_unit_test(the_oldest_gap_is_forgotten_first),
        cmocka_unit_test(a_time_that_was_dealt_with_is_no_due_time),
        cmocka_unit_test(a_schedule_may_have_no_next_time),
        cmocka_unit_test(stretches_survive_as_text),
    };

    return cmocka_run_group_tests_name("policy/due", tests, NULL, NULL);
}
