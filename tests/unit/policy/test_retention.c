/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/calendar.h"
#include "policy/retention.h"

#define SEC INT64_C(1000000000)
#define HOUR (3600 * SEC)
#define DAY (24 * HOUR)

enum { MOST = 64 };

/* 2026-01-01T00:00:00Z, a Thursday: day 0 of the histories below. */
static int64_t day_zero(void)
{
    return bsi_days_from_civil(2026, 1, 1) * DAY;
}

/*
 * A history in words: each backup is "DAY" or "DAY.HOUR", the oldest first, with letters behind
 * it: f failed, r running, p pinned, h held, x its own days are over, n needed from outside,
 * > needs the one before it.
 */
typedef struct history {
    bsi_retention_item items[MOST];
    bsi_retention_need needs[MOST];
    bsi_retention_decision out[MOST];
    bsi_retention_input input;
} history;

static void take_letter(history *self, size_t at, char letter)
{
    bsi_retention_item *item = &self->items[at];

    item->state = letter == 'f' ? BSI_RETENTION_FAILED : item->state;
    item->state = letter == 'r' ? BSI_RETENTION_RUNNING : item->state;
    item->pinned = item->pinned || letter == 'p';
    item->held = item->held || letter == 'h';
    item->needed = item->needed || letter == 'n';
    item->expires_at = letter == 'x' ? item->created_at : item->expires_at;
    if (letter == '>') {
        self->needs[self->input.need_count++] = (bsi_retention_need){at, at - 1};
    }
}

static void parse(history *self, const char *text)
{
    *self = (history){.input = {.count = 0}};
    while (*text) {
        const size_t at = self->input.count++;
        char *end = NULL;
        int64_t hours = strtol(text, &end, 10) * 24;

        if (*end == '.') {
            hours += strtol(end + 1, &end, 10);
        }
        self->items[at] = (bsi_retention_item){.seq = (int64_t)at + 1,
                                               .created_at = day_zero() + hours * HOUR,
                                               .state = BSI_RETENTION_GOOD};
        for (; *end && *end != ' '; end++) {
            take_letter(self, at, *end);
        }
        text = end + strspn(end, " ");
    }
    self->input.items = self->items;
    self->input.needs = self->needs;
    self->input.now = day_zero() + 1000 * DAY;
    self->input.failed_days = 90;
}

static void decide(history *self)
{
    assert_ok(bsi_retention_decide(&self->input, self->out));
}

/* One letter a backup: k is kept, - goes. */
static const char *kept(const history *self)
{
    static char text[MOST + 1];

    for (size_t i = 0; i < self->input.count; i++) {
        text[i] = self->out[i].kept_by ? 'k' : '-';
    }
    text[self->input.count] = '\0';
    return text;
}

/* --- Rules --- */

