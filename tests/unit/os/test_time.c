/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "os/fault.h"
#include "os/time.h"

static int teardown(void **state)
{
    (void)state;
    bsi_clock_shift(0);
    return 0;
}

static void times_compare_by_seconds_first(void **state)
{
    const bsi_time a = {.sec = -1, .nsec = 999999999};
    const bsi_time b = {.sec = 0, .nsec = 0};
    const bsi_time c = {.sec = 0, .nsec = 1};

    (void)state;
    assert_int_equal(bsi_time_compare(&a, &b), -1);
    assert_int_equal(bsi_time_compare(&b, &a), 1);
    assert_int_equal(bsi_time_compare(&b, &c), -1);
    assert_int_equal(bsi_time_compare(&c, &b), 1);
    assert_int_equal(bsi_time_compare(&c, &c), 0);
}

static void the_wall_clock_can_be_moved_and_the_other_not(void **state)
{
    const bsi_time before = bsi_now();
    const int64_t start = bsi_monotonic_ns();
    bsi_time after;

    (void)state;
    bsi_clock_shift(1000000);
    after = bsi_now();
    assert_true(after.sec - before.sec >= 1000000);
    assert_true(after.nsec >= 0 && after.nsec < 1000000000);
    assert_true(bsi_monotonic_ns() >= start);
    assert_true(bsi_monotonic_ns() - start < INT64_C(900000) * 1000000000);
}

static void the_wall_clock_can_stand_still(void **state)
{
    const bsi_time before = bsi_now();

    (void)state;
    bsi_clock_stop(1800000000);
    assert_int_equal(bsi_now().sec, 1800000000);
    assert_int_equal(bsi_now().nsec, 0);
    bsi_clock_shift(0);
    assert_true(bsi_time_compare(&before, &(bsi_time){.sec = bsi_now().sec + 1}) < 0);
    assert_int_not_equal(bsi_now().sec, 1800000000);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(times_compare_by_seconds_first),
        TEST(the_wall_clock_can_be_moved_and_the_other_not),
        TEST(the_wall_clock_can_stand_still),
    };

    return cmocka_run_group_tests_name("os/time", tests, NULL, NULL);
}
