/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "text/size.h"

static void sizes_are_understood(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"1048576", 1048576},
        {"10GB", 10000000000u},
        {"64KiB", 65536},
        {"64kib", 65536},
        {"1.5 GiB", 1610612736u},
        {"1.5G", 1500000000u},
        {"100MB", 100000000u},
        {"2Mi", 2097152},
        {"7B", 7},
        {"7 b", 7},
        {"0.000000001GB", 1},
        {"0.9999KiB", 1023},
        {"15EiB", 17293822569102704640u},
        {"15.999999999EiB", 18446744072556630111u},
        {"18446744073709551615", UINT64_MAX},
        {"18.446744073EB", 18446744073000000000u},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t bytes = 1;

        print_message("# %s\n", cases[i].text);
        assert_ok(bsi_size_parse(cases[i].text, &bytes));
        assert_true(bytes == cases[i].bytes);
    }
}

static void other_sizes_are_refused(void **state)
{
    static const char *const texts[] = {
        "",       "GB",    "-1",    "+1",
        "1.5",    "1.5B",  "1.GB",  ".5GB",
        "1,5GB",  "1  GB", "1 ",    " 1",
        "1XB",    "1KiBs", "16EiB", "18446744073709551616",
        "19EB",   "0x10",  "1e3",   "1.0000000001GB",
        "18.5EB",
    };
    uint64_t bytes = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# %s\n", texts[i]);
        assert_status(bsi_size_parse(texts[i], &bytes), BS_E_INVALID);
        assert_true(bytes == 7);
    }
}

static void durations_are_understood(void **state)
{
    uint64_t seconds = 0;

    (void)state;
    assert_ok(bsi_duration_parse("90", &seconds));
    assert_true(seconds == 90);
    assert_ok(bsi_duration_parse("30s", &seconds));
    assert_true(seconds == 30);
    assert_ok(bsi_duration_parse("5m", &seconds));
    assert_true(seconds == 300);
    assert_ok(bsi_duration_parse("2h", &seconds));
    assert_true(seconds == 7200);
    assert_ok(bsi_duration_parse("7d", &seconds));
    assert_true(seconds == 604800);
    assert_ok(bsi_duration_parse("2w", &seconds));
    assert_true(seconds == 1209600);
}

static void other_durations_are_refused(void **state)
{
    static const char *const texts[] = {
        "", "s", "-5m", "1.5h", "5 m", "5M", "5min", "m5", "18446744073709551615m"};
    uint64_t seconds = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# %s\n", texts[i]);
        assert_status(bsi_duration_parse(texts[i], &seconds), BS_E_INVALID);
        assert_true(seconds == 7);
    }
}

static void sizes_for_people_have_one_decimal(void **state)
{
    char out[BSI_SIZE_TEXT_SIZE];

    (void)state;
    assert_string_equal(bsi_size_format(0, out), "0 B");
    assert_string_equal(bsi_size_format(1023, out), "1023 B");
    assert_string_equal(bsi_size_format(1024, out), "1.0 KiB");
    assert_string_equal(bsi_size_format(1610612736, out), "1.5 GiB");
    assert_string_equal(bsi_size_format(1048575, out), "1023.9 KiB");
    assert_string_equal(bsi_size_format(UINT64_MAX, out), "15.9 EiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_understood),
        cmocka_unit_test(other_sizes_are_refused),
        cmocka_unit_test(durations_are_understood),
        cmocka_unit_test(other_durations_are_refused),
        cmocka_unit_test(sizes_for_people_have_one_decimal),
    };

    return cmocka_run_group_tests_name("text/size", tests, NULL, NULL);
}
