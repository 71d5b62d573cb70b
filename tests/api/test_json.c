/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include <backupsvc.h>

#include "base/alloc.h"

static bs_status read_backup(const char *text, bs_backup_options **out)
{
    return bs_backup_options_from_json(text, strlen(text), out);
}

static void a_whole_request_is_read(void **state)
{
    bs_backup_options *options = NULL;

    (void)state;
    assert_ok(read_backup("{\"name\":\"d\\u00e4ily\",\"source_paths\":[\"/a\",\"/b\"],"
                          "\"backup_type\":\"incremental\",\"form\":\"archive\",\"storage\":null,"
                          "\"compression\":\"tar.zst\",\"compression_level\":3,"
                          "\"encryption\":\"none\",\"exclude_patterns\":[\"*.tmp\"],"
                          "\"include_patterns\":[],\"retention_days\":-1,"
                          "\"metadata\":{\"k\":[1,2]},\"one_file_system\":true,"
                          "\"encryption_key\":\"env:KEY\",\"recipients\":[\"/a.pem\"],"
                          "\"zip_encryption\":\"winzip\"}",
                          &options));
    assert_string_equal(options->name, "d\xc3\xa4ily");
    assert_string_equal(options->source_paths[1], "/b");
    assert_null(options->source_paths[2]);
    assert_int_equal(options->backup_type, BS_BACKUP_INCREMENTAL);
    assert_int_equal(options->form, BS_FORM_ARCHIVE);
    assert_null(options->storage);
    assert_int_equal(options->compression, BS_COMPRESSION_TAR_ZST);
    assert_int_equal(options->compression_level, 3);
    assert_string_equal(options->exclude_patterns[0], "*.tmp");
    assert_null(options->include_patterns[0]);
    assert_int_equal(options->retention_days, BS_RETENTION_FOREVER);
    assert_string_equal(options->metadata, "{\"k\":[1,2]}");
    assert_true(options->one_file_system);
    assert_false(options->content_only);
    assert_string_equal(options->encryption_key, "env:KEY");
    assert_string_equal(options->recipients[0], "/a.pem");
    assert_null(options->recipients[1]);
    assert_int_equal(options->zip_encryption, BS_ZIP_ENCRYPTION_WINZIP);
    assert_int_equal(options->struct_size, sizeof(*options));
    bs_backup_options_free(options);
}

static void rules_of_retention_are_an_object(void **state)
{
    bs_backup_options *options = NULL;

    (void)state;
    assert_ok(read_backup("{\"retention\":{\"keep_last\":1,\"keep_hourly\":2,\"keep_daily\":3,"
                          "\"keep_weekly\":4,\"keep_monthly\":5,\"keep_yearly\":null}}",
                          &options));
    assert_int_equal(options->keep_last, 1);
    assert_int_equal(options->keep_hourly, 2);
    assert_int_equal(options->keep_daily, 3);
    assert_int_equal(options->keep_weekly, 4);
    assert_int_equal(options->keep_monthly, 5);
    assert_int_equal(options->keep_yearly, 0);
    assert_int_equal(options->retention_days, 0);
    bs_backup_options_free(options);
    assert_ok(read_backup("{\"retention\":null}", &options));
    bs_backup_options_free(options);
    assert_ok(read_backup("{\"retention\":{},\"retention_days\":7}", &options));
    bs_backup_options_free(options);
}

static void rules_that_are_wrong_or_keep_nothing_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *complaint;
    } cases[] = {
        {"{\"retention\":3}", "retention: takes an object such as {\"keep_last\": 3}"},
        {"{\"retention\":{\"keep_lots\":3}}", "retention.keep_lots: there is no such field"},
        {"{\"retention\":{\"keep_last\":1,\"keep_last\":1}}", "retention.keep_last: stands twice"},
        {"{\"retention\":{\"keep_last\":\"1\"}}", "retention.keep_last: takes a whole number"},
        {"{\"retention\":{\"keep_last\":-1}}", "keep_last: takes 0 to 1000000, not -1"},
        {"{\"retention\":{\"keep_daily\":1000001}}", "keep_daily: takes 0 to 1000000"},
        {"{\"retention\":{\"keep_last\":0}}", "retention: these rules keep nothing"},
        {"{\"retention\":{}}", "retention: these rules keep nothing"},
        {"{\"keep_last\":1}", "keep_last: there is no such field"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bs_backup_options *options = NULL;
        print_message("# case: %s\n", cases[i].text);
        assert_status(read_backup(cases[i].text, &options), BS_E_INVALID);
        assert_non_null(strstr(bs_error_last()->message, cases[i].complaint));
    }
}

