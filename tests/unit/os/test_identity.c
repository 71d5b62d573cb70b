/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <limits.h>
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/identity.h"

static void this_process_is_known_by_host_and_number(void **state)
{
    struct utsname system;
    bsi_identity identity;

    (void)state;
    assert_int_equal(uname(&system), 0);
    assert_ok(bsi_identity_get(&identity));
    assert_string_equal(identity.host, system.nodename);
    assert_int_equal(identity.pid, getpid());
    assert_int_equal(identity.uid, getuid());
    assert_int_equal(identity.gid, getgid());
    assert_true(bsi_process_exists(identity.pid));
}

static void a_process_is_gone_once_it_was_collected(void **state)
{
    const pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        (void)pause();
        _exit(0);
    }
    assert_true(bsi_process_exists((uint32_t)child));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(bsi_process_exists((uint32_t)child));
}

static void numbers_that_mean_groups_are_no_process(void **state)
{
    (void)state;
    assert_false(bsi_process_exists(0));
    assert_false(bsi_process_exists((uint32_t)INT_MAX + 1));
    assert_false(bsi_process_exists(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_process_is_known_by_host_and_number),
        cmocka_unit_test(a_process_is_gone_once_it_was_collected),
        cmocka_unit_test(numbers_that_mean_groups_are_no_process),
    };

    return cmocka_run_group_tests_name("os/identity", tests, NULL, NULL);
}
