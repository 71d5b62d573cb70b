/* SPDX-License-Identifier: MIT */
/*
 * From a gitignore pattern to something that can be tested: literal bytes
 * where that is enough, else a regular expression.
 *
 * The expression holds only what is written here: \xHH for each byte that is
 * meant literally, classes of such bytes, and the few forms for stars. Nothing
 * of the user's text reaches PCRE2 as syntax.
 *
 * Stars are what makes matching go back and try again. Between two stars of one
 * component, though, the leftmost place is as good as any: what a later place
 * would leave to the first star, the second one can take. So the first star and
 * what follows it become an atomic group with a lazy star, and are never tried
 * again. The same holds for the components between two "**". Without this,
 * a pattern such as "*a*a*a*a*b" takes a time exponential in its stars.
 */
#include "text/pattern_rule.h"

#include <stdint.h>
#include <string.h>

#include "text/pattern.h"

enum {
    EXPRESSION_MAX = 1 << 20,
    SHOWN_SIZE = 120,
    BYTES = 256,
};

static const char one_byte[] = "[^/]";
static const char anything[] = ".*";

/* Groups that are closed later. A space means nothing to PCRE2 (with PCRE2_EXTENDED) and makes
 * room for the '?' of a lazy star, should the group turn out to be atomic. */
static const char within_component[] = "(?:[^/]* ";
static const char any_directories[] = "(?:(?:.* /)? ";

/* The pattern while it is read; bytes beyond its end read as NUL, which it can not hold. */
typedef struct parser {
    const char *bytes;
    size_t size;
    size_t at;
    bool wild;           /* Not only literal bytes so far. */
    bool plain;          /* Make no atomic groups. */
    bool has_atomic;     /* One has been made. */
    size_t star;         /* Where the open group of a star begins, plus 1; 0: none. */
    size_t stars;        /* The same for "**". */
    bsi_buf *expression; /* What has been read, as an expression. */
    bsi_buf *literal;    /* The literal bytes up to the first wild one. */
    const char *whole;   /* For complaints. */
    size_t whole_size;
} parser;

static char byte_at(const parser *in, size_t at)
{
    return at < in->size ? in->bytes[at] : '\0';
}

static bs_status refuse(const parser *in, const char *reason)
{
    char shown[SHOWN_SIZE];

    return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "pattern '%s' %s",
                    bsi_printable(in->whole, in->whole_size, shown, sizeof(shown)), reason);
}

size_t bsi_pattern_trim(const char *pattern, size_t size)
{
    size_t kept = 0;

    for (size_t at = 0; at < size; at++) {
        if (pattern[at] == '\\' && at + 1 < size) {
            at++;
            kept = at + 1;
        } else if (pattern[at] != ' ') {
            kept = at + 1;
        }
    }
    return kept;
}

static bs_status emit(parser *in, const char *expression)
{
    in->wild = true;
    return bsi_buf_append_text(in->expression, expression);
}

static bs_status append_hex(bsi_buf *out, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    const char text[4] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};

    return bsi_buf_append(out, text, sizeof(text));
}

static bs_status open_group(parser *in, size_t *group, const char *expression)
{
    *group = in->expression->size + 1;
    return emit(in, expression);
}

/* Close a group if it is open; it becomes atomic when a star that takes as much comes next. */
static bs_status close_group(parser *in, size_t *group, size_t opening_size, bool before_star)
{
    uint8_t *opening = in->expression->data + (*group > 0 ? *group - 1 : 0);

    if (*group == 0) {
        return BS_OK;
    }
    *group = 0;
    if (before_star && !in->plain) {
        in->has_atomic = true;
        for (size_t i = 0; i < opening_size; i++) {
            opening[i] = opening[i] == ' ' ? '?' : opening[i];
        }
        opening[2] = '>';
    }
    return emit(in, ")");
}

static bs_status close_star(parser *in, bool before_star)
{
    return close_group(in, &in->star, sizeof(within_component) - 1, before_star);
}

