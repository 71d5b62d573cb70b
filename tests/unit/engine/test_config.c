/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/config.h"
#include "os/file.h"
#include "support/tempdir.h"

static bs_config *fresh(void)
{
    bs_config *config = NULL;

    assert_ok(bsi_config_new(&config));
    return config;
}

static bs_status put(bs_config *config, const char *name, const char *value)
{
    bsi_complaints complaints = {0};
    const int index = bsi_config_find(name, strlen(name));

    assert_true(index >= 0);
    assert_ok(bsi_config_put(config, (size_t)index, value, "", &complaints));
    return bsi_complaints_status(&complaints);
}

static void every_default_is_allowed(void **state)
{
    bs_config *config = NULL;

    (void)state;
    assert_ok(bsi_config_new(&config));
    for (size_t i = 0; i < BSI_CONFIG_COUNT; i++) {
        const bsi_config_variable *variable = bsi_config_at(i);
        if (variable->fallback) {
            bsi_complaints complaints = {0};
            print_message("# case: %s\n", variable->name);
            assert_ok(bsi_config_put(config, i, variable->fallback, "", &complaints));
            assert_ok(bsi_complaints_status(&complaints));
        }
    }
    assert_null(bsi_config_at(BSI_CONFIG_COUNT));
    bsi_config_free(config);
}

static void values_are_read_by_their_type(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        int64_t number;
    } cases[] = {
        {"MAX_CONCURRENT_BACKUPS", "64", 64},
        {"MAX_WORKER_THREADS", "auto", -1},
        {"MAX_WORKER_THREADS", "AUTO", -1},
        {"MAX_WORKER_THREADS", "3", 3},
        {"MAX_FILE_SIZE", "1GB", 1000000000},
        {"MAX_FILE_SIZE", "64KiB", 65536},
        {"MAX_FILE_SIZE", "0", 0},
        {"PROGRESS_UPDATE_INTERVAL", "0.05", 50000},
        {"PROGRESS_UPDATE_INTERVAL", "60", 60000000},
        {"STORAGE_WARNING_THRESHOLD", "90%", 900000},
        {"STORAGE_WARNING_THRESHOLD", "0.75", 750000},
        {"API_KEY_REQUIRED", "Yes", 1},
        {"API_KEY_REQUIRED", "off", 0},
        {"DEFAULT_BACKUP_TYPE", "Mirror", 3},
        {"DEFAULT_RETENTION_DAYS", "", 30},
        {"SOURCE_ROOTS", "/", 1},
        {"SOURCE_ROOTS", "/a/..b/:/c", 10},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bs_config *config = fresh();
        const int index = bsi_config_find(cases[i].name, strlen(cases[i].name));
        print_message("# case: %s=%s\n", cases[i].name, cases[i].value);
        assert_ok(put(config, cases[i].name, cases[i].value));
        assert_int_equal(bsi_config_number(config, (bsi_config_id)index), cases[i].number);
        bsi_config_free(config);
    }
}

static void wrong_values_are_refused_with_what_is_right(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        const char *words;
    } cases[] = {
        {"MAX_CONCURRENT_BACKUPS", "0", "1 to 64"},
        {"MAX_CONCURRENT_BACKUPS", "65", "1 to 64"},
        {"MAX_CONCURRENT_BACKUPS", "5x", "not '5x'"},
        {"MAX_CONCURRENT_BACKUPS", "-1", "1 to 64"},
        {"MAX_CONCURRENT_BACKUPS", "99999999999999999999", "1 to 64"},
        {"MAX_WORKER_THREADS", "many", "or auto"},
        {"PROGRESS_UPDATE_INTERVAL", "0.01", "0.05 to 60 seconds"},
        {"PROGRESS_UPDATE_INTERVAL", "1.", "seconds"},
        {"STORAGE_WARNING_THRESHOLD", "1", "between 0 and 1"},
        {"STORAGE_WARNING_THRESHOLD", "100%", "between 0 and 1"},
        {"BACKUP_CHUNK_SIZE", "1", "4 KiB to 16 MiB"},
        {"ENCRYPTION_ENABLED", "maybe", "true or false"},
        {"LOG_LEVEL", "LOUD", "DEBUG INFO WARNING"},
        {"LOG_FILE", "a\nb", "one line"},
        {"SOURCE_ROOTS", "/a:", "absolute paths"},
        {"SOURCE_ROOTS", "/a:b", "absolute paths"},
        {"RESTORE_ROOTS", "/a/..", "without '..'"},
        {"RESTORE_ROOTS", "/..:/b", "without '..'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bs_config *config = fresh();
        print_message("# case: %s=%s\n", cases[i].name, cases[i].value);
        assert_status(put(config, cases[i].name, cases[i].value), BS_E_INVALID);
        assert_non_null(strstr(bs_error_last()->message, cases[i].name));
        assert_non_null(strstr(bs_error_last()->message, cases[i].words));
        bsi_config_free(config);
    }
}