static void an_empty_object_is_all_defaults(void **state)
{
    bs_backup_options *options = NULL;

    (void)state;
    assert_ok(read_backup(" { } ", &options));
    assert_null(options->name);
    bs_backup_options_free(options);
}

static void every_complaint_comes_with_its_path(void **state)
{
    bs_backup_options *options = NULL;
    const char *message = bs_error_last()->message;

    (void)state;
    assert_status(read_backup("{\"name\":1,\"source_paths\":[\"/a\",2],\"backup_type\":\"huge\","
                              "\"compression_level\":1.5,\"retention_days\":99999999999,"
                              "\"content_only\":\"yes\",\"metadata\":[],\"colour\":{\"a\":1},"
                              "\"name\":\"again\",\"source_callback\":1,"
                              "\"exclude_patterns\":\"*.tmp\"}",
                              &options),
                  BS_E_INVALID);
    assert_null(options);
    assert_non_null(strstr(message, "name: takes a text"));
    assert_non_null(strstr(message, "source_paths[1]: takes a text"));
    assert_non_null(strstr(message, "backup_type: takes full, incremental, differential, mirror, "
                                    "not 'huge'"));
    assert_non_null(strstr(message, "compression_level: takes a whole number"));
    assert_non_null(strstr(message, "retention_days: takes a whole number"));
    assert_non_null(strstr(message, "content_only: takes true or false"));
    assert_non_null(strstr(message, "metadata: takes a JSON object"));
    assert_non_null(strstr(message, "colour: there is no such field"));
    assert_non_null(strstr(message, "name: stands twice"));
    assert_non_null(strstr(message, "source_callback: cannot be given in JSON"));
    assert_non_null(strstr(message, "exclude_patterns: takes an array of texts"));
}

static void a_level_is_held_to_its_container(void **state)
{
    bs_backup_options *options = NULL;

    (void)state;
    assert_status(read_backup("{\"compression\":\"tar.gz\",\"compression_level\":15}", &options),
                  BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "compression_level: tar.gz takes "));
    assert_non_null(strstr(bs_error_last()->message, ", not 15"));
}

static void broken_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "null",
        "{",
        "{\"name\":\"a\"",
        "{\"name\":\"a\",}",
        "{\"name\":\"a\"} x",
        "{\"name\":\"\xff\"}",
        "{\"name\":\"\\ud800\"}",
        "{\"name\":\"a\\u0000b\"}",
        "{\"metadata\":{\"a\":1,\"a\":2}}",
        "{'name':1}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        bs_backup_options *options = NULL;
        print_message("# case: %s\n", i == 7 ? "not UTF-8" : texts[i]);
        assert_status(read_backup(texts[i], &options), BS_E_INVALID);
        assert_null(options);
        assert_true(bs_error_last()->message[0] != '\0');
    }
}

static void what_came_before_the_break_is_told_too(void **state)
{
    bs_backup_options *options = NULL;

    (void)state;
    assert_status(read_backup("{\"colour\":1,\"name\":\"\xff\"}", &options), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "colour: there is no such field\n"));
}

static void a_restore_is_read(void **state)
{
    static const char text[] =
        "{\"backup_id\":\"latest:a\",\"restore_path\":\"/r\",\"paths\":[\"x\"],"
        "\"owner_map\":[\"a:b\"],\"overwrite\":true,\"no_verify\":false}";
    bs_restore_options *options = NULL;

    (void)state;
    assert_ok(bs_restore_options_from_json(text, sizeof(text) - 1, &options));
    assert_string_equal(options->backup_id, "latest:a");
    assert_string_equal(options->paths[0], "x");
    assert_string_equal(options->owner_map[0], "a:b");
    assert_true(options->overwrite);
    bs_restore_options_free(options);
    assert_status(bs_restore_options_from_json("{\"paths\":{}}", 12, &options), BS_E_INVALID);
    assert_string_equal(bs_error_last()->message, "paths: takes an array of texts");
}

