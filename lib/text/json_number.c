/* SPDX-License-Identifier: MIT */
/*
 * Between doubles and decimal text. The C library does the rounding; it is
 * only ever given digits and an exponent, and never a decimal point, because
 * that one follows the locale.
 */
#include "text/json_number.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"

enum {
    DIGITS_MAX = 400,        /* Longer numbers are refused. */
    EXPONENT_MAX = 100000,   /* Far beyond any double; keeps the sum from overflowing. */
    EXPONENT_TEXT_SIZE = 16, /* "e-100400" */
    PRECISION_MIN = 15,      /* Digits that every double keeps. */
    PRECISION_MAX = 17,      /* Digits that tell all doubles apart. */
    POSITIONAL_MIN = -5,     /* Exponents outside are written with an 'e'. */
    POSITIONAL_MAX = 16,
};

/* The number behind an 'e', held within EXPONENT_MAX. */
static int32_t parse_exponent(const char *at, const char *end)
{
    const bool negative = at < end && *at == '-';
    int32_t exponent = 0;

    for (; at < end; at++) {
        if (bsi_is_digit(*at) && exponent < EXPONENT_MAX) {
            exponent = exponent * 10 + (*at - '0');
        }
    }
    exponent = exponent < EXPONENT_MAX ? exponent : EXPONENT_MAX;
    return negative ? -exponent : exponent;
}

bool bsi_json_double_parse(bsi_slice number, double *out)
{
    char text[DIGITS_MAX + EXPONENT_TEXT_SIZE];
    const char *at = number.data;
    const char *end = number.data + number.size;
    size_t used = 0;
    int32_t exponent = 0;
    bool in_fraction = false;
    double value = 0;

    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            in_fraction = true;
            continue;
        }
        if (used == DIGITS_MAX) {
            return false;
        }
        text[used++] = *at;
        exponent -= in_fraction ? 1 : 0;
    }
    if (at < end) {
        exponent += parse_exponent(at + 1, end);
    }
    (void)snprintf(text + used, sizeof(text) - used, "e%d", exponent);
    value = strtod(text, NULL);
    if (!isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}

/* Split a double into so many digits and the exponent of the first one. */
static int32_t to_digits(double magnitude, int precision, char digits[PRECISION_MAX + 1])
{
    char text[64];
    const char *at = text;
    size_t used = 0;

    (void)snprintf(text, sizeof(text), "%.*e", precision - 1, magnitude);
    for (; *at != 'e'; at++) {
        if (bsi_is_digit(*at) && used < PRECISION_MAX) {
            digits[used++] = *at;
        }
    }
    digits[used] = '\0';
    return parse_exponent(at + 1, text + strlen(text));
}

static bool reads_back(const char *digits, int32_t exponent, double magnitude)
{
    char text[PRECISION_MAX + EXPONENT_TEXT_SIZE];
    const int length =
        snprintf(text, sizeof(text), "%se%d", digits, exponent - (int32_t)strlen(digits) + 1);
    double value = 0;

    return bsi_json_double_parse((bsi_slice){text, (size_t)length}, &value) && value == magnitude;
}

/* "12300", "1.23", "0.00123": the point goes behind the digit of 10^0. */
static size_t write_positional(const char *digits, int32_t exponent, char *out)
{
    const int32_t count = (int32_t)strlen(digits);
    int32_t place = exponent > 0 ? exponent : 0;
    const int32_t last = exponent - count + 1 < 0 ? exponent - count + 1 : 0;
    size_t used = 0;

    for (; place >= last; place--) {
        const int32_t index = exponent - place;
        if (place == -1) {
            out[used++] = '.';
        }
        out[used++] = '0';
        if (index >= 0 && index < count) {
            out[used - 1] = digits[index];
        }
    }
    return used;
}

static size_t write_scientific(const char *digits, int32_t exponent, char *out, size_t size)
{
    const char *point = digits[1] ? "." : "";

    return (size_t)snprintf(out, size, "%c%s%se%d", digits[0], point, digits + 1, exponent);
}

size_t bsi_json_double_format(double value, char out[BSI_JSON_DOUBLE_SIZE])
{
    char digits[PRECISION_MAX + 1];
    const double magnitude = fabs(value);
    int32_t exponent = 0;
    size_t count = 0;
    size_t used = 0;

    for (int precision = PRECISION_MIN; precision <= PRECISION_MAX; precision++) {
        exponent = to_digits(magnitude, precision, digits);
        if (reads_back(digits, exponent, magnitude)) {
            break;
        }
    }
    for (count = strlen(digits); count > 1 && digits[count - 1] == '0'; count--) {
        digits[count - 1] = '\0';
    }
    if (signbit(value) && magnitude > 0) {
        out[used++] = '-';
    }
    if (exponent < POSITIONAL_MIN || exponent > POSITIONAL_MAX) {
        used += write_scientific(digits, exponent, out + used, BSI_JSON_DOUBLE_SIZE - used);
    } else {
        used += write_positional(digits, exponent, out + used);
    }
    out[used] = '\0';
    return used;
}
