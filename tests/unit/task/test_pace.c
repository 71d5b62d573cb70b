/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "os/fault.h"
#include "os/thread.h"
#include "os/time.h"
#include "task/pace.h"

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)

static bsi_pace pace;

static int setup(void **state)
{
    (void)state;
    bsi_pace_init(&pace);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bsi_clock_leap(false);
    bsi_pace_dispose(&pace);
    return 0;
}

/* How many pieces go in a time, when each is tried as soon as it may be. */
static uint64_t pieces_in(uint64_t rate, uint64_t size, int64_t from_ns, int64_t time_ns)
{
    uint64_t pieces = 0;
    int64_t now = from_ns;

    while (now < from_ns + time_ns) {
        const int64_t wait = bsi_pace_try(&pace, rate, size, now);
        pieces += wait == 0;
        now += wait;
    }
    return pieces;
}

static void pieces_of_any_size_keep_to_the_rate(void **state)
{
    static const uint64_t sizes[] = {1, 1000, 4096, 65536, 1048576, 123456789};
    const uint64_t rate = 1000000;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(sizes); i++) {
        const uint64_t most = 10000 * sizes[i];
        const int64_t time = (int64_t)most * (SECOND / 1000000);
        uint64_t bytes = 0;

        bsi_pace_init(&pace);
        bytes = sizes[i] * pieces_in(rate, sizes[i], 7 * HOUR, time);
        assert_true(bytes <= most + rate / 10 + sizes[i]);
        assert_true(bytes + sizes[i] + 1000 >= most);
    }
}

static void without_a_rate_nobody_waits(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(bsi_pace_try(&pace, 0, UINT64_MAX, 1), 0);
    }
}

static void what_was_not_taken_is_lost(void **state)
{
    (void)state;
    assert_int_equal(bsi_pace_try(&pace, 1000, 1000, SECOND), 0);
    /* An hour later there is a tenth of a second's, and one piece more. */
    assert_int_equal(bsi_pace_try(&pace, 1000, 100, HOUR), 0);
    assert_int_equal(bsi_pace_try(&pace, 1000, 1000, HOUR), 0);
    assert_true(bsi_pace_try(&pace, 1000, 1, HOUR) == SECOND);
}

static void a_rate_that_rises_shortens_the_wait(void **state)
{
    (void)state;
    assert_int_equal(bsi_pace_try(&pace, 1000, 1000000, 0), 0);
    assert_true(bsi_pace_try(&pace, 1000, 1, 0) == 1000 * SECOND);
    assert_true(bsi_pace_try(&pace, 1000000, 1, 0) == SECOND);
    assert_int_equal(bsi_pace_try(&pace, 0, 1, 0), 0);
    assert_int_equal(bsi_pace_try(&pace, 1000, 1, 1), 0);
}

static void a_clock_that_stands_does_no_harm(void **state)
{
    (void)state;
    assert_int_equal(bsi_pace_try(&pace, 1000, 500, HOUR), 0);
    assert_true(bsi_pace_try(&pace, 1000, 1, HOUR) > 0);
    assert_true(bsi_pace_try(&pace, 1000, 1, HOUR - 1) > 0);
    assert_int_equal(bsi_pace_try(&pace, 1000, 1, HOUR + SECOND), 0);
}

static void the_largest_numbers_are_waited_for(void **state)
{
    (void)state;
    assert_int_equal(bsi_pace_try(&pace, 1, 1, 0), 0);
    assert_true(bsi_pace_try(&pace, 1024, UINT64_C(1) << 40, SECOND) == 0);
    assert_true(bsi_pace_try(&pace, 1024, 1, SECOND) == HOUR);
    assert_true(bsi_pace_try(&pace, 1, 1, 2 * SECOND) == HOUR);
    assert_int_equal(bsi_pace_try(&pace, UINT64_C(1) << 50, UINT64_C(1) << 50, HOUR), 0);
}

static uint64_t fixed(void *user)
{
    return *(const uint64_t *)user;
}

static void a_piece_is_taken_when_its_turn_has_come(void **state)
{
    uint64_t rate = 1000;
    const int64_t began = bsi_monotonic_ns();

    (void)state;
    bsi_clock_leap(true);
    for (int i = 0; i < 11; i++) {
        assert_ok(bsi_pace_take(&pace, NULL, 6000, fixed, &rate));
    }
    /* Ten times six seconds, all of it leapt over. */
    assert_true(bsi_monotonic_ns() - began >= 59 * SECOND);
    assert_true(bsi_monotonic_ns() - began < HOUR);
}

typedef struct riser {
    uint64_t asked;
} riser;

/* Slow as if for ever, until it has been asked a few times. */
static uint64_t rising(void *user)
{
    riser *self = user;

    return ++self->asked < 5 ? 1 : 1000000000;
}

static void a_rate_that_changes_counts_for_who_waits(void **state)
{
    riser rate = {0};
    const int64_t began = bsi_monotonic_ns();

    (void)state;
    bsi_clock_leap(true);
    assert_ok(bsi_pace_take(&pace, NULL, 1000000000, rising, &rate));
    assert_ok(bsi_pace_take(&pace, NULL, 1, rising, &rate));
    assert_true(bsi_monotonic_ns() - began < 10 * SECOND);
}

typedef struct waiter {
    const bs_call *call;
    bs_status status;
} waiter;

static void wait_for_ever(void *user)
{
    waiter *self = user;
    uint64_t rate = 1;

    self->status = bsi_pace_take(&pace, self->call, 1, fixed, &rate);
}

static void who_waits_can_be_cancelled(void **state)
{
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    waiter one = {.call = &call, .status = BS_OK};
    bsi_thread thread;

    (void)state;
    assert_int_equal(bsi_pace_try(&pace, 1, UINT64_C(1) << 40, bsi_monotonic_ns()), 0);
    assert_ok(bsi_thread_start(&thread, "waiter", wait_for_ever, &one));
    bsi_cancel_request(&cancel);
    bsi_thread_join(thread);
    assert_int_equal(one.status, BS_E_CANCELLED);
}

static void a_deadline_ends_the_wait(void **state)
{
    uint64_t rate = 1;
    const bs_call call = {.deadline_ns = bsi_monotonic_ns() + 10 * SECOND};

    (void)state;
    bsi_clock_leap(true);
    assert_int_equal(bsi_pace_try(&pace, 1, UINT64_C(1) << 40, bsi_monotonic_ns()), 0);
    assert_status(bsi_pace_take(&pace, &call, 1, fixed, &rate), BS_E_TIMEOUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pieces_of_any_size_keep_to_the_rate),
        TEST(without_a_rate_nobody_waits),
        TEST(what_was_not_taken_is_lost),
        TEST(a_rate_that_rises_shortens_the_wait),
        TEST(a_clock_that_stands_does_no_harm),
        TEST(the_largest_numbers_are_waited_for),
        TEST(a_piece_is_taken_when_its_turn_has_come),
        TEST(a_rate_that_changes_counts_for_who_waits),
        TEST(who_waits_can_be_cancelled),
        TEST(a_deadline_ends_the_wait),
    };

    return cmocka_run_group_tests_name("task/pace", tests, NULL, NULL);
}
