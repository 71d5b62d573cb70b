/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os/time.h"
#include "os/usage.h"

enum {
    BLOCK = 64 * 1024 * 1024,
    ROUGHLY = 4 * 1024 * 1024, /* The system counts pages on each processor for itself. */
};

/* Until the thread has run for so long. */
static void burn(int64_t ns)
{
    const int64_t until = bsi_thread_cpu_ns() + ns;

    while (bsi_thread_cpu_ns() < until) {
    }
}

static void work_takes_processor_time(void **state)
{
    const int64_t before = bsi_process_usage_now().cpu_ns;

    (void)state;
    burn(20000000);
    /* The system counts the process in whole microseconds. */
    assert_true(bsi_process_usage_now().cpu_ns - before >= 19000000);
}

static void memory_that_is_touched_is_resident_and_the_peak_stays(void **state)
{
    const bsi_memory_usage before = bsi_memory_now();
    bsi_memory_usage during;
    bsi_memory_usage after;
    char *block = malloc(BLOCK);

    (void)state;
    assert_non_null(block);
    memset(block, 1, BLOCK);
    during = bsi_memory_now();
    assert_true(block[BLOCK / 2] == 1);
    free(block);
    after = bsi_memory_now();
    assert_true(before.resident > 0 && before.peak >= before.resident);
    assert_true(during.resident >= before.resident + BLOCK / 2);
    assert_true(during.peak >= during.resident);
    assert_true(after.peak + ROUGHLY >= during.peak);
}

static void open_files_are_counted_without_the_look_itself(void **state)
{
    const uint64_t before = bsi_process_usage_now().open_files;
    const int fd = dup(STDERR_FILENO);
    struct rlimit limit;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(bsi_process_usage_now().open_files, before + 1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(bsi_process_usage_now().open_files, before);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(bsi_process_usage_now().max_files, limit.rlim_cur);
}

static void the_process_began_a_short_while_ago(void **state)
{
    const int64_t now = bsi_now().sec * 1000000000 + bsi_now().nsec;
    const int64_t started = bsi_process_usage_now().started_at;

    (void)state;
    assert_true(started <= now + 1000000000);
    assert_true(started > now - INT64_C(3600) * 1000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_takes_processor_time),
        cmocka_unit_test(memory_that_is_touched_is_resident_and_the_peak_stays),
        cmocka_unit_test(open_files_are_counted_without_the_look_itself),
        cmocka_unit_test(the_process_began_a_short_while_ago),
    };

    return cmocka_run_group_tests_name("os/usage", tests, NULL, NULL);
}
