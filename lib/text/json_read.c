/* SPDX-License-Identifier: MIT */
/*
 * The strict JSON reader. Its whole state is a place in the text and two bits
 * for each open container, so it neither allocates nor recurses.
 */
#include "text/json_read.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/endian.h"
#include "base/utf8.h"
#include "text/json_number.h"
#include "text/json_scan.h"

/* A byte repeated in all eight places of a word. */
#define ALL_BYTES(byte) (0x0101010101010101u * (uint64_t)(byte))

enum {
    ESCAPE_UNICODE_SIZE = 6, /* \uXXXX */
    SURROGATE_HIGH = 0xd800,
    SURROGATE_LOW = 0xdc00,
    SURROGATE_END = 0xe000,
};

void bsi_json_init(bsi_json_reader *reader, const void *bytes, size_t size, bs_layer layer,
                   bs_status code)
{
    BSI_ASSERT(code < 0);
    reader->begin = size > 0 ? bytes : "";
    reader->at = reader->begin;
    reader->end = reader->begin + size;
    reader->has_item = 0;
    reader->is_array = 0;
    reader->depth = 0;
    reader->layer = layer;
    reader->code = code;
}

/* No content of the text goes into the message: it may hold a pass phrase. */
bs_status bsi_json_fail(const bsi_json_reader *reader, const char *format, ...)
{
    char reason[BS_ERROR_MESSAGE_SIZE - 64];
    const char *line_start = reader->begin;
    size_t line = 1;
    va_list args;

    for (const char *at = reader->begin; at < reader->at; at++) {
        if (*at == '\n') {
            line++;
            line_start = at + 1;
        }
    }
    va_start(args, format);
    (void)vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    return bsi_fail(reader->layer, reader->code, "line %zu, byte %zu: %s", line,
                    (size_t)(reader->at - line_start) + 1, reason);
}

static void skip_space(bsi_json_reader *reader)
{
    const char *at = reader->at;

    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    reader->at = at;
}

/* The next byte that is no white space; NUL, which is nowhere allowed, at the end. */
static char next_byte(bsi_json_reader *reader)
{
    if (reader->at<reader->end && * reader->at> ' ') {
        return *reader->at;
    }
    skip_space(reader);
    if (reader->at == reader->end) {
        return '\0';
    }
    return *reader->at;
}

bsi_json_type bsi_json_peek(bsi_json_reader *reader)
{
    const char byte = next_byte(reader);

    switch (byte) {
    case '{':
        return BSI_JSON_OBJECT;
    case '[':
        return BSI_JSON_ARRAY;
    case '"':
        return BSI_JSON_STRING;
    case 't':
    case 'f':
        return BSI_JSON_BOOL;
    case 'n':
        return BSI_JSON_NULL;
    default:
        return byte == '-' || (byte >= '0' && byte <= '9') ? BSI_JSON_NUMBER : BSI_JSON_NONE;
    }
}

/* Containers. Bit depth - 1 of the two words belongs to the innermost one. */

static uint64_t innermost(const bsi_json_reader *reader)
{
    return (uint64_t)1 << (reader->depth - 1);
}

bool bsi_json_in_array(const bsi_json_reader *reader)
{
    return (reader->is_array & innermost(reader)) != 0;
}

static bs_status enter(bsi_json_reader *reader, char opening, const char *name)
{
    if (next_byte(reader) != opening) {
        return bsi_json_fail(reader, "expected %s", name);
    }
    if (reader->depth == BSI_JSON_MAX_DEPTH) {
        return bsi_json_fail(reader, "more than %d levels", BSI_JSON_MAX_DEPTH);
    }
    reader->at++;
    reader->depth++;
    reader->has_item &= ~innermost(reader);
    reader->is_array &= ~innermost(reader);
    if (opening == '[') {
        reader->is_array |= innermost(reader);
    }
    return BS_OK;
}

bs_status bsi_json_enter_object(bsi_json_reader *reader)
{
    return enter(reader, '{', "an object");
}

bs_status bsi_json_enter_array(bsi_json_reader *reader)
{
    return enter(reader, '[', "an array");
}

/* Up to the next key or value of the innermost container, or out of it with BS_END. */
static bs_status advance(bsi_json_reader *reader, char closing)
{
    const char byte = next_byte(reader);

    if (byte == closing) {
        reader->at++;
        reader->depth--;
        return BS_END;
    }
    if (!(reader->has_item & innermost(reader))) {
        reader->has_item |= innermost(reader);
        return BS_OK;
    }
    if (byte != ',') {
        return bsi_json_fail(reader, "expected ',' or '%c'", closing);
    }
    reader->at++;
    return BS_OK;
}

