/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
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
    bsi_alloc_fail_after(-1);
    return test_dir_teardown(state);
}

/* A new file, or a skipped test where the file system keeps no attributes. */
static int open_file(void **state, unsigned flags)
{
    int fd = -1;

    assert_ok(bsi_open(at(state), "f", BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0600, &fd));
    if (bsi_xattr_set(fd, "user.probe", "", 0) == BS_E_UNSUPPORTED) {
        bsi_close_quietly(fd);
        skip();
    }
    assert_ok(bsi_xattr_remove(fd, "user.probe"));
    if ((flags & BSI_OPEN_PATH) != 0) {
        assert_ok(bsi_close(fd));
        assert_ok(bsi_open(at(state), "f", flags, 0, &fd));
    }
    return fd;
}

static void assert_value(int fd, const char *name, const void *expected, size_t expected_size)
{
    uint8_t *value = NULL;
    size_t size = 0;

    assert_ok(bsi_xattr_get(fd, name, &value, &size));
    assert_non_null(value);
    assert_int_equal(size, expected_size);
    assert_memory_equal(value, expected, size);
    bsi_free(value);
}

static bool is_listed(const char *names, size_t size, const char *name)
{
    for (size_t i = 0; i < size; i += strlen(names + i) + 1) {
        if (strcmp(names + i, name) == 0) {
            return true;
        }
    }
    return false;
}

static void check_round_trip(int fd)
{
    uint8_t *value = NULL;
    char *names = NULL;
    size_t size = 0;

    assert_ok(bsi_xattr_set(fd, "user.a", "1\0002", 3));
    assert_ok(bsi_xattr_set(fd, "user.b", "", 0));
    assert_ok(bsi_xattr_list(fd, &names, &size));
    assert_true(is_listed(names, size, "user.a") && is_listed(names, size, "user.b"));
    bsi_free(names);
    assert_value(fd, "user.a", "1\0002", 3);
    assert_value(fd, "user.b", "", 0);
    assert_ok(bsi_xattr_remove(fd, "user.a"));
    assert_status(bsi_xattr_get(fd, "user.a", &value, &size), BS_E_NOT_FOUND);
    assert_status(bsi_xattr_remove(fd, "user.a"), BS_E_NOT_FOUND);
    assert_null(value);
}

static void attributes_are_kept(void **state)
{
    const int fd = open_file(state, 0);

    check_round_trip(fd);
    assert_ok(bsi_close(fd));
}

static void a_handle_to_a_name_has_attributes(void **state)
{
    const int fd = open_file(state, BSI_OPEN_PATH);

    check_round_trip(fd);
    assert_ok(bsi_close(fd));
}

static void a_handle_to_a_link_never_reaches_the_file(void **state)
{
    const int file = open_file(state, 0);
    uint8_t *value = NULL;
    char *names = NULL;
    size_t size = 1;
    int fd = -1;

    assert_ok(bsi_xattr_set(file, "user.a", "x", 1));
    assert_ok(bsi_symlink("f", at(state), "l"));
    assert_ok(bsi_open(at(state), "l", BSI_OPEN_PATH | BSI_OPEN_NOFOLLOW, 0, &fd));
    assert_true(bsi_xattr_get(fd, "user.a", &value, &size) < 0);
    assert_null(value);
    assert_ok(bsi_xattr_list(fd, &names, &size));
    assert_false(is_listed(names, size, "user.a"));
    bsi_free(names);
    assert_ok(bsi_close(fd));
    assert_ok(bsi_close(file));
}

static void long_values_and_lists_come_whole(void **state)
{
    const int fd = open_file(state, 0);
    char name[128];
    uint8_t value[2000];
    char *names = NULL;
    size_t size = 0;

    memset(value, 7, sizeof(value));
    assert_ok(bsi_xattr_set(fd, "user.long", value, sizeof(value)));
    assert_value(fd, "user.long", value, sizeof(value));
    for (int i = 0; i < 15; i++) {
        (void)snprintf(name, sizeof(name), "user.%0100d", i);
        assert_ok(bsi_xattr_set(fd, name, "", 0));
    }
    assert_ok(bsi_xattr_list(fd, &names, &size));
    assert_true(size > 1500);
    assert_true(is_listed(names, size, name) && is_listed(names, size, "user.long"));
    bsi_free(names);
    assert_ok(bsi_close(fd));
}

static void no_attributes_are_an_empty_list(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_STAT, .at = 1, .os_code = ENOTSUP};
    const int fd = open_file(state, 0);
    char *names = NULL;
    size_t size = 1;

    bsi_fault_set(&plan);
    assert_ok(bsi_xattr_list(fd, &names, &size));
    assert_int_equal(size, 0);
    bsi_free(names);
    assert_ok(bsi_close(fd));
}

static void a_list_or_value_beyond_all_limits_is_refused(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_STAT | 1u << BSI_OS_META,
                                 .at = 1,
                                 .os_code = E2BIG,
                                 .forever = true};
    const int fd = open_file(state, 0);
    uint8_t *value = NULL;
    char *names = NULL;
    size_t size = 0;

    bsi_fault_set(&plan);
    assert_status(bsi_xattr_list(fd, &names, &size), BS_E_LIMIT);
    assert_status(bsi_xattr_get(fd, "user.a", &value, &size), BS_E_LIMIT);
    assert_status(bsi_xattr_set(fd, "user.a", "", 0), BS_E_LIMIT);
    assert_ok(bsi_close(fd));
}

static void lack_of_memory_is_reported(void **state)
{
    const int fd = open_file(state, 0);
    uint8_t value[2000] = {0};
    uint8_t *got = NULL;
    char *names = NULL;
    size_t size = 0;

    assert_ok(bsi_xattr_set(fd, "user.long", value, sizeof(value)));
    bsi_alloc_fail_after(0);
    assert_status(bsi_xattr_list(fd, &names, &size), BS_E_NOMEM);
    bsi_alloc_fail_after(0);
    assert_status(bsi_xattr_get(fd, "user.long", &got, &size), BS_E_NOMEM);
    assert_null(names);
    assert_null(got);
    assert_ok(bsi_close(fd));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_dir_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(attributes_are_kept),
        TEST(a_handle_to_a_name_has_attributes),
        TEST(a_handle_to_a_link_never_reaches_the_file),
        TEST(long_values_and_lists_come_whole),
        TEST(no_attributes_are_an_empty_list),
        TEST(a_list_or_value_beyond_all_limits_is_refused),
        TEST(lack_of_memory_is_reported),
    };

    return cmocka_run_group_tests_name("os/xattr", tests, NULL, NULL);
}
