/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fault.h"
#include "os/file.h"
#include "support/tempdir.h"

static int at(void **state)
{
    return ((const test_dir *)*state)->fd;
}

static int teardown(void **state)
{
    bsi_fault_set(NULL);
    return test_dir_teardown(state);
}

/* Touches most kinds of calls, and cleans up after itself when it can. */
static bs_status do_much(int dir)
{
    uint8_t bytes[64] = {0};
    size_t got = 0;
    int fd = -1;
    bs_status status = bsi_mkdir(dir, "d", 0700);

    if (status == BS_OK) {
        status = bsi_open(dir, "d/f", BSI_OPEN_READ | BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0600, &fd);
    }
    if (status == BS_OK) {
        status = bsi_write(fd, bytes, sizeof(bytes));
    }
    if (status == BS_OK) {
        status = bsi_sync(fd);
    }
    if (status == BS_OK) {
        status = bsi_pread(fd, bytes, sizeof(bytes), 0, &got);
    }
    if (status == BS_OK) {
        status = bsi_close(fd);
        fd = -1;
    }
    if (status == BS_OK) {
        status = bsi_rename(dir, "d/f", dir, "d/g", true);
    }
    bsi_close_quietly(fd);
    return status;
}

static void clean(int dir)
{
    bsi_fault_set(NULL);
    (void)unlinkat(dir, "d/f", 0);
    (void)unlinkat(dir, "d/g", 0);
    (void)unlinkat(dir, "d", AT_REMOVEDIR);
}

static void each_call_in_turn_can_fail(void **state)
{
    bsi_fault_plan plan = {.os_code = EIO};
    uint64_t calls = 0;

    bsi_fault_set(&plan);
    assert_ok(do_much(at(state)));
    calls = bsi_fault_count();
    clean(at(state));
    assert_true(calls >= 8);
    for (plan.at = 1; plan.at <= calls; plan.at++) {
        bsi_fault_set(&plan);
        assert_status(do_much(at(state)), BS_E_IO);
        clean(at(state));
    }
}

static void only_the_chosen_kind_counts(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_RENAME, .at = 2, .os_code = EIO};

    bsi_fault_set(&plan);
    assert_ok(do_much(at(state)));
    assert_int_equal(bsi_fault_count(), 1);
    clean(at(state));
}

static void a_plan_hits_once_or_for_ever(void **state)
{
    bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_SYNC, .at = 2, .os_code = ENOSPC};

    bsi_fault_set(&plan);
    assert_ok(bsi_sync(at(state)));
    assert_status(bsi_sync(at(state)), BS_E_NO_SPACE);
    assert_ok(bsi_sync(at(state)));
    plan.forever = true;
    bsi_fault_set(&plan);
    assert_ok(bsi_sync(at(state)));
    assert_status(bsi_sync(at(state)), BS_E_NO_SPACE);
    assert_status(bsi_sync(at(state)), BS_E_NO_SPACE);
    bsi_fault_set(NULL);
    assert_ok(bsi_sync(at(state)));
    assert_int_equal(bsi_fault_count(), 3);
}

static void transfers_are_halved_but_never_nothing(void **state)
{
    const bsi_fault_plan plan = {.short_io = true};

    (void)state;
    assert_int_equal(bsi_fault_short(9), 9);
    bsi_fault_set(&plan);
    assert_int_equal(bsi_fault_short(9), 4);
    assert_int_equal(bsi_fault_short(1), 1);
    assert_int_equal(bsi_fault_short(0), 0);
}

static void the_process_can_die_before_a_call(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_RENAME, .at = 1};
    bsi_stat info;
    int result = 0;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        bsi_fault_set(&plan);
        _exit(do_much(at(state)) == BS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL);
    assert_ok(bsi_stat_at(at(state), "d/f", &info));
    assert_int_equal(info.size, 64);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_dir_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_call_in_turn_can_fail),        TEST(only_the_chosen_kind_counts),
        TEST(a_plan_hits_once_or_for_ever),      TEST(transfers_are_halved_but_never_nothing),
        TEST(the_process_can_die_before_a_call),
    };

    return cmocka_run_group_tests_name("os/fault", tests, NULL, NULL);
}
