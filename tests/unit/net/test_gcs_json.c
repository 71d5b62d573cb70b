/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "hash/crc32c.h"
#include "net/gcs_json.h"

#define OBJECT(name, size)                                                                      \
    "{\"kind\":\"storage#object\",\"name\":\"" name "\",\"size\":\"" size "\",\"contentType\":" \
    "\"a\",\"updated\":\"2009-10-12T17:50:30.000Z\",\"metadata\":{\"a\":\"b\"},\"acl\":[{},[]]}"
#define LIST(content) "{\"kind\":\"storage#objects\"" content "}"
#define ERROR_OF(content) "{\"error\":{" content "}}"

/* --- Listings --- */

static void a_page_tells_its_objects(void **state)
{
    static const char text[] = LIST(",\"prefixes\":[\"x\"],\"items\":[" OBJECT(
        "a/one \\u0026 only", "0") "," OBJECT("a/%20+\\n\xc3\xa9", "9223372036854775807") "]");
    bsi_page page;

    (void)state;
    assert_ok(bsi_gcs_page_parse(bsi_slice_of(text), &page));
    assert_int_equal(page.count, 2);
    assert_string_equal(page.objects[0].key, "a/one & only");
    assert_int_equal(page.objects[0].size, 0);
    assert_true(page.objects[0].mtime_ns == INT64_C(1255369830000000000));
    assert_string_equal(page.objects[1].key, "a/%20+\n\xc3\xa9");
    assert_true(page.objects[1].size == INT64_MAX);
    assert_null(page.token);
    bsi_page_dispose(&page);
}

static void a_page_tells_how_to_go_on(void **state)
{
    bsi_page page;

    (void)state;
    assert_ok(bsi_gcs_page_parse(bsi_slice_of(LIST(",\"nextPageToken\":\"CgE\\u003d/+\"")), &page));
    assert_int_equal(page.count, 0);
    assert_string_equal(page.token, "CgE=/+");
    bsi_page_dispose(&page);
    assert_ok(bsi_gcs_page_parse(bsi_slice_of(LIST(",\"nextPageToken\":\"\"")), &page));
    assert_null(page.token);
    bsi_page_dispose(&page);
    assert_ok(bsi_gcs_page_parse(bsi_slice_of(LIST("")), &page));
    assert_null(page.token);
    bsi_page_dispose(&page);
}

static void a_time_that_cannot_be_read_is_none(void **state)
{
    static const char *const times[] = {"", "yesterday", "2009-10-12", "1969-01-01T00:00:00Z",
                                        "2009-10-12T17:50:30.000Zx"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(times); i++) {
        char text[256];
        bsi_page page;

        (void)snprintf(text, sizeof(text),
                       LIST(",\"items\":[{\"updated\":\"%s\",\"name\":\"n\",\"size\":\"1\"}]"),
                       times[i]);
        assert_ok(bsi_gcs_page_parse(bsi_slice_of(text), &page));
        assert_true(page.objects[0].mtime_ns == BSI_SERVICE_NO_TIME);
        bsi_page_dispose(&page);
    }
}

static void what_is_no_list_is_never_an_empty_one(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "null",
        "<html><body>Please log in</body></html>",
        "{\"items\":[]}",
        "{\"kind\":\"storage#object\",\"items\":[]}",
        "{\"kind\":\"storage#objects\"",
        LIST("") "x",
        LIST(",\"items\":{}"),
        LIST(",\"items\":[1]"),
        LIST(",\"items\":[{}]"),
        LIST(",\"items\":[{\"name\":\"n\"}]"),
        LIST(",\"items\":[{\"size\":\"1\"}]"),
        LIST(",\"items\":[{\"name\":\"\",\"size\":\"1\"}]"),
        LIST(",\"items\":[{\"name\":\"n\",\"size\":1}]"),
        LIST(",\"items\":[{\"name\":\"n\",\"size\":\"\"}]"),
        LIST(",\"items\":[{\"name\":\"n\",\"size\":\"-1\"}]"),
        LIST(",\"items\":[{\"name\":\"n\",\"size\":\"9223372036854775808\"}]"),
        LIST(",\"items\":[{\"name\":\"n\\u0000\",\"size\":\"1\"}]"),
        LIST(",\"items\":[{\"name\":\"n\",\"name\":\"m\",\"size\":\"1\"}]"),
        LIST(",\"items\":[],\"items\":[]"),
        LIST(",\"nextPageToken\":1"),
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        bsi_page page;

        print_message("# %s\n", texts[i]);
        assert_status(bsi_gcs_page_parse(bsi_slice_of(texts[i]), &page), BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    }
}

/* A list of `count` objects with names of `size` bytes. */
static char *make_list(size_t count, size_t size)
{
    const size_t room = 64 + count * (size + 64);
    char *text = malloc(room);
    char *at = text;

    assert_non_null(text);
    at += snprintf(at, 64, "{\"kind\":\"storage#objects\",\"items\":[");
    for (size_t i = 0; i < count; i++) {
        at += snprintf(at, 64, "%s{\"size\":\"1\",\"name\":\"", i > 0 ? "," : "");
        memset(at, 'n', size);
        at += size;
        at += snprintf(at, 8, "\"}");
    }
    (void)snprintf(at, 8, "]}");
    return text;
}

