/* SPDX-License-Identifier: MIT */
#ifndef BSI_TEXT_JSON_READ_H
#define BSI_TEXT_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

/*
 * A strict pull reader for one JSON text (RFC 8259) that lies in memory. It
 * allocates nothing. The caller asks for what should come next:
 *
 *     bsi_json_enter_object(&r)
 *     while ((status = bsi_json_next_key(&r, &key)) == BS_OK) {
 *         ... read or skip exactly one value ...
 *     }
 *     bsi_json_end(&r)
 *
 * Anything else that stands there is a failure, with the code and the layer
 * given at the start. Refused beyond the RFC: text that is not UTF-8, lone
 * surrogates, the character U+0000, more than BSI_JSON_MAX_DEPTH levels. Twice
 * the same key in one object is seen only by bsi_json_check().
 *
 * The bytes must outlive the reader and every slice that comes from it. After
 * a failure other than BS_E_NOMEM and BS_E_LIMIT of a scratch buffer the
 * reader stays where it is and is good for nothing more.
 */

enum {
    BSI_JSON_MAX_DEPTH = 64,
    BSI_JSON_KEY_SIZE = 256, /* Bytes of a key that is written with escapes. */
};

typedef enum bsi_json_type {
    BSI_JSON_NONE, /* No value begins here: an end, a comma or rubbish. */
    BSI_JSON_OBJECT,
    BSI_JSON_ARRAY,
    BSI_JSON_STRING,
    BSI_JSON_NUMBER,
    BSI_JSON_BOOL,
    BSI_JSON_NULL,
} bsi_json_type;

/* Members are the reader's own. */
typedef struct bsi_json_reader {
    const char *begin;
    const char *at;
    const char *end;
    uint64_t has_item; /* Bit n: the container at depth n + 1 has had an item. */
    uint64_t is_array; /* Bit n: the container at depth n + 1 is an array. */
    uint32_t depth;
    bs_layer layer;
    bs_status code;
    char key[BSI_JSON_KEY_SIZE];
} bsi_json_reader;

/* `layer` and `code` are what broken text is reported as: CALLER and INVALID, or STORAGE and
 * CORRUPT.
 */
void bsi_json_init(bsi_json_reader *reader, const void *bytes, size_t size, bs_layer layer,
                   bs_status code);

/* The type of the value that comes next. Nothing is consumed but white space. */
bsi_json_type bsi_json_peek(bsi_json_reader *reader);

BS_NODISCARD bs_status bsi_json_enter_object(bsi_json_reader *reader);

/*
 * BS_OK: a key, whose value must be read or skipped next; the slice is valid
 * until the next key of any object. BS_END: the object is over and left.
 */
BS_NODISCARD bs_status bsi_json_next_key(bsi_json_reader *reader, bsi_slice *key_out);

BS_NODISCARD bs_status bsi_json_enter_array(bsi_json_reader *reader);

/* BS_OK: a value, which must be read or skipped next. BS_END: the array is over and left. */
BS_NODISCARD bs_status bsi_json_next_item(bsi_json_reader *reader);

/*
 * A string with its escapes undone. Lies in the reader's own bytes when there
 * are none, else in `scratch`, whose old content is given up.
 */
BS_NODISCARD bs_status bsi_json_read_string(bsi_json_reader *reader, bsi_buf *scratch,
                                            bsi_slice *out);

/* Numbers are exact: a fraction, an exponent or a value that does not fit is a failure. */
BS_NODISCARD bs_status bsi_json_read_u64(bsi_json_reader *reader, uint64_t *out);
BS_NODISCARD bs_status bsi_json_read_i64(bsi_json_reader *reader, int64_t *out);

/* Any number that a double can hold, rounded to the nearest. */
BS_NODISCARD bs_status bsi_json_read_double(bsi_json_reader *reader, double *out);

BS_NODISCARD bs_status bsi_json_read_bool(bsi_json_reader *reader, bool *out);
BS_NODISCARD bs_status bsi_json_read_null(bsi_json_reader *reader);

/* Pass over one value of any type, all of it validated. */
BS_NODISCARD bs_status bsi_json_skip(bsi_json_reader *reader);

/* As bsi_json_skip(); `out` is the value just as it is written. */
BS_NODISCARD bs_status bsi_json_raw_value(bsi_json_reader *reader, bsi_slice *out);

/* Only white space may be left. */
BS_NODISCARD bs_status bsi_json_end(bsi_json_reader *reader);

/*
 * Fail because of the content at the reader's place, such as an unknown key;
 * the position is put in front of the text.
 */
bs_status bsi_json_fail(const bsi_json_reader *reader, const char *format, ...) BSI_PRINTF(2, 3);

/* What bsi_json_check() puts up with; 0 stands for the default. */
typedef struct bsi_json_limits {
    size_t max_size;    /* Bytes. Default: 1 MiB. */
    uint32_t max_depth; /* Default and most: BSI_JSON_MAX_DEPTH. */
    uint32_t max_nodes; /* Values and keys. Default: 100 000. */
} bsi_json_limits;

/*
 * Validate a whole text before it is read, with what the reader leaves out:
 * the limits, whose excess is BS_E_LIMIT, and no key twice in any object.
 * Allocates for the keys. `limits` may be NULL.
 */
BS_NODISCARD bs_status bsi_json_check(const void *bytes, size_t size, const bsi_json_limits *limits,
                                      bs_layer layer, bs_status code);

#endif
