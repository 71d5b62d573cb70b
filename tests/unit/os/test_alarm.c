/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>

#include "os/alarm.h"
#include "os/fault.h"
#include "os/thread.h"
#include "os/time.h"

static int setup(void **state)
{
    return bsi_alarm_new((bsi_alarm **)state) == BS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    bsi_clock_shift(0);
    bsi_alarm_free(*state);
    return 0;
}

static void a_time_that_is_over_rings_at_once(void **state)
{
    bsi_alarm_wait(*state, bsi_now().sec);
    bsi_alarm_wait(*state, 1);
    bsi_alarm_wait(*state, 0);
    bsi_alarm_wait(*state, -5);
}

static void it_does_not_ring_before_its_time(void **state)
{
    const int64_t until = bsi_now().sec + 1;

    bsi_alarm_wait(*state, until);
    assert_true(bsi_now().sec >= until);
}

static void it_goes_by_the_clock_that_a_test_has_moved(void **state)
{
    const int64_t real = bsi_now().sec;

    bsi_clock_shift(1000);
    bsi_alarm_wait(*state, real + 1000);
    bsi_clock_shift(-1000);
    bsi_alarm_wait(*state, real - 1000);
    assert_true(bsi_now().sec < real);
}

static void it_does_not_ring_while_the_clock_stands(void **state)
{
    bsi_clock_stop(1000);
    bsi_alarm_wait(*state, 1000);
    bsi_alarm_wake(*state);
    bsi_alarm_wait(*state, 1001);
    assert_int_equal(bsi_now().sec, 1000);
}

static void who_wakes_it_first_is_not_forgotten(void **state)
{
    bsi_alarm_wake(*state);
    bsi_alarm_wake(*state);
    bsi_alarm_wait(*state, INT64_MAX);
}

static void wake(void *alarm)
{
    bsi_alarm_wake(alarm);
}

static void another_thread_wakes_it(void **state)
{
    bsi_thread thread;

    assert_ok(bsi_thread_start(&thread, "waker", wake, *state));
    bsi_alarm_wait(*state, INT64_MAX);
    bsi_thread_join(thread);
}

static void what_the_system_refuses_is_told(void **state)
{
    bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_THREAD, .os_code = EMFILE};
    bsi_alarm *alarm = NULL;

    (void)state;
    for (plan.at = 1; plan.at <= 2; plan.at++) {
        bsi_fault_set(&plan);
        assert_true(bsi_alarm_new(&alarm) < 0);
        bsi_fault_set(NULL);
        assert_null(alarm);
        assert_int_equal(bs_error_last()->os_code, EMFILE);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_time_that_is_over_rings_at_once),
        TEST(it_does_not_ring_before_its_time),
        TEST(it_goes_by_the_clock_that_a_test_has_moved),
        TEST(it_does_not_ring_while_the_clock_stands),
        TEST(who_wakes_it_first_is_not_forgotten),
        TEST(another_thread_wakes_it),
        TEST(what_the_system_refuses_is_told),
    };

    return cmocka_run_group_tests_name("os/alarm", tests, NULL, NULL);
}
