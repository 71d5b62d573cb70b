/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "text/decimal_time.h"

static void times_come_back_exactly(void **state)
{
    static const struct {
        int64_t sec;
        int32_t nsec;
        const char *text;
    } cases[] = {
        {0, 0, "0.000000000"},
        {0, 1, "0.000000001"},
        {1795500000, 999999999, "1795500000.999999999"},
        {-1, 500000000, "-0.500000000"},
        {-1, 0, "-1.000000000"},
        {-2, 1, "-1.999999999"},
        {-1, 999999999, "-0.000000001"},
        {INT64_MAX, 999999999, "9223372036854775807.999999999"},
        {INT64_MIN, 0, "-9223372036854775808.000000000"},
        {INT64_MIN, 1, "-9223372036854775807.999999999"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[BSI_DECIMAL_TIME_SIZE];
        int64_t sec = 3;
        int32_t nsec = 3;

        assert_int_equal(bsi_decimal_time_format(cases[i].sec, cases[i].nsec, text),
                         strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
        assert_ok(bsi_decimal_time_parse(text, strlen(text), &sec, &nsec));
        assert_true(sec == cases[i].sec);
        assert_int_equal(nsec, cases[i].nsec);
    }
}

static void short_fractions_are_taken(void **state)
{
    int64_t sec = 0;
    int32_t nsec = 0;

    (void)state;
    assert_ok(bsi_decimal_time_parse("12", 2, &sec, &nsec));
    assert_true(sec == 12 && nsec == 0);
    assert_ok(bsi_decimal_time_parse("12.25", 5, &sec, &nsec));
    assert_true(sec == 12 && nsec == 250000000);
    assert_ok(bsi_decimal_time_parse("-12.25", 6, &sec, &nsec));
    assert_true(sec == -13 && nsec == 750000000);
}

static void anything_else_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "-",
        ".5",
        "1.",
        "01",
        "-01",
        "+1",
        "-0",
        "-0.000",
        "1.1234567890",
        "1e5",
        " 1",
        "1 ",
        "1.5x",
        "1..5",
        "9223372036854775808",
        "-9223372036854775808.000000001",
        "-9223372036854775809",
        "99999999999999999999999",
        "1.-5",
        "1,5",
    };
    int64_t sec = 7;
    int32_t nsec = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# %s\n", texts[i]);
        assert_status(bsi_decimal_time_parse(texts[i], strlen(texts[i]), &sec, &nsec),
                      BS_E_INVALID);
        assert_true(sec == 7 && nsec == 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_come_back_exactly),
        cmocka_unit_test(short_fractions_are_taken),
        cmocka_unit_test(anything_else_is_refused),
    };

    return cmocka_run_group_tests_name("text/decimal_time", tests, NULL, NULL);
}