/* Fits no variable of the type. */
static const char *wrong_value(const bsi_config_variable *variable)
{
    switch (variable->type) {
    case BSI_CONFIG_TYPE_TEXT:
        return "two\nlines";
    case BSI_CONFIG_TYPE_PATHS:
        return "/right:relative";
    case BSI_CONFIG_TYPE_KEY:
        return "short";
    case BSI_CONFIG_TYPE_NUMBER:
    case BSI_CONFIG_TYPE_NUMBER_OR_AUTO:
    case BSI_CONFIG_TYPE_SECONDS:
        return "4000000000";
    case BSI_CONFIG_TYPE_SIZE:
        return "large";
    case BSI_CONFIG_TYPE_RATIO:
        return "1.5";
    case BSI_CONFIG_TYPE_FLAG:
        return "maybe";
    case BSI_CONFIG_TYPE_ARGV:
        return "[relative]";
    case BSI_CONFIG_TYPE_WORD:
        return "nonesuch";
    }
    return "";
}

static void every_refusal_names_the_variable_the_value_and_what_is_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < BSI_CONFIG_COUNT; i++) {
        const bsi_config_variable *variable = bsi_config_at(i);
        const char *message = bs_error_last()->message;
        bs_config *config = fresh();
        char head[100];
        print_message("# case: %s\n", variable->name);
        (void)snprintf(head, sizeof(head), "%s: takes ", variable->name);
        assert_status(put(config, variable->name, wrong_value(variable)), BS_E_INVALID);
        assert_ptr_equal(strstr(message, head), message);
        if (!variable->secret) {
            char value[32];
            (void)snprintf(value, sizeof(value), "not '%.3s", wrong_value(variable));
            assert_non_null(strstr(message, value));
        }
        bsi_config_free(config);
    }
}

static void a_wrong_secret_is_not_repeated(void **state)
{
    bs_config *config = fresh();

    (void)state;
    assert_status(put(config, "ENCRYPTION_KEY", "tooshort"), BS_E_INVALID);
    assert_null(strstr(bs_error_last()->message, "tooshort"));
    bsi_config_free(config);
}

static void placeholders_of_secrets_count_as_unset(void **state)
{
    bs_config *config = fresh();

    (void)state;
    assert_ok(put(config, "AWS_ACCESS_KEY_ID", "your_access_key"));
    assert_null(bsi_config_text(config, BSI_CONFIG_AWS_ACCESS_KEY_ID));
    bsi_config_free(config);
}

static void an_unknown_name_gives_the_nearest(void **state)
{
    (void)state;
    assert_string_equal(bsi_config_nearest("MAX_WORKER_THREAD", 17, 3), "MAX_WORKER_THREADS");
    assert_null(bsi_config_nearest("PATH_TO_SOMETHING", 17, 3));
}

/* --- Files --- */

static bs_status load(test_dir *dir, const char *text, bs_config *config)
{
    char path[300];
    int fd = -1;

    assert_ok(bsi_open(dir->fd, ".env", BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0600, &fd));
    assert_ok(bsi_truncate(fd, 0));
    assert_ok(bsi_write(fd, text, strlen(text)));
    assert_ok(bsi_close(fd));
    (void)snprintf(path, sizeof(path), "%s/.env", dir->path);
    return bsi_config_load_file(config, path);
}

static void a_file_is_read_by_its_grammar(void **state)
{
    bs_config *config = fresh();

    assert_ok(load(*state,
                   "\xef\xbb\xbf# settings\r\n"
                   "\r\n"
                   "  export MAX_CONCURRENT_BACKUPS = 7 # seven\r\n"
                   "BACKUP_STORAGE_PATH=\"/a b/\\\"c\\\"\" # quoted\n"
                   "LOG_FILE='/x\\y#z'\n"
                   "S3_PREFIX=a#b\n"
                   "SMTP_HOST=somebody else's\n"
                   "PORT=",
                   config));
    assert_int_equal(bsi_config_number(config, BSI_CONFIG_MAX_CONCURRENT_BACKUPS), 7);
    assert_string_equal(bsi_config_text(config, BSI_CONFIG_BACKUP_STORAGE_PATH), "/a b/\"c\"");
    assert_string_equal(bsi_config_text(config, BSI_CONFIG_LOG_FILE), "/x\\y#z");
    assert_string_equal(bsi_config_text(config, BSI_CONFIG_S3_PREFIX), "a#b");
    assert_int_equal(bsi_config_number(config, BSI_CONFIG_PORT), 8000);
    bsi_config_free(config);
}

