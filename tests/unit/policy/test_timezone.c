/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "policy/timezone.h"

enum { HOUR = 3600, DAY = 86400, FILE_ROOM = 65 * 1024 };

static int64_t utc(int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute)
{
    return bsi_time_from_civil(&(bsi_civil){year, month, day, hour, minute, 0, 0});
}

static bsi_timezone *from_rule(const char *rule)
{
    bsi_timezone *zone = NULL;

    print_message("# %s\n", rule);
    assert_ok(bsi_timezone_from_rule(rule, strlen(rule), &zone));
    return zone;
}

/* --- Files that are made here --- */

typedef struct tzif {
    uint8_t bytes[FILE_ROOM];
    size_t size;
} tzif;

static void put(tzif *file, const void *data, size_t size)
{
    assert_true(file->size + size <= sizeof(file->bytes));
    memcpy(file->bytes + file->size, data, size);
    file->size += size;
}

static void put_number(tzif *file, uint64_t value, size_t size)
{
    for (size_t i = size; i-- > 0;) {
        const uint8_t byte = (uint8_t)(value >> (8 * i));
        put(file, &byte, 1);
    }
}

/* Two types: standard time one hour east, and daylight saving time two. */
static void put_block(tzif *file, char version, size_t time_size, const int64_t *times,
                      size_t count)
{
    static const uint8_t reserved[15];

    put(file, "TZif", 4);
    put(file, &version, 1);
    put(file, reserved, sizeof(reserved));
    put_number(file, 0, 4);
    put_number(file, 0, 4);
    put_number(file, 0, 4);
    put_number(file, count, 4);
    put_number(file, 2, 4);
    put_number(file, 8, 4);
    for (size_t i = 0; i < count; i++) {
        put_number(file, (uint64_t)times[i], time_size);
    }
    for (size_t i = 0; i < count; i++) {
        put_number(file, 1 - i % 2, 1);
    }
    put_number(file, HOUR, 4);
    put(file, "\0\0", 2);
    put_number(file, 2 * HOUR, 4);
    put(file, "\1\4", 2);
    put(file, "STD\0DST", 8);
}

static void make_file(tzif *file, const int64_t *times, size_t count, const char *rule)
{
    file->size = 0;
    put_block(file, '2', 4, NULL, 0);
    put_block(file, '2', 8, times, count);
    put(file, "\n", 1);
    put(file, rule, strlen(rule));
    put(file, "\n", 1);
}

static bsi_timezone *parsed(const tzif *file)
{
    bsi_timezone *zone = NULL;

    assert_ok(bsi_timezone_parse(file->bytes, file->size, &zone));
    return zone;
}

static const int64_t some_times[] = {1000000, 2000000, 3000000, 4000000};

enum {
    FIRST_HEADER = 44 + 2 * 6 + 8, /* The first header and its empty block. */
    AT_COUNTS = FIRST_HEADER + 20,
    AT_TIMES = FIRST_HEADER + 44,
    AT_INDICES = AT_TIMES + 4 * 8,
    AT_TYPES = AT_INDICES + 4,
    AT_FOOTER = AT_TYPES + 2 * 6 + 8,
};

static void offsets_hold_from_transition_to_transition(void **state)
{
    static tzif file;
    bsi_timezone *zone = NULL;
    static const struct {
        int64_t sec, begin, end;
        int32_t offset;
    } cases[] = {
        {INT64_MIN, INT64_MIN, 1000000, HOUR}, {0, INT64_MIN, 1000000, HOUR},
        {999999, INT64_MIN, 1000000, HOUR},    {1000000, 1000000, 2000000, 2 * HOUR},
        {1999999, 1000000, 2000000, 2 * HOUR}, {2000000, 2000000, 3000000, HOUR},
        {3999999, 3000000, 4000000, 2 * HOUR}, {4000000, 4000000, INT64_MAX, HOUR},
        {INT64_MAX, 4000000, INT64_MAX, HOUR},
    };

    (void)state;
    make_file(&file, some_times, 4, "");
    zone = parsed(&file);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        const bsi_timezone_span span = bsi_timezone_span_at(zone, cases[i].sec);
        assert_int_equal(span.begin, cases[i].begin);
        assert_int_equal(span.end, cases[i].end);
        assert_int_equal(span.offset, cases[i].offset);
    }
    bsi_timezone_free(zone);
}

