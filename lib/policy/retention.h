/* SPDX-License-Identifier: MIT */
#ifndef BSI_POLICY_RETENTION_H
#define BSI_POLICY_RETENTION_H

#include "base/error.h"

/*
 * Which backups go, and what keeps each of the others: rows, rules and an
 * instant in, decisions out. It deletes nothing and asks no clock.
 *
 * A backup is kept when at least one rule keeps it. Whatever the rules say, the
 * last good backup stays, and so does all that a kept backup needs.
 *
 * Times are nanoseconds since 1970-01-01T00:00:00Z. "Newer" means a larger
 * sequence number: numbers cannot be set back, clocks can.
 */

typedef enum bsi_retention_state {
    BSI_RETENTION_GOOD = 1, /* It completed, with or without warnings. */
    BSI_RETENTION_FAILED,   /* It failed or was cancelled, and holds no objects. */
    BSI_RETENTION_RUNNING,  /* It has not ended. */
} bsi_retention_state;

/* What is looked at of a backup. All of one call belong together: one name on one storage. */
typedef struct bsi_retention_item {
    int64_t seq;
    int64_t created_at;
    int64_t expires_at; /* When its own days are over; 0: never. */
    bsi_retention_state state;
    bool pinned;
    bool held;
    int64_t pinned_until; /* 0: without an end. */
    int64_t held_until;   /* Likewise. */
    bool needed;          /* By a backup that is none of these. */
} bsi_retention_item;

/* One item cannot be restored without another; both by their index. */
typedef struct bsi_retention_need {
    size_t from;
    size_t to;
} bsi_retention_need;

/* The most that each of the counts may be. */
#define BSI_RETENTION_KEEP_MAX 1000000
#define BSI_RETENTION_DAYS_MAX 36500

/*
 * Rules; 0 is no rule. `keep_hourly` and the others after it keep the newest
 * backup of each of the last so many hours, days, weeks (from Monday on),
 * months and years that have one at all. Each rule counts for itself.
 */
typedef struct bsi_retention_rules {
    bool own_days;          /* Until expires_at, as each backup says itself. */
    int32_t retention_days; /* So many days from its beginning. */
    int32_t keep_last;
    int32_t keep_hourly;
    int32_t keep_daily;
    int32_t keep_weekly;
    int32_t keep_monthly;
    int32_t keep_yearly;
} bsi_retention_rules;

/* BS_E_INVALID: a number is out of its range, or all of them together keep nothing. */
BS_NODISCARD bs_status bsi_retention_check(const bsi_retention_rules *rules);

/* What keeps a backup, as bits. */
enum {
    BSI_KEPT_BY_DAYS = 1u << 0,
    BSI_KEPT_BY_LAST = 1u << 1,
    BSI_KEPT_BY_HOURLY = 1u << 2,
    BSI_KEPT_BY_DAILY = 1u << 3,
    BSI_KEPT_BY_WEEKLY = 1u << 4,
    BSI_KEPT_BY_MONTHLY = 1u << 5,
    BSI_KEPT_BY_YEARLY = 1u << 6,
    BSI_KEPT_BY_PIN = 1u << 7,
    BSI_KEPT_BY_HOLD = 1u << 8,
    BSI_KEPT_AS_LAST_GOOD = 1u << 9,
    BSI_KEPT_AS_NEEDED = 1u << 10, /* A kept backup needs it. */
    BSI_KEPT_AS_RUNNING = 1u << 11,
    BSI_KEPT_AS_RECENT_FAILURE = 1u << 12,
    BSI_KEPT_COUNT = 13,
};

enum { BSI_RETENTION_NOBODY = -1 };

typedef struct bsi_retention_decision {
    uint32_t kept_by;  /* BSI_KEPT_...; 0: it may go. */
    int64_t needed_by; /* Index of the newest kept item that needs it, or BSI_RETENTION_NOBODY. */
} bsi_retention_decision;

typedef struct bsi_retention_input {
    const bsi_retention_item *items; /* In any order. */
    size_t count;
    const bsi_retention_need *needs;
    size_t need_count;
    bsi_retention_rules rules;
    int64_t now;
    int32_t failed_days; /* How long failures are listed. */

    /* Seconds that local time is ahead of UTC at an instant, in seconds; NULL: UTC is meant. */
    int32_t (*zone_offset)(void *user, int64_t sec);
    void *zone_user;
} bsi_retention_input;

/* Decide on every item, into `out[input->count]`. BS_E_NOMEM. The rules are not checked. */
BS_NODISCARD bs_status bsi_retention_decide(const bsi_retention_input *input,
                                            bsi_retention_decision *out);

/*
 * Whether the clock can be trusted with deleting.
 *
 * It cannot while it stands before something that has happened already, nor
 * when it has jumped ahead by more than `jump` since it was last believed. The
 * machine may just have been off: when the clock goes on from where it jumped to
 * for `settle`, it is believed again.
 */
typedef struct bsi_retention_clock {
    int64_t believed; /* When it was last believed; 0: never yet. */
    int64_t doubted;  /* What it said when doubts began; 0: there are none. */
} bsi_retention_clock;

typedef struct bsi_retention_limits {
    int64_t jump;
    int64_t settle;
} bsi_retention_limits;

/* What the library goes by: backups may be a month apart. */
#define BSI_RETENTION_LIMITS                                                       \
    {                                                                              \
        INT64_C(32) * 86400 * INT64_C(1000000000), INT64_C(7) * 86400 * 1000000000 \
    }

typedef enum bsi_retention_verdict {
    BSI_RETENTION_CLOCK_GOOD = 0,
    BSI_RETENTION_CLOCK_BEHIND, /* Before `newest`, or before when it was last believed. */
    BSI_RETENTION_CLOCK_AHEAD,  /* Too far behind when it was last believed. */
} bsi_retention_verdict;

/* Judge what the clock says and keep in `clock` what is to be known next time. */
bsi_retention_verdict bsi_retention_look(bsi_retention_clock *clock, int64_t now, int64_t newest,
                                         const bsi_retention_limits *limits);

#endif
