/* SPDX-License-Identifier: MIT */
/*
 * Strings and names. A name goes through both in one pass: each character's
 * quoted form is made first, and what of that JSON escapes is escaped as it is
 * appended.
 */
#include "repo/go_text.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"

enum { ESCAPE_ROOM = 16 };

/* The character of a sequence that bsi_utf8_sequence() has found well-formed. */
static uint32_t decode(const char *bytes, size_t size)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t character = (uint8_t)bytes[0] & masks[size];

    for (size_t i = 1; i < size; i++) {
        character = character << 6 | ((uint8_t)bytes[i] & 0x3f);
    }
    return character;
}

/* What JSON has instead of an ASCII character; NULL: the character itself. */
static const char *json_escape(uint8_t c, char room[ESCAPE_ROOM])
{
    static const char shorts[] = "\b\f\n\r\t\"\\";
    static const char *const escapes[] = {"\\b", "\\f", "\\n", "\\r", "\\t", "\\\"", "\\\\"};
    const char *found = c != 0 ? strchr(shorts, c) : NULL;

    if (found) {
        return escapes[found - shorts];
    }
    if (c < ' ' || c == '<' || c == '>' || c == '&') {
        (void)snprintf(room, ESCAPE_ROOM, "\\u%04x", c);
        return room;
    }
    return NULL;
}

static bs_status append_ascii(bsi_buf *out, uint8_t c)
{
    char room[ESCAPE_ROOM];
    const char *escape = json_escape(c, room);

    return escape ? bsi_buf_append_text(out, escape) : bsi_buf_append_byte(out, c);
}

/* One well-formed sequence of a string. */
static bs_status append_sequence(bsi_buf *out, const char *bytes, size_t size)
{
    const uint32_t character = decode(bytes, size);

    if (size == 1) {
        return append_ascii(out, (uint8_t)bytes[0]);
    }
    if (character == 0x2028 || character == 0x2029) {
        return bsi_buf_append_format(out, "\\u%04x", character);
    }
    return bsi_buf_append(out, bytes, size);
}

bs_status bsi_go_json_string(bsi_buf *out, bsi_slice text)
{
    BSI_TRY(bsi_buf_append_byte(out, '"'));
    for (size_t at = 0; at < text.size;) {
        const size_t size = bsi_utf8_sequence(text.data + at, text.size - at);
        BSI_TRY(size > 0 ? append_sequence(out, text.data + at, size)
                         : bsi_buf_append_text(out, "\\ufffd"));
        at += size > 0 ? size : 1;
    }
    return bsi_buf_append_byte(out, '"');
}

/* What strconv.Quote() has instead of a character; NULL: the character itself. */
static const char *go_escape(uint32_t c, char room[ESCAPE_ROOM])
{
    static const char shorts[] = "\a\b\f\n\r\t\v\"\\";
    static const char *const escapes[] = {"\\a", "\\b", "\\f",  "\\n", "\\r",
                                          "\\t", "\\v", "\\\"", "\\\\"};
    const char *found = c != 0 && c < 0x80 ? strchr(shorts, (int)c) : NULL;

    if (found) {
        return escapes[found - shorts];
    }
    if (bsi_go_is_printable(c)) {
        return NULL;
    }
    (void)snprintf(room, ESCAPE_ROOM,
                   c < ' ' || c == 0x7f ? "\\x%02x" : (c < 0x10000 ? "\\u%04x" : "\\U%08x"), c);
    return room;
}

/* Text of a quoted name, all ASCII. */
static bs_status append_escape(bsi_buf *out, const char *escape)
{
    for (; *escape != '\0'; escape++) {
        BSI_TRY(append_ascii(out, (uint8_t)*escape));
    }
    return BS_OK;
}

static bs_status append_name_sequence(bsi_buf *out, const char *bytes, size_t size)
{
    char room[ESCAPE_ROOM];
    const char *escape = NULL;

    if (size == 0) {
        (void)snprintf(room, sizeof(room), "\\x%02x", (uint8_t)bytes[0]);
        return append_escape(out, room);
    }
    escape = go_escape(decode(bytes, size), room);
    return escape ? append_escape(out, escape) : append_sequence(out, bytes, size);
}

bs_status bsi_go_json_name(bsi_buf *out, bsi_slice name)
{
    BSI_TRY(bsi_buf_append_byte(out, '"'));
    for (size_t at = 0; at < name.size;) {
        const size_t size = bsi_utf8_sequence(name.data + at, name.size - at);
        BSI_TRY(append_name_sequence(out, name.data + at, size));
        at += size > 0 ? size : 1;
    }
    return bsi_buf_append_byte(out, '"');
}