static void version_1_has_32_bits_and_no_rule(void **state)
{
    static const int64_t times[] = {-5000000, 1000000, 2000000};
    static tzif file;
    bsi_timezone *zone = NULL;

    (void)state;
    file.size = 0;
    put_block(&file, '\0', 4, times, 3);
    zone = parsed(&file);
    assert_int_equal(bsi_timezone_span_at(zone, -5000001).offset, HOUR);
    assert_int_equal(bsi_timezone_span_at(zone, -5000000).offset, 2 * HOUR);
    assert_int_equal(bsi_timezone_span_at(zone, 1000000).offset, HOUR);
    assert_true(bsi_timezone_span_at(zone, 2000000).end == INT64_MAX);
    bsi_timezone_free(zone);
}

static void the_rule_holds_behind_the_last_transition(void **state)
{
    static const int64_t far[] = {INT64_C(1) << 40};
    static tzif file;
    bsi_timezone *zone = NULL;

    (void)state;
    make_file(&file, some_times, 4, "STD-1DST,M3.5.0,M10.5.0/3");
    zone = parsed(&file);
    assert_int_equal(bsi_timezone_span_at(zone, 3999999).offset, 2 * HOUR);
    assert_int_equal(bsi_timezone_span_at(zone, 4000000).begin, 4000000);
    assert_int_equal(bsi_timezone_span_at(zone, 4000000).offset, HOUR);
    assert_int_equal(bsi_timezone_span_at(zone, utc(2026, 7, 1, 0, 0)).offset, 2 * HOUR);
    assert_int_equal(bsi_timezone_span_at(zone, utc(9999, 7, 1, 0, 0)).offset, 2 * HOUR);
    bsi_timezone_free(zone);
    make_file(&file, some_times, 0, "STD-1DST,M3.5.0,M10.5.0/3");
    zone = parsed(&file);
    assert_int_equal(bsi_timezone_span_at(zone, utc(1500, 7, 1, 0, 0)).offset, 2 * HOUR);
    bsi_timezone_free(zone);
    make_file(&file, far, 1, "STD-1DST,M3.5.0,M10.5.0/3");
    zone = parsed(&file);
    assert_int_equal(bsi_timezone_span_at(zone, utc(2026, 7, 1, 0, 0)).offset, HOUR);
    bsi_timezone_free(zone);
}

