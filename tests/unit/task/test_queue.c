/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "base/alloc.h"
#include "os/thread.h"
#include "os/time.h"
#include "task/queue.h"

enum { ITEMS = 5000, PUSHERS = 2, POPPERS = 3 };

static int teardown(void **state)
{
    (void)state;
    bsi_alloc_fail_after(-1);
    return 0;
}

static void items_come_in_their_order(void **state)
{
    int items[3];
    bsi_queue *queue = NULL;
    void *item = NULL;

    (void)state;
    assert_ok(bsi_queue_new(2, &queue));
    for (int round = 0; round < 5; round++) {
        assert_ok(bsi_queue_push(queue, NULL, &items[0]));
        assert_ok(bsi_queue_push(queue, NULL, &items[1]));
        assert_ok(bsi_queue_pop(queue, NULL, &item));
        assert_ptr_equal(item, &items[0]);
        assert_ok(bsi_queue_push(queue, NULL, &items[2]));
        assert_ok(bsi_queue_pop(queue, NULL, &item));
        assert_ptr_equal(item, &items[1]);
        assert_ok(bsi_queue_pop(queue, NULL, &item));
        assert_ptr_equal(item, &items[2]);
    }
    bsi_queue_free(queue);
}

static void a_closed_queue_is_emptied_and_takes_nothing(void **state)
{
    int number = 0;
    bsi_queue *queue = NULL;
    void *item = NULL;

    (void)state;
    assert_ok(bsi_queue_new(2, &queue));
    assert_ok(bsi_queue_push(queue, NULL, &number));
    bsi_queue_close(queue);
    bsi_queue_close(queue);
    assert_status(bsi_queue_push(queue, NULL, &number), BS_E_CANCELLED);
    assert_ok(bsi_queue_pop(queue, NULL, &item));
    assert_ptr_equal(item, &number);
    assert_status(bsi_queue_pop(queue, NULL, &item), BS_END);
    bsi_queue_free(queue);
}

static void waiting_ends_with_the_call(void **state)
{
    bsi_cancel cancel = {0};
    const bs_call cancelled = {.cancel = &cancel};
    bs_call late = {0};
    bsi_queue *queue = NULL;
    void *item = NULL;

    (void)state;
    assert_ok(bsi_queue_new(0, &queue));
    late.deadline_ns = bsi_monotonic_ns() + 1000000;
    assert_status(bsi_queue_pop(queue, &late, &item), BS_E_TIMEOUT);
    assert_ok(bsi_queue_push(queue, NULL, &cancel));
    late.deadline_ns = bsi_monotonic_ns() + 1000000;
    assert_status(bsi_queue_push(queue, &late, &cancel), BS_E_TIMEOUT);
    bsi_cancel_request(&cancel);
    assert_status(bsi_queue_push(queue, &cancelled, &cancel), BS_E_CANCELLED);
    assert_status(bsi_queue_pop(queue, &cancelled, &item), BS_E_CANCELLED);
    assert_null(item);
    bsi_queue_free(queue);
}

typedef struct worker {
    bsi_thread thread;
    bsi_queue *queue;
    const bs_call *call;
    uint64_t sum;
    bs_status status;
} worker;

static int numbers[ITEMS];

static void push_all(void *user)
{
    worker *own = user;

    for (int i = 0; i < ITEMS && own->status == BS_OK; i++) {
        own->status = bsi_queue_push(own->queue, own->call, &numbers[i]);
    }
}

static void pop_all(void *user)
{
    worker *own = user;
    void *item = NULL;

    for (;;) {
        own->status = bsi_queue_pop(own->queue, own->call, &item);
        if (own->status != BS_OK) {
            return;
        }
        own->sum += (uint64_t) * (const int *)item;
    }
}

static void start(worker *workers, size_t count, void (*run)(void *), bsi_queue *queue,
                  const bs_call *call)
{
    for (size_t i = 0; i < count; i++) {
        workers[i] = (worker){.queue = queue, .call = call};
        assert_ok(bsi_thread_start(&workers[i].thread, "worker", run, &workers[i]));
    }
}

static void nothing_is_lost_between_many_threads(void **state)
{
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    worker pushers[PUSHERS];
    worker poppers[POPPERS];
    bsi_queue *queue = NULL;
    uint64_t sum = 0;

    (void)state;
    for (int i = 0; i < ITEMS; i++) {
        numbers[i] = i;
    }
    assert_ok(bsi_queue_new(7, &queue));
    start(poppers, POPPERS, pop_all, queue, NULL);
    start(pushers, PUSHERS, push_all, queue, &call);
    for (size_t i = 0; i < PUSHERS; i++) {
        bsi_thread_join(pushers[i].thread);
        assert_int_equal(pushers[i].status, BS_OK);
    }
    bsi_queue_close(queue);
    for (size_t i = 0; i < POPPERS; i++) {
        bsi_thread_join(poppers[i].thread);
        assert_int_equal(poppers[i].status, BS_END);
        sum += poppers[i].sum;
    }
    assert_int_equal(sum, (uint64_t)PUSHERS * ITEMS * (ITEMS - 1) / 2);
    bsi_queue_free(queue);
}

static void cancelling_wakes_who_waits(void **state)
{
    bsi_cancel cancel = {0};
    const bs_call call = {.cancel = &cancel};
    worker poppers[POPPERS];
    bsi_queue *queue = NULL;

    (void)state;
    assert_ok(bsi_queue_new(7, &queue));
    start(poppers, POPPERS, pop_all, queue, &call);
    bsi_cancel_request(&cancel);
    for (size_t i = 0; i < POPPERS; i++) {
        bsi_thread_join(poppers[i].thread);
        assert_int_equal(poppers[i].status, BS_E_CANCELLED);
    }
    bsi_queue_free(queue);
}

static void absurd_sizes_and_lack_of_memory_are_refused(void **state)
{
    bsi_queue *queue = NULL;

    (void)state;
    assert_status(bsi_queue_new(SIZE_MAX, &queue), BS_E_LIMIT);
    assert_status(bsi_queue_new(SIZE_MAX / sizeof(void *), &queue), BS_E_LIMIT);
    bsi_alloc_fail_after(0);
    assert_status(bsi_queue_new(1, &queue), BS_E_NOMEM);
    assert_null(queue);
    bsi_queue_free(NULL);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(items_come_in_their_order),  TEST(a_closed_queue_is_emptied_and_takes_nothing),
        TEST(waiting_ends_with_the_call), TEST(nothing_is_lost_between_many_threads),
        TEST(cancelling_wakes_who_waits), TEST(absurd_sizes_and_lack_of_memory_are_refused),
    };

    return cmocka_run_group_tests_name("task/queue", tests, NULL, NULL);
}
