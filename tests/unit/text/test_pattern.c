/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "text/pattern.h"

enum { PATTERNS_MAX = 6 };

static int setup(void **state)
{
    return bsi_pattern_scratch_new((bsi_pattern_scratch **)state) == BS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    bsi_alloc_fail_after(-1);
    bsi_pattern_scratch_free(*state);
    return 0;
}

static bsi_pattern_list *list_of(const char *const *patterns)
{
    bsi_pattern_list *list = NULL;
    size_t count = 0;

    while (count < PATTERNS_MAX && patterns[count]) {
        count++;
    }
    assert_ok(bsi_pattern_list_new(patterns, count, &list, NULL));
    return list;
}

/* A path that ends with a slash is a directory. */
static bsi_pattern_result ask(void *scratch, const bsi_pattern_list *list, const char *path)
{
    bsi_pattern_result result = BSI_PATTERN_NONE;
    const size_t size = strlen(path);
    const bool is_dir = path[size - 1] == '/';

    assert_ok(bsi_pattern_match(list, scratch, path, is_dir ? size - 1 : size, is_dir, &result));
    return result;
}

static void patterns_mean_what_they_mean_to_git(void **state)
{
    static const struct {
        const char *patterns[PATTERNS_MAX];
        const char *path;
        bsi_pattern_result result;
    } cases[] = {
        {{"foo"}, "a/b/foo", BSI_PATTERN_MATCH},
        {{"foo"}, "a/foo/b", BSI_PATTERN_NONE},
        {{"/foo"}, "foo", BSI_PATTERN_MATCH},
        {{"/foo"}, "a/foo", BSI_PATTERN_NONE},
        {{"a/foo"}, "a/foo", BSI_PATTERN_MATCH},
        {{"a/foo"}, "b/a/foo", BSI_PATTERN_NONE},
        {{"foo/"}, "a/foo/", BSI_PATTERN_MATCH},
        {{"foo/"}, "a/foo", BSI_PATTERN_NONE},
        {{"*.o"}, "a/x.o", BSI_PATTERN_MATCH},
        {{"*.o"}, "a/.o", BSI_PATTERN_MATCH},
        {{"*.o"}, "a/x.oo", BSI_PATTERN_NONE},
        {{"*"}, "a/b", BSI_PATTERN_MATCH},
        {{"a/*"}, "a/b/c", BSI_PATTERN_NONE},
        {{"a/**"}, "a/b/c", BSI_PATTERN_MATCH},
        {{"a/**"}, "a/", BSI_PATTERN_NONE},
        {{"**/c"}, "c", BSI_PATTERN_MATCH},
        {{"**/b/c"}, "x/b/c", BSI_PATTERN_MATCH},
        {{"a/**/c"}, "a/c", BSI_PATTERN_MATCH},
        {{"a/**/c"}, "a/x/y/c", BSI_PATTERN_MATCH},
        {{"a/**/c"}, "ac", BSI_PATTERN_NONE},
        {{"a?c"}, "abc", BSI_PATTERN_MATCH},
        {{"/a?c"}, "a/c", BSI_PATTERN_NONE},
        {{"[a-c]x"}, "bx", BSI_PATTERN_MATCH},
        {{"[!a-c]x"}, "bx", BSI_PATTERN_NONE},
        {{"[^a-c]x"}, "dx", BSI_PATTERN_MATCH},
        {{"[[:digit:]]"}, "7", BSI_PATTERN_MATCH},
        {{"[]]"}, "]", BSI_PATTERN_MATCH},
        {{"[z-a]"}, "b", BSI_PATTERN_NONE},
        {{"a[/]b"}, "a/b", BSI_PATTERN_NONE},
        {{"[[:blank:]]x"}, "\tx", BSI_PATTERN_MATCH},
        {{"[[:a]"}, ":", BSI_PATTERN_MATCH},
        {{"[[:a]"}, "[", BSI_PATTERN_MATCH},
        {{"\\*"}, "*", BSI_PATTERN_MATCH},
        {{"\\*"}, "x", BSI_PATTERN_NONE},
        {{"\\!a"}, "!a", BSI_PATTERN_MATCH},
        {{"#a"}, "#a", BSI_PATTERN_MATCH},
        {{"foo  "}, "foo", BSI_PATTERN_MATCH},
        {{"foo\\ "}, "foo ", BSI_PATTERN_MATCH},
        {{"x.y"}, "xzy", BSI_PATTERN_NONE},
        {{"*a.(b)+$"}, "xa.(b)+$", BSI_PATTERN_MATCH},
        {{"*\nb"}, "a\nb", BSI_PATTERN_MATCH},
        {{"*\xff?"}, "a\xff\xfe", BSI_PATTERN_MATCH},
        {{"*.o", "!keep.o"}, "a/keep.o", BSI_PATTERN_NEGATED},
        {{"!keep.o", "*.o"}, "a/keep.o", BSI_PATTERN_MATCH},
        {{"*.o", "!*.o", "a[x]"}, "ax", BSI_PATTERN_MATCH},
        {{NULL}, "ax", BSI_PATTERN_NONE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bsi_pattern_list *list = list_of(cases[i].patterns);

        print_message("# %s on %s\n", cases[i].patterns[0] ? cases[i].patterns[0] : "nothing",
                      cases[i].path);
        assert_int_equal(ask(*state, list, cases[i].path), cases[i].result);
        bsi_pattern_list_free(list);
    }
}

static void patterns_that_match_nothing_are_refused_by_number(void **state)
{
    static const char *const bad[] = {"[a", "a\\", "[[:foo:]]", "",    "  ",  "/",   "!",
                                      "!/", "[]",  "[a-",       "[[:", "[\\", "a/[!"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *const patterns[] = {"fine", bad[i], "fine*"};
        bsi_pattern_list *list = NULL;
        size_t index = 7;

        print_message("# %s\n", bad[i]);
        assert_status(bsi_pattern_list_new(patterns, 3, &list, &index), BS_E_INVALID);
        assert_int_equal(index, 1);
        assert_null(list);
    }
}

static void an_exclude_file_has_comments_and_blank_lines(void **state)
{
    static const char text[] = "\xef\xbb\xbf# comment\n\n   \n*.o\r\n\\#x\nlast";
    bsi_pattern_list *list = NULL;
    size_t line = 0;

    assert_ok(bsi_pattern_list_parse(text, sizeof(text) - 1, &list, &line));
    assert_int_equal(ask(*state, list, "a.o"), BSI_PATTERN_MATCH);
    assert_int_equal(ask(*state, list, "#x"), BSI_PATTERN_MATCH);
    assert_int_equal(ask(*state, list, "last"), BSI_PATTERN_MATCH);
    assert_int_equal(ask(*state, list, "# comment"), BSI_PATTERN_NONE);
    bsi_pattern_list_free(list);

    list = NULL;
    assert_status(bsi_pattern_list_parse("a\n\n[b\nc\n", 8, &list, &line), BS_E_INVALID);
    assert_int_equal(line, 3);
    assert_ok(bsi_pattern_list_parse("# nothing\n", 10, &list, NULL));
    assert_true(bsi_pattern_list_is_empty(list));
    bsi_pattern_list_free(list);
}

static void an_include_list_keeps_what_lies_below_a_match(void **state)
{
    static const char *const patterns[PATTERNS_MAX] = {"/src/", "!/src/tmp/", "*.txt"};
    static const struct {
        const char *path;
        bsi_pattern_result result;
    } cases[] = {
        {"src/a/b.c", BSI_PATTERN_MATCH},   {"src", BSI_PATTERN_NONE},
        {"src/tmp/x", BSI_PATTERN_NEGATED}, {"src/tmp/x.txt", BSI_PATTERN_MATCH},
        {"other/src/x", BSI_PATTERN_NONE},  {"a/x.txt", BSI_PATTERN_MATCH},
    };
    bsi_pattern_list *list = list_of(patterns);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bsi_pattern_result result = BSI_PATTERN_NONE;

        assert_ok(bsi_pattern_match_or_parent(list, *state, cases[i].path, strlen(cases[i].path),
                                              false, &result));
        assert_int_equal(result, cases[i].result);
    }
    bsi_pattern_list_free(list);
}

