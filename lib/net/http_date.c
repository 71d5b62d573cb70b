/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing HTTP's dates.
 *
 * A date is read by taking it apart at its fixed places and writing it again:
 * only what comes out the same was one.
 */
#include "net/http_date.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/calendar.h"

static const char weekdays[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

bs_status bsi_http_date_format(int64_t sec, char out[BSI_HTTP_DATE_SIZE])
{
    bsi_civil civil = {.month = 1};

    BSI_TRY(bsi_civil_from_time(sec, &civil));
    (void)snprintf(out, BSI_HTTP_DATE_SIZE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
                   weekdays + 3 * civil.weekday, (unsigned)civil.day % 100,
                   months + 3 * (civil.month - 1), (unsigned)civil.year % 10000,
                   (unsigned)civil.hour % 100, (unsigned)civil.minute % 100,
                   (unsigned)civil.second % 100);
    return BS_OK;
}

/* The number of so many digits; -1: there is something else. */
static int32_t number_at(const char *text, size_t digits)
{
    int32_t value = 0;

    for (size_t i = 0; i < digits; i++) {
        if (!bsi_is_digit(text[i])) {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* 1 to 12; 0: none has that name. */
static int32_t month_at(const char *text)
{
    for (int32_t month = 1; month <= 12; month++) {
        if (memcmp(text, months + (ptrdiff_t)3 * (month - 1), 3) == 0) {
            return month;
        }
    }
    return 0;
}

bool bsi_http_date_parse(bsi_slice text, int64_t *sec_out)
{
    char again[BSI_HTTP_DATE_SIZE];
    bsi_civil civil = {.month = 0};
    int64_t sec = 0;

    if (text.size != BSI_HTTP_DATE_SIZE - 1) {
        return false;
    }
    civil.day = number_at(text.data + 5, 2);
    civil.month = month_at(text.data + 8);
    civil.year = number_at(text.data + 12, 4);
    civil.hour = number_at(text.data + 17, 2);
    civil.minute = number_at(text.data + 20, 2);
    civil.second = number_at(text.data + 23, 2);
    if (civil.day < 1 || civil.month < 1 || civil.year < 0 || civil.hour < 0 || civil.minute < 0 ||
        civil.second < 0) {
        return false;
    }
    sec = bsi_time_from_civil(&civil);
    if (sec < BSI_CIVIL_TIME_MIN || sec > BSI_CIVIL_TIME_MAX ||
        bsi_http_date_format(sec, again) < 0 || memcmp(text.data, again, text.size) != 0) {
        return false;
    }
    *sec_out = sec;
    return true;
}