static void damaged_files_are_refused_with_the_reason(void **state)
{
    static const struct {
        const char *says;
        size_t at;
        uint8_t bytes[8];
        size_t count;
    } cases[] = {
        {"begin with 'TZif'", 0, "tzif", 4},
        {"begin with 'TZif'", FIRST_HEADER, "TZiF", 4},
        {"version is not", 4, "1", 1},
        {"version is not", 4, "5", 1},
        {"version is not", 4, "\xff", 1},
        {"cut short", 20 + 12, "\xff\xff\xff\xff", 4},
        {"cut short", 20 + 8, "\x80", 1},
        {"cut short", AT_COUNTS + 12, "\x7f\xff\xff\xff", 4},
        {"one for each type", AT_COUNTS + 3, "\x1", 1},
        {"one for each type", AT_COUNTS + 7, "\x3", 1},
        {"no types", AT_COUNTS + 19, "\x0", 1},
        {"no names", AT_COUNTS + 23, "\x0", 1},
        {"not in order", AT_TIMES + 8, "\0\0\0\0\0\xf\x42\x40", 8},
        {"not in order", AT_TIMES + 24, "\0\0\0\0\0\0\0\0", 8},
        {"beyond all time", AT_TIMES, "\x80\0\0\0\0\0\0\0", 8},
        {"beyond all time", AT_TIMES + 24, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8},
        {"type that is not there", AT_INDICES + 2, "\2", 1},
        {"more than a day", AT_TYPES, "\x80\0\0\0", 4},
        {"more than a day", AT_TYPES + 6, "\0\1\x6d\xa0", 4},
        {"not as it should be", AT_TYPES + 4, "\2", 1},
        {"not as it should be", AT_TYPES + 5, "\x8", 1},
        {"last line is missing", AT_FOOTER, "X", 1},
        {"no rule", AT_FOOTER + 1, "?", 1},
        {"no end", AT_FOOTER + 5, "X", 1},
    };
    static tzif file;
    bsi_timezone *zone = NULL;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        make_file(&file, some_times, 4, "UTC0");
        assert_int_equal(file.size, AT_FOOTER + 6);
        memcpy(file.bytes + cases[i].at, cases[i].bytes, cases[i].count);
        print_message("# %s\n", cases[i].says);
        assert_status(bsi_timezone_parse(file.bytes, file.size, &zone), BS_E_CORRUPT);
        assert_non_null(strstr(bs_error_last()->message, cases[i].says));
        assert_null(zone);
    }
}

static void leap_seconds_are_not_supported(void **state)
{
    static tzif file;
    bsi_timezone *zone = NULL;

    (void)state;
    make_file(&file, some_times, 4, "UTC0");
    file.bytes[AT_COUNTS + 11] = 1;
    file.size += 12; /* Its time and the sum until then. */
    assert_status(bsi_timezone_parse(file.bytes, file.size, &zone), BS_E_UNSUPPORTED);
    assert_null(zone);
}

static void too_much_is_refused_before_memory_is_asked_for(void **state)
{
    static int64_t times[2001];
    static tzif file;
    bsi_timezone *zone = NULL;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(times); i++) {
        times[i] = (int64_t)i;
    }
    make_file(&file, times, 2000, "UTC0");
    bsi_timezone_free(parsed(&file));
    make_file(&file, times, 2001, "UTC0");
    assert_status(bsi_timezone_parse(file.bytes, file.size, &zone), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "more than 2000"));
    bsi_alloc_fail_after(0);
    assert_status(bsi_timezone_parse(file.bytes, BSI_TIMEZONE_FILE_MAX + 1, &zone), BS_E_CORRUPT);
    assert_false(bsi_alloc_has_failed());
    bsi_alloc_fail_after(-1);
    assert_null(zone);
}

/* Every byte counts: a file that is cut anywhere is no file. */
static void every_cut_is_noticed(void **state)
{
    static tzif file;
    bsi_timezone *zone = NULL;

    (void)state;
    make_file(&file, some_times, 4, "UTC0");
    for (size_t size = 0; size < file.size; size++) {
        uint8_t *exact = bsi_memdup(file.bytes, size); /* So that reading beyond it is seen. */
        assert_non_null(exact);
        assert_status(bsi_timezone_parse(exact, size, &zone), BS_E_CORRUPT);
        bsi_free(exact);
    }
}

