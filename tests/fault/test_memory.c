/* SPDX-License-Identifier: MIT */
/*
 * Each allocation fails, one after the other, alone or with all that follow:
 * the run ends with BS_E_NOMEM, or got over it; what was there before is whole.
 */
#include "stage.h"

#include "base/alloc.h"

enum { DEEP_EVERY = 16, STRIDE = 3 };

static void check_aftermath(test_stage *stage, bs_status status, bool forever, uint64_t number)
{
    const bool deep = number % DEEP_EVERY == 0;

    if (stage->scenario->deed == DEED_RESTORE) {
        stage_check_partial_restore(stage);
    } else if (status < 0 && forever) {
        stage_recover(stage);
        stage_check(stage, false, deep);
    } else if (status < 0 && stage->scenario->deed == DEED_BACKUP) {
        stage_check_untouched(stage);
    }
    if (status == BS_OK) {
        stage_check_done(stage, deep);
    } else if (status == BS_PARTIAL) {
        assert_true(stage->warnings > 0);
    }
    stage_check_repeats(stage, deep);
}

/* False when there are fewer allocations. */
static bool starve_at(test_stage *stage, uint64_t at, bool forever, uint64_t number)
{
    unsigned files = 0;
    bs_status status = BS_OK;
    bool hit = false;

    stage_reset(stage);
    files = stage_open_files();
    bsi_alloc_fail_after((long)at);
    status = stage_act(stage);
    hit = bsi_alloc_has_failed();
    bsi_alloc_fail_after(-1);
    if (!hit) {
        assert_ok(status);
        return false;
    }
    if (status < 0 && status != BS_E_NOMEM) {
        print_error("%s: %s\n", bs_status_name(status), bs_error_last()->message);
    }
    assert_true(status >= 0 || status == BS_E_NOMEM);
    stage_drop_cached(stage);
    assert_true(stage_open_files() <= files);
    check_aftermath(stage, status, forever, number);
    return true;
}

static void play(test_stage *stage, const test_scenario *scenario, bool forever)
{
    const uint64_t stride = stage_stride(scenario) * (stage_stride(scenario) > 1 ? STRIDE : 1);
    uint64_t number = 0;
    uint64_t at = 0;

    if (!stage_wants(scenario)) {
        return;
    }
    stage_begin(stage, scenario);
    bsi_alloc_fail_forever(forever);
    stage_note(stage, "no memory", at);
    while (starve_at(stage, at, forever, number)) {
        number++;
        at += stride;
        stage_note(stage, "no memory", at);
    }
    bsi_alloc_fail_forever(false);
    print_message("# %s: %d of about %d allocations%s\n", scenario->name, (int)number, (int)at,
                  forever ? ", and all behind them" : "");
    stage_close(stage);
    stage_end(stage);
}

static void every_missing_allocation_is_got_over(void **state)
{
    for (size_t i = 0; i < scenario_count; i++) {
        play(*state, &scenarios[i], false);
    }
}

static void so_is_memory_that_stays_missing(void **state)
{
    for (size_t i = 0; i < scenario_count; i++) {
        play(*state, &scenarios[i], true);
    }
}

/* With an argument: only scenarios whose name has it in it. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_missing_allocation_is_got_over, stage_setup,
                                        stage_teardown),
        cmocka_unit_test_setup_teardown(so_is_memory_that_stays_missing, stage_setup,
                                        stage_teardown),
    };

    stage_choose(argc > 1 ? argv[1] : "");
    return cmocka_run_group_tests_name("fault/memory", tests, NULL, NULL);
}
