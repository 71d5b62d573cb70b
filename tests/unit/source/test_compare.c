/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "support/compare.h"
#include "support/tempdir.h"
#include "support/tree.h"

static char original[300];
static char copy[300];

/* Two trees that a program of the system has made equal. */
static int setup_with(void **state, unsigned flags)
{
    char command[700];
    const test_dir *dir = NULL;

    if (test_dir_setup(state) != 0) {
        return -1;
    }
    dir = *state;
    (void)snprintf(original, sizeof(original), "%s/original", dir->path);
    (void)snprintf(copy, sizeof(copy), "%s/copy", dir->path);
    tree_build(original, flags);
    (void)snprintf(command, sizeof(command), "cp -a --sparse=auto '%s' '%s'", original, copy);
    return system(command);
}

static int setup(void **state)
{
    return setup_with(state,
                      TREE_HARD_LINKS | TREE_SPARSE | TREE_SPECIAL | TREE_XATTRS | TREE_TIMES);
}

/* cp knows no long paths. */
static int setup_everything(void **state)
{
    return setup_with(state, TREE_EVERYTHING & ~(unsigned)TREE_DEEP);
}

static int teardown(void **state)
{
    tree_remove(original);
    tree_remove(copy);
    return test_dir_teardown(state);
}

static void a_faithful_copy_is_equal(void **state)
{
    (void)state;
    assert_trees_equal(original, copy, 0);
}

static const char *in_copy(const char *name)
{
    static char path[600];

    (void)snprintf(path, sizeof(path), "%s/%s", copy, name);
    return path;
}

/* One difference, found unless it is left out. */
static void expect(const char *what, unsigned flags_that_hide)
{
    print_message("# case: %s\n", what);
    assert_int_equal(compare_count(original, copy, COMPARE_NO_DIR_TIMES), 1);
    if (flags_that_hide != 0) {
        assert_int_equal(compare_count(original, copy, COMPARE_NO_DIR_TIMES | flags_that_hide), 0);
    }
}

static void keep_time(const char *path, const struct stat *info)
{
    const struct timespec times[2] = {info->st_atim, info->st_mtim};

    assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void a_changed_byte_is_found(void **state)
{
    const char *path = in_copy("sizes/1048577 bytes");
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat info;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(pwrite(fd, "?", 1, 1048576), 1);
    (void)close(fd);
    keep_time(path, &info);
    expect("content", 0);
}

static void a_changed_mode_is_found(void **state)
{
    (void)state;
    assert_int_equal(chmod(in_copy("same/one"), 0600), 0);
    expect("mode", COMPARE_NO_MODE);
}

static void a_nanosecond_is_found(void **state)
{
    const char *path = in_copy("times/1970");
    struct stat info;

    (void)state;
    assert_int_equal(lstat(path, &info), 0);
    info.st_mtim.tv_nsec++;
    keep_time(path, &info);
    expect("time", COMPARE_NO_TIMES);
    expect("time", COMPARE_WHOLE_SECONDS);
    expect("time", COMPARE_TWO_SECONDS);
}

static void another_owner_is_found(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chown(in_copy("same/one"), 1, 0), 0);
    expect("owner", COMPARE_NO_OWNER);
}

static void another_link_target_is_found(void **state)
{
    const char *path = in_copy("links/dangling");
    struct stat info;

    (void)state;
    assert_int_equal(lstat(path, &info), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("elsewhere", path), 0);
    keep_time(path, &info);
    expect("target", 0);
}

static void a_missing_and_an_extra_name_are_found(void **state)
{
    (void)state;
    assert_int_equal(unlink(in_copy("same/two")), 0);
    expect("missing", 0);
    tree_write(in_copy("same/three"), 5, 5);
    assert_int_equal(compare_count(original, copy, COMPARE_NO_DIR_TIMES), 2);
    assert_int_equal(compare_count(original, copy, COMPARE_NO_DIR_TIMES | COMPARE_EXTRA_ALLOWED),
                     1);
}

static void a_broken_hard_link_is_found(void **state)
{
    char command[1500];

    (void)state;
    (void)snprintf(command, sizeof(command),
                   "cp -p '%s/hard/first' '%s/x' && mv '%s/x' '%s/hard/first'", copy, copy, copy,
                   copy);
    assert_int_equal(system(command), 0);
    assert_true(compare_count(original, copy, COMPARE_NO_DIR_TIMES) > 0);
    assert_int_equal(compare_count(original, copy, COMPARE_NO_DIR_TIMES | COMPARE_NO_HARD_LINKS),
                     0);
}

static void a_new_hard_link_is_found(void **state)
{
    char from[600];

    (void)state;
    (void)snprintf(from, sizeof(from), "%s", in_copy("same/one"));
    assert_int_equal(unlink(in_copy("same/two")), 0);
    assert_int_equal(link(from, in_copy("same/two")), 0);
    assert_true(compare_count(original, copy, COMPARE_NO_DIR_TIMES | COMPARE_NO_TIMES) > 0);
    assert_int_equal(compare_count(original, copy, COMPARE_NO_TIMES | COMPARE_NO_HARD_LINKS), 0);
}

static void a_filled_hole_is_found(void **state)
{
    const char *path = in_copy("sparse/some data");
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    static const char zeros[4096];
    struct stat info;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(pwrite(fd, zeros, sizeof(zeros), 3 << 20), sizeof(zeros));
    (void)close(fd);
    keep_time(path, &info);
    expect("hole", COMPARE_NO_HOLES);
}

static void a_changed_attribute_is_found(void **state)
{
    (void)state;
    if (setxattr(in_copy("attributes/user"), "user.zebra", "spots", 5, 0) != 0) {
        skip();
    }
    expect("attribute", COMPARE_NO_XATTRS);
}

static void a_missing_fifo_is_found(void **state)
{
    (void)state;
    assert_int_equal(unlink(in_copy("special/fifo")), 0);
    expect("fifo", COMPARE_NO_SPECIAL);
}

static void what_lies_beyond_path_max_is_compared(void **state)
{
    char command[700];

    (void)state;
    tree_remove(original);
    tree_remove(copy);
    tree_build(original, TREE_DEEP);
    tree_build(copy, TREE_DEEP);
    assert_trees_equal(original, copy, COMPARE_NO_TIMES);
    (void)snprintf(command, sizeof(command),
                   "find '%s' -name 'at the bottom' -execdir chmod 600 '{}' ';'", copy);
    assert_int_equal(system(command), 0);
    assert_int_equal(compare_count(original, copy, COMPARE_NO_TIMES), 1);
}

static void mutations_change_the_tree_the_same_way_for_the_same_seed(void **state)
{
    (void)state;
    tree_mutate(original, 7, 60);
    assert_true(compare_count(original, copy, 0) > 10);
    tree_mutate(copy, 7, 60);
    assert_int_equal(
        compare_count(original, copy, COMPARE_NO_TIMES | COMPARE_NO_HOLES | COMPARE_NO_XATTRS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_faithful_copy_is_equal, setup_everything, teardown),
        cmocka_unit_test_setup_teardown(a_changed_byte_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_mode_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_nanosecond_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(another_owner_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(another_link_target_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_and_an_extra_name_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broken_hard_link_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_hard_link_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_filled_hole_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_attribute_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_fifo_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(what_lies_beyond_path_max_is_compared, setup, teardown),
        cmocka_unit_test_setup_teardown(mutations_change_the_tree_the_same_way_for_the_same_seed,
                                        setup, teardown),
    };

    return cmocka_run_group_tests_name("source/compare", tests, NULL, NULL);
}
