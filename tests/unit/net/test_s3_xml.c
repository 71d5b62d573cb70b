/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/s3_xml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define OBJECT(key, size)                                                \
    "<Contents><Key>" key "</Key><LastModified>2009-10-12T17:50:30.000Z" \
    "</LastModified><ETag>&quot;ab&quot;</ETag><Size>" size "</Size>"    \
    "<StorageClass>STANDARD</StorageClass><Owner><ID>1</ID></Owner></Contents>"
#define LIST(content)                                                                         \
    HEAD "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>" \
         "<Prefix>a</Prefix><KeyCount>2</KeyCount>" content "</ListBucketResult>"

static void a_page_tells_its_objects(void **state)
{
    bsi_page page;

    (void)state;
    assert_ok(bsi_s3_page_parse(
        bsi_slice_of(LIST("<IsTruncated>false</IsTruncated>" OBJECT("a/one &amp; only", "0")
                              OBJECT("a/%20+", "9223372036854775807"))),
        &page));
    assert_int_equal(page.count, 2);
    assert_string_equal(page.objects[0].key, "a/one & only");
    assert_int_equal(page.objects[0].size, 0);
    assert_true(page.objects[0].mtime_ns == INT64_C(1255369830000000000));
    assert_string_equal(page.objects[1].key, "a/%20+");
    assert_true(page.objects[1].size == INT64_MAX);
    assert_null(page.token);
    bsi_page_dispose(&page);
}

static void keys_are_decoded_wherever_the_encoding_is_told(void **state)
{
    static const char *const documents[] = {
        LIST("<EncodingType>url</EncodingType>" OBJECT("a/b+c%2B%0A%01%C3%A9", "1")),
        LIST(OBJECT("a/b+c%2B%0A%01%C3%A9", "1") "<EncodingType>url</EncodingType>"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        bsi_page page;

        assert_ok(bsi_s3_page_parse(bsi_slice_of(documents[i]), &page));
        assert_int_equal(page.count, 1);
        assert_string_equal(page.objects[0].key, "a/b c+\n\x01\xc3\xa9");
        bsi_page_dispose(&page);
    }
}

static void a_page_tells_how_to_go_on(void **state)
{
    bsi_page page;

    (void)state;
    assert_ok(bsi_s3_page_parse(bsi_slice_of(LIST("<IsTruncated>true</IsTruncated>"
                                                  "<NextContinuationToken>1/x+=</"
                                                  "NextContinuationToken>")),
                                &page));
    assert_int_equal(page.count, 0);
    assert_string_equal(page.token, "1/x+=");
    bsi_page_dispose(&page);
    assert_ok(bsi_s3_page_parse(bsi_slice_of(LIST("<IsTruncated>false</IsTruncated>"
                                                  "<NextContinuationToken/><EncodingType/>")),
                                &page));
    assert_null(page.token);
    bsi_page_dispose(&page);
}

static void a_time_that_cannot_be_read_is_not_known(void **state)
{
    bsi_page page;

    (void)state;
    assert_ok(bsi_s3_page_parse(
        bsi_slice_of(LIST("<Contents><Key>a</Key><Size>1</Size><LastModified>today</LastModified>"
                          "</Contents>")),
        &page));
    assert_true(page.objects[0].mtime_ns == BSI_SERVICE_NO_TIME);
    bsi_page_dispose(&page);
}

static void what_is_no_listing_is_refused(void **state)
{
    static const char *const documents[] = {
        "",
        "<html><body/></html>",
        "<Error><Code>InternalError</Code></Error>",
        "<X><ListBucketResult/></X>",
        LIST("<IsTruncated>true</IsTruncated>"),
        LIST("<IsTruncated>true</IsTruncated><NextContinuationToken/>"),
        LIST("<IsTruncated>perhaps</IsTruncated>"),
        LIST("<EncodingType>base64</EncodingType>"),
        LIST("<Contents><Key>a</Key></Contents>"),
        LIST("<Contents><Size>1</Size></Contents>"),
        LIST("<Contents><Key>a</Key><Key>b</Key><Size>1</Size></Contents>"),
        LIST("<Contents><Key>a</Key><Size>1</Size><Size>1</Size></Contents>"),
        LIST(OBJECT("", "1")),
        LIST(OBJECT("a", "")),
        LIST(OBJECT("a", "-1")),
        LIST(OBJECT("a", "1 ")),
        LIST(OBJECT("a", "0x1")),
        LIST(OBJECT("a", "9223372036854775808")),
        LIST(OBJECT("a", "99999999999999999999999")),
        LIST("<EncodingType>url</EncodingType>" OBJECT("a%", "1")),
        LIST("<EncodingType>url</EncodingType>" OBJECT("a%00b", "1")),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        bsi_page page;

        print_message("# %s\n", documents[i]);
        assert_status(bsi_s3_page_parse(bsi_slice_of(documents[i]), &page), BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    }
}

/* A page of so many objects. */
static char *make_page(size_t count)
{
    static const char object[] = OBJECT("a%2Fkey", "1");
    bsi_buf out;

    bsi_buf_init(&out, 1024 * 1024);
    assert_ok(bsi_buf_append_text(&out, "<ListBucketResult><EncodingType>url</EncodingType>"));
    for (size_t i = 0; i < count; i++) {
        assert_ok(bsi_buf_append(&out, object, sizeof(object) - 1));
    }
    assert_ok(bsi_buf_append_text(&out, "</ListBucketResult>"));
    return bsi_buf_take_text(&out);
}

static void a_page_has_a_thousand_objects_at_most(void **state)
{
    char *full = make_page(BSI_S3_PAGE_MAX);
    char *more = make_page(BSI_S3_PAGE_MAX + 1);
    bsi_page page;

    (void)state;
    assert_ok(bsi_s3_page_parse(bsi_slice_of(full), &page));
    assert_int_equal(page.count, BSI_S3_PAGE_MAX);
    for (size_t i = 0; i < page.count; i++) {
        assert_string_equal(page.objects[i].key, "a/key");
    }
    bsi_page_dispose(&page);
    assert_status(bsi_s3_page_parse(bsi_slice_of(more), &page), BS_E_CORRUPT);
    bsi_free(full);
    bsi_free(more);
}

static void an_error_tells_code_message_and_region(void **state)
{
    bsi_service_error error;

    (void)state;
    assert_true(bsi_service_error_parse(
        bsi_slice_of(HEAD "<Error><Code>AuthorizationHeaderMalformed</Code>"
                          "<Message>wrong region</Message><Region>eu-west-1</Region>"
                          "<RequestId>4</RequestId></Error>"),
        &error));
    assert_string_equal(error.code, "AuthorizationHeaderMalformed");
    assert_string_equal(error.message, "wrong region");
    assert_string_equal(error.region, "eu-west-1");
}

static void other_documents_are_no_errors_and_leave_the_record_alone(void **state)
{
    static const char *const documents[] = {
        "",        "<Error/>", "<Error><Code/></Error>",
        "<Error>", "<html>",   "<A><Error><Code>a</Code></Error></A>"};
    bsi_service_error error;

    (void)state;
    (void)bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "before");
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        print_message("# %s\n", documents[i]);
        assert_false(bsi_service_error_parse(bsi_slice_of(documents[i]), &error));
        assert_string_equal(bs_error_last()->message, "before");
    }
}

