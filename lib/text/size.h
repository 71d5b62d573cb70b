/* SPDX-License-Identifier: MIT */
#ifndef BSI_TEXT_SIZE_H
#define BSI_TEXT_SIZE_H

#include <stdint.h>

#include "base/error.h"

/* Room for a formatted size, with its NUL. */
enum { BSI_SIZE_TEXT_SIZE = 16 };

/*
 * Bytes: "1048576", "64KiB", "1.5 GiB", "10GB". Ki, Mi, Gi, Ti, Pi, Ei are powers
 * of 1024, also without their B; kB, MB ... EB and K, M ... E alone powers of
 * 1000. Case does not matter. A fraction needs a unit, and the result is
 * rounded down to a byte. BS_E_INVALID of layer CALLER otherwise, and when
 * the size does not fit.
 */
BS_NODISCARD bs_status bsi_size_parse(const char *text, uint64_t *bytes_out);

/* Seconds: "90", "30s", "5m", "2h", "7d", "2w". BS_E_INVALID of layer CALLER otherwise. */
BS_NODISCARD bs_status bsi_duration_parse(const char *text, uint64_t *seconds_out);

/* For people: "999 B", "1.5 GiB". Returns `out`. */
const char *bsi_size_format(uint64_t bytes, char out[BSI_SIZE_TEXT_SIZE]);

#endif