static void each_rule_keeps_what_it_says(void **state)
{
    static const struct {
        const char *what;
        const char *history;
        bsi_retention_rules rules;
        const char *kept;
    } cases[] = {
        {"the last ones", "0 1 2 3 4", {.keep_last = 2}, "---kk"},
        {"more than there are", "0 1 2", {.keep_last = 9}, "kkk"},
        {"the last one stays", "0 1 2", {.keep_yearly = 0, .retention_days = 1}, "--k"},
        {"hours", "0.1 0.1 0.2 0.2 0.3", {.keep_hourly = 2}, "---kk"},
        {"hours with gaps", "0.1 0.1 0.5 0.9", {.keep_hourly = 3}, "-kkk"},
        {"days", "0.1 0.9 1.1 1.9 2.1", {.keep_daily = 2}, "---kk"},
        {"days with gaps", "0 10 10.5 20 20.5 30", {.keep_daily = 3}, "--k-kk"},
        {"weeks begin on Monday", "2 3 4 5 10 11 12", {.keep_weekly = 3}, "-k--k-k"},
        {"one week", "4 5 6 7 8 9 10", {.keep_weekly = 2}, "------k"},
        {"months", "0 30 31 58 59 89", {.keep_monthly = 2}, "---k-k"},
        {"years", "0 364 365 729 730", {.keep_yearly = 2}, "---kk"},
        {"before 1970", "-20455 -20454.23 -20454", {.keep_daily = 2}, "k-k"},
        {"rules count for themselves", "0 1 2 3 4", {.keep_last = 1, .keep_daily = 3}, "--kkk"},
        {"failures do not count", "0 1 990f 991f", {.keep_last = 1}, "-kkk"},
        {"old failures go", "0 1 2f 3f", {.keep_last = 1}, "-k--"},
        {"what runs stays and does not count", "0 1 2r", {.keep_last = 1}, "-kk"},
        {"own days", "0x 1 2x 3x", {.own_days = true}, "-k-k"},
        {"own days and a count", "0x 1x 2x 3x", {.own_days = true, .keep_last = 2}, "--kk"},
        {"young ones", "0 989 990 990.1 999", {.retention_days = 10}, "---kk"},
        {"nothing", "", {.keep_last = 1}, ""},
        {"only failures", "0f 1f", {.keep_last = 5}, "--"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        history self;

        print_message("# %s\n", cases[i].what);
        parse(&self, cases[i].history);
        self.input.rules = cases[i].rules;
        decide(&self);
        assert_string_equal(kept(&self), cases[i].kept);
    }
}

static void every_rule_that_keeps_a_backup_is_told(void **state)
{
    history self;

    (void)state;
    parse(&self, "0 1 31p 31.5h");
    self.input.rules = (bsi_retention_rules){
        .keep_last = 1,
        .keep_hourly = 1,
        .keep_daily = 1,
        .keep_weekly = 2,
        .keep_monthly = 2,
        .keep_yearly = 1,
        .retention_days = 970,
    };
    decide(&self);
    assert_int_equal(self.out[0].kept_by, 0);
    assert_int_equal(self.out[1].kept_by, BSI_KEPT_BY_WEEKLY | BSI_KEPT_BY_MONTHLY);
    assert_int_equal(self.out[2].kept_by, BSI_KEPT_BY_PIN | BSI_KEPT_BY_DAYS);
    assert_int_equal(self.out[3].kept_by, BSI_KEPT_BY_HOLD | BSI_KEPT_BY_LAST | BSI_KEPT_BY_HOURLY |
                                              BSI_KEPT_BY_DAILY | BSI_KEPT_BY_WEEKLY |
                                              BSI_KEPT_BY_MONTHLY | BSI_KEPT_BY_YEARLY |
                                              BSI_KEPT_AS_LAST_GOOD | BSI_KEPT_BY_DAYS);
}

static void days_end_to_the_nanosecond(void **state)
{
    static const struct {
        int64_t age;
        bool kept;
    } cases[] = {{7 * DAY - 1, true}, {7 * DAY, false}, {0, true}, {-5 * DAY, true}};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        history self;

        parse(&self, "10 10");
        self.input.now = self.items[0].created_at + cases[i].age;
        self.input.rules.retention_days = 7;
        decide(&self);
        assert_int_equal(self.out[0].kept_by, cases[i].kept ? BSI_KEPT_BY_DAYS : 0);
        self.items[0].expires_at = self.items[0].created_at + 7 * DAY;
        self.input.rules = (bsi_retention_rules){.own_days = true};
        decide(&self);
        assert_int_equal(self.out[0].kept_by, cases[i].kept ? BSI_KEPT_BY_DAYS : 0);
    }
}

static void days_that_no_number_holds_never_end(void **state)
{
    history self;

    (void)state;
    parse(&self, "0 1");
    self.items[0].created_at = INT64_MAX - DAY;
    self.input.now = INT64_MAX;
    self.input.rules.retention_days = BSI_RETENTION_DAYS_MAX;
    decide(&self);
    assert_int_equal(self.out[0].kept_by, BSI_KEPT_BY_DAYS);
}

