/* SPDX-License-Identifier: MIT */
/*
 * Which job a thread works for, and since when.
 */
#include "task/usage.h"

#include "os/usage.h"

static _Thread_local bsi_usage *current;
static _Thread_local int64_t since_ns; /* By the thread's own clock. */

void bsi_usage_init(bsi_usage *usage)
{
    atomic_init(&usage->cpu_ns, 0);
    atomic_init(&usage->bytes_sent, 0);
    atomic_init(&usage->bytes_received, 0);
    bsi_latch_init(&usage->tasks);
}

void bsi_usage_dispose(bsi_usage *usage)
{
    bsi_latch_dispose(&usage->tasks);
}

void bsi_usage_enter(bsi_usage *usage)
{
    const int64_t now = current || usage ? bsi_thread_cpu_ns() : 0;

    if (current) {
        atomic_fetch_add(&current->cpu_ns, (uint64_t)(now - since_ns));
    }
    current = usage;
    since_ns = now;
}

void bsi_usage_leave(bsi_usage *usage)
{
    bsi_usage_enter(NULL);
    bsi_latch_wait(&usage->tasks, 0);
}

bsi_usage *bsi_usage_current(void)
{
    return current;
}

void bsi_usage_add_network(uint64_t sent, uint64_t received)
{
    if (current) {
        atomic_fetch_add(&current->bytes_sent, sent);
        atomic_fetch_add(&current->bytes_received, received);
    }
}
