/* SPDX-License-Identifier: MIT */
/*
 * Cancelling and deadlines.
 */
#include "task/call.h"

#include "os/time.h"

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

size_t bsi_call_chunk(const bs_call *call, size_t usual)
{
    return call && call->chunk > 0 ? call->chunk : usual;
}

void bsi_cancel_request(bsi_cancel *cancel)
{
    atomic_store_explicit(&cancel->requested, true, memory_order_release);
}
