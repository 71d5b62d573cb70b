/* SPDX-License-Identifier: MIT */
#ifndef BSI_TEXT_JSON_NUMBER_H
#define BSI_TEXT_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/*
 * Doubles as JSON writes them, whatever the decimal point of the program's
 * locale.
 */

/* Room for the longest formatted double, with its NUL. */
enum { BSI_JSON_DOUBLE_SIZE = 40 };

/* Value of a well-formed JSON number; false when it is too large or absurdly long. */
bool bsi_json_double_parse(bsi_slice number, double *out);

/* The shortest digits that read back as the finite `value`. Returns the length. */
size_t bsi_json_double_format(double value, char out[BSI_JSON_DOUBLE_SIZE]);

#endif
