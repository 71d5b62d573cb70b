/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTEGRATION_SCHEDULE_FIXTURE_H
#define TESTS_INTEGRATION_SCHEDULE_FIXTURE_H

#include "engine_fixture.h"

/*
 * A service whose clock a test sets. The source holds one small file, and a
 * FIFO "gate" beside it: a command that reads it lasts until the test opens it.
 */

/* 2026-11-23T00:00:00Z, a Monday: where the clock stands at first. */
#define SCHEDULE_DAY0 INT64_C(1795392000)
enum { HOUR = 3600, DAY = 86400 };

int schedule_setup(void **state);
int schedule_teardown(void **state);

/* Set the wall clock; the service notices with the next schedule_settle(). */
void schedule_clock(int64_t sec);

/* Until everything that is due has been looked after, but jobs may still run. */
void schedule_look(engine_fixture *engine);
/* The same, and all their jobs have ended. */
void schedule_settle(engine_fixture *engine);

/* Set the clock and settle. */
void schedule_at(engine_fixture *engine, int64_t sec);

/* Close the service and open it again, with or without running schedules. */
void schedule_reopen(engine_fixture *engine, bool run);

/* A schedule that backs up the source, as zip, under its own name. */
void schedule_add(engine_fixture *engine, const char *name, const char *cron, bs_missed missed);
/* The same with a command that lasts until the gate is opened. */
void schedule_add_slow(engine_fixture *engine, const char *name, const char *cron,
                       bs_missed missed);
/* Open the gate for its job that is running, and wait for the end of that. */
void schedule_end(engine_fixture *engine, const char *name);

bs_schedule_info *schedule_get(engine_fixture *engine, const char *name);

/*
 * What came of a schedule's due times, the oldest first, as a text: hours after
 * the day's begin and first letters, such as "1s 2m 3b 4f hs"; s: started, b: skipped
 * as busy, m: missed, f: failed to start; h: by hand.
 */
const char *schedule_story(engine_fixture *engine, const char *name, char out[512]);

#define assert_story(engine, name, expected)                                           \
    do {                                                                               \
        char story_text[512];                                                          \
        assert_string_equal(schedule_story((engine), (name), story_text), (expected)); \
    } while (0)

/* How many backups there are of a name. */
uint64_t schedule_backups(engine_fixture *engine, const char *name);

#endif