/* Whatever becomes of a flipped bit, what is read of it stays usable. */
static void no_flipped_bit_does_harm(void **state)
{
    static tzif file;

    (void)state;
    make_file(&file, some_times, 4, "STD-1DST,M3.5.0,M10.5.0/3");
    for (size_t bit = 0; bit < file.size * 8; bit++) {
        uint8_t *exact = bsi_memdup(file.bytes, file.size);
        bsi_timezone *zone = NULL;
        assert_non_null(exact);
        exact[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (bsi_timezone_parse(exact, file.size, &zone) == BS_OK) {
            const bsi_timezone_span span = bsi_timezone_span_at(zone, 2500000);
            assert_true(span.begin <= 2500000 && 2500000 < span.end);
            assert_in_range(span.offset - BSI_TIMEZONE_OFFSET_MIN, 0,
                            BSI_TIMEZONE_OFFSET_MAX - BSI_TIMEZONE_OFFSET_MIN);
        }
        bsi_timezone_free(zone);
        bsi_free(exact);
    }
}

static void survives_running_out_of_memory(void **state)
{
    static tzif file;
    bsi_timezone *zone = NULL;
    bs_status status = BS_E_NOMEM;

    (void)state;
    make_file(&file, some_times, 4, "UTC0");
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_timezone_parse(file.bytes, file.size, &zone);
        assert_true(status == BS_OK || (status == BS_E_NOMEM && !zone));
    }
    bsi_alloc_fail_after(0);
    bsi_timezone_free(zone);
    zone = NULL;
    assert_status(bsi_timezone_from_rule("UTC0", 4, &zone), BS_E_NOMEM);
    assert_null(zone);
    bsi_alloc_fail_after(-1);
}

/* --- Rules --- */

static void rules_say_when_the_clocks_change(void **state)
{
    const struct {
        const char *rule;
        int64_t change; /* The first after the beginning of 2026. */
        int32_t before;
        int32_t after;
    } cases[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", utc(2026, 3, 29, 1, 0), HOUR, 2 * HOUR},
        {"EST5EDT,M3.2.0,M11.1.0", utc(2026, 3, 8, 7, 0), -5 * HOUR, -4 * HOUR},
        {"NST3:30NDT,M3.2.0,M11.1.0", utc(2026, 3, 8, 5, 30), -12600, -9000},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", utc(2026, 4, 4, 15, 0), 39600, 37800},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", utc(2026, 3, 29, 1, 0), 0, HOUR}, /* Dublin. */
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", utc(2026, 3, 29, 1, 0), -2 * HOUR, -HOUR},
        {"AAA0BBB,J60/0,J300/0", utc(2026, 3, 1, 0, 0), 0, HOUR},
        {"AAA0BBB,59/0,300/0", utc(2026, 3, 1, 0, 0), 0, HOUR},
        {"AAA0BBB,J59/24,J300/0", utc(2026, 3, 1, 0, 0), 0, HOUR},
        {"AAA0BBB,J53/167:59:59,J300/0", utc(2026, 2, 28, 23, 59) + 59, 0, HOUR},
        {"AAA0BBB,J70/-167,J300", utc(2026, 3, 4, 1, 0), 0, HOUR},
        {"AAA-23BBB-24,J60/0,J300", utc(2026, 2, 28, 1, 0), 23 * HOUR, DAY},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_timezone *zone = from_rule(cases[i].rule);
        const bsi_timezone_span span = bsi_timezone_span_at(zone, utc(2026, 1, 15, 0, 0));
        assert_int_equal(span.end, cases[i].change);
        assert_int_equal(span.offset, cases[i].before);
        assert_int_equal(bsi_timezone_span_at(zone, span.end).offset, cases[i].after);
        assert_int_equal(bsi_timezone_span_at(zone, span.end).begin, cases[i].change);
        bsi_timezone_free(zone);
    }
}

static void leap_years_count_where_the_form_says_so(void **state)
{
    bsi_timezone *julian = from_rule("AAA0BBB,J60/0,J300/0");
    bsi_timezone *ordinal = from_rule("AAA0BBB,59/0,300/0");

    (void)state;
    assert_int_equal(bsi_timezone_span_at(julian, utc(2028, 1, 15, 0, 0)).end,
                     utc(2028, 3, 1, 0, 0));
    assert_int_equal(bsi_timezone_span_at(ordinal, utc(2028, 1, 15, 0, 0)).end,
                     utc(2028, 2, 29, 0, 0));
    bsi_timezone_free(julian);
    bsi_timezone_free(ordinal);
}

