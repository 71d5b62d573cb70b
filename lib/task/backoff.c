/* SPDX-License-Identifier: MIT */
/*
 * Back-off with full jitter: a wait is anything between nothing and the longest.
 */
#include "task/backoff.h"

#include "base/checked.h"
#include "os/random.h"
#include "os/thread.h"
#include "os/time.h"

enum {
    BASE_MS = 200,
    CAP_MS = 30000,
    TOTAL_MS = 900000,
    DOUBLINGS_MAX = 31, /* 2^31 ms are beyond any cap. */
    LOOK_NS = 50000000, /* How often a wait looks whether it is still wanted. */
    NS_PER_MS = 1000000,
};

static uint32_t or_else(uint32_t value, uint32_t fallback)
{
    return value > 0 ? value : fallback;
}

void bsi_backoff_begin(bsi_backoff *backoff, const bsi_backoff_policy *policy)
{
    static const bsi_backoff_policy none = {0, 0, 0};
    const bsi_backoff_policy *given = policy ? policy : &none;

    backoff->policy.base_ms = or_else(given->base_ms, BASE_MS);
    backoff->policy.cap_ms = or_else(given->cap_ms, CAP_MS);
    backoff->policy.total_ms = or_else(given->total_ms, TOTAL_MS);
    backoff->until_ns = bsi_monotonic_ns() + (int64_t)backoff->policy.total_ms * NS_PER_MS;
    backoff->attempts = 0;
}

uint32_t bsi_backoff_ms(const bsi_backoff_policy *policy, uint32_t attempt, uint32_t chance)
{
    const uint32_t doublings = attempt - 1 < DOUBLINGS_MAX ? attempt - 1 : DOUBLINGS_MAX;
    const uint64_t longest = bsi_min_u64((uint64_t)policy->base_ms << doublings, policy->cap_ms);

    return (uint32_t)(((longest + 1) * chance) >> 32);
}

static bool may_pass(const bs_error *error, bs_status failure)
{
    return error->code == failure && error->retry != BS_RETRY_NEVER && failure != BS_E_NOMEM;
}

/* Without chance the longest wait is taken. */
static int64_t pause_ns(const bsi_backoff *backoff, const bs_error *error)
{
    uint32_t chance = 0;
    uint32_t ms = 0;

    if (bsi_random(&chance, sizeof(chance)) < 0) {
        chance = UINT32_MAX;
    }
    ms = bsi_backoff_ms(&backoff->policy, backoff->attempts, chance);
    if (error->retry == BS_RETRY_AFTER && error->retry_after_ms > ms) {
        ms = error->retry_after_ms;
    }
    return (int64_t)ms * NS_PER_MS;
}

static bs_status sleep_until(int64_t end_ns, const bs_call *call)
{
    bsi_mutex mutex;
    bsi_cond cond;
    bs_status status = bsi_call_check(call);

    bsi_mutex_init(&mutex);
    bsi_cond_init(&cond);
    bsi_mutex_lock(&mutex);
    for (int64_t now = bsi_monotonic_ns(); status == BS_OK && now < end_ns;
         now = bsi_monotonic_ns()) {
        const int64_t look = now + LOOK_NS < end_ns ? now + LOOK_NS : end_ns;

        (void)bsi_cond_wait_until(&cond, &mutex, look);
        status = bsi_call_check(call);
    }
    bsi_mutex_unlock(&mutex);
    bsi_cond_dispose(&cond);
    bsi_mutex_dispose(&mutex);
    return status;
}

bs_status bsi_backoff_wait(bsi_backoff *backoff, const bs_call *call, bs_status failure)
{
    bs_error error;
    int64_t end_ns = 0;

    bsi_error_save(&error);
    if (!may_pass(&error, failure)) {
        return failure;
    }
    backoff->attempts++;
    end_ns = bsi_monotonic_ns() + pause_ns(backoff, &error);
    if (end_ns > backoff->until_ns ||
        (call && call->deadline_ns != 0 && end_ns >= call->deadline_ns)) {
        bsi_error_restore(&error); /* Chance may have failed, too. */
        return bsi_fail_context(error.layer, failure, "after %u attempts", backoff->attempts);
    }
    return sleep_until(end_ns, call);
}
