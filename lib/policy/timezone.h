/* SPDX-License-Identifier: MIT */
#ifndef BSI_POLICY_TIMEZONE_H
#define BSI_POLICY_TIMEZONE_H

#include "base/calendar.h"
#include "base/error.h"

/*
 * What the clocks of a place show at an instant, and at which instants they
 * show a time. Made from the bytes of a file of the time zone database; the
 * C library's zone and the environment play no part.
 *
 * Instants are seconds since 1970-01-01T00:00:00Z, of the years 0000 to 9999
 * of UTC. A zone never changes once it is made and may be used by any thread.
 */
typedef struct bsi_timezone bsi_timezone;

enum {
    /* The largest of the database has less than 4 KiB. */
    BSI_TIMEZONE_FILE_MAX = 64 * 1024,
    /* Seconds east of UTC lie between these: RFC 8536, 3.2, "utoff". */
    BSI_TIMEZONE_OFFSET_MIN = -89999,
    BSI_TIMEZONE_OFFSET_MAX = 93599,
};

/*
 * Read a TZif file (RFC 8536), versions 1 to 4. BS_E_CORRUPT of layer SYSTEM
 * says what is wrong with it; BS_E_UNSUPPORTED when it counts leap seconds, as
 * those below "right/" do. The caller frees `*out` with bsi_timezone_free().
 */
BS_NODISCARD bs_status bsi_timezone_parse(const void *data, size_t size, bsi_timezone **out);

/*
 * A zone from a rule of POSIX's TZ, such as "CET-1CEST,M3.5.0,M10.5.0/3", with
 * RFC 8536's hours of -167 to 167. Daylight saving time without its two dates
 * is refused. BS_E_INVALID of layer CALLER otherwise.
 */
BS_NODISCARD bs_status bsi_timezone_from_rule(const char *text, size_t size, bsi_timezone **out);

/* NULL is ignored. */
void bsi_timezone_free(bsi_timezone *zone);

/* Always there; not to be freed. */
const bsi_timezone *bsi_timezone_utc(void);

/* A stretch of time in which the clocks are not changed. */
typedef struct bsi_timezone_span {
    int64_t begin;  /* Its first instant; INT64_MIN when there was no change before. */
    int64_t end;    /* The first instant behind it; INT64_MAX when no change follows. */
    int32_t offset; /* What the clocks show less UTC, in seconds. */
} bsi_timezone_span;

/* The span that `sec` lies in. The offsets of neighbours may be the same. */
bsi_timezone_span bsi_timezone_span_at(const bsi_timezone *zone, int64_t sec);

/* What the clocks show. `offset_out` may be NULL. BS_E_RANGE outside of the years. */
BS_NODISCARD bs_status bsi_timezone_to_local(const bsi_timezone *zone, int64_t sec,
                                             bsi_civil *civil_out, int32_t *offset_out);

/* When the clocks show a time. */
typedef struct bsi_timezone_instants {
    int count;     /* 0: they skip it. 1: once. 2: they are set back and show it again. */
    int64_t first; /* With count 0, the first instant at which they show a later time. */
    int64_t last;  /* The same as `first` unless count is 2. */
} bsi_timezone_instants;

/* `civil` is a time that exists in the calendar; its weekday is not looked at. */
bsi_timezone_instants bsi_timezone_from_local(const bsi_timezone *zone, const bsi_civil *civil);

#endif
