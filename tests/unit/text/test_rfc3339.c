/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "text/rfc3339.h"

static void formats_and_parses_known_times(void **state)
{
    static const struct {
        int64_t sec;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {951782400, "2000-02-29T00:00:00Z"},
        {1795414200, "2026-11-23T06:10:00Z"},
        {4107542399, "2100-02-28T23:59:59Z"},
        {4107542400, "2100-03-01T00:00:00Z"},
        {-62167219200, "0000-01-01T00:00:00Z"},
        {-62162121600, "0000-02-29T00:00:00Z"},
        {253402300799, "9999-12-31T23:59:59Z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[BSI_RFC3339_SIZE];
        int64_t sec = 1;
        int32_t nsec = 1;

        assert_ok(bsi_rfc3339_format(cases[i].sec, 0, false, text));
        assert_string_equal(text, cases[i].text);
        assert_ok(bsi_rfc3339_parse(text, strlen(text), &sec, &nsec));
        assert_true(sec == cases[i].sec);
        assert_int_equal(nsec, 0);
    }
}

static void fractions_have_nine_digits(void **state)
{
    char text[BSI_RFC3339_SIZE];
    int64_t sec = 0;
    int32_t nsec = 0;

    (void)state;
    assert_ok(bsi_rfc3339_format(253402300799, 1, true, text));
    assert_string_equal(text, "9999-12-31T23:59:59.000000001Z");
    assert_ok(bsi_rfc3339_parse(text, strlen(text), &sec, &nsec));
    assert_int_equal(nsec, 1);
    assert_ok(bsi_rfc3339_parse("1970-01-01T00:00:00.5Z", 22, &sec, &nsec));
    assert_int_equal(nsec, 500000000);
    assert_status(bsi_rfc3339_parse("1970-01-01T00:00:00.5Z", 22, &sec, NULL), BS_E_INVALID);
}

static void offsets_lead_back_to_utc(void **state)
{
    int64_t sec = 0;
    int32_t nsec = 0;

    (void)state;
    assert_ok(bsi_rfc3339_parse("1970-01-01T01:30:00+01:30", 25, &sec, &nsec));
    assert_true(sec == 0);
    assert_ok(bsi_rfc3339_parse("1969-12-31T19:00:00-05:00", 25, &sec, NULL));
    assert_true(sec == 0);
}

static void times_outside_of_the_years_are_refused(void **state)
{
    static const int64_t times[] = {-62167219201, 253402300800, INT64_MIN, INT64_MAX};
    char text[BSI_RFC3339_SIZE] = "x";

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        assert_status(bsi_rfc3339_format(times[i], 0, false, text), BS_E_RANGE);
        assert_string_equal(text, "");
    }
}

static void anything_else_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "2026-11-23",
        "2026-11-23T06:10:00",
        "2026-11-23t06:10:00Z",
        "2026-11-23T06:10:00z",
        "2026-11-23 06:10:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00ZZ",
        "26-01-01T00:00:00Z",
        "+2026-01-01T00:00:00Z",
        "2026-1-01T00:00:00Z",
        "2026-01-01T00:00:0 Z",
    };
    int64_t sec = 7;
    int32_t nsec = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# %s\n", texts[i]);
        assert_status(bsi_rfc3339_parse(texts[i], strlen(texts[i]), &sec, &nsec), BS_E_INVALID);
        assert_true(sec == 7 && nsec == 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_and_parses_known_times),
        cmocka_unit_test(fractions_have_nine_digits),
        cmocka_unit_test(offsets_lead_back_to_utc),
        cmocka_unit_test(times_outside_of_the_years_are_refused),
        cmocka_unit_test(anything_else_is_refused),
    };

    return cmocka_run_group_tests_name("text/rfc3339", tests, NULL, NULL);
}
