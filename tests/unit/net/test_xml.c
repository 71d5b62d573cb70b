/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/xml.h"

/* Each element's path and text, as a line. */
static bs_status write_down(void *user, bsi_slice path, bsi_slice text)
{
    return bsi_buf_append_format(user, "%.*s=%.*s\n", (int)path.size, path.data, (int)text.size,
                                 text.data);
}

/* Reads it in pieces of so many bytes. */
static bs_status read_in(const char *document, size_t size, size_t piece, bsi_buf *out)
{
    bsi_xml *xml = NULL;
    bs_status status = bsi_xml_new(write_down, out, &xml);

    for (size_t at = 0; status == BS_OK && at < size; at += piece) {
        status = bsi_xml_read(xml, document + at, size - at < piece ? size - at : piece);
    }
    if (status == BS_OK) {
        status = bsi_xml_end(xml);
    }
    bsi_xml_free(xml);
    return status;
}

static void assert_read(const char *document, const char *lines)
{
    for (size_t piece = 1; piece <= strlen(document); piece++) {
        bsi_buf out;

        bsi_buf_init(&out, 10000);
        assert_ok(read_in(document, strlen(document), piece, &out));
        assert_int_equal(out.size, strlen(lines));
        assert_memory_equal(out.data, lines, out.size);
        bsi_buf_dispose(&out);
    }
}

static void assert_refused(const char *document, bs_status expected)
{
    bsi_buf out;

    print_message("# %.60s\n", document);
    bsi_buf_init(&out, 1000000);
    assert_status(read_in(document, strlen(document), strlen(document), &out), expected);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    bsi_buf_clear(&out);
    assert_status(read_in(document, strlen(document), 1, &out), expected);
    bsi_buf_dispose(&out);
}

static void elements_come_with_their_path_and_text(void **state)
{
    (void)state;
    assert_read(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<R xmlns=\"http://s3/\">\n  <Key>a &amp; b&#xe9;</Key>\n"
        "  <C><Key> c </Key><Size>1</Size></C><Empty/><s:D xmlns:s=\"x\">d</s:D>\n</R>\n",
        "R/@xmlns=http://s3/\nR/Key=a & b\xc3\xa9\nR/C/Key= c \nR/C/Size=1\nR/C=\nR/Empty=\n"
        "R/D/@s=x\nR/D=d\nR=\n");
}

static void attributes_come_before_what_is_in_their_element(void **state)
{
    (void)state;
    assert_read("<A one='1' x:two='&lt;2 &#10;'><B three=''/>\n<C>c</C></A>",
                "A/@one=1\nA/@two=<2 \n\nA/B/@three=\nA/B=\nA/C=c\nA=\n");
}

static void comments_and_sections_are_no_borders_in_a_text(void **state)
{
    (void)state;
    assert_read("<A>one<!-- - --> <![CDATA[<two>]]></A>", "A=one <two>\n");
}

static void what_is_not_whole_is_refused(void **state)
{
    static const char document[] = "<R><Key>a</Key><Size>1</Size></R>";

    (void)state;
    for (size_t size = 0; size + 1 < sizeof(document); size++) {
        bsi_buf out;

        bsi_buf_init(&out, 1000);
        assert_status(read_in(document, size, 7, &out), BS_E_CORRUPT);
        bsi_buf_dispose(&out);
    }
}

static void what_is_not_strict_is_refused(void **state)
{
    static const char *const documents[] = {
        "<A></A><B></B>",
        "<A></A>x",
        "<A><B></A></B>",
        "<A>text<B/></A>",
        "<A><B/>text</A>",
        "<A>&unknown;</A>",
        "<A>&#0;</A>",
        "<A a='1' a='2'/>",
        "<A a='<'/>",
        "<A a=1/>",
        "<A>\x01</A>",
        "<A>\xff</A>",
        "<a:/>",
        "<A a:='1'/>",
        "<A",
        "no XML",
        "<!DOCTYPE html><html></html>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<html><p>Log in<br></p></html>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        assert_refused(documents[i], BS_E_CORRUPT);
    }
}

