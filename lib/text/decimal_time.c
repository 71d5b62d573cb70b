/* SPDX-License-Identifier: MIT */
/*
 * Exact decimal seconds. The text has a sign and a magnitude while a time
 * counts its nanoseconds upwards also before 1970, so below zero the fraction
 * is the rest to the next whole second.
 */
#include "text/decimal_time.h"

#include <stdbool.h>
#include <string.h>

enum {
    NSEC_PER_SEC = 1000000000,
    FRACTION_DIGITS = 9,
    SHOWN_SIZE = 48,
};

size_t bsi_decimal_time_format(int64_t sec, int32_t nsec, char out[BSI_DECIMAL_TIME_SIZE])
{
    char text[BSI_DECIMAL_TIME_SIZE];
    char *at = text + sizeof(text);
    const bool negative = sec < 0;
    uint64_t whole = negative ? 0 - (uint64_t)sec : (uint64_t)sec;
    uint32_t fraction = (uint32_t)nsec;
    size_t length = 0;

    BSI_ASSERT(nsec >= 0 && nsec < NSEC_PER_SEC);
    if (negative && fraction > 0) {
        whole--;
        fraction = NSEC_PER_SEC - fraction;
    }
    for (int i = 0; i < FRACTION_DIGITS; i++) {
        *--at = (char)('0' + fraction % 10);
        fraction /= 10;
    }
    *--at = '.';
    do {
        *--at = (char)('0' + whole % 10);
        whole /= 10;
    } while (whole > 0);
    if (negative) {
        *--at = '-';
    }
    length = (size_t)(text + sizeof(text) - at);
    memcpy(out, at, length);
    out[length] = '\0';
    return length;
}

static bool is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* The digits before the point, without leading zeros; NULL when there are none or too many. */
static const char *parse_whole(const char *at, const char *end, uint64_t *out)
{
    const char *start = at;
    uint64_t value = 0;

    for (; is_digit(at, end); at++) {
        const uint64_t digit = (uint64_t)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return NULL;
        }
        value = value * 10 + digit;
    }
    if (at == start || (*start == '0' && at - start > 1)) {
        return NULL;
    }
    *out = value;
    return at;
}

/* A point and 1 to 9 digits, if there is anything at all; NULL when it is something else. */
static const char *parse_fraction(const char *at, const char *end, uint32_t *out)
{
    uint32_t value = 0;

    if (at == end) {
        *out = 0;
        return at;
    }
    if (*at != '.' || !is_digit(at + 1, end)) {
        return NULL;
    }
    at++;
    for (int i = 0; i < FRACTION_DIGITS; i++) {
        value *= 10;
        if (is_digit(at, end)) {
            value += (uint32_t)(*at++ - '0');
        }
    }
    *out = value;
    return at;
}

/* From sign and magnitude to seconds rounded down and nanoseconds on top. */
static bool combine(bool negative, uint64_t whole, uint32_t fraction, int64_t *sec_out,
                    int32_t *nsec_out)
{
    if (!negative) {
        if (whole > (uint64_t)INT64_MAX) {
            return false;
        }
        *sec_out = (int64_t)whole;
        *nsec_out = (int32_t)fraction;
        return true;
    }
    if (whole > (uint64_t)INT64_MAX + (fraction == 0 ? 1 : 0) || (whole == 0 && fraction == 0)) {
        return false;
    }
    if (fraction > 0) {
        *sec_out = -(int64_t)whole - 1;
        *nsec_out = (int32_t)(NSEC_PER_SEC - fraction);
    } else {
        *sec_out = -(int64_t)(whole - 1) - 1;
        *nsec_out = 0;
    }
    return true;
}

bs_status bsi_decimal_time_parse(const char *text, size_t size, int64_t *sec_out, int32_t *nsec_out)
{
    const char *end = text + size;
    const bool negative = size > 0 && text[0] == '-';
    uint64_t whole = 0;
    uint32_t fraction = 0;
    const char *at = parse_whole(negative ? text + 1 : text, end, &whole);
    char shown[SHOWN_SIZE];

    if (at) {
        at = parse_fraction(at, end, &fraction);
    }
    if (at != end || !combine(negative, whole, fraction, sec_out, nsec_out)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "'%s' is not a time in decimal seconds",
                        bsi_printable(text, size, shown, sizeof(shown)));
    }
    return BS_OK;
}
