/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "os/fault.h"
#include "os/thread.h"
#include "os/time.h"

typedef struct seen {
    bool term_blocked;
    bool fault_blocked;
    char name[16];
} seen;

static int teardown(void **state)
{
    (void)state;
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    return 0;
}

static void look_around(void *user)
{
    seen *out = user;
    sigset_t blocked;

    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    out->term_blocked = sigismember(&blocked, SIGTERM) == 1;
    out->fault_blocked = sigismember(&blocked, SIGSEGV) == 1;
    (void)pthread_getname_np(pthread_self(), out->name, sizeof(out->name));
}

static void a_thread_has_a_name_and_takes_no_signals(void **state)
{
    seen own = {0};
    sigset_t before;
    bsi_thread thread;

    (void)state;
    assert_ok(bsi_thread_start(&thread, "a-name-longer-than-15", look_around, &own));
    bsi_thread_join(thread);
    assert_true(own.term_blocked);
    assert_false(own.fault_blocked);
    assert_string_equal(own.name, "a-name-longer-t");
    (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(sigismember(&before, SIGTERM), 0);
}

static void a_thread_that_cannot_start_is_an_error(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_THREAD, .at = 1, .os_code = EAGAIN};
    bsi_thread thread;

    (void)state;
    bsi_fault_set(&plan);
    assert_status(bsi_thread_start(&thread, "x", look_around, NULL), BS_E_BUSY);
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(0);
    assert_status(bsi_thread_start(&thread, "x", look_around, NULL), BS_E_NOMEM);
}

static void a_wait_ends_at_its_time(void **state)
{
    const int64_t until = bsi_monotonic_ns() + 1000000;
    bsi_mutex mutex;
    bsi_cond cond;

    (void)state;
    bsi_mutex_init(&mutex);
    bsi_cond_init(&cond);
    bsi_mutex_lock(&mutex);
    while (bsi_cond_wait_until(&cond, &mutex, until)) {
        assert_true(bsi_monotonic_ns() < until); /* Woken for nothing. */
    }
    assert_true(bsi_monotonic_ns() >= until);
    bsi_mutex_unlock(&mutex);
    bsi_cond_dispose(&cond);
    bsi_mutex_dispose(&mutex);
}

static void there_is_a_processor(void **state)
{
    (void)state;
    assert_true(bsi_cpu_count() >= 1);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_thread_has_a_name_and_takes_no_signals),
        TEST(a_thread_that_cannot_start_is_an_error),
        TEST(a_wait_ends_at_its_time),
        TEST(there_is_a_processor),
    };

    return cmocka_run_group_tests_name("os/thread", tests, NULL, NULL);
}