static void a_wrong_file_changes_nothing_and_tells_every_line(void **state)
{
    bs_config *config = fresh();
    const char *message = bs_error_last()->message;

    assert_status(load(*state,
                       "MAX_CONCURRENT_BACKUPS=9\n"
                       "PORT=http\n"
                       "this is no line\n"
                       "LOG_FILE=\"open\n"
                       "MAX_WORKER_THREDS=3\n"
                       "LOG_LEVEL=\xff\n",
                       config),
                  BS_E_INVALID);
    assert_non_null(strstr(message, ".env:2: PORT: takes"));
    assert_non_null(strstr(message, ".env:3: a line is NAME=value"));
    assert_non_null(strstr(message, ".env:4: a quote is not closed"));
    assert_non_null(strstr(message, ".env:5: MAX_WORKER_THREDS: no such setting; is "
                                    "MAX_WORKER_THREADS meant?"));
    assert_non_null(strstr(message, ".env:6: the value is not UTF-8"));
    assert_int_equal(bsi_config_number(config, BSI_CONFIG_MAX_CONCURRENT_BACKUPS), 5);
    bsi_config_free(config);
}

static void a_missing_file_is_not_found(void **state)
{
    bs_config *config = fresh();

    (void)state;
    assert_status(bsi_config_load_file(config, "/nonexistent/.env"), BS_E_NOT_FOUND);
    bsi_config_free(config);
}

static void the_environment_is_taken_all_or_not_at_all(void **state)
{
    bs_config *config = fresh();

    (void)state;
    assert_int_equal(setenv("MAX_CONCURRENT_BACKUPS", "8", 1), 0);
    assert_ok(bsi_config_load_env(config));
    assert_int_equal(bsi_config_number(config, BSI_CONFIG_MAX_CONCURRENT_BACKUPS), 8);
    assert_int_equal(setenv("MAX_CONCURRENT_BACKUPS", "9", 1), 0);
    assert_int_equal(setenv("LOG_LEVEL", "shout", 1), 0);
    assert_status(bsi_config_load_env(config), BS_E_INVALID);
    assert_int_equal(bsi_config_number(config, BSI_CONFIG_MAX_CONCURRENT_BACKUPS), 8);
    assert_int_equal(unsetenv("MAX_CONCURRENT_BACKUPS"), 0);
    assert_int_equal(unsetenv("LOG_LEVEL"), 0);
    bsi_config_free(config);
}

static void survives_running_out_of_memory(void **state)
{
    bs_status status = BS_E_NOMEM;

    for (long n = 0; status != BS_OK; n++) {
        bs_config *config = NULL;
        bsi_alloc_fail_after(-1);
        config = fresh();
        assert_ok(put(config, "LOG_FILE", "/a"));
        assert_status(load(*state, "PORT=1\nHOST=h\n", config), BS_OK);
        bsi_alloc_fail_after(n);
        status = load(*state, "PORT=2\nHOST=\"i\"\n", config);
        bsi_alloc_fail_after(-1);
        if (status != BS_OK) {
            assert_int_equal(status, BS_E_NOMEM);
            assert_int_equal(bsi_config_number(config, BSI_CONFIG_PORT), 1);
        }
        bsi_config_free(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_default_is_allowed),
        cmocka_unit_test(values_are_read_by_their_type),
        cmocka_unit_test(wrong_values_are_refused_with_what_is_right),
        cmocka_unit_test(every_refusal_names_the_variable_the_value_and_what_is_allowed),
        cmocka_unit_test(a_wrong_secret_is_not_repeated),
        cmocka_unit_test(placeholders_of_secrets_count_as_unset),
        cmocka_unit_test(an_unknown_name_gives_the_nearest),
        cmocka_unit_test_setup_teardown(a_file_is_read_by_its_grammar, test_dir_setup,
                                        test_dir_teardown),
        cmocka_unit_test_setup_teardown(a_wrong_file_changes_nothing_and_tells_every_line,
                                        test_dir_setup, test_dir_teardown),
        cmocka_unit_test(a_missing_file_is_not_found),
        cmocka_unit_test(the_environment_is_taken_all_or_not_at_all),
        cmocka_unit_test_setup_teardown(survives_running_out_of_memory, test_dir_setup,
                                        test_dir_teardown),
    };

    return cmocka_run_group_tests_name("engine/config", tests, NULL, NULL);
}
