/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/azure_xml.h"

/* As the service begins its answers. */
#define HEAD "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>"
#define BLOB(name, size)                                                                     \
    "<Blob>" name "<Properties><Creation-Time>x</Creation-Time>"                             \
    "<Last-Modified>Mon, 12 Oct 2009 17:50:30 GMT</Last-Modified><Etag>0x1</Etag>"           \
    "<Content-Length>" size "</Content-Length><Content-Type/><BlobType>BlockBlob</BlobType>" \
    "</Properties><OrMetadata/></Blob>"
#define LIST(blobs, end)                                                                  \
    HEAD "<EnumerationResults ServiceEndpoint=\"https://mine.blob.example.org/\" "        \
         "ContainerName=\"c\"><Prefix>a/</Prefix><MaxResults>2</MaxResults><Blobs>" blobs \
         "</Blobs>" end "</EnumerationResults>"
#define LAST "<NextMarker />"

static void a_page_tells_its_blobs(void **state)
{
    bsi_page page;

    (void)state;
    assert_ok(
        bsi_azure_page_parse(bsi_slice_of(LIST(BLOB("<Name>a/one &amp; %20+</Name>", "0")
                                                   BLOB("<Name>a/2</Name>", "9223372036854775807"),
                                               LAST)),
                             &page));
    assert_int_equal(page.count, 2);
    assert_string_equal(page.objects[0].key, "a/one & %20+");
    assert_int_equal(page.objects[0].size, 0);
    assert_true(page.objects[0].mtime_ns == INT64_C(1255369830000000000));
    assert_string_equal(page.objects[1].key, "a/2");
    assert_true(page.objects[1].size == INT64_MAX);
    assert_null(page.token);
    bsi_page_dispose(&page);
}

static void a_page_tells_how_to_go_on(void **state)
{
    bsi_page page;

    (void)state;
    assert_ok(
        bsi_azure_page_parse(bsi_slice_of(LIST("", "<NextMarker>2!a/b=</NextMarker>")), &page));
    assert_int_equal(page.count, 0);
    assert_string_equal(page.token, "2!a/b=");
    bsi_page_dispose(&page);
}

static void encoded_names_are_decoded_and_no_others(void **state)
{
    bsi_page page;

    (void)state;
    assert_ok(bsi_azure_page_parse(
        bsi_slice_of(LIST(BLOB("<Name Encoded=\"true\">a%EF%BF%BE</Name>", "1")
                              BLOB("<Name>a%41</Name>", "1")
                                  BLOB("<Name Encoded=\"false\">b%41</Name>", "1"),
                          LAST)),
        &page));
    assert_int_equal(page.count, 3);
    assert_string_equal(page.objects[0].key, "a\xef\xbf\xbe");
    assert_string_equal(page.objects[1].key, "a%41");
    assert_string_equal(page.objects[2].key, "b%41");
    bsi_page_dispose(&page);
}

static void what_is_no_blob_is_left_out(void **state)
{
    static const char *const others[] = {
        "<Blob><Name>d</Name><Properties><Content-Length>0</Content-Length>"
        "<ResourceType>directory</ResourceType></Properties></Blob>",
        "<Blob><Name>d</Name><Properties><ResourceType>directory</ResourceType></Properties>"
        "</Blob>",
        "<Blob><Name>d</Name><Snapshot>2009-10-12T17:50:30.1Z</Snapshot><Properties>"
        "<Content-Length>0</Content-Length></Properties></Blob>",
        "<Blob><Name>d</Name><Deleted>true</Deleted><Properties><Content-Length>0</Content-Length>"
        "</Properties></Blob>",
        "<BlobPrefix><Name>d/</Name></BlobPrefix>",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(others); i++) {
        char document[4096];
        bsi_page page;

        (void)snprintf(document, sizeof(document), "%s%s%s",
                       HEAD "<EnumerationResults><Blobs>" BLOB("<Name>a</Name>", "1"), others[i],
                       BLOB("<Deleted>false</Deleted><Snapshot/><Name>b</Name>",
                            "2") "</Blobs>" LAST "</EnumerationResults>");
        assert_ok(bsi_azure_page_parse(bsi_slice_of(document), &page));
        assert_int_equal(page.count, 2);
        assert_string_equal(page.objects[0].key, "a");
        assert_string_equal(page.objects[1].key, "b");
        assert_int_equal(page.objects[1].size, 2);
        bsi_page_dispose(&page);
    }
}

static void a_time_that_cannot_be_read_is_not_known(void **state)
{
    static const char *const times[] = {"", "yesterday", "2009-10-12T17:50:30Z",
                                        "Mon, 01 Jan 0001 00:00:00 GMT"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(times); i++) {
        char document[1024];
        bsi_page page;

        (void)snprintf(document, sizeof(document),
                       "<EnumerationResults><Blobs><Blob><Name>a</Name><Properties><Last-Modified>"
                       "%s</Last-Modified><Content-Length>1</Content-Length></Properties></Blob>"
                       "</Blobs><NextMarker/></EnumerationResults>",
                       times[i]);
        assert_ok(bsi_azure_page_parse(bsi_slice_of(document), &page));
        assert_true(page.objects[0].mtime_ns == BSI_SERVICE_NO_TIME);
        bsi_page_dispose(&page);
    }
}

