/* SPDX-License-Identifier: MIT */
/*
 * The signatures are those of the examples in "Authenticating Requests: Using
 * the Authorization Header (AWS Signature Version 4)", Amazon S3 API reference;
 * keys and secret are the published ones.
 */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "hash/sha256.h"
#include "net/sigv4.h"
#include "net/uri.h"

#define ACCESS_KEY \
    "AKIA"         \
    "IOSFODNN7EXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HOST                                     \
    {                                            \
        "host", "examplebucket.s3.amazonaws.com" \
    }
#define DATE                             \
    {                                    \
        "x-amz-date", "20130524T000000Z" \
    }
#define HASH(hash)                     \
    {                                  \
        "x-amz-content-sha256", (hash) \
    }

static const bsi_sigv4_scope scope = {1369353600, "us-east-1", "s3"};

static bsi_secret *example_key(const bsi_sigv4_scope *for_scope)
{
    bsi_secret *secret = NULL;
    bsi_secret *key = NULL;

    assert_ok(bsi_secret_copy(SECRET, strlen(SECRET), &secret));
    assert_ok(bsi_sigv4_key(secret, for_scope, &key));
    bsi_secret_free(secret);
    return key;
}

/* The whole value of Authorization; freed with bsi_free(). */
static char *authorization(const bsi_sigv4_request *request)
{
    bsi_secret *key = example_key(&scope);
    bsi_buf out;

    bsi_buf_init(&out, 4096);
    assert_ok(bsi_sigv4_sign(key, ACCESS_KEY, &scope, request, &out));
    bsi_secret_free(key);
    return bsi_buf_take_text(&out);
}

static void assert_signed(const bsi_sigv4_request *request, const char *names,
                          const char *signature)
{
    char *got = authorization(request);
    char expected[1024];

    (void)snprintf(expected, sizeof(expected),
                   "AWS4-HMAC-SHA256 Credential=" ACCESS_KEY
                   "/20130524/us-east-1/s3/aws4_request,SignedHeaders=%s,Signature=%s",
                   names, signature);
    assert_string_equal(got, expected);
    bsi_free(got);
}

