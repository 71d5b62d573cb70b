/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "base/calendar.h"

static void every_day_of_ten_thousand_years_comes_back(void **state)
{
    bsi_civil before = {.year = -1, .month = 12, .day = 31, .weekday = 5};

    (void)state;
    for (int64_t day = -719528; day <= 2932896; day++) {
        bsi_civil civil;

        assert_ok(bsi_civil_from_time(day * 86400 + 86399, &civil));
        assert_true(bsi_days_from_civil(civil.year, civil.month, civil.day) == day);
        assert_true(bsi_time_from_civil(&civil) == day * 86400 + 86399);
        assert_in_range(civil.day, 1, bsi_days_in_month(civil.year, civil.month));
        assert_int_equal(civil.weekday, (before.weekday + 1) % 7);
        assert_true(civil.day == before.day + 1 ||
                    (civil.day == 1 && (civil.month == before.month + 1 ||
                                        (civil.month == 1 && civil.year == before.year + 1))));
        before = civil;
    }
    assert_int_equal(before.year, 9999);
}

static void the_epoch_was_a_thursday(void **state)
{
    bsi_civil civil;

    (void)state;
    assert_ok(bsi_civil_from_time(0, &civil));
    assert_int_equal(civil.weekday, 4);
}

static void a_day_beyond_its_month_is_carried_over(void **state)
{
    (void)state;
    assert_true(bsi_days_from_civil(2026, 2, 29) == bsi_days_from_civil(2026, 3, 1));
    assert_true(bsi_days_from_civil(2026, 1, 0) == bsi_days_from_civil(2025, 12, 31));
}

static void months_have_their_days(void **state)
{
    (void)state;
    assert_int_equal(bsi_days_in_month(2026, 2), 28);
    assert_int_equal(bsi_days_in_month(2028, 2), 29);
    assert_int_equal(bsi_days_in_month(2100, 2), 28);
    assert_int_equal(bsi_days_in_month(2000, 2), 29);
    assert_int_equal(bsi_days_in_month(2026, 4), 30);
    assert_int_equal(bsi_days_in_month(2026, 12), 31);
}

static void times_outside_of_the_calendar_are_refused(void **state)
{
    static const int64_t times[] = {BSI_CIVIL_TIME_MIN - 1, BSI_CIVIL_TIME_MAX + 1, INT64_MIN,
                                    INT64_MAX};
    bsi_civil civil;

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        assert_status(bsi_civil_from_time(times[i], &civil), BS_E_RANGE);
    }
    assert_ok(bsi_civil_from_time(BSI_CIVIL_TIME_MIN, &civil));
    assert_ok(bsi_civil_from_time(BSI_CIVIL_TIME_MAX, &civil));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_of_ten_thousand_years_comes_back),
        cmocka_unit_test(the_epoch_was_a_thursday),
        cmocka_unit_test(a_day_beyond_its_month_is_carried_over),
        cmocka_unit_test(months_have_their_days),
        cmocka_unit_test(times_outside_of_the_calendar_are_refused),
    };

    return cmocka_run_group_tests_name("base/calendar", tests, NULL, NULL);
}
