/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

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

/* Nobody reads from it any more. */
static int broken_pipe(void)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]);
    return ends[1];
}

static bool pipe_signal_is_in(const sigset_t *set)
{
    return sigismember(set, SIGPIPE) == 1;
}

static void a_broken_pipe_is_an_error_and_no_signal_while_guarded(void **state)
{
    bsi_pipe_guard guard;
    sigset_t blocked;
    sigset_t pending;
    const int end = broken_pipe();

    (void)state;
    bsi_pipe_guard_begin(&guard);
    assert_int_equal(write(end, "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    bsi_pipe_guard_end(&guard);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &blocked), 0);
    assert_int_equal(sigpending(&pending), 0);
    assert_false(pipe_signal_is_in(&blocked));
    assert_false(pipe_signal_is_in(&pending));
    (void)close(end);
}

static void a_signal_that_waited_before_the_guard_waits_behind_it(void **state)
{
    bsi_pipe_guard guard;
    sigset_t blocked;
    sigset_t pending;

    (void)state;
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &blocked, NULL), 0);
    assert_int_equal(raise(SIGPIPE), 0);
    bsi_pipe_guard_begin(&guard);
    bsi_pipe_guard_end(&guard);
    assert_int_equal(sigpending(&pending), 0);
    assert_true(pipe_signal_is_in(&pending));
    assert_int_equal(sigwaitinfo(&blocked, NULL), SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &blocked, NULL), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_thread_has_a_name_and_takes_no_signals),
        TEST(a_thread_that_cannot_start_is_an_error),
        TEST(a_wait_ends_at_its_time),
        TEST(there_is_a_processor),
        TEST(a_broken_pipe_is_an_error_and_no_signal_while_guarded),
        TEST(a_signal_that_waited_before_the_guard_waits_behind_it),
    };

    return cmocka_run_group_tests_name("os/thread", tests, NULL, NULL);
}
