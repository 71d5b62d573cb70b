/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "engine/complaints.h"

static void none_is_ok(void **state)
{
    const bsi_complaints complaints = {0};

    (void)state;
    assert_ok(bsi_complaints_status(&complaints));
}

static void each_stands_on_a_line_of_its_own(void **state)
{
    bsi_complaints complaints = {0};

    (void)state;
    bsi_complain_invalid(&complaints, "name: is missing");
    bsi_complain_invalid(&complaints, "form: two\nlines");
    assert_status(bsi_complaints_status(&complaints), BS_E_INVALID);
    assert_string_equal(bs_error_last()->message, "name: is missing\nform: two lines");
}

static void a_single_kind_keeps_its_code_and_a_mixture_is_invalid(void **state)
{
    bsi_complaints complaints = {0};

    (void)state;
    bsi_complain(&complaints, BS_E_NOT_FOUND, BS_LAYER_SOURCE, "source_paths[0]: not there");
    assert_status(bsi_complaints_status(&complaints), BS_E_NOT_FOUND);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_SOURCE);
    bsi_complain_invalid(&complaints, "name: is missing");
    assert_status(bsi_complaints_status(&complaints), BS_E_INVALID);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
}

static void what_does_not_fit_is_counted(void **state)
{
    bsi_complaints complaints = {0};
    char filler[200];

    (void)state;
    memset(filler, 'x', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\0';
    for (size_t i = 0; i < 50; i++) {
        bsi_complain_invalid(&complaints, "%zu: %s", i, filler);
    }
    assert_status(bsi_complaints_status(&complaints), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "\n... and 46 more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_ok),
        cmocka_unit_test(each_stands_on_a_line_of_its_own),
        cmocka_unit_test(a_single_kind_keeps_its_code_and_a_mixture_is_invalid),
        cmocka_unit_test(what_does_not_fit_is_counted),
    };

    return cmocka_run_group_tests_name("engine/complaints", tests, NULL, NULL);
}
