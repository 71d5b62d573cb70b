/* SPDX-License-Identifier: MIT */
#ifndef BSI_BASE_CALENDAR_H
#define BSI_BASE_CALENDAR_H

#include <stdint.h>

#include "base/error.h"

/*
 * The Gregorian calendar, carried backwards, years 0000 to 9999. No leap
 * seconds: a day has 86 400. Seconds count from 1970-01-01T00:00:00.
 */

enum { BSI_SECONDS_PER_DAY = 86400 };

/* The first and the last second that bsi_civil_from_time() takes apart. */
#define BSI_CIVIL_TIME_MIN INT64_C(-62167219200)
#define BSI_CIVIL_TIME_MAX INT64_C(253402300799)

/* A second, taken apart. */
typedef struct bsi_civil {
    int32_t year;
    int32_t month;   /* 1 to 12. */
    int32_t day;     /* 1 to 31. */
    int32_t hour;    /* 0 to 23. */
    int32_t minute;  /* 0 to 59. */
    int32_t second;  /* 0 to 59. */
    int32_t weekday; /* 0 is Sunday. */
} bsi_civil;

/* Days since 1970-01-01 of a date. The day may lie outside of its month and is carried over. */
int64_t bsi_days_from_civil(int32_t year, int32_t month, int32_t day);

/* 28 to 31. */
int32_t bsi_days_in_month(int32_t year, int32_t month);

/* 0 is Sunday. `days` since 1970-01-01, from year -400 on. */
int32_t bsi_weekday_from_days(int64_t days);

/* The reverse of bsi_civil_from_time(); the weekday is not looked at. */
int64_t bsi_time_from_civil(const bsi_civil *civil);

/* BS_E_RANGE outside of the years 0000 to 9999. */
BS_NODISCARD bs_status bsi_civil_from_time(int64_t sec, bsi_civil *out);

#endif
