/* SPDX-License-Identifier: MIT */
/*
 * Sizes and durations as people write them in a configuration.
 */
#include "text/size.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

static const unit size_units[] = {
    {"B", 1},
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
    {"PiB", 1ull << 50},
    {"EiB", 1ull << 60},
    {"Ki", 1ull << 10},
    {"Mi", 1ull << 20},
    {"Gi", 1ull << 30},
    {"Ti", 1ull << 40},
    {"Pi", 1ull << 50},
    {"Ei", 1ull << 60},
    {"KB", 1000ull},
    {"MB", 1000000ull},
    {"GB", 1000000000ull},
    {"TB", 1000000000000ull},
    {"PB", 1000000000000000ull},
    {"EB", 1000000000000000000ull},
    {"K", 1000ull},
    {"M", 1000000ull},
    {"G", 1000000000ull},
    {"T", 1000000000000ull},
    {"P", 1000000000000000ull},
    {"E", 1000000000000000000ull},
};

static const unit duration_units[] = {
    {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800},
};

enum {
    FRACTION_DIGITS_MAX = 9,
    SHOWN_SIZE = 48,
};

/* A number taken from the front of a text: value = whole + fraction / scale. */
typedef struct amount {
    uint64_t whole;
    uint64_t fraction;
    uint64_t scale; /* 1: there is no fraction. */
    const char *rest;
} amount;

static bool equal_but_for_case(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && bsi_equal_but_for_case(a, b, strlen(a));
}

static bool parse_fraction(const char *at, amount *out)
{
    int digits = 0;

    for (; bsi_is_digit(*at); at++, digits++) {
        if (digits == FRACTION_DIGITS_MAX) {
            return false;
        }
        out->fraction = out->fraction * 10 + (uint64_t)(*at - '0');
        out->scale *= 10;
    }
    out->rest = at;
    return digits > 0;
}

static bool parse_amount(const char *text, amount *out)
{
    const char *at = text;

    *out = (amount){.scale = 1};
    for (; bsi_is_digit(*at); at++) {
        const uint64_t digit = (uint64_t)(*at - '0');
        if (out->whole > (UINT64_MAX - digit) / 10) {
            return false;
        }
        out->whole = out->whole * 10 + digit;
    }
    out->rest = at;
    if (at == text) {
        return false;
    }
    return *at != '.' || parse_fraction(at + 1, out);
}

/* amount * factor, rounded down; false when it does not fit. */
static bool multiply(const amount *in, uint64_t factor, uint64_t *out)
{
    uint64_t low = 0;

    if (in->whole > UINT64_MAX / factor) {
        return false;
    }
    /* Taken apart so that nothing is larger than scale * scale + factor. */
    low = factor / in->scale * in->fraction + factor % in->scale * in->fraction / in->scale;
    if (in->whole * factor > UINT64_MAX - low) {
        return false;
    }
    *out = in->whole * factor + low;
    return true;
}

/* The factor of the unit behind an amount of bytes; 0: there is no such unit. */
static uint64_t size_factor(const amount *size)
{
    const bool spaced = *size->rest == ' ';
    const char *name = spaced ? size->rest + 1 : size->rest;

    if (*name == '\0') {
        return spaced ? 0 : 1;
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(size_units); i++) {
        if (equal_but_for_case(name, size_units[i].name)) {
            return size_units[i].factor;
        }
    }
    return 0;
}

bs_status bsi_size_parse(const char *text, uint64_t *bytes_out)
{
    amount size;
    uint64_t factor = 0;
    char shown[SHOWN_SIZE];

    if (parse_amount(text, &size)) {
        factor = size_factor(&size);
    }
    if (factor == 0 || (factor == 1 && size.scale > 1) || !multiply(&size, factor, bytes_out)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "'%s' is not a size such as 1048576, 64KiB or 10GB",
                        bsi_printable(text, strlen(text), shown, sizeof(shown)));
    }
    return BS_OK;
}

static uint64_t duration_factor(const char *name)
{
    if (*name == '\0') {
        return 1;
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(duration_units); i++) {
        if (strcmp(name, duration_units[i].name) == 0) {
            return duration_units[i].factor;
        }
    }
    return 0;
}

bs_status bsi_duration_parse(const char *text, uint64_t *seconds_out)
{
    amount duration;
    uint64_t factor = 0;
    char shown[SHOWN_SIZE];

    if (parse_amount(text, &duration) && duration.scale == 1) {
        factor = duration_factor(duration.rest);
    }
    if (factor == 0 || !multiply(&duration, factor, seconds_out)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "'%s' is not a duration such as 90, 30s, 5m, 2h or 7d",
                        bsi_printable(text, strlen(text), shown, sizeof(shown)));
    }
    return BS_OK;
}

const char *bsi_size_format(uint64_t bytes, char out[BSI_SIZE_TEXT_SIZE])
{
    static const char prefixes[] = "KMGTPE";
    uint64_t whole = bytes;
    uint64_t rest = 0;
    uint64_t tenths = 0;
    size_t prefix = 0;

    if (bytes < 1024) {
        (void)snprintf(out, BSI_SIZE_TEXT_SIZE, "%u B", (unsigned int)bytes);
        return out;
    }
    for (prefix = 0; whole >= 1024; prefix++) {
        rest = whole % 1024;
        whole /= 1024;
    }
    tenths = rest * 10 / 1024; /* Rounded down: 1023.99 MiB never shows as 1024.0 MiB. */
    (void)snprintf(out, BSI_SIZE_TEXT_SIZE, "%u.%u %ciB", (unsigned int)whole, (unsigned int)tenths,
                   prefixes[prefix - 1]);
    return out;
}
