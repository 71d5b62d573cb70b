/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <locale.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "text/json_number.h"
#include "text/json_read.h"
#include "text/json_write.h"

enum { MAX_SIZE = 1 << 16 };

static int setup(void **state)
{
    static bsi_buf out;

    bsi_buf_init(&out, MAX_SIZE);
    *state = &out;
    return 0;
}

static int teardown(void **state)
{
    bsi_alloc_fail_after(-1);
    bsi_buf_dispose(*state);
    return 0;
}

static void assert_text(const bsi_buf *out, const char *expected)
{
    assert_int_equal(out->size, strlen(expected));
    assert_memory_equal(out->data, expected, out->size);
}

static void write_sample(bsi_json_writer *w)
{
    bsi_json_begin_object(w);
    bsi_json_put_text(w, "path", "a\"\\\n\x01\x7f\xc3\xa4");
    bsi_json_put_u64(w, "size", UINT64_MAX);
    bsi_json_put_i64(w, "low", INT64_MIN);
    bsi_json_write_key(w, "list");
    bsi_json_begin_array(w);
    bsi_json_write_bool(w, true);
    bsi_json_write_null(w);
    bsi_json_begin_object(w);
    bsi_json_end_object(w);
    bsi_json_end_array(w);
    bsi_json_write_key(w, "none");
    bsi_json_begin_array(w);
    bsi_json_end_array(w);
    bsi_json_put_text(w, "gone", NULL);
    bsi_json_put_double(w, "rate", 0.5);
    bsi_json_write_key(w, "raw");
    bsi_json_write_raw(w, bsi_slice_of("[1, 2]"));
    bsi_json_end_object(w);
}

static void commas_and_escapes_are_right(void **state)
{
    bsi_buf *out = *state;
    bsi_json_writer w;

    bsi_json_writer_init(&w, out, BSI_JSON_COMPACT);
    write_sample(&w);
    assert_ok(bsi_json_writer_finish(&w));
    assert_text(out, "{\"path\":\"a\\\"\\\\\\n\\u0001\x7f\xc3\xa4\",\"size\":18446744073709551615,"
                     "\"low\":-9223372036854775808,\"list\":[true,null,{}],\"none\":[],"
                     "\"gone\":null,\"rate\":0.5,\"raw\":[1, 2]}");
    assert_ok(bsi_json_check(out->data, out->size, NULL, BS_LAYER_CALLER, BS_E_INVALID));
}

static void indented_text_has_two_spaces_for_each_level(void **state)
{
    bsi_buf *out = *state;
    bsi_json_writer w;

    bsi_json_writer_init(&w, out, BSI_JSON_INDENTED);
    bsi_json_begin_object(&w);
    bsi_json_write_key(&w, "a");
    bsi_json_begin_array(&w);
    bsi_json_write_u64(&w, 1);
    bsi_json_write_u64(&w, 2);
    bsi_json_end_array(&w);
    bsi_json_write_key(&w, "b");
    bsi_json_begin_object(&w);
    bsi_json_end_object(&w);
    bsi_json_end_object(&w);
    assert_ok(bsi_json_writer_finish(&w));
    assert_text(out, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}");
}

static void one_writer_serves_line_after_line(void **state)
{
    bsi_buf *out = *state;
    bsi_json_writer w;

    bsi_json_writer_init(&w, out, BSI_JSON_COMPACT);
    for (uint64_t i = 0; i < 2; i++) {
        bsi_json_begin_object(&w);
        bsi_json_put_u64(&w, "n", i);
        bsi_json_end_object(&w);
        assert_ok(bsi_json_writer_finish(&w));
        assert_ok(bsi_buf_append_byte(out, '\n'));
    }
    assert_text(out, "{\"n\":0}\n{\"n\":1}\n");
}

static void doubles_read_back_the_same(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-2.5, "-2.5"},
        {0.1, "0.1"},
        {100, "100"},
        {33.3, "33.3"},
        {1e16, "10000000000000000"},
        {1e17, "1e17"},
        {1.5e300, "1.5e300"},
        {0.00001, "0.00001"},
        {0.000001, "1e-6"},
        {123456789.125, "123456789.125"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e308"},
        {0.1 + 0.2, "0.30000000000000004"},
        {-1234567890123456.5, "-1234567890123456.5"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[BSI_JSON_DOUBLE_SIZE];
        double back = 1;
        const size_t size = bsi_json_double_format(cases[i].value, text);

        if (cases[i].value != 5e-324) {
            assert_string_equal(text, cases[i].text);
        }
        assert_int_equal(size, strlen(text));
        assert_true(bsi_json_double_parse((bsi_slice){text, size}, &back));
        assert_true(back == cases[i].value);
    }
}

