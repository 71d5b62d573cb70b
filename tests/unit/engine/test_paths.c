/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/paths.h"

static void paths_are_normalised_as_texts(void **state)
{
    static const char *const cases[][2] = {
        {"/", "/"},           {"//", "/"},       {"/a", "/a"},
        {"/a/", "/a"},        {"/a//b", "/a/b"}, {"/./a/./b/.", "/a/b"},
        {"/a/..b", "/a/..b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *out = bsi_path_normalise(cases[i][0]);
        assert_non_null(out);
        assert_string_equal(out, cases[i][1]);
        bsi_free(out);
    }
}

static void relative_paths_and_parents_are_refused(void **state)
{
    (void)state;
    assert_null(bsi_path_normalise(""));
    assert_null(bsi_path_normalise("a/b"));
    assert_null(bsi_path_normalise("/a/../b"));
    assert_null(bsi_path_normalise("/.."));
}

static void within_means_whole_components(void **state)
{
    (void)state;
    assert_true(bsi_path_is_within("/a/b", "/a"));
    assert_true(bsi_path_is_within("/a", "/a"));
    assert_true(bsi_path_is_within("/a", "/"));
    assert_false(bsi_path_is_within("/ab", "/a"));
    assert_false(bsi_path_is_within("/", "/a"));
}

static void a_name_is_one_component(void **state)
{
    (void)state;
    assert_true(bsi_path_is_name("dump.sql"));
    assert_false(bsi_path_is_name(""));
    assert_false(bsi_path_is_name("."));
    assert_false(bsi_path_is_name(".."));
    assert_false(bsi_path_is_name("a/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_normalised_as_texts),
        cmocka_unit_test(relative_paths_and_parents_are_refused),
        cmocka_unit_test(within_means_whole_components),
        cmocka_unit_test(a_name_is_one_component),
    };

    return cmocka_run_group_tests_name("engine/paths", tests, NULL, NULL);
}