static void the_number_decides_which_is_newer_not_the_time(void **state)
{
    history self;

    (void)state;
    parse(&self, "50 40 30 20 10");
    self.input.rules.keep_last = 2;
    decide(&self);
    assert_string_equal(kept(&self), "---kk");
    parse(&self, "10 20.1 10.1 20 10.2");
    self.input.rules.keep_daily = 2;
    decide(&self);
    assert_string_equal(kept(&self), "---kk");
}

static void the_order_of_the_items_does_not_matter(void **state)
{
    static const size_t order[] = {3, 0, 4, 1, 2};
    bsi_retention_item shuffled[5];
    history self;

    (void)state;
    parse(&self, "0 1 2 3 4");
    for (size_t i = 0; i < 5; i++) {
        shuffled[i] = self.items[order[i]];
    }
    self.input.items = shuffled;
    self.input.rules.keep_daily = 2;
    decide(&self);
    assert_string_equal(kept(&self), "k-k--");
}

/* --- Zones --- */

static int32_t fixed_offset(void *user, int64_t sec)
{
    (void)sec;
    return *(const int32_t *)user;
}

/* An hour is gone through twice: two hours ahead before day 100, one hour from then on. */
static int32_t autumn(void *user, int64_t sec)
{
    (void)user;
    return sec < day_zero() / SEC + 100 * 86400 ? 7200 : 3600;
}

