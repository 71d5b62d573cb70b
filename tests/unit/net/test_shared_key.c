/* SPDX-License-Identifier: MIT */
/*
 * The texts to sign are those of the examples in "Authorize with Shared Key", Azure Storage
 * REST API reference. The key of its signatures is not published: those here were computed by
 * openssl, with a key of our own.
 */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "net/shared_key.h"

#define KEY "no-secret-but-a-key-of-the-tests"
#define DATE                                         \
    {                                                \
        "x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT" \
    }
#define VERSION                      \
    {                                \
        "x-ms-version", "2015-02-21" \
    }

static void assert_text(const bsi_shared_key_request *request, const char *expected)
{
    bsi_buf out;
    char *got = NULL;

    bsi_buf_init(&out, 4096);
    assert_ok(bsi_shared_key_text("myaccount", request, &out));
    got = bsi_buf_take_text(&out);
    assert_string_equal(got, expected);
    bsi_free(got);
}

static const bsi_uri_pair metadata_query[] = {
    {"timeout", "20"}, {"restype", "container"}, {"comp", "metadata"}};
static const bsi_header two_headers[] = {VERSION, DATE};
static const bsi_shared_key_request metadata = {
    "GET", "/mycontainer", metadata_query, 3, two_headers, 2, 0};

static void the_text_of_the_published_example_comes_out(void **state)
{
    (void)state;
    assert_text(&metadata, "GET\n\n\n\n\n\n\n\n\n\n\n\n"
                           "x-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
                           "/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20");
}

static void values_of_one_name_are_on_one_line(void **state)
{
    static const bsi_uri_pair query[] = {{"restype", "container"},
                                         {"comp", "list"},
                                         {"include", "snapshots"},
                                         {"include", "metadata"},
                                         {"include", "uncommittedblobs"}};
    static const bsi_shared_key_request request = {"GET", "/mycontainer", query, 5, two_headers, 2,
                                                   0};

    (void)state;
    assert_text(&request, "GET\n\n\n\n\n\n\n\n\n\n\n\n"
                          "x-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
                          "/myaccount/mycontainer\ncomp:list\n"
                          "include:metadata,snapshots,uncommittedblobs\nrestype:container");
}

static void a_blob_needs_no_query(void **state)
{
    static const bsi_shared_key_request request = {
        "GET", "/mycontainer/myblob", NULL, 0, two_headers, 2, 0};

    (void)state;
    assert_text(&request, "GET\n\n\n\n\n\n\n\n\n\n\n\n"
                          "x-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
                          "/myaccount/mycontainer/myblob");
}

/* With the headers of the reference's example of a PUT, and more. */
static void headers_have_their_places(void **state)
{
    static const bsi_header headers[] = {{"x-ms-meta-m2", "v2"},
                                         {"range", "bytes=0-9"},
                                         {"if-none-match", "*"},
                                         {"x-ms-meta-m1", "v1"},
                                         {"content-type", "text/plain; charset=UTF-8"},
                                         {"x-ms-date", "Sun, 20 Sep 2009 20:36:40 GMT"},
                                         {"content-md5", "Q2hlY2sgSW50ZWdyaXR5IQ=="},
                                         {"content-encoding", "e"},
                                         {"content-language", "l"},
                                         {"date", "d"},
                                         {"if-modified-since", "m"},
                                         {"if-match", "\"t\""},
                                         {"if-unmodified-since", "u"},
                                         {"user-agent", "not signed"}};
    static const bsi_shared_key_request request = {
        "PUT", "/testaccount1/mycontainer/hello%20%2Btxt", NULL, 0, headers, 14, 11};

    (void)state;
    assert_text(&request, "PUT\ne\nl\n11\nQ2hlY2sgSW50ZWdyaXR5IQ==\ntext/plain; charset=UTF-8\n"
                          "d\nm\n\"t\"\n*\nu\nbytes=0-9\n"
                          "x-ms-date:Sun, 20 Sep 2009 20:36:40 GMT\n"
                          "x-ms-meta-m1:v1\nx-ms-meta-m2:v2\n"
                          "/myaccount/testaccount1/mycontainer/hello%20%2Btxt");
}

static bs_status sign(const bsi_shared_key_request *request, char **out)
{
    bsi_secret *key = NULL;
    bsi_buf text;
    bs_status status = bsi_secret_copy(KEY, strlen(KEY), &key);

    bsi_buf_init(&text, 4096);
    if (status == BS_OK) {
        status = bsi_shared_key_sign(key, "myaccount", request, &text);
    }
    bsi_secret_free(key);
    if (status == BS_OK) {
        *out = bsi_buf_take_text(&text);
        status = *out ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&text);
    return status;
}

static void the_text_is_signed(void **state)
{
    char *got = NULL;

    (void)state;
    assert_ok(sign(&metadata, &got));
    assert_string_equal(got, "SharedKey myaccount:E3DLejaikhcwWgUHieJNGg3uerbhXoM6wJ3hjzA/CYc=");
    bsi_free(got);
}

static void what_is_too_much_is_refused(void **state)
{
    static char text[70000];
    const bsi_header headers[] = {DATE, {"x-ms-meta-long", text}};
    const bsi_shared_key_request request = {"GET", "/c", NULL, 0, headers, 2, 0};
    const bsi_shared_key_request headers_many = {
        "GET", "/c", NULL, 0, headers, BSI_SHARED_KEY_HEADERS_MAX + 1, 0};
    const bsi_shared_key_request query_many = {
        "GET", "/c", metadata_query, BSI_URI_PAIRS_MAX + 1, headers, 1, 0};
    char *none = NULL;

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    assert_status(sign(&request, &none), BS_E_LIMIT);
    assert_status(sign(&headers_many, &none), BS_E_INTERNAL);
    assert_status(sign(&query_many, &none), BS_E_INTERNAL);
    assert_null(none);
}

static void every_lack_of_memory_is_told(void **state)
{
    bool failed = true;

    (void)state;
    for (long at = 0; failed; at++) {
        char *got = NULL;
        bs_status status = BS_OK;

        bsi_alloc_fail_after(at);
        status = sign(&metadata, &got);
        failed = bsi_alloc_has_failed();
        bsi_alloc_fail_after(-1);
        assert_status(status, failed ? BS_E_NOMEM : BS_OK);
        assert_true(at > 0 || failed);
        bsi_free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_of_the_published_example_comes_out),
        cmocka_unit_test(values_of_one_name_are_on_one_line),
        cmocka_unit_test(a_blob_needs_no_query),
        cmocka_unit_test(headers_have_their_places),
        cmocka_unit_test(the_text_is_signed),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(every_lack_of_memory_is_told),
    };

    return cmocka_run_group_tests_name("net/shared_key", tests, NULL, NULL);
}
