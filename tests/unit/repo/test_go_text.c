/* SPDX-License-Identifier: MIT */
/*
 * Texts that Go's own library made of these bytes.
 */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "repo/go_text.h"
#include "support/hex.h"
#include "text/json_read.h"

enum { ROOM = 4096, RAW_MAX = 64 };

/* The bytes of a name, and what stands in a tree. */
static const struct {
    const char *raw;
    const char *json;
} names[] = {
    {"706c61696e", "\"plain\""},
    {"77697468207370616365", "\"with space\""},
    {"71756f74652273", "\"quote\\\\\\\"s\""},
    {"6261636b5c736c617368", "\"back\\\\\\\\slash\""},
    {"6e65770a6c696e65", "\"new\\\\nline\""},
    {"7461620968657265", "\"tab\\\\there\""},
    {"63746c017f", "\"ctl\\\\x01\\\\x7f\""},
    {"62656c6c07080c0b0d", "\"bell\\\\a\\\\b\\\\f\\\\v\\\\r\""},
    {"6e6f6e2d757466382dfffe", "\"non-utf8-\\\\xff\\\\xfe\""},
    {"7472756e63617465642de282", "\"truncated-\\\\xe2\\\\x82\""},
    {"3c68746d6c3e26", "\"\\u003chtml\\u003e\\u0026\""},
    {"6e627370c2a0", "\"nbsp\\\\u00a0\""},
    {"7a777370e2808b", "\"zwsp\\\\u200b\""},
    {"626f6defbbbf", "\"bom\\\\ufeff\""},
    {"6c73e280a8", "\"ls\\\\u2028\""},
    {"707561ee8080", "\"pua\\\\ue000\""},
    {"746167f3a08081", "\"tag\\\\U000e0001\""},
    {"656d6f6a69f09f8e89", "\"emoji\360\237\216\211\""},
    {"66666664efbfbd", "\"fffd\357\277\275\""},
    {"737572726f67617465eda080", "\"surrogate\\\\xed\\\\xa0\\\\x80\""},
    {"636166e9", "\"caf\\\\xe9\""},
    {"612762", "\"a'b\""},
};

static const struct {
    uint32_t stat;
    uint32_t go;
} modes[] = {
    {0100644, 420u},      {0100000, 0u},         {0104755, 8389101u},   {0102755, 4194797u},
    {0107777, 13631999u}, {040755, 2147484141u}, {041777, 2148532735u}, {0120777, 134218239u},
    {010640, 33554848u},  {0140755, 16777709u},  {060644, 67109284u},   {020666, 69206454u},
};

static const struct {
    bsi_go_time time;
    const char *text;
} times[] = {
    {{0, 0, 0}, "1970-01-01T00:00:00Z"},
    {{0, 0, 3600}, "1970-01-01T01:00:00+01:00"},
    {{-1, 500000000, 0}, "1969-12-31T23:59:59.5Z"},
    {{1600000000, 123456789, 7200}, "2020-09-13T14:26:40.123456789+02:00"},
    {{1600000000, 120000000, 7200}, "2020-09-13T14:26:40.12+02:00"},
    {{1600000000, 0, -9000}, "2020-09-13T09:56:40-02:30"},
    {{7258118400, 0, 0}, "2200-01-01T00:00:00Z"},
};

static void assert_text(const bsi_buf *buf, const char *expected)
{
    assert_int_equal(buf->size, strlen(expected));
    assert_memory_equal(buf->data, expected, buf->size);
}

/* A JSON string's content, as the readers of trees get it. */
static bsi_slice content_of(const bsi_buf *json, bsi_buf *scratch)
{
    bsi_json_reader reader;
    bsi_slice text = {0};

    bsi_json_init(&reader, json->data, json->size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    assert_ok(bsi_json_read_string(&reader, scratch, &text));
    assert_ok(bsi_json_end(&reader));
    return text;
}

static void check_name(bsi_slice raw, const char *json)
{
    bsi_buf out;
    bsi_buf scratch;
    bsi_buf back;

    bsi_buf_init(&out, ROOM);
    bsi_buf_init(&scratch, ROOM);
    bsi_buf_init(&back, ROOM);
    assert_ok(bsi_go_json_name(&out, raw));
    if (json) {
        assert_text(&out, json);
    }
    assert_ok(bsi_go_unquote(content_of(&out, &scratch), &back));
    assert_int_equal(back.size, raw.size);
    assert_true(raw.size == 0 || memcmp(back.data, raw.data, raw.size) == 0);
    bsi_buf_dispose(&out);
    bsi_buf_dispose(&scratch);
    bsi_buf_dispose(&back);
}

static void names_are_written_as_go_does_and_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(names); i++) {
        uint8_t raw[RAW_MAX];
        const size_t size = hex_bytes(names[i].raw, raw, sizeof(raw));
        check_name((bsi_slice){(const char *)raw, size}, names[i].json);
    }
}

static void any_two_bytes_are_read_back_as_they_were(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        const char raw[] = {(char)(pair >> 8), (char)(pair & 0xff)};
        check_name((bsi_slice){raw, sizeof(raw)}, NULL);
    }
}

