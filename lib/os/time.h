/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_TIME_H
#define BSI_OS_TIME_H

#include <stdint.h>

/* An instant: seconds since 1970-01-01T00:00:00Z and nanoseconds 0 to 999 999 999 on top of them.
 */
typedef struct bsi_time {
    int64_t sec;
    int32_t nsec;
} bsi_time;

/* The wall clock. Moved by bsi_clock_shift() in testing builds. */
bsi_time bsi_now(void);

/* Nanoseconds of a clock that never jumps, from an unspecified start. */
int64_t bsi_monotonic_ns(void);

/* -1, 0 or 1 as `a` is before, the same as or after `b`. */
int bsi_time_compare(const bsi_time *a, const bsi_time *b);

#ifdef BSI_TESTING
/* Move the wall clock by so many seconds from now on; 0 for the true time. */
void bsi_clock_shift(int64_t seconds);
#endif

#endif
