/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void an_os_code_gives_status_and_text(void **state)
{
    (void)state;
    assert_int_equal(bsi_fail_os(BS_LAYER_SOURCE, ENOENT, "opening '%s'", "x"), BS_E_NOT_FOUND);
    assert_int_equal(bs_error_last()->os_code, ENOENT);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_SOURCE);
    assert_string_equal(bs_error_last()->message, "opening 'x': No such file or directory");
}

static void context_stands_in_front_and_claims_a_file_error(void **state)
{
    (void)state;
    bs_status status = bsi_fail_os(BS_LAYER_SYSTEM, EIO, "reading 'x'");

    assert_int_equal(bsi_fail_context(BS_LAYER_STORAGE, status, "object '%s'", "k"), BS_E_IO);
    assert_string_equal(bs_error_last()->message, "object 'k': reading 'x': Input/output error");
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
}

static void context_never_claims_a_lack_of_memory(void **state)
{
    (void)state;
    bs_status status = bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory");

    assert_int_equal(bsi_fail_context(BS_LAYER_STORAGE, status, "object"), BS_E_NOMEM);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_SYSTEM);
}

static void a_context_longer_than_the_record_is_cut(void **state)
{
    char longer[2 * BS_ERROR_MESSAGE_SIZE];

    (void)state;
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    bs_status status = bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "inner");
    (void)bsi_fail_context(BS_LAYER_CALLER, status, "%s", longer);
    assert_int_equal(bs_error_last()->message[0], 'a');
    assert_true(strlen(bs_error_last()->message) < BS_ERROR_MESSAGE_SIZE);
}

static void every_status_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(bs_status_name(BS_E_MISSING), "BS_E_MISSING");
    assert_string_equal(bs_status_name((bs_status)-9999), "BS_E_UNKNOWN");
}

static void printable_text_hides_control_bytes_and_broken_utf8(void **state)
{
    char out[64];

    (void)state;
    assert_string_equal(bsi_printable("a\n\xff\\\xc3\xa4", 6, out, sizeof(out)),
                        "a\\x0a\\xff\\x5c\xc3\xa4");
}

static void printable_text_is_cut_with_dots(void **state)
{
    char out[12];

    (void)state;
    assert_string_equal(bsi_printable("abcdefghijklmnop", 16, out, sizeof(out)), "abcdefgh...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_os_code_gives_status_and_text),
        cmocka_unit_test(context_stands_in_front_and_claims_a_file_error),
        cmocka_unit_test(context_never_claims_a_lack_of_memory),
        cmocka_unit_test(a_context_longer_than_the_record_is_cut),
        cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(printable_text_hides_control_bytes_and_broken_utf8),
        cmocka_unit_test(printable_text_is_cut_with_dots),
    };

    return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
