/* SPDX-License-Identifier: MIT */
#ifndef BSI_POLICY_DUE_H
#define BSI_POLICY_DUE_H

#include "policy/cron.h"

/*
 * Which due times of a schedule are to be run: the schedule, what was done so
 * far and an instant in, a decision out. Instants are whole seconds since
 * 1970-01-01T00:00:00Z.
 *
 * A due time that was dealt with is never run again, wherever the clock is set.
 * One that was missed is not dealt with: should the clock be set back before it,
 * because it had been wrong, it is run when the clock shows it.
 */

/* A due time is met by whoever looks so many seconds after it, or earlier. */
enum { BSI_DUE_GRACE_SEC = 60 };

/* What becomes of due times that nobody has met. */
typedef enum bsi_missed {
    BSI_MISSED_RUN_ONCE = 1, /* The latest is run now, for all of them. */
    BSI_MISSED_SKIP = 2,     /* None is. */
    BSI_MISSED_ALL = 3,      /* Each is, one after the other: the last BSI_DUE_BACKLOG_MAX. */
} bsi_missed;

enum {
    BSI_DUE_BACKLOG_MAX = 100,
    BSI_DUE_LISTED_MAX = 200, /* So many of the missed due times are named, the latest. */
    BSI_DEALT_MAX = 16,
};

/* From one due time to another, with all between them. */
typedef struct bsi_stretch {
    int64_t first;
    int64_t last;
} bsi_stretch;

/*
 * The due times that were dealt with, in their order. When there are too many
 * stretches, a gap between two of them counts as dealt with, too.
 */
typedef struct bsi_dealt {
    bsi_stretch stretches[BSI_DEALT_MAX];
    size_t count;
} bsi_dealt;

/* As text: "1800000000-1800086400 1800172800-1800172800". Room for the longest. */
enum { BSI_DEALT_TEXT_SIZE = BSI_DEALT_MAX * 40 + 1 };
void bsi_dealt_format(const bsi_dealt *dealt, char out[BSI_DEALT_TEXT_SIZE]);
/* BS_E_CORRUPT of layer CATALOG. */
BS_NODISCARD bs_status bsi_dealt_parse(const char *text, bsi_dealt *out);

bool bsi_dealt_has(const bsi_dealt *dealt, int64_t due);

typedef struct bsi_due_rule {
    const bsi_cron *cron;
    const bsi_timezone *zone;
    bsi_missed missed;
} bsi_due_rule;

/* Note that a due time was dealt with. */
void bsi_due_deal(const bsi_due_rule *rule, bsi_dealt *dealt, int64_t due);

/* The first due time after `after` that was not dealt with; fails as bsi_cron_next() does. */
BS_NODISCARD bs_status bsi_due_next(const bsi_due_rule *rule, const bsi_dealt *dealt, int64_t after,
                                    int64_t *out);

/* What is to be done now. */
typedef struct bsi_due_plan {
    bool run;                         /* Run `due`; whoever does calls bsi_due_deal(). */
    int64_t due;                      /* The due time that is run. */
    bool has_next;                    /* There is a due time to come. */
    int64_t next;                     /* It; not after the given instant when more are to be run. */
    uint64_t missed;                  /* How many due times are missed, at least. */
    size_t listed;                    /* How many of them stand in `list`. */
    int64_t list[BSI_DUE_LISTED_MAX]; /* The latest ones, in their order. */
} bsi_due_plan;

/*
 * Decide on all due times from `next` to `now`; `next` is one that was not dealt
 * with. Fails as bsi_cron_next() does, but not for want of a due time to come.
 */
BS_NODISCARD bs_status bsi_due_decide(const bsi_due_rule *rule, const bsi_dealt *dealt,
                                      int64_t next, int64_t now, bsi_due_plan *out);

#endif
