/* SPDX-License-Identifier: MIT */
/*
 * The table of settings, and the check of one value against it.
 */
#include <string.h>
#include <strings.h>

#include "engine/config.h"
#include "engine/hooks.h"
#include "engine/words.h"
#include "text/size.h"

enum { CONFIG_MILLION = 1000000 };

static const bsi_config_variable variables[] = {
#define CONFIG_ROW(name, type, fallback, low, high, help, secret) \
    {#name, fallback, low, high, help, BSI_CONFIG_TYPE_##type, secret},
    BSI_CONFIG_MAP(CONFIG_ROW)
#undef CONFIG_ROW
};

const bsi_config_variable *bsi_config_at(size_t index)
{
    return index < BSI_ARRAY_SIZE(variables) ? &variables[index] : NULL;
}

int bsi_config_find(const char *name, size_t size)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(variables); i++) {
        if (strlen(variables[i].name) == size && memcmp(variables[i].name, name, size) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *bsi_config_nearest(const char *name, size_t size, size_t limit)
{
    const char *nearest = NULL;
    size_t best = limit + 1;

    if (size == 0) {
        return NULL;
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(variables); i++) {
        const size_t got =
            bsi_word_distance(name, size, variables[i].name, strlen(variables[i].name));
        if (got < best) {
            best = got;
            nearest = variables[i].name;
        }
    }
    return nearest;
}

/* --- Values --- */

/* Digits with up to `places` more behind a point, as a whole number of 10^-places. */
static bool parse_decimal(const char *text, size_t size, unsigned places, int64_t *out)
{
    int64_t value = 0;
    unsigned behind = 0;
    bool point = false;

    if (size == 0 || text[size - 1] == '.') {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '.' && !point && places > 0 && i > 0) {
            point = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9' || behind == places + (point ? 0 : 1) ||
            value > (INT64_MAX - 9) / 10) {
            return false;
        }
        value = value * 10 + (text[i] - '0');
        behind += point ? 1 : 0;
    }
    for (; behind < places; behind++) {
        if (value > INT64_MAX / 10) {
            return false;
        }
        value *= 10;
    }
    *out = value;
    return true;
}

static bool parse_ratio(const char *text, int64_t *out)
{
    const size_t size = strlen(text);

    if (size > 1 && text[size - 1] == '%') {
        return parse_decimal(text, size - 1, 4, out);
    }
    return parse_decimal(text, size, 6, out);
}

static bool parse_flag(const char *text, int64_t *out)
{
    static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};

    for (size_t i = 0; i < BSI_ARRAY_SIZE(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *out = (int64_t)(i % 2);
            return true;
        }
    }
    return false;
}

static bool parse_word(const char *words, const char *text, int64_t *out)
{
    const size_t size = strlen(text);
    int64_t index = 0;

    while (*words) {
        const size_t word = strcspn(words, " ");
        if (word == size && strncasecmp(words, text, size) == 0) {
            *out = index;
            return true;
        }
        words += word;
        words += strspn(words, " ");
        index++;
    }
    return false;
}

static bool parse_size(const char *text, int64_t *out)
{
    uint64_t bytes = 0;

    if (bsi_size_parse(text, &bytes) < 0 || bytes > INT64_MAX) {
        return false;
    }
    *out = (int64_t)bytes;
    return true;
}

/* Absolute paths without "..", with single colons between them. */
static bool are_paths(const char *text)
{
    const size_t size = strlen(text);
    const char *colon = strchr(text, ':');

    while (colon && colon[1] == '/') {
        colon = strchr(colon + 1, ':');
    }
    return text[0] == '/' && !colon && !strstr(text, "/../") && !strstr(text, "/..:") &&
           (size < 3 || strcmp(text + size - 3, "/..") != 0);
}

