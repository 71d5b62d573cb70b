/* SPDX-License-Identifier: MIT */
#ifndef BSI_TEXT_RFC3339_H
#define BSI_TEXT_RFC3339_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/calendar.h"
#include "base/error.h"

/*
 * Times as people and APIs write them, in UTC, years 0000 to 9999. Seconds
 * count from 1970-01-01T00:00:00Z, nanoseconds 0 to 999 999 999 go on top of
 * them.
 */

/* Room for the longest text, with its NUL. */
enum { BSI_RFC3339_SIZE = 32 };

/*
 * "2026-11-23T06:10:00Z", or "2026-11-23T06:10:00.000000000Z" with a fraction.
 * BS_E_RANGE outside of the years 0000 to 9999, with `out` an empty text.
 */
BS_NODISCARD bs_status bsi_rfc3339_format(int64_t sec, int32_t nsec, bool fraction,
                                          char out[BSI_RFC3339_SIZE]);

/*
 * The reverse, with 0 to 9 digits of fraction and "Z" or an offset such as
 * "+01:00". Anything else is BS_E_INVALID of layer CALLER. `nsec_out` may be
 * NULL: a fraction is then refused.
 */
BS_NODISCARD bs_status bsi_rfc3339_parse(const char *text, size_t size, int64_t *sec_out,
                                         int32_t *nsec_out);

/* The same with a fraction allowed; `offset_out` is how many seconds east of UTC it was written. */
BS_NODISCARD bs_status bsi_rfc3339_parse_local(const char *text, size_t size, int64_t *sec_out,
                                               int32_t *nsec_out, int32_t *offset_out);

#endif
