/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_THREAD_H
#define BSI_OS_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "base/error.h"

/*
 * Threads over pthreads (C11 threads abort under gcc's thread sanitizer).
 * Locks and conditions cannot fail once they are initialised by static means;
 * every thread of ours blocks all signals but those that a fault of its own
 * raises, such as SIGSEGV.
 */
typedef pthread_mutex_t bsi_mutex;
typedef pthread_cond_t bsi_cond; /* Waits on the monotonic clock. */
typedef pthread_t bsi_thread;

void bsi_mutex_init(bsi_mutex *mutex);
void bsi_mutex_dispose(bsi_mutex *mutex);
void bsi_mutex_lock(bsi_mutex *mutex);
void bsi_mutex_unlock(bsi_mutex *mutex);

void bsi_cond_init(bsi_cond *cond);
void bsi_cond_dispose(bsi_cond *cond);
void bsi_cond_wait(bsi_cond *cond, bsi_mutex *mutex);
/* False when `until_ns` (of bsi_monotonic_ns()) came first; 0 waits for ever. */
bool bsi_cond_wait_until(bsi_cond *cond, bsi_mutex *mutex, int64_t until_ns);
void bsi_cond_signal(bsi_cond *cond);
void bsi_cond_broadcast(bsi_cond *cond);

/* `name` (at most 15 bytes) shows in debuggers and top. */
BS_NODISCARD bs_status bsi_thread_start(bsi_thread *out, const char *name, void (*run)(void *),
                                        void *user);
void bsi_thread_join(bsi_thread thread);

/*
 * Between these two, a write to a connection that is gone fails and raises no
 * SIGPIPE on this thread: for libraries that write without MSG_NOSIGNAL.
 */
typedef struct bsi_pipe_guard {
    bool was_blocked;
    bool was_pending;
} bsi_pipe_guard;
void bsi_pipe_guard_begin(bsi_pipe_guard *guard);
void bsi_pipe_guard_end(const bsi_pipe_guard *guard);

/* Processors this process may run on, at least 1. */
unsigned bsi_cpu_count(void);

#endif
