/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/fault.h"
#include "os/process.h"

enum { LONG_MS = 30000 };

static int teardown(void **state)
{
    (void)state;
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    return 0;
}

static bsi_process *start_shell(const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    bsi_process *process = NULL;

    assert_ok(bsi_process_start(argv, NULL, &process));
    return process;
}

/* All that it says, up to `size` bytes. */
static size_t read_all(bsi_process *process, char *buf, size_t size)
{
    size_t used = 0;
    size_t got = 1;

    while (got > 0 && used < size) {
        assert_ok(bsi_process_read(process, buf + used, size - used, LONG_MS, &got));
        used += got;
    }
    return used;
}

static void output_comes_through(void **state)
{
    char text[64];
    bsi_process *process = start_shell("printf 'a b\\nc'");

    (void)state;
    assert_int_equal(read_all(process, text, sizeof(text)), 5);
    assert_memory_equal(text, "a b\nc", 5);
    assert_ok(bsi_process_finish(process));
    bsi_process_free(process);
}

static void standard_input_is_empty(void **state)
{
    char text[64];
    bsi_process *process = start_shell("cat; echo end");

    (void)state;
    assert_int_equal(read_all(process, text, sizeof(text)), 4);
    assert_ok(bsi_process_finish(process));
    bsi_process_free(process);
}

static void hidden_variables_are_not_inherited(void **state)
{
    static const char *const argv[] = {"sh", "-c",
                                       "echo ${BSI_OPEN-}:${BSI_OPEN_TOO-}:${BSI_SHUT-}", NULL};
    static const char *const hidden[] = {"BSI_SHUT", "BSI_OPE", NULL};
    char text[64];
    bsi_process *process = NULL;

    (void)state;
    assert_int_equal(setenv("BSI_OPEN", "a", 1), 0);
    assert_int_equal(setenv("BSI_OPEN_TOO", "b", 1), 0);
    assert_int_equal(setenv("BSI_SHUT", "c", 1), 0);
    assert_ok(bsi_process_start(argv, hidden, &process));
    assert_int_equal(read_all(process, text, sizeof(text)), 5);
    assert_memory_equal(text, "a:b:\n", 5);
    assert_ok(bsi_process_finish(process));
    bsi_process_free(process);
}

static void a_failure_tells_code_and_the_end_of_its_errors(void **state)
{
    bsi_process *process = start_shell("echo one >&2; echo two >&2; exit 3");

    (void)state;
    assert_status(bsi_process_finish(process), BS_E_COMMAND);
    assert_string_equal(bs_error_last()->message, "'sh' ended with code 3: one two");
    bsi_process_free(process);
}

static void a_signal_is_told(void **state)
{
    bsi_process *process = start_shell("kill -TERM $$");

    (void)state;
    assert_status(bsi_process_finish(process), BS_E_COMMAND);
    assert_string_equal(bs_error_last()->message, "'sh' was ended by signal 15");
    bsi_process_free(process);
}

static void much_on_standard_error_does_not_stop_it(void **state)
{
    char text[16];
    bsi_process *process = start_shell(
        "i=0; while [ $i -lt 5000 ]; do echo 0123456789012345678901234567890123456789 >&2; "
        "i=$((i+1)); done; echo out; echo last >&2; exit 1");

    (void)state;
    assert_int_equal(read_all(process, text, sizeof(text)), 4);
    assert_status(bsi_process_finish(process), BS_E_COMMAND);
    assert_non_null(strstr(bs_error_last()->message, "0123456789 last"));
    bsi_process_free(process);
}

static void a_silent_command_lets_the_reader_go(void **state)
{
    char byte = 0;
    size_t got = 0;
    bsi_process *process = start_shell("exec sleep 1000");

    (void)state;
    assert_status(bsi_process_read(process, &byte, 1, 0, &got), BS_E_TIMEOUT);
    assert_status(bsi_process_read(process, &byte, 1, 1, &got), BS_E_TIMEOUT);
    bsi_process_free(process);
}

static void children_of_the_command_are_killed_with_it(void **state)
{
    char text[16];
    size_t got = 0;
    bsi_process *process = start_shell("sleep 1000 & sleep 1000 & echo x; wait");

    (void)state;
    assert_ok(bsi_process_read(process, text, sizeof(text), LONG_MS, &got));
    assert_int_equal(got, 2);
    bsi_process_free(process);
}

static void an_unread_rest_does_not_stop_the_end(void **state)
{
    bsi_process *process =
        start_shell("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done");

    (void)state;
    assert_ok(bsi_process_finish(process));
    bsi_process_free(process);
}

static void who_keeps_the_pipes_open_does_not_stop_the_end(void **state)
{
    bsi_process *process = start_shell("sleep 3 & exit 0");

    (void)state;
    assert_ok(bsi_process_finish(process));
    bsi_process_free(process);
}

static void no_descriptor_but_the_three_is_inherited(void **state)
{
    char text[64];
    bsi_process *process = start_shell("cd /proc/self/fd && for f in [3-9]*; do "
                                       "[ -e $f ] && readlink $f; done; echo end");

    (void)state;
    assert_int_equal(read_all(process, text, sizeof(text)), 4);
    assert_ok(bsi_process_finish(process));
    bsi_process_free(process);
}

