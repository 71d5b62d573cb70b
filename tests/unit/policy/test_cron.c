/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/error.h"
#include "policy/cron.h"

/* 2026-01-01T00:00:00Z, a Thursday. */
#define NEW_YEAR INT64_C(1767225600)

enum { DAY = 86400, HOUR = 3600 };

static bsi_cron parsed(const char *text)
{
    bsi_cron cron = {0};

    print_message("# %s\n", text);
    assert_ok(bsi_cron_parse(text, strlen(text), &cron));
    return cron;
}

static bsi_timezone *zone_of(const char *rule)
{
    bsi_timezone *zone = NULL;

    assert_ok(bsi_timezone_from_rule(rule, strlen(rule), &zone));
    return zone;
}

static int64_t utc(int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute)
{
    return bsi_time_from_civil(&(bsi_civil){year, month, day, hour, minute, 0, 0});
}

/* --- Texts --- */

static void fields_are_numbers_names_ranges_lists_and_steps(void **state)
{
    static const struct {
        const char *text;
        uint64_t minutes;
        uint32_t hours, days, months, weekdays;
    } cases[] = {
        {"0 0 1 1 0", 1, 1, 2, 2, 1},
        {"59 23 31 12 6", 1ull << 59, 1u << 23, 1u << 31, 1u << 12, 1u << 6},
        {"0 0 1 jan sun", 1, 1, 2, 2, 1},
        {"0 0 1 DEC Sat", 1, 1, 2, 1u << 12, 1u << 6},
        {"0 0 1 1 7", 1, 1, 2, 2, 1},
        {"1-3 4-4 1-2 jan-mar mon-fri", 0xe, 0x10, 0x6, 0xe, 0x3e},
        {"1,3,5 0,23 1,31 1,feb 1,sun", 0x2a, 0x800001, 0x80000002, 0x6, 0x3},
        {"*/20 */12 */15 */6 */3", 0x10000100001, 0x1001, 0x80010002, 0x82, 0x49},
        {"10-30/10 8-18/5 1-9/4 2-8/3 1-5/2", 0x40100400, 0x42100, 0x222, 0x124, 0x2a},
        {"40/10 20/3 25/3 10/1 4/1", 0x4010000000000, 0x900000, 0x92000000, 0x1c00, 0x71},
        {"0 0 1 1 fri-sun", 1, 1, 2, 2, 0x61},
        {"0 0 1 1 5-7", 1, 1, 2, 2, 0x61},
        {"0 0 1 1 0-7", 1, 1, 2, 2, 0x7f},
        {"0 0 1 1 sun-tue", 1, 1, 2, 2, 0x7},
        {"5,5,1-5 0 1 1 0", 0x3e, 1, 2, 2, 1},
        {"00 09 01 01 00", 1, 1u << 9, 2, 2, 1},
        {" \t0  0\t1 1 \t 0 ", 1, 1, 2, 2, 1},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        const bsi_cron cron = parsed(cases[i].text);
        assert_true(cron.minutes == cases[i].minutes);
        assert_int_equal(cron.hours, cases[i].hours);
        assert_int_equal(cron.days, cases[i].days);
        assert_int_equal(cron.months, cases[i].months);
        assert_int_equal(cron.weekdays, cases[i].weekdays);
    }
}

