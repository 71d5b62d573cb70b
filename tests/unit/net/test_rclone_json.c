/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/rclone_json.h"

#define ITEM(path, size)                                                   \
    "{\"Path\":\"" path "\",\"Name\":\"x\",\"Size\":" size ",\"ModTime\":" \
    "\"2009-10-12T17:50:30.5Z\",\"IsDir\":false}"

/* What a listing has told: paths and sizes. */
typedef struct told {
    char text[256];
    int64_t mtime_ns;
} told;

static bs_status hear(void *user, const bsi_rclone_item *item)
{
    told *all = user;
    const size_t used = strlen(all->text);

    (void)snprintf(all->text + used, sizeof(all->text) - used, "%.*s=%lld;", (int)item->path.size,
                   item->path.data, (long long)item->size);
    all->mtime_ns = item->mtime_ns;
    return BS_OK;
}

static bs_status list(const char *text, size_t piece, told *all)
{
    const size_t size = strlen(text);
    bsi_rclone_list items;
    bs_status status = BS_OK;

    *all = (told){.text = ""};
    bsi_rclone_list_begin(&items, hear, all);
    for (size_t at = 0; at < size && status == BS_OK; at += piece) {
        status = bsi_rclone_list_take(
            &items, (bsi_slice){text + at, piece < size - at ? piece : size - at});
    }
    return bsi_rclone_list_end(&items, status);
}

static void assert_told(const char *text, size_t piece, const char *expected)
{
    told all;

    assert_ok(list(text, piece, &all));
    assert_string_equal(all.text, expected);
    assert_true(expected[0] == '\0' || all.mtime_ns == INT64_C(1255369830500000000));
}

static void assert_no_list(const char *text)
{
    told all;

    print_message("# %s\n", text);
    assert_status(list(text, 3, &all), BS_E_CORRUPT);
}

static void assert_no_stat(const char *text)
{
    bsi_rclone_item item;
    bool found = false;

    assert_status(bsi_rclone_stat_parse(bsi_slice_of(text), &item, &found), BS_E_CORRUPT);
}

static void a_list_says_the_same_however_it_is_cut(void **state)
{
    static const char text[] = "{\n\t\"list\": [\n\t\t" ITEM(
        "a/\\\"}]{\xc3\xa9", "5") ",\n\t\t" ITEM("b", "-1") "\n\t]\n}\n";

    (void)state;
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        assert_told(text, piece, "a/\"}]{\xc3\xa9=5;b=-1;");
    }
    assert_told("{\"list\":[]}", 1, "");
}

static void what_is_no_list_is_not_an_empty_one(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "{\"list\":null}",
        "{\"list\":[}",
        "{\"list\":[]",
        "{\"list\":[]}x",
        "{\"list\":[,]}",
        "{\"list\":[" ITEM("a", "1") ",]}",
        "{\"list\":[" ITEM("a", "1") ITEM("b", "1") "]}",
        "{\"list\":[" ITEM("a", "1"),
        "{\"list\":[{\"Path\":\"a\",\"Size\":1}]}",
        "{\"list\":[{\"Path\":\"a\",\"IsDir\":false}]}",
        "{\"list\":[{\"Size\":1,\"IsDir\":false}]}",
        "{\"list\":[" ITEM("a\\u0000", "1") "]}",
        "{\"list\":[" ITEM("a", "1.5") "]}",
        "{\"list\":[[]]}",
        "<html>",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        assert_no_list(texts[i]);
    }
}

static bs_status stop(void *user, const bsi_rclone_item *item)
{
    (void)user;
    (void)item;
    return bsi_fail(BS_LAYER_CALLER, BS_E_CALLBACK, "enough");
}

