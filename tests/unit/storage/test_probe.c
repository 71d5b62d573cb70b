/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "os/time.h"
#include "storage/decorators/faulty.h"
#include "storage/probe.h"
#include "support/tempdir.h"

enum { TWO_HOURS = 7200 };

/* A local storage below faulty. */
typedef struct fixture {
    void *dir;
    bsi_storage *local;
    bsi_storage *faulty;
    bsi_probe probe;
} fixture;

static fixture fix;

static int setup(void **state)
{
    bsi_setting settings[] = {{"path", NULL}};

    (void)state;
    memset(&fix, 0, sizeof(fix));
    if (test_dir_setup(&fix.dir) != 0) {
        return -1;
    }
    settings[0].value = ((test_dir *)fix.dir)->path;
    return bsi_storage_open("local", settings, 1, NULL, &fix.local) == BS_OK &&
                   bsi_storage_faulty_new(fix.local, &fix.faulty) == BS_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    bsi_alloc_fail_after(-1);
    bsi_storage_unref(fix.faulty);
    bsi_storage_unref(fix.local);
    return test_dir_teardown(&fix.dir);
}

/* One without a name when there is none. */
static const bsi_probe_step *step_of(const char *name)
{
    static const bsi_probe_step none = {.result = BSI_PROBE_FAILED};

    for (size_t i = 0; i < fix.probe.count; i++) {
        if (strcmp(fix.probe.steps[i].name, name) == 0) {
            return &fix.probe.steps[i];
        }
    }
    return &none;
}

static bs_status count_object(void *user, const char *key, const bs_storage_object *object)
{
    (void)key;
    (void)object;
    (*(size_t *)user)++;
    return BS_OK;
}

static size_t objects_left(void)
{
    size_t count = 0;

    assert_ok(bsi_storage_list(fix.local, NULL, "", count_object, &count));
    return count;
}

static void a_good_storage_passes_every_step(void **state)
{
    (void)state;
    assert_ok(bsi_storage_probe(fix.local, NULL, &fix.probe));
    assert_true(fix.probe.count > 0);
    for (size_t i = 0; i < fix.probe.count; i++) {
        if (fix.probe.steps[i].result != BSI_PROBE_OK) {
            fail_msg("%s: %s", fix.probe.steps[i].name, fix.probe.steps[i].error.message);
        }
    }
    assert_true(fix.probe.clock_is_known);
    assert_true(fix.probe.free_bytes > 0 && fix.probe.free_bytes != BS_STORAGE_NO_SIZE);
    assert_int_equal(objects_left(), 0);
}

static void what_a_storage_says_that_it_cannot_is_no_failure(void **state)
{
    bsi_storage *mem = NULL;

    (void)state;
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &mem));
    assert_ok(bsi_storage_probe(mem, NULL, &fix.probe));
    assert_int_equal(step_of("free_space")->result, BSI_PROBE_LACKS);
    assert_int_equal(step_of("read")->result, BSI_PROBE_OK);
    assert_true(fix.probe.free_bytes == BS_STORAGE_NO_SIZE);
    bsi_storage_unref(mem);
}

/* What a plan makes fail, and that the rest is tried all the same. */
static void check_failing(uint32_t op, const char *name)
{
    const bsi_faulty_plan plan = {
        .op_mask = op, .at = 1, .every = true, .code = BS_E_ACCESS, .retry = BS_RETRY_NEVER};

    bsi_storage_faulty_set(fix.faulty, &plan);
    assert_ok(bsi_storage_probe(fix.faulty, NULL, &fix.probe));
    bsi_storage_faulty_set(fix.faulty, NULL);
    assert_non_null(step_of(name)->name);
    assert_int_equal(step_of(name)->result, BSI_PROBE_FAILED);
    assert_int_equal(step_of(name)->error.code, BS_E_ACCESS);
    assert_non_null(strstr(step_of(name)->error.message, BSI_PROBE_FOLDER));
    assert_int_equal(step_of("put")->result, BSI_PROBE_OK);
    assert_non_null(step_of("remove")->name);
}

static void each_step_fails_by_itself(void **state)
{
    (void)state;
    check_failing(BSI_FAULTY_STAT, "stat");
    check_failing(BSI_FAULTY_READ, "read_range");
    check_failing(BSI_FAULTY_RENAME, "rename");
    assert_int_equal(step_of("read")->result, BSI_PROBE_OK);
    assert_int_equal(objects_left(), 0);
}

static void removing_that_fails_is_told(void **state)
{
    (void)state;
    check_failing(BSI_FAULTY_REMOVE, "remove");
    assert_int_equal(step_of("parallel")->result, BSI_PROBE_FAILED);
}

static void without_a_put_there_is_nothing_to_try(void **state)
{
    const bsi_faulty_plan plan = {
        .op_mask = BSI_FAULTY_COMMIT, .at = 1, .every = true, .code = BS_E_NO_SPACE};

    (void)state;
    bsi_storage_faulty_set(fix.faulty, &plan);
    assert_ok(bsi_storage_probe(fix.faulty, NULL, &fix.probe));
    assert_int_equal(fix.probe.count, 1);
    assert_int_equal(fix.probe.steps[0].error.code, BS_E_NO_SPACE);
    assert_int_equal(objects_left(), 0);
}

static void what_an_earlier_probe_left_goes_and_nothing_else(void **state)
{
    const char *const others[] = {BSI_PROBE_FOLDER "/0123456789abcdef/object", "docs/object"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(others); i++) {
        assert_ok(bsi_storage_put(fix.local, NULL, others[i], "x", 1));
    }
    assert_ok(bsi_storage_probe(fix.local, NULL, &fix.probe));
    assert_int_equal(objects_left(), 2);
    bsi_clock_shift(TWO_HOURS);
    assert_ok(bsi_storage_probe(fix.local, NULL, &fix.probe));
    bsi_clock_shift(-TWO_HOURS);
    assert_int_equal(objects_left(), 1);
    assert_true(fix.probe.clock_ahead_ns < 0);
}

static void giving_up_ends_it(void **state)
{
    bsi_cancel cancel = {.requested = true};
    const bs_call call = {.cancel = &cancel};

    (void)state;
    assert_status(bsi_storage_probe(fix.local, &call, &fix.probe), BS_E_CANCELLED);
    assert_int_equal(objects_left(), 0);
}

static void every_lack_of_memory_is_told(void **state)
{
    bs_status status = BS_E_NOMEM;

    (void)state;
    for (int allowed = 0; status == BS_E_NOMEM; allowed++) {
        bsi_alloc_fail_after(allowed);
        status = bsi_storage_probe(fix.local, NULL, &fix.probe);
        bsi_alloc_fail_after(-1);
    }
    assert_ok(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_storage_passes_every_step, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_storage_says_that_it_cannot_is_no_failure, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(each_step_fails_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(removing_that_fails_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_put_there_is_nothing_to_try, setup, teardown),
        cmocka_unit_test_setup_teardown(what_an_earlier_probe_left_goes_and_nothing_else, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(giving_up_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(every_lack_of_memory_is_told, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