static bs_status close_stars(parser *in, bool before_stars)
{
    return close_group(in, &in->stars, sizeof(any_directories) - 1, before_stars);
}

static bs_status emit_literal(parser *in, char byte)
{
    if (byte == '/') {
        BSI_TRY(close_star(in, false));
    }
    if (!in->wild) {
        BSI_TRY(bsi_buf_append_byte(in->literal, (uint8_t)byte));
    }
    return append_hex(in->expression, (uint8_t)byte);
}

/* Bracket expressions */

static void add_range(bool set[BYTES], uint8_t first, uint8_t last)
{
    for (unsigned int byte = first; byte <= last; byte++) {
        set[byte] = true;
    }
}

static void add_bytes(bool set[BYTES], const char *bytes)
{
    for (; *bytes; bytes++) {
        set[(uint8_t)*bytes] = true;
    }
}

/* Named classes are those of ASCII, whatever the locale; white space is git's. */
static bool add_class(bool set[BYTES], const char *name, size_t size)
{
    static const struct {
        const char *name;
        const char *ranges; /* Pairs of first and last byte. */
        const char *bytes;
    } classes[] = {
        {"alnum", "09AZaz", ""},       {"alpha", "AZaz", ""}, {"blank", "", " \t"},
        {"cntrl", "\x01\x1f", "\x7f"}, {"digit", "09", ""},   {"graph", "!~", ""},
        {"lower", "az", ""},           {"print", " ~", ""},   {"punct", "!/:@[`{~", ""},
        {"space", "", " \t\n\r"},      {"upper", "AZ", ""},   {"xdigit", "09AFaf", ""},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(classes); i++) {
        if (strlen(classes[i].name) == size && memcmp(classes[i].name, name, size) == 0) {
            for (const char *range = classes[i].ranges; *range; range += 2) {
                add_range(set, (uint8_t)range[0], (uint8_t)range[1]);
            }
            add_bytes(set, classes[i].bytes);
            return true;
        }
    }
    return false;
}

/*
 * "[:name:]" with the reader at its '['. A text that looks different is left
 * for plain bytes, with `was_class` false.
 */
static bs_status read_class(parser *in, bool set[BYTES], bool *was_class)
{
    const size_t start = in->at + 2;
    size_t end = start;

    *was_class = false;
    while (byte_at(in, end) != ']') {
        if (byte_at(in, end) == '\0') {
            return refuse(in, "has an unclosed bracket");
        }
        end++;
    }
    if (end == start || in->bytes[end - 1] != ':') {
        return BS_OK;
    }
    if (!add_class(set, in->bytes + start, end - 1 - start)) {
        return refuse(in, "names an unknown class of characters");
    }
    in->at = end;
    *was_class = true;
    return BS_OK;
}

/* The byte at the reader's place, or the one behind a backslash there; NUL at the end. */
static char read_escaped(parser *in)
{
    if (byte_at(in, in->at) == '\\') {
        in->at++;
    }
    return byte_at(in, in->at);
}

/*
 * One element of a bracket expression, the reader ending at its last byte.
 * `previous` is the byte that a range may begin with; NUL: none.
 */
static bs_status read_element(parser *in, bool set[BYTES], char *previous)
{
    const char byte = byte_at(in, in->at);
    const char next = byte_at(in, in->at + 1);
    const char first = *previous;
    bool was_class = false;

    *previous = '\0';
    if (byte == '-' && first != '\0' && next != '\0' && next != ']') {
        in->at++;
        add_range(set, (uint8_t)first, (uint8_t)read_escaped(in));
    } else if (byte == '[' && next == ':') {
        BSI_TRY(read_class(in, set, &was_class));
        if (!was_class) {
            set['['] = true;
            *previous = '[';
        }
    } else {
        *previous = read_escaped(in);
        set[(uint8_t)*previous] = true;
    }
    return byte_at(in, in->at) == '\0' ? refuse(in, "has an unclosed bracket") : BS_OK;
}