static void an_item_has_a_limit_and_a_visitor_ends_it(void **state)
{
    static char blanks[BSI_RCLONE_ITEM_MAX];
    const bsi_slice begin = bsi_slice_of("{\"list\":[{\"Path\":\"");
    bsi_rclone_list items;
    told all = {.text = ""};

    (void)state;
    memset(blanks, ' ', sizeof(blanks));
    bsi_rclone_list_begin(&items, hear, &all);
    assert_ok(bsi_rclone_list_take(&items, begin));
    assert_status(bsi_rclone_list_end(
                      &items, bsi_rclone_list_take(&items, (bsi_slice){blanks, sizeof(blanks)})),
                  BS_E_LIMIT);
    bsi_rclone_list_begin(&items, stop, NULL);
    assert_status(
        bsi_rclone_list_end(
            &items, bsi_rclone_list_take(&items, bsi_slice_of("{\"list\":[" ITEM("a", "1")))),
        BS_E_CALLBACK);
}

static void a_file_is_there_or_not(void **state)
{
    static const char *const wrong[] = {"{}", "{\"item\":{}}", "{\"item\":[]}", "{\"item\":null",
                                        "{\"item\":null,\"item\":null}"};
    bsi_rclone_item item;
    bool found = true;

    (void)state;
    assert_ok(bsi_rclone_stat_parse(bsi_slice_of("{\"item\":null}"), &item, &found));
    assert_false(found);
    assert_ok(bsi_rclone_stat_parse(bsi_slice_of("{\"item\":" ITEM("a", "7") "}"), &item, &found));
    assert_true(found && item.size == 7 && !item.is_dir);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(wrong); i++) {
        assert_no_stat(wrong[i]);
    }
}

static void features_are_those_that_are_told(void **state)
{
    bsi_rclone_features can;

    (void)state;
    assert_ok(bsi_rclone_features_parse(
        bsi_slice_of("{\"Name\":\"x\",\"Features\":{\"BucketBased\":true,\"Move\":false,"
                     "\"Copy\":true,\"Other\":1}}"),
        &can));
    assert_true(can.buckets && can.copies && !can.moves && !can.streams && !can.ignores_case);
    assert_status(bsi_rclone_features_parse(bsi_slice_of("{}"), &can), BS_E_CORRUPT);
}

static void failures_are_one_line(void **state)
{
    char text[BSI_RCLONE_ERROR_SIZE];

    (void)state;
    assert_true(bsi_rclone_error_parse(
        bsi_slice_of("{\"error\":\"a\\nb\",\"input\":{},\"status\":500}"), text));
    assert_string_equal(text, "a\\x0ab");
    assert_false(bsi_rclone_error_parse(bsi_slice_of("{\"status\":500}"), text));
    assert_false(bsi_rclone_error_parse(bsi_slice_of("Unauthorized"), text));
}

static void the_port_is_that_of_this_machine(void **state)
{
    static const struct {
        const char *line;
        uint16_t port;
    } cases[] = {
        {"NOTICE: Serving remote control on http://127.0.0.1:45769/\n", 45769},
        {"NOTICE: Serving remote control on [http://127.0.0.1:1/]\n", 1},
        {"NOTICE: Serving remote control on http://127.0.0.1:457", 0},
        {"NOTICE: Serving remote control on http://127.0.0.1:65536/", 0},
        {"NOTICE: Serving remote control on http://10.0.0.1:80/", 0},
        {"http://127.0.0.1:80/", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        assert_int_equal(bsi_rclone_port_parse(bsi_slice_of(cases[i].line)), cases[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_says_the_same_however_it_is_cut),
        cmocka_unit_test(what_is_no_list_is_not_an_empty_one),
        cmocka_unit_test(an_item_has_a_limit_and_a_visitor_ends_it),
        cmocka_unit_test(a_file_is_there_or_not),
        cmocka_unit_test(features_are_those_that_are_told),
        cmocka_unit_test(failures_are_one_line),
        cmocka_unit_test(the_port_is_that_of_this_machine),
    };

    return cmocka_run_group_tests_name("net/rclone_json", tests, NULL, NULL);
}
