/* SPDX-License-Identifier: MIT */
#ifndef BSI_TEXT_JSON_WRITE_H
#define BSI_TEXT_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

/*
 * Appends one JSON text to a buffer, commas and all. The first failure sticks:
 * what follows is ignored, and bsi_json_writer_finish() reports it, so callers
 * check once. On failure the buffer holds a beginning that nobody may use.
 *
 * Calls in an impossible order (a value without a key in an object, an end
 * without a beginning) are BS_E_INTERNAL.
 */

typedef enum bsi_json_style {
    BSI_JSON_COMPACT,  /* One line, no space. */
    BSI_JSON_INDENTED, /* For people: two spaces for each level. */
} bsi_json_style;

/* Members are the writer's own. */
typedef struct bsi_json_writer {
    bsi_buf *out;
    uint64_t has_item; /* Bit n: the container at depth n + 1 has an item. */
    uint64_t is_array; /* Bit n: the container at depth n + 1 is an array. */
    uint32_t depth;
    bs_status status;
    bsi_json_style style;
    bool after_key; /* A value must follow. */
    bool complete;  /* The one value at the top is there. */
} bsi_json_writer;

/* `out` is kept, and appended to, until bsi_json_writer_finish(). */
void bsi_json_writer_init(bsi_json_writer *writer, bsi_buf *out, bsi_json_style style);

/*
 * Whether all went well and everything begun is ended. The writer is then as
 * new, for the next text on the same buffer. No line feed is written.
 */
BS_NODISCARD bs_status bsi_json_writer_finish(bsi_json_writer *writer);

void bsi_json_begin_object(bsi_json_writer *writer);
void bsi_json_end_object(bsi_json_writer *writer);
void bsi_json_begin_array(bsi_json_writer *writer);
void bsi_json_end_array(bsi_json_writer *writer);

/* The caller sees to it that no key comes twice. */
void bsi_json_write_key(bsi_json_writer *writer, const char *key);
void bsi_json_write_key_slice(bsi_json_writer *writer, bsi_slice key);

/* Text that is not UTF-8, or holds a NUL, is BS_E_INVALID. */
void bsi_json_write_string(bsi_json_writer *writer, bsi_slice text);

/* A NUL-terminated text; NULL is written as null. */
void bsi_json_write_text(bsi_json_writer *writer, const char *text);

void bsi_json_write_u64(bsi_json_writer *writer, uint64_t value);
void bsi_json_write_i64(bsi_json_writer *writer, int64_t value);

/* The shortest digits that read back as the same value; infinite and NaN are BS_E_INVALID. */
void bsi_json_write_double(bsi_json_writer *writer, double value);

void bsi_json_write_bool(bsi_json_writer *writer, bool value);
void bsi_json_write_null(bsi_json_writer *writer);

/* A value that is JSON already, as from bsi_json_raw_value(); taken over unchanged. */
void bsi_json_write_raw(bsi_json_writer *writer, bsi_slice json);

/* A key and its value in one. */
void bsi_json_put_string(bsi_json_writer *writer, const char *key, bsi_slice text);
void bsi_json_put_text(bsi_json_writer *writer, const char *key, const char *text);
void bsi_json_put_u64(bsi_json_writer *writer, const char *key, uint64_t value);
void bsi_json_put_i64(bsi_json_writer *writer, const char *key, int64_t value);
void bsi_json_put_double(bsi_json_writer *writer, const char *key, double value);
void bsi_json_put_bool(bsi_json_writer *writer, const char *key, bool value);
void bsi_json_put_null(bsi_json_writer *writer, const char *key);

#endif