static void long_texts_of_errors_are_cut(void **state)
{
    char document[2000];
    bsi_service_error error;

    (void)state;
    (void)snprintf(document, sizeof(document),
                   "<Error><Code>%0900d</Code><Message>%0900d</Message>"
                   "</Error>",
                   1, 1);
    assert_true(bsi_service_error_parse(bsi_slice_of(document), &error));
    assert_int_equal(strlen(error.code), sizeof(error.code) - 1);
    assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
}

static void the_id_of_an_upload_is_read(void **state)
{
    static const char *const others[] = {
        "<InitiateMultipartUploadResult/>",
        "<InitiateMultipartUploadResult><UploadId/></InitiateMultipartUploadResult>",
        "<InitiateMultipartUploadResult><UploadId>a b</UploadId></InitiateMultipartUploadResult>",
        ("<InitiateMultipartUploadResult><UploadId>a</UploadId><UploadId>b</UploadId>"
         "</InitiateMultipartUploadResult>"),
        "<Error><Code>SlowDown</Code></Error>",
    };
    bsi_buf id;

    (void)state;
    bsi_buf_init(&id, 2000);
    assert_ok(bsi_s3_upload_id_parse(
        bsi_slice_of(HEAD "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key>"
                          "<UploadId>VXBsb2Fk-_.~</UploadId></InitiateMultipartUploadResult>"),
        &id));
    assert_int_equal(id.size, strlen("VXBsb2Fk-_.~"));
    assert_memory_equal(id.data, "VXBsb2Fk-_.~", id.size);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        print_message("# %s\n", others[i]);
        bsi_buf_clear(&id);
        assert_status(bsi_s3_upload_id_parse(bsi_slice_of(others[i]), &id), BS_E_CORRUPT);
        assert_int_equal(id.size, 0);
    }
    bsi_buf_dispose(&id);
}

