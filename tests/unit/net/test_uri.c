/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/uri.h"

static void assert_text(const bsi_buf *buf, const char *text)
{
    assert_int_equal(buf->size, strlen(text));
    assert_memory_equal(buf->data, text, buf->size);
}

static void every_byte_but_the_unreserved_is_escaped(void **state)
{
    static const char stays[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/";
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, 100);
    for (int byte = 1; byte < 256; byte++) {
        const char text[] = {(char)byte, '\0'};
        char expected[4];

        (void)snprintf(expected, sizeof(expected), strchr(stays, byte) ? "%c" : "%%%02X", byte);
        bsi_buf_clear(&out);
        assert_ok(bsi_uri_append_path(&out, text));
        assert_text(&out, expected);
    }
    bsi_buf_dispose(&out);
}

static void a_path_keeps_slashes_and_dots(void **state)
{
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, 100);
    assert_ok(bsi_uri_append_path(&out, "/a/../b//./c d/\xc3\xa9%2F+"));
    assert_text(&out, "/a/../b//./c%20d/%C3%A9%252F%2B");
    bsi_buf_dispose(&out);
}

static void a_component_has_no_slash(void **state)
{
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, 100);
    assert_ok(bsi_uri_append_component(&out, "a/../b c~"));
    assert_text(&out, "a%2F..%2Fb%20c~");
    bsi_buf_dispose(&out);
}

static void only_plain_http_is_cleartext(void **state)
{
    (void)state;
    assert_true(bsi_uri_is_cleartext("http://example.org/"));
    assert_true(bsi_uri_is_cleartext("http://127.0.0.1:80"));
    assert_false(bsi_uri_is_cleartext("https://example.org/"));
    assert_false(bsi_uri_is_cleartext("https://http://"));
    assert_false(bsi_uri_is_cleartext("http:/"));
    assert_false(bsi_uri_is_cleartext(""));
}

static void secrets_go_over_tls_or_stay_here(void **state)
{
    static const char *const good[] = {"https://example.org/x", "http://127.0.0.1",
                                       "http://127.0.0.1:80/x", "http://localhost/",
                                       "http://[::1]:9/"};
    static const char *const bad[] = {"http://example.org/",
                                      "http://127.0.0.1.example.org/",
                                      "http://localhosts/",
                                      "ftp://127.0.0.1/",
                                      "http://127.0.0.1@example.org/",
                                      "",
                                      "http:/127.0.0.1/",
                                      "HTTPS//example.org"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(good); i++) {
        assert_true(bsi_uri_keeps_secrets(good[i]));
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        assert_false(bsi_uri_keeps_secrets(bad[i]));
    }
}

static void a_query_is_sorted_by_what_is_sent(void **state)
{
    /* '/' is below 'a' plain and encoded, '{' is above it plain and below it encoded. */
    static const bsi_uri_pair pairs[] = {
        {"prefix", "a b/c"}, {"b", NULL}, {"a", "2"}, {"a", "10"},
        {"a{", "3"},         {"aa", ""},  {"A", "="}, {"\xc3\xa9", "~"},
    };
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, 200);
    assert_ok(bsi_uri_append_query(&out, pairs, sizeof(pairs) / sizeof(pairs[0])));
    assert_text(&out, "%C3%A9=~&A=%3D&a=10&a=2&a%7B=3&aa=&b=&prefix=a%20b%2Fc");
    bsi_buf_clear(&out);
    assert_ok(bsi_uri_append_query(&out, pairs, 0));
    assert_int_equal(out.size, 0);
    bsi_buf_dispose(&out);
}

static void too_many_parameters_are_refused(void **state)
{
    bsi_uri_pair pairs[BSI_URI_PAIRS_MAX + 1];
    bsi_buf out;

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        pairs[i] = (bsi_uri_pair){"a", "b"};
    }
    bsi_buf_init(&out, 1000);
    assert_ok(bsi_uri_append_query(&out, pairs, BSI_URI_PAIRS_MAX));
    assert_status(bsi_uri_append_query(&out, pairs, BSI_URI_PAIRS_MAX + 1), BS_E_INTERNAL);
    bsi_buf_dispose(&out);
}

static void names_of_servers_are_decoded(void **state)
{
    static const char text[] = "a%20b+c%2bd%2F%C3%a9~%01";
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, 100);
    assert_ok(bsi_uri_decode(bsi_slice_of(text), &out));
    assert_text(&out, "a b c+d/\xc3\xa9~\x01");
    bsi_buf_dispose(&out);
}

static void broken_escapes_are_refused(void **state)
{
    static const char *const texts[] = {"%", "a%2", "%zz", "%0x41", "%00", "%%41", "%-1", "a%4"};
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, 100);
    assert_ok(bsi_buf_append_byte(&out, 'x'));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# %s\n", texts[i]);
        assert_status(bsi_uri_decode(bsi_slice_of(texts[i]), &out), BS_E_CORRUPT);
        assert_text(&out, "x");
    }
    assert_status(bsi_uri_decode((bsi_slice){"a\0b", 3}, &out), BS_E_CORRUPT);
    bsi_buf_dispose(&out);
}

static void what_was_encoded_is_decoded_the_same(void **state)
{
    char all[256];
    bsi_buf encoded;
    bsi_buf back;

    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        all[byte - 1] = (char)byte;
    }
    all[255] = '\0';
    bsi_buf_init(&encoded, 1000);
    bsi_buf_init(&back, 1000);
    assert_ok(bsi_uri_append_path(&encoded, all));
    assert_ok(bsi_uri_decode((bsi_slice){(const char *)encoded.data, encoded.size}, &back));
    assert_text(&back, all);
    bsi_buf_dispose(&encoded);
    bsi_buf_dispose(&back);
}

static void lack_of_memory_is_told(void **state)
{
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, 100);
    bsi_alloc_fail_after(0);
    assert_status(bsi_uri_append_path(&out, "a"), BS_E_NOMEM);
    bsi_alloc_fail_after(-1);
    bsi_buf_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_but_the_unreserved_is_escaped),
        cmocka_unit_test(a_path_keeps_slashes_and_dots),
        cmocka_unit_test(a_component_has_no_slash),
        cmocka_unit_test(only_plain_http_is_cleartext),
        cmocka_unit_test(secrets_go_over_tls_or_stay_here),
        cmocka_unit_test(a_query_is_sorted_by_what_is_sent),
        cmocka_unit_test(too_many_parameters_are_refused),
        cmocka_unit_test(names_of_servers_are_decoded),
        cmocka_unit_test(broken_escapes_are_refused),
        cmocka_unit_test(what_was_encoded_is_decoded_the_same),
        cmocka_unit_test(lack_of_memory_is_told),
    };

    return cmocka_run_group_tests_name("net/uri", tests, NULL, NULL);
}
