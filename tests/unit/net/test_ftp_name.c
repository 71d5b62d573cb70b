/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "net/ftp_name.h"

static void assert_kept_as(const char *name, const char *kept)
{
    bsi_buf buf;
    bool known = false;

    bsi_buf_init(&buf, 4096);
    assert_ok(bsi_ftp_name_encode(&buf, bsi_slice_of(name)));
    assert_int_equal(buf.size, strlen(kept));
    assert_memory_equal(buf.data, kept, buf.size);
    bsi_buf_clear(&buf);
    assert_ok(bsi_ftp_name_decode(&buf, bsi_slice_of(kept), &known));
    assert_true(known);
    assert_int_equal(buf.size, strlen(name));
    assert_memory_equal(buf.data, name, buf.size);
    bsi_buf_dispose(&buf);
}

static void ordinary_names_stay_as_they_are(void **state)
{
    static const char *const names[] = {
        "a",      "A b.txt", "caf\xc3\xa9", "x*?[]{}", "~",     "-rf",    "100%",
        "50%off", "%4",      "%4g",         "%aa",     "\"q\"", "a -> b", "\xf0\x9f\x98\x80",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(names); i++) {
        assert_kept_as(names[i], names[i]);
    }
}

static void what_would_suffer_is_escaped_and_comes_back(void **state)
{
    (void)state;
    assert_kept_as("a\nb", "a%0Ab");
    assert_kept_as("\r\nDELE x", "%0D%0ADELE x");
    assert_kept_as("\x01\x7f\x1f", "%01%7F%1F");
    assert_kept_as(" ", "%20");
    assert_kept_as(" a b ", "%20a b%20");
    assert_kept_as("a\\b", "a%5Cb");
    assert_kept_as("\xff\xfe\x80", "%FF%FE%80");
    assert_kept_as("\xc3", "%C3");
    assert_kept_as("%41", "%2541");
    assert_kept_as("%\n", "%%0A");
    assert_kept_as("%4\n", "%4%0A");
    assert_kept_as("%25", "%2525");
}

static void names_that_no_key_is_kept_under_are_not_known(void **state)
{
    static const char *const names[] = {"%41",  "a%20b", "%00",  "%2F",
                                        "a\\b", " a",    "\xff", "%C3%A9"};
    bsi_buf buf;

    (void)state;
    bsi_buf_init(&buf, 4096);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(names); i++) {
        bool known = true;
        print_message("# %s\n", names[i]);
        assert_ok(bsi_ftp_name_decode(&buf, bsi_slice_of(names[i]), &known));
        assert_false(known);
    }
    bsi_buf_dispose(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_names_stay_as_they_are),
        cmocka_unit_test(what_would_suffer_is_escaped_and_comes_back),
        cmocka_unit_test(names_that_no_key_is_kept_under_are_not_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