static void an_unknown_command_is_not_found(void **state)
{
    const char *const argv[] = {"no-such-command-here", NULL};
    bsi_process *process = NULL;

    (void)state;
    assert_status(bsi_process_start(argv, NULL, &process), BS_E_NOT_FOUND);
    assert_null(process);
}

static void every_failure_to_start_leaves_nothing_behind(void **state)
{
    const char *const argv[] = {"true", NULL};
    bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_SPAWN, .at = 1, .os_code = 24};
    bsi_process *process = NULL;

    (void)state;
    for (plan.at = 1; plan.at <= 3; plan.at++) {
        bsi_fault_set(&plan);
        assert_status(bsi_process_start(argv, NULL, &process), BS_E_LIMIT);
        assert_null(process);
    }
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(0);
    assert_status(bsi_process_start(argv, NULL, &process), BS_E_NOMEM);
    bsi_process_free(NULL);
}

static bsi_process *start_helper(const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    const char *const hidden[] = {"HOME", NULL};
    const char *const added[] = {"HOME=of the helper", "BSI_ADDED=x=y", NULL};
    bsi_process *process = NULL;

    assert_ok(bsi_process_start_helper(argv, hidden, added, &process));
    return process;
}

static void a_helper_says_all_on_one_line_and_has_its_variables(void **state)
{
    char text[64];
    bsi_process *process = start_helper("echo one; echo two >&2; echo $HOME $BSI_ADDED");
    const size_t size = read_all(process, text, sizeof(text));

    (void)state;
    assert_int_equal(size, 8 + strlen("of the helper x=y\n"));
    assert_memory_equal(text, "one\ntwo\nof the helper x=y\n", size);
    assert_ok(bsi_process_finish(process));
    bsi_process_free(process);
}

static void a_helper_ends_when_it_is_given_up(void **state)
{
    char text[8];
    size_t got = 0;
    bsi_process *process = start_helper("echo up; exec sleep 1000");

    (void)state;
    assert_ok(bsi_process_read(process, text, sizeof(text), LONG_MS, &got));
    assert_status(bsi_process_wait(process, 0), BS_E_TIMEOUT);
    bsi_process_free(process);
}

/* A process of its own, which has a helper and dies. The helper holds the pipe open. */
static void start_and_die(int told)
{
    char script[128];
    char text[8];
    size_t got = 0;
    bsi_process *process = NULL;
    const char *const nothing[] = {NULL};
    const char *const argv[] = {"sh", "-c", script, NULL};

    (void)snprintf(script, sizeof(script), "exec 3>/proc/%d/fd/%d; echo up; exec sleep 1000",
                   (int)getpid(), told);
    if (bsi_process_start_helper(argv, nothing, nothing, &process) == BS_OK &&
        bsi_process_read(process, text, sizeof(text), LONG_MS, &got) == BS_OK && got == 3 &&
        write(told, "s", 1) == 1) {
        (void)raise(SIGKILL);
    }
    _exit(1);
}

static void a_helper_ends_when_we_are_killed(void **state)
{
    int fds[2];
    int result = 0;
    char byte = 0;
    pid_t child = 0;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        start_and_die(fds[1]);
    }
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    assert_int_equal(byte, 's');
    assert_int_equal(read(fds[0], &byte, 1), 0); /* The end comes when the helper has ended. */
    assert_int_equal(close(fds[0]), 0);
}

static void a_helper_that_does_not_start_leaves_nothing_behind(void **state)
{
    const char *const argv[] = {"true", NULL};
    const char *const nothing[] = {NULL};
    bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_SPAWN, .at = 1, .os_code = 24};
    bsi_process *process = NULL;

    (void)state;
    for (plan.at = 1; plan.at <= 3; plan.at++) {
        bsi_fault_set(&plan);
        assert_status(bsi_process_start_helper(argv, nothing, nothing, &process), BS_E_LIMIT);
        assert_null(process);
    }
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(0);
    assert_status(bsi_process_start_helper(argv, nothing, nothing, &process), BS_E_NOMEM);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(output_comes_through),
        TEST(standard_input_is_empty),
        TEST(hidden_variables_are_not_inherited),
        TEST(a_failure_tells_code_and_the_end_of_its_errors),
        TEST(a_signal_is_told),
        TEST(much_on_standard_error_does_not_stop_it),
        TEST(a_silent_command_lets_the_reader_go),
        TEST(children_of_the_command_are_killed_with_it),
        TEST(an_unread_rest_does_not_stop_the_end),
        TEST(who_keeps_the_pipes_open_does_not_stop_the_end),
        TEST(no_descriptor_but_the_three_is_inherited),
        TEST(an_unknown_command_is_not_found),
        TEST(every_failure_to_start_leaves_nothing_behind),
        TEST(a_helper_says_all_on_one_line_and_has_its_variables),
        TEST(a_helper_ends_when_it_is_given_up),
        TEST(a_helper_ends_when_we_are_killed),
        TEST(a_helper_that_does_not_start_leaves_nothing_behind),
    };

    return cmocka_run_group_tests_name("os/process", tests, NULL, NULL);
}