static void a_get_of_a_range_is_signed(void **state)
{
    static const bsi_header headers[] = {HOST, {"range", "bytes=0-9"}, HASH(EMPTY_HASH), DATE};
    static const bsi_sigv4_request request = {"GET", "/test.txt", "", headers, 4, EMPTY_HASH};

    (void)state;
    assert_signed(&request, "host;range;x-amz-content-sha256;x-amz-date",
                  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void a_put_of_an_odd_name_is_signed(void **state)
{
    static const char body[] = "Welcome to Amazon S3.";
    char hash[2 * BSI_SHA256_SIZE + 1];
    bsi_digest digest;
    bsi_buf path;

    (void)state;
    bsi_sha256_of(body, strlen(body), &digest);
    bsi_digest_format(&digest, hash);
    bsi_buf_init(&path, 100);
    assert_ok(bsi_uri_append_path(&path, "/test$file.text"));
    char *encoded = bsi_buf_take_text(&path);
    const bsi_header headers[] = {{"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                                  DATE,
                                  HASH(hash),
                                  HOST,
                                  {"date", "Fri, 24 May 2013 00:00:00 GMT"}};
    const bsi_sigv4_request request = {"PUT", encoded, "", headers, 5, hash};
    assert_signed(&request, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    bsi_free(encoded);
}

static void a_parameter_without_a_value_is_signed(void **state)
{
    static const bsi_uri_pair pairs[] = {{"lifecycle", NULL}};
    static const bsi_header headers[] = {HOST, HASH(EMPTY_HASH), DATE};
    bsi_buf query;

    (void)state;
    bsi_buf_init(&query, 100);
    assert_ok(bsi_uri_append_query(&query, pairs, 1));
    char *encoded = bsi_buf_take_text(&query);
    const bsi_sigv4_request request = {"GET", "/", encoded, headers, 3, EMPTY_HASH};
    assert_signed(&request, "host;x-amz-content-sha256;x-amz-date",
                  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    bsi_free(encoded);
}

static void a_listing_is_signed(void **state)
{
    static const bsi_uri_pair pairs[] = {{"prefix", "J"}, {"max-keys", "2"}};
    static const bsi_header headers[] = {HOST, HASH(EMPTY_HASH), DATE};
    bsi_buf query;

    (void)state;
    bsi_buf_init(&query, 100);
    assert_ok(bsi_uri_append_query(&query, pairs, 2));
    char *encoded = bsi_buf_take_text(&query);
    const bsi_sigv4_request request = {"GET", "/", encoded, headers, 3, EMPTY_HASH};
    assert_signed(&request, "host;x-amz-content-sha256;x-amz-date",
                  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    bsi_free(encoded);
}

/* 'x-amz-meta-a' is before 'x-amz-meta-a-b' though ':' is behind '-'. */
static void headers_are_sorted_by_name_and_values_lose_blanks(void **state)
{
    static const bsi_header untidy[] = {
        {"x-amz-meta-a-b", "  one \t two  "}, DATE, {"x-amz-meta-a", "\t"}, HOST};
    static const bsi_header tidy[] = {
        HOST, DATE, {"x-amz-meta-a", ""}, {"x-amz-meta-a-b", "one two"}};
    static const bsi_sigv4_request a = {"GET", "/", "", untidy, 4, EMPTY_HASH};
    static const bsi_sigv4_request b = {"GET", "/", "", tidy, 4, EMPTY_HASH};
    char *first = authorization(&a);
    char *second = authorization(&b);

    (void)state;
    assert_string_equal(first, second);
    assert_non_null(strstr(first, "=host;x-amz-date;x-amz-meta-a;x-amz-meta-a-b,"));
    bsi_free(first);
    bsi_free(second);
}

static void any_change_changes_the_signature(void **state)
{
    static const bsi_header headers[] = {HOST, DATE};
    static const bsi_header others[] = {HOST, {"x-amz-date", "20130524T000001Z"}};
    static const bsi_sigv4_request requests[] = {
        {"GET", "/", "", headers, 2, EMPTY_HASH},
        {"PUT", "/", "", headers, 2, EMPTY_HASH},
        {"GET", "/a", "", headers, 2, EMPTY_HASH},
        {"GET", "/", "a=", headers, 2, EMPTY_HASH},
        {"GET", "/", "", others, 2, EMPTY_HASH},
        {"GET", "/", "", headers, 1, EMPTY_HASH},
        {"GET", "/", "", headers, 2, "UNSIGNED-PAYLOAD"},
    };
    enum { COUNT = sizeof(requests) / sizeof(requests[0]) };
    char *got[COUNT];

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        got[i] = authorization(&requests[i]);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(strstr(got[i], "Signature="), strstr(got[j], "Signature="));
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        bsi_free(got[i]);
    }
}

static void the_key_holds_for_a_day(void **state)
{
    bsi_sigv4_scope late = scope;
    bsi_sigv4_scope next = scope;

    (void)state;
    late.sec += 86399;
    next.sec += 86400;
    bsi_secret *first = example_key(&scope);
    bsi_secret *second = example_key(&late);
    bsi_secret *third = example_key(&next);
    assert_memory_equal(bsi_secret_view(first), bsi_secret_view(second), 32);
    assert_memory_not_equal(bsi_secret_view(first), bsi_secret_view(third), 32);
    bsi_secret_free(first);
    bsi_secret_free(second);
    bsi_secret_free(third);
}

static void what_is_too_long_is_refused(void **state)
{
    static char text[70000];
    const bsi_header headers[] = {HOST, {"x-amz-meta-long", text}};
    const bsi_sigv4_request request = {"GET", "/", "", headers, 2, EMPTY_HASH};
    const bsi_sigv4_request many = {"GET", "/", "", headers, BSI_SIGV4_HEADERS_MAX + 1, EMPTY_HASH};
    bsi_secret *key = example_key(&scope);
    bsi_secret *secret = NULL;
    bsi_secret *none = NULL;
    bsi_buf out;

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    bsi_buf_init(&out, 4096);
    assert_status(bsi_sigv4_sign(key, ACCESS_KEY, &scope, &request, &out), BS_E_LIMIT);
    assert_status(bsi_sigv4_sign(key, ACCESS_KEY, &scope, &many, &out), BS_E_INTERNAL);
    assert_ok(bsi_secret_copy(text, 1025, &secret));
    assert_status(bsi_sigv4_key(secret, &scope, &none), BS_E_INVALID);
    assert_null(none);
    bsi_secret_free(secret);
    bsi_secret_free(key);
    bsi_buf_dispose(&out);
}

static void every_lack_of_memory_is_told(void **state)
{
    static const bsi_header headers[] = {HOST, DATE};
    static const bsi_sigv4_request request = {"GET", "/", "", headers, 2, EMPTY_HASH};
    bsi_secret *secret = NULL;
    bool failed = true;

    (void)state;
    assert_ok(bsi_secret_copy(SECRET, strlen(SECRET), &secret));
    for (long at = 0; failed; at++) {
        bsi_secret *key = NULL;
        bsi_buf out;
        bs_status status = BS_OK;

        bsi_buf_init(&out, 4096);
        bsi_alloc_fail_after(at);
        status = bsi_sigv4_key(secret, &scope, &key);
        if (status == BS_OK) {
            status = bsi_sigv4_sign(key, ACCESS_KEY, &scope, &request, &out);
        }
        failed = bsi_alloc_has_failed();
        bsi_alloc_fail_after(-1);
        assert_status(status, failed ? BS_E_NOMEM : BS_OK);
        assert_true(at > 0 || failed);
        bsi_secret_free(key);
        bsi_buf_dispose(&out);
    }
    bsi_secret_free(secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_of_a_range_is_signed),
        cmocka_unit_test(a_put_of_an_odd_name_is_signed),
        cmocka_unit_test(a_parameter_without_a_value_is_signed),
        cmocka_unit_test(a_listing_is_signed),
        cmocka_unit_test(headers_are_sorted_by_name_and_values_lose_blanks),
        cmocka_unit_test(any_change_changes_the_signature),
        cmocka_unit_test(the_key_holds_for_a_day),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(every_lack_of_memory_is_told),
    };

    return cmocka_run_group_tests_name("net/sigv4", tests, NULL, NULL);
}
