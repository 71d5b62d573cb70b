/* SPDX-License-Identifier: MIT */
#ifndef BSI_TEXT_DECIMAL_TIME_H
#define BSI_TEXT_DECIMAL_TIME_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * A time as the decimal number of seconds since 1970-01-01T00:00:00Z, exact to
 * the nanosecond: "1795500000.000000001". Half a second before 1970 is second
 * -1 with 500 000 000 ns, and is written "-0.500000000".
 */

/* Room for the longest text, with its NUL. */
enum { BSI_DECIMAL_TIME_SIZE = 32 };

/* Always nine digits behind the point. Returns the length without the NUL. */
size_t bsi_decimal_time_format(int64_t sec, int32_t nsec, char out[BSI_DECIMAL_TIME_SIZE]);

/*
 * The reverse; the fraction may have 1 to 9 digits or be left out with its
 * point. Leading zeros, "+", "-0" and everything else: BS_E_INVALID of layer
 * CALLER.
 */
BS_NODISCARD bs_status bsi_decimal_time_parse(const char *text, size_t size, int64_t *sec_out,
                                              int32_t *nsec_out);

#endif
