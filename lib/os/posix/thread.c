/* SPDX-License-Identifier: MIT */
/*
 * Threads, locks and conditions over pthreads.
 */
#include "os/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/posix/posix.h"

enum {
    NS_PER_SEC = 1000000000,
    NAME_SIZE = 16, /* What Linux keeps of a thread's name. */
};

/* What a new thread is told; it frees this. */
typedef struct thread_start {
    void (*run)(void *);
    void *user;
    char name[NAME_SIZE];
} thread_start;

/* None of the calls below fails on an object that was initialised and is used as POSIX says. */
static void must_work(int code)
{
    BSI_ASSERT(code == 0);
}

void bsi_mutex_init(bsi_mutex *mutex)
{
    must_work(pthread_mutex_init(mutex, NULL));
}

void bsi_mutex_dispose(bsi_mutex *mutex)
{
    must_work(pthread_mutex_destroy(mutex));
}

void bsi_mutex_lock(bsi_mutex *mutex)
{
    must_work(pthread_mutex_lock(mutex));
}

void bsi_mutex_unlock(bsi_mutex *mutex)
{
    must_work(pthread_mutex_unlock(mutex));
}

void bsi_cond_init(bsi_cond *cond)
{
    pthread_condattr_t attributes;

    must_work(pthread_condattr_init(&attributes));
    must_work(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must_work(pthread_cond_init(cond, &attributes));
    must_work(pthread_condattr_destroy(&attributes));
}

void bsi_cond_dispose(bsi_cond *cond)
{
    must_work(pthread_cond_destroy(cond));
}

void bsi_cond_wait(bsi_cond *cond, bsi_mutex *mutex)
{
    must_work(pthread_cond_wait(cond, mutex));
}

bool bsi_cond_wait_until(bsi_cond *cond, bsi_mutex *mutex, int64_t until_ns)
{
    struct timespec until;
    int code = 0;

    if (until_ns <= 0) {
        bsi_cond_wait(cond, mutex);
        return true;
    }
    if (bsi_clock_leap_to(until_ns)) {
        bsi_mutex_unlock(mutex); /* Whom it waits for may have his turn. */
        bsi_mutex_lock(mutex);
        return false;
    }
    until_ns = bsi_monotonic_true(until_ns);
    if (until_ns < 0) {
        return false;
    }
    until.tv_sec = (time_t)(until_ns / NS_PER_SEC);
    until.tv_nsec = (long)(until_ns % NS_PER_SEC);
    code = pthread_cond_timedwait(cond, mutex, &until);
    BSI_ASSERT(code == 0 || code == ETIMEDOUT);
    return code == 0;
}

void bsi_cond_signal(bsi_cond *cond)
{
    must_work(pthread_cond_signal(cond));
}

void bsi_cond_broadcast(bsi_cond *cond)
{
    must_work(pthread_cond_broadcast(cond));
}

static void *thread_main(void *start_arg)
{
    thread_start start = *(thread_start *)start_arg;

    bsi_free(start_arg);
    (void)pthread_setname_np(pthread_self(), start.name);
    start.run(start.user);
    return NULL;
}

/* Signals are the program's business; a fault of the thread itself must stay visible to it. */
static void fill_blocked(sigset_t *out)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};

    (void)sigfillset(out);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(faults); i++) {
        (void)sigdelset(out, faults[i]);
    }
}

bs_status bsi_thread_start(bsi_thread *out, const char *name, void (*run)(void *), void *user)
{
    thread_start *start = bsi_alloc(sizeof(*start));
    sigset_t blocked;
    sigset_t before;
    int code = 0;

    if (!start) {
        return BS_E_NOMEM;
    }
    start->run = run;
    start->user = user;
    (void)snprintf(start->name, sizeof(start->name), "%s", name);

    code = bsi_fault_point(BSI_OS_THREAD);
    if (code == 0) {
        fill_blocked(&blocked);
        must_work(pthread_sigmask(SIG_BLOCK, &blocked, &before));
        code = pthread_create(out, NULL, thread_main, start);
        must_work(pthread_sigmask(SIG_SETMASK, &before, NULL));
    }
    if (code != 0) {
        bsi_free(start);
        return bsi_fail_os(BS_LAYER_SYSTEM, code, "starting a thread");
    }
    return BS_OK;
}

void bsi_thread_join(bsi_thread thread)
{
    must_work(pthread_join(thread, NULL));
}

unsigned bsi_cpu_count(void)
{
    cpu_set_t allowed;
    long count = 0;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
        count = CPU_COUNT(&allowed);
    } else {
        count = sysconf(_SC_NPROCESSORS_ONLN); /* More processors than the set can hold. */
    }
    return count > 0 ? (unsigned)count : 1;
}

static void pipe_signal(sigset_t *out)
{
    must_work(sigemptyset(out));
    must_work(sigaddset(out, SIGPIPE));
}

void bsi_pipe_guard_begin(bsi_pipe_guard *guard)
{
    sigset_t blocked;
    sigset_t before;
    sigset_t pending;

    pipe_signal(&blocked);
    must_work(sigpending(&pending));
    must_work(pthread_sigmask(SIG_BLOCK, &blocked, &before));
    guard->was_pending = sigismember(&pending, SIGPIPE) == 1;
    guard->was_blocked = sigismember(&before, SIGPIPE) == 1;
}

void bsi_pipe_guard_end(const bsi_pipe_guard *guard)
{
    static const struct timespec at_once = {0, 0};
    sigset_t blocked;

    pipe_signal(&blocked);
    while (!guard->was_pending && sigtimedwait(&blocked, NULL, &at_once) < 0 && errno == EINTR) {
    }
    if (!guard->was_blocked) {
        must_work(pthread_sigmask(SIG_UNBLOCK, &blocked, NULL));
    }
}