static void shorthands_stand_for_their_fields(void **state)
{
    static const char *const cases[][2] = {
        {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
        {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
        {"@annually", "0 0 1 1 *"}, {" @Daily ", "0 0 * * *"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        const bsi_cron a = parsed(cases[i][0]);
        const bsi_cron b = parsed(cases[i][1]);
        assert_memory_equal(&a, &b, sizeof(a));
    }
}

static void a_star_at_the_front_leaves_a_field_unrestricted(void **state)
{
    (void)state;
    assert_true(parsed("0 0 1 * 1").either_day);
    assert_false(parsed("0 0 * * 1").either_day);
    assert_false(parsed("0 0 1 * *").either_day);
    assert_false(parsed("0 0 */2 * 1").either_day);
    assert_false(parsed("0 0 1 * */2").either_day);
    assert_true(parsed("0 * 1 * *").every_hour);
    assert_true(parsed("0 */2 1 * *").every_hour);
    assert_false(parsed("0 0-23 1 * *").every_hour);
    assert_false(parsed("* 2 1 * *").every_hour);
}

static void what_is_no_schedule_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "has 0 fields: it needs the five"},
        {"   ", "has 0 fields"},
        {"0 0 * *", "has 4 fields"},
        {"0 0 * * * *", "has 6 fields"},
        {"0", "has 1 field: it"},
        {"@reboot", "has 1 field: it"},
        {"@daily @daily", "has 2 fields"},
        {"60 0 * * *", "field for the minute is '60': a value is out of range; it takes 0 to 59"},
        {"0 24 * * *", "field for the hour is '24': a value is out of range; it takes 0 to 23"},
        {"0 0 0 * *", "field for the day of month is '0': a value is out of range"},
        {"0 0 32 * *", "field for the day of month is '32': a value is out of range"},
        {"0 0 * 0 *", "field for the month is '0': a value is out of range; it takes 1 to 12 or"},
        {"0 0 * 13 *", "field for the month is '13'"},
        {"0 0 * * 8", "field for the day of week is '8': a value is out of range"},
        {"99999999999999999999 0 * * *", "a value is out of range"},
        {"-1 0 * * *", "field for the minute is '-1': a value is missing or is none"},
        {"0 0 * foo *", "field for the month is 'foo': a value is missing or is none"},
        {"0 0 * * ja", "field for the day of week is 'ja'"},
        {"0 0 * sun *", "field for the month is 'sun'"},
        {"jan 0 * * *", "field for the minute is 'jan'"},
        {"0 0 * january *", "'january': it goes on with something else"},
        {"1,,2 0 * * *", "a value is missing"},
        {",1 0 * * *", "a value is missing"},
        {"1, 0 * * *", "a value is missing"},
        {"1- 0 * * *", "a value is missing"},
        {"1-2-3 0 * * *", "it goes on with something else"},
        {"*-5 0 * * *", "it goes on with something else"},
        {"*5 0 * * *", "it goes on with something else"},
        {"30-10 0 * * *", "a range goes downwards"},
        {"0 22-4 * * *", "field for the hour is '22-4': a range goes downwards"},
        {"0 0 * nov-feb *", "a range goes downwards"},
        {"0 0 * * fri-mon", "a range goes downwards"},
        {"*/ 0 * * *", "a step is 1 to 59"},
        {"*/0 0 * * *", "a step is 1 to 59"},
        {"*/90 0 * * *", "a step is 1 to 59"},
        {"0 */24 * * *", "a step is 1 to 23"},
        {"0 0 */32 * *", "a step is 1 to 31"},
        {"*/-5 0 * * *", "a step is 1 to 59"},
        {"*/x 0 * * *", "a step is 1 to 59"},
        {"*/5/5 0 * * *", "it goes on with something else"},
        {"0 0 ? * *", "field for the day of month is '?'"},
        {"0 0 L * *", "field for the day of month is 'L'"},
        {"0 0 15W * *", "field for the day of month is '15W'"},
        {"0 0 * * 1#2", "field for the day of week is '1#2'"},
        {"0 0 * * \x01\xff", "is '\\x01\\xff'"},
        {"0 0 31 2 *", "never due: no month of '2' has a day of month '31'"},
        {"0 0 30,31 feb *", "never due"},
        {"0 0 31 2,4,6,9,11 *", "never due"},
        {"0 0 30 2 */2", "never due"},
        {"0\n0 * * *", "has 4 fields"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_cron cron = {.hours = 7};
        print_message("# %s\n", cases[i].text);
        assert_status(bsi_cron_parse(cases[i].text, strlen(cases[i].text), &cron), BS_E_INVALID);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
        print_message("# %s\n", bs_error_last()->message);
        assert_non_null(strstr(bs_error_last()->message, cases[i].says));
        assert_int_equal(cron.hours, 7);
    }
}

static void texts_have_a_length_and_may_hold_any_byte(void **state)
{
    char text[BSI_CRON_TEXT_MAX + 1];
    bsi_cron cron;

    (void)state;
    memset(text, ' ', sizeof(text));
    memcpy(text, "0 0 * * *", 9);
    assert_ok(bsi_cron_parse(text, BSI_CRON_TEXT_MAX, &cron));
    assert_status(bsi_cron_parse(text, BSI_CRON_TEXT_MAX + 1, &cron), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "it may have 256"));
    text[4] = '\0';
    assert_status(bsi_cron_parse(text, 9, &cron), BS_E_INVALID);
    assert_status(bsi_cron_parse("0 0 * * *", 8, &cron), BS_E_INVALID);
}

