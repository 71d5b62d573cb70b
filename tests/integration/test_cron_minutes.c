/* SPDX-License-Identifier: MIT */
/*
 * When schedules are due, against a reference that walks through the years
 * minute by minute, by the clocks of the C library.
 *
 * The reference makes each schedule's text and its tables together and so needs
 * no parser. Two years of each zone are walked, ten with BSI_TESTS_FULL=1.
 */
#include "support/test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/zones.h"
#include "policy/cron.h"

enum {
    PLANS = 16,
    YEARS_SHORT = 2,
    YEARS_FULL = 10,
    ASK_EVERY = 1499, /* Minutes between questions out of turn. */
};

/* From these years on there is something to see. */
static const struct {
    const char *name;
    int year;
} zones[] = {
    {"UTC", 2027},
    {"Africa/Cairo", 2023},
    {"Africa/Casablanca", 2024}, /* Back an hour for Ramadan, until 2087. */
    {"America/Asuncion", 2023},  /* No more changes from 2024 on. */
    {"America/Caracas", 2007},   /* Half an hour, for good. */
    {"America/Havana", 2024},    /* At midnight. */
    {"America/Los_Angeles", 2024},
    {"America/New_York", 2040}, /* By the rule at the end of the file. */
    {"America/Nuuk", 2022},     /* On the evening before. */
    {"America/Santiago", 2022},
    {"America/Sao_Paulo", 2017}, /* Midnight does not exist. */
    {"America/St_Johns", 2010},  /* At one minute past midnight. */
    {"Antarctica/Casey", 2018},  /* Back and forth by three hours. */
    {"Antarctica/Troll", 2024},  /* Two hours. */
    {"Asia/Amman", 2021},
    {"Asia/Beirut", 2022},
    {"Asia/Gaza", 2044},      /* Several changes a year. */
    {"Asia/Kathmandu", 1985}, /* A quarter of an hour, for good. */
    {"Asia/Pyongyang", 2015},
    {"Asia/Tehran", 2020},
    {"Asia/Tokyo", 2024},
    {"Australia/Lord_Howe", 2024}, /* Half an hour. */
    {"Australia/Sydney", 2036},
    {"Europe/Berlin", 2024},
    {"Europe/Dublin", 2024}, /* Winter is the exception. */
    {"Europe/Istanbul", 2015},
    {"Europe/London", 1980},
    {"Europe/Moscow", 2010},
    {"Pacific/Apia", 2011}, /* 30 December 2011 does not exist. */
    {"Pacific/Chatham", 2024},
    {"Pacific/Kiritimati", 1994}, /* 31 December 1994 does not exist. */
    {"Pacific/Kwajalein", 1993},  /* 21 August 1993 does not exist. */
    {"Pacific/Norfolk", 2015},
};

/* A schedule, as a text and as what the text means. */
typedef struct plan {
    char text[BSI_CRON_TEXT_MAX];
    bool minute[60];
    bool hour[24];
    bool day[32];
    bool month[13];
    bool weekday[8];
    bool star_hour;
    bool star_day;
    bool star_weekday;
    bsi_cron cron;
    int64_t next; /* When the library holds it to be due. */
    int64_t last; /* When it was due; 0 before the first time. */
} plan;

static uint64_t random_state;

/* A number from 0 to `below` - 1. */
static int chance(int below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (int)((random_state >> 33) % (unsigned)below);
}

/* --- Making plans --- */

static void write_text(plan *out, const char *format, ...) BSI_PRINTF(2, 3);

static void write_text(plan *out, const char *format, ...)
{
    const size_t used = strlen(out->text);
    va_list arguments;

    va_start(arguments, format);
    assert_in_range(vsnprintf(out->text + used, sizeof(out->text) - used, format, arguments), 0,
                    (int)(sizeof(out->text) - used) - 1);
    va_end(arguments);
}

static void mark(bool *values, int from, int to, int step)
{
    for (int value = from; value <= to; value += step) {
        values[value] = true;
    }
}

/* Two values, a range, or, `stars` times in 20, "*" with or without a step. True: it has a "*". */
static bool make_field(plan *out, bool *values, int low, int high, int stars)
{
    const int shape = chance(20) - stars;
    const int a = low + chance(high - low + 1);
    const int b = a + chance(high - a + 1);
    const int step = 1 + chance(high / 2);

    if (shape < -stars / 2) {
        write_text(out, "* ");
        mark(values, low, high, 1);
        return true;
    }
    if (shape < 0) {
        write_text(out, "*/%d ", step);
        mark(values, low, high, step);
        return true;
    }
    if (shape < 4) {
        write_text(out, "%d-%d/%d ", a, b, step);
        mark(values, a, b, step);
        return false;
    }
    write_text(out, "%d,%d ", a, b);
    values[a] = true;
    values[b] = true;
    return false;
}

/* One or two hours of the night, in which clocks are changed. */
static void make_night_hours(plan *out)
{
    const int first = chance(4);
    const int second = chance(3) == 0 ? 23 : chance(4);

    write_text(out, "%d,%d ", first, second);
    out->hour[first] = true;
    out->hour[second] = true;
}

