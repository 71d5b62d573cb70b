/* SPDX-License-Identifier: MIT */
/*
 * The JSON writer: one place for commas, escapes and indentation.
 */
#include "text/json_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "text/json_number.h"
#include "text/json_scan.h"

enum {
    INDENT = 2,
    INTEGER_SIZE = 24,
};

void bsi_json_writer_init(bsi_json_writer *writer, bsi_buf *out, bsi_json_style style)
{
    *writer = (bsi_json_writer){.out = out, .style = style};
}

bs_status bsi_json_writer_finish(bsi_json_writer *writer)
{
    bs_status status = writer->status;

    if (status == BS_OK && !writer->complete) {
        status = bsi_fail(BS_LAYER_SYSTEM, BS_E_INTERNAL, "JSON text is not complete");
    }
    bsi_json_writer_init(writer, writer->out, writer->style);
    return status;
}

static void append(bsi_json_writer *writer, const void *data, size_t size)
{
    if (writer->status == BS_OK) {
        writer->status = bsi_buf_append(writer->out, data, size);
    }
}

static void misuse(bsi_json_writer *writer, const char *what)
{
    if (writer->status == BS_OK) {
        writer->status = bsi_fail(BS_LAYER_SYSTEM, BS_E_INTERNAL, "JSON out of order: %s", what);
    }
}

/* Bit depth - 1 of the two words belongs to the innermost container. */
static uint64_t innermost(const bsi_json_writer *writer)
{
    return (uint64_t)1 << (writer->depth - 1);
}

static void new_line(bsi_json_writer *writer)
{
    static const char spaces[] = "                                ";
    size_t left = (size_t)writer->depth * INDENT;

    if (writer->style != BSI_JSON_INDENTED) {
        return;
    }
    append(writer, "\n", 1);
    while (left > 0) {
        const size_t run = left < sizeof(spaces) - 1 ? left : sizeof(spaces) - 1;
        append(writer, spaces, run);
        left -= run;
    }
}

/* The comma and line before a key or an item. */
static void begin_item(bsi_json_writer *writer)
{
    if (writer->has_item & innermost(writer)) {
        append(writer, ",", 1);
    }
    writer->has_item |= innermost(writer);
    new_line(writer);
}

/* What must come before a value at this place; false when none may stand here. */
static bool begin_value(bsi_json_writer *writer)
{
    if (writer->status != BS_OK) {
        return false;
    }
    if (writer->after_key) {
        writer->after_key = false;
        return true;
    }
    if (writer->depth == 0) {
        if (writer->complete) {
            misuse(writer, "a second value at the top");
        }
        writer->complete = true;
    } else if (writer->is_array & innermost(writer)) {
        begin_item(writer);
    } else {
        misuse(writer, "a value without a key");
    }
    return writer->status == BS_OK;
}

static void write_verbatim(bsi_json_writer *writer, const void *data, size_t size)
{
    if (begin_value(writer)) {
        append(writer, data, size);
    }
}

static void begin_container(bsi_json_writer *writer, bool is_array)
{
    if (!begin_value(writer)) {
        return;
    }
    if (writer->depth == BSI_JSON_MAX_DEPTH) {
        misuse(writer, "too many levels");
        return;
    }
    append(writer, is_array ? "[" : "{", 1);
    writer->depth++;
    writer->complete = false;
    writer->has_item &= ~innermost(writer);
    writer->is_array &= ~innermost(writer);
    if (is_array) {
        writer->is_array |= innermost(writer);
    }
}

static void end_container(bsi_json_writer *writer, bool is_array)
{
    bool had_item = false;

    if (writer->depth == 0 || writer->after_key ||
        ((writer->is_array & innermost(writer)) != 0) != is_array) {
        misuse(writer, "an end without its beginning");
        return;
    }
    had_item = (writer->has_item & innermost(writer)) != 0;
    writer->depth--;
    if (had_item) {
        new_line(writer);
    }
    append(writer, is_array ? "]" : "}", 1);
    writer->complete = writer->depth == 0;
}

void bsi_json_begin_object(bsi_json_writer *writer)
{
    begin_container(writer, false);
}

void bsi_json_end_object(bsi_json_writer *writer)
{
    end_container(writer, false);
}

void bsi_json_begin_array(bsi_json_writer *writer)
{
    begin_container(writer, true);
}

void bsi_json_end_array(bsi_json_writer *writer)
{
    end_container(writer, true);
}

