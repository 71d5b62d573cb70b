/* SPDX-License-Identifier: MIT */
#ifndef BSI_POLICY_CRON_H
#define BSI_POLICY_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "policy/timezone.h"

/*
 * When a schedule is due. Five fields, divided by spaces or tabs:
 *
 *     minute 0-59   hour 0-23   day of month 1-31   month 1-12 or jan-dec
 *     day of week 0-7 or sun-sat; 0 and 7 are Sunday
 *
 *     *    a    a-b    a,b,c    and with /n behind one of the first three,
 *     each n-th of these; a/n goes from a to the field's end
 *
 * or one of @hourly @daily @midnight @weekly @monthly @yearly @annually. Case
 * does not matter. Ranges go upwards; one that ends with sun ends the week.
 *
 * As in Vixie's cron, a field that begins with '*' is unrestricted, also with
 * a step. When both day fields are restricted, a day needs to match one of
 * them; otherwise it must match both.
 *
 * When the clocks change, the hour field decides. Where it begins with '*',
 * the schedule follows the clocks as they are: a time that they skip is no
 * time, one that they show twice is two. Any other schedule is due once for
 * each of its times, at the first instant at which the clocks show that time
 * or a later one; times that come to the same instant are one.
 */

/* The longest text, in bytes. */
enum { BSI_CRON_TEXT_MAX = 256 };

/*
 * How far bsi_cron_next() looks. 29 February on one day of the week comes again
 * after 40 years at the latest, across a century without leap day.
 */
enum { BSI_CRON_HORIZON_YEARS = 41 };

/* Bit n stands for the value n. Filled by bsi_cron_parse() only; may be copied. */
typedef struct bsi_cron {
    uint64_t minutes;
    uint32_t hours;
    uint32_t days;
    uint32_t months;
    uint32_t weekdays; /* Sunday is 0. */
    bool either_day;   /* A day that matches one of the two day fields is enough. */
    bool every_hour;   /* The hour field begins with '*'. */
} bsi_cron;

/*
 * Understand a schedule. BS_E_INVALID of layer CALLER names the field, what it
 * was and what it may be, also when no year has such a day.
 */
BS_NODISCARD bs_status bsi_cron_parse(const char *text, size_t size, bsi_cron *out);

/*
 * The first instant after `after` at which the schedule is due; with a zone
 * whose offset has seconds it need not be a whole minute of UTC.
 * BS_E_NOT_FOUND when there is none within the horizon and before the year
 * 10000, BS_E_RANGE when `after` lies outside of the years 0000 to 9999.
 */
BS_NODISCARD bs_status bsi_cron_next(const bsi_cron *cron, const bsi_timezone *zone, int64_t after,
                                     int64_t *out);

/*
 * The last instant before `before` at which it was due: the latest of the runs
 * that were missed, say. Fails as bsi_cron_next() does.
 */
BS_NODISCARD bs_status bsi_cron_previous(const bsi_cron *cron, const bsi_timezone *zone,
                                         int64_t before, int64_t *out);

#endif
