/* SPDX-License-Identifier: MIT */
/*
 * Cancelling and deadlines.
 */
#include "task/call.h"

#include "base/checked.h"
#include "os/thread.h"
#include "os/time.h"

enum {
    NS_PER_MS = 1000000,
    LOOK_NS = 50 * NS_PER_MS, /* How often a wait looks whether it was cancelled. */
};

bs_status bsi_call_check(const bs_call *call)
{
    if (!call) {
        return BS_OK;
    }
    if (call->cancel && atomic_load_explicit(&call->cancel->requested, memory_order_acquire)) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_CANCELLED, "cancelled");
    }
    if (call->deadline_ns != 0 && bsi_monotonic_ns() >= call->deadline_ns) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_TIMEOUT, "the time allowed is over");
    }
    return BS_OK;
}

bs_status bsi_call_wait(const bs_call *call, uint32_t wait_ms)
{
    const int64_t end = bsi_monotonic_ns() + (int64_t)wait_ms * NS_PER_MS;
    bsi_mutex lock;
    bsi_cond never;
    int64_t now = 0;
    bs_status status = BS_OK;

    bsi_mutex_init(&lock);
    bsi_cond_init(&never);
    bsi_mutex_lock(&lock);
    status = bsi_call_check(call);
    while (status == BS_OK && (now = bsi_monotonic_ns()) < end) {
        const int64_t next = (int64_t)bsi_min_u64((uint64_t)end, (uint64_t)(now + LOOK_NS));
        (void)bsi_cond_wait_until(&never, &lock, next);
        status = bsi_call_check(call);
    }
    bsi_mutex_unlock(&lock);
    bsi_cond_dispose(&never);
    bsi_mutex_dispose(&lock);
    return status;
}

size_t bsi_call_chunk(const bs_call *call, size_t usual)
{
    return call && call->chunk > 0 ? call->chunk : usual;
}

void bsi_cancel_request(bsi_cancel *cancel)
{
    atomic_store_explicit(&cancel->requested, true, memory_order_release);
}
