/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "task/lane.h"
#include "task/usage.h"

enum { PIECES = 2000, LARGE = 4 * BSI_LANE_COPIED };

static int teardown(void **state)
{
    (void)state;
    bsi_alloc_fail_after(-1);
    return 0;
}

/* Takes bytes that count up, and fails at one of them. */
typedef struct taker {
    size_t taken;
    size_t fail_at; /* A number of pieces, from 1; 0: never. */
    bool wrong;
} taker;

static bs_status take(void *user, const void *data, size_t size)
{
    taker *self = user;
    const uint8_t *bytes = data;

    self->taken++;
    for (size_t i = 0; i < size; i++) {
        self->wrong = self->wrong || bytes[i] != (uint8_t)self->taken;
    }
    return self->taken == self->fail_at ? bsi_fail(BS_LAYER_STORAGE, BS_E_NO_SPACE, "full") : BS_OK;
}

static void order_with(unsigned threads)
{
    static uint8_t bytes[8][LARGE];
    uint64_t tickets[8] = {0};
    taker self = {0};
    bsi_pool *pool = NULL;
    bsi_lane *lane = NULL;

    assert_ok(bsi_pool_new(threads, &pool));
    assert_ok(bsi_lane_new(pool, "test", &lane));
    for (size_t i = 0; i < PIECES; i++) {
        const size_t place = i % 8;
        assert_ok(bsi_lane_wait(lane, tickets[place]));
        memset(bytes[place], (int)(uint8_t)(i + 1), LARGE);
        tickets[place] = bsi_lane_add(lane, take, &self, bytes[place], i % 3 == 0 ? 5 : LARGE);
    }
    assert_ok(bsi_lane_wait(lane, tickets[(PIECES - 1) % 8]));
    assert_int_equal(self.taken, PIECES);
    assert_false(self.wrong);
    bsi_lane_free(lane);
    bsi_pool_free(pool);
}

static void copies_with(unsigned threads)
{
    uint8_t byte = 0;
    taker self = {0};
    bsi_pool *pool = NULL;
    bsi_lane *lane = NULL;

    assert_ok(bsi_pool_new(threads, &pool));
    assert_ok(bsi_lane_new(pool, "test", &lane));
    for (size_t i = 0; i < PIECES; i++) {
        byte = (uint8_t)(i + 1);
        (void)bsi_lane_add(lane, take, &self, &byte, 1);
    }
    bsi_lane_free(lane);
    assert_int_equal(self.taken, PIECES);
    assert_false(self.wrong);
    bsi_pool_free(pool);
}

static void failure_with(unsigned threads)
{
    taker self = {.fail_at = 3};
    uint64_t ticket = 0;
    bsi_pool *pool = NULL;
    bsi_lane *lane = NULL;

    assert_ok(bsi_pool_new(threads, &pool));
    assert_ok(bsi_lane_new(pool, "test", &lane));
    for (uint8_t i = 1; i <= 100; i++) {
        ticket = bsi_lane_add(lane, take, &self, &i, 1);
    }
    assert_status(bsi_lane_wait(lane, ticket), BS_E_NO_SPACE);
    assert_string_equal(bs_error_last()->message, "full");
    assert_status(bsi_lane_wait(lane, 0), BS_E_NO_SPACE);
    assert_int_equal(self.taken, 3);
    bsi_lane_free(lane);
    bsi_pool_free(pool);
}

static void burn(void)
{
    volatile unsigned sum = 0;

    for (unsigned i = 0; i < 20u * 1000 * 1000; i++) {
        sum = sum + i;
    }
}

static bs_status burn_some(void *user, const void *data, size_t size)
{
    (void)user;
    (void)data;
    (void)size;
    burn();
    return BS_OK;
}

static void time_with(unsigned threads)
{
    bsi_usage usage;
    bsi_pool *pool = NULL;
    bsi_lane *lane = NULL;

    assert_ok(bsi_pool_new(threads, &pool));
    bsi_usage_init(&usage);
    bsi_usage_enter(&usage);
    assert_ok(bsi_lane_new(pool, "test", &lane));
    (void)bsi_lane_add(lane, burn_some, NULL, "", 0);
    bsi_lane_free(lane);
    bsi_usage_leave(&usage);
    assert_true(atomic_load(&usage.cpu_ns) > 1000 * 1000);
    bsi_usage_dispose(&usage);
    bsi_pool_free(pool);
}

static void without_memory_there_is_none(void **state)
{
    bsi_pool *pool = NULL;
    bsi_lane *lane = NULL;

    (void)state;
    assert_ok(bsi_pool_new(1, &pool));
    bsi_alloc_fail_after(0);
    assert_status(bsi_lane_new(pool, "test", &lane), BS_E_NOMEM);
    bsi_alloc_fail_after(-1);
    assert_null(lane);
    bsi_pool_free(pool);
}

/* Beside a pool with threads, and beside one without. */
static void pieces_are_done_in_their_order(void **state)
{
    (void)state;
    order_with(1);
    order_with(0);
}

static void small_pieces_are_copied(void **state)
{
    (void)state;
    copies_with(1);
    copies_with(0);
}

static void after_a_failure_nothing_is_done(void **state)
{
    (void)state;
    failure_with(1);
    failure_with(0);
}

static void its_time_is_counted_for_the_job(void **state)
{
    (void)state;
    time_with(1);
    time_with(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_done_in_their_order),
        cmocka_unit_test(small_pieces_are_copied),
        cmocka_unit_test(after_a_failure_nothing_is_done),
        cmocka_unit_test(its_time_is_counted_for_the_job),
        cmocka_unit_test_teardown(without_memory_there_is_none, teardown),
    };

    return cmocka_run_group_tests_name("task/lane", tests, NULL, NULL);
}
