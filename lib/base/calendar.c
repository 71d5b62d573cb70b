/* SPDX-License-Identifier: MIT */
/*
 * The calendar, by arithmetic of our own: the C library's depends on the
 * program's time zone and environment.
 *
 * Years are counted from 1 March, so that the leap day is a year's last, and in
 * cycles of 400 years, after which the Gregorian calendar repeats.
 */
#include "base/calendar.h"

enum {
    DAYS_PER_CYCLE = 146097,    /* 400 years. */
    DAYS_BEFORE_EPOCH = 719468, /* 0000-03-01 to 1970-01-01. */
    DAYS_MIN = -719528,         /* 0000-01-01 */
    DAYS_MAX = 2932896,         /* 9999-12-31 */
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

int32_t bsi_days_in_month(int32_t year, int32_t month)
{
    const int32_t next_year = month == 12 ? year + 1 : year;
    const int32_t next_month = month == 12 ? 1 : month + 1;

    return (int32_t)(bsi_days_from_civil(next_year, next_month, 1) -
                     bsi_days_from_civil(year, month, 1));
}

int32_t bsi_weekday_from_days(int64_t days)
{
    /* 0000-01-01 was a Saturday; a cycle has whole weeks. */
    return (int32_t)((days - DAYS_MIN + DAYS_PER_CYCLE + 6) % 7);
}

int64_t bsi_time_from_civil(const bsi_civil *civil)
{
    return bsi_days_from_civil(civil->year, civil->month, civil->day) * BSI_SECONDS_PER_DAY +
           civil->hour * 3600 + civil->minute * 60 + civil->second;
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
    int64_t days = sec / BSI_SECONDS_PER_DAY;
    int32_t rest = (int32_t)(sec % BSI_SECONDS_PER_DAY);

    if (rest < 0) {
        rest += BSI_SECONDS_PER_DAY;
        days--;
    }
    if (days < DAYS_MIN || days > DAYS_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_RANGE, "a time outside of the years 0000 to 9999");
    }
    date_from_days(days, out);
    out->hour = rest / 3600;
    out->minute = rest / 60 % 60;
    out->second = rest % 60;
    out->weekday = bsi_weekday_from_days(days);
    return BS_OK;
}
