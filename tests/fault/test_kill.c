/* SPDX-License-Identifier: MIT */
/*
 * The process dies at each of its calls to the system, one after the other:
 * what was there before is whole, and the same command succeeds afterwards.
 */
#include "stage.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEEP_EVERY = 8 };

/* False when the child came to its end before its time. */
static bool die_at(test_stage *stage, uint64_t at)
{
    const bsi_fault_plan plan = {.at = at};
    int ended = 0;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        bs_status status = BS_OK;
        if (stage->scenario->encryption == BSI_ENCRYPTION_AES256) {
            stage_take_keys(stage); /* A signer's is another one each time, and libcrypto's. */
        }
        bsi_fault_set(&plan);
        status = stage_act(stage);
        bsi_fault_set(NULL);
        _exit(status == BS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &ended, 0), child);
    if (WIFSIGNALED(ended)) {
        assert_int_equal(WTERMSIG(ended), SIGKILL);
        return true;
    }
    assert_int_equal(WEXITSTATUS(ended), 0);
    return false;
}

static void play(test_stage *stage, const test_scenario *scenario)
{
    const uint64_t stride = stage_stride(scenario);
    uint64_t at = 1;
    uint64_t survived = 0;

    if (!stage_wants(scenario)) {
        return;
    }
    stage_begin(stage, scenario);
    stage_note(stage, "killed", at);
    for (stage_reset(stage); die_at(stage, at); stage_reset(stage)) {
        const bool deep = survived % DEEP_EVERY == 0;
        if (scenario->deed == DEED_RESTORE) {
            stage_check_partial_restore(stage);
        }
        stage_recover(stage);
        stage_check(stage, true, deep);
        stage_check_repeats(stage, deep);
        survived++;
        at += stride;
        stage_note(stage, "killed", at);
    }
    stage_check_done(stage, true);
    print_message("# %s: killed at %d of about %d calls\n", scenario->name, (int)survived,
                  (int)at - 1);
    stage_close(stage);
    stage_end(stage);
    assert_true(survived > 0);
}

static void every_kill_leaves_the_earlier_backups_whole(void **state)
{
    for (size_t i = 0; i < scenario_count; i++) {
        play(*state, &scenarios[i]);
    }
}

/* With an argument: only scenarios whose name has it in it. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kill_leaves_the_earlier_backups_whole, stage_setup,
                                        stage_teardown),
    };

    stage_choose(argc > 1 ? argv[1] : "");
    return cmocka_run_group_tests_name("fault/kill", tests, NULL, NULL);
}
