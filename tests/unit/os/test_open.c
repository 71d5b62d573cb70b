/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fault.h"
#include "os/file.h"
#include "os/posix/open.h"
#include "support/tempdir.h"

static int at(void **state)
{
    return ((const test_dir *)*state)->fd;
}

static int teardown(void **state)
{
    bsi_fault_set(NULL);
    bsi_os_force_no_openat2(false);
    return test_dir_teardown(state);
}

static void make_file(int dir, const char *name, uint32_t mode)
{
    int fd = -1;

    assert_ok(bsi_open(dir, name, BSI_OPEN_WRITE | BSI_OPEN_CREATE, mode, &fd));
    assert_ok(bsi_close(fd));
}

static uint32_t mode_of(int dir, const char *name)
{
    bsi_stat info;

    assert_ok(bsi_stat_at(dir, name, &info));
    return info.mode;
}

static void a_new_file_has_its_mode_whatever_the_umask_is(void **state)
{
    const mode_t before = umask(077);

    make_file(at(state), "f", 0666);
    (void)umask(before);
    assert_int_equal(mode_of(at(state), "f"), 0666);
}

static void a_file_that_was_there_keeps_its_mode(void **state)
{
    int fd = -1;

    make_file(at(state), "f", 0600);
    make_file(at(state), "f", 0666);
    assert_int_equal(mode_of(at(state), "f"), 0600);
    assert_status(
        bsi_open(at(state), "f", BSI_OPEN_WRITE | BSI_OPEN_CREATE | BSI_OPEN_EXCLUSIVE, 0666, &fd),
        BS_E_EXISTS);
}

static void a_file_whose_mode_cannot_be_set_is_not_left_behind(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_META, .at = 1, .os_code = EIO};
    bsi_stat info;
    int fd = -1;

    bsi_fault_set(&plan);
    assert_status(bsi_open(at(state), "f", BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0666, &fd), BS_E_IO);
    assert_status(bsi_stat_at(at(state), "f", &info), BS_E_NOT_FOUND);
    assert_int_equal(fd, -1);
}

static void creating_does_not_go_through_a_dangling_link(void **state)
{
    int fd = -1;

    assert_ok(bsi_symlink("elsewhere", at(state), "l"));
    assert_status(bsi_open(at(state), "l", BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0666, &fd),
                  BS_E_NOT_FOUND);
    assert_int_equal(fd, -1);
}

static void make_tree(void **state)
{
    assert_ok(bsi_mkdir_all(at(state), "a/b", 0755));
    make_file(at(state), "a/f", 0644);
    make_file(at(state), "a/b/f", 0644);
    assert_ok(bsi_symlink("a", at(state), "link"));
    assert_ok(bsi_symlink("a/f", at(state), "flink"));
}

static void assert_refused(int dir, const char *name, unsigned flags)
{
    int fd = -1;

    print_message("# case: '%s'\n", name);
    assert_true(bsi_open(dir, name, flags | BSI_OPEN_BENEATH, 0, &fd) < 0);
    assert_int_equal(fd, -1);
}

static void refuse_all_ways_out(void **state)
{
    static const char *const refused[] = {"a/../a/f", "/etc/passwd", "..", "", ".",
                                          "a/./f",    "a//f",        "a/", "/"};

    for (size_t i = 0; i < BSI_ARRAY_SIZE(refused); i++) {
        assert_refused(at(state), refused[i], BSI_OPEN_READ);
        assert_int_equal(bs_error_last()->os_code, EINVAL);
    }
    assert_refused(at(state), "link/f", BSI_OPEN_READ);
    assert_int_equal(bs_error_last()->os_code, ELOOP);
    assert_refused(at(state), "flink", BSI_OPEN_READ);
    assert_int_equal(bs_error_last()->os_code, ELOOP);
    assert_refused(at(state), "flink", BSI_OPEN_PATH);
    assert_int_equal(bs_error_last()->os_code, ELOOP);
    assert_refused(at(state), "a/f/x", BSI_OPEN_READ);
    assert_int_equal(bs_error_last()->os_code, ENOTDIR);
    assert_refused(at(state), "a/none/f", BSI_OPEN_READ);
    assert_int_equal(bs_error_last()->os_code, ENOENT);
}

static void open_all_that_is_inside(void **state)
{
    bsi_stat info;
    int fd = -1;

    assert_ok(bsi_open(at(state), "a/b/f", BSI_OPEN_READ | BSI_OPEN_BENEATH, 0, &fd));
    assert_ok(bsi_close(fd));
    assert_ok(bsi_open(at(state), "a/b", BSI_OPEN_DIR | BSI_OPEN_BENEATH, 0, &fd));
    assert_ok(bsi_close(fd));
    assert_ok(
        bsi_open(at(state), "flink", BSI_OPEN_PATH | BSI_OPEN_NOFOLLOW | BSI_OPEN_BENEATH, 0, &fd));
    assert_ok(bsi_fstat(fd, &info));
    assert_int_equal(info.type, BSI_TYPE_SYMLINK);
    assert_ok(bsi_close(fd));
    assert_ok(bsi_open(at(state), "a/b/new",
                       BSI_OPEN_WRITE | BSI_OPEN_CREATE | BSI_OPEN_EXCLUSIVE | BSI_OPEN_BENEATH,
                       0640, &fd));
    assert_ok(bsi_close(fd));
    assert_int_equal(mode_of(at(state), "a/b/new"), 0640);
}

