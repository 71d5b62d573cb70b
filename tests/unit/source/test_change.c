/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "source/change.h"

static const bsi_time scan = {1000, 500};

static bsi_stat settled(void)
{
    return (bsi_stat){
        .type = BSI_TYPE_FILE,
        .size = 10,
        .dev = 1,
        .ino = 2,
        .mtime = {900, 1},
        .ctime = {950, 2},
    };
}

static void equal_and_settled_is_unchanged(void **state)
{
    const bsi_stat then = settled();
    bsi_stat now = then;

    (void)state;
    assert_true(bsi_source_unchanged(&now, &then, &scan));
    now.dev = 77;
    now.nlink = 5;
    assert_true(bsi_source_unchanged(&now, &then, &scan));
}

static void any_difference_is_a_change(void **state)
{
    const bsi_stat then = settled();
    bsi_stat cases[8];

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        cases[i] = then;
    }
    cases[0].type = BSI_TYPE_SYMLINK;
    cases[1].size++;
    cases[2].ino++;
    cases[3].mtime.sec++;
    cases[4].mtime.nsec++;
    cases[5].ctime.sec--;
    cases[6].ctime.nsec++;
    cases[7].mtime.sec--;
    for (size_t i = 0; i < 8; i++) {
        assert_false(bsi_source_unchanged(&cases[i], &then, &scan));
    }
}

static void what_changed_close_to_the_scan_is_read_again(void **state)
{
    static const struct {
        bsi_time changed;
        bool unchanged;
    } cases[] = {
        {{999, 500}, true}, {{999, 501}, false}, {{999, 499}, true},
        {{1000, 0}, false}, {{2000, 0}, false},  {{-5, 0}, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bsi_stat stat = settled();

        stat.ctime = cases[i].changed;
        assert_int_equal(bsi_source_unchanged(&stat, &stat, &scan), cases[i].unchanged);
        stat = settled();
        stat.mtime = cases[i].changed;
        assert_int_equal(bsi_source_unchanged(&stat, &stat, &scan), cases[i].unchanged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_and_settled_is_unchanged),
        cmocka_unit_test(any_difference_is_a_change),
        cmocka_unit_test(what_changed_close_to_the_scan_is_read_again),
    };

    return cmocka_run_group_tests_name("source/change", tests, NULL, NULL);
}
