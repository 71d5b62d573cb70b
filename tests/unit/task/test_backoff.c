/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "os/fault.h"
#include "os/time.h"
#include "task/backoff.h"

static const bsi_backoff_policy quick = {.base_ms = 1, .cap_ms = 1, .total_ms = 60000};

static bs_status fail_with(bs_status code, bs_retry retry, uint32_t after_ms)
{
    (void)bsi_fail(BS_LAYER_STORAGE, code, "the server answers 503");
    bsi_error_set_retry(retry, after_ms);
    return code;
}

static void waits_double_up_to_the_cap_and_are_spread(void **state)
{
    static const bsi_backoff_policy policy = {.base_ms = 200, .cap_ms = 30000};
    static const struct {
        uint32_t attempt;
        uint32_t longest;
    } cases[] = {{1, 200},   {2, 400},    {3, 800},     {7, 12800},         {8, 25600},
                 {9, 30000}, {33, 30000}, {100, 30000}, {UINT32_MAX, 30000}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(bsi_backoff_ms(&policy, cases[i].attempt, 0), 0);
        assert_int_equal(bsi_backoff_ms(&policy, cases[i].attempt, UINT32_MAX), cases[i].longest);
        assert_in_range(bsi_backoff_ms(&policy, cases[i].attempt, UINT32_C(1) << 31),
                        cases[i].longest / 2, cases[i].longest / 2 + 1);
    }
}

static void only_what_may_pass_is_tried_again(void **state)
{
    bsi_backoff backoff;

    (void)state;
    bsi_backoff_begin(&backoff, &quick);
    assert_ok(bsi_backoff_wait(&backoff, NULL, fail_with(BS_E_IO, BS_RETRY_SAFE, 0)));
    assert_ok(bsi_backoff_wait(&backoff, NULL, fail_with(BS_E_BUSY, BS_RETRY_AFTER, 1)));
    assert_status(bsi_backoff_wait(&backoff, NULL, fail_with(BS_E_IO, BS_RETRY_NEVER, 0)), BS_E_IO);
    assert_string_equal(bs_error_last()->message, "the server answers 503");
    assert_status(bsi_backoff_wait(&backoff, NULL, fail_with(BS_E_NOMEM, BS_RETRY_SAFE, 0)),
                  BS_E_NOMEM);
    /* The record tells of something else. */
    (void)fail_with(BS_E_IO, BS_RETRY_SAFE, 0);
    assert_status(bsi_backoff_wait(&backoff, NULL, BS_E_BUSY), BS_E_BUSY);
    assert_int_equal(backoff.attempts, 2);
}

static void what_the_server_wants_is_waited(void **state)
{
    const int64_t before = bsi_monotonic_ns();
    bsi_backoff backoff;

    (void)state;
    bsi_backoff_begin(&backoff, &quick);
    assert_ok(bsi_backoff_wait(&backoff, NULL, fail_with(BS_E_BUSY, BS_RETRY_AFTER, 30)));
    assert_true(bsi_monotonic_ns() - before >= 30 * INT64_C(1000000));
}

static void there_is_an_end_that_tells_the_cause(void **state)
{
    bsi_backoff backoff;

    (void)state;
    bsi_backoff_begin(&backoff, &quick);
    assert_ok(bsi_backoff_wait(&backoff, NULL, fail_with(BS_E_IO, BS_RETRY_SAFE, 0)));
    assert_status(bsi_backoff_wait(&backoff, NULL, fail_with(BS_E_BUSY, BS_RETRY_AFTER, 70000)),
                  BS_E_BUSY);
    assert_string_equal(bs_error_last()->message, "after 2 attempts: the server answers 503");
    assert_int_equal(bs_error_last()->retry, BS_RETRY_AFTER);
    assert_int_equal(bs_error_last()->retry_after_ms, 70000);
}

static void no_wait_goes_beyond_the_deadline_of_the_call(void **state)
{
    const bs_call call = {.deadline_ns = bsi_monotonic_ns() + INT64_C(50000000000)};
    bsi_backoff backoff;

    (void)state;
    bsi_backoff_begin(&backoff, &quick);
    assert_status(bsi_backoff_wait(&backoff, &call, fail_with(BS_E_BUSY, BS_RETRY_AFTER, 55000)),
                  BS_E_BUSY);
    assert_ok(bsi_backoff_wait(&backoff, &call, fail_with(BS_E_IO, BS_RETRY_SAFE, 0)));
}

static void a_cancelled_call_is_not_waited_for(void **state)
{
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    bsi_backoff backoff;

    (void)state;
    bsi_cancel_request(&cancel);
    bsi_backoff_begin(&backoff, &quick);
    assert_status(bsi_backoff_wait(&backoff, &call, fail_with(BS_E_BUSY, BS_RETRY_AFTER, 50000)),
                  BS_E_CANCELLED);
}

static void without_chance_it_waits_all_the_same(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_RANDOM, .at = 1, .os_code = 5};
    bsi_backoff backoff;

    (void)state;
    bsi_fault_set(&plan);
    bsi_backoff_begin(&backoff, &quick);
    assert_ok(bsi_backoff_wait(&backoff, NULL, fail_with(BS_E_IO, BS_RETRY_SAFE, 0)));
    assert_int_equal(bsi_fault_count(), 1);
    bsi_fault_set(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_the_cap_and_are_spread),
        cmocka_unit_test(only_what_may_pass_is_tried_again),
        cmocka_unit_test(what_the_server_wants_is_waited),
        cmocka_unit_test(there_is_an_end_that_tells_the_cause),
        cmocka_unit_test(no_wait_goes_beyond_the_deadline_of_the_call),
        cmocka_unit_test(a_cancelled_call_is_not_waited_for),
        cmocka_unit_test(without_chance_it_waits_all_the_same),
    };

    return cmocka_run_group_tests_name("task/backoff", tests, NULL, NULL);
}