static void days_that_some_year_has_are_taken(void **state)
{
    (void)state;
    (void)parsed("0 0 29 2 *");
    (void)parsed("0 0 31 1-12 *");
    (void)parsed("0 0 30,31 2,3 *");
    (void)parsed("0 0 31 2 mon"); /* Mondays of February. */
}

/* --- Instants --- */

static void the_next_instant_lies_strictly_behind(void **state)
{
    const bsi_cron cron = parsed("*/10 * * * *");
    static const int64_t cases[][2] = {
        {-1, 0}, {0, 600}, {1, 600}, {599, 600}, {600, 1200}, {601, 1200},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        int64_t found = 0;
        assert_ok(bsi_cron_next(&cron, bsi_timezone_utc(), NEW_YEAR + cases[i][0], &found));
        assert_int_equal(found - NEW_YEAR, cases[i][1]);
    }
}

static void dates_come_in_their_order(void **state)
{
    const struct {
        const char *text;
        int64_t due[4];
    } cases[] = {
        {"0 0 29 2 *",
         {utc(2028, 2, 29, 0, 0), utc(2032, 2, 29, 0, 0), utc(2036, 2, 29, 0, 0),
          utc(2040, 2, 29, 0, 0)}},
        {"30 6 31 * *",
         {utc(2026, 1, 31, 6, 30), utc(2026, 3, 31, 6, 30), utc(2026, 5, 31, 6, 30),
          utc(2026, 7, 31, 6, 30)}},
        {"0 12 13 * fri", /* Either day. */
         {utc(2026, 1, 2, 12, 0), utc(2026, 1, 9, 12, 0), utc(2026, 1, 13, 12, 0),
          utc(2026, 1, 16, 12, 0)}},
        {"0 12 13 * */5", /* Both days: a 13th that is a Sunday or a Friday. */
         {utc(2026, 2, 13, 12, 0), utc(2026, 3, 13, 12, 0), utc(2026, 9, 13, 12, 0),
          utc(2026, 11, 13, 12, 0)}},
        {"59 23 31 12 *",
         {utc(2026, 12, 31, 23, 59), utc(2027, 12, 31, 23, 59), utc(2028, 12, 31, 23, 59),
          utc(2029, 12, 31, 23, 59)}},
        {"5,55 22,23 1 jan,jul *",
         {utc(2026, 1, 1, 22, 5), utc(2026, 1, 1, 22, 55), utc(2026, 1, 1, 23, 5),
          utc(2026, 1, 1, 23, 55)}},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        const bsi_cron cron = parsed(cases[i].text);
        int64_t at = NEW_YEAR;
        for (size_t k = 0; k < BSI_ARRAY_SIZE(cases[i].due); k++) {
            assert_ok(bsi_cron_next(&cron, bsi_timezone_utc(), at, &at));
            assert_int_equal(at, cases[i].due[k]);
        }
    }
}

static void leap_days_are_found_across_a_century_without(void **state)
{
    const bsi_cron plain = parsed("0 0 29 2 *");
    const bsi_cron sunday = parsed("0 0 29 2 */7");
    int64_t found = 0;

    (void)state;
    assert_ok(bsi_cron_next(&plain, bsi_timezone_utc(), utc(2096, 2, 29, 0, 0), &found));
    assert_int_equal(found, utc(2104, 2, 29, 0, 0));
    assert_ok(bsi_cron_next(&sunday, bsi_timezone_utc(), utc(2088, 2, 29, 0, 0), &found));
    assert_int_equal(found, utc(2128, 2, 29, 0, 0));
    assert_ok(bsi_cron_previous(&sunday, bsi_timezone_utc(), found, &found));
    assert_int_equal(found, utc(2088, 2, 29, 0, 0));
}

