/* SPDX-License-Identifier: MIT */
/*
 * A token bucket that may be overdrawn by one piece.
 */
#include "task/pace.h"

#include "base/checked.h"
#include "os/time.h"

#define NS_PER_S 1e9
#define BURST_S 0.1        /* What is saved up at most. */
#define WAIT_NS_MAX 3.6e12 /* An hour: who waits longer looks again. */

enum {
    LOOK_MS = 50, /* How often it is looked whether the rate has changed. */
    NS_PER_MS = 1000000,
};

void bsi_pace_init(bsi_pace *pace)
{
    bsi_mutex_init(&pace->lock);
    pace->level = 0;
    pace->at_ns = 0;
}

void bsi_pace_dispose(bsi_pace *pace)
{
    bsi_mutex_dispose(&pace->lock);
}

static void fill_locked(bsi_pace *pace, double rate, int64_t now_ns)
{
    if (now_ns > pace->at_ns) {
        pace->level += (double)(now_ns - pace->at_ns) / NS_PER_S * rate;
        pace->at_ns = now_ns;
    }
    if (pace->level > rate * BURST_S) {
        pace->level = rate * BURST_S;
    }
}

static int64_t try_locked(bsi_pace *pace, uint64_t rate, uint64_t size, int64_t now_ns)
{
    if (rate == 0) { /* Nobody owes anything any more. */
        pace->level = 0;
        pace->at_ns = now_ns;
        return 0;
    }
    fill_locked(pace, (double)rate, now_ns);
    if (pace->level < 0) {
        const double wait_ns = -pace->level / (double)rate * NS_PER_S;
        if (wait_ns < WAIT_NS_MAX) {
            return wait_ns < 1 ? 1 : (int64_t)wait_ns;
        }
        return (int64_t)WAIT_NS_MAX;
    }
    pace->level -= (double)size;
    return 0;
}

int64_t bsi_pace_try(bsi_pace *pace, uint64_t rate, uint64_t size, int64_t now_ns)
{
    int64_t wait_ns = 0;

    bsi_mutex_lock(&pace->lock);
    wait_ns = try_locked(pace, rate, size, now_ns);
    bsi_mutex_unlock(&pace->lock);
    return wait_ns;
}

bs_status bsi_pace_take(bsi_pace *pace, const bs_call *call, uint64_t size, bsi_pace_rate rate,
                        void *user)
{
    int64_t wait_ns = 0;

    BSI_TRY(bsi_call_check(call));
    while ((wait_ns = bsi_pace_try(pace, rate(user), size, bsi_monotonic_ns())) > 0) {
        const uint64_t wait_ms = (uint64_t)wait_ns / NS_PER_MS + 1;
        BSI_TRY(bsi_call_wait(call, (uint32_t)bsi_min_u64(wait_ms, LOOK_MS)));
    }
    return BS_OK;
}