static void doubles_do_not_follow_the_locale(void **state)
{
    char text[BSI_JSON_DOUBLE_SIZE];
    double back = 0;

    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8")) {
        print_message("# no locale with a decimal comma here\n");
    }
    (void)bsi_json_double_format(2.5, text);
    assert_true(bsi_json_double_parse(bsi_slice_of("2.5"), &back));
    (void)setlocale(LC_NUMERIC, "C");
    assert_string_equal(text, "2.5");
    assert_true(back == 2.5);
}

static void the_first_failure_sticks(void **state)
{
    bsi_json_writer w;

    bsi_json_writer_init(&w, *state, BSI_JSON_COMPACT);
    bsi_json_begin_array(&w);
    bsi_json_write_text(&w, "\xff");
    bsi_json_write_double(&w, 1);
    bsi_json_end_array(&w);
    assert_status(bsi_json_writer_finish(&w), BS_E_INVALID);

    bsi_json_write_string(&w, (bsi_slice){"a\0b", 3});
    assert_status(bsi_json_writer_finish(&w), BS_E_INVALID);
    bsi_json_write_double(&w, (double)INFINITY);
    assert_status(bsi_json_writer_finish(&w), BS_E_INVALID);
}

static void calls_out_of_order_are_internal_errors(void **state)
{
    bsi_json_writer w;

    bsi_json_writer_init(&w, *state, BSI_JSON_COMPACT);
    assert_status(bsi_json_writer_finish(&w), BS_E_INTERNAL);
    bsi_json_begin_object(&w);
    assert_status(bsi_json_writer_finish(&w), BS_E_INTERNAL);
    bsi_json_begin_object(&w);
    bsi_json_write_u64(&w, 1);
    assert_status(bsi_json_writer_finish(&w), BS_E_INTERNAL);
    bsi_json_begin_object(&w);
    bsi_json_write_key(&w, "a");
    bsi_json_end_object(&w);
    assert_status(bsi_json_writer_finish(&w), BS_E_INTERNAL);
    bsi_json_begin_array(&w);
    bsi_json_end_object(&w);
    assert_status(bsi_json_writer_finish(&w), BS_E_INTERNAL);
    bsi_json_begin_array(&w);
    bsi_json_write_key(&w, "a");
    assert_status(bsi_json_writer_finish(&w), BS_E_INTERNAL);
    bsi_json_end_array(&w);
    assert_status(bsi_json_writer_finish(&w), BS_E_INTERNAL);
    bsi_json_write_null(&w);
    bsi_json_write_null(&w);
    assert_status(bsi_json_writer_finish(&w), BS_E_INTERNAL);
    for (int i = 0; i < BSI_JSON_MAX_DEPTH + 1; i++) {
        bsi_json_begin_array(&w);
    }
    assert_status(bsi_json_writer_finish(&w), BS_E_INTERNAL);
}

static void a_full_buffer_is_reported_at_the_end(void **state)
{
    bsi_buf *out = *state;
    bsi_json_writer w;

    out->max = 20;
    bsi_json_writer_init(&w, out, BSI_JSON_COMPACT);
    write_sample(&w);
    assert_status(bsi_json_writer_finish(&w), BS_E_LIMIT);
}

static void survives_running_out_of_memory(void **state)
{
    bsi_buf *out = *state;
    bs_status status = BS_E_NOMEM;
    bsi_json_writer w;

    for (long n = 0; status != BS_OK; n++) {
        bsi_buf_dispose(out);
        bsi_alloc_fail_after(n);
        bsi_json_writer_init(&w, out, BSI_JSON_INDENTED);
        write_sample(&w);
        status = bsi_json_writer_finish(&w);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commas_and_escapes_are_right, setup, teardown),
        cmocka_unit_test_setup_teardown(indented_text_has_two_spaces_for_each_level, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_writer_serves_line_after_line, setup, teardown),
        cmocka_unit_test(doubles_read_back_the_same),
        cmocka_unit_test(doubles_do_not_follow_the_locale),
        cmocka_unit_test_setup_teardown(the_first_failure_sticks, setup, teardown),
        cmocka_unit_test_setup_teardown(calls_out_of_order_are_internal_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_buffer_is_reported_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_running_out_of_memory, setup, teardown),
    };

    return cmocka_run_group_tests_name("text/json_write", tests, NULL, NULL);
}