static void periods_are_those_of_the_zone(void **state)
{
    static const struct {
        const char *history;
        int32_t offset;
        bsi_retention_rules rules;
        const char *kept;
    } cases[] = {
        {"1.22 1.23 2.0", 0, {.keep_daily = 2}, "-kk"},
        {"1.22 1.23 2.0", 3600, {.keep_daily = 2}, "k-k"},
        {"1.22 1.23 2.0", -3600, {.keep_daily = 2}, "--k"},
        {"1.22 1.23 2.0", 19800, {.keep_hourly = 2}, "-kk"},
        {"3.23 4.0 4.1", 0, {.keep_weekly = 2}, "k-k"},
        {"3.23 4.0 4.1", 3600, {.keep_weekly = 2}, "--k"},
        {"30.23 31.0", 7200, {.keep_monthly = 2}, "-k"},
        {"-1.0 -1.23", 14 * 3600, {.keep_yearly = 2}, "kk"},
        {"-1.0 -1.23", 0, {.keep_yearly = 2}, "-k"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        int32_t offset = cases[i].offset;
        history self;

        print_message("# %s at %d\n", cases[i].history, (int)offset);
        parse(&self, cases[i].history);
        self.input.rules = cases[i].rules;
        self.input.zone_offset = fixed_offset;
        self.input.zone_user = &offset;
        decide(&self);
        assert_string_equal(kept(&self), cases[i].kept);
    }
}

static void an_hour_that_comes_twice_counts_twice(void **state)
{
    history self;

    (void)state;
    parse(&self, "99.22 99.23 100.0 100.1");
    self.input.rules.keep_hourly = 4;
    self.input.zone_offset = autumn;
    decide(&self);
    assert_string_equal(kept(&self), "kkkk");
}

/* --- What is never broken --- */

static void needs_are_kept_to_the_bottom(void **state)
{
    static const struct {
        const char *what;
        const char *history;
        int32_t last;
        const char *kept;
    } cases[] = {
        {"a chain", "0 1> 2> 3>", 1, "kkkk"},
        {"two chains", "0 1> 2> 3 4> 5>", 2, "---kkk"},
        {"one goes with its last dependant", "0 1> 2 3", 2, "--kk"},
        {"kept by a pin", "0 1> 2p> 3> 4 5", 1, "kkk--k"},
        {"needed from outside", "0 1>n 2 3", 1, "kk-k"},
        {"what runs needs its base", "0 1 2r>", 1, "-kk"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        history self;

        print_message("# %s\n", cases[i].what);
        parse(&self, cases[i].history);
        self.input.rules.keep_last = cases[i].last;
        decide(&self);
        assert_string_equal(kept(&self), cases[i].kept);
    }
}

static void the_newest_that_needs_a_backup_is_named(void **state)
{
    history self;

    (void)state;
    parse(&self, "0 1 2 3");
    self.needs[0] = (bsi_retention_need){2, 0};
    self.needs[1] = (bsi_retention_need){3, 0};
    self.needs[2] = (bsi_retention_need){1, 0};
    self.input.need_count = 3;
    self.input.rules.keep_last = 2;
    decide(&self);
    assert_int_equal(self.out[0].kept_by, BSI_KEPT_AS_NEEDED);
    assert_int_equal(self.out[0].needed_by, 3);
    assert_int_equal(self.out[1].kept_by, 0);
    assert_int_equal(self.out[1].needed_by, BSI_RETENTION_NOBODY);
}

static void those_that_need_each_other_do_not_live_for_ever(void **state)
{
    history self;

    (void)state;
    parse(&self, "0 1 2");
    self.needs[0] = (bsi_retention_need){0, 1};
    self.needs[1] = (bsi_retention_need){1, 0};
    self.needs[2] = (bsi_retention_need){1, 1};
    self.input.need_count = 3;
    self.input.rules.keep_last = 1;
    decide(&self);
    assert_string_equal(kept(&self), "--k");
}

static void pins_and_holds_last_until_their_end(void **state)
{
    history self;

    (void)state;
    parse(&self, "0p 1p 2h 3h 4ph 5");
    self.items[0].pinned_until = self.input.now;
    self.items[1].pinned_until = self.input.now + 1;
    self.items[2].held_until = self.input.now;
    self.items[3].held_until = self.input.now + 1;
    self.input.rules.keep_last = 1;
    decide(&self);
    assert_string_equal(kept(&self), "-k-kkk");
    assert_int_equal(self.out[1].kept_by, BSI_KEPT_BY_PIN);
    assert_int_equal(self.out[3].kept_by, BSI_KEPT_BY_HOLD);
    assert_int_equal(self.out[4].kept_by, BSI_KEPT_BY_PIN | BSI_KEPT_BY_HOLD);
}

static void failures_are_listed_for_their_days(void **state)
{
    history self;

    (void)state;
    parse(&self, "910f 909.23f 1");
    self.input.rules.keep_last = 1;
    decide(&self);
    assert_string_equal(kept(&self), "--k");
    self.input.now--;
    decide(&self);
    assert_string_equal(kept(&self), "k-k");
    assert_int_equal(self.out[0].kept_by, BSI_KEPT_AS_RECENT_FAILURE);
}

/* --- Bad rules --- */

static void rules_that_keep_nothing_are_refused(void **state)
{
    static const bsi_retention_rules nothing;
    static const bsi_retention_rules negative = {.keep_last = 1, .keep_daily = -1};
    static const bsi_retention_rules large = {.keep_yearly = BSI_RETENTION_KEEP_MAX + 1};
    static const bsi_retention_rules old = {.retention_days = BSI_RETENTION_DAYS_MAX + 1};
    static const bsi_retention_rules good[] = {
        {.own_days = true},  {.retention_days = 1}, {.keep_last = 1},
        {.keep_hourly = 1},  {.keep_daily = 1},     {.keep_weekly = 1},
        {.keep_monthly = 1}, {.keep_yearly = 1},    {.keep_last = BSI_RETENTION_KEEP_MAX},
    };

    (void)state;
    assert_status(bsi_retention_check(&nothing), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "keep nothing"));
    assert_status(bsi_retention_check(&negative), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "keep_daily: takes 0 to 1000000, not -1"));
    assert_status(bsi_retention_check(&large), BS_E_INVALID);
    assert_status(bsi_retention_check(&old), BS_E_INVALID);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(good); i++) {
        assert_ok(bsi_retention_check(&good[i]));
    }
}

