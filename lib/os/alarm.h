/* SPDX-License-Identifier: MIT */
#ifndef BSI_OS_ALARM_H
#define BSI_OS_ALARM_H

#include "base/error.h"

/*
 * Sleep until a time of the wall clock. Unlike a condition, which waits for a
 * clock that never jumps, it notices when somebody sets the wall clock and when
 * the machine was suspended. One thread waits, any may wake it.
 */
typedef struct bsi_alarm bsi_alarm;

BS_NODISCARD bs_status bsi_alarm_new(bsi_alarm **out);
/* NULL is ignored. Nobody waits any more. */
void bsi_alarm_free(bsi_alarm *alarm);

/*
 * Return when the wall clock shows `until_sec` (seconds since 1970; INT64_MAX:
 * no such time) or later, when it was set, or when bsi_alarm_wake() was called
 * since the last return. It does not tell why: look at the clock. In testing
 * builds neither bsi_clock_shift() nor bsi_clock_stop() wakes anybody.
 */
void bsi_alarm_wait(bsi_alarm *alarm, int64_t until_sec);

void bsi_alarm_wake(bsi_alarm *alarm);

#endif
