/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "os/fault.h"
#include "task/pool.h"

enum { TASKS = 1000 };

typedef struct counted_task {
    bsi_task task; /* First: the pool hands this back. */
    atomic_int *runs;
    bsi_latch *latch;
} counted_task;

static counted_task tasks[TASKS];

static void count_run(bsi_task *task)
{
    counted_task *own = (counted_task *)task;

    atomic_fetch_add(own->runs, 1);
    if (own->latch) {
        bsi_latch_done(own->latch);
    }
}

static int teardown(void **state)
{
    (void)state;
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    return 0;
}

static void submit_all(bsi_pool *pool, atomic_int *runs, bsi_latch *latch)
{
    for (size_t i = 0; i < TASKS; i++) {
        tasks[i] = (counted_task){.task.run = count_run, .runs = runs, .latch = latch};
        if (latch) {
            bsi_latch_add(latch);
        }
        bsi_pool_submit(pool, &tasks[i].task);
    }
}

static void every_task_runs_once(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads <= 4; threads += 2) {
        atomic_int runs = 0;
        bsi_pool *pool = NULL;
        bsi_latch latch;

        bsi_latch_init(&latch);
        assert_ok(bsi_pool_new(threads, &pool));
        assert_int_equal(bsi_pool_threads(pool), threads);
        submit_all(pool, &runs, &latch);
        bsi_latch_wait(&latch, 0);
        assert_int_equal(atomic_load(&runs), TASKS);
        bsi_latch_dispose(&latch);
        bsi_pool_free(pool);
    }
}

static void what_is_queued_runs_before_the_pool_ends(void **state)
{
    atomic_int runs = 0;
    bsi_pool *pool = NULL;

    (void)state;
    assert_ok(bsi_pool_new(2, &pool));
    submit_all(pool, &runs, NULL);
    bsi_pool_free(pool);
    assert_int_equal(atomic_load(&runs), TASKS);
    bsi_pool_free(NULL);
}

static void too_few_threads_are_enough(void **state)
{
    bsi_fault_plan plan = {
        .op_mask = 1u << BSI_OS_THREAD, .at = 1, .os_code = EAGAIN, .forever = true};

    (void)state;
    for (unsigned got = 0; got < 3; got++) {
        atomic_int runs = 0;
        bsi_pool *pool = NULL;

        plan.at = got + 1;
        bsi_fault_set(&plan);
        assert_ok(bsi_pool_new(4, &pool));
        bsi_fault_set(NULL);
        assert_int_equal(bsi_pool_threads(pool), got);
        submit_all(pool, &runs, NULL);
        bsi_pool_free(pool);
        assert_int_equal(atomic_load(&runs), TASKS);
    }
}

static void lack_of_memory_gives_no_pool_or_fewer_threads(void **state)
{
    bsi_pool *pool = NULL;

    (void)state;
    bsi_alloc_fail_after(0);
    assert_status(bsi_pool_new(2, &pool), BS_E_NOMEM);
    assert_null(pool);
    bsi_alloc_fail_after(1);
    assert_ok(bsi_pool_new(2, &pool));
    assert_int_equal(bsi_pool_threads(pool), 0);
    bsi_pool_free(pool);
}

/* The latch lives on the waiter's stack and is gone when the waiter returns. */
static void a_latch_may_go_when_its_waiter_does(void **state)
{
    atomic_int runs = 0;
    bsi_pool *pool = NULL;

    (void)state;
    assert_ok(bsi_pool_new(2, &pool));
    for (size_t i = 0; i < TASKS; i++) {
        bsi_latch *latch = bsi_alloc(sizeof(*latch));

        assert_non_null(latch);
        bsi_latch_init(latch);
        bsi_latch_add(latch);
        tasks[i] = (counted_task){.task.run = count_run, .runs = &runs, .latch = latch};
        bsi_pool_submit(pool, &tasks[i].task);
        bsi_latch_wait(latch, 0);
        bsi_latch_dispose(latch);
        bsi_free(latch);
    }
    assert_int_equal(atomic_load(&runs), TASKS);
    bsi_pool_free(pool);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_task_runs_once),
        TEST(what_is_queued_runs_before_the_pool_ends),
        TEST(too_few_threads_are_enough),
        TEST(lack_of_memory_gives_no_pool_or_fewer_threads),
        TEST(a_latch_may_go_when_its_waiter_does),
    };

    return cmocka_run_group_tests_name("task/pool", tests, NULL, NULL);
}
