/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "os/usage.h"
#include "task/usage.h"

enum { TASKS = 8, BURN_NS = 3000000 };

typedef struct burner {
    bsi_task task; /* First: the pool hands this back. */
    uint64_t sent;
} burner;

static void burn(void)
{
    const int64_t until = bsi_thread_cpu_ns() + BURN_NS;

    while (bsi_thread_cpu_ns() < until) {
    }
}

static void run_burner(bsi_task *task)
{
    const burner *own = (burner *)(void *)task;

    burn();
    bsi_usage_add_network(own->sent, 1);
}

static void submit_all(bsi_pool *pool, burner *burners, uint64_t sent)
{
    for (size_t i = 0; i < TASKS; i++) {
        burners[i] = (burner){.task.run = run_burner, .sent = sent};
        bsi_pool_submit(pool, &burners[i].task);
    }
}

/* With and without threads in the pool, everything is counted when the job leaves. */
static void tasks_count_for_whoever_submitted_them(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads <= 2; threads++) {
        burner burners[2][TASKS];
        bsi_pool *pool = NULL;
        bsi_usage first;
        bsi_usage second;

        assert_ok(bsi_pool_new(threads, &pool));
        bsi_usage_init(&first);
        bsi_usage_init(&second);
        bsi_usage_enter(&first);
        submit_all(pool, burners[0], 10);
        bsi_usage_enter(&second);
        submit_all(pool, burners[1], 1000);
        bsi_usage_enter(&first);
        burn();
        bsi_usage_leave(&first);
        bsi_usage_leave(&second);
        assert_int_equal(first.bytes_sent, TASKS * 10);
        assert_int_equal(second.bytes_sent, TASKS * 1000);
        assert_int_equal(first.bytes_received, TASKS);
        assert_true(first.cpu_ns >= (uint64_t)(TASKS + 1) * BURN_NS);
        assert_true(second.cpu_ns >= (uint64_t)TASKS * BURN_NS);
        bsi_pool_free(pool);
        bsi_usage_dispose(&first);
        bsi_usage_dispose(&second);
    }
}

static void who_works_for_nobody_counts_nowhere(void **state)
{
    bsi_usage usage;

    (void)state;
    bsi_usage_init(&usage);
    bsi_usage_enter(&usage);
    assert_ptr_equal(bsi_usage_current(), &usage);
    bsi_usage_leave(&usage);
    assert_null(bsi_usage_current());
    const uint64_t before = usage.cpu_ns;
    burn();
    bsi_usage_add_network(5, 5);
    bsi_usage_enter(NULL);
    assert_int_equal(usage.cpu_ns, before);
    assert_int_equal(usage.bytes_sent, 0);
    bsi_usage_dispose(&usage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_count_for_whoever_submitted_them),
        cmocka_unit_test(who_works_for_nobody_counts_nowhere),
    };

    return cmocka_run_group_tests_name("task/usage", tests, NULL, NULL);
}
