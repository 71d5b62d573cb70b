/* SPDX-License-Identifier: MIT */
/*
 * Compiled pattern lists. Most patterns of real lists are plain names and
 * "*.ext", which are compared without PCRE2; the rest is tested by compiled
 * expressions, and by DFA matching, which does not backtrack, where an
 * expression would take too long.
 */
#include "text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/slice.h"
#include "text/pattern_rule.h"

enum {
    MATCH_LIMIT = 20000,     /* Steps of backtracking; a path takes far less than 1 ms. */
    WORKSPACE_FIRST = 1024,  /* In ints. */
    WORKSPACE_MAX = 4 << 20, /* In ints; room for every state of the longest pattern. */
    ERROR_TEXT_SIZE = 128,
};

static const char bom[] = "\xef\xbb\xbf";

typedef struct compiled {
    bsi_pattern_rule rule;
    pcre2_code *code;  /* NULL for literal kinds. */
    pcre2_code *plain; /* For DFA matching; NULL where `code` serves. */
} compiled;

struct bsi_pattern_list {
    size_t count;
    size_t capacity;
    compiled *patterns;
    bool has_negated;
};

struct bsi_pattern_scratch {
    pcre2_general_context *general;
    pcre2_match_context *context;
    pcre2_match_data *match;
    int *workspace; /* For DFA matching; made when first needed. */
    size_t workspace_size;
};

static void *pcre_alloc(PCRE2_SIZE size, void *user)
{
    (void)user;
    return bsi_alloc(size);
}

static void pcre_free(void *memory, void *user)
{
    (void)user;
    bsi_free(memory);
}

/* Compiling */

static bs_status fail_pcre(bs_layer layer, bs_status code, const char *what, int error)
{
    PCRE2_UCHAR text[ERROR_TEXT_SIZE];

    (void)pcre2_get_error_message(error, text, sizeof(text));
    return bsi_fail(layer, code, "%s: %s", what, (const char *)text);
}

static bs_status compile_expression(const bsi_buf *text, bool jit, pcre2_code **out)
{
    const uint32_t flags = PCRE2_ANCHORED | PCRE2_DOTALL | PCRE2_EXTENDED | PCRE2_NO_AUTO_CAPTURE |
                           PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
    pcre2_general_context *general = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    pcre2_code *code = NULL;
    PCRE2_SIZE place = 0;
    int error = 0;
    bs_status status = BS_E_NOMEM;

    if (!context) {
        goto out;
    }
    code = pcre2_compile(text->data, text->size, flags, &error, &place, context);
    if (code) {
        if (jit) {
            (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* Failing, matching interprets. */
        }
        *out = code;
        status = BS_OK;
    } else if (error != PCRE2_ERROR_HEAP_FAILED) {
        status = fail_pcre(BS_LAYER_CALLER, BS_E_INVALID, "a pattern is too complex", error);
    }

out:
    pcre2_compile_context_free(context);
    pcre2_general_context_free(general);
    return status;
}

static bs_status grow(bsi_pattern_list *list)
{
    const size_t capacity = list->capacity ? list->capacity * 2 : 8;
    compiled *patterns = NULL;

    if (list->count == BSI_PATTERN_MAX_COUNT) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_LIMIT, "more than %d patterns",
                        BSI_PATTERN_MAX_COUNT);
    }
    if (list->count < list->capacity) {
        return BS_OK;
    }
    patterns = bsi_realloc_array(list->patterns, capacity, sizeof(*patterns));
    if (!patterns) {
        return BS_E_NOMEM;
    }
    list->patterns = patterns;
    list->capacity = capacity;
    return BS_OK;
}

static void dispose_compiled(compiled *pattern)
{
    pcre2_code_free(pattern->code);
    pcre2_code_free(pattern->plain);
    bsi_pattern_rule_dispose(&pattern->rule);
}

static bs_status compile_rule(compiled *pattern)
{
    if (pattern->rule.kind < BSI_PATTERN_NAME_REGEX) {
        return BS_OK;
    }
    BSI_TRY(compile_expression(&pattern->rule.text, true, &pattern->code));
    if (pattern->rule.plain.size == 0) {
        return BS_OK;
    }
    return compile_expression(&pattern->rule.plain, false, &pattern->plain);
}

static bs_status add_pattern(bsi_pattern_list *list, const char *pattern, size_t size)
{
    compiled added = {.code = NULL};
    bs_status status = BS_OK;

    BSI_TRY(grow(list));
    BSI_TRY(bsi_pattern_rule_parse(pattern, size, &added.rule));
    status = compile_rule(&added);
    if (status < 0) {
        dispose_compiled(&added);
        return status;
    }
    list->has_negated = list->has_negated || added.rule.negated;
    list->patterns[list->count++] = added;
    return BS_OK;
}