static void assert_string(const char *bytes, size_t size, const char *json)
{
    bsi_buf out;

    bsi_buf_init(&out, ROOM);
    assert_ok(bsi_go_json_string(&out, (bsi_slice){bytes, size}));
    assert_text(&out, json);
    bsi_buf_dispose(&out);
}

static void strings_are_escaped_as_go_does(void **state)
{
    (void)state;
    assert_string("", 0, "\"\"");
    assert_string("/a 'b' \x7f", 8, "\"/a 'b' \x7f\"");
    assert_string("\b\f\n\r\t\"\\", 7, "\"\\b\\f\\n\\r\\t\\\"\\\\\"");
    assert_string("\0\x01\x1f", 3, "\"\\u0000\\u0001\\u001f\"");
    assert_string("<>&", 3, "\"\\u003c\\u003e\\u0026\"");
    assert_string("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 9, "\"\\u2028\\u2029\xe2\x80\xaa\"");
    assert_string("a\xff\xe2\x82", 4, "\"a\\ufffd\\ufffd\\ufffd\"");
}

static void every_escape_of_go_is_undone(void **state)
{
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, ROOM);
    assert_ok(bsi_go_unquote(bsi_slice_of("\\a\\b\\f\\n\\r\\t\\v\\\\\\\"'"), &out));
    assert_ok(bsi_go_unquote(bsi_slice_of("\\x41\\101\\u0041\\U00000041\\u00e9\\u20aC\\U0001F389"),
                             &out));
    assert_ok(bsi_buf_append_byte(&out, 0));
    assert_string_equal((const char *)out.data,
                        "\a\b\f\n\r\t\v\\\"'AAAA\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\x89");
    bsi_buf_dispose(&out);
}

static void what_go_does_not_accept_is_refused(void **state)
{
    static const char *const bad[] = {
        "\"",          "a\nb",  "\\",    "\\'",    "\\x4",    "\\x4g",
        "\\18",        "\\400", "\\777", "\\u004", "\\ud800", "\\U00110000",
        "\\Uffffffff", "\\z",   "\\0",   "\\X41",  "\\u-041", "\\U0001f38",
    };
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, ROOM);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        assert_status(bsi_go_unquote(bsi_slice_of(bad[i]), &out), BS_E_CORRUPT);
    }
    bsi_buf_dispose(&out);
}

static void times_are_written_as_go_does_and_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(times); i++) {
        char quoted[RAW_MAX];
        bsi_go_time back;
        bsi_buf out;

        bsi_buf_init(&out, ROOM);
        assert_ok(bsi_go_json_time(&out, &times[i].time));
        (void)snprintf(quoted, sizeof(quoted), "\"%s\"", times[i].text);
        assert_text(&out, quoted);
        assert_ok(bsi_go_time_parse(bsi_slice_of(times[i].text), &back));
        assert_int_equal(back.sec, times[i].time.sec);
        assert_int_equal(back.nsec, times[i].time.nsec);
        assert_int_equal(back.offset_sec, times[i].time.offset_sec);
        bsi_buf_dispose(&out);
    }
}

static void a_time_beyond_four_digits_of_years_is_not_written(void **state)
{
    const bsi_go_time late = {INT64_C(253402300800), 0, 0};
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, ROOM);
    assert_status(bsi_go_json_time(&out, &late), BS_E_RANGE);
    bsi_buf_dispose(&out);
}

static void times_are_read_as_go_does(void **state)
{
    static const char *const bad[] = {"",
                                      "2020-01-01t00:00:00Z",
                                      "2020-01-01T00:00:00z",
                                      "2020-01-01 00:00:00Z",
                                      "2020-01-01T00:00:60Z",
                                      "2020-01-01T00:00:00.Z",
                                      "2020-01-01T00:00:00"};
    bsi_go_time time = {0};

    (void)state;
    assert_ok(bsi_go_time_parse(bsi_slice_of("2020-01-01T00:00:00.1234567899999Z"), &time));
    assert_int_equal(time.nsec, 123456789);
    assert_ok(bsi_go_time_parse(bsi_slice_of("0001-01-01T00:00:00Z"), &time));
    assert_int_equal(time.sec, BSI_GO_TIME_NONE.sec);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        assert_status(bsi_go_time_parse(bsi_slice_of(bad[i]), &time), BS_E_CORRUPT);
    }
}

static void modes_have_the_bits_of_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(modes); i++) {
        assert_int_equal(bsi_go_mode_from_stat(modes[i].stat), modes[i].go);
        assert_int_equal(bsi_go_mode_to_stat(modes[i].go), modes[i].stat);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_written_as_go_does_and_read_back),
        cmocka_unit_test(any_two_bytes_are_read_back_as_they_were),
        cmocka_unit_test(strings_are_escaped_as_go_does),
        cmocka_unit_test(every_escape_of_go_is_undone),
        cmocka_unit_test(what_go_does_not_accept_is_refused),
        cmocka_unit_test(times_are_written_as_go_does_and_read_back),
        cmocka_unit_test(a_time_beyond_four_digits_of_years_is_not_written),
        cmocka_unit_test(times_are_read_as_go_does),
        cmocka_unit_test(modes_have_the_bits_of_go),
    };

    return cmocka_run_group_tests_name("repo/go_text", tests, NULL, NULL);
}
