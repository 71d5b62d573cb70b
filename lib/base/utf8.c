/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 well-formedness by RFC 3629: no overlong forms, no surrogates, nothing
 * above U+10FFFF.
 */
#include "base/utf8.h"

#include <stdint.h>

static bool is_tail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The range that the second byte must lie in narrows for these first bytes. */
static bool second_fits(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second <= 0x9f;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second <= 0x8f;
    default:
        return true;
    }
}

size_t bsi_utf8_sequence(const char *bytes, size_t size)
{
    const uint8_t *in = (const uint8_t *)bytes;
    size_t length = 0;

    if (size == 0) {
        return 0;
    }
    if (in[0] < 0x80) {
        return 1;
    }
    if (in[0] >= 0xc2 && in[0] <= 0xdf) {
        length = 2;
    } else if ((in[0] & 0xf0) == 0xe0) {
        length = 3;
    } else if (in[0] >= 0xf0 && in[0] <= 0xf4) {
        length = 4;
    }
    if (length == 0 || size < length || !second_fits(in[0], in[1])) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (!is_tail(in[i])) {
            return 0;
        }
    }
    return length;
}

bool bsi_utf8_valid(const char *bytes, size_t size)
{
    size_t at = 0;

    while (at < size) {
        const size_t run = bsi_utf8_sequence(bytes + at, size - at);
        if (run == 0) {
            return false;
        }
        at += run;
    }
    return true;
}