/* Without negation the order means nothing: put what is cheap where matching begins, at the end. */
static void put_cheap_last(bsi_pattern_list *list)
{
    size_t expressions = 0;

    if (list->has_negated) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (list->patterns[i].code) {
            const compiled moved = list->patterns[i];
            list->patterns[i] = list->patterns[expressions];
            list->patterns[expressions++] = moved;
        }
    }
}

/* Hand a list over if all of it is good, else give it up. `number` is that of the last pattern. */
static bs_status finish_list(bsi_pattern_list *list, bs_status status, size_t number,
                             bsi_pattern_list **out, size_t *bad_number_out)
{
    if (status == BS_OK) {
        put_cheap_last(list);
        *out = list;
        return BS_OK;
    }
    bsi_pattern_list_free(list);
    if (bad_number_out) {
        *bad_number_out = number;
    }
    return status;
}

bs_status bsi_pattern_list_new(const char *const *patterns, size_t count, bsi_pattern_list **out,
                               size_t *bad_index_out)
{
    bsi_pattern_list *list = bsi_calloc(1, sizeof(*list));
    bs_status status = BS_OK;
    size_t done = 0;

    if (!list) {
        return BS_E_NOMEM;
    }
    while (done < count && status == BS_OK) {
        const char *pattern = patterns[done++];
        status = add_pattern(list, pattern, bsi_pattern_trim(pattern, strlen(pattern)));
    }
    return finish_list(list, status, done - 1, out, bad_index_out);
}

/* A line without its end; empty when it holds no pattern. */
static size_t pattern_size(const char *line, size_t size)
{
    if (size > 0 && line[size - 1] == '\r') {
        size--;
    }
    return size > 0 && line[0] == '#' ? 0 : bsi_pattern_trim(line, size);
}

bs_status bsi_pattern_list_parse(const char *text, size_t size, bsi_pattern_list **out,
                                 size_t *bad_line_out)
{
    bsi_pattern_list *list = bsi_calloc(1, sizeof(*list));
    bs_status status = BS_OK;
    size_t at = size >= 3 && memcmp(text, bom, 3) == 0 ? 3 : 0;
    size_t lines = 0;

    if (!list) {
        return BS_E_NOMEM;
    }
    for (; at < size && status == BS_OK; lines++) {
        const char *end = memchr(text + at, '\n', size - at);
        const size_t length = end ? (size_t)(end - (text + at)) : size - at;
        const size_t kept = pattern_size(text + at, length);
        if (kept > 0) {
            status = add_pattern(list, text + at, kept);
        }
        at += length + 1;
    }
    return finish_list(list, status, lines, out, bad_line_out);
}

void bsi_pattern_list_free(bsi_pattern_list *list)
{
    if (!list) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        dispose_compiled(&list->patterns[i]);
    }
    bsi_free(list->patterns);
    bsi_free(list);
}

bool bsi_pattern_list_is_empty(const bsi_pattern_list *list)
{
    return list->count == 0;
}

/* Matching */

bs_status bsi_pattern_scratch_new(bsi_pattern_scratch **out)
{
    bsi_pattern_scratch *scratch = bsi_calloc(1, sizeof(*scratch));

    if (!scratch) {
        return BS_E_NOMEM;
    }
    scratch->general = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
    if (scratch->general) {
        scratch->context = pcre2_match_context_create(scratch->general);
        scratch->match = pcre2_match_data_create(1, scratch->general);
    }
    if (!scratch->context || !scratch->match) {
        bsi_pattern_scratch_free(scratch);
        return BS_E_NOMEM;
    }
    (void)pcre2_set_match_limit(scratch->context, MATCH_LIMIT);
    *out = scratch;
    return BS_OK;
}

void bsi_pattern_scratch_free(bsi_pattern_scratch *scratch)
{
    if (!scratch) {
        return;
    }
    pcre2_match_data_free(scratch->match);
    pcre2_match_context_free(scratch->context);
    pcre2_general_context_free(scratch->general);
    bsi_free(scratch->workspace);
    bsi_free(scratch);
}

static bs_status grow_workspace(bsi_pattern_scratch *scratch)
{
    const size_t size = scratch->workspace_size ? scratch->workspace_size * 4 : WORKSPACE_FIRST;
    int *workspace = NULL;

    BSI_CHECK(size <= WORKSPACE_MAX);
    workspace = bsi_realloc_array(scratch->workspace, size, sizeof(*workspace));
    if (!workspace) {
        return BS_E_NOMEM;
    }
    scratch->workspace = workspace;
    scratch->workspace_size = size;
    return BS_OK;
}

static int run_side_by_side(const pcre2_code *code, bsi_pattern_scratch *scratch, bsi_slice subject)
{
    return pcre2_dfa_match(code, (PCRE2_SPTR)subject.data, subject.size, 0, PCRE2_DFA_SHORTEST,
                           scratch->match, NULL, scratch->workspace, scratch->workspace_size);
}

