/* SPDX-License-Identifier: MIT */
/*
 * Base 64, with a decoder that has one accepted text for each sequence of bytes.
 */
#include "text/base64.h"

#include <stdbool.h>
#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode_group(const uint8_t *in, size_t size, uint8_t *out)
{
    const uint32_t group = (uint32_t)in[0] << 16 | (size > 1 ? (uint32_t)in[1] << 8 : 0) |
                           (size > 2 ? (uint32_t)in[2] : 0);

    out[0] = (uint8_t)alphabet[group >> 18];
    out[1] = (uint8_t)alphabet[group >> 12 & 63];
    out[2] = (uint8_t)(size > 1 ? alphabet[group >> 6 & 63] : '=');
    out[3] = (uint8_t)(size > 2 ? alphabet[group & 63] : '=');
}

bs_status bsi_base64_encode(const void *data, size_t size, bsi_buf *out)
{
    const uint8_t *in = data;

    if (size > (SIZE_MAX - 4) / 4 * 3) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_LIMIT, "%zu bytes for base 64", size);
    }
    BSI_TRY(bsi_buf_reserve(out, (size + 2) / 3 * 4));
    for (size_t at = 0; at < size; at += 3) {
        const size_t left = size - at;
        encode_group(in + at, left < 3 ? left : 3, out->data + out->size);
        out->size += 4;
    }
    return BS_OK;
}

bs_status bsi_base64_encode_url(const void *data, size_t size, bsi_buf *out)
{
    const size_t before = out->size;

    BSI_TRY(bsi_base64_encode(data, size, out));
    while (out->size > before && out->data[out->size - 1] == '=') {
        out->size--;
    }
    for (size_t i = before; i < out->size; i++) {
        if (out->data[i] == '+' || out->data[i] == '/') {
            out->data[i] = out->data[i] == '+' ? '-' : '_';
        }
    }
    return BS_OK;
}

/* Value of a character; 64 for one that is none of ours. */
static uint32_t decode_character(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (uint32_t)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint32_t)(c - 'a') + 26;
    }
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0') + 52;
    }
    if (c == '+') {
        return 62;
    }
    return c == '/' ? 63 : 64;
}

/* Decode four characters, of which `count` are not padding. */
static bool decode_group(const char *in, size_t count, uint8_t *out)
{
    uint32_t group = 0;

    for (size_t i = 0; i < 4; i++) {
        const uint32_t value = i < count ? decode_character(in[i]) : 0;
        if (value > 63) {
            return false;
        }
        group = group << 6 | value;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        out[i] = (uint8_t)(group >> (16 - 8 * i));
    }
    return count == 4 || (group & ((count == 3) ? 0xffu : 0xffffu)) == 0;
}

/* How many of the last four characters are not padding. */
static size_t count_last(const char *last)
{
    if (last[3] != '=') {
        return 4;
    }
    return last[2] != '=' ? 3 : 2;
}

bs_status bsi_base64_decode(const char *text, size_t size, bsi_buf *out)
{
    const size_t old_size = out->size;

    if (size % 4 != 0) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "base 64 of %zu characters, not a multiple of 4", size);
    }
    BSI_TRY(bsi_buf_reserve(out, size / 4 * 3));
    for (size_t at = 0; at < size; at += 4) {
        const size_t count = at + 4 == size ? count_last(text + at) : 4;
        if (!decode_group(text + at, count, out->data + out->size)) {
            out->size = old_size;
            return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "not base 64 at characters %zu to %zu",
                            at + 1, at + 4);
        }
        out->size += count - 1;
    }
    return BS_OK;
}