static bs_status emit_set(parser *in, const bool set[BYTES], bool negated)
{
    unsigned int byte = 0;

    BSI_TRY(emit(in, "["));
    if (negated) {
        /* A slash is never matched, so it is one of those that are left out. */
        BSI_TRY(emit(in, "^/"));
    }
    while (byte < BYTES) {
        unsigned int last = byte;
        if (!set[byte] || byte == '/') {
            byte++;
            continue;
        }
        while (last + 1 < BYTES && set[last + 1] && last + 1 != '/') {
            last++;
        }
        BSI_TRY(append_hex(in->expression, (uint8_t)byte));
        BSI_TRY(emit(in, "-"));
        BSI_TRY(append_hex(in->expression, (uint8_t)last));
        byte = last + 1;
    }
    return emit(in, "]");
}

static bool is_empty(const bool set[BYTES])
{
    for (unsigned int byte = 0; byte < BYTES; byte++) {
        if (set[byte] && byte != '/') {
            return false;
        }
    }
    return true;
}

/* From '[' to behind its ']', which as the first byte stands for itself. */
static bs_status read_bracket(parser *in)
{
    bool set[BYTES] = {false};
    bool negated = false;
    char previous = '\0';

    in->at++;
    if (byte_at(in, in->at) == '!' || byte_at(in, in->at) == '^') {
        negated = true;
        in->at++;
    }
    do {
        if (byte_at(in, in->at) == '\0') {
            return refuse(in, "has an unclosed bracket");
        }
        BSI_TRY(read_element(in, set, &previous));
        in->at++;
    } while (byte_at(in, in->at) != ']');
    in->at++;
    if (!negated && is_empty(set)) {
        return emit(in, "(?!)"); /* "[/]" matches nothing. */
    }
    return emit_set(in, set, negated);
}

/* Stars: two or more that are a whole component match across slashes. */
static bs_status read_stars(parser *in)
{
    const size_t start = in->at;
    char next = '\0';
    bool opens = false;
    bool closes = false;

    while (byte_at(in, in->at) == '*') {
        in->at++;
    }
    next = byte_at(in, in->at);
    opens = start == 0 || in->bytes[start - 1] == '/';
    closes = next == '\0' || next == '/' || (next == '\\' && byte_at(in, in->at + 1) == '/');
    if (in->at - start < 2 || !opens || !closes) {
        BSI_TRY(close_star(in, true));
        return open_group(in, &in->star, within_component);
    }
    BSI_TRY(close_stars(in, true));
    if (next == '/') {
        in->at++;
        return open_group(in, &in->stars, any_directories);
    }
    return emit(in, anything);
}

static bs_status read_one(parser *in)
{
    char byte = byte_at(in, in->at);

    switch (byte) {
    case '*':
        return read_stars(in);
    case '?':
        in->at++;
        return emit(in, one_byte);
    case '[':
        return read_bracket(in);
    default:
        break;
    }
    byte = read_escaped(in);
    if (byte == '\0') {
        return refuse(in, "ends with a backslash");
    }
    in->at++;
    return emit_literal(in, byte);
}

static bs_status read_all(parser *in)
{
    while (in->at < in->size) {
        BSI_TRY(read_one(in));
    }
    BSI_TRY(close_star(in, false));
    return close_stars(in, false);
}

/* "*.ext": the bytes behind the star become the text, if they are all literal. */
static bs_status try_suffix(const parser *in, bsi_pattern_rule *rule, bool *is_suffix)
{
    parser rest = *in;

    *is_suffix = false;
    if (byte_at(in, 0) != '*') {
        return BS_OK;
    }
    rest.at = 1;
    rest.wild = false;
    bsi_buf_clear(rest.literal);
    bsi_buf_clear(rest.expression);
    BSI_TRY(read_all(&rest));
    *is_suffix = !rest.wild;
    rule->kind = BSI_PATTERN_SUFFIX;
    return BS_OK;
}

