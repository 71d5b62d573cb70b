/* SPDX-License-Identifier: MIT */
/*
 * Counts the announced calls of os/ and hits the one that a test has chosen.
 */
#include "os/fault.h"

#ifdef BSI_TESTING
#include <signal.h>
#include <stdatomic.h>

static bsi_fault_plan active_plan; /* Written only while `active` is false. */
static atomic_bool active;
static atomic_uint_fast64_t counted;

void bsi_fault_set(const bsi_fault_plan *plan)
{
    atomic_store(&active, false);
    if (plan) {
        active_plan = *plan;
        atomic_store(&counted, 0);
        atomic_store(&active, true);
    }
}

uint64_t bsi_fault_count(void)
{
    return atomic_load(&counted);
}

int bsi_fault_point(bsi_os_op op)
{
    uint64_t number = 0;

    if (!atomic_load(&active)) {
        return 0;
    }
    if (active_plan.op_mask != 0 && (active_plan.op_mask & UINT64_C(1) << op) == 0) {
        return 0;
    }
    number = atomic_fetch_add(&counted, 1) + 1;
    if (active_plan.at == 0 || number < active_plan.at) {
        return 0;
    }
    if (number > active_plan.at && !active_plan.forever) {
        return 0;
    }
    if (active_plan.os_code == 0) {
        (void)raise(SIGKILL);
    }
    return active_plan.os_code;
}

uint64_t bsi_fault_short(uint64_t size)
{
    if (!atomic_load(&active) || !active_plan.short_io || size < 2) {
        return size;
    }
    return size / 2;
}
#endif
