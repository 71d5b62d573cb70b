/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fault.h"
#include "os/locked.h"

enum { SIZE = 5000 };

static int teardown(void **state)
{
    (void)state;
    bsi_fault_set(NULL);
    return 0;
}

static void pages_are_zeroed_and_can_be_written(void **state)
{
    void *pages = NULL;
    uint8_t *bytes = NULL;

    (void)state;
    assert_ok(bsi_locked_map(SIZE, &pages));
    bytes = pages;
    for (size_t i = 0; i < SIZE; i++) {
        assert_int_equal(bytes[i], 0);
        bytes[i] = 1;
    }
    bsi_locked_unmap(pages, SIZE);
    bsi_locked_unmap(NULL, SIZE);
}

/* The flags that the kernel shows of the mapping that begins at `pages`. */
static void read_flags(const void *pages, char *out, size_t out_size)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512];
    char begin[32];
    bool found = false;

    assert_non_null(maps);
    (void)snprintf(begin, sizeof(begin), "%lx-", (unsigned long)(uintptr_t)pages);
    out[0] = '\0';
    while (out[0] == '\0' && fgets(line, sizeof(line), maps)) {
        found = found || strncmp(line, begin, strlen(begin)) == 0;
        if (found && strncmp(line, "VmFlags:", 8) == 0) {
            (void)snprintf(out, out_size, "%s", line);
        }
    }
    assert_int_equal(fclose(maps), 0);
}

static void core_dumps_and_forked_children_get_nothing(void **state)
{
    void *pages = NULL;
    char flags[512];
    pid_t child = 0;
    int result = 0;

    (void)state;
    assert_ok(bsi_locked_map(SIZE, &pages));
    memset(pages, 0x5a, SIZE);
    read_flags(pages, flags, sizeof(flags));
    if (flags[0] != '\0') { /* Some sandboxes show no flags. */
        assert_non_null(strstr(flags, " dd"));
        assert_non_null(strstr(flags, " wf"));
    }
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const uint8_t *bytes = pages;
        _exit(bytes[0] == 0 && bytes[SIZE - 1] == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    assert_int_equal(*(uint8_t *)pages, 0x5a);
    bsi_locked_unmap(pages, SIZE);
}

static void no_memory_is_reported(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_MAP, .at = 1, .os_code = ENOMEM};
    void *pages = NULL;

    (void)state;
    bsi_fault_set(&plan);
    assert_status(bsi_locked_map(SIZE, &pages), BS_E_NOMEM);
    assert_null(pages);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_are_zeroed_and_can_be_written),
        TEST(core_dumps_and_forked_children_get_nothing),
        TEST(no_memory_is_reported),
    };

    return cmocka_run_group_tests_name("os/locked", tests, NULL, NULL);
}
