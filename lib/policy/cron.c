/* SPDX-License-Identifier: MIT */
/*
 * When a schedule is due next.
 *
 * Two steps alternate. next_match() knows the fields and the calendar but no
 * zone: it leaps from field to field to the next local time that matches.
 * bsi_cron_next() knows the zone: it goes from span to span, each with one
 * offset, and asks for the first match that lies in it.
 */
#include "policy/cron.h"

#define HORIZON_SECONDS (INT64_C(366) * BSI_SECONDS_PER_DAY * BSI_CRON_HORIZON_YEARS)

enum {
    MINUTES_PER_HOUR = 60,
    LAST_YEAR = 9999,
    /* Farther back no clock can have shown a time that is still to come elsewhere. */
    OFFSETS_APART = BSI_TIMEZONE_OFFSET_MAX - BSI_TIMEZONE_OFFSET_MIN,
};

/* --- Local times --- */

/* The lowest bit that is set in `bits`, from `from` on; -1 when there is none. */
static int next_bit(uint64_t bits, int from)
{
    for (int bit = from; bit < 64 && bits >> bit != 0; bit++) {
        if ((bits >> bit & 1) != 0) {
            return bit;
        }
    }
    return -1;
}

/* The next matching minute of a day, from minute `from` of it on; -1 when there is none. */
static int next_minute(const bsi_cron *cron, int from)
{
    const int from_hour = from / MINUTES_PER_HOUR;
    int hour = next_bit(cron->hours, from_hour);
    int minute = next_bit(cron->minutes, hour == from_hour ? from % MINUTES_PER_HOUR : 0);

    if (hour >= 0 && minute < 0) {
        hour = next_bit(cron->hours, hour + 1);
        minute = next_bit(cron->minutes, 0);
    }
    return hour < 0 || minute < 0 ? -1 : hour * MINUTES_PER_HOUR + minute;
}

static bool day_matches(const bsi_cron *cron, int32_t day, int32_t weekday)
{
    const bool by_day = (cron->days >> day & 1) != 0;
    const bool by_weekday = (cron->weekdays >> weekday & 1) != 0;

    return cron->either_day ? by_day || by_weekday : by_day && by_weekday;
}

/* The next matching day of a month, from `from` on; 0 when there is none. */
static int32_t next_day_of_month(const bsi_cron *cron, int32_t year, int32_t month, int32_t from)
{
    const int32_t last = bsi_days_in_month(year, month);
    int32_t weekday = bsi_weekday_from_days(bsi_days_from_civil(year, month, from));

    for (int32_t day = from; day <= last; day++) {
        if (day_matches(cron, day, weekday)) {
            return day;
        }
        weekday = (weekday + 1) % 7;
    }
    return 0;
}

/* The next matching day, from this one on, in days since 1970-01-01. */
static bool next_day(const bsi_cron *cron, bsi_civil from, int64_t *day_out)
{
    const int32_t horizon = from.year + BSI_CRON_HORIZON_YEARS;
    const int32_t last_year = horizon < LAST_YEAR ? horizon : LAST_YEAR;
    int32_t day = 0;

    while (from.year <= last_year) {
        const int month = next_bit(cron->months, from.month);
        if (month < 0) { /* Not in this year. */
            from.year++;
            from.month = 1;
            from.day = 1;
            continue;
        }
        day = next_day_of_month(cron, from.year, month, month == from.month ? from.day : 1);
        if (day > 0) {
            *day_out = bsi_days_from_civil(from.year, month, day);
            return true;
        }
        from.month = month + 1;
        from.day = 1;
    }
    return false;
}

/* The first whole minute at or after `from` that matches; false when there is none. */
static bool next_match(const bsi_cron *cron, int64_t from, int64_t *out)
{
    bsi_civil civil = {0};
    int64_t today = 0;
    int64_t day = 0;
    int minute = 0;

    if (bsi_civil_from_time(from + 59, &civil) < 0 || !next_day(cron, civil, &day)) {
        return false;
    }
    today = bsi_days_from_civil(civil.year, civil.month, civil.day);
    minute = next_minute(cron, day == today ? civil.hour * MINUTES_PER_HOUR + civil.minute : 0);
    if (minute < 0) { /* Too late for today. */
        if (bsi_civil_from_time((today + 1) * BSI_SECONDS_PER_DAY, &civil) < 0 ||
            !next_day(cron, civil, &day)) {
            return false;
        }
        minute = next_minute(cron, 0);
    }
    *out = day * BSI_SECONDS_PER_DAY + (int64_t)minute * 60;
    return minute >= 0;
}

/* --- Instants --- */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The first local time that no instant up to `after` has shown, nor a later one. */
static int64_t not_yet_shown(const bsi_timezone *zone, int64_t after)
{
    int64_t at = after - OFFSETS_APART;
    int64_t shown = INT64_MIN;

    while (at <= after) {
        const bsi_timezone_span span = bsi_timezone_span_at(zone, at);
        const int64_t end = span.end <= after ? span.end : after + 1;
        shown = later(shown, end + span.offset);
        at = span.end;
    }
    return shown;
}

static bs_status check_range(int64_t sec)
{
    bsi_civil unused;

    return bsi_civil_from_time(sec, &unused);
}

/* The search for the first match, kept for as long as it stays the first. */
typedef struct match_search {
    const bsi_cron *cron;
    int64_t from;
    int64_t match;
    bool done;
} match_search;

static bool first_match(match_search *search, int64_t from, int64_t *out)
{
    if (!search->done || from < search->from || from > search->match) {
        search->done = next_match(search->cron, from, &search->match);
        search->from = from;
    }
    *out = search->match;
    return search->done;
}

bs_status bsi_cron_next(const bsi_cron *cron, const bsi_timezone *zone, int64_t after, int64_t *out)
{
    match_search search = {.cron = cron};
    bsi_timezone_span span;
    int64_t open = 0; /* The first local time that is still to come. */
    int64_t match = 0;

    BSI_TRY(check_range(after));
    open = not_yet_shown(zone, after);
    for (int64_t at = after + 1; at - after < HORIZON_SECONDS; at = span.end) {
        span = bsi_timezone_span_at(zone, at);
        if (cron->every_hour) {
            open = at + span.offset;
        }
        if (!first_match(&search, open, &match)) {
            break;
        }
        if (match - span.offset < span.end) {
            *out = later(match - span.offset, at);
            return BS_OK;
        }
        open = later(open, span.end + span.offset);
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "the schedule is not due within %d years",
                    BSI_CRON_HORIZON_YEARS);
}

/*
 * By halving the stretch in which it must lie: what is due next is never earlier
 * when it is asked for from a later instant.
 */
bs_status bsi_cron_previous(const bsi_cron *cron, const bsi_timezone *zone, int64_t before,
                            int64_t *out)
{
    int64_t low = 0;       /* Due then. */
    int64_t high = before; /* Not due between this and `before`. */
    int64_t found = before;

    BSI_TRY(check_range(before));
    for (int64_t step = 60; found >= before; step *= 2) {
        low = before - step;
        if (step > 2 * HORIZON_SECONDS || low < BSI_CIVIL_TIME_MIN) {
            return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "the schedule was not due before");
        }
        if (bsi_cron_next(cron, zone, low, &found) < 0) {
            found = before;
        }
    }
    low = found;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (bsi_cron_next(cron, zone, middle, &found) == BS_OK && found < before) {
            low = found;
        } else {
            high = middle;
        }
    }
    *out = low;
    return BS_OK;
}