/* A control byte, a quote or a backslash. */
static void append_escape(bsi_json_writer *writer, char byte)
{
    static const char values[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    const char *value = strchr(values, byte);
    char text[8];
    int length = 0;

    if (value) {
        length = snprintf(text, sizeof(text), "\\%c", names[value - values]);
    } else {
        length = snprintf(text, sizeof(text), "\\u%04x", (unsigned int)(uint8_t)byte);
    }
    append(writer, text, (size_t)length);
}

/* The character at `at`, which can not go out as it is. Returns its length, 0 on failure. */
static size_t append_special(bsi_json_writer *writer, const char *at, size_t left)
{
    size_t length = 1;

    if ((uint8_t)*at < 0x80 && *at != '\0') {
        append_escape(writer, *at);
        return length;
    }
    length = *at == '\0' ? 0 : bsi_utf8_sequence(at, left);
    if (length == 0) {
        writer->status = bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                                  "text for JSON that is not UTF-8 or holds a NUL");
    }
    append(writer, at, length);
    return length;
}

static void append_quoted(bsi_json_writer *writer, bsi_slice text)
{
    const char *at = text.data;
    const char *end = text.size > 0 ? text.data + text.size : text.data;

    append(writer, "\"", 1);
    while (at < end && writer->status == BS_OK) {
        const char *stop = bsi_json_skip_plain(at, end);
        append(writer, at, (size_t)(stop - at));
        at = stop;
        if (at < end && writer->status == BS_OK) {
            at += append_special(writer, at, (size_t)(end - at));
        }
    }
    append(writer, "\"", 1);
}

void bsi_json_write_key_slice(bsi_json_writer *writer, bsi_slice key)
{
    if (writer->status != BS_OK) {
        return;
    }
    if (writer->depth == 0 || writer->after_key || (writer->is_array & innermost(writer)) != 0) {
        misuse(writer, "a key outside of an object");
        return;
    }
    begin_item(writer);
    append_quoted(writer, key);
    append(writer, ": ", writer->style == BSI_JSON_INDENTED ? 2 : 1);
    writer->after_key = true;
}

void bsi_json_write_key(bsi_json_writer *writer, const char *key)
{
    bsi_json_write_key_slice(writer, bsi_slice_of(key));
}

void bsi_json_write_string(bsi_json_writer *writer, bsi_slice text)
{
    if (begin_value(writer)) {
        append_quoted(writer, text);
    }
}

void bsi_json_write_text(bsi_json_writer *writer, const char *text)
{
    if (text) {
        bsi_json_write_string(writer, bsi_slice_of(text));
    } else {
        bsi_json_write_null(writer);
    }
}

/* Digits are made from the last to the first; manifests are full of them. */
static void write_integer(bsi_json_writer *writer, uint64_t magnitude, bool negative)
{
    char text[INTEGER_SIZE];
    char *at = text + sizeof(text);

    do {
        *--at = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (negative) {
        *--at = '-';
    }
    write_verbatim(writer, at, (size_t)(text + sizeof(text) - at));
}

void bsi_json_write_u64(bsi_json_writer *writer, uint64_t value)
{
    write_integer(writer, value, false);
}

void bsi_json_write_i64(bsi_json_writer *writer, int64_t value)
{
    write_integer(writer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

void bsi_json_write_double(bsi_json_writer *writer, double value)
{
    char text[BSI_JSON_DOUBLE_SIZE];

    if (isfinite(value)) {
        write_verbatim(writer, text, bsi_json_double_format(value, text));
    } else if (writer->status == BS_OK) {
        writer->status =
            bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "a number for JSON that is not finite");
    }
}

void bsi_json_write_bool(bsi_json_writer *writer, bool value)
{
    write_verbatim(writer, value ? "true" : "false", value ? 4 : 5);
}

void bsi_json_write_null(bsi_json_writer *writer)
{
    write_verbatim(writer, "null", 4);
}

void bsi_json_write_raw(bsi_json_writer *writer, bsi_slice json)
{
    write_verbatim(writer, json.data, json.size);
}

void bsi_json_put_string(bsi_json_writer *writer, const char *key, bsi_slice text)
{
    bsi_json_write_key(writer, key);
    bsi_json_write_string(writer, text);
}

void bsi_json_put_text(bsi_json_writer *writer, const char *key, const char *text)
{
    bsi_json_write_key(writer, key);
    bsi_json_write_text(writer, text);
}

void bsi_json_put_u64(bsi_json_writer *writer, const char *key, uint64_t value)
{
    bsi_json_write_key(writer, key);
    bsi_json_write_u64(writer, value);
}

void bsi_json_put_i64(bsi_json_writer *writer, const char *key, int64_t value)
{
    bsi_json_write_key(writer, key);
    bsi_json_write_i64(writer, value);
}

void bsi_json_put_double(bsi_json_writer *writer, const char *key, double value)
{
    bsi_json_write_key(writer, key);
    bsi_json_write_double(writer, value);
}

void bsi_json_put_bool(bsi_json_writer *writer, const char *key, bool value)
{
    bsi_json_write_key(writer, key);
    bsi_json_write_bool(writer, value);
}

void bsi_json_put_null(bsi_json_writer *writer, const char *key)
{
    bsi_json_write_key(writer, key);
    bsi_json_write_null(writer);
}
