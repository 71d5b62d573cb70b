/* SPDX-License-Identifier: MIT */
/*
 * Names of blobs, both ways.
 */
#include "net/azure_name.h"

#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"

/* U+201B. What begins with it stands for something else. */
static const char quote[] = "\xe2\x80\x9b";

enum {
    QUOTE_SIZE = sizeof(quote) - 1,
    STAND_IN_SIZE = 3,
    STAND_IN_MAX = 4, /* With the NUL. */
    DELETE = 0x7f,
    NAME_BYTES_MAX = 64 * 1024,
};

/* The character that stands in for a byte; false where it stays itself, or is no character. */
static bool stand_in(uint8_t byte, bool is_last, char out[STAND_IN_MAX])
{
    if (byte < ' ') {
        memcpy(out, "\xe2\x90\x80", STAND_IN_MAX); /* U+2400 and on, controls as pictures. */
        out[2] = (char)(uint8_t)(0x80 + byte);
    } else if (byte == DELETE) {
        memcpy(out, "\xe2\x90\xa1", STAND_IN_MAX);
    } else if (byte == '\\') {
        memcpy(out, "\xef\xbc\xbc", STAND_IN_MAX);
    } else if (byte == '.' && is_last) {
        memcpy(out, "\xef\xbc\x8e", STAND_IN_MAX);
    } else {
        return false;
    }
    return true;
}

/* Behind a byte at `next` a component ends. */
static bool ends_at(bsi_slice text, size_t next)
{
    return next == text.size || text.data[next] == '/';
}

/* The byte that a character stands in for; -1: none. */
static int stood_in(const char *at, bool is_last)
{
    static const uint8_t others[] = {DELETE, '\\', '.'};
    char stand[STAND_IN_MAX];

    if ((uint8_t)at[0] == 0xe2 && (uint8_t)at[1] == 0x90 && (uint8_t)at[2] >= 0x80 &&
        (uint8_t)at[2] < 0xa0) {
        return (uint8_t)at[2] - 0x80;
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(others); i++) {
        if (stand_in(others[i], is_last, stand) && memcmp(at, stand, STAND_IN_SIZE) == 0) {
            return others[i];
        }
    }
    return -1;
}

/* XML has no such characters: U+FFFE and U+FFFF. */
static bool is_no_character(const char *at, size_t size)
{
    return size == STAND_IN_SIZE &&
           (memcmp(at, "\xef\xbf\xbe", size) == 0 || memcmp(at, "\xef\xbf\xbf", size) == 0);
}

/* --- There --- */

static bs_status append_hex(bsi_buf *out, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        BSI_TRY(bsi_buf_append_format(out, "%s%02X", quote, (unsigned)(uint8_t)bytes[i]));
    }
    return BS_OK;
}

static bs_status append_character(bsi_buf *out, bsi_slice key, size_t at, size_t size)
{
    const char *bytes = key.data + at;
    const bool is_last = ends_at(key, at + size);
    char stand[STAND_IN_MAX];

    if (size == 1 && stand_in((uint8_t)bytes[0], is_last, stand)) {
        return bsi_buf_append(out, stand, STAND_IN_SIZE);
    }
    if (is_no_character(bytes, size)) {
        return append_hex(out, bytes, size);
    }
    if (size == STAND_IN_SIZE &&
        (memcmp(bytes, quote, size) == 0 || stood_in(bytes, is_last) >= 0)) {
        BSI_TRY(bsi_buf_append(out, quote, QUOTE_SIZE));
    }
    return bsi_buf_append(out, bytes, size);
}

bs_status bsi_azure_name_append(bsi_buf *out, bsi_slice key)
{
    for (size_t at = 0; at < key.size;) {
        const size_t size = bsi_utf8_sequence(key.data + at, key.size - at);

        BSI_TRY(size > 0 ? append_character(out, key, at, size)
                         : append_hex(out, key.data + at, 1));
        at += size > 0 ? size : 1;
    }
    return BS_OK;
}

/* --- And back --- */

static bs_status fail_name(void)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "no key has this name of a blob");
}

/* What is behind a quote: two digits, or a character that stands for itself. */
static bs_status decode_quoted(bsi_slice name, size_t *at, bsi_buf *out)
{
    const char *bytes = name.data + *at;
    const size_t left = name.size - *at;
    const size_t size = bsi_utf8_sequence(bytes, left);
    const int high = left >= 2 ? bsi_hex_value(bytes[0]) : -1;
    const int low = left >= 2 ? bsi_hex_value(bytes[1]) : -1;

    if (high >= 0 && low >= 0) {
        *at += 2;
        return bsi_buf_append_byte(out, (uint8_t)(high * 16 + low));
    }
    *at += size;
    return size > 0 ? bsi_buf_append(out, bytes, size) : fail_name();
}

static bs_status decode_character(bsi_slice name, size_t *at, bsi_buf *out)
{
    const char *bytes = name.data + *at;
    const size_t size = bsi_utf8_sequence(bytes, name.size - *at);
    int byte = -1;

    if (size == 0) {
        return fail_name();
    }
    *at += size;
    if (size == STAND_IN_SIZE && memcmp(bytes, quote, size) == 0) {
        return decode_quoted(name, at, out);
    }
    byte = size == STAND_IN_SIZE ? stood_in(bytes, ends_at(name, *at)) : -1;
    if (byte == 0) {
        return fail_name(); /* Keys have no NUL. */
    }
    return byte > 0 ? bsi_buf_append_byte(out, (uint8_t)byte) : bsi_buf_append(out, bytes, size);
}

static bs_status decode(bsi_slice name, bsi_buf *out)
{
    for (size_t at = 0; at < name.size;) {
        BSI_TRY(decode_character(name, &at, out));
    }
    return BS_OK;
}

/* A key has just one name. */
static bs_status check_name(bsi_slice key, bsi_slice name)
{
    bsi_buf again;
    bs_status status = BS_OK;

    bsi_buf_init(&again, NAME_BYTES_MAX);
    status = bsi_azure_name_append(&again, key);
    if (status == BS_OK && !bsi_slice_equal(bsi_buf_slice(&again), name)) {
        status = fail_name();
    }
    bsi_buf_dispose(&again);
    return status;
}

bs_status bsi_azure_name_decode(bsi_slice name, bsi_buf *out)
{
    const size_t before = out->size;
    bs_status status = decode(name, out);

    if (status == BS_OK) {
        status =
            check_name((bsi_slice){(const char *)out->data + before, out->size - before}, name);
    }
    if (status < 0) {
        out->size = before;
    }
    return status;
}

bool bsi_azure_name_fits(bsi_slice name)
{
    size_t characters = 0;
    size_t segments = 1;

    for (size_t i = 0; i < name.size; i++) {
        const uint8_t byte = (uint8_t)name.data[i];
        characters += (byte & 0xc0) != 0x80 ? 1 : 0;
        characters += byte >= 0xf0 ? 1 : 0;
        segments += byte == '/' ? 1 : 0;
    }
    return characters <= BSI_AZURE_NAME_MAX && segments <= BSI_AZURE_SEGMENTS_MAX;
}