/* Each leap day with each day of the week in 400 years, and what comes before it. */
static void the_horizon_holds_the_longest_wait(void **state)
{
    (void)state;
    for (int32_t year = 1996; year < 2400; year++) {
        bsi_cron cron = parsed("0 0 29 2 *");
        const int64_t from = utc(year, 1, 1, 0, 0);
        int64_t found = 0;
        for (uint32_t weekday = 0; weekday < 7; weekday++) {
            cron.weekdays = 1u << weekday;
            assert_ok(bsi_cron_next(&cron, bsi_timezone_utc(), from, &found));
            assert_true(found <= utc(year + 40, 2, 29, 0, 0));
        }
    }
}

static void times_at_the_end_of_the_calendar_are_told(void **state)
{
    const bsi_cron cron = parsed("0 0 1 1 *");
    int64_t found = 7;

    (void)state;
    assert_status(bsi_cron_next(&cron, bsi_timezone_utc(), utc(9999, 1, 1, 0, 0), &found),
                  BS_E_NOT_FOUND);
    assert_status(bsi_cron_next(&cron, bsi_timezone_utc(), INT64_MAX, &found), BS_E_RANGE);
    assert_status(bsi_cron_next(&cron, bsi_timezone_utc(), INT64_MIN, &found), BS_E_RANGE);
    assert_status(bsi_cron_previous(&cron, bsi_timezone_utc(), INT64_MAX, &found), BS_E_RANGE);
    assert_status(bsi_cron_previous(&cron, bsi_timezone_utc(), utc(0, 1, 1, 0, 0), &found),
                  BS_E_NOT_FOUND);
    assert_int_equal(found, 7);
    assert_ok(bsi_cron_next(&cron, bsi_timezone_utc(), utc(9998, 1, 1, 0, 0), &found));
    assert_int_equal(found, utc(9999, 1, 1, 0, 0));
}

static void the_previous_instant_lies_strictly_before(void **state)
{
    static const char *const texts[] = {
        "* * * * *", "30 2 * * *", "0 */6 * * *", "0 0 * * 0", "15 10 1,15 * fri", "0 0 29 2 *",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        const bsi_cron cron = parsed(texts[i]);
        int64_t at = NEW_YEAR;
        int64_t next = 0;
        int64_t found = 0;
        for (int k = 0; k < 40; k++) {
            assert_ok(bsi_cron_next(&cron, bsi_timezone_utc(), at, &next));
            if (k > 0) {
                assert_ok(bsi_cron_previous(&cron, bsi_timezone_utc(), next, &found));
                assert_int_equal(found, at);
                assert_ok(bsi_cron_previous(&cron, bsi_timezone_utc(), next - 1, &found));
                assert_int_equal(found, next - 1 == at ? at - 60 : at);
                assert_ok(bsi_cron_previous(&cron, bsi_timezone_utc(), next + 1, &found));
                assert_int_equal(found, next);
            }
            at = next;
        }
    }
}

/* --- Changes of the clocks --- */

typedef struct dst_case {
    const char *what;
    const char *zone;
    const char *text;
    int64_t after;
    int64_t due[3];
} dst_case;

static void check_dst(const dst_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bsi_timezone *zone = zone_of(cases[i].zone);
        const bsi_cron cron = parsed(cases[i].text);
        int64_t at = cases[i].after;
        print_message("# %s\n", cases[i].what);
        for (size_t k = 0; k < BSI_ARRAY_SIZE(cases[i].due); k++) {
            const int64_t before = at;
            int64_t back = 0;
            assert_ok(bsi_cron_next(&cron, zone, at, &at));
            assert_int_equal(at, cases[i].due[k]);
            assert_ok(bsi_cron_previous(&cron, zone, at + 1, &back));
            assert_int_equal(back, at);
            if (k > 0) {
                assert_ok(bsi_cron_previous(&cron, zone, at, &back));
                assert_int_equal(back, before);
            }
        }
        bsi_timezone_free(zone);
    }
}

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"              /* 2:00 to 3:00, 3:00 to 2:00. */
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0" /* Half an hour. */
#define HAVANA "CST5CDT,M3.2.0/0,M11.1.0/1"              /* At midnight. */
#define TROLL "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3"         /* Two hours. */
#define DATE_LINE "AAA12BBB-12,M3.5.0/0,M10.5.0/24"      /* A whole day. */