static void what_is_no_listing_is_refused(void **state)
{
    static const char *const documents[] = {
        "",
        "<html></html>",
        "<Error><Code>ServerBusy</Code></Error>",
        HEAD "<EnumerationResults><Blobs/></EnumerationResults>",
        LIST(BLOB("", "1"), LAST),
        LIST(BLOB("<Name/>", "1"), LAST),
        LIST(BLOB("<Name>a</Name><Name>b</Name>", "1"), LAST),
        LIST(BLOB("<Name>a</Name>", ""), LAST),
        LIST(BLOB("<Name>a</Name>", "-1"), LAST),
        LIST(BLOB("<Name>a</Name>", "9223372036854775808"), LAST),
        LIST("<Blob><Name>a</Name></Blob>", LAST),
        LIST(BLOB("<Name Encoded=\"true\">a%0</Name>", "1"), LAST),
        LIST(BLOB("<Name Encoded=\"true\">a%00</Name>", "1"), LAST),
        LIST("", "<NextMarker>a</NextMarker><NextMarker>b</NextMarker>"),
        "<!DOCTYPE a [<!ENTITY b \"c\">]>" LIST("", LAST),
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(documents); i++) {
        bsi_page page;

        print_message("# %s\n", documents[i]);
        assert_status(bsi_azure_page_parse(bsi_slice_of(documents[i]), &page), BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    }
}

static void more_blobs_than_a_page_has_are_refused(void **state)
{
    static const char begin[] = "<EnumerationResults><Blobs>";
    static const char blob[] = "<Blob><Name>a</Name><Properties><Content-Length>1</Content-Length>"
                               "</Properties></Blob>";
    static const char end[] = "</Blobs><NextMarker/></EnumerationResults>";
    bsi_page page;
    bsi_buf document;

    (void)state;
    bsi_buf_init(&document, 1024 * 1024);
    assert_ok(bsi_buf_append_text(&document, begin));
    for (size_t i = 0; i < BSI_AZURE_PAGE_MAX; i++) {
        assert_ok(bsi_buf_append_text(&document, blob));
    }
    const size_t full = document.size;
    assert_ok(bsi_buf_append_text(&document, end));
    assert_ok(bsi_azure_page_parse(bsi_buf_slice(&document), &page));
    assert_int_equal(page.count, BSI_AZURE_PAGE_MAX);
    bsi_page_dispose(&page);
    document.size = full;
    assert_ok(bsi_buf_append_text(&document, blob));
    assert_ok(bsi_buf_append_text(&document, end));
    assert_status(bsi_azure_page_parse(bsi_buf_slice(&document), &page), BS_E_CORRUPT);
    bsi_buf_dispose(&document);
}

static void errors_are_told_by_their_code(void **state)
{
    bsi_service_error error;

    (void)state;
    assert_true(bsi_service_error_parse(
        bsi_slice_of(HEAD "<Error><Code>AuthenticationFailed</Code><Message>No.\nTime:1</Message>"
                          "<AuthenticationErrorDetail>x</AuthenticationErrorDetail></Error>"),
        &error));
    assert_string_equal(error.code, "AuthenticationFailed");
    assert_string_equal(error.message, "No.\nTime:1");
}

static void every_lack_of_memory_is_told(void **state)
{
    static const char document[] =
        LIST(BLOB("<Name Encoded=\"true\">a%41</Name>", "1"), "<NextMarker>m</NextMarker>");
    bool failed = true;

    (void)state;
    for (long at = 0; failed; at++) {
        bsi_page page;
        bs_status status = BS_OK;

        bsi_alloc_fail_after(at);
        status = bsi_azure_page_parse(bsi_slice_of(document), &page);
        failed = bsi_alloc_has_failed();
        bsi_alloc_fail_after(-1);
        assert_status(status, failed ? BS_E_NOMEM : BS_OK);
        if (!failed) {
            bsi_page_dispose(&page);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_tells_its_blobs),
        cmocka_unit_test(a_page_tells_how_to_go_on),
        cmocka_unit_test(encoded_names_are_decoded_and_no_others),
        cmocka_unit_test(what_is_no_blob_is_left_out),
        cmocka_unit_test(a_time_that_cannot_be_read_is_not_known),
        cmocka_unit_test(what_is_no_listing_is_refused),
        cmocka_unit_test(more_blobs_than_a_page_has_are_refused),
        cmocka_unit_test(errors_are_told_by_their_code),
        cmocka_unit_test(every_lack_of_memory_is_told),
    };

    return cmocka_run_group_tests_name("net/azure_xml", tests, NULL, NULL);
}
