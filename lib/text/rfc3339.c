/* SPDX-License-Identifier: MIT */
/*
 * The calendar, by arithmetic of our own: the C library's depends on the
 * program's time zone and environment.
 *
 * Years are counted from 1 March, so that the leap day is a year's last, and in
 * cycles of 400 years, after which the Gregorian calendar repeats.
 */
#include "text/rfc3339.h"

#include <stdio.h>

enum {
    DAYS_PER_CYCLE = 146097,    /* 400 years. */
    DAYS_BEFORE_EPOCH = 719468, /* 0000-03-01 to 1970-01-01. */
    DAYS_MIN = -719528,         /* 0000-01-01 */
    DAYS_MAX = 2932896,         /* 9999-12-31 */
    SECONDS_PER_DAY = 86400,
    FRACTION_DIGITS = 9,
    SHOWN_SIZE = 48,
};

int64_t bsi_days_from_civil(int32_t year, int32_t month, int32_t day)
{
    const int64_t march_year = month > 2 ? year : (int64_t)year - 1;
    const int64_t cycle = (march_year >= 0 ? march_year : march_year - 399) / 400;
    const int64_t year_of_cycle = march_year - cycle * 400;
    const int64_t march_month = month > 2 ? month - 3 : month + 9;
    /* Months of 31, 30, 31, 30, 31 days follow one another from March on: 153 days. */
    const int64_t day_of_year = (153 * march_month + 2) / 5 + day - 1;

    return cycle * DAYS_PER_CYCLE + year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 +
           day_of_year - DAYS_BEFORE_EPOCH;
}

/* Year, month and day of `days` since 1970-01-01, from year 0 on. */
static void date_from_days(int64_t days, bsi_civil *out)
{
    const int64_t shifted = days + DAYS_BEFORE_EPOCH + DAYS_PER_CYCLE; /* Never negative. */
    const int64_t day_of_cycle = shifted % DAYS_PER_CYCLE;
    const int64_t year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524 -
                                   day_of_cycle / (DAYS_PER_CYCLE - 1)) /
                                  365;
    const int64_t day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    const int64_t march_month = (5 * day_of_year + 2) / 153;
    const int64_t march_year = (shifted / DAYS_PER_CYCLE - 1) * 400 + year_of_cycle;

    out->day = (int32_t)(day_of_year - (153 * march_month + 2) / 5 + 1);
    out->month = (int32_t)(march_month < 10 ? march_month + 3 : march_month - 9);
    out->year = (int32_t)(out->month > 2 ? march_year : march_year + 1);
}

bs_status bsi_civil_from_time(int64_t sec, bsi_civil *out)
{
    int64_t days = sec / SECONDS_PER_DAY;
    int32_t rest = (int32_t)(sec % SECONDS_PER_DAY);

    if (rest < 0) {
        rest += SECONDS_PER_DAY;
        days--;
    }
    if (days < DAYS_MIN || days > DAYS_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_RANGE, "a time outside of the years 0000 to 9999");
    }
    date_from_days(days, out);
    out->hour = rest / 3600;
    out->minute = rest / 60 % 60;
    out->second = rest % 60;
    out->weekday = (int32_t)((days - DAYS_MIN + 6) % 7); /* 0000-01-01 was a Saturday. */
    return BS_OK;
}

bs_status bsi_rfc3339_format(int64_t sec, int32_t nsec, bool fraction, char out[BSI_RFC3339_SIZE])
{
    bsi_civil civil = {0};
    int length = 0;

    BSI_ASSERT(nsec >= 0 && nsec < 1000000000);
    out[0] = '\0';
    BSI_TRY(bsi_civil_from_time(sec, &civil));
    length = snprintf(out, BSI_RFC3339_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", civil.year,
                      civil.month, civil.day, civil.hour, civil.minute, civil.second);
    if (fraction) {
        length += snprintf(out + length, (size_t)(BSI_RFC3339_SIZE - length), ".%09d", nsec);
    }
    out[length] = 'Z';
    out[length + 1] = '\0';
    return BS_OK;
}

