/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fault.h"
#include "os/file.h"
#include "os/tree.h"
#include "support/tempdir.h"
#include "support/tree.h"

enum { PATH_SIZE = 400 };

static const char *path_of(void **state, const char *name, char out[PATH_SIZE])
{
    const test_dir *dir = *state;

    (void)snprintf(out, PATH_SIZE, "%s/%s", dir->path, name);
    return out;
}

static int open_dir(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void a_tree_of_any_depth_goes(void **state)
{
    char path[PATH_SIZE];

    tree_build(path_of(state, "tree", path), TREE_DEEP | TREE_HARD_LINKS | TREE_SPECIAL);
    assert_ok(bsi_tree_remove(BSI_CWD, path));
    assert_int_equal(access(path, F_OK), -1);
    assert_ok(bsi_tree_remove(BSI_CWD, path)); /* There is none any more. */
}

static void what_links_lead_to_stays(void **state)
{
    char path[PATH_SIZE];
    char link[PATH_SIZE];
    char kept[PATH_SIZE];

    assert_int_equal(mkdir(path_of(state, "kept", kept), 0700), 0);
    assert_int_equal(mkdir(path_of(state, "tree", path), 0700), 0);
    tree_write(path_of(state, "kept/file", link), 10, 1);
    assert_int_equal(symlink(kept, path_of(state, "tree/link", link)), 0);
    assert_ok(bsi_tree_remove(BSI_CWD, path));
    assert_int_equal(access(path_of(state, "kept/file", link), F_OK), 0);
    assert_int_equal(symlink(kept, path_of(state, "top", link)), 0);
    assert_ok(bsi_tree_remove(BSI_CWD, link)); /* It is no directory, and not touched. */
    assert_int_equal(access(path_of(state, "kept/file", link), F_OK), 0);
    tree_remove(kept);
    assert_int_equal(unlink(path_of(state, "top", link)), 0);
}

/* Names like those under which directories come to the top. */
static void names_that_are_taken_are_passed_over(void **state)
{
    static const char *const dirs[] = {"tree",     "tree/.moved-2", "tree/a",
                                       "tree/a/b", "tree/a/c",      "tree/a/c/d"};
    char path[PATH_SIZE];
    int fd = -1;

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        assert_int_equal(mkdir(path_of(state, dirs[i], path), 0700), 0);
    }
    tree_write(path_of(state, "tree/.moved-1", path), 10, 1);
    tree_write(path_of(state, "tree/.moved-2/x", path), 10, 1);
    fd = open_dir(path_of(state, "tree", path));
    assert_ok(bsi_tree_empty(fd));
    (void)close(fd);
    assert_int_equal(rmdir(path), 0);
}

static void a_call_that_fails_is_told_and_can_be_repeated(void **state)
{
    char path[PATH_SIZE];
    bs_status status = BS_E_IO;

    tree_build(path_of(state, "tree", path), TREE_HARD_LINKS);
    for (uint64_t at = 1; status < 0; at += 7) {
        const bsi_fault_plan plan = {.at = at, .os_code = EIO};
        bsi_fault_set(&plan);
        status = bsi_tree_remove(BSI_CWD, path);
        bsi_fault_set(NULL);
        assert_true(status == BS_OK || status == BS_E_IO);
    }
    assert_int_equal(access(path, F_OK), -1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, test_dir_setup, test_dir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_tree_of_any_depth_goes),
        CASE(what_links_lead_to_stays),
        CASE(names_that_are_taken_are_passed_over),
        CASE(a_call_that_fails_is_told_and_can_be_repeated),
    };

    return cmocka_run_group_tests_name("os/tree", tests, NULL, NULL);
}