static void it_survives_without_memory(void **state)
{
    history self;
    bs_status status = BS_E_NOMEM;
    long at = 0;

    (void)state;
    parse(&self, "0 1> 2>");
    self.input.rules.keep_last = 1;
    for (; status != BS_OK; at++) {
        bsi_alloc_fail_after(at);
        status = bsi_retention_decide(&self.input, self.out);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    bsi_alloc_fail_after(-1);
    assert_true(at > 1);
    assert_string_equal(kept(&self), "kkk");
}

/* --- The clock --- */

static void the_clock_is_looked_at_first(void **state)
{
    static const bsi_retention_limits limits = BSI_RETENTION_LIMITS;
    /* Each look in turn, in days; the newest record is so old. */
    static const struct {
        const char *what;
        int64_t now;
        int64_t newest;
        bsi_retention_verdict verdict;
    } looks[] = {
        {"the first look believes it", 100, 99, BSI_RETENTION_CLOCK_GOOD},
        {"before a record", 101, 102, BSI_RETENTION_CLOCK_BEHIND},
        {"at a record", 102, 102, BSI_RETENTION_CLOCK_GOOD},
        {"before the last look", 101, 99, BSI_RETENTION_CLOCK_BEHIND},
        {"as far as it may go", 134, 102, BSI_RETENTION_CLOCK_GOOD},
        {"too far", 167, 134, BSI_RETENTION_CLOCK_AHEAD},
        {"a record made meanwhile is no proof", 168, 168, BSI_RETENTION_CLOCK_AHEAD},
        {"it goes on", 173, 168, BSI_RETENTION_CLOCK_AHEAD},
        {"and is believed again", 174, 168, BSI_RETENTION_CLOCK_GOOD},
        {"too far once more", 3000, 174, BSI_RETENTION_CLOCK_AHEAD},
        {"and that is undone", 175, 174, BSI_RETENTION_CLOCK_GOOD},
        {"too far", 3000, 175, BSI_RETENTION_CLOCK_AHEAD},
        {"further still", 9000, 175, BSI_RETENTION_CLOCK_AHEAD},
        {"it must go on from there", 9006, 175, BSI_RETENTION_CLOCK_AHEAD},
        {"undone in part", 8999, 175, BSI_RETENTION_CLOCK_AHEAD},
        {"is a new beginning", 9005, 175, BSI_RETENTION_CLOCK_AHEAD},
        {"of the same length", 9006, 175, BSI_RETENTION_CLOCK_GOOD},
    };
    bsi_retention_clock clock = {0};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(looks); i++) {
        print_message("# %s\n", looks[i].what);
        assert_int_equal(
            bsi_retention_look(&clock, looks[i].now * DAY, looks[i].newest * DAY, &limits),
            looks[i].verdict);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_keeps_what_it_says),
        cmocka_unit_test(every_rule_that_keeps_a_backup_is_told),
        cmocka_unit_test(days_end_to_the_nanosecond),
        cmocka_unit_test(days_that_no_number_holds_never_end),
        cmocka_unit_test(the_number_decides_which_is_newer_not_the_time),
        cmocka_unit_test(the_order_of_the_items_does_not_matter),
        cmocka_unit_test(periods_are_those_of_the_zone),
        cmocka_unit_test(an_hour_that_comes_twice_counts_twice),
        cmocka_unit_test(needs_are_kept_to_the_bottom),
        cmocka_unit_test(the_newest_that_needs_a_backup_is_named),
        cmocka_unit_test(those_that_need_each_other_do_not_live_for_ever),
        cmocka_unit_test(pins_and_holds_last_until_their_end),
        cmocka_unit_test(failures_are_listed_for_their_days),
        cmocka_unit_test(rules_that_keep_nothing_are_refused),
        cmocka_unit_test(it_survives_without_memory),
        cmocka_unit_test(the_clock_is_looked_at_first),
    };

    return cmocka_run_group_tests_name("policy/retention", tests, NULL, NULL);
}
