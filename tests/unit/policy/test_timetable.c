/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "policy/timetable.h"

/* 2026-11-22T00:00:00Z, a Sunday. */
#define SUNDAY INT64_C(1795305600)

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
#define KI UINT64_C(1024)
#define MI (KI * KI)

static uint64_t rate_of(const char *text, int64_t sec)
{
    static bsi_timetable table;

    print_message("# %s\n", text);
    assert_ok(bsi_timetable_parse(text, &table));
    return bsi_timetable_rate(&table, bsi_timezone_utc(), sec);
}

static void a_rate_alone_counts_always(void **state)
{
    static const struct {
        const char *text;
        uint64_t rate;
    } cases[] = {
        {"512k", 512 * KI},
        {"512K", 512 * KI},
        {"10M", 10 * MI},
        {"1.5M", 3 * MI / 2},
        {"0.5m", MI / 2},
        {"1.001k", 1025},
        {"2048B", 2 * KI},
        {"1g", KI * MI},
        {"1024T", BSI_RATE_MAX},
        {"1k", BSI_RATE_MIN},
        {"999999999B", 999999999},
        {"  10M ", 10 * MI},
        {"off", 0},
        {"OFF", 0},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        assert_true(rate_of(cases[i].text, SUNDAY) == cases[i].rate);
        assert_true(rate_of(cases[i].text, INT64_MAX) == cases[i].rate);
    }
}

static void what_is_wrong_is_shown_and_changes_nothing(void **state)
{
    static const struct {
        const char *text;
        const char *said;
    } cases[] = {
        {"", "is empty"},
        {"   ", "is empty"},
        {"512", "lacks a unit"},
        {"1.5", "lacks a unit"},
        {"0", "lacks a unit"},
        {"fast", "'fast' is no rate"},
        {"-1M", "is no rate"},
        {"+1M", "is no rate"},
        {"1.M", "is no rate"},
        {".5M", "is no rate"},
        {"1.2345M", "is no rate"},
        {"1e6k", "is no rate"},
        {"0x10k", "is no rate"},
        {"10MB", "is no rate"},
        {"10M:1M", "is no rate"},
        {"10 M", "lacks a unit"},
        {"1000000000B", "is no rate"},
        {"0k", "too slow"},
        {"1023B", "too slow"},
        {"0.999k", "too slow"},
        {"1024.001T", "too fast"},
        {"1025T", "too fast"},
        {"999999999T", "too fast"},
        {"offf", "is no rate"},
        {"10M 08:00,1M", "'08:00,1M' follows"},
        {"08:00,1M 10M", "'10M' is no entry"},
        {"08:00,", "is no rate"},
        {",1M", "is no entry"},
        {"8:00,1M", "'8:00,1M' is no entry"},
        {"08:00:00,1M", "is no entry"},
        {"24:00,1M", "is no entry"},
        {"08:60,1M", "is no entry"},
        {"-8:00,1M", "is no entry"},
        {"08.00,1M", "is no entry"},
        {"Mon08:00,1M", "is no entry"},
        {"Mo-08:00,1M", "is no entry"},
        {"Mom-08:00,1M", "is no entry"},
        {"Mon-,1M", "is no entry"},
        {"Mon--08:00,1M", "is no entry"},
        {"08:00,1M,2M", "is no rate"},
        {"08:00,1M\t09:00,2M", "is no rate"},
        {"08:00,1M 08:00,2M", "'08:00,2M' is for a time that another entry is for"},
        {"08:00,1M Mon-08:00,2M", "'Mon-08:00,2M' is for a time that another entry is for"},
        {"Mon-08:00,2M 08:00,1M", "another entry"},
        {"08:00,1\xff", "is no rate"},
    };
    static bsi_timetable table;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        print_message("# %s\n", cases[i].text);
        table = (bsi_timetable){.count = 1, .entries[0].rate = 77};
        assert_status(bsi_timetable_parse(cases[i].text, &table), BS_E_INVALID);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
        assert_non_null(strstr(bs_error_last()->message, cases[i].said));
        assert_int_equal(table.count, 1);
        assert_int_equal(table.entries[0].rate, 77);
    }
}