static bool parse_value(const bsi_config_variable *variable, const char *value, int64_t *out)
{
    switch (variable->type) {
    case BSI_CONFIG_TYPE_KEY:
        if (strncmp(value, "file:/", 6) == 0) {
            *out = variable->low;
            return strpbrk(value, "\n\r") == NULL;
        }
        *out = (int64_t)strlen(value);
        return strpbrk(value, "\n\r") == NULL;
    case BSI_CONFIG_TYPE_TEXT:
    case BSI_CONFIG_TYPE_PATHS:
        *out = (int64_t)strlen(value);
        return strpbrk(value, "\n\r") == NULL &&
               (variable->type == BSI_CONFIG_TYPE_TEXT || are_paths(value));
    case BSI_CONFIG_TYPE_NUMBER:
    case BSI_CONFIG_TYPE_NUMBER_OR_AUTO:
        return parse_decimal(value, strlen(value), 0, out);
    case BSI_CONFIG_TYPE_SIZE:
        return parse_size(value, out);
    case BSI_CONFIG_TYPE_SECONDS:
        return parse_decimal(value, strlen(value), 6, out);
    case BSI_CONFIG_TYPE_RATIO:
        return parse_ratio(value, out);
    case BSI_CONFIG_TYPE_FLAG:
        return parse_flag(value, out);
    case BSI_CONFIG_TYPE_WORD:
        return parse_word(variable->help, value, out);
    case BSI_CONFIG_TYPE_ARGV:
        *out = 0;
        return bsi_hook_is_valid(value);
    }
    return false;
}

/* What is allowed, for a person. */
static void complain(const bsi_config_variable *variable, const char *value, const char *where,
                     bsi_complaints *complaints)
{
    char shown[80];
    const char *name = variable->name;
    const char *more = variable->help[0] ? "; " : "";

    if (variable->secret) {
        bsi_complain_invalid(complaints, "%s%s: takes %s", where, name, variable->help);
        return;
    }
    bsi_printable(value, strlen(value), shown, sizeof(shown));
    switch (variable->type) {
    case BSI_CONFIG_TYPE_TEXT:
    case BSI_CONFIG_TYPE_PATHS:
    case BSI_CONFIG_TYPE_KEY:
        bsi_complain_invalid(complaints, "%s%s: takes %s on one line, not '%s'", where, name,
                             variable->help, shown);
        break;
    case BSI_CONFIG_TYPE_NUMBER:
    case BSI_CONFIG_TYPE_NUMBER_OR_AUTO:
        bsi_complain_invalid(complaints, "%s%s: takes %lld to %lld%s%s%s, not '%s'", where, name,
                             (long long)variable->low, (long long)variable->high,
                             variable->type == BSI_CONFIG_TYPE_NUMBER ? "" : " or auto", more,
                             variable->help, shown);
        break;
    case BSI_CONFIG_TYPE_SIZE:
        bsi_complain_invalid(complaints, "%s%s: takes a size such as 64KiB or 10GB; %s; not '%s'",
                             where, name, variable->help, shown);
        break;
    case BSI_CONFIG_TYPE_SECONDS:
        bsi_complain_invalid(complaints, "%s%s: takes %.2f to %.0f seconds, not '%s'", where, name,
                             (double)variable->low / CONFIG_MILLION,
                             (double)variable->high / CONFIG_MILLION, shown);
        break;
    case BSI_CONFIG_TYPE_RATIO:
        bsi_complain_invalid(complaints, "%s%s: takes a ratio between 0 and 1, or 90%%, not '%s'",
                             where, name, shown);
        break;
    case BSI_CONFIG_TYPE_FLAG:
        bsi_complain_invalid(complaints, "%s%s: takes true or false, not '%s'", where, name, shown);
        break;
    case BSI_CONFIG_TYPE_ARGV:
        bsi_complain_invalid(
            complaints,
            "%s%s: takes a JSON array of texts, such as [\"/usr/bin/logger\",\"-t\","
            "\"backup\"], of which the first is an absolute path, not '%s'",
            where, name, shown);
        break;
    case BSI_CONFIG_TYPE_WORD:
        bsi_complain_invalid(complaints, "%s%s: takes one of %s, not '%s'", where, name,
                             variable->help, shown);
        break;
    }
}

static bool is_unset(const bsi_config_variable *variable, const char *value)
{
    return value[0] == '\0' || (variable->secret && strncmp(value, "your_", 5) == 0);
}

bool bsi_config_check(size_t index, const char *value, const char *where, int64_t *number_out,
                      bsi_complaints *complaints)
{
    const bsi_config_variable *variable = &variables[index];
    int64_t number = 0;

    if (is_unset(variable, value)) {
        value = variable->fallback;
    }
    if (!value ||
        (variable->type == BSI_CONFIG_TYPE_NUMBER_OR_AUTO && strcasecmp(value, "auto") == 0)) {
        *number_out = -1;
        return true;
    }
    if (!parse_value(variable, value, &number) ||
        (variable->high > 0 && (number < variable->low || number > variable->high))) {
        complain(variable, value, where, complaints);
        return false;
    }
    *number_out = number;
    return true;
}
