/* SPDX-License-Identifier: MIT */
/*
 * Each call to the system fails, once or from then on: the failure is told as
 * what it is, what was there before is whole, and the next run succeeds.
 */
#include "stage.h"

#include <errno.h>
#include <stdio.h>

#define OP(name) (UINT64_C(1) << BSI_OS_##name)

enum { DEEP_EVERY = 8, STRIDE = 7 };

/* What fails, and what may be said of it. */
typedef struct trouble_kind {
    const char *name;
    uint64_t op_mask;
    int os_code;
    bs_status status;
    bool forever;
    bool writing; /* No source is ever written to: none may be blamed. */
    bool removing;
} trouble_kind;

static const trouble_kind troubles[] = {
    {"ENOSPC once", OP(WRITE) | OP(SYNC) | OP(RENAME) | OP(MKDIR) | OP(META), ENOSPC, BS_E_NO_SPACE,
     false, true, false},
    {"ENOSPC for good", OP(WRITE) | OP(SYNC) | OP(RENAME) | OP(MKDIR) | OP(META), ENOSPC,
     BS_E_NO_SPACE, true, true, false},
    {"EIO once", OP(WRITE) | OP(SYNC) | OP(RENAME) | OP(MKDIR) | OP(META), EIO, BS_E_IO, false,
     true, false},
    {"EIO for good", OP(WRITE) | OP(SYNC) | OP(RENAME) | OP(MKDIR) | OP(META) | OP(UNLINK), EIO,
     BS_E_IO, true, true, true},
    {"EIO of unlink", OP(UNLINK), EIO, BS_E_IO, false, true, true},
    {"EIO of open and close", OP(OPEN) | OP(CLOSE), EIO, BS_E_IO, false, false, true},
    {"EIO of all", 0, EIO, BS_E_IO, true, false, true},
};

/* --- What was told --- */

static void check_failure(const test_stage *stage, const trouble_kind *trouble, bs_status status)
{
    const bs_layer layer = bs_error_last()->layer;
    const bool told_right = status == trouble->status;

    if (!told_right) {
        print_error("%s: %s\n", bs_status_name(status), bs_error_last()->message);
    }
    assert_true(told_right);
    if (!trouble->writing) {
        return;
    }
    if (layer == BS_LAYER_SOURCE || layer == BS_LAYER_CALLER) {
        print_error("layer %d: %s\n", (int)layer, bs_error_last()->message);
        fail();
    }
    if (stage->scenario->deed == DEED_RESTORE) {
        assert_true(layer == BS_LAYER_TARGET || layer == BS_LAYER_SYSTEM);
    } else {
        assert_true(layer == BS_LAYER_STORAGE || layer == BS_LAYER_SYSTEM);
    }
}

static void check_success(test_stage *stage, const trouble_kind *trouble, bs_status status,
                          bool deep)
{
    if (trouble->writing && stage->source_blamed) {
        print_error("warned of: %s\n", stage->last_warning.message);
        fail();
    }
    if (status == BS_PARTIAL) {
        assert_true(stage->warnings > 0);
        if (trouble->removing) {
            stage_sweep(stage); /* Not even what is temporary could be removed. */
        }
        if (stage->scenario->deed == DEED_BACKUP && trouble->writing) {
            stage_check_run(stage, deep);
        }
        return;
    }
    assert_int_equal(stage->warnings, 0);
    if (stage->scenario->deed == DEED_BACKUP) {
        stage_check_run(stage, true);
    } else if (!trouble->removing) {
        stage_check_done(stage, deep);
    }
}

/* --- One point --- */

static void check_aftermath(test_stage *stage, const trouble_kind *trouble, bs_status status,
                            uint64_t number)
{
    const bool deep = number % DEEP_EVERY == 0;

    if (stage->scenario->deed == DEED_RESTORE) {
        stage_check_partial_restore(stage);
    }
    if (status >= 0) {
        check_success(stage, trouble, status, deep);
    } else if (!trouble->forever && !trouble->removing && stage->scenario->deed != DEED_REMOVE) {
        stage_check_untouched(stage);
    }
    if (status < 0 && (trouble->forever || trouble->removing || number % 2 == 0)) {
        stage_recover(stage);
        stage_check(stage, true, deep);
    }
    stage_check_repeats(stage, deep);
    stage_sweep(stage);
    stage_check_done(stage, deep);
}

/* False behind the last call. */
static bool fail_at(test_stage *stage, const trouble_kind *trouble, uint64_t at, uint64_t number)
{
    const bsi_fault_plan plan = {.op_mask = trouble->op_mask,
                                 .at = at,
                                 .os_code = trouble->os_code,
                                 .forever = trouble->forever,
                                 .short_io = true};
    unsigned files = 0;
    bs_status status = BS_OK;
    bool hit = false;

    stage_reset(stage);
    files = stage_open_files();
    bsi_fault_set(&plan);
    status = stage_act(stage);
    hit = bsi_fault_count() >= at;
    bsi_fault_set(NULL);
    if (!hit) {
        assert_ok(status);
        return false;
    }
    if (status < 0) {
        check_failure(stage, trouble, status);
    }
    stage_drop_cached(stage);
    assert_true(stage_open_files() <= files);
    check_aftermath(stage, trouble, status, number);
    return true;
}

static void try_calls(test_stage *stage, const trouble_kind *trouble)
{
    const test_scenario *scenario = stage->scenario;
    const uint64_t stride = stage_stride(scenario) * (stage_stride(scenario) > 1 ? STRIDE : 1);
    uint64_t number = 0;
    uint64_t at = 1;

    stage_note(stage, trouble->name, at);
    while (fail_at(stage, trouble, at, number)) {
        number++;
        at += stride;
        stage_note(stage, trouble->name, at);
    }
    print_message("# %s, %s: %d of about %d calls\n", scenario->name, trouble->name, (int)number,
                  (int)at - 1);
}

/* Of two scenarios that follow each other, short runs give each the troubles that the other lacks.
 */
static void play(test_stage *stage, size_t number)
{
    const test_scenario *scenario = &scenarios[number];
    const size_t step = stage_stride(scenario) > 1 ? 2 : 1;

    if (!stage_wants(scenario)) {
        return;
    }
    stage_begin(stage, scenario);
    for (size_t i = number % step; i < sizeof(troubles) / sizeof(troubles[0]); i += step) {
        try_calls(stage, &troubles[i]);
    }
    stage_close(stage);
    stage_end(stage);
}

static void every_failing_call_is_told_and_got_over(void **state)
{
    for (size_t i = 0; i < scenario_count; i++) {
        play(*state, i);
    }
}

/* With an argument: only scenarios whose name has it in it. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_failing_call_is_told_and_got_over, stage_setup,
                                        stage_teardown),
    };

    stage_choose(argc > 1 ? argv[1] : "");
    return cmocka_run_group_tests_name("fault/errors", tests, NULL, NULL);
}