static void an_entry_counts_until_the_next(void **state)
{
    static const char text[] = "08:00,512k 19:00,10M 23:00,off";

    (void)state;
    for (int day = 0; day < 8; day++) {
        const int64_t midnight = SUNDAY + (int64_t)day * DAY;
        assert_true(rate_of(text, midnight) == 0);
        assert_true(rate_of(text, midnight + 8 * HOUR - 1) == 0);
        assert_true(rate_of(text, midnight + 8 * HOUR) == 512 * KI);
        assert_true(rate_of(text, midnight + 19 * HOUR - 1) == 512 * KI);
        assert_true(rate_of(text, midnight + 19 * HOUR) == 10 * MI);
        assert_true(rate_of(text, midnight + 23 * HOUR) == 0);
    }
}

static void entries_may_stand_in_any_order(void **state)
{
    (void)state;
    assert_true(rate_of("23:00,off 08:00,512k 19:00,10M", SUNDAY + 9 * HOUR) == 512 * KI);
    assert_true(rate_of("Fri-19:00,3M   sun-08:00,1M MON-12:30,2M ", SUNDAY + 9 * HOUR) == MI);
}

static void days_of_the_week_have_their_own(void **state)
{
    static const char text[] = "Mon-00:00,1M Fri-23:59,10M Sat-10:00,2M Sun-20:00,off";

    (void)state;
    assert_true(rate_of(text, SUNDAY) == 2 * MI); /* Since Saturday. */
    assert_true(rate_of(text, SUNDAY + 20 * HOUR) == 0);
    assert_true(rate_of(text, SUNDAY + DAY) == MI);
    assert_true(rate_of(text, SUNDAY + 6 * DAY - 61) == MI);
    assert_true(rate_of(text, SUNDAY + 6 * DAY - 60) == 10 * MI);
    assert_true(rate_of(text, SUNDAY + 6 * DAY + 10 * HOUR) == 2 * MI);
}

static void times_are_those_of_the_zone(void **state)
{
    static const char rule[] = "CET-1CEST,M3.5.0,M10.5.0/3";
    static const char text[] = "08:00,1M 20:00,2M";
    static bsi_timetable table;
    bsi_timezone *zone = NULL;

    (void)state;
    assert_ok(bsi_timezone_from_rule(rule, strlen(rule), &zone));
    assert_ok(bsi_timetable_parse(text, &table));
    assert_true(bsi_timetable_rate(&table, zone, SUNDAY + 7 * HOUR) == MI);
    assert_true(bsi_timetable_rate(&table, zone, SUNDAY + 7 * HOUR - 1) == 2 * MI);
    assert_true(bsi_timetable_rate(&table, zone, SUNDAY + 19 * HOUR) == 2 * MI);
    bsi_timezone_free(zone);
}

static void no_time_is_out_of_reach(void **state)
{
    static const int64_t instants[] = {INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(instants); i++) {
        const uint64_t rate = rate_of("00:00,1M 12:00,2M", instants[i]);
        assert_true(rate == MI || rate == 2 * MI);
    }
}

static void a_table_without_entries_limits_nothing(void **state)
{
    static const bsi_timetable none = {0};

    (void)state;
    assert_true(bsi_timetable_rate(&none, bsi_timezone_utc(), SUNDAY) == 0);
}

/* `count` entries, each a minute behind the one before. */
static char *table_text(size_t count, const char *day)
{
    const size_t room = count * 20 + 1;
    char *text = calloc(1, room);
    size_t used = 0;

    assert_non_null(text);
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, room - used, "%s%02zu:%02zu,1M ", day, i / 60 % 24,
                                 i % 60);
    }
    return text;
}