static void what_falls_into_a_gap_is_due_once_at_its_end(void **state)
{
    /* In 2026 the clocks of Berlin go from 2:00 to 3:00 on 29 March, at 1:00 of UTC. */
    const int64_t gap = utc(2026, 3, 29, 1, 0);
    const dst_case cases[] = {
        {"each day",
         BERLIN,
         "30 2 * * *",
         gap - 12 * HOUR,
         {gap, gap + DAY - HOUR / 2, gap + 2 * DAY - HOUR / 2}},
        {"at the begin of the gap",
         BERLIN,
         "0 2 * * *",
         gap - 12 * HOUR,
         {gap, gap + DAY - HOUR, gap + 2 * DAY - HOUR}},
        {"at its end: once", BERLIN, "0 3 * * *", gap - 12 * HOUR, {gap, gap + DAY, gap + 2 * DAY}},
        {"in it and at its end: once",
         BERLIN,
         "0 2,3 * * *",
         gap - 12 * HOUR,
         {gap, gap + DAY - HOUR, gap + DAY}},
        {"several in it are one",
         BERLIN,
         "*/15 2 * * *",
         gap - 12 * HOUR,
         {gap, gap + DAY - HOUR, gap + DAY - HOUR * 3 / 4}},
        {"hours by name are fixed",
         BERLIN,
         "30 0-23 * * *",
         gap - HOUR,
         {gap - HOUR / 2, gap, gap + HOUR / 2}},
        {"on that date only",
         BERLIN,
         "59 2 29 3 *",
         gap - DAY,
         {gap, utc(2027, 3, 29, 0, 59), utc(2028, 3, 29, 0, 59)}},
        {"just before the gap",
         BERLIN,
         "59 1 29 3 *",
         gap - DAY,
         {gap - 60, utc(2027, 3, 28, 23, 59), utc(2028, 3, 28, 23, 59)}},
        {"midnight that is not there",
         HAVANA,
         "0 0 * * *",
         utc(2026, 3, 7, 12, 0),
         {utc(2026, 3, 8, 5, 0), utc(2026, 3, 9, 4, 0), utc(2026, 3, 10, 4, 0)}},
        {"half an hour",
         LORD_HOWE,
         "15 2 * * *",
         utc(2026, 10, 3, 0, 0),
         {utc(2026, 10, 3, 15, 30), utc(2026, 10, 4, 15, 15), utc(2026, 10, 5, 15, 15)}},
        {"two hours",
         TROLL,
         "30 1,2 * * *",
         utc(2026, 3, 28, 12, 0),
         {gap, utc(2026, 3, 29, 23, 30), utc(2026, 3, 30, 0, 30)}},
        {"a whole day",
         DATE_LINE,
         "0 2 * * *",
         utc(2026, 3, 28, 0, 0),
         {utc(2026, 3, 28, 14, 0), utc(2026, 3, 29, 12, 0), utc(2026, 3, 29, 14, 0)}},
        {"asked for from inside the day",
         BERLIN,
         "30 2 * * *",
         gap,
         {gap + DAY - HOUR / 2, gap + 2 * DAY - HOUR / 2, gap + 3 * DAY - HOUR / 2}},
    };

    (void)state;
    check_dst(cases, BSI_ARRAY_SIZE(cases));
}