static void a_page_has_its_limits(void **state)
{
    static const struct {
        size_t count;
        size_t size;
        bs_status expected;
    } cases[] = {
        {BSI_GCS_PAGE_MAX, BSI_GCS_NAME_MAX, BS_OK},
        {BSI_GCS_PAGE_MAX + 1, 1, BS_E_CORRUPT},
        {1, BSI_GCS_NAME_MAX + 1, BS_E_CORRUPT},
        {1, BSI_GCS_PAGE_BYTES_MAX, BS_E_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        char *text = make_list(cases[i].count, cases[i].size);
        bsi_page page;

        assert_status(bsi_gcs_page_parse(bsi_slice_of(text), &page), cases[i].expected);
        if (cases[i].expected == BS_OK) {
            assert_int_equal(page.count, cases[i].count);
            bsi_page_dispose(&page);
        }
        free(text);
    }
}

static void without_memory_a_page_is_not_read(void **state)
{
    static const char text[] =
        LIST(",\"nextPageToken\":\"t\\u0065\",\"items\":[" OBJECT("a\\n", "1") "]");
    bs_status status = BS_E_NOMEM;
    long count = 0;

    (void)state;
    for (; status == BS_E_NOMEM; count++) {
        bsi_page page;

        bsi_alloc_fail_after(count);
        status = bsi_gcs_page_parse(bsi_slice_of(text), &page);
        bsi_alloc_fail_after(-1);
        if (status == BS_OK) {
            bsi_page_dispose(&page);
        }
    }
    assert_ok(status);
    assert_true(count > 4);
}

/* --- Objects --- */

static void an_object_is_described(void **state)
{
    static const char text[] =
        "{\"kind\":\"storage#object\",\"id\":\"b/n/1\",\"name\":\"n\",\"generation\":\"17\",\n"
        "\"metageneration\":\"1\",\"size\":\"9\",\"crc32c\":\"4waSgw==\",\"updated\":"
        "\"2009-10-12T17:50:30.5Z\",\"metadata\":{\"x\":\"y\",\"bst-upload\":\"00ff\"}}";
    bsi_gcs_object object;

    (void)state;
    assert_ok(bsi_gcs_object_parse(bsi_slice_of(text), &object));
    assert_int_equal(object.size, 9);
    assert_int_equal(object.generation, 17);
    assert_true(object.mtime_ns == INT64_C(1255369830500000000));
    assert_string_equal(object.sum, "4waSgw==");
    assert_string_equal(object.mark, "00ff");
}

static void what_an_object_need_not_tell_may_be_missing(void **state)
{
    static const char text[] =
        "{\"kind\":\"storage#object\",\"generation\":\"1\",\"size\":\"0\",\"metadata\":{"
        "\"bst-upload\":\"too long to be one of ours, which have less than "
        "sixty-four bytes each, all of them\"}}";
    bsi_gcs_object object;

    (void)state;
    assert_ok(bsi_gcs_object_parse(bsi_slice_of(text), &object));
    assert_true(object.mtime_ns == BSI_SERVICE_NO_TIME);
    assert_string_equal(object.sum, "");
    assert_string_equal(object.mark, "");
}

static void what_describes_no_object_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "<html>",
        "{\"kind\":\"storage#objects\",\"generation\":\"1\",\"size\":\"1\"}",
        "{\"generation\":\"1\",\"size\":\"1\"}",
        "{\"kind\":\"storage#object\",\"size\":\"1\"}",
        "{\"kind\":\"storage#object\",\"generation\":\"1\"}",
        "{\"kind\":\"storage#object\",\"generation\":\"0\",\"size\":\"1\"}",
        "{\"kind\":\"storage#object\",\"generation\":1,\"size\":\"1\"}",
        "{\"kind\":\"storage#object\",\"generation\":\"1\",\"size\":\"1\",\"crc32c\":\"4waSgw\"}",
        "{\"kind\":\"storage#object\",\"generation\":\"1\",\"size\":\"1\",\"metadata\":[]}",
        "{\"kind\":\"storage#object\",\"generation\":\"1\",\"size\":\"1\",\"size\":\"2\"}",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        bsi_gcs_object object;

        print_message("# %s\n", texts[i]);
        assert_status(bsi_gcs_object_parse(bsi_slice_of(texts[i]), &object), BS_E_CORRUPT);
    }
}

/* --- Errors --- */