static void a_name_beneath_a_directory_cannot_leave_it(void **state)
{
    make_tree(state);
    refuse_all_ways_out(state);
    open_all_that_is_inside(state);
}

static void nor_on_a_kernel_without_openat2(void **state)
{
    make_tree(state);
    bsi_os_force_no_openat2(true);
    refuse_all_ways_out(state);
    open_all_that_is_inside(state);
}

static void a_rename_during_the_lookup_is_tried_again(void **state)
{
    bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_OPEN, .at = 1, .os_code = EAGAIN};
    int fd = -1;

    make_tree(state);
    bsi_fault_set(&plan);
    assert_ok(bsi_open(at(state), "a/f", BSI_OPEN_READ | BSI_OPEN_BENEATH, 0, &fd));
    assert_int_equal(bsi_fault_count(), 2);
    assert_ok(bsi_close(fd));
    plan.forever = true;
    bsi_fault_set(&plan);
    assert_status(bsi_open(at(state), "a/f", BSI_OPEN_READ | BSI_OPEN_BENEATH, 0, &fd), BS_E_BUSY);
    assert_int_equal(bsi_fault_count(), 32);
}

/* Each of the opens that the walk makes fails once; no descriptor may be lost. */
static void a_failed_walk_loses_no_descriptor(void **state)
{
    bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_OPEN, .os_code = EIO};
    int before = -1;
    int after = -1;
    int fd = -1;

    make_tree(state);
    bsi_os_force_no_openat2(true);
    before = dup(at(state));
    assert_ok(bsi_close(before));
    for (plan.at = 1; plan.at <= 3; plan.at++) {
        bsi_fault_set(&plan);
        assert_status(bsi_open(at(state), "a/b/f", BSI_OPEN_READ | BSI_OPEN_BENEATH, 0, &fd),
                      BS_E_IO);
    }
    bsi_fault_set(NULL);
    after = dup(at(state));
    assert_ok(bsi_close(after));
    assert_int_equal(after, before);
}

static void no_access_time_is_only_a_wish(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_OPEN, .at = 1, .os_code = EPERM};
    int fd = -1;

    make_file(at(state), "f", 0600);
    bsi_fault_set(&plan);
    assert_ok(bsi_open(at(state), "f", BSI_OPEN_READ | BSI_OPEN_NOATIME, 0, &fd));
    assert_ok(bsi_close(fd));
}

static void a_fifo_does_not_hang_the_opener(void **state)
{
    bsi_stat info;
    char byte = 0;
    size_t got = 1;
    int fd = -1;

    assert_ok(bsi_make_node(at(state), "p", BSI_TYPE_FIFO, 0600, 0, 0));
    assert_ok(bsi_open(at(state), "p", BSI_OPEN_READ | BSI_OPEN_NONBLOCK, 0, &fd));
    assert_ok(bsi_fstat(fd, &info));
    assert_int_equal(info.type, BSI_TYPE_FIFO);
    assert_ok(bsi_read_some(fd, &byte, 1, &got));
    assert_int_equal(got, 0);
    assert_ok(bsi_close(fd));
}

static void assert_empty_dir(int fd)
{
    bsi_dir *dir = NULL;
    bsi_dir_entry entry;

    assert_ok(bsi_dir_open(fd, &dir));
    assert_status(bsi_dir_next(dir, &entry), BS_END);
    bsi_dir_close(dir);
}

static void a_temporary_file_has_no_name(void **state)
{
    const bsi_fault_plan no_tmpfile = {.op_mask = 1u << BSI_OS_OPEN, .at = 1, .os_code = ENOTSUP};
    int fd = -1;

    for (int round = 0; round < 2; round++) {
        assert_ok(bsi_temp_file(at(state), &fd));
        bsi_fault_set(NULL);
        assert_ok(bsi_write(fd, "x", 1));
        assert_empty_dir(at(state));
        assert_ok(bsi_close(fd));
        bsi_fault_set(&no_tmpfile);
    }
}

static void names_in_errors_are_printable(void **state)
{
    int fd = -1;

    assert_status(bsi_open(at(state), "a\nb", BSI_OPEN_READ, 0, &fd), BS_E_NOT_FOUND);
    assert_string_equal(bs_error_last()->message, "opening 'a\\x0ab': No such file or directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_dir_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_file_has_its_mode_whatever_the_umask_is),
        TEST(a_file_that_was_there_keeps_its_mode),
        TEST(a_file_whose_mode_cannot_be_set_is_not_left_behind),
        TEST(creating_does_not_go_through_a_dangling_link),
        TEST(a_name_beneath_a_directory_cannot_leave_it),
        TEST(nor_on_a_kernel_without_openat2),
        TEST(a_rename_during_the_lookup_is_tried_again),
        TEST(a_failed_walk_loses_no_descriptor),
        TEST(no_access_time_is_only_a_wish),
        TEST(a_fifo_does_not_hang_the_opener),
        TEST(a_temporary_file_has_no_name),
        TEST(names_in_errors_are_printable),
    };

    return cmocka_run_group_tests_name("os/open", tests, NULL, NULL);
}
