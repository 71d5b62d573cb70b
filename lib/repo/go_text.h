/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_GO_TEXT_H
#define BSI_REPO_GO_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/*
 * Text as the restic program writes it with Go's library. Trees are known by
 * the digest of their text, so each byte counts: encoding/json for strings, and
 * strconv.Quote() below that for names.
 */

/* A JSON string with its quotes. A byte that is not UTF-8 becomes U+FFFD, as with Go. */
BS_NODISCARD bs_status bsi_go_json_string(bsi_buf *out, bsi_slice text);

/* A name as trees have it: any bytes, quoted as Go does, and that as a JSON string. */
BS_NODISCARD bs_status bsi_go_json_name(bsi_buf *out, bsi_slice name);

/*
 * Append the bytes of a quoted name whose JSON escapes are undone already.
 * What Go would not accept is BS_E_CORRUPT of layer STORAGE.
 */
BS_NODISCARD bs_status bsi_go_unquote(bsi_slice quoted, bsi_buf *out);

/* Whether strconv.IsPrint() says yes. */
bool bsi_go_is_printable(uint32_t character);

/* A second, its fraction, and how far east of UTC it was written down. */
typedef struct bsi_go_time {
    int64_t sec; /* Since 1970-01-01T00:00:00Z. */
    int32_t nsec;
    int32_t offset_sec; /* Whole minutes count. */
} bsi_go_time;

/* What Go has for a time that is not there: the first second of year 1. */
#define BSI_GO_TIME_NONE ((bsi_go_time){INT64_C(-62135596800), 0, 0})

/*
 * A JSON string with its quotes: RFC 3339 with as many digits of fraction as
 * there must be. BS_E_RANGE outside of the years 0000 to 9999.
 */
BS_NODISCARD bs_status bsi_go_json_time(bsi_buf *out, const bsi_go_time *time);

/* The reverse, without quotes. Digits behind the ninth are left out. BS_E_CORRUPT. */
BS_NODISCARD bs_status bsi_go_time_parse(bsi_slice text, bsi_go_time *out);

/* The wall clock's, in UTC. */
bsi_go_time bsi_go_time_now(void);

/* Type and permissions, from st_mode to the bits of Go's os.FileMode and back. */
uint32_t bsi_go_mode_from_stat(uint32_t st_mode);
uint32_t bsi_go_mode_to_stat(uint32_t go_mode);

#endif
