/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "net/azure_name.h"

enum { NAME_MAX = 16 * 1024 };

#define QUOTE "\xe2\x80\x9b"

static void assert_name(const char *key, const char *name)
{
    bsi_buf there;
    bsi_buf back;

    bsi_buf_init(&there, NAME_MAX);
    bsi_buf_init(&back, NAME_MAX);
    assert_ok(bsi_azure_name_append(&there, bsi_slice_of(key)));
    assert_true(bsi_slice_is(bsi_buf_slice(&there), name));
    assert_ok(bsi_azure_name_decode(bsi_slice_of(name), &back));
    assert_true(bsi_slice_is(bsi_buf_slice(&back), key));
    bsi_buf_dispose(&there);
    bsi_buf_dispose(&back);
}

static void ordinary_keys_are_names_as_they_are(void **state)
{
    static const char *const keys[] = {
        "a",        "a/b.tar.gz", "caf\xc3\xa9",  ".hidden",
        "a b+c%20", "..a",        "~?#&=;:\"'<>", "\xf0\x9f\x98\x80"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(keys); i++) {
        assert_name(keys[i], keys[i]);
    }
}

static void what_azure_changes_has_a_stand_in(void **state)
{
    (void)state;
    assert_name("a\\b", "a\xef\xbc\xbc"
                        "b");
    assert_name("\x01\n\x1f\x7f", "\xe2\x90\x81\xe2\x90\x8a\xe2\x90\x9f\xe2\x90\xa1");
    assert_name("a.", "a\xef\xbc\x8e");
    assert_name("a./b.c/d..", "a\xef\xbc\x8e/b.c/d.\xef\xbc\x8e");
    assert_name("\xff", QUOTE "FF");
    assert_name("a\xc3/\xed\xa0\x80", "a" QUOTE "C3/" QUOTE "ED" QUOTE "A0" QUOTE "80");
    assert_name("\xef\xbf\xbe\xef\xbf\xbf",
                QUOTE "EF" QUOTE "BF" QUOTE "BE" QUOTE "EF" QUOTE "BF" QUOTE "BF");
}

static void stand_ins_in_keys_are_told_from_those_in_names(void **state)
{
    (void)state;
    assert_name(QUOTE, QUOTE QUOTE);
    assert_name(QUOTE "FF", QUOTE QUOTE "FF");
    assert_name("\xef\xbc\xbc", QUOTE "\xef\xbc\xbc");
    assert_name("\xe2\x90\x80\xe2\x90\xa1", QUOTE "\xe2\x90\x80" QUOTE "\xe2\x90\xa1");
    assert_name("\xef\xbc\x8e", QUOTE "\xef\xbc\x8e");
    assert_name("\xef\xbc\x8e"
                "a",
                "\xef\xbc\x8e"
                "a");
}

static void every_byte_comes_back(void **state)
{
    (void)state;
    for (unsigned a = 1; a < 256; a++) {
        for (unsigned b = 1; b < 256; b++) {
            const char key[] = {(char)(uint8_t)a, (char)(uint8_t)b};
            bsi_buf there;
            bsi_buf back;

            bsi_buf_init(&there, NAME_MAX);
            bsi_buf_init(&back, NAME_MAX);
            assert_ok(bsi_azure_name_append(&there, (bsi_slice){key, 2}));
            assert_true(bsi_utf8_valid((const char *)there.data, there.size));
            assert_ok(bsi_azure_name_decode(bsi_buf_slice(&there), &back));
            assert_int_equal(back.size, 2);
            assert_memory_equal(back.data, key, 2);
            bsi_buf_dispose(&there);
            bsi_buf_dispose(&back);
        }
    }
}

static void names_that_no_key_has_are_refused(void **state)
{
    static const char *const names[] = {QUOTE,
                                        QUOTE "4",
                                        QUOTE "41",
                                        QUOTE "ff",
                                        QUOTE "a",
                                        "a\\b",
                                        "a.",
                                        "a./b",
                                        "\x01",
                                        "\xff",
                                        QUOTE "C3" QUOTE "A9",
                                        "\xe2\x90\x80"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(names); i++) {
        bsi_buf out;

        print_message("# %s\n", names[i]);
        bsi_buf_init(&out, NAME_MAX);
        assert_ok(bsi_buf_append_text(&out, "before"));
        assert_status(bsi_azure_name_decode(bsi_slice_of(names[i]), &out), BS_E_CORRUPT);
        assert_true(bsi_slice_is(bsi_buf_slice(&out), "before"));
        bsi_buf_dispose(&out);
    }
}

static void the_limits_are_those_of_the_service(void **state)
{
    static char text[2 * BSI_AZURE_NAME_MAX + 4];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_true(bsi_azure_name_fits((bsi_slice){text, BSI_AZURE_NAME_MAX}));
    assert_false(bsi_azure_name_fits((bsi_slice){text, BSI_AZURE_NAME_MAX + 1}));
    for (size_t i = 0; i < sizeof(text); i += 4) {
        memcpy(text + i, "\xf0\x9f\x98\x80", 4);
    }
    assert_true(bsi_azure_name_fits((bsi_slice){text, 2 * BSI_AZURE_NAME_MAX}));
    assert_false(bsi_azure_name_fits((bsi_slice){text, 2 * BSI_AZURE_NAME_MAX + 4}));
    memset(text, '/', sizeof(text));
    assert_true(bsi_azure_name_fits((bsi_slice){text, BSI_AZURE_SEGMENTS_MAX - 1}));
    assert_false(bsi_azure_name_fits((bsi_slice){text, BSI_AZURE_SEGMENTS_MAX}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_keys_are_names_as_they_are),
        cmocka_unit_test(what_azure_changes_has_a_stand_in),
        cmocka_unit_test(stand_ins_in_keys_are_told_from_those_in_names),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(names_that_no_key_has_are_refused),
        cmocka_unit_test(the_limits_are_those_of_the_service),
    };

    return cmocka_run_group_tests_name("net/azure_name", tests, NULL, NULL);
}
