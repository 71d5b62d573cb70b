/* SPDX-License-Identifier: MIT */
/*
 * The two clocks.
 */
#include "os/time.h"

#include <time.h>

#include "os/posix/posix.h"

enum { NS_PER_SEC = 1000000000 };

#ifdef BSI_TESTING
#include <stdatomic.h>

static atomic_int_fast64_t shift;

void bsi_clock_shift(int64_t seconds)
{
    atomic_store(&shift, seconds);
}

int64_t bsi_clock_shifted(void)
{
    return atomic_load(&shift);
}
#endif

bsi_time bsi_now(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (bsi_time){.sec = now.tv_sec + bsi_clock_shifted(), .nsec = (int32_t)now.tv_nsec};
}

int64_t bsi_monotonic_ns(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_SEC + now.tv_nsec;
}

int bsi_time_compare(const bsi_time *a, const bsi_time *b)
{
    if (a->sec != b->sec) {
        return a->sec < b->sec ? -1 : 1;
    }
    return (a->nsec > b->nsec) - (a->nsec < b->nsec);
}