/* False when the days do not exist. */
static bool make_plan(plan *out)
{
    *out = (plan){.next = 0};
    (void)make_field(out, out->minute, 0, 59, 3);
    if (chance(2) == 0) {
        make_night_hours(out);
    } else {
        out->star_hour = make_field(out, out->hour, 0, 23, 10);
    }
    if (chance(2) == 0) { /* Each day. */
        write_text(out, "* * *");
        mark(out->day, 1, 31, 1);
        mark(out->month, 1, 12, 1);
        mark(out->weekday, 0, 7, 1);
        out->star_day = true;
        out->star_weekday = true;
    } else {
        out->star_day = make_field(out, out->day, 1, 31, 10);
        (void)make_field(out, out->month, 1, 12, 10);
        out->star_weekday = make_field(out, out->weekday, 0, 7, 10);
    }
    out->weekday[0] = out->weekday[0] || out->weekday[7];
    return bsi_cron_parse(out->text, strlen(out->text), &out->cron) == BS_OK;
}

static void make_plans(plan *plans)
{
    for (int i = 0; i < PLANS;) {
        i += make_plan(&plans[i]) ? 1 : 0;
    }
}

/* --- The reference --- */

/* `local` in minutes since 1970, as clocks show them. */
static bool matches(const plan *it, int64_t local)
{
    const time_t seconds = (time_t)(local * 60);
    struct tm shown;
    bool by_day = false;
    bool by_weekday = false;

    if (!it->minute[local % 60] || !it->hour[local / 60 % 24]) {
        return false;
    }
    assert_non_null(gmtime_r(&seconds, &shown));
    by_day = it->day[shown.tm_mday];
    by_weekday = it->weekday[shown.tm_wday];
    if (!it->month[shown.tm_mon + 1]) {
        return false;
    }
    return it->star_day || it->star_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/*
 * Whether it is due in the minute in which clocks show `local`, `latest` being
 * the latest that they have shown before.
 */
static bool is_due(const plan *it, int64_t local, int64_t latest)
{
    if (it->star_hour) {
        return matches(it, local);
    }
    for (int64_t passed = latest + 1; passed <= local; passed++) {
        if (matches(it, passed)) {
            return true;
        }
    }
    return false;
}

/* --- The walk --- */

static int64_t next_due(const plan *it, const bsi_timezone *zone, int64_t after)
{
    int64_t found = 0;

    if (bsi_cron_next(&it->cron, zone, after, &found) < 0) {
        fail_msg("'%s' after %lld: %s", it->text, (long long)after, bs_error_last()->message);
    }
    return found;
}

static void check_minute(plan *it, const bsi_timezone *zone, int64_t now, bool due)
{
    if (due != (it->next == now)) {
        fail_msg("'%s' is %sdue at %lld; the library says %lld", it->text, due ? "" : "not ",
                 (long long)now, (long long)it->next);
    }
    if (due) {
        it->last = now;
        it->next = next_due(it, zone, now);
    }
}

/* The same answers come when somebody asks in between. */
static void ask_out_of_turn(const plan *it, const bsi_timezone *zone, int64_t now)
{
    const int64_t second = now + chance(60);
    int64_t found = 0;

    assert_int_equal(next_due(it, zone, second), it->next);
    if (it->last != 0) {
        assert_ok(bsi_cron_previous(&it->cron, zone, second + 1, &found));
        assert_int_equal(found, it->last);
    }
}

/* What the C library's clocks show, in minutes. */
static int64_t shown_minute(int64_t now)
{
    const time_t seconds = (time_t)now;
    struct tm shown;

    assert_non_null(localtime_r(&seconds, &shown));
    assert_int_equal((now + shown.tm_gmtoff) % 60, 0);
    return (now + shown.tm_gmtoff) / 60;
}

static int64_t walk(const char *name, int year, int years)
{
    const int64_t begin = bsi_days_from_civil(year, 1, 1) * BSI_SECONDS_PER_DAY;
    const int64_t end = bsi_days_from_civil(year + years, 1, 1) * BSI_SECONDS_PER_DAY;
    static plan plans[PLANS];
    bsi_timezone *zone = NULL;
    int64_t latest = 0;
    int64_t runs = 0;

    assert_ok(bsi_zone_load(BSI_ZONES_FOLDER, name, &zone));
    assert_int_equal(setenv("TZ", name, 1), 0);
    tzset();
    latest = shown_minute(begin) - 1;
    make_plans(plans);
    for (int i = 0; i < PLANS; i++) {
        plans[i].next = next_due(&plans[i], zone, begin - 1);
    }
    for (int64_t now = begin; now < end; now += 60) {
        const int64_t local = shown_minute(now);
        for (int i = 0; i < PLANS; i++) {
            const bool due = is_due(&plans[i], local, latest);
            check_minute(&plans[i], zone, now, due);
            runs += due ? 1 : 0;
        }
        if (now / 60 % ASK_EVERY == 0) {
            ask_out_of_turn(&plans[chance(PLANS)], zone, now);
        }
        latest = local > latest ? local : latest;
    }
    bsi_timezone_free(zone);
    return runs;
}

static void schedules_are_due_as_a_walk_through_each_minute_says(void **state)
{
    const char *seed = getenv("BSI_TESTS_SEED");
    const int years = getenv("BSI_TESTS_FULL") ? YEARS_FULL : YEARS_SHORT;

    (void)state;
    random_state = seed ? strtoull(seed, NULL, 10) : 20261123;
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        const int64_t runs = walk(zones[i].name, zones[i].year, years);
        print_message("# %s: %d schedules, %d years, %lld runs\n", zones[i].name, PLANS, years,
                      (long long)runs);
        assert_true(runs > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_are_due_as_a_walk_through_each_minute_says),
    };

    return cmocka_run_group_tests_name("policy/cron, minute by minute", tests, NULL, NULL);
}