bs_status bsi_json_next_item(bsi_json_reader *reader)
{
    bs_status status = BS_OK;

    BSI_CHECK(reader->depth > 0 && bsi_json_in_array(reader));
    status = advance(reader, ']');
    if (status == BS_OK && bsi_json_peek(reader) == BSI_JSON_NONE) {
        return bsi_json_fail(reader, "expected a value");
    }
    return status;
}

/* Strings */

const char *bsi_json_skip_plain(const char *at, const char *end)
{
    /* Eight bytes at once: the top bit of each byte of `hits` says "stop here". It may also be
     * set above the lowest true one, never below. */
    while (end - at >= 8) {
        const uint64_t word = bsi_le64((const uint8_t *)at);
        const uint64_t quote = word ^ ALL_BYTES('"');
        const uint64_t backslash = word ^ ALL_BYTES('\\');
        const uint64_t hits = (word | (word - ALL_BYTES(0x20)) | (quote - ALL_BYTES(1)) |
                               (backslash - ALL_BYTES(1))) &
                              ALL_BYTES(0x80);
        if (hits) {
            return at + __builtin_ctzll(hits) / 8;
        }
        at += 8;
    }
    while (at < end && (uint8_t)*at >= 0x20 && (uint8_t)*at < 0x80 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

/* The unit of a \uXXXX at `at`; 0, which is refused anyway, when there is none. */
static uint32_t unicode_unit(const char *at, size_t left)
{
    uint32_t unit = 0;

    if (left < ESCAPE_UNICODE_SIZE || at[0] != '\\' || at[1] != 'u') {
        return 0;
    }
    for (size_t i = 2; i < ESCAPE_UNICODE_SIZE; i++) {
        const int digit = bsi_hex_value(at[i]);
        if (digit < 0) {
            return 0;
        }
        unit = unit << 4 | (uint32_t)digit;
    }
    return unit;
}

/* Length of the escape at `at` and its character; 0 for a broken or refused one. */
static size_t read_escape(const char *at, size_t left, uint32_t *code_out)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    const char *name = left >= 2 && at[1] != '\0' ? strchr(names, at[1]) : NULL;
    uint32_t unit = 0;
    uint32_t low = 0;

    if (name) {
        *code_out = (uint32_t)values[name - names];
        return 2;
    }
    unit = unicode_unit(at, left);
    if (unit < SURROGATE_HIGH || unit >= SURROGATE_END) {
        *code_out = unit;
        return unit == 0 ? 0 : ESCAPE_UNICODE_SIZE;
    }
    low = unicode_unit(at + ESCAPE_UNICODE_SIZE, left - ESCAPE_UNICODE_SIZE);
    if (unit >= SURROGATE_LOW || low < SURROGATE_LOW || low >= SURROGATE_END) {
        return 0;
    }
    *code_out = 0x10000 + ((unit - SURROGATE_HIGH) << 10) + (low - SURROGATE_LOW);
    return (size_t)2 * ESCAPE_UNICODE_SIZE;
}

static size_t put_utf8(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

size_t bsi_json_unescape(bsi_slice raw, char *out)
{
    const char *at = raw.data;
    const char *end = raw.data + raw.size;
    size_t used = 0;

    while (at < end) {
        const char *stop = memchr(at, '\\', (size_t)(end - at));
        const size_t run = (size_t)((stop ? stop : end) - at);
        uint32_t code = 0;

        memcpy(out + used, at, run);
        used += run;
        at += run;
        if (at < end) {
            at += read_escape(at, (size_t)(end - at), &code);
            used += put_utf8(code, out + used);
        }
    }
    return used;
}

/* Length of the escape or character beyond ASCII at the reader's place; 0: it is refused. */
static size_t special_length(const bsi_json_reader *reader, bool *escaped)
{
    const size_t left = (size_t)(reader->end - reader->at);
    uint32_t code = 0;

    if (*reader->at == '\\') {
        *escaped = true;
        return read_escape(reader->at, left, &code);
    }
    return (uint8_t)*reader->at < 0x20 ? 0 : bsi_utf8_sequence(reader->at, left);
}

static bs_status refuse_special(const bsi_json_reader *reader)
{
    if (*reader->at == '\\') {
        return bsi_json_fail(reader, "a broken escape, a lone surrogate or U+0000");
    }
    if ((uint8_t)*reader->at < 0x20) {
        return bsi_json_fail(reader, "a control byte in a string");
    }
    return bsi_json_fail(reader, "a string that is not UTF-8");
}

/* Pass over a string, the reader being at its opening quote. */
static bs_status scan_string(bsi_json_reader *reader, bsi_slice *raw_out, bool *escaped_out)
{
    const char *start = reader->at + 1;
    bool escaped = false;

    reader->at = bsi_json_skip_plain(start, reader->end);
    while (reader->at < reader->end && *reader->at != '"') {
        const size_t length = special_length(reader, &escaped);
        if (length == 0) {
            return refuse_special(reader);
        }
        reader->at = bsi_json_skip_plain(reader->at + length, reader->end);
    }
    if (reader->at == reader->end) {
        return bsi_json_fail(reader, "the text ends inside a string");
    }
    raw_out->data = start;
    raw_out->size = (size_t)(reader->at - start);
    *escaped_out = escaped;
    reader->at++;
    return BS_OK;
}

bs_status bsi_json_read_string(bsi_json_reader *reader, bsi_buf *scratch, bsi_slice *out)
{
    const char *start = NULL;
    bs_status status = BS_OK;
    bsi_slice raw;
    bool escaped = false;

    if (next_byte(reader) != '"') {
        return bsi_json_fail(reader, "expected a string");
    }
    start = reader->at;
    BSI_TRY(scan_string(reader, &raw, &escaped));
    if (!escaped) {
        *out = raw;
        return BS_OK;
    }
    bsi_buf_clear(scratch);
    status = bsi_buf_reserve(scratch, raw.size);
    if (status < 0) {
        reader->at = start;
        return status;
    }
    scratch->size = bsi_json_unescape(raw, (char *)scratch->data);
    out->data = (const char *)scratch->data;
    out->size = scratch->size;
    return BS_OK;
}

bs_status bsi_json_next_raw_key(bsi_json_reader *reader, bsi_slice *raw_out, bool *escaped_out)
{
    bs_status status = BS_OK;

    BSI_CHECK(reader->depth > 0 && !bsi_json_in_array(reader));
    status = advance(reader, '}');
    if (status != BS_OK) {
        return status;
    }
    if (next_byte(reader) != '"') {
        return bsi_json_fail(reader, "expected a key");
    }
    BSI_TRY(scan_string(reader, raw_out, escaped_out));
    if (next_byte(reader) != ':') {
        return bsi_json_fail(reader, "expected ':'");
    }
    reader->at++;
    return BS_OK;
}

bs_status bsi_json_next_key(bsi_json_reader *reader, bsi_slice *key_out)
{
    bsi_slice raw;
    bool escaped = false;
    const bs_status status = bsi_json_next_raw_key(reader, &raw, &escaped);

    if (status != BS_OK) {
        return status;
    }
    if (escaped) {
        if (raw.size > sizeof(reader->key)) {
            return bsi_json_fail(reader, "a key with escapes of more than %d bytes",
                                 BSI_JSON_KEY_SIZE);
        }
        raw.size = bsi_json_unescape(raw, reader->key);
        raw.data = reader->key;
    }
    *key_out = raw;
    return BS_OK;
}

/* Numbers */

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

/* The end of the fraction and the exponent that may follow at `at`; NULL when one is broken. */
static const char *skip_fraction_and_exponent(const char *at, const char *end)
{
    const char *digits = NULL;

    if (at < end && *at == '.') {
        digits = at + 1;
        at = skip_digits(digits, end);
        if (at == digits) {
            return NULL;
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        digits = at + 1;
        if (digits < end && (*digits == '+' || *digits == '-')) {
            digits++;
        }
        at = skip_digits(digits, end);
        if (at == digits) {
            return NULL;
        }
    }
    return at;
}

static bs_status scan_number(bsi_json_reader *reader, bsi_slice *out)
{
    const char *start = NULL;
    const char *digits = NULL;
    const char *at = NULL;

    if (bsi_json_peek(reader) != BSI_JSON_NUMBER) {
        return bsi_json_fail(reader, "expected a number");
    }
    start = reader->at;
    digits = *start == '-' ? start + 1 : start;
    at = skip_digits(digits, reader->end);
    if (at == digits || (*digits == '0' && at - digits > 1)) {
        return bsi_json_fail(reader, "a malformed number");
    }
    at = skip_fraction_and_exponent(at, reader->end);
    if (!at) {
        return bsi_json_fail(reader, "a malformed number");
    }
    out->data = start;
    out->size = (size_t)(at - start);
    reader->at = at;
    return BS_OK;
}

/* All of `digits` as a whole number of at most `max`. */
static bool parse_whole(bsi_slice digits, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < digits.size; i++) {
        const uint64_t digit = (uint64_t)(uint8_t)digits.data[i] - '0';
        if (digit > 9 || value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

/* Go back to the number before the complaint, so that the position is the number's. */
static bs_status refuse_number(bsi_json_reader *reader, bsi_slice number, const char *expected)
{
    reader->at = number.data;
    return bsi_json_fail(reader, "expected %s", expected);
}

bs_status bsi_json_read_u64(bsi_json_reader *reader, uint64_t *out)
{
    bsi_slice number;

    BSI_TRY(scan_number(reader, &number));
    if (!parse_whole(number, UINT64_MAX, out)) {
        return refuse_number(reader, number, "a whole number from 0 to 2^64 - 1");
    }
    return BS_OK;
}

bs_status bsi_json_read_i64(bsi_json_reader *reader, int64_t *out)
{
    bsi_slice number;
    bsi_slice digits;
    uint64_t magnitude = 0;
    bool negative = false;

    BSI_TRY(scan_number(reader, &number));
    negative = number.data[0] == '-';
    digits = negative ? (bsi_slice){number.data + 1, number.size - 1} : number;
    if (!parse_whole(digits, (uint64_t)INT64_MAX + (negative ? 1 : 0), &magnitude)) {
        return refuse_number(reader, number, "a whole number from -2^63 to 2^63 - 1");
    }
    if (negative && magnitude > 0) {
        *out = -(int64_t)(magnitude - 1) - 1;
    } else {
        *out = (int64_t)magnitude;
    }
    return BS_OK;
}

bs_status bsi_json_read_double(bsi_json_reader *reader, double *out)
{
    bsi_slice number;

    BSI_TRY(scan_number(reader, &number));
    if (!bsi_json_double_parse(number, out)) {
        return refuse_number(reader, number, "a number of ordinary size and length");
    }
    return BS_OK;
}

/* Words */

static bool take_word(bsi_json_reader *reader, const char *word, size_t size)
{
    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, word, size) != 0) {
        return false;
    }
    reader->at += size;
    return true;
}

bs_status bsi_json_read_bool(bsi_json_reader *reader, bool *out)
{
    const bool is_true = next_byte(reader) == 't';

    if (!(is_true ? take_word(reader, "true", 4) : take_word(reader, "false", 5))) {
        return bsi_json_fail(reader, "expected true or false");
    }
    *out = is_true;
    return BS_OK;
}

bs_status bsi_json_read_null(bsi_json_reader *reader)
{
    (void)next_byte(reader);
    if (!take_word(reader, "null", 4)) {
        return bsi_json_fail(reader, "expected null");
    }
    return BS_OK;
}

/* Values of any type */

bs_status bsi_json_step(bsi_json_reader *reader)
{
    bsi_slice ignored;
    bool flag = false;

    switch (bsi_json_peek(reader)) {
    case BSI_JSON_OBJECT:
        return bsi_json_enter_object(reader);
    case BSI_JSON_ARRAY:
        return bsi_json_enter_array(reader);
    case BSI_JSON_STRING:
        return scan_string(reader, &ignored, &flag);
    case BSI_JSON_NUMBER:
        return scan_number(reader, &ignored);
    case BSI_JSON_BOOL:
        return bsi_json_read_bool(reader, &flag);
    case BSI_JSON_NULL:
        return bsi_json_read_null(reader);
    case BSI_JSON_NONE:
        break;
    }
    return bsi_json_fail(reader, "expected a value");
}

bs_status bsi_json_skip(bsi_json_reader *reader)
{
    const uint32_t outer = reader->depth;
    bsi_slice ignored;
    bool escaped = false;

    BSI_TRY(bsi_json_step(reader));
    while (reader->depth > outer) {
        bs_status status = bsi_json_in_array(reader)
                               ? bsi_json_next_item(reader)
                               : bsi_json_next_raw_key(reader, &ignored, &escaped);
        if (status == BS_OK) {
            status = bsi_json_step(reader);
        }
        if (status < 0) {
            return status;
        }
    }
    return BS_OK;
}

bs_status bsi_json_raw_value(bsi_json_reader *reader, bsi_slice *out)
{
    const char *start = NULL;

    (void)next_byte(reader);
    start = reader->at;
    BSI_TRY(bsi_json_skip(reader));
    out->data = start;
    out->size = (size_t)(reader->at - start);
    return BS_OK;
}

bs_status bsi_json_end(bsi_json_reader *reader)
{
    BSI_CHECK(reader->depth == 0);
    skip_space(reader);
    if (reader->at < reader->end) {
        return bsi_json_fail(reader, "expected the end of the text");
    }
    return BS_OK;
}
