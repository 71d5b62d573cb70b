/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "text/json_read.h"

static bsi_json_reader reader_of(const char *text)
{
    bsi_json_reader reader;

    bsi_json_init(&reader, text, strlen(text), BS_LAYER_CALLER, BS_E_INVALID);
    return reader;
}

static bs_status skip_all(const char *text, size_t size)
{
    bsi_json_reader reader;
    bs_status status = BS_OK;

    bsi_json_init(&reader, text, size, BS_LAYER_CALLER, BS_E_INVALID);
    status = bsi_json_skip(&reader);
    return status == BS_OK ? bsi_json_end(&reader) : status;
}

static bs_status check(const char *text)
{
    return bsi_json_check(text, strlen(text), NULL, BS_LAYER_CALLER, BS_E_INVALID);
}

static void reads_a_manifest_line(void **state)
{
    bsi_json_reader r =
        reader_of(" {\"path\":\"a/b\",\"size\": 18446744073709551615 ,\"link\":null,"
                  "\"tags\":[\"x\",\"\\u00e4\\n\"],\"ok\":true,\"off\":-5}\n");
    bsi_slice key;
    bsi_slice text;
    bsi_buf scratch;
    uint64_t size = 0;
    int64_t off = 0;
    bool ok = false;

    (void)state;
    bsi_buf_init(&scratch, 100);
    assert_ok(bsi_json_enter_object(&r));
    assert_ok(bsi_json_next_key(&r, &key));
    assert_true(bsi_slice_is(key, "path"));
    assert_int_equal(bsi_json_peek(&r), BSI_JSON_STRING);
    assert_ok(bsi_json_read_string(&r, &scratch, &text));
    assert_true(bsi_slice_is(text, "a/b"));
    assert_null(scratch.data);
    assert_ok(bsi_json_next_key(&r, &key));
    assert_ok(bsi_json_read_u64(&r, &size));
    assert_true(size == UINT64_MAX);
    assert_ok(bsi_json_next_key(&r, &key));
    assert_int_equal(bsi_json_peek(&r), BSI_JSON_NULL);
    assert_ok(bsi_json_read_null(&r));
    assert_ok(bsi_json_next_key(&r, &key));
    assert_ok(bsi_json_enter_array(&r));
    assert_ok(bsi_json_next_item(&r));
    assert_ok(bsi_json_skip(&r));
    assert_ok(bsi_json_next_item(&r));
    assert_ok(bsi_json_read_string(&r, &scratch, &text));
    assert_true(bsi_slice_is(text, "\xc3\xa4\n"));
    assert_int_equal(bsi_json_next_item(&r), BS_END);
    assert_ok(bsi_json_next_key(&r, &key));
    assert_ok(bsi_json_read_bool(&r, &ok));
    assert_true(ok);
    assert_ok(bsi_json_next_key(&r, &key));
    assert_true(bsi_slice_is(key, "off"));
    assert_ok(bsi_json_read_i64(&r, &off));
    assert_int_equal(off, -5);
    assert_int_equal(bsi_json_next_key(&r, &key), BS_END);
    assert_ok(bsi_json_end(&r));
    bsi_buf_dispose(&scratch);
}

static void accepts_what_the_rfc_allows(void **state)
{
    static const char *const texts[] = {
        "null",
        "true",
        " false ",
        "0",
        "-0",
        "1.5e+10",
        "-1E-2",
        "[]",
        "{}",
        "[[],{}]",
        "\"\"",
        "\"\\/\"",
        "\"\x7f\"",
        "\t[1,\r\n2]\n",
        "\"\xf4\x8f\xbf\xbf\"",
        "\"\\ud83d\\ude00\"",
        "{\"\":1}",
        "1e999",
        "\"abcdefghijklmnop\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# %s\n", texts[i]);
        assert_ok(skip_all(texts[i], strlen(texts[i])));
        assert_ok(check(texts[i]));
    }
}

