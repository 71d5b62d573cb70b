/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/decorators/trace.h"

enum { LINES_MAX = 64 };

static char *lines[LINES_MAX];
static size_t count;

static void keep(bs_log_level level, const char *module, const char *message, void *user)
{
    (void)user;
    assert_int_equal(level, BS_LOG_DEBUG);
    assert_string_equal(module, "storage");
    assert_true(count < LINES_MAX);
    lines[count++] = strdup(message);
    (void)bsi_fail(BS_LAYER_SYSTEM, BS_E_NO_SPACE, "the log is full");
}

static bsi_log the_log = {.sink = keep, .level = BS_LOG_DEBUG};

static void forget_lines(void)
{
    while (count > 0) {
        free(lines[--count]);
    }
}

static int setup(void **state)
{
    (void)state;
    the_log.level = BS_LOG_DEBUG;
    return bsi_storage_open("mem", NULL, 0, NULL, &fix.mem) == BS_OK &&
                   bsi_storage_faulty_new(fix.mem, &fix.faulty) == BS_OK &&
                   bsi_storage_trace_new(fix.faulty, "offsite", &the_log, &fix.storage) == BS_OK
               ? 0
               : -1;
}

static int end(void **state)
{
    forget_lines();
    return teardown(state);
}

/* The only line since the last look; its milliseconds may be any. */
static void assert_line(const char *before, const char *behind)
{
    assert_int_equal(count, 1);
    print_message("# %s\n", lines[0]);
    assert_true(strncmp(lines[0], before, strlen(before)) == 0);
    assert_non_null(strstr(lines[0], behind));
    forget_lines();
}

static bs_status take(void *user, const char *key, const bs_storage_object *object)
{
    (void)key;
    (void)object;
    return *(const bs_status *)user;
}

static void each_call_has_its_line(void **state)
{
    static const char *const keys[] = {"a/c", "a/d"};
    bs_status answer = BS_OK;
    bs_storage_object object;
    char bytes[3];

    (void)state;
    assert_ok(bsi_storage_put(fix.storage, NULL, "a/b", "bytes", 5));
    assert_line("'offsite': put 'a/b', 5 bytes, ", " ms, BS_OK");
    assert_ok(bsi_storage_stat(fix.storage, NULL, "a/b", &object));
    assert_line("'offsite': stat 'a/b', 0 bytes, ", "BS_OK");
    assert_ok(bsi_storage_read(fix.storage, NULL, "a/b", 1, bytes, sizeof(bytes)));
    assert_line("'offsite': read 'a/b', 3 bytes, ", "BS_OK");
    assert_ok(bsi_storage_list(fix.storage, NULL, "a", take, &answer));
    assert_line("'offsite': list 'a', 0 bytes, ", "BS_OK");
    assert_ok(bsi_storage_set_mtime(fix.storage, NULL, "a/b", 0));
    assert_line("'offsite': set time 'a/b'", "BS_OK");
    assert_ok(bsi_storage_rename(fix.storage, NULL, "a/b", "a/c"));
    assert_line("'offsite': rename 'a/b'", "BS_OK");
    assert_ok(bsi_storage_remove(fix.storage, NULL, "a/c"));
    assert_line("'offsite': remove 'a/c'", "BS_OK");
    fix.storage->ops.remove_many = NULL;
    assert_ok(bsi_storage_remove_many(fix.storage, NULL, keys, 2));
    assert_int_equal(count, 2);
}

static void failures_are_told_and_stay_as_they_are(void **state)
{
    const bsi_faulty_plan plan = {.at = 1, .forever = true, .code = BS_E_IO};
    bs_storage_object object;

    (void)state;
    bsi_storage_faulty_set(fix.faulty, &plan);
    assert_status(bsi_storage_stat(fix.storage, NULL, "a", &object), BS_E_IO);
    assert_non_null(strstr(bs_error_last()->message, "a planned failure"));
    assert_line("'offsite': stat 'a', 0 bytes, ", "BS_E_IO");
    assert_status(bsi_storage_put(fix.storage, NULL, "a", "x", 1), BS_E_IO);
    assert_line("'offsite': put 'a', 0 bytes, ", "BS_E_IO");
}

static void an_upload_has_one_line_however_it_ends(void **state)
{
    bsi_upload *upload = NULL;

    (void)state;
    assert_ok(bsi_upload_begin(fix.storage, NULL, "a", NULL, &upload));
    assert_ok(bsi_upload_write(upload, NULL, "abc", 3));
    assert_ok(bsi_upload_write(upload, NULL, "de", 2));
    assert_int_equal(count, 0);
    bsi_upload_abort(upload);
    assert_line("'offsite': put 'a', 5 bytes, ", "BS_E_CANCELLED");
}

/* Each attempt of a driver that can go on. */
static void an_attempt_that_goes_on_is_told_with_the_next(void **state)
{
    const bsi_faulty_plan plan = {.op_mask = BSI_FAULTY_WRITE, .at = 1, .code = BS_E_IO};
    const bs_storage_put_options options = BSI_PUT_DEFAULTS;
    const bs_storage_ops *ops = &fix.storage->ops;
    void *self = fix.storage->self;
    void *upload = NULL;

    (void)state;
    fix.faulty->caps |= BS_STORAGE_CAP_RESUME;
    assert_ok(ops->put_begin(self, NULL, "a", &options, &upload));
    bsi_storage_faulty_set(fix.faulty, &plan);
    assert_status(ops->put_write(self, NULL, upload, "abc", 3), BS_E_IO);
    assert_line("'offsite': put 'a', 0 bytes, ", "BS_E_IO");
    assert_ok(ops->put_write(self, NULL, upload, "abc", 3));
    assert_ok(ops->put_commit(self, NULL, upload));
    assert_line("'offsite': put 'a', 3 bytes, ", "BS_OK");
}

static void what_the_callback_says_is_no_failure(void **state)
{
    bs_status answer = BS_E_CALLBACK;

    (void)state;
    assert_ok(bsi_storage_put(fix.mem, NULL, "a", "x", 1));
    assert_status(bsi_storage_list(fix.storage, NULL, "", take, &answer), BS_E_CALLBACK);
    assert_line("'offsite': list '', 0 bytes, ", "BS_OK");
}

static void keys_are_shown_so_that_a_line_stays_a_line(void **state)
{
    bs_storage_object object;

    (void)state;
    assert_status(bsi_storage_stat(fix.storage, NULL, "a\nb", &object), BS_E_NOT_FOUND);
    assert_int_equal(count, 1);
    assert_null(strchr(lines[0], '\n'));
}

static void at_other_levels_nothing_is_told(void **state)
{
    (void)state;
    the_log.level = BS_LOG_INFO;
    assert_ok(bsi_storage_put(fix.storage, NULL, "a", "x", 1));
    assert_int_equal(count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_call_has_its_line),
        TEST(failures_are_told_and_stay_as_they_are),
        TEST(an_upload_has_one_line_however_it_ends),
        TEST(an_attempt_that_goes_on_is_told_with_the_next),
        TEST(what_the_callback_says_is_no_failure),
        TEST(keys_are_shown_so_that_a_line_stays_a_line),
        TEST(at_other_levels_nothing_is_told),
    };

    return cmocka_run_group_tests_name("storage/trace", tests, NULL, NULL);
}
