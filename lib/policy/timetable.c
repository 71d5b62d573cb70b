/* SPDX-License-Identifier: MIT */
/*
 * Rates by the time of the week, from their text.
 */
#include "policy/timetable.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/slice.h"

enum {
    MINUTES_PER_HOUR = 60,
    HOURS_PER_DAY = 24,
    MINUTES_PER_DAY = HOURS_PER_DAY * MINUTES_PER_HOUR,
    DAYS = 7,
    SECONDS_PER_MINUTE = 60,
    DAY_NAME_SIZE = 3,
    TIME_SIZE = 5,        /* "08:00" */
    WHOLE_DIGITS_MAX = 9, /* Of a rate: no more are needed up to BSI_RATE_MAX. */
    FRACTION_DIGITS = 3,
    SHOWN_SIZE = 64,
};

static bs_status refused(bsi_slice what, const char *why)
{
    char shown[SHOWN_SIZE];

    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "'%s' %s",
                    bsi_printable(what.data, what.size, shown, sizeof(shown)), why);
}

/* --- Rates --- */

/* Digits from `*at` on, at most `most` of them; how many there were. */
static size_t take_digits(bsi_slice text, size_t *at, size_t most, uint64_t *out)
{
    size_t digits = 0;

    while (*at < text.size && bsi_is_digit(text.data[*at]) && digits < most) {
        *out = *out * 10 + (uint64_t)(text.data[*at] - '0');
        digits++;
        (*at)++;
    }
    return digits;
}

/* How many bits a unit shifts; -1: it is none. */
static int shift_of(char unit)
{
    static const char units[] = "bkmgt";
    const char *found = unit == '\0' ? NULL : strchr(units, bsi_lower(unit));

    return found ? 10 * (int)(found - units) : -1;
}

/* Thousandths of the number that a rate begins with; false when there is none. */
static bool take_number(bsi_slice text, size_t *at, uint64_t *thousandths)
{
    size_t digits = 0;

    *thousandths = 0;
    if (take_digits(text, at, WHOLE_DIGITS_MAX, thousandths) == 0) {
        return false;
    }
    if (*at < text.size && text.data[*at] == '.') {
        (*at)++;
        digits = take_digits(text, at, FRACTION_DIGITS, thousandths);
        if (digits == 0) {
            return false;
        }
    }
    for (; digits < FRACTION_DIGITS; digits++) {
        *thousandths *= 10;
    }
    return true;
}

static bs_status parse_rate(bsi_slice text, uint64_t *out)
{
    uint64_t thousandths = 0;
    uint64_t rate = 0;
    size_t at = 0;
    int shift = -1;

    if (text.size == 3 && bsi_equal_but_for_case(text.data, "off", 3)) {
        *out = 0;
        return BS_OK;
    }
    if (!take_number(text, &at, &thousandths)) {
        return refused(text, "is no rate: it takes one such as 512k or 1.5M, or off");
    }
    if (at == text.size) {
        return refused(text,
                       "lacks a unit: it takes B, k, M, G or T behind the number, as in 512k, "
                       "or off for no limit");
    }
    shift = at + 1 == text.size ? shift_of(text.data[at]) : -1;
    if (shift < 0) {
        return refused(text, "is no rate: it takes one such as 512k or 1.5M, or off");
    }
    /* Below 10^12 times 2^40: the shift could overflow, the limit cannot. */
    if (thousandths / 1000 > BSI_RATE_MAX >> shift) {
        return refused(text, "is too fast: it takes 1024T at most, or off");
    }
    rate = (thousandths / 1000 << shift) + ((thousandths % 1000 << shift) / 1000);
    if (rate < BSI_RATE_MIN || rate > BSI_RATE_MAX) {
        return refused(text, rate < BSI_RATE_MIN
                                 ? "is too slow: it takes 1k at least, or off for no limit"
                                 : "is too fast: it takes 1024T at most, or off");
    }
    *out = rate;
    return BS_OK;
}

/* --- Times --- */

/* 0 to 6 from Sunday; -1: no day. */
static int parse_day(bsi_slice text)
{
    static const char names[] = "sunmontuewedthufrisat";

    for (int day = 0; text.size == DAY_NAME_SIZE && day < DAYS; day++) {
        if (bsi_equal_but_for_case(text.data, names + (size_t)day * DAY_NAME_SIZE, DAY_NAME_SIZE)) {
            return day;
        }
    }
    return -1;
}

/* "08:00", as a minute of the day; -1: no time. */
static int parse_time(bsi_slice text)
{
    const char *at = text.data;
    int hour = 0;
    int minute = 0;

    if (text.size != TIME_SIZE || at[2] != ':' || !bsi_is_digit(at[0]) || !bsi_is_digit(at[1]) ||
        !bsi_is_digit(at[3]) || !bsi_is_digit(at[4])) {
        return -1;
    }
    hour = (at[0] - '0') * 10 + (at[1] - '0');
    minute = (at[3] - '0') * 10 + (at[4] - '0');
    return hour < HOURS_PER_DAY && minute < MINUTES_PER_HOUR ? hour * MINUTES_PER_HOUR + minute
                                                             : -1;
}

