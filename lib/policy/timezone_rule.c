/* SPDX-License-Identifier: MIT */
/*
 * Rules of POSIX's TZ variable (XBD 8.3, and RFC 8536, 3.3.1), such as
 * "CET-1CEST,M3.5.0,M10.5.0/3": how the clocks go in years to come.
 */
#include <string.h>

#include "base/ascii.h"
#include "policy/timezone_int.h"

enum {
    HOUR = 3600,
    RULE_NAME_MIN = 3,
    RULE_OFFSET_HOURS = 24,
    RULE_TIME_HOURS = 167, /* A week but one hour. */
    RULE_TIME_DEFAULT = 2 * HOUR,
    RULE_TEXT_MAX = 256,
    /* A time may lie a week outside of its day, and so both changes of a year outside of it. */
    RULE_YEARS_AROUND = 2,
    RULE_CHANGES_MAX = 2 * (2 * RULE_YEARS_AROUND + 1),
};

/* --- Reading --- */

/* A text that is being taken apart; `failed` once something else stood there. */
typedef struct rule_text {
    const char *at;
    const char *end;
    bool failed;
} rule_text;

static bool take_if(rule_text *in, char byte)
{
    const bool there = in->at < in->end && *in->at == byte;

    if (there) {
        in->at++;
    }
    return there;
}

static void take(rule_text *in, char byte)
{
    if (!take_if(in, byte)) {
        in->failed = true;
    }
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* A number of one to three digits, from `low` to `high`. */
static int32_t take_number(rule_text *in, int32_t low, int32_t high)
{
    int32_t value = 0;
    int digits = 0;

    while (digits < 3 && in->at < in->end && bsi_is_digit(*in->at)) {
        value = value * 10 + (*in->at++ - '0');
        digits++;
    }
    if (digits == 0 || value < low || value > high) {
        in->failed = true;
    }
    return value;
}

/* Three or more letters; in angle brackets also digits and signs. */
static void take_name(rule_text *in)
{
    const bool quoted = take_if(in, '<');
    const char *begin = in->at;

    while (in->at < in->end &&
           (is_letter(*in->at) ||
            (quoted && (bsi_is_digit(*in->at) || *in->at == '+' || *in->at == '-')))) {
        in->at++;
    }
    if (in->at - begin < RULE_NAME_MIN) {
        in->failed = true;
    }
    if (quoted) {
        take(in, '>');
    }
}

/* [+-]hh[:mm[:ss]] in seconds. */
static int32_t take_time(rule_text *in, int32_t hours_max)
{
    const bool negative = take_if(in, '-');
    int32_t seconds = 0;

    if (!negative) {
        (void)take_if(in, '+');
    }
    seconds = take_number(in, 0, hours_max) * HOUR;
    if (take_if(in, ':')) {
        seconds += take_number(in, 0, 59) * 60;
        if (take_if(in, ':')) {
            seconds += take_number(in, 0, 59);
        }
    }
    return negative ? -seconds : seconds;
}

static bsi_rule_date take_date(rule_text *in)
{
    bsi_rule_date date = {.form = BSI_RULE_ORDINAL, .time = RULE_TIME_DEFAULT};

    take(in, ',');
    if (take_if(in, 'J')) {
        date.form = BSI_RULE_JULIAN;
        date.day = take_number(in, 1, 365);
    } else if (take_if(in, 'M')) {
        date.form = BSI_RULE_WEEKDAY;
        date.month = take_number(in, 1, 12);
        take(in, '.');
        date.week = take_number(in, 1, 5);
        take(in, '.');
        date.day = take_number(in, 0, 6);
    } else {
        date.day = take_number(in, 0, 365);
    }
    if (take_if(in, '/')) {
        date.time = take_time(in, RULE_TIME_HOURS);
    }
    return date;
}

bool bsi_rule_parse(const char *text, size_t size, bsi_rule *out)
{
    rule_text in = {text, text + size, size > RULE_TEXT_MAX};
    bsi_rule rule = {0};

    take_name(&in);
    rule.standard = -take_time(&in, RULE_OFFSET_HOURS); /* POSIX counts west of UTC. */
    if (!in.failed && in.at < in.end) {
        rule.has_daylight = true;
        rule.daylight = rule.standard + HOUR;
        take_name(&in);
        if (in.at < in.end && *in.at != ',') {
            rule.daylight = -take_time(&in, RULE_OFFSET_HOURS);
        }
        rule.start = take_date(&in);
        rule.end = take_date(&in);
    }
    if (in.failed || in.at != in.end) {
        return false;
    }
    *out = rule;
    return true;
}

/* --- Using --- */

/* Days since 1970-01-01 of the rule's day in a year. */
static int64_t date_day(const bsi_rule_date *date, int32_t year)
{
    const int64_t january = bsi_days_from_civil(year, 1, 1);
    int64_t day = 0;

    if (date->form == BSI_RULE_ORDINAL) {
        return january + date->day;
    }
    if (date->form == BSI_RULE_JULIAN) {
        const bool behind = date->day >= 60 && bsi_days_in_month(year, 2) == 29;
        return january + date->day - 1 + (behind ? 1 : 0);
    }
    day = bsi_days_from_civil(year, date->month, 1);
    day += (date->day - bsi_weekday_from_days(day) + 7) % 7 + (int64_t)(date->week - 1) * 7;
    if (day >= bsi_days_from_civil(year, date->month, 1) + bsi_days_in_month(year, date->month)) {
        day -= 7; /* There is no fifth one. */
    }
    return day;
}

/* Put a change where it belongs by time, behind those of the same time. */
static void insert(bsi_transition *changes, size_t count, bsi_transition change)
{
    while (count > 0 && changes[count - 1].sec > change.sec) {
        changes[count] = changes[count - 1];
        count--;
    }
    changes[count] = change;
}

/* The changes of the years around `sec`, in their order. */
static size_t changes_around(const bsi_rule *rule, int64_t sec, bsi_transition *changes)
{
    const int64_t at_least = sec > BSI_CIVIL_TIME_MIN ? sec : BSI_CIVIL_TIME_MIN;
    const int64_t within = at_least < BSI_CIVIL_TIME_MAX ? at_least : BSI_CIVIL_TIME_MAX;
    bsi_civil civil;
    size_t count = 0;

    if (bsi_civil_from_time(within, &civil) < 0) {
        return 0;
    }
    for (int32_t year = civil.year - RULE_YEARS_AROUND; year <= civil.year + RULE_YEARS_AROUND;
         year++) {
        const int64_t start =
            date_day(&rule->start, year) * BSI_SECONDS_PER_DAY + rule->start.time - rule->standard;
        const int64_t end =
            date_day(&rule->end, year) * BSI_SECONDS_PER_DAY + rule->end.time - rule->daylight;
        insert(changes, count++, (bsi_transition){start, rule->daylight});
        insert(changes, count++, (bsi_transition){end, rule->standard});
    }
    return count;
}

bsi_timezone_span bsi_rule_span_at(const bsi_rule *rule, int64_t sec)
{
    bsi_timezone_span span = {INT64_MIN, INT64_MAX, rule->standard};
    bsi_transition changes[RULE_CHANGES_MAX];
    size_t count = 0;

    if (!rule->has_daylight) {
        return span;
    }
    count = changes_around(rule, sec, changes);
    for (size_t i = 0; i < count; i++) {
        if (changes[i].sec > sec) {
            span.end = changes[i].sec;
            break;
        }
        span.begin = changes[i].sec;
        span.offset = changes[i].offset;
    }
    return span;
}
