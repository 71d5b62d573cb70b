/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/calendar.h"
#include "net/http_date.h"

static void the_example_of_the_rfc_is_read_and_written(void **state)
{
    char text[BSI_HTTP_DATE_SIZE];
    int64_t sec = 0;

    (void)state;
    assert_true(bsi_http_date_parse(bsi_slice_of("Sun, 06 Nov 1994 08:49:37 GMT"), &sec));
    assert_int_equal(sec, 784111777);
    assert_ok(bsi_http_date_format(784111777, text));
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
}

static void every_day_comes_back(void **state)
{
    (void)state;
    for (int64_t sec = BSI_CIVIL_TIME_MIN; sec <= BSI_CIVIL_TIME_MAX;
         sec += INT64_C(86400) * 97 + 3671) {
        char text[BSI_HTTP_DATE_SIZE];
        int64_t back = 0;

        assert_ok(bsi_http_date_format(sec, text));
        assert_true(bsi_http_date_parse(bsi_slice_of(text), &back));
        assert_int_equal(back, sec);
    }
}

static void everything_else_is_no_date(void **state)
{
    static const char *const texts[] = {
        "",
        "120",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Mon, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:60 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Thu, 31 Feb 1994 08:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:3\xff GMT",
    };
    int64_t sec = 77;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# %s\n", texts[i]);
        assert_false(bsi_http_date_parse(bsi_slice_of(texts[i]), &sec));
        assert_int_equal(sec, 77);
    }
}

static void years_of_five_digits_are_not_written(void **state)
{
    char text[BSI_HTTP_DATE_SIZE];

    (void)state;
    assert_status(bsi_http_date_format(BSI_CIVIL_TIME_MAX + 1, text), BS_E_RANGE);
    assert_status(bsi_http_date_format(BSI_CIVIL_TIME_MIN - 1, text), BS_E_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_rfc_is_read_and_written),
        cmocka_unit_test(every_day_comes_back),
        cmocka_unit_test(everything_else_is_no_date),
        cmocka_unit_test(years_of_five_digits_are_not_written),
    };

    return cmocka_run_group_tests_name("net/http_date", tests, NULL, NULL);
}