/* --- Writing --- */

static void entries_of_any_bytes_are_written(void **state)
{
    bs_entry entry = {.path = "a\xff",
                      .path_size = 2,
                      .type = BS_ENTRY_SYMLINK,
                      .mode = 0777,
                      .user = "u",
                      .group = "",
                      .link = "b",
                      .link_size = 1,
                      .sha256 = "",
                      .stored_in = ""};
    char *json = NULL;

    (void)state;
    assert_ok(bs_entry_to_json(&entry, &json));
    assert_non_null(strstr(json, "\"path_base64\":\"Yf8=\""));
    assert_non_null(strstr(json, "\"type\":\"symlink\""));
    assert_non_null(strstr(json, "\"link\":\"b\""));
    bs_free(json);
}

static void errors_are_written_whole(void **state)
{
    bs_error error = {.code = BS_E_NO_SPACE,
                      .layer = BS_LAYER_TARGET,
                      .os_code = 28,
                      .retry = BS_RETRY_AFTER,
                      .retry_after_ms = 5,
                      .message = "a \"b\""};
    char *json = NULL;

    (void)state;
    assert_ok(bs_error_to_json(&error, &json));
    assert_string_equal(json, "{\"code\":\"BS_E_NO_SPACE\",\"layer\":\"target\","
                              "\"message\":\"a \\\"b\\\"\",\"retry\":\"after\","
                              "\"retry_after_ms\":5,\"os_code\":28}");
    bs_free(json);
}

static void words_are_those_of_the_values(void **state)
{
    (void)state;
    assert_string_equal(bs_backup_type_name(BS_BACKUP_MIRROR), "mirror");
    assert_string_equal(bs_form_name(BS_FORM_ARCHIVE), "archive");
    assert_string_equal(bs_compression_name(BS_COMPRESSION_7Z), "7z");
    assert_string_equal(bs_job_state_name(BS_STATE_COMPLETED_WITH_WARNINGS),
                        "completed_with_warnings");
    assert_string_equal(bs_entry_type_name(BS_ENTRY_DIR), "dir");
    assert_string_equal(bs_job_state_name((bs_job_state)99), "unknown");
}

static void survives_running_out_of_memory(void **state)
{
    bs_status status = BS_E_NOMEM;

    (void)state;
    for (long n = 0; status != BS_OK; n++) {
        bs_backup_options *options = NULL;
        bsi_alloc_fail_after(n);
        status = read_backup("{\"name\":\"a\\n\",\"source_paths\":[\"/\\u00e4\"],"
                             "\"metadata\":{\"a\":{\"b\":1}}}",
                             &options);
        bsi_alloc_fail_after(-1);
        if (status != BS_OK) {
            assert_int_equal(status, BS_E_NOMEM);
            assert_null(options);
        }
        bs_backup_options_free(options);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_request_is_read),
        cmocka_unit_test(rules_of_retention_are_an_object),
        cmocka_unit_test(rules_that_are_wrong_or_keep_nothing_are_refused),
        cmocka_unit_test(an_empty_object_is_all_defaults),
        cmocka_unit_test(every_complaint_comes_with_its_path),
        cmocka_unit_test(a_level_is_held_to_its_container),
        cmocka_unit_test(broken_texts_are_refused),
        cmocka_unit_test(what_came_before_the_break_is_told_too),
        cmocka_unit_test(a_restore_is_read),
        cmocka_unit_test(entries_of_any_bytes_are_written),
        cmocka_unit_test(errors_are_written_whole),
        cmocka_unit_test(words_are_those_of_the_values),
        cmocka_unit_test(survives_running_out_of_memory),
    };

    return cmocka_run_group_tests_name("api/json", tests, NULL, NULL);
}