/* RFC 8536, 3.3.1: the end of each year's is the beginning of the next. */
static void daylight_saving_time_may_last_all_year(void **state)
{
    bsi_timezone *zone = from_rule("EST5EDT,0/0,J365/25");

    (void)state;
    for (int64_t day = utc(2023, 12, 20, 0, 0); day < utc(2029, 1, 10, 0, 0); day += DAY / 2) {
        assert_int_equal(bsi_timezone_span_at(zone, day).offset, -4 * HOUR);
    }
    bsi_timezone_free(zone);
}

static void what_is_no_rule_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "UTC",
        "UT0",
        "0",
        "U1C0",
        "<UTC0",
        "<U>0",
        "<UT/C>0",
        "UTC25",
        "UTC-25",
        "UTC0:60",
        "UTC0:0:60",
        "UTC0:",
        "UTC+-1",
        "UTC0 ",
        " UTC0",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M0.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.0.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M3.5,M10.5.0",
        "CET-1CEST,J0,J300",
        "CET-1CEST,J366,J300",
        "CET-1CEST,366,1",
        "CET-1CEST,M3.5.0/168,M10.5.0",
        "CET-1CEST,M3.5.0/-168,M10.5.0",
        "CET-1CEST,M3.5.0,M10.5.0x",
        "CET-1CE,M3.5.0,M10.5.0",
        "CET-1CEST,,",
        "CET-1CEST;M3.5.0,M10.5.0",
        ":Europe/Berlin",
    };
    static char huge[400];
    bsi_timezone *zone = NULL;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        print_message("# %s\n", texts[i]);
        assert_status(bsi_timezone_from_rule(texts[i], strlen(texts[i]), &zone), BS_E_INVALID);
    }
    assert_status(bsi_timezone_from_rule("UTC0\0", 5, &zone), BS_E_INVALID);
    memset(huge, 'A', sizeof(huge));
    huge[sizeof(huge) - 1] = '0';
    assert_status(bsi_timezone_from_rule(huge, sizeof(huge), &zone), BS_E_INVALID);
    assert_null(zone);
}

/* --- Both ways --- */

static void utc_is_always_there(void **state)
{
    const bsi_timezone_span span = bsi_timezone_span_at(bsi_timezone_utc(), 0);
    bsi_civil civil;
    int32_t offset = 7;

    (void)state;
    assert_true(span.begin == INT64_MIN && span.end == INT64_MAX && span.offset == 0);
    assert_ok(bsi_timezone_to_local(bsi_timezone_utc(), 86399, &civil, &offset));
    assert_int_equal(civil.hour, 23);
    assert_int_equal(offset, 0);
    bsi_timezone_free(NULL);
}

static void local_times_are_taken_apart_with_their_offset(void **state)
{
    bsi_timezone *zone = from_rule("<+0545>-5:45");
    bsi_civil civil;
    int32_t offset = 0;

    (void)state;
    assert_ok(bsi_timezone_to_local(zone, utc(2026, 12, 31, 20, 0), &civil, &offset));
    assert_int_equal(civil.year, 2027);
    assert_int_equal(civil.month, 1);
    assert_int_equal(civil.day, 1);
    assert_int_equal(civil.hour, 1);
    assert_int_equal(civil.minute, 45);
    assert_int_equal(civil.weekday, 5);
    assert_int_equal(offset, 20700);
    assert_ok(bsi_timezone_to_local(zone, 0, &civil, NULL));
    assert_status(bsi_timezone_to_local(zone, BSI_CIVIL_TIME_MAX, &civil, NULL), BS_E_RANGE);
    assert_status(bsi_timezone_to_local(zone, INT64_MAX, &civil, NULL), BS_E_RANGE);
    assert_status(bsi_timezone_to_local(zone, INT64_MIN, &civil, NULL), BS_E_RANGE);
    bsi_timezone_free(zone);
}

