/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/error.h"
#include "net/endpoint.h"

static void hosts_ports_and_paths_are_told(void **state)
{
    static const struct {
        const char *text;
        bool tls;
        const char *host;
        const char *path;
    } cases[] = {
        {"https://s3.example.org", true, "s3.example.org", ""},
        {"http://127.0.0.1:9000/", false, "127.0.0.1:9000", ""},
        {"https://host:443", true, "host", ""},
        {"https://host:80", true, "host:80", ""},
        {"http://host:80", false, "host", ""},
        {"http://host:443", false, "host:443", ""},
        {"https://[::1]:10000/account", true, "[::1]:10000", "/account"},
        {"http://host/a-b/c_d.e~/", false, "host", "/a-b/c_d.e~"},
        {"http://host//", false, "host", ""},
        {"http://host/a//", false, "host", "/a"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_endpoint endpoint;

        print_message("# %s\n", cases[i].text);
        assert_true(bsi_endpoint_parse(bsi_slice_of(cases[i].text), &endpoint));
        assert_int_equal(endpoint.tls, cases[i].tls);
        assert_true(bsi_slice_is(endpoint.host, cases[i].host));
        assert_true(bsi_slice_is(endpoint.path, cases[i].path));
    }
}

static void anything_else_is_none(void **state)
{
    static const char *const texts[] = {
        "",           "host",           "ftp://host",       "http://",         "http:///path",
        "HTTP://h",   "http://u@host",  "http://host?a",    "http://host/p?a", "http://host/p#a",
        "http://h h", "http://h\nX: 1", "http://host/%2e.", "https://host\\p",
    };
    static char longer[300] = "http://";

    (void)state;
    memset(longer + 7, 'a', 256);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        bsi_endpoint endpoint;

        print_message("# %s\n", texts[i]);
        assert_false(bsi_endpoint_parse(bsi_slice_of(texts[i]), &endpoint));
    }
    assert_false(bsi_endpoint_parse(bsi_slice_of(longer), &(bsi_endpoint){.tls = false}));
}

static void plain_texts_have_nothing_odd(void **state)
{
    (void)state;
    assert_true(bsi_is_plain(bsi_slice_of("aZ09"), ""));
    assert_true(bsi_is_plain(bsi_slice_of("a-b"), "-"));
    assert_false(bsi_is_plain(bsi_slice_of("a-b"), "_"));
    assert_false(bsi_is_plain(bsi_slice_of("caf\xc3\xa9"), "-"));
    assert_false(bsi_is_plain((bsi_slice){"a\0b", 3}, "-"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_ports_and_paths_are_told),
        cmocka_unit_test(anything_else_is_none),
        cmocka_unit_test(plain_texts_have_nothing_odd),
    };

    return cmocka_run_group_tests_name("net/endpoint", tests, NULL, NULL);
}