static void an_upload_is_complete_when_the_document_says_so(void **state)
{
    (void)state;
    assert_ok(bsi_s3_complete_parse(
        bsi_slice_of("   \n" HEAD "<CompleteMultipartUploadResult><ETag>\"a-2\"</ETag>"
                     "</CompleteMultipartUploadResult>")));
    /* Ceph's, which puts it together later. */
    assert_ok(bsi_s3_complete_parse(bsi_slice_of(
        "<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>")));
    assert_status(bsi_s3_complete_parse(bsi_slice_of("<Error><Code>InternalError</Code></Error>")),
                  BS_E_CORRUPT);
    assert_status(bsi_s3_complete_parse(bsi_slice_of("<CompleteMultipartUploadResult/>")),
                  BS_E_CORRUPT);
    assert_status(bsi_s3_complete_parse(bsi_slice_of("   ")), BS_E_CORRUPT);
}

static void the_first_object_that_was_not_removed_is_told(void **state)
{
    bsi_service_error error;

    (void)state;
    assert_ok(bsi_s3_removed_parse(
        bsi_slice_of(HEAD "<DeleteResult><Deleted><Key>a</Key></Deleted></DeleteResult>"), &error));
    assert_string_equal(error.code, "");
    assert_ok(bsi_s3_removed_parse(
        bsi_slice_of("<DeleteResult><Error><Key>a</Key><Code>NoSuchKey</Code></Error>"
                     "<Error><Key>b</Key><Message>Wait.</Message><Code>SlowDown</Code></Error>"
                     "<Error><Key>c</Key><Code>AccessDenied</Code></Error></DeleteResult>"),
        &error));
    assert_string_equal(error.code, "SlowDown");
    assert_string_equal(error.message, "Wait.");
    assert_ok(bsi_s3_removed_parse(bsi_slice_of("<DeleteResult/>"), &error));
    assert_string_equal(error.code, "");
    assert_status(bsi_s3_removed_parse(bsi_slice_of("<html></html>"), &error), BS_E_CORRUPT);
    assert_status(bsi_s3_removed_parse(bsi_slice_of(""), &error), BS_E_CORRUPT);
}

static void a_bucket_has_object_lock_when_the_document_says_so(void **state)
{
    bool enabled = false;

    (void)state;
    assert_ok(bsi_s3_lock_parse(
        bsi_slice_of(HEAD "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
                          "</ObjectLockConfiguration>"),
        &enabled));
    assert_true(enabled);
    assert_ok(bsi_s3_lock_parse(bsi_slice_of("<ObjectLockConfiguration/>"), &enabled));
    assert_false(enabled);
    assert_status(bsi_s3_lock_parse(bsi_slice_of("<a>"), &enabled), BS_E_CORRUPT);
}

static void every_lack_of_memory_is_told(void **state)
{
    static const char document[] =
        LIST("<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
             "<EncodingType>url</EncodingType>" OBJECT("a%2Fb", "1"));
    bool failed = true;

    (void)state;
    for (long at = 0; failed; at++) {
        bsi_page page;
        bs_status status = BS_OK;

        bsi_alloc_fail_after(at);
        status = bsi_s3_page_parse(bsi_slice_of(document), &page);
        failed = bsi_alloc_has_failed();
        bsi_alloc_fail_after(-1);
        assert_status(status, failed ? BS_E_NOMEM : BS_OK);
        assert_true(at > 0 || failed);
        if (status == BS_OK) {
            bsi_page_dispose(&page);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_tells_its_objects),
        cmocka_unit_test(keys_are_decoded_wherever_the_encoding_is_told),
        cmocka_unit_test(a_page_tells_how_to_go_on),
        cmocka_unit_test(a_time_that_cannot_be_read_is_not_known),
        cmocka_unit_test(what_is_no_listing_is_refused),
        cmocka_unit_test(a_page_has_a_thousand_objects_at_most),
        cmocka_unit_test(an_error_tells_code_message_and_region),
        cmocka_unit_test(other_documents_are_no_errors_and_leave_the_record_alone),
        cmocka_unit_test(long_texts_of_errors_are_cut),
        cmocka_unit_test(the_id_of_an_upload_is_read),
        cmocka_unit_test(an_upload_is_complete_when_the_document_says_so),
        cmocka_unit_test(the_first_object_that_was_not_removed_is_told),
        cmocka_unit_test(a_bucket_has_object_lock_when_the_document_says_so),
        cmocka_unit_test(every_lack_of_memory_is_told),
    };

    return cmocka_run_group_tests_name("net/s3_xml", tests, NULL, NULL);
}