static void a_local_time_is_shown_once_twice_or_not_at_all(void **state)
{
    const int64_t gap = utc(2026, 3, 29, 1, 0);
    const int64_t back = utc(2026, 10, 25, 1, 0);
    const struct {
        bsi_civil civil;
        bsi_timezone_instants found;
    } cases[] = {
        {{2026, 3, 29, 1, 59, 59, 0}, {1, gap - 1, gap - 1}},
        {{2026, 3, 29, 2, 0, 0, 0}, {0, gap, gap}},
        {{2026, 3, 29, 2, 59, 59, 0}, {0, gap, gap}},
        {{2026, 3, 29, 3, 0, 0, 0}, {1, gap, gap}},
        {{2026, 10, 25, 1, 59, 59, 0}, {1, back - HOUR - 1, back - HOUR - 1}},
        {{2026, 10, 25, 2, 0, 0, 0}, {2, back - HOUR, back}},
        {{2026, 10, 25, 2, 59, 59, 0}, {2, back - 1, back + HOUR - 1}},
        {{2026, 10, 25, 3, 0, 0, 0}, {1, back + HOUR, back + HOUR}},
        {{2026, 7, 1, 12, 0, 0, 0}, {1, utc(2026, 7, 1, 10, 0), utc(2026, 7, 1, 10, 0)}},
        {{2026, 1, 1, 0, 0, 0, 0}, {1, utc(2025, 12, 31, 23, 0), utc(2025, 12, 31, 23, 0)}},
    };
    bsi_timezone *zone = from_rule("CET-1CEST,M3.5.0,M10.5.0/3");

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        const bsi_timezone_instants found = bsi_timezone_from_local(zone, &cases[i].civil);
        assert_int_equal(found.count, cases[i].found.count);
        assert_int_equal(found.first, cases[i].found.first);
        assert_int_equal(found.last, cases[i].found.last);
    }
    bsi_timezone_free(zone);
}

/* Every quarter of an hour of four years: what is shown leads back to when it is shown. */
static void both_ways_agree(void **state)
{
    static const char *const rules[] = {
        "CET-1CEST,M3.5.0,M10.5.0/3",       "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
        "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3", "IST-1GMT0,M10.5.0,M3.5.0/1",
        "CST5CDT,M3.2.0/0,M11.1.0/1",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(rules); i++) {
        bsi_timezone *zone = from_rule(rules[i]);
        int twice = 0;
        for (int64_t sec = utc(2026, 1, 1, 0, 0); sec < utc(2030, 1, 1, 0, 0); sec += 900) {
            bsi_timezone_instants found;
            bsi_civil civil;
            assert_ok(bsi_timezone_to_local(zone, sec, &civil, NULL));
            found = bsi_timezone_from_local(zone, &civil);
            assert_true(found.count > 0 && (found.first == sec || found.last == sec));
            twice += found.count == 2 ? 1 : 0;
        }
        assert_true(twice > 0);
        bsi_timezone_free(zone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_hold_from_transition_to_transition),
        cmocka_unit_test(version_1_has_32_bits_and_no_rule),
        cmocka_unit_test(the_rule_holds_behind_the_last_transition),
        cmocka_unit_test(damaged_files_are_refused_with_the_reason),
        cmocka_unit_test(leap_seconds_are_not_supported),
        cmocka_unit_test(too_much_is_refused_before_memory_is_asked_for),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(no_flipped_bit_does_harm),
        cmocka_unit_test(survives_running_out_of_memory),
        cmocka_unit_test(rules_say_when_the_clocks_change),
        cmocka_unit_test(leap_years_count_where_the_form_says_so),
        cmocka_unit_test(daylight_saving_time_may_last_all_year),
        cmocka_unit_test(what_is_no_rule_is_refused),
        cmocka_unit_test(utc_is_always_there),
        cmocka_unit_test(local_times_are_taken_apart_with_their_offset),
        cmocka_unit_test(a_local_time_is_shown_once_twice_or_not_at_all),
        cmocka_unit_test(both_ways_agree),
    };

    return cmocka_run_group_tests_name("policy/timezone", tests, NULL, NULL);
}
