/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "text/base64.h"

static void encodes_and_decodes_the_examples_of_the_rfc(void **state)
{
    static const struct {
        const char *plain;
        const char *encoded;
    } cases[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bsi_buf out;

        bsi_buf_init(&out, 100);
        assert_ok(bsi_buf_append_byte(&out, '>'));
        assert_ok(bsi_base64_encode(cases[i].plain, strlen(cases[i].plain), &out));
        assert_int_equal(out.size, strlen(cases[i].encoded) + 1);
        assert_memory_equal(out.data + 1, cases[i].encoded, out.size - 1);
        bsi_buf_clear(&out);
        assert_ok(bsi_base64_decode(cases[i].encoded, strlen(cases[i].encoded), &out));
        assert_int_equal(out.size, strlen(cases[i].plain));
        assert_memory_equal(out.data, cases[i].plain, out.size);
        bsi_buf_dispose(&out);
    }
}

static void all_bytes_survive(void **state)
{
    uint8_t bytes[256];
    bsi_buf text;
    bsi_buf back;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)i;
    }
    bsi_buf_init(&text, 1000);
    bsi_buf_init(&back, 1000);
    assert_ok(bsi_base64_encode(bytes, sizeof(bytes), &text));
    assert_ok(bsi_base64_decode((const char *)text.data, text.size, &back));
    assert_int_equal(back.size, sizeof(bytes));
    assert_memory_equal(back.data, bytes, sizeof(bytes));
    bsi_buf_dispose(&text);
    bsi_buf_dispose(&back);
}

static void refuses_everything_else(void **state)
{
    static const char *const texts[] = {
        "Z",    "Zg",    "Zg=",      "Zg===", "Zh==", "Zm9=", "====",           "Z===",
        "Zm 9", "Zm9\n", "Zg==Zg==", "Zm-_",  "Z=g=", "=Zg=", "Zm9v\xc3\xa4zz", "Zm9vZm9v="};
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, 100);
    assert_ok(bsi_buf_append_byte(&out, 'x'));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# %s\n", texts[i]);
        assert_status(bsi_base64_decode(texts[i], strlen(texts[i]), &out), BS_E_INVALID);
        assert_int_equal(out.size, 1);
    }
    bsi_buf_dispose(&out);
}

static void in_urls_it_has_no_padding_and_other_signs(void **state)
{
    static const struct {
        const char *plain;
        const char *encoded;
    } cases[] = {
        {"", ""},       {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"\xfb\xff\xbf", "-_-_"},
        {"\xff", "_w"},
    };
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, 100);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bsi_buf_clear(&out);
        assert_ok(bsi_buf_append_text(&out, "=+"));
        assert_ok(bsi_base64_encode_url(cases[i].plain, strlen(cases[i].plain), &out));
        assert_int_equal(out.size, strlen(cases[i].encoded) + 2);
        assert_memory_equal(out.data, "=+", 2);
        assert_memory_equal(out.data + 2, cases[i].encoded, out.size - 2);
    }
    bsi_buf_dispose(&out);
}

static void keeps_to_the_buffer_and_to_memory(void **state)
{
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, 6);
    assert_status(bsi_base64_encode("123456", 6, &out), BS_E_LIMIT);
    assert_status(bsi_base64_decode("Zm9vYmFyZm9v", 12, &out), BS_E_LIMIT);
    bsi_alloc_fail_after(0);
    assert_status(bsi_base64_encode("1", 1, &out), BS_E_NOMEM);
    bsi_alloc_fail_after(-1);
    bsi_buf_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_and_decodes_the_examples_of_the_rfc),
        cmocka_unit_test(all_bytes_survive),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(in_urls_it_has_no_padding_and_other_signs),
        cmocka_unit_test(keeps_to_the_buffer_and_to_memory),
    };

    return cmocka_run_group_tests_name("text/base64", tests, NULL, NULL);
}