static void more_entries_than_the_limit_are_refused(void **state)
{
    static bsi_timetable table;
    char *most = table_text(BSI_TIMETABLE_ENTRIES_MAX, "Mon-");
    char *more = table_text(BSI_TIMETABLE_ENTRIES_MAX + 1, "Mon-");
    char *longer = table_text(BSI_TIMETABLE_TEXT_MAX / 8, "");

    (void)state;
    assert_ok(bsi_timetable_parse(most, &table));
    assert_int_equal(table.count, BSI_TIMETABLE_ENTRIES_MAX);
    assert_status(bsi_timetable_parse(more, &table), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "too many"));
    assert_status(bsi_timetable_parse(longer, &table), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "bytes"));
    free(most);
    free(more);
    free(longer);
}

/* --- Made texts --- */

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Whatever parses holds what the header says. */
static void check_table(const bsi_timetable *table)
{
    assert_true(table->count >= 1 && table->count <= BSI_TIMETABLE_ENTRIES_MAX);
    for (size_t i = 0; i < table->count; i++) {
        const bsi_timetable_entry *one = &table->entries[i];
        assert_true(one->minute < 7 * 24 * 60);
        assert_true(i == 0 || table->entries[i - 1].minute < one->minute);
        assert_true(one->rate == 0 || (one->rate >= BSI_RATE_MIN && one->rate <= BSI_RATE_MAX));
    }
    (void)bsi_timetable_rate(table, bsi_timezone_utc(), SUNDAY);
}

/* Pieces of good texts in any order, with bytes changed: it is refused or holds what it should. */
static void any_text_is_taken_or_refused(void **state)
{
    static const char *const pieces[] = {
        "08:00",  ",",    "512k", " ",   "off", "Mon-", "Sat-", "23:59", "10M", "1.5", "G",
        "999999", "9999", "T",    "0.0", ".",   ":",    "-",    "\xff",  "00:", "00",  "B",
    };
    static bsi_timetable table;
    uint32_t seed = 1;
    int taken = 0;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[128] = "";
        const uint32_t count = next(&seed) % 9;
        for (uint32_t j = 0; j < count; j++) {
            strncat(text, pieces[next(&seed) % BSI_ARRAY_SIZE(pieces)],
                    sizeof(text) - strlen(text) - 1);
        }
        if (text[0] && next(&seed) % 4 == 0) {
            text[next(&seed) % strlen(text)] = (char)(1 + next(&seed) % 255);
        }
        if (bsi_timetable_parse(text, &table) == BS_OK) {
            check_table(&table);
            taken++;
        }
    }
    assert_true(taken > 1000);
}

/* Each byte of a good timetable, changed into any other. */
static void a_changed_byte_is_taken_or_refused(void **state)
{
    static const char good[] = "Mon-08:00,512k 19:00,1.5M Fri-23:59,off";
    static bsi_timetable table;

    (void)state;
    for (size_t at = 0; at + 1 < sizeof(good); at++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof(good)];
            memcpy(text, good, sizeof(good));
            text[at] = (char)byte;
            if (bsi_timetable_parse(text, &table) == BS_OK) {
                check_table(&table);
            }
        }
    }
}

static void without_memory_nothing_changes(void **state)
{
    static bsi_timetable table;

    (void)state;
    table = (bsi_timetable){.count = 0};
    bsi_alloc_fail_after(0);
    assert_status(bsi_timetable_parse("10M", &table), BS_E_NOMEM);
    bsi_alloc_fail_after(-1);
    assert_int_equal(table.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_alone_counts_always),
        cmocka_unit_test(what_is_wrong_is_shown_and_changes_nothing),
        cmocka_unit_test(an_entry_counts_until_the_next),
        cmocka_unit_test(entries_may_stand_in_any_order),
        cmocka_unit_test(days_of_the_week_have_their_own),
        cmocka_unit_test(times_are_those_of_the_zone),
        cmocka_unit_test(no_time_is_out_of_reach),
        cmocka_unit_test(a_table_without_entries_limits_nothing),
        cmocka_unit_test(more_entries_than_the_limit_are_refused),
        cmocka_unit_test(any_text_is_taken_or_refused),
        cmocka_unit_test(a_changed_byte_is_taken_or_refused),
        cmocka_unit_test(without_memory_nothing_changes),
    };

    return cmocka_run_group_tests_name("policy/timetable", tests, NULL, NULL);
}
