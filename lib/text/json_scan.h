/* SPDX-License-Identifier: MIT */
#ifndef BSI_TEXT_JSON_SCAN_H
#define BSI_TEXT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "text/json_read.h"

/* What the JSON files of this layer share and nobody else needs. */

/* The first of the bytes that may not stand in a string just as it is, or `end`. */
const char *bsi_json_skip_plain(const char *at, const char *end);

/* As bsi_json_next_key(), with the key as it is written and whether it has escapes. */
BS_NODISCARD bs_status bsi_json_next_raw_key(bsi_json_reader *reader, bsi_slice *raw_out,
                                             bool *escaped_out);

/* Write out a validated string without its escapes; never longer than it was. Returns the length.
 */
size_t bsi_json_unescape(bsi_slice raw, char *out);

/* Pass over a plain value, or enter an object or array. */
BS_NODISCARD bs_status bsi_json_step(bsi_json_reader *reader);

/* Whether the innermost open container is an array. One must be open. */
bool bsi_json_in_array(const bsi_json_reader *reader);

#endif
