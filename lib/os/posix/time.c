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
static atomic_int_fast64_t stopped; /* Where it stands; 0: it goes. */

void bsi_clock_shift(int64_t seconds)
{
    atomic_store(&shift, seconds);
    atomic_store(&stopped, 0);
}

void bsi_clock_stop(int64_t sec)
{
    atomic_store(&stopped, sec);
}

int64_t bsi_clock_true(int64_t sec)
{
    const int64_t at = atomic_load(&stopped);

    if (at != 0 || sec == INT64_MAX) {
        return sec > at ? INT64_MAX : 0;
    }
    return sec - atomic_load(&shift);
}

static atomic_bool leaps;
static atomic_int_fast64_t leapt; /* So far is the monotonic clock ahead. */

void bsi_clock_leap(bool on)
{
    atomic_store(&leaps, on);
}

bool bsi_clock_leap_to(int64_t monotonic_ns)
{
    int64_t now = bsi_monotonic_ns();

    if (!atomic_load(&leaps)) {
        return false;
    }
    if (monotonic_ns > now) {
        atomic_fetch_add(&leapt, monotonic_ns - now);
    }
    return true;
}

int64_t bsi_monotonic_true(int64_t monotonic_ns)
{
    return monotonic_ns - atomic_load(&leapt);
}

static bsi_time shown(bsi_time real)
{
    const int64_t at = atomic_load(&stopped);

    return at != 0 ? (bsi_time){.sec = at}
                   : (bsi_time){.sec = real.sec + atomic_load(&shift), .nsec = real.nsec};
}
#else
#define shown(real) (real)
#define leapt 0
#endif

bsi_time bsi_now(void)
{
    struct timespec now = {0};
    bsi_time real;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    real = (bsi_time){.sec = now.tv_sec, .nsec = (int32_t)now.tv_nsec};
    return shown(real);
}

int64_t bsi_monotonic_ns(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_SEC + now.tv_nsec + leapt;
}

int bsi_time_compare(const bsi_time *a, const bsi_time *b)
{
    if (a->sec != b->sec) {
        return a->sec < b->sec ? -1 : 1;
    }
    return (a->nsec > b->nsec) - (a->nsec < b->nsec);
}