/* A text that is being taken apart; `failed` once something else stood there. */
typedef struct cursor {
    const char *at;
    const char *end;
    bool failed;
} cursor;

static bool next_is(const cursor *in, char c)
{
    return in->at < in->end && *in->at == c;
}

static void take(cursor *in, char c)
{
    if (next_is(in, c)) {
        in->at++;
    } else {
        in->failed = true;
    }
}

/* A number of exactly so many digits. */
static int32_t take_digits(cursor *in, int count)
{
    int32_t value = 0;

    for (int i = 0; i < count; i++) {
        if (in->at == in->end || *in->at < '0' || *in->at > '9') {
            in->failed = true;
            return 0;
        }
        value = value * 10 + (*in->at++ - '0');
    }
    return value;
}

/* Up to nine digits, as nanoseconds. */
static int32_t take_fraction(cursor *in)
{
    int32_t value = take_digits(in, 1);

    for (int i = 1; i < FRACTION_DIGITS; i++) {
        const bool more = in->at < in->end && *in->at >= '0' && *in->at <= '9';
        value = value * 10 + (more ? *in->at++ - '0' : 0);
    }
    return value;
}

/* "Z" or "+hh:mm", as seconds east of UTC. */
static int32_t take_offset(cursor *in)
{
    const bool west = next_is(in, '-');
    int32_t hours = 0;
    int32_t minutes = 0;

    if (next_is(in, 'Z')) {
        in->at++;
        return 0;
    }
    take(in, west ? '-' : '+');
    hours = take_digits(in, 2);
    take(in, ':');
    minutes = take_digits(in, 2);
    if (hours > 23 || minutes > 59) {
        in->failed = true;
    }
    return (west ? -1 : 1) * (hours * 3600 + minutes * 60);
}

static int32_t days_in_month(int32_t year, int32_t month)
{
    const int32_t next_year = month == 12 ? year + 1 : year;
    const int32_t next_month = month == 12 ? 1 : month + 1;

    return (int32_t)(bsi_days_from_civil(next_year, next_month, 1) -
                     bsi_days_from_civil(year, month, 1));
}

static bsi_civil take_date_and_time(cursor *in)
{
    bsi_civil civil = {0};

    civil.year = take_digits(in, 4);
    take(in, '-');
    civil.month = take_digits(in, 2);
    take(in, '-');
    civil.day = take_digits(in, 2);
    take(in, 'T');
    civil.hour = take_digits(in, 2);
    take(in, ':');
    civil.minute = take_digits(in, 2);
    take(in, ':');
    civil.second = take_digits(in, 2);
    return civil;
}

static bool civil_exists(const bsi_civil *civil)
{
    return civil->month >= 1 && civil->month <= 12 && civil->day >= 1 &&
           civil->day <= days_in_month(civil->year, civil->month) && civil->hour <= 23 &&
           civil->minute <= 59 && civil->second <= 59;
}

bs_status bsi_rfc3339_parse(const char *text, size_t size, int64_t *sec_out, int32_t *nsec_out)
{
    cursor in = {text, text + size, false};
    const bsi_civil civil = take_date_and_time(&in);
    int32_t nsec = 0;
    int32_t offset = 0;
    int64_t day = 0;
    char shown[SHOWN_SIZE];

    if (nsec_out && next_is(&in, '.')) {
        in.at++;
        nsec = take_fraction(&in);
    }
    offset = take_offset(&in);
    if (in.failed || in.at != in.end || !civil_exists(&civil)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "'%s' is not a time of RFC 3339",
                        bsi_printable(text, size, shown, sizeof(shown)));
    }
    day = bsi_days_from_civil(civil.year, civil.month, civil.day);
    *sec_out =
        day * SECONDS_PER_DAY + civil.hour * 3600 + civil.minute * 60 + civil.second - offset;
    if (nsec_out) {
        *nsec_out = nsec;
    }
    return BS_OK;
}
