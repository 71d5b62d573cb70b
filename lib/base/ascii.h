/* SPDX-License-Identifier: MIT */
#ifndef BSI_BASE_ASCII_H
#define BSI_BASE_ASCII_H

#include <stdbool.h>
#include <stddef.h>

/* Letters and digits of ASCII. <ctype.h> and strcasecmp() follow the locale; these do not. */
static inline bool bsi_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static inline char bsi_lower(char byte)
{
    if (byte >= 'A' && byte <= 'Z') {
        return (char)(byte - 'A' + 'a');
    }
    return byte;
}

/* Of a hex digit in either case; -1: it is none. */
static inline int bsi_hex_value(char byte)
{
    const char lower = bsi_lower(byte);

    if (bsi_is_digit(byte)) {
        return byte - '0';
    }
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static inline bool bsi_equal_but_for_case(const char *a, const char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bsi_lower(a[i]) != bsi_lower(b[i])) {
            return false;
        }
    }
    return true;
}

#endif