static bs_status add(bsi_timetable *table, bsi_slice entry, int day, int minute, uint64_t rate)
{
    const uint16_t at = (uint16_t)(day * MINUTES_PER_DAY + minute);

    for (size_t i = 0; i < table->count; i++) {
        if (table->entries[i].minute == at) {
            return refused(entry, "is for a time that another entry is for");
        }
    }
    if (table->count == BSI_TIMETABLE_ENTRIES_MAX) {
        return refused(entry, "is one entry too many");
    }
    table->entries[table->count++] = (bsi_timetable_entry){at, rate};
    return BS_OK;
}

/* "08:00,512k" or "Mon-08:00,512k". */
static bs_status parse_entry(bsi_slice entry, bsi_timetable *table)
{
    static const char *const right = "is no entry of a timetable: it takes 08:00,512k or "
                                     "Mon-08:00,512k";
    const char *comma = memchr(entry.data, ',', entry.size);
    bsi_slice when = {entry.data, comma ? (size_t)(comma - entry.data) : 0};
    uint64_t rate = 0;
    int first = 0;
    int last = DAYS - 1;
    int minute = -1;

    if (!comma) {
        return refused(entry, right);
    }
    if (when.size > DAY_NAME_SIZE && when.data[DAY_NAME_SIZE] == '-') {
        first = last = parse_day((bsi_slice){when.data, DAY_NAME_SIZE});
        when = (bsi_slice){when.data + DAY_NAME_SIZE + 1, when.size - DAY_NAME_SIZE - 1};
    }
    minute = parse_time(when);
    if (first < 0 || minute < 0) {
        return refused(entry, right);
    }
    BSI_TRY(
        parse_rate((bsi_slice){comma + 1, entry.size - (size_t)(comma + 1 - entry.data)}, &rate));
    for (int day = first; day <= last; day++) {
        BSI_TRY(add(table, entry, day, minute, rate));
    }
    return BS_OK;
}

/* --- The whole --- */

/* The next word behind spaces; false: there is none. */
static bool next_word(const char **at, bsi_slice *out)
{
    *at += strspn(*at, " ");
    *out = (bsi_slice){*at, strcspn(*at, " ")};
    *at += out->size;
    return out->size > 0;
}

static int compare_entries(const void *a, const void *b)
{
    return ((const bsi_timetable_entry *)a)->minute - ((const bsi_timetable_entry *)b)->minute;
}

static bs_status parse(const char *text, bsi_timetable *table)
{
    bsi_slice word;

    if (!next_word(&text, &word)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "is empty: it takes a rate such as 512k, a timetable such as "
                        "'08:00,512k 19:00,off', or off");
    }
    if (!memchr(word.data, ',', word.size)) {
        bsi_slice more;
        table->count = 1;
        BSI_TRY(parse_rate(word, &table->entries[0].rate));
        return next_word(&text, &more)
                   ? refused(more, "follows a rate without a time: in a timetable each has one, "
                                   "as in 08:00,512k")
                   : BS_OK;
    }
    do {
        BSI_TRY(parse_entry(word, table));
    } while (next_word(&text, &word));
    qsort(table->entries, table->count, sizeof(table->entries[0]), compare_entries);
    return BS_OK;
}

bs_status bsi_timetable_parse(const char *text, bsi_timetable *out)
{
    bsi_timetable *table = NULL;
    bs_status status = BS_OK;

    if (strnlen(text, BSI_TIMETABLE_TEXT_MAX) == BSI_TIMETABLE_TEXT_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "has more than %d bytes",
                        BSI_TIMETABLE_TEXT_MAX - 1);
    }
    table = bsi_calloc(1, sizeof(*table));
    if (!table) {
        return BS_E_NOMEM;
    }
    status = parse(text, table);
    if (status == BS_OK) {
        *out = *table;
    }
    bsi_free(table);
    return status;
}

/* 0 outside of the years that the calendar has. */
static int minute_of_week(const bsi_timezone *zone, int64_t sec)
{
    bsi_civil civil = {0};

    if (bsi_timezone_to_local(zone, sec, &civil, NULL) < 0) {
        return 0;
    }
    return civil.weekday * MINUTES_PER_DAY + civil.hour * MINUTES_PER_HOUR + civil.minute;
}

uint64_t bsi_timetable_rate(const bsi_timetable *table, const bsi_timezone *zone, int64_t sec)
{
    int minute = 0;
    size_t next = 0;

    if (table->count <= 1) { /* Nobody needs to know the time. */
        return table->count == 0 ? 0 : table->entries[0].rate;
    }
    minute = minute_of_week(zone, sec);
    while (next < table->count && table->entries[next].minute <= minute) {
        next++;
    }
    return table->entries[next > 0 ? next - 1 : table->count - 1].rate;
}