static void what_falls_into_a_doubled_hour_is_due_in_its_first_pass(void **state)
{
    /* On 25 October the clocks of Berlin go from 3:00 back to 2:00, at 1:00 of UTC. */
    const int64_t back = utc(2026, 10, 25, 1, 0);
    const dst_case cases[] = {
        {"each day",
         BERLIN,
         "30 2 * * *",
         back - 12 * HOUR,
         {back - HOUR / 2, back + DAY + HOUR / 2, back + 2 * DAY + HOUR / 2}},
        {"not again",
         BERLIN,
         "30 2 * * *",
         back,
         {back + DAY + HOUR / 2, back + 2 * DAY + HOUR / 2, back + 3 * DAY + HOUR / 2}},
        {"several in it",
         BERLIN,
         "*/30 2 * * *",
         back - 12 * HOUR,
         {back - HOUR, back - HOUR / 2, back + DAY}},
        {"at its end",
         BERLIN,
         "0 3 * * *",
         back - 12 * HOUR,
         {back + HOUR, back + DAY + HOUR, back + 2 * DAY + HOUR}},
        {"at its begin",
         BERLIN,
         "0 2 * * *",
         back - 12 * HOUR,
         {back - HOUR, back + DAY, back + 2 * DAY}},
        {"hours by name are fixed",
         BERLIN,
         "0 0-23 * * *",
         back - 2 * HOUR,
         {back - HOUR, back + HOUR, back + 2 * HOUR}},
        {"half an hour",
         LORD_HOWE,
         "45 1 * * *",
         utc(2026, 4, 4, 0, 0),
         {utc(2026, 4, 4, 14, 45), utc(2026, 4, 5, 15, 15), utc(2026, 4, 6, 15, 15)}},
        {"two hours",
         TROLL,
         "30 1,2 * * *",
         utc(2026, 10, 24, 12, 0),
         {utc(2026, 10, 24, 23, 30), utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30)}},
        {"a whole day",
         DATE_LINE,
         "0 2 * * *",
         utc(2026, 10, 24, 0, 0),
         {utc(2026, 10, 24, 14, 0), utc(2026, 10, 26, 14, 0), utc(2026, 10, 27, 14, 0)}},
    };

    (void)state;
    check_dst(cases, BSI_ARRAY_SIZE(cases));
}

static void schedules_of_every_hour_follow_the_clocks(void **state)
{
    const int64_t gap = utc(2026, 3, 29, 1, 0);
    const int64_t back = utc(2026, 10, 25, 1, 0);
    const dst_case cases[] = {
        {"each real hour at a gap",
         BERLIN,
         "30 * * * *",
         gap - HOUR,
         {gap - HOUR / 2, gap + HOUR / 2, gap + HOUR * 3 / 2}},
        {"each real hour at an overlap",
         BERLIN,
         "30 * * * *",
         back - HOUR,
         {back - HOUR / 2, back + HOUR / 2, back + HOUR * 3 / 2}},
        {"each minute at a gap", BERLIN, "* * * * *", gap - 61, {gap - 60, gap, gap + 60}},
        {"each minute at an overlap", BERLIN, "* * * * *", back - 61, {back - 60, back, back + 60}},
        {"each second hour at a gap",
         BERLIN,
         "30 */2 * * *",
         gap - 2 * HOUR,
         {gap - HOUR * 3 / 2, gap + HOUR * 3 / 2, gap + HOUR * 7 / 2}},
        {"each second hour at an overlap",
         BERLIN,
         "30 */2 * * *",
         back - HOUR,
         {back - HOUR / 2, back + HOUR / 2, back + HOUR * 5 / 2}},
    };

    (void)state;
    check_dst(cases, BSI_ARRAY_SIZE(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_numbers_names_ranges_lists_and_steps),
        cmocka_unit_test(shorthands_stand_for_their_fields),
        cmocka_unit_test(a_star_at_the_front_leaves_a_field_unrestricted),
        cmocka_unit_test(what_is_no_schedule_is_refused_with_the_reason),
        cmocka_unit_test(texts_have_a_length_and_may_hold_any_byte),
        cmocka_unit_test(days_that_some_year_has_are_taken),
        cmocka_unit_test(the_next_instant_lies_strictly_behind),
        cmocka_unit_test(dates_come_in_their_order),
        cmocka_unit_test(leap_days_are_found_across_a_century_without),
        cmocka_unit_test(the_horizon_holds_the_longest_wait),
        cmocka_unit_test(times_at_the_end_of_the_calendar_are_told),
        cmocka_unit_test(the_previous_instant_lies_strictly_before),
        cmocka_unit_test(what_falls_into_a_gap_is_due_once_at_its_end),
        cmocka_unit_test(what_falls_into_a_doubled_hour_is_due_in_its_first_pass),
        cmocka_unit_test(schedules_of_every_hour_follow_the_clocks),
    };

    return cmocka_run_group_tests_name("policy/cron", tests, NULL, NULL);
}
