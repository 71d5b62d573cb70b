/* SPDX-License-Identifier: MIT */
/*
 * Percent-encoding, and queries in canonical order.
 */
#include "net/uri.h"

#include <string.h>

#include "base/ascii.h"

static bool is_unreserved(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || bsi_is_digit(byte) ||
           (byte != '\0' && strchr("-_.~", byte) != NULL);
}

/* `plain` is one more byte that stays as it is. */
static bs_status append_encoded(bsi_buf *out, const char *text, char plain)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *text; text++) {
        const uint8_t byte = (uint8_t)*text;
        const char escape[] = {'%', digits[byte >> 4], digits[byte & 15]};
        const bool stays = is_unreserved(*text) || *text == plain;

        BSI_TRY(bsi_buf_append(out, stays ? text : escape, stays ? 1 : sizeof(escape)));
    }
    return BS_OK;
}

bs_status bsi_uri_append_path(bsi_buf *out, const char *path)
{
    return append_encoded(out, path, '/');
}

bs_status bsi_uri_append_component(bsi_buf *out, const char *text)
{
    return append_encoded(out, text, '\0');
}

/* As strcmp() of what both are encoded to. An escape begins with '%', which is below all else. */
static int compare_encoded(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    if (*a == '\0' || *b == '\0') {
        return (*a != '\0') - (*b != '\0');
    }
    if (is_unreserved(*a) != is_unreserved(*b)) {
        return is_unreserved(*a) ? 1 : -1;
    }
    return (uint8_t)*a < (uint8_t)*b ? -1 : 1;
}

static const char *value_of(const bsi_uri_pair *pair)
{
    return pair->value ? pair->value : "";
}

static bool is_before(const bsi_uri_pair *a, const bsi_uri_pair *b)
{
    const int order = compare_encoded(a->name, b->name);

    return order != 0 ? order < 0 : compare_encoded(value_of(a), value_of(b)) < 0;
}

static void sort_pairs(const bsi_uri_pair *pairs, size_t count, const bsi_uri_pair **sorted)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && is_before(&pairs[i], sorted[at - 1]); at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = &pairs[i];
    }
}

static bs_status append_pair(bsi_buf *out, const bsi_uri_pair *pair)
{
    BSI_TRY(append_encoded(out, pair->name, '\0'));
    BSI_TRY(bsi_buf_append_byte(out, '='));
    return append_encoded(out, value_of(pair), '\0');
}

bs_status bsi_uri_append_query(bsi_buf *out, const bsi_uri_pair *pairs, size_t count)
{
    const bsi_uri_pair *sorted[BSI_URI_PAIRS_MAX];

    BSI_CHECK(count <= BSI_URI_PAIRS_MAX);
    sort_pairs(pairs, count, sorted);
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(i > 0 ? bsi_buf_append_byte(out, '&') : BS_OK);
        BSI_TRY(append_pair(out, sorted[i]));
    }
    return BS_OK;
}

/* The byte that an escape stands for; -1: there is none, or it is NUL. */
static int unescape(bsi_slice text, size_t at)
{
    int high = 0;
    int low = 0;

    if (text.size - at < 3) {
        return -1;
    }
    high = bsi_hex_value(text.data[at + 1]);
    low = bsi_hex_value(text.data[at + 2]);
    return high < 0 || low < 0 || high + low == 0 ? -1 : high * 16 + low;
}

static bs_status append_decoded(bsi_slice text, bsi_buf *out)
{
    for (size_t at = 0; at < text.size;) {
        int byte = (uint8_t)text.data[at];
        size_t used = 1;

        if (byte == '%') {
            byte = unescape(text, at);
            used = 3;
        } else if (byte == '+') {
            byte = ' ';
        }
        if (byte <= 0) {
            return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "a name is not encoded as it should");
        }
        BSI_TRY(bsi_buf_append_byte(out, (uint8_t)byte));
        at += used;
    }
    return BS_OK;
}

bs_status bsi_uri_decode(bsi_slice text, bsi_buf *out)
{
    const size_t before = out->size;
    const bs_status status = append_decoded(text, out);

    if (status < 0) {
        out->size = before;
    }
    return status;
}

static const char plain_scheme[] = "http://";

bool bsi_uri_is_cleartext(const char *url)
{
    return strncmp(url, plain_scheme, sizeof(plain_scheme) - 1) == 0;
}

bool bsi_uri_is_plain_at(const char *url, const char *host)
{
    const size_t size = strlen(host);
    const char *at = url + sizeof(plain_scheme) - 1;

    return bsi_uri_is_cleartext(url) && strncmp(at, host, size) == 0 &&
           strchr("/:?", at[size]) != NULL;
}

bool bsi_uri_keeps_secrets(const char *url)
{
    return strncmp(url, "https://", 8) == 0 || bsi_uri_is_plain_at(url, "127.0.0.1") ||
           bsi_uri_is_plain_at(url, "localhost") || bsi_uri_is_plain_at(url, "[::1]");
}
