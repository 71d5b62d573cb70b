/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "os/time.h"
#include "task/call.h"

static void no_call_never_ends(void **state)
{
    const bs_call call = {0};

    (void)state;
    assert_ok(bsi_call_check(NULL));
    assert_ok(bsi_call_check(&call));
}

static void a_cancelled_call_stays_cancelled(void **state)
{
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel, .deadline_ns = 1};
    const bs_call endless = {.cancel = &cancel};

    (void)state;
    assert_ok(bsi_call_check(&endless));
    bsi_cancel_request(&cancel);
    assert_status(bsi_call_check(&endless), BS_E_CANCELLED);
    assert_status(bsi_call_check(&call), BS_E_CANCELLED);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_SYSTEM);
}

static void a_deadline_ends_the_call(void **state)
{
    const bs_call late = {.deadline_ns = bsi_monotonic_ns()};
    const bs_call early = {.deadline_ns = INT64_MAX};

    (void)state;
    assert_status(bsi_call_check(&late), BS_E_TIMEOUT);
    assert_ok(bsi_call_check(&early));
}

static void a_wait_lasts_until_its_end_or_that_of_the_call(void **state)
{
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    const bs_call late = {.deadline_ns = bsi_monotonic_ns() + 1};
    const int64_t begin = bsi_monotonic_ns();

    (void)state;
    assert_ok(bsi_call_wait(NULL, 0));
    assert_ok(bsi_call_wait(&call, 2));
    assert_true(bsi_monotonic_ns() - begin >= 2000000);
    assert_status(bsi_call_wait(&late, UINT32_MAX), BS_E_TIMEOUT);
    bsi_cancel_request(&cancel);
    assert_status(bsi_call_wait(&call, UINT32_MAX), BS_E_CANCELLED);
    assert_status(bsi_call_wait(&call, 0), BS_E_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_call_never_ends),
        cmocka_unit_test(a_cancelled_call_stays_cancelled),
        cmocka_unit_test(a_deadline_ends_the_call),
        cmocka_unit_test(a_wait_lasts_until_its_end_or_that_of_the_call),
    };

    return cmocka_run_group_tests_name("task/call", tests, NULL, NULL);
}