static void wild_patterns_end_with_the_right_answer(void **state)
{
    static const char *const patterns[PATTERNS_MAX] = {"*a*a*a*a*a*a*a*a*a*a*b",
                                                       "/**/a/**/a/**/a/**/a/**/a/**/a/**/b"};
    bsi_pattern_list *list = list_of(patterns);
    char path[4001];

    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(ask(*state, list, path), BSI_PATTERN_NONE);
    path[sizeof(path) - 2] = 'b';
    assert_int_equal(ask(*state, list, path), BSI_PATTERN_MATCH);
    for (size_t i = 1; i < 2000; i += 2) {
        path[i] = '/';
    }
    path[2000] = '\0';
    path[1999] = 'c';
    assert_int_equal(ask(*state, list, path), BSI_PATTERN_NONE);
    path[1998] = 'b';
    path[1999] = '\0';
    assert_int_equal(ask(*state, list, path), BSI_PATTERN_MATCH);
    bsi_pattern_list_free(list);
}

static void an_expression_that_takes_too_long_is_matched_without_backtracking(void **state)
{
    static const char *const patterns[PATTERNS_MAX] = {"/**\\/**\\/**\\/**\\/**\\/**\\/**\\/[bd]",
                                                       "/[x]**\\/**\\/**\\/**\\/**\\/*c*d*"};
    bsi_pattern_list *list = list_of(patterns);
    char path[1001];

    for (size_t i = 0; i < sizeof(path) - 1; i++) {
        path[i] = i % 2 ? '/' : 'a';
    }
    path[sizeof(path) - 2] = 'c';
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(ask(*state, list, path), BSI_PATTERN_NONE);
    path[sizeof(path) - 3] = '/';
    path[sizeof(path) - 2] = 'b';
    assert_int_equal(ask(*state, list, path), BSI_PATTERN_MATCH);
    bsi_pattern_list_free(list);
}

