/* SPDX-License-Identifier: MIT */
/*
 * Commands before and after backups.
 */
#include "support/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine_fixture.h"
#include "support/tree.h"

enum { PATH_SIZE = 400, TEXT_SIZE = 2048 };

static int setup(void **state)
{
    const engine_fixture *engine = NULL;
    char path[PATH_SIZE];

    if (engine_setup(state) != 0) {
        return -1;
    }
    engine = *state;
    (void)snprintf(path, sizeof(path), "%s/file", engine->source);
    if (mkdir(engine->source, 0700) != 0 && errno != EEXIST) {
        return -1;
    }
    tree_write(path, 1000, 1);
    return 0;
}

/* A program of the test's own: a script, whose `$0` is not a shell's command line of ours. */
static void write_script(const engine_fixture *engine, const char *name, const char *body)
{
    char path[PATH_SIZE];
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", engine->dir->path, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "#!/bin/sh\n%s\n", body) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

/* Opens the service with a hook that is the script and two arguments. */
static void open_with(engine_fixture *engine, const char *setting, const char *script,
                      const char *timeout)
{
    char value[2 * PATH_SIZE];

    if (!engine->config) {
        assert_ok(bs_config_new(&engine->config));
    }
    (void)snprintf(value, sizeof(value), "[\"%s/%s\",\"%s/said\",\"$HOME; two  words\"]",
                   engine->dir->path, script, engine->dir->path);
    engine_close(engine);
    assert_ok(bs_config_set(engine->config, setting, value));
    assert_ok(bs_config_set(engine->config, "HOOK_TIMEOUT", timeout));
    engine_open(engine);
}

static const char *read_said(const engine_fixture *engine, char text[TEXT_SIZE])
{
    char path[PATH_SIZE];
    FILE *file = NULL;
    size_t got = 0;

    (void)snprintf(path, sizeof(path), "%s/said", engine->dir->path);
    file = fopen(path, "r");
    if (file) {
        got = fread(text, 1, TEXT_SIZE - 1, file);
        (void)fclose(file);
    }
    text[got] = '\0';
    return text;
}

static const char say[] =
    "printf '%s|' \"$2\" \"$3\" \"$4\" \"$5\" \"$#\" >> \"$1\"; echo >> \"$1\"";

static void hooks_are_told_id_name_and_status(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];
    char expected[TEXT_SIZE];
    char text[TEXT_SIZE];

    write_script(engine, "say", say);
    open_with(engine, "HOOK_BEFORE", "say", "60");
    open_with(engine, "HOOK_AFTER", "say", "60");
    open_with(engine, "HOOK_FAILURE", "say", "60");
    engine_backup(engine, &options, BS_OK, id);
    (void)snprintf(expected, sizeof(expected),
                   "$HOME; two  words|%s|home|running|5|\n"
                   "$HOME; two  words|%s|home|completed|5|\n",
                   id, id);
    assert_string_equal(read_said(engine, text), expected);
}

static void a_failing_before_hook_stops_the_backup(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];
    char text[TEXT_SIZE];

    write_script(engine, "fail", "echo 'the database does not answer' >&2; exit 3");
    write_script(engine, "say", say);
    open_with(engine, "HOOK_BEFORE", "fail", "60");
    open_with(engine, "HOOK_FAILURE", "say", "60");
    engine_backup(engine, &options, BS_E_COMMAND, id);
    info = engine_get(engine, id);
    assert_int_equal(info->status, BS_STATE_FAILED);
    assert_non_null(strstr(info->error.message, "HOOK_BEFORE"));
    assert_non_null(strstr(info->error.message, "ended with code 3"));
    assert_non_null(strstr(info->error.message, "the database does not answer"));
    assert_int_equal(info->files_processed, 0);
    bs_backup_info_free(info);
    assert_non_null(strstr(read_said(engine, text), "|home|failed|"));
}

static void a_failing_after_hook_is_a_line_of_the_log(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    unsigned before = 0;
    char id[BS_ID_SIZE];

    write_script(engine, "fail", "exit 1");
    open_with(engine, "HOOK_AFTER", "fail", "60");
    before = engine->log_lines;
    engine_backup(engine, &options, BS_OK, id);
    assert_int_equal(engine->log_lines, before + 1);
}

/* It would go on for ever, has a child of its own, and has closed what we read. */
static void a_hook_that_takes_too_long_is_ended(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];

    write_script(engine, "hang", "exec >&- 2>&-; sleep 1000 & wait");
    open_with(engine, "HOOK_BEFORE", "hang", "0.2");
    engine_backup(engine, &options, BS_E_TIMEOUT, id);
    info = engine_get(engine, id);
    assert_non_null(strstr(info->error.message, "HOOK_TIMEOUT"));
    bs_backup_info_free(info);
}

static void cancelling_a_backup_ends_its_before_hook(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];
    char text[TEXT_SIZE];

    write_script(engine, "hang", "echo begun >> \"$1\"; sleep 1000");
    open_with(engine, "HOOK_BEFORE", "hang", "1000");
    assert_ok(bs_backup_start(engine->service, &options, id));
    while (!strstr(read_said(engine, text), "begun")) {
        assert_status(bs_backup_wait(engine->service, id, 10), BS_E_TIMEOUT);
    }
    assert_ok(bs_backup_cancel(engine->service, id));
    assert_status(bs_backup_wait(engine->service, id, BS_FOREVER), BS_E_CANCELLED);
}

static void a_program_that_is_not_there_stops_the_backup(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    open_with(engine, "HOOK_BEFORE", "missing", "60");
    engine_backup(engine, &options, BS_E_NOT_FOUND, id);
}

static void what_is_no_command_is_refused(void **state)
{
    static const char *const wrong[] = {"freeze",         "[]",           "[\"freeze\"]",
                                        "[\"/bin/x\",1]", "[\"/bin/x\"",  "{\"a\":\"/bin/x\"}",
                                        "[\"/x\"] x",     "/bin/true now"};
    bs_config *config = NULL;

    (void)state;
    assert_ok(bs_config_new(&config));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_status(bs_config_set(config, "HOOK_AFTER", wrong[i]), BS_E_INVALID);
        assert_non_null(strstr(bs_error_last()->message, "HOOK_AFTER: takes a JSON array"));
    }
    assert_ok(bs_config_set(config, "HOOK_AFTER", "[\"/bin/true\",\"now\"]"));
    bs_config_free(config);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, engine_teardown)
    const struct CMUnitTest tests[] = {
        TEST(hooks_are_told_id_name_and_status),
        TEST(a_failing_before_hook_stops_the_backup),
        TEST(a_failing_after_hook_is_a_line_of_the_log),
        TEST(a_hook_that_takes_too_long_is_ended),
        TEST(cancelling_a_backup_ends_its_before_hook),
        TEST(a_program_that_is_not_there_stops_the_backup),
        TEST(what_is_no_command_is_refused),
    };

    return cmocka_run_group_tests_name("integration/hooks", tests, NULL, NULL);
}