static void an_error_tells_reason_and_message(void **state)
{
    static const char text[] =
        ERROR_OF("\"code\":404,\"message\":\"No such object: b/n\",\"errors\":[{\"message\":\"m\","
                 "\"domain\":\"global\",\"reason\":\"notFound\"},{\"reason\":\"other\"}]");
    bsi_service_error error;

    (void)state;
    assert_ok(bsi_gcs_error_parse(bsi_slice_of(text), &error));
    assert_string_equal(error.code, "notFound");
    assert_string_equal(error.message, "No such object: b/n");
    assert_ok(bsi_gcs_error_parse(bsi_slice_of(ERROR_OF("\"code\":412")), &error));
    assert_string_equal(error.code, "");
    assert_string_equal(error.message, "");
}

static void texts_of_errors_are_cut(void **state)
{
    char text[600];
    char message[400];
    bsi_service_error error;

    (void)state;
    memset(message, 'm', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    (void)snprintf(text, sizeof(text), ERROR_OF("\"code\":400,\"message\":\"%s\""), message);
    assert_ok(bsi_gcs_error_parse(bsi_slice_of(text), &error));
    assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
}

static void other_documents_are_no_errors(void **state)
{
    static const char *const texts[] = {"",
                                        "{}",
                                        "[]",
                                        "<html>",
                                        "{\"error\":\"invalid_grant\"}",
                                        "{\"error\":{}}",
                                        "{\"error\":{\"message\":\"m\"}}",
                                        "{\"error\":{\"code\":1,\"errors\":{}}}",
                                        "{\"kind\":\"storage#objects\"}"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        bsi_service_error error;

        print_message("# %s\n", texts[i]);
        assert_status(bsi_gcs_error_parse(bsi_slice_of(texts[i]), &error), BS_E_CORRUPT);
    }
}

/* --- Headers --- */

static void a_range_tells_how_much_is_stored(void **state)
{
    static const char *const bad[] = {"",
                                      "bytes=0-",
                                      "bytes=1-9",
                                      "bytes=0-9,11-12",
                                      "bytes 0-9",
                                      "bytes=0-x",
                                      "bytes=0--1",
                                      "0-9",
                                      "bytes=0-9223372036854775807",
                                      "bytes=0-18446744073709551616"};
    uint64_t stored = 7;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        assert_false(bsi_gcs_stored_parse(bsi_slice_of(bad[i]), &stored));
        assert_int_equal(stored, 7);
    }
    assert_true(bsi_gcs_stored_parse(bsi_slice_of("bytes=0-0"), &stored));
    assert_int_equal(stored, 1);
    assert_true(bsi_gcs_stored_parse(bsi_slice_of("bytes=0-262143"), &stored));
    assert_int_equal(stored, 262144);
}

static void sums_are_written_as_the_service_does(void **state)
{
    char text[BSI_GCS_SUM_SIZE];

    (void)state;
    assert_ok(bsi_gcs_sum_format(0, text));
    assert_string_equal(text, "AAAAAA==");
    assert_ok(bsi_gcs_sum_format(0xfffffffb, text));
    assert_string_equal(text, "////+w==");
    assert_ok(bsi_gcs_sum_format(bsi_crc32c(0, "123456789", 9), text));
    assert_string_equal(text, "4waSgw==");
}

static void the_sum_is_found_among_others(void **state)
{
    static const char *const good[] = {"crc32c=4waSgw==", "crc32c=4waSgw==,md5=AAAA",
                                       "md5=AAAA, crc32c=4waSgw=="};
    static const char *const bad[] = {
        "",   "md5=AAAA", "crc32c=",         "crc32c=4waSgw", "xcrc32c=4waSgw==",
        ",,", "crc32c",   "crc32c=4waSgw==="};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(good); i++) {
        char sum[BSI_GCS_SUM_SIZE] = "";

        assert_true(bsi_gcs_hash_parse(bsi_slice_of(good[i]), sum));
        assert_string_equal(sum, "4waSgw==");
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        char sum[BSI_GCS_SUM_SIZE] = "";

        assert_false(bsi_gcs_hash_parse(bsi_slice_of(bad[i]), sum));
        assert_string_equal(sum, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_tells_its_objects),
        cmocka_unit_test(a_page_tells_how_to_go_on),
        cmocka_unit_test(a_time_that_cannot_be_read_is_none),
        cmocka_unit_test(what_is_no_list_is_never_an_empty_one),
        cmocka_unit_test(a_page_has_its_limits),
        cmocka_unit_test(without_memory_a_page_is_not_read),
        cmocka_unit_test(an_object_is_described),
        cmocka_unit_test(what_an_object_need_not_tell_may_be_missing),
        cmocka_unit_test(what_describes_no_object_is_refused),
        cmocka_unit_test(an_error_tells_reason_and_message),
        cmocka_unit_test(texts_of_errors_are_cut),
        cmocka_unit_test(other_documents_are_no_errors),
        cmocka_unit_test(a_range_tells_how_much_is_stored),
        cmocka_unit_test(sums_are_written_as_the_service_does),
        cmocka_unit_test(the_sum_is_found_among_others),
    };

    return cmocka_run_group_tests_name("net/gcs_json", tests, NULL, NULL);
}