static void limits_are_kept(void **state)
{
    enum { SIZE = BSI_XML_TEXT_MAX + 100 };
    static char document[SIZE];

    (void)state;
    memset(document, 'x', SIZE - 1);
    memcpy(document, "<A>", 3);
    memcpy(document + 3 + BSI_XML_TEXT_MAX, "</A>", 5);
    bsi_buf out;
    bsi_buf_init(&out, 2 * SIZE);
    assert_ok(read_in(document, strlen(document), 1000, &out));
    assert_int_equal(out.size, BSI_XML_TEXT_MAX + 3);
    bsi_buf_dispose(&out);
    memcpy(document + 3 + BSI_XML_TEXT_MAX, "x</A>", 6);
    assert_refused(document, BS_E_LIMIT);

    memset(document, 'x', SIZE - 1);
    document[0] = '<';
    memcpy(document + 1 + BSI_XML_NAME_MAX, "/>", 3);
    bsi_buf_init(&out, 1000);
    assert_ok(read_in(document, strlen(document), 10, &out));
    bsi_buf_dispose(&out);
    memcpy(document + 1 + BSI_XML_NAME_MAX, "x/>", 4);
    assert_refused(document, BS_E_LIMIT);

    memset(document, 'x', SIZE - 1);
    memcpy(document, "<A b='", 6);
    memcpy(document + 6 + BSI_XML_TEXT_MAX, "'/>", 4);
    bsi_buf_init(&out, 2 * SIZE);
    assert_ok(read_in(document, strlen(document), 1000, &out));
    bsi_buf_dispose(&out);
    memcpy(document + 6 + BSI_XML_TEXT_MAX, "x'/>", 5);
    assert_refused(document, BS_E_LIMIT);

    memset(document, 'x', SIZE - 1);
    memcpy(document, "<A ", 3);
    memcpy(document + 3 + BSI_XML_NAME_MAX, "x='1'/>", 8);
    assert_refused(document, BS_E_LIMIT);

    document[0] = '\0';
    for (size_t i = 0; i <= BSI_XML_DEPTH_MAX; i++) {
        memcpy(document + 3 * i, "<A>", 4);
    }
    assert_refused(document, BS_E_LIMIT);
}

static bs_status refuse(void *user, bsi_slice path, bsi_slice text)
{
    int *calls = user;

    (void)path;
    (void)text;
    *calls += 1;
    return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "enough");
}

static void a_callback_ends_the_reading(void **state)
{
    static const char document[] = "<A><B/><C/></A>";
    int calls = 0;
    bsi_xml *xml = NULL;

    (void)state;
    assert_ok(bsi_xml_new(refuse, &calls, &xml));
    assert_status(bsi_xml_read(xml, document, strlen(document)), BS_E_NOT_FOUND);
    assert_string_equal(bs_error_last()->message, "enough");
    assert_int_equal(calls, 1);
    assert_status(bsi_xml_read(xml, document, 1), BS_E_INTERNAL);
    bsi_xml_free(xml);
}

static void every_lack_of_memory_is_told(void **state)
{
    static const char document[] = "<R a=\"b\"><Key>a &amp; b</Key><Size>1</Size></R>";
    bool failed = true;

    (void)state;
    for (long at = 0; failed; at++) {
        bsi_buf out;
        bs_status status = BS_OK;

        bsi_buf_init(&out, 1000);
        bsi_alloc_fail_after(at);
        status = read_in(document, strlen(document), 5, &out);
        failed = bsi_alloc_has_failed();
        bsi_alloc_fail_after(-1);
        assert_status(status, failed ? BS_E_NOMEM : BS_OK);
        assert_true(at > 0 || failed);
        bsi_buf_dispose(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_come_with_their_path_and_text),
        cmocka_unit_test(attributes_come_before_what_is_in_their_element),
        cmocka_unit_test(comments_and_sections_are_no_borders_in_a_text),
        cmocka_unit_test(what_is_not_whole_is_refused),
        cmocka_unit_test(what_is_not_strict_is_refused),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_callback_ends_the_reading),
        cmocka_unit_test(every_lack_of_memory_is_told),
    };

    return cmocka_run_group_tests_name("net/xml", tests, NULL, NULL);
}