static void refuses_what_the_rfc_does_not_allow(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "nul",
        "nulL",
        "truefalse",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x10",
        "NaN",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "]",
        "[1}",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:2}",
        "{,}",
        "{\"a\" 1}",
        "\"",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\x1f\"",
        "\"\t\"",
        "1 1",
        "{} x",
        "'a'",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\ude00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xc3\"",
        "/**/1",
        "\xef\xbb\xbf 1",
        "\f1",
        "\"abcdefg\x01\"",
        "\"abcdefgh\x80\"",
        "\"abcdef\\",
        "[true,fals]",
        "\v",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        print_message("# case %zu\n", i);
        assert_status(skip_all(texts[i], strlen(texts[i])), BS_E_INVALID);
        assert_status(check(texts[i]), BS_E_INVALID);
    }
    assert_status(skip_all("\"a\0b\"", 5), BS_E_INVALID);
    assert_status(skip_all("1\0", 2), BS_E_INVALID);
    assert_status(skip_all(NULL, 0), BS_E_INVALID);
}

static void every_cut_of_a_text_is_refused(void **state)
{
    static const char text[] =
        "{\"a\":[1,-2.5e3,\"\\u00e4\\ud83d\\ude00\xc3\xa4\",true,null],\"b\":{}}";

    (void)state;
    assert_ok(skip_all(text, sizeof(text) - 1));
    for (size_t size = 0; size < sizeof(text) - 1; size++) {
        char *copy = bsi_memdup(text, size); /* So that a byte read too far is seen. */
        assert_non_null(copy);
        assert_status(skip_all(copy, size), BS_E_INVALID);
        bsi_free(copy);
    }
}

static void special_bytes_are_found_at_every_place(void **state)
{
    static const char specials[] = {'"', '\\', '\x1f', '\0', '\x80'};
    char text[40];

    (void)state;
    for (size_t place = 1; place < 30; place++) {
        for (size_t i = 0; i < sizeof(specials); i++) {
            memset(text, 'a', sizeof(text));
            text[0] = '"';
            text[sizeof(text) - 1] = '"';
            text[place] = specials[i];
            assert_status(skip_all(text, sizeof(text)), BS_E_INVALID);
        }
    }
}

static bs_status read_u64(const char *text, uint64_t *out)
{
    bsi_json_reader r = reader_of(text);

    return bsi_json_read_u64(&r, out);
}

static bs_status read_i64(const char *text, int64_t *out)
{
    bsi_json_reader r = reader_of(text);

    return bsi_json_read_i64(&r, out);
}

static bs_status read_double(const char *text, double *out)
{
    bsi_json_reader r = reader_of(text);

    return bsi_json_read_double(&r, out);
}

static void whole_numbers_are_exact_or_refused(void **state)
{
    static const char *const not_u64[] = {
        "-1",  "1.0", "1e3", "18446744073709551616", "-0", "\"1\"", "99999999999999999999999",
        "null"};
    static const char *const not_i64[] = {"9223372036854775808", "-9223372036854775809", "0.5"};
    uint64_t u = 0;
    int64_t i = 0;

    (void)state;
    assert_ok(read_u64("9007199254740993", &u));
    assert_true(u == 9007199254740993u);
    assert_ok(read_u64("0", &u));
    assert_true(u == 0);
    assert_ok(read_i64("-9223372036854775808", &i));
    assert_true(i == INT64_MIN);
    assert_ok(read_i64("9223372036854775807", &i));
    assert_true(i == INT64_MAX);
    assert_ok(read_i64("-0", &i));
    assert_true(i == 0);
    for (size_t n = 0; n < sizeof(not_u64) / sizeof(not_u64[0]); n++) {
        u = 7;
        assert_status(read_u64(not_u64[n], &u), BS_E_INVALID);
        assert_true(u == 7);
    }
    for (size_t n = 0; n < sizeof(not_i64) / sizeof(not_i64[0]); n++) {
        i = 7;
        assert_status(read_i64(not_i64[n], &i), BS_E_INVALID);
        assert_true(i == 7);
    }
}