static void the_longest_patterns_work_or_are_refused(void **state)
{
    char pattern[BSI_PATTERN_MAX_SIZE + 2];
    char path[BSI_PATTERN_MAX_SIZE / 2 + 1];
    const char *const patterns[] = {pattern};
    bsi_pattern_list *list = NULL;

    memset(pattern, '*', sizeof(pattern));
    for (size_t i = 1; i < BSI_PATTERN_MAX_SIZE; i += 2) {
        pattern[i] = 'a';
    }
    pattern[BSI_PATTERN_MAX_SIZE] = '\0';
    memset(path, 'a', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_ok(bsi_pattern_list_new(patterns, 1, &list, NULL));
    assert_int_equal(ask(*state, list, path), BSI_PATTERN_MATCH);
    path[0] = 'x';
    assert_int_equal(ask(*state, list, path), BSI_PATTERN_NONE);
    bsi_pattern_list_free(list);

    memset(pattern, 'a', BSI_PATTERN_MAX_SIZE + 1);
    pattern[BSI_PATTERN_MAX_SIZE + 1] = '\0';
    assert_status(bsi_pattern_list_new(patterns, 1, &list, NULL), BS_E_INVALID);
}

static void the_number_of_patterns_is_bounded(void **state)
{
    bsi_pattern_list *list = NULL;
    static char text[2 * (BSI_PATTERN_MAX_COUNT + 1)];
    size_t line = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i += 2) {
        memcpy(text + i, "a\n", 2);
    }
    assert_status(bsi_pattern_list_parse(text, sizeof(text), &list, &line), BS_E_LIMIT);
    assert_int_equal(line, BSI_PATTERN_MAX_COUNT + 1);
    assert_status(bsi_pattern_list_parse("a\0b\n", 4, &list, &line), BS_E_INVALID);
    assert_null(list);
}

static void survives_running_out_of_memory(void **state)
{
    static const char *const patterns[] = {"*.o",   "!a*b",   "x/**/y",
                                           "[a-c]", "*a*a*b", "/**\\/**\\/**\\/**\\/**\\/[bd]"};
    static const char path[] = "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/"
                               "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/z";
    bs_status status = BS_E_NOMEM;

    (void)state;
    for (long n = 0; status != BS_OK; n++) {
        bsi_pattern_scratch *scratch = NULL;
        bsi_pattern_list *list = NULL;
        bsi_pattern_result result = BSI_PATTERN_NEGATED;

        bsi_alloc_fail_after(n);
        status = bsi_pattern_list_new(patterns, 6, &list, NULL);
        if (status == BS_OK) {
            status = bsi_pattern_scratch_new(&scratch);
        }
        if (status == BS_OK) {
            status = bsi_pattern_match(list, scratch, path, sizeof(path) - 1, false, &result);
        }
        assert_true(status == BS_OK || status == BS_E_NOMEM);
        assert_int_equal(result, status == BS_OK ? BSI_PATTERN_NONE : BSI_PATTERN_NEGATED);
        bsi_pattern_scratch_free(scratch);
        bsi_pattern_list_free(list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(patterns_mean_what_they_mean_to_git, setup, teardown),
        cmocka_unit_test(patterns_that_match_nothing_are_refused_by_number),
        cmocka_unit_test_setup_teardown(an_exclude_file_has_comments_and_blank_lines, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_include_list_keeps_what_lies_below_a_match, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(wild_patterns_end_with_the_right_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_expression_that_takes_too_long_is_matched_without_backtracking, setup, teardown),
        cmocka_unit_test_setup_teardown(the_longest_patterns_work_or_are_refused, setup, teardown),
        cmocka_unit_test(the_number_of_patterns_is_bounded),
        cmocka_unit_test_setup_teardown(survives_running_out_of_memory, setup, teardown),
    };

    return cmocka_run_group_tests_name("text/pattern", tests, NULL, NULL);
}
