/* SPDX-License-Identifier: MIT */
#ifndef BSI_POLICY_TIMETABLE_H
#define BSI_POLICY_TIMETABLE_H

#include "policy/timezone.h"

/*
 * How many bytes a second may go, by the time of the week. The text is that of
 * rclone's --bwlimit:
 *
 *   "10M"                                   always
 *   "08:00,512k 19:00,10M 23:00,off"        each day
 *   "Mon-08:00,512k Fri-19:00,10M"          each week
 *
 * An entry counts until the next one, and the last of a week until the first of
 * the next. Rates are numbers with at most three digits behind a point and one
 * of B, k, M, G, T in either case, powers of 1024; or "off". Other than with rclone
 * a number alone is refused: it would be KiB, which who means bytes finds out late.
 *
 * Source: "--bwlimit" in rclone's documentation, "Global flags".
 */
enum {
    BSI_TIMETABLE_ENTRIES_MAX = 7 * 48, /* Every half hour of a week. */
    BSI_TIMETABLE_TEXT_MAX = 8192,      /* Bytes, with its NUL. */
};

/* The slowest and the fastest rate, in bytes per second. */
#define BSI_RATE_MIN UINT64_C(1024)
#define BSI_RATE_MAX (UINT64_C(1) << 50)

typedef struct bsi_timetable_entry {
    uint16_t minute; /* Of the week, from Sunday 00:00. */
    uint64_t rate;   /* Bytes per second; 0: no limit. */
} bsi_timetable_entry;

/* Plain data; zeroed it limits nothing. */
typedef struct bsi_timetable {
    size_t count;
    bsi_timetable_entry entries[BSI_TIMETABLE_ENTRIES_MAX]; /* By their minutes, each once. */
} bsi_timetable;

/* BS_E_INVALID of layer CALLER says what is wrong; `out` is then not changed. */
BS_NODISCARD bs_status bsi_timetable_parse(const char *text, bsi_timetable *out);

/* The rate at an instant, by the clocks of `zone`. 0: no limit. */
uint64_t bsi_timetable_rate(const bsi_timetable *table, const bsi_timezone *zone, int64_t sec);

#endif