/* The digits behind an escape's letter: how many, to which base. */
typedef struct digits {
    size_t count;
    uint32_t base;
} digits;

static bool read_digits(bsi_slice text, digits form, uint32_t *out)
{
    uint32_t value = 0;

    if (text.size < form.count) {
        return false;
    }
    for (size_t i = 0; i < form.count; i++) {
        const int digit = bsi_hex_value(text.data[i]);
        if (digit < 0 || (uint32_t)digit >= form.base) {
            return false;
        }
        value = value * form.base + (uint32_t)digit;
    }
    *out = value;
    return true;
}

static bs_status append_character(bsi_buf *out, uint32_t c)
{
    const uint8_t bytes[] = {(uint8_t)(0xf0 | c >> 18), (uint8_t)(0x80 | (c >> 12 & 0x3f)),
                             (uint8_t)(0x80 | (c >> 6 & 0x3f)), (uint8_t)(0x80 | (c & 0x3f))};
    uint8_t lead[3] = {0};

    if (c < 0x80) {
        return bsi_buf_append_byte(out, (uint8_t)c);
    }
    if (c >= 0x10000) {
        return bsi_buf_append(out, bytes, 4);
    }
    memcpy(lead, bytes + 1, sizeof(lead));
    if (c >= 0x800) {
        lead[0] = (uint8_t)(0xe0 | c >> 12);
        return bsi_buf_append(out, lead, 3);
    }
    lead[1] = (uint8_t)(0xc0 | c >> 6);
    return bsi_buf_append(out, lead + 1, 2);
}

static bool is_scalar(uint32_t c)
{
    return c < 0xd800 || (c > 0xdfff && c <= 0x10ffff);
}

/* Undo one escape, of which `text` begins behind the backslash. 0: there is no such escape. */
static bs_status unescape(bsi_slice text, bsi_buf *out, size_t *used_out)
{
    static const char letters[] = "abfnrtv\\\"";
    static const char meanings[] = "\a\b\f\n\r\t\v\\\"";
    const int letter = text.size > 0 ? text.data[0] : 0;
    const char *found = letter != '\0' ? strchr(letters, letter) : NULL;
    const bool octal = letter >= '0' && letter <= '7';
    const bsi_slice rest =
        octal || text.size == 0 ? text : (bsi_slice){text.data + 1, text.size - 1};
    digits form = {3, 8};
    uint32_t value = 0;

    *used_out = 0;
    if (found) {
        *used_out = 1;
        return bsi_buf_append_byte(out, (uint8_t)meanings[found - letters]);
    }
    if (!octal) {
        form = (digits){letter == 'x' ? 2 : (letter == 'u' ? 4 : (letter == 'U' ? 8 : 0)), 16};
    }
    if (form.count == 0 || !read_digits(rest, form, &value)) {
        return BS_OK;
    }
    if (form.count < 4) { /* A byte. */
        *used_out = value <= UINT8_MAX ? form.count + (octal ? 0 : 1) : 0;
        return bsi_buf_append_byte(out, (uint8_t)value);
    }
    if (!is_scalar(value)) {
        return BS_OK;
    }
    *used_out = form.count + 1;
    return append_character(out, value);
}

/* One byte or escape. 0: Go would not have written it. */
static bs_status unquote_next(bsi_slice text, bsi_buf *out, size_t *used_out)
{
    const char c = text.data[0];

    *used_out = 0;
    if (c == '\\') {
        BSI_TRY(unescape((bsi_slice){text.data + 1, text.size - 1}, out, used_out));
        *used_out += *used_out > 0 ? 1 : 0;
        return BS_OK;
    }
    if (c == '"' || c == '\n') {
        return BS_OK;
    }
    *used_out = 1;
    return bsi_buf_append_byte(out, (uint8_t)c);
}

bs_status bsi_go_unquote(bsi_slice quoted, bsi_buf *out)
{
    for (size_t at = 0; at < quoted.size;) {
        size_t used = 0;
        BSI_TRY(unquote_next((bsi_slice){quoted.data + at, quoted.size - at}, out, &used));
        if (used == 0) {
            char shown[128];
            return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "'%s' is not a quoted name",
                            bsi_printable(quoted.data, quoted.size, shown, sizeof(shown)));
        }
        at += used;
    }
    return BS_OK;
}