/* All ways through the expression side by side: slower as a rule, never by more than its length. */
static bs_status match_side_by_side(const pcre2_code *code, bsi_pattern_scratch *scratch,
                                    bsi_slice subject, bool *matched)
{
    bs_status status = scratch->workspace ? BS_OK : grow_workspace(scratch);
    int result = PCRE2_ERROR_DFA_WSSIZE;

    while (status == BS_OK && result == PCRE2_ERROR_DFA_WSSIZE) {
        result = run_side_by_side(code, scratch, subject);
        if (result == PCRE2_ERROR_DFA_WSSIZE) {
            status = grow_workspace(scratch);
        }
    }
    if (status < 0) {
        return status;
    }
    if (result == PCRE2_ERROR_NOMEMORY) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");
    }
    if (result < 0 && result != PCRE2_ERROR_NOMATCH) {
        return fail_pcre(BS_LAYER_SYSTEM, BS_E_INTERNAL, "matching a pattern", result);
    }
    *matched = result >= 0;
    return BS_OK;
}

static bs_status match_expression(const compiled *pattern, bsi_pattern_scratch *scratch,
                                  bsi_slice subject, bool *matched)
{
    const bsi_buf *head = &pattern->rule.head;
    int result = 0;

    *matched = false;
    if (head->size > subject.size ||
        (head->size > 0 && memcmp(head->data, subject.data, head->size) != 0)) {
        return BS_OK;
    }
    result = pcre2_match(pattern->code, (PCRE2_SPTR)subject.data, subject.size, 0, 0,
                         scratch->match, scratch->context);
    if (result >= 0 || result == PCRE2_ERROR_NOMATCH) {
        *matched = result >= 0;
        return BS_OK;
    }
    return match_side_by_side(pattern->plain ? pattern->plain : pattern->code, scratch, subject,
                              matched);
}

static bool ends_with(bsi_slice subject, const bsi_buf *text)
{
    if (text->size == 0) {
        return true; /* A lone star. */
    }
    return subject.size >= text->size &&
           memcmp(subject.data + subject.size - text->size, text->data, text->size) == 0;
}

static bool equals(bsi_slice subject, const bsi_buf *text)
{
    return subject.size == text->size && memcmp(subject.data, text->data, text->size) == 0;
}

static bs_status match_one(const compiled *pattern, bsi_pattern_scratch *scratch, bsi_slice path,
                           bsi_slice name, bool *matched)
{
    const bsi_buf *text = &pattern->rule.text;

    switch (pattern->rule.kind) {
    case BSI_PATTERN_NAME:
        *matched = equals(name, text);
        return BS_OK;
    case BSI_PATTERN_SUFFIX:
        *matched = ends_with(name, text);
        return BS_OK;
    case BSI_PATTERN_PATH:
        *matched = equals(path, text);
        return BS_OK;
    case BSI_PATTERN_NAME_REGEX:
        return match_expression(pattern, scratch, name, matched);
    case BSI_PATTERN_PATH_REGEX:
        break;
    }
    return match_expression(pattern, scratch, path, matched);
}

static bsi_slice last_component(bsi_slice path)
{
    const char *slash = path.size > 0 ? memrchr(path.data, '/', path.size) : NULL;
    const char *start = slash ? slash + 1 : path.data;

    return (bsi_slice){start, path.size - (size_t)(start - path.data)};
}

bs_status bsi_pattern_match(const bsi_pattern_list *list, bsi_pattern_scratch *scratch,
                            const char *path, size_t size, bool is_dir, bsi_pattern_result *out)
{
    const bsi_slice whole = {path, size};
    const bsi_slice name = last_component(whole);
    const compiled *pattern = NULL;
    bs_status status = BS_OK;
    bool matched = false;

    for (size_t i = list->count; i > 0 && !matched && status == BS_OK; i--) {
        pattern = &list->patterns[i - 1];
        if (is_dir || !pattern->rule.dirs_only) {
            status = match_one(pattern, scratch, whole, name, &matched);
        }
    }
    if (status < 0) {
        return status;
    }
    if (matched) {
        *out = pattern->rule.negated ? BSI_PATTERN_NEGATED : BSI_PATTERN_MATCH;
    } else {
        *out = BSI_PATTERN_NONE;
    }
    return BS_OK;
}

bs_status bsi_pattern_match_or_parent(const bsi_pattern_list *list, bsi_pattern_scratch *scratch,
                                      const char *path, size_t size, bool is_dir,
                                      bsi_pattern_result *out)
{
    bsi_pattern_result result = BSI_PATTERN_NONE;
    bs_status status = bsi_pattern_match(list, scratch, path, size, is_dir, &result);

    while (status == BS_OK && result == BSI_PATTERN_NONE && size > 0) {
        const char *slash = memrchr(path, '/', size);
        if (!slash) {
            break;
        }
        size = (size_t)(slash - path);
        status = bsi_pattern_match(list, scratch, path, size, true, &result);
    }
    if (status == BS_OK) {
        *out = result;
    }
    return status;
}