static bs_status read_rule(parser *in, bsi_pattern_rule *rule, bool by_name)
{
    bool is_suffix = false;

    if (by_name) {
        BSI_TRY(try_suffix(in, rule, &is_suffix));
        if (is_suffix) {
            return BS_OK;
        }
    }
    bsi_buf_clear(in->literal);
    bsi_buf_clear(in->expression);
    BSI_TRY(read_all(in));
    if (in->wild) {
        rule->kind = by_name ? BSI_PATTERN_NAME_REGEX : BSI_PATTERN_PATH_REGEX;
        return bsi_buf_append_text(in->expression, "\\z");
    }
    rule->kind = by_name ? BSI_PATTERN_NAME : BSI_PATTERN_PATH;
    return BS_OK;
}

/* The same expression once more, without atomic groups, which DFA matching takes otherwise. */
static bs_status read_plain(const parser *in, bsi_buf *out)
{
    parser again = {.bytes = in->bytes, .size = in->size, .wild = true, .plain = true};

    again.expression = out;
    BSI_TRY(read_all(&again));
    return bsi_buf_append_text(out, "\\z");
}

/* Read what stands before and behind the names: '!', slashes. Returns whether it is a lone name. */
static bool read_frame(parser *in, bsi_pattern_rule *rule)
{
    bool by_name = false;

    if (byte_at(in, 0) == '!') {
        rule->negated = true;
        in->bytes++;
        in->size--;
    }
    if (in->size > 0 && in->bytes[in->size - 1] == '/') {
        rule->dirs_only = true;
        in->size--;
    }
    by_name = in->size == 0 || !memchr(in->bytes, '/', in->size);
    if (byte_at(in, 0) == '/') {
        in->bytes++;
        in->size--;
    }
    /* "**" and a slash before a lone name says no more than the name, and costs more to test. */
    if (in->size > 3 && memcmp(in->bytes, "**/", 3) == 0 &&
        !memchr(in->bytes + 3, '/', in->size - 3)) {
        in->bytes += 3;
        in->size -= 3;
        by_name = true;
    }
    return by_name;
}

bs_status bsi_pattern_rule_parse(const char *pattern, size_t size, bsi_pattern_rule *out)
{
    bsi_pattern_rule rule = {.kind = BSI_PATTERN_NAME};
    bsi_buf expression;
    bsi_buf literal;
    bsi_buf plain;
    parser in = {.bytes = pattern, .size = size, .whole = pattern, .whole_size = size};
    bs_status status = BS_OK;
    bool by_name = false;

    bsi_buf_init(&expression, EXPRESSION_MAX);
    bsi_buf_init(&literal, BSI_PATTERN_MAX_SIZE);
    bsi_buf_init(&plain, EXPRESSION_MAX);
    in.expression = &expression;
    in.literal = &literal;
    if (size > BSI_PATTERN_MAX_SIZE) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "a pattern of %zu bytes, at most %d", size,
                          BSI_PATTERN_MAX_SIZE);
        goto out;
    }
    by_name = read_frame(&in, &rule);
    if (in.size == 0) {
        status = refuse(&in, "is empty");
        goto out;
    }
    if (memchr(in.bytes, '\0', in.size)) {
        status = refuse(&in, "holds a NUL");
        goto out;
    }
    status = read_rule(&in, &rule, by_name);
    if (status == BS_OK && in.has_atomic) {
        status = read_plain(&in, &plain);
    }
    if (status < 0) {
        goto out;
    }
    if (rule.kind == BSI_PATTERN_NAME_REGEX || rule.kind == BSI_PATTERN_PATH_REGEX) {
        rule.text = expression;
        rule.head = literal;
        bsi_buf_init(&expression, 0);
    } else {
        rule.text = literal;
    }
    rule.plain = plain;
    bsi_buf_init(&literal, 0);
    bsi_buf_init(&plain, 0);
    *out = rule;

out:
    bsi_buf_dispose(&expression);
    bsi_buf_dispose(&literal);
    bsi_buf_dispose(&plain);
    return status;
}

void bsi_pattern_rule_dispose(bsi_pattern_rule *rule)
{
    bsi_buf_dispose(&rule->text);
    bsi_buf_dispose(&rule->plain);
    bsi_buf_dispose(&rule->head);
}