static void doubles_are_rounded_to_the_nearest(void **state)
{
    char longest[500];
    double value = 0;

    (void)state;
    assert_ok(read_double("0.1", &value));
    assert_true(value == 0.1);
    assert_ok(read_double("-123.456e-3", &value));
    assert_true(value == -0.123456);
    assert_ok(read_double("1.7976931348623157e308", &value));
    assert_true(value == 1.7976931348623157e308);
    assert_ok(read_double("1e-400", &value));
    assert_true(value == 0);
    assert_ok(read_double("0e99999999999999", &value));
    assert_true(value == 0);
    assert_status(read_double("1e999", &value), BS_E_INVALID);
    assert_status(read_double("1e99999999999999999999", &value), BS_E_INVALID);
    memset(longest, '1', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_status(read_double(longest, &value), BS_E_INVALID);
}

static void sixty_four_levels_are_the_most(void **state)
{
    char text[2 * BSI_JSON_MAX_DEPTH + 2];

    (void)state;
    memset(text, '[', BSI_JSON_MAX_DEPTH);
    memset(text + BSI_JSON_MAX_DEPTH, ']', BSI_JSON_MAX_DEPTH);
    assert_ok(skip_all(text, (size_t)2 * BSI_JSON_MAX_DEPTH));
    memset(text, '[', BSI_JSON_MAX_DEPTH + 1);
    memset(text + BSI_JSON_MAX_DEPTH + 1, ']', BSI_JSON_MAX_DEPTH + 1);
    assert_status(skip_all(text, sizeof(text)), BS_E_INVALID);
}

static void a_failure_names_place_layer_and_code(void **state)
{
    static const char text[] = "{\n  \"a\": tru }";
    bsi_json_reader r;

    (void)state;
    bsi_json_init(&r, text, sizeof(text) - 1, BS_LAYER_STORAGE, BS_E_CORRUPT);
    assert_status(bsi_json_skip(&r), BS_E_CORRUPT);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    assert_string_equal(bs_error_last()->message, "line 2, byte 8: expected true or false");
}

static void failures_keep_content_to_themselves(void **state)
{
    (void)state;
    assert_status(check("{\"encryption_key\": \"hunter2}"), BS_E_INVALID);
    assert_null(strstr(bs_error_last()->message, "hunter2"));
}

static void keys_lose_their_escapes_up_to_a_limit(void **state)
{
    bsi_json_reader r = reader_of("{\"a\\u0062\":1,\"c\":2}");
    char longest[BSI_JSON_KEY_SIZE + 20];
    bsi_slice key;

    (void)state;
    assert_ok(bsi_json_enter_object(&r));
    assert_ok(bsi_json_next_key(&r, &key));
    assert_true(bsi_slice_is(key, "ab"));
    assert_ok(bsi_json_skip(&r));
    assert_ok(bsi_json_next_key(&r, &key));
    assert_true(bsi_slice_is(key, "c"));

    (void)snprintf(longest, sizeof(longest), "{\"\\n%0*d\":1}", BSI_JSON_KEY_SIZE, 0);
    r = reader_of(longest);
    assert_ok(bsi_json_enter_object(&r));
    assert_status(bsi_json_next_key(&r, &key), BS_E_INVALID);
}

static void a_raw_value_is_verbatim_and_validated(void **state)
{
    bsi_json_reader r = reader_of("[ {\"x\" : [1, 2]} ,[1}]");
    bsi_slice raw;

    (void)state;
    assert_ok(bsi_json_enter_array(&r));
    assert_ok(bsi_json_next_item(&r));
    assert_ok(bsi_json_raw_value(&r, &raw));
    assert_true(bsi_slice_is(raw, "{\"x\" : [1, 2]}"));
    assert_ok(bsi_json_next_item(&r));
    assert_status(bsi_json_raw_value(&r, &raw), BS_E_INVALID);
}

static void a_value_left_unread_is_noticed(void **state)
{
    bsi_json_reader r = reader_of("{\"a\":1,\"b\":2}");
    bsi_slice key;

    (void)state;
    assert_ok(bsi_json_enter_object(&r));
    assert_ok(bsi_json_next_key(&r, &key));
    assert_status(bsi_json_next_key(&r, &key), BS_E_INVALID);
}

static void a_string_too_long_for_its_scratch_is_refused_and_can_be_skipped(void **state)
{
    bsi_json_reader r = reader_of("\"\\n0123456789\"");
    bsi_buf scratch;
    bsi_slice text;

    (void)state;
    bsi_buf_init(&scratch, 4);
    assert_status(bsi_json_read_string(&r, &scratch, &text), BS_E_LIMIT);
    assert_ok(bsi_json_skip(&r));
    assert_ok(bsi_json_end(&r));
    bsi_buf_dispose(&scratch);
}

static void a_key_twice_in_one_object_is_found(void **state)
{
    (void)state;
    assert_ok(check("[{\"a\":1},{\"a\":{\"a\":{\"b\":1,\"a\":2}},\"b\":[{\"a\":0}]}]"));
    assert_status(check("{\"a\":1,\"b\":2,\"a\":3}"), BS_E_INVALID);
    assert_string_equal(bs_error_last()->message, "line 1, byte 20: key 'a' twice in one object");
    assert_status(check("{\"x\":{\"k\":1},\"y\":[{\"\":1,\"\":2}]}"), BS_E_INVALID);
    assert_status(check("{\"a\\nb\":1,\"\\u0061\\u000ab\":2}"), BS_E_INVALID);
    assert_status(check("{\"ab\":1,\"a\\u0062\":2}"), BS_E_INVALID);
    assert_ok(check("{\"ab\":1,\"AB\":2,\"a\":3}"));
}

static void limits_are_kept(void **state)
{
    const bsi_json_limits limits = {.max_size = 20, .max_depth = 2, .max_nodes = 5};

    (void)state;
    assert_ok(bsi_json_check("[1,[2,3]]", 9, &limits, BS_LAYER_CALLER, BS_E_INVALID));
    assert_status(bsi_json_check("[1,[2,3,4]]", 11, &limits, BS_LAYER_CALLER, BS_E_INVALID),
                  BS_E_LIMIT);
    assert_status(bsi_json_check("[[[]]]", 6, &limits, BS_LAYER_CALLER, BS_E_INVALID), BS_E_LIMIT);
    assert_status(
        bsi_json_check("[                    ]", 22, &limits, BS_LAYER_CALLER, BS_E_INVALID),
        BS_E_LIMIT);
}

static void checking_survives_running_out_of_memory(void **state)
{
    bsi_buf text;
    bs_status status = BS_E_NOMEM;

    (void)state;
    bsi_buf_init(&text, 1 << 16);
    assert_ok(bsi_buf_append_text(&text, "{\"\\n\":0"));
    for (int i = 0; i < 300; i++) {
        assert_ok(bsi_buf_append_format(&text, ",\"k%d\":[{\"x\":\"\"}]", i));
    }
    assert_ok(bsi_buf_append_text(&text, "}"));
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_json_check(text.data, text.size, NULL, BS_LAYER_CALLER, BS_E_INVALID);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    bsi_alloc_fail_after(-1);
    bsi_buf_dispose(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_manifest_line),
        cmocka_unit_test(accepts_what_the_rfc_allows),
        cmocka_unit_test(refuses_what_the_rfc_does_not_allow),
        cmocka_unit_test(every_cut_of_a_text_is_refused),
        cmocka_unit_test(special_bytes_are_found_at_every_place),
        cmocka_unit_test(whole_numbers_are_exact_or_refused),
        cmocka_unit_test(doubles_are_rounded_to_the_nearest),
        cmocka_unit_test(sixty_four_levels_are_the_most),
        cmocka_unit_test(a_failure_names_place_layer_and_code),
        cmocka_unit_test(failures_keep_content_to_themselves),
        cmocka_unit_test(keys_lose_their_escapes_up_to_a_limit),
        cmocka_unit_test(a_raw_value_is_verbatim_and_validated),
        cmocka_unit_test(a_value_left_unread_is_noticed),
        cmocka_unit_test(a_string_too_long_for_its_scratch_is_refused_and_can_be_skipped),
        cmocka_unit_test(a_key_twice_in_one_object_is_found),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(checking_survives_running_out_of_memory),
    };

    return cmocka_run_group_tests_name("text/json_read", tests, NULL, NULL);
}
