/* SPDX-License-Identifier: MIT */
/*
 * Lists of patterns. An input is the text of an exclude file and, each behind a
 * NUL, paths; one that ends with a slash is a directory.
 */
#include "fuzz.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "os/entry.h"
#include "text/pattern.h"
#include "text/pattern_rule.h"

enum {
    LINES_MAX = 32, /* More say nothing that fewer do not. */
    PATHS_MAX = 16,
    PATH_SIZE_MAX = 1000,
    WORKSPACE = 1 << 20,
};

/* An exclude file, whole and line by line. */
typedef struct lists {
    bsi_pattern_list *whole;
    bsi_pattern_list *lines[LINES_MAX];
    bsi_slice texts[LINES_MAX];
    size_t count;
} lists;

static bsi_pattern_scratch *scratch(void)
{
    static bsi_pattern_scratch *made;

    if (!made) {
        fuzz_ok(bsi_pattern_scratch_new(&made));
    }
    return made;
}

/* --- Compiling --- */

/*
 * The next line. All but the first with the line feed before it: a byte order mark is
 * one only in front of the whole text.
 */
static bsi_slice next_line(fuzz_input *in, bool first)
{
    const bsi_slice line = fuzz_line(in);

    return first ? line : (bsi_slice){line.data - 1, line.size + 1};
}

/* The whole is refused just when a line is, and for the first such line. */
static bool compile(lists *self, bsi_slice text)
{
    fuzz_input in = {(const uint8_t *)text.data, text.size};
    size_t bad_line = 0;
    bs_status status = BS_OK;
    bs_status whole = BS_OK;

    while (status == BS_OK && in.left > 0 && self->count < LINES_MAX) {
        const bsi_slice line = next_line(&in, self->count == 0);
        self->texts[self->count] = line;
        status = bsi_pattern_list_parse(line.data, line.size, &self->lines[self->count], NULL);
        self->count++;
    }
    text.size -= in.left;
    whole = bsi_pattern_list_parse(text.data, text.size, &self->whole, &bad_line);
    fuzz_check(whole == status);
    fuzz_check(status == BS_OK || (status == BS_E_INVALID && bad_line == self->count));
    return status == BS_OK;
}

static void dispose(lists *self)
{
    for (size_t i = 0; i < self->count; i++) {
        bsi_pattern_list_free(self->lines[i]);
    }
    bsi_pattern_list_free(self->whole);
}

/* --- Matching --- */

static bsi_pattern_result match(const bsi_pattern_list *list, bsi_slice path, bool is_dir)
{
    bsi_pattern_result result = BSI_PATTERN_NONE;

    fuzz_ok(bsi_pattern_match(list, scratch(), path.data, path.size, is_dir, &result));
    return result;
}

/* Whether a subject matches by the expression without atomic groups, all ways side by side. */
static bool matches_plain(const bsi_pattern_rule *rule, bsi_slice subject)
{
    static int workspace[WORKSPACE];
    const bsi_buf *text = rule->plain.size > 0 ? &rule->plain : &rule->text;
    int error = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *code = pcre2_compile(text->data, text->size,
                                     PCRE2_ANCHORED | PCRE2_DOTALL | PCRE2_EXTENDED |
                                         PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_UTF,
                                     &error, &at, NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);

    fuzz_check(code && data);
    error = pcre2_dfa_match(code, (PCRE2_SPTR)subject.data, subject.size, 0, PCRE2_DFA_SHORTEST,
                            data, NULL, workspace, WORKSPACE);
    fuzz_check(error >= 0 || error == PCRE2_ERROR_NOMATCH);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return error >= 0;
}

/* What is fast gives what is slow and plain. Lines that hold no pattern say nothing. */
static void check_expression(bsi_slice line, bsi_slice path, bool is_dir, bool matched)
{
    const char *slash = memrchr(path.data, '/', path.size);
    const char *name = slash ? slash + 1 : path.data;
    bsi_pattern_rule rule = {.kind = BSI_PATTERN_NAME};

    if (line.size > 0 && line.data[0] == '\n') {
        line = (bsi_slice){line.data + 1, line.size - 1};
    }
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    line.size = bsi_pattern_trim(line.data, line.size);
    if (line.size == 0 || line.data[0] == '#' || line.data[0] == '\xef' ||
        bsi_pattern_rule_parse(line.data, line.size, &rule) < 0) {
        return;
    }
    if (rule.kind == BSI_PATTERN_NAME_REGEX) {
        path = (bsi_slice){name, path.size - (size_t)(name - path.data)};
    }
    if (rule.kind >= BSI_PATTERN_NAME_REGEX && (is_dir || !rule.dirs_only)) {
        fuzz_check(matches_plain(&rule, path) == matched);
    }
    bsi_pattern_rule_dispose(&rule);
}

/* With each byte as it is, a path is a pattern that matches it. */
static void check_itself(bsi_slice path, bool is_dir)
{
    char text[2 * PATH_SIZE_MAX + 2] = "/";
    const char *const patterns[] = {text};
    bsi_pattern_list *list = NULL;
    size_t size = 1;

    for (size_t i = 0; i < path.size; i++) {
        if (path.data[i] != '/') {
            text[size++] = '\\';
        }
        text[size++] = path.data[i];
    }
    text[size] = '\0';
    fuzz_ok(bsi_pattern_list_new(patterns, 1, &list, NULL));
    fuzz_check(match(list, path, is_dir) == BSI_PATTERN_MATCH);
    bsi_pattern_list_free(list);
}

/* What is said of the path or else of the nearest directory above it. */
static bsi_pattern_result match_upwards(const bsi_pattern_list *list, bsi_slice path, bool is_dir)
{
    bsi_pattern_result result = match(list, path, is_dir);

    while (result == BSI_PATTERN_NONE && memchr(path.data, '/', path.size)) {
        path.size = (size_t)((const char *)memrchr(path.data, '/', path.size) - path.data);
        result = match(list, path, true);
    }
    return result;
}

/* The last line that speaks of a path decides. */
static void check_path(const lists *self, bsi_slice path, bool is_dir)
{
    bsi_pattern_result expected = BSI_PATTERN_NONE;
    bsi_pattern_result result = BSI_PATTERN_NONE;

    for (size_t i = 0; i < self->count; i++) {
        result = match(self->lines[i], path, is_dir);
        check_expression(self->texts[i], path, is_dir, result != BSI_PATTERN_NONE);
        expected = result != BSI_PATTERN_NONE ? result : expected;
    }
    fuzz_check(match(self->whole, path, is_dir) == expected);
    fuzz_ok(
        bsi_pattern_match_or_parent(self->whole, scratch(), path.data, path.size, is_dir, &result));
    fuzz_check(match_upwards(self->whole, path, is_dir) == result);
    check_itself(path, is_dir);
}

static bsi_slice take_text(fuzz_input *in)
{
    const uint8_t *nul = in->left > 0 ? memchr(in->at, '\0', in->left) : NULL;
    const bsi_slice text = fuzz_take(in, nul ? (size_t)(nul - in->at) : in->left);

    (void)fuzz_take(in, 1);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    lists all = {.whole = NULL};

    if (compile(&all, take_text(&in))) {
        for (int i = 0; i < PATHS_MAX && in.left > 0; i++) {
            bsi_slice path = take_text(&in);
            const bool is_dir = path.size > 0 && path.data[path.size - 1] == '/';
            path.size -= is_dir;
            if (path.size <= PATH_SIZE_MAX && bsi_path_is_safe(path)) {
                check_path(&all, path, is_dir);
            }
        }
    }
    dispose(&all);
    return 0;
}
