/* SPDX-License-Identifier: MIT */
/*
 * Schedules and time zones. An input is
 *
 *     cron expression | line feed | rule of POSIX's TZ | line feed |
 *     seconds since 1970, twice, 5 bytes | TZif file
 *
 * A TZif file that can be read goes before the rule, and UTC stands for no rule.
 */
#include "fuzz.h"

#include <stdio.h>

#include "policy/cron.h"

enum {
    YEAR = 366 * 24 * 3600,
    LIST_SIZE = 1024,
};

/* --- The expression --- */

/* The values of a field as a list of ranges, such as "0-3,5". */
static size_t put_field(char *out, size_t room, uint64_t bits)
{
    size_t size = 0;

    for (int first = 0; first < 64; first++) {
        int last = first;

        if ((bits >> first & 1) == 0) {
            continue;
        }
        while (last < 63 && (bits >> (last + 1) & 1) != 0) {
            last++;
        }
        size += (size_t)snprintf(out + size, room - size, last > first ? "%s%d-%d" : "%s%d",
                                 size > 0 ? "," : "", first, last);
        first = last;
    }
    return size;
}

/* Written with each of its values, it is the same, where that is not too long. */
static void check_written(const bsi_cron *cron)
{
    const uint64_t fields[] = {cron->minutes, cron->hours, cron->days, cron->months,
                               cron->weekdays};
    char text[LIST_SIZE];
    size_t size = 0;
    bsi_cron again = {0};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        fuzz_check(fields[i] != 0);
        size += put_field(text + size, sizeof(text) - size, fields[i]);
        text[size++] = ' ';
    }
    if (size > BSI_CRON_TEXT_MAX) {
        return;
    }
    fuzz_ok(bsi_cron_parse(text, size, &again));
    fuzz_check(again.minutes == cron->minutes && again.hours == cron->hours);
    fuzz_check(again.days == cron->days && again.months == cron->months);
    fuzz_check(again.weekdays == cron->weekdays);
}

/* --- When it is due --- */

static bool has(uint64_t bits, int32_t bit)
{
    return (bits >> bit & 1) != 0;
}

static bool is_day(const bsi_cron *cron, const bsi_civil *local)
{
    const bool day = has(cron->days, local->day);
    const bool weekday = has(cron->weekdays, local->weekday);

    return cron->either_day ? day || weekday : day && weekday;
}

/* Where no clock was changed at that instant, it shows one of the schedule's times. */
static void check_local(const bsi_cron *cron, const bsi_timezone *zone, int64_t found)
{
    const bsi_timezone_span span = bsi_timezone_span_at(zone, found);
    bsi_civil local = {0};

    fuzz_check(span.begin <= found && found < span.end);
    if (bsi_civil_from_time(found + span.offset, &local) < 0 ||
        (!cron->every_hour && found == span.begin)) {
        return;
    }
    fuzz_check(local.second == 0 && has(cron->minutes, local.minute));
    fuzz_check(has(cron->hours, local.hour) && has(cron->months, local.month));
    fuzz_check(is_day(cron, &local));
}

/* What is due is so from every instant between, and from behind. */
static void check_neighbours(const bsi_cron *cron, const bsi_timezone *zone, int64_t after,
                             int64_t found)
{
    int64_t other = 0;

    fuzz_ok(bsi_cron_next(cron, zone, after + (found - after) / 2, &other));
    fuzz_check(other == found);
    fuzz_ok(bsi_cron_next(cron, zone, found - 1, &other));
    fuzz_check(other == found);
    if (after < BSI_CIVIL_TIME_MIN + YEAR || found >= BSI_CIVIL_TIME_MAX) {
        return;
    }
    fuzz_ok(bsi_cron_previous(cron, zone, found + 1, &other));
    fuzz_check(other == found);
    if (bsi_cron_previous(cron, zone, found, &other) == BS_OK) {
        fuzz_check(other <= after);
    }
}

static void check_next(const bsi_cron *cron, const bsi_timezone *zone, int64_t after)
{
    int64_t found = 0;
    const bs_status status = bsi_cron_next(cron, zone, after, &found);

    if (after < BSI_CIVIL_TIME_MIN || after > BSI_CIVIL_TIME_MAX) {
        fuzz_check(status == BS_E_RANGE);
        return;
    }
    fuzz_check(status == BS_OK || status == BS_E_NOT_FOUND);
    if (status == BS_OK) {
        fuzz_check(found > after);
        fuzz_check(found - after <= (int64_t)BSI_CRON_HORIZON_YEARS * YEAR);
        check_local(cron, zone, found);
        check_neighbours(cron, zone, after, found);
    }
}

/* --- Zones --- */

/* Instants come back from the local times that they are shown as. */
static void check_zone(const bsi_timezone *zone, int64_t sec)
{
    bsi_civil local = {0};
    bsi_timezone_instants back;
    int32_t offset = 0;

    if (bsi_timezone_to_local(zone, sec, &local, &offset) < 0) {
        return;
    }
    fuzz_check(offset >= BSI_TIMEZONE_OFFSET_MIN && offset <= BSI_TIMEZONE_OFFSET_MAX);
    back = bsi_timezone_from_local(zone, &local);
    fuzz_check(back.count == 1 || back.count == 2);
    fuzz_check(back.first <= sec && sec <= back.last);
    fuzz_check((back.count == 1) == (back.first == back.last));
}

static bsi_timezone *take_zone(bsi_slice rule, bsi_slice file)
{
    bsi_timezone *zone = NULL;

    if (file.size > 0 && bsi_timezone_parse(file.data, file.size, &zone) < 0) {
        fuzz_check(!zone);
    }
    if (!zone && bsi_timezone_from_rule(rule.data, rule.size, &zone) < 0) {
        fuzz_check(!zone);
    }
    return zone;
}

/* 39 bits with a sign reach a little beyond the years that there are. */
static int64_t take_seconds(fuzz_input *in)
{
    return (int64_t)(fuzz_number(in, 5) >> 1) - (INT64_C(1) << 38);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    const bsi_slice expression = fuzz_line(&in);
    const bsi_slice rule = fuzz_line(&in);
    const int64_t after = take_seconds(&in);
    const bsi_slice file = fuzz_take(&in, in.left);
    bsi_timezone *own = take_zone(rule, file);
    const bsi_timezone *zone = own ? own : bsi_timezone_utc();
    bsi_cron cron = {0};
    bs_status status = BS_OK;

    check_zone(zone, after);
    status = bsi_cron_parse(expression.data, expression.size, &cron);
    fuzz_check(status == BS_OK || status == BS_E_INVALID);
    if (status == BS_OK) {
        check_written(&cron);
        check_next(&cron, zone, after);
    }
    bsi_timezone_free(own);
    return 0;
}
