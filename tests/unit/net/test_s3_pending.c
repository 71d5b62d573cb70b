/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "net/s3_xml.h"

#define UPLOAD(key, id, time)                                                                \
    "<Upload><Key>" key "</Key><UploadId>" id "</UploadId><Initiator><ID>1</ID></Initiator>" \
    "<StorageClass>STANDARD</StorageClass><Initiated>" time "</Initiated></Upload>"
#define LIST(content)                                                                  \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListMultipartUploadsResult "         \
    "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>b</Bucket><KeyMarker/>" \
    "<UploadIdMarker/><MaxUploads>1000</MaxUploads>" content "</ListMultipartUploadsResult>"
#define PARTS(content) "<ListPartsResult><Bucket>b</Bucket>" content "</ListPartsResult>"
#define PART(number, size)                                                           \
    "<Part><PartNumber>" number "</PartNumber><ETag>&quot;a&quot;</ETag><Size>" size \
    "</Size></Part>"

static bs_status parse(const char *document, bsi_s3_pending_page *out)
{
    return bsi_s3_pending_parse(bsi_slice_of(document), out);
}

static void a_page_tells_what_was_begun_and_when(void **state)
{
    bsi_s3_pending_page page;

    (void)state;
    assert_ok(parse(LIST("<IsTruncated>false</IsTruncated>" UPLOAD(
                        "a/b", "id-1", "2009-10-12T17:50:30.000Z") UPLOAD("c", "id-2", "soon")),
                    &page));
    assert_int_equal(page.count, 2);
    assert_string_equal(page.uploads[0].key, "a/b");
    assert_string_equal(page.uploads[0].id, "id-1");
    assert_true(page.uploads[0].began_ns == INT64_C(1255369830000000000));
    assert_string_equal(page.uploads[1].key, "c");
    assert_string_equal(page.uploads[1].id, "id-2");
    assert_true(page.uploads[1].began_ns == BSI_SERVICE_NO_TIME);
    assert_null(page.next_key);
    bsi_s3_pending_dispose(&page);
}

static void keys_are_decoded_and_ids_are_not(void **state)
{
    bsi_s3_pending_page page;

    (void)state;
    assert_ok(
        parse(LIST(UPLOAD("a%20b", "x%20y", "") "<EncodingType>url</EncodingType>"
                                                "<IsTruncated>true</IsTruncated>"
                                                "<NextKeyMarker>a%2Fb</NextKeyMarker>"
                                                "<NextUploadIdMarker>i%20</NextUploadIdMarker>"),
              &page));
    assert_int_equal(page.count, 1);
    assert_string_equal(page.uploads[0].key, "a b");
    assert_string_equal(page.uploads[0].id, "x%20y");
    assert_string_equal(page.next_key, "a/b");
    assert_string_equal(page.next_id, "i%20");
    bsi_s3_pending_dispose(&page);
}

static void what_is_no_list_is_refused(void **state)
{
    static const char *const documents[] = {
        "",
        "<html/>",
        "<ListBucketResult/>",
        LIST("<Upload><Key>a</Key></Upload>"),
        LIST("<Upload><UploadId>a</UploadId></Upload>"),
        LIST("<Upload><Key>a</Key><Key>b</Key><UploadId>a</UploadId></Upload>"),
        LIST(UPLOAD("", "a", "")),
        LIST(UPLOAD("a", "", "")),
        LIST(UPLOAD("a", "b c", "")),
        LIST("<EncodingType>url</EncodingType>" UPLOAD("%0", "a", "")),
        LIST("<EncodingType>url</EncodingType>" UPLOAD("%00", "a", "")),
        LIST("<IsTruncated>true</IsTruncated>"),
    };
    bsi_s3_pending_page page;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(documents); i++) {
        print_message("# %s\n", documents[i]);
        assert_status(parse(documents[i], &page), BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    }
}

static void parts_are_added_up(void **state)
{
    uint64_t bytes = 7;
    uint32_t next = 9;

    (void)state;
    assert_ok(
        bsi_s3_parts_parse(bsi_slice_of(PARTS(PART("1", "5") PART("2", "30"))), &bytes, &next));
    assert_int_equal(bytes, 42);
    assert_int_equal(next, 0);
    assert_ok(bsi_s3_parts_parse(
        bsi_slice_of(PARTS("<IsTruncated>true</IsTruncated>"
                           "<NextPartNumberMarker>1000</NextPartNumberMarker>" PART("1", "8"))),
        &bytes, &next));
    assert_int_equal(bytes, 50);
    assert_int_equal(next, 1000);
}

static void what_is_no_list_of_parts_is_refused(void **state)
{
    static const char *const documents[] = {
        "",
        "<html/>",
        PARTS("<IsTruncated>true</IsTruncated>"),
        PARTS("<IsTruncated>true</IsTruncated><NextPartNumberMarker>x</NextPartNumberMarker>"),
        PARTS(PART("1", "-5")),
        PARTS(PART("1", "9223372036854775807") PART("2", "1")),
    };
    uint64_t bytes = 7;
    uint32_t next = 0;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(documents); i++) {
        print_message("# %s\n", documents[i]);
        assert_status(bsi_s3_parts_parse(bsi_slice_of(documents[i]), &bytes, &next), BS_E_CORRUPT);
        assert_int_equal(bytes, 7);
    }
}

static void every_lack_of_memory_is_told(void **state)
{
    static const char document[] =
        LIST("<IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker>"
             "<NextUploadIdMarker>b</NextUploadIdMarker>" UPLOAD("a", "b", ""));
    bool failed = true;

    (void)state;
    for (long at = 0; failed; at++) {
        bsi_s3_pending_page page;
        bs_status status = BS_OK;

        bsi_alloc_fail_after(at);
        status = parse(document, &page);
        failed = bsi_alloc_has_failed();
        bsi_alloc_fail_after(-1);
        assert_status(status, failed ? BS_E_NOMEM : BS_OK);
        assert_true(at > 0 || failed);
        if (status == BS_OK) {
            bsi_s3_pending_dispose(&page);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_tells_what_was_begun_and_when),
        cmocka_unit_test(keys_are_decoded_and_ids_are_not),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(parts_are_added_up),
        cmocka_unit_test(what_is_no_list_of_parts_is_refused),
        cmocka_unit_test(every_lack_of_memory_is_told),
    };

    return cmocka_run_group_tests_name("net/s3_pending", tests, NULL, NULL);
}
