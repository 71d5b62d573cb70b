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
    if (at >= in->size) {
        return '\0';
    }
    return in->bytes[at];
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
    bs_status status = BS_OK;

    if (byte == '/') {
        status = close_star(in, false);
    }
    if (status == BS_OK && !in->wild) {
        status = bsi_buf_append_byte(in->literal, (uint8_t)byte);
    }
    return status < 0 ? status : append_hex(in->expression, (uint8_t)byte);
}

/* Bracket expressions */

static void add_range(bool set[BYTES], uint8_t first, uint8_t last)
{
    for (unsigned int byte = first; byte <= last; byte++) {
        set[byte] = true;
    }
}

/* Named classes are those of ASCII, whatever the locale; white space is git's. */
static const struct {
    const char *name;
    const char *ranges; /* Pairs of first and last byte. */
} classes[] = {
    {"alnum", "09AZaz"},   {"alpha", "AZaz"},
    {"blank", "  \t\t"},   {"cntrl", "\x01\x1f\x7f\x7f"},
    {"digit", "09"},       {"graph", "!~"},
    {"lower", "az"},       {"print", " ~"},
    {"punct", "!/:@[`{~"}, {"space", "  \t\n\r\r"},
    {"upper", "AZ"},       {"xdigit", "09AFaf"},
};

/* The ranges of a named class; NULL: there is none. */
static const char *find_class(const char *name, size_t size)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(classes); i++) {
        if (strlen(classes[i].name) == size && memcmp(classes[i].name, name, size) == 0) {
            return classes[i].ranges;
        }
    }
    return NULL;
}

/*
 * "[:name:]" with the reader at its '['. A text that looks different is left
 * for plain bytes, with `was_class` false.
 */
static bs_status read_class(parser *in, bool set[BYTES], bool *was_class)
{
    const size_t start = in->at + 2;
    const char *ranges = NULL;
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
    ranges = find_class(in->bytes + start, end - 1 - start);
    if (!ranges) {
        return refuse(in, "names an unknown class of characters");
    }
    for (; *ranges; ranges += 2) {
        add_range(set, (uint8_t)ranges[0], (uint8_t)ranges[1]);
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

/* A '[' with ':' behind it: a class, or the plain byte. */
static bs_status read_class_or_byte(parser *in, bool set[BYTES], char *previous)
{
    bool was_class = false;

    BSI_TRY(read_class(in, set, &was_class));
    if (!was_class) {
        set['['] = true;
        *previous = '[';
    }
    return BS_OK;
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

    *previous = '\0';
    if (byte == '[' && next == ':') {
        return read_class_or_byte(in, set, previous);
    }
    if (byte == '-' && first != '\0' && next != '\0' && next != ']') {
        in->at++;
        add_range(set, (uint8_t)first, (uint8_t)read_escaped(in));
    } else {
        *previous = read_escaped(in);
        set[(uint8_t)*previous] = true;
    }
    return byte_at(in, in->at) == '\0' ? refuse(in, "has an unclosed bracket") : BS_OK;
}

static bs_status emit_range(parser *in, unsigned int first, unsigned int last)
{
    BSI_TRY(append_hex(in->expression, (uint8_t)first));
    BSI_TRY(emit(in, "-"));
    return append_hex(in->expression, (uint8_t)last);
}

/* The set must hold something; negated, the slash, which is never matched, is part of it. */
static bs_status emit_set(parser *in, const bool set[BYTES], bool negated)
{
    bs_status status = emit(in, negated ? "[^" : "[");
    unsigned int byte = 0;

    while (byte < BYTES && status == BS_OK) {
        const unsigned int first = byte;
        while (byte < BYTES && set[byte]) {
            byte++;
        }
        if (byte > first) {
            status = emit_range(in, first, byte - 1);
        }
        byte++; /* It is the end, or not in the set. */
    }
    return status < 0 ? status : emit(in, "]");
}

/* The elements up to the ']', which as the first one stands for itself. */
static bs_status read_elements(parser *in, bool set[BYTES])
{
    char previous = '\0';
    bs_status status = BS_OK;

    do {
        if (byte_at(in, in->at) == '\0') {
            return refuse(in, "has an unclosed bracket");
        }
        status = read_element(in, set, &previous);
        in->at++;
    } while (status == BS_OK && byte_at(in, in->at) != ']');
    return status;
}

static bs_status read_bracket(parser *in)
{
    bool set[BYTES] = {false};
    const char sign = byte_at(in, in->at + 1);
    const bool negated = sign == '!' || sign == '^';

    in->at += negated ? 2 : 1;
    BSI_TRY(read_elements(in, set));
    in->at++;
    set['/'] = negated;
    if (!negated && !memchr(set, true, sizeof(set))) {
        return emit(in, "(?!)"); /* "[/]" matches nothing. */
    }
    return emit_set(in, set, negated);
}

static bool is_whole_component(const parser *in, size_t start)
{
    const char next = byte_at(in, in->at);

    return (start == 0 || in->bytes[start - 1] == '/') &&
           (next == '\0' || next == '/' || (next == '\\' && byte_at(in, in->at + 1) == '/'));
}

static bs_status read_star(parser *in)
{
    BSI_TRY(close_star(in, true));
    return open_group(in, &in->star, within_component);
}

/* Stars: two or more that are a whole component match across slashes. */
static bs_status read_stars(parser *in)
{
    const size_t start = in->at;

    while (byte_at(in, in->at) == '*') {
        in->at++;
    }
    if (in->at - start < 2 || !is_whole_component(in, start)) {
        return read_star(in);
    }
    BSI_TRY(close_stars(in, true));
    if (byte_at(in, in->at) != '/') {
        return emit(in, anything);
    }
    in->at++;
    return open_group(in, &in->stars, any_directories);
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
    bs_status status = BS_OK;

    while (in->at < in->size && status == BS_OK) {
        status = read_one(in);
    }
    BSI_TRY(status);
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
    const bs_status status = by_name ? try_suffix(in, rule, &is_suffix) : BS_OK;

    if (status < 0 || is_suffix) {
        return status;
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
