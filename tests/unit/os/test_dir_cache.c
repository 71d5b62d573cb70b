/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/dir_cache.h"
#include "os/entry.h"
#include "support/tempdir.h"

typedef struct fixture {
    void *dir;
    int root;
    bsi_dir_cache *cache;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    test_dir_in_memory();
    assert_int_equal(test_dir_setup(&f->dir), 0);
    f->root = ((test_dir *)f->dir)->fd;
    assert_ok(bsi_dir_cache_new(f->root, &f->cache));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;

    bsi_alloc_fail_after(-1);
    bsi_dir_cache_free(f->cache);
    (void)test_dir_teardown(&f->dir);
    free(f);
    return 0;
}

static size_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir)) { /* NOLINT(concurrency-mt-unsafe) */
        count++;
    }
    assert_int_equal(closedir(dir), 0);
    return count;
}

static bool same_dir(int fd, int dir, const char *name)
{
    struct stat a;
    struct stat b;

    assert_int_equal(fstat(fd, &a), 0);
    assert_int_equal(fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW), 0);
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void the_empty_path_is_the_root(void **state)
{
    const fixture *f = *state;
    int fd = -1;

    assert_ok(bsi_dir_cache_open(f->cache, bsi_slice_of(""), &fd));
    assert_int_equal(fd, f->root);
}

static void paths_lead_to_their_directories_in_any_order(void **state)
{
    static const char *const paths[] = {"a", "a/b", "ab",    "a/b/c", "a/bc",
                                        "a", "ab",  "a/b/c", "a/b"};
    const fixture *f = *state;
    int fd = -1;

    assert_int_equal(mkdirat(f->root, "a", 0755), 0);
    assert_int_equal(mkdirat(f->root, "ab", 0755), 0);
    assert_int_equal(mkdirat(f->root, "a/b", 0755), 0);
    assert_int_equal(mkdirat(f->root, "a/bc", 0755), 0);
    assert_int_equal(mkdirat(f->root, "a/b/c", 0755), 0);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_ok(bsi_dir_cache_open(f->cache, bsi_slice_of(paths[i]), &fd));
        assert_true(same_dir(fd, f->root, paths[i]));
    }
}

static void a_missing_directory_is_told_by_its_path(void **state)
{
    const fixture *f = *state;
    int fd = -1;

    assert_int_equal(mkdirat(f->root, "a", 0755), 0);
    assert_status(bsi_dir_cache_open(f->cache, bsi_slice_of("a/gone/b"), &fd), BS_E_NOT_FOUND);
    assert_non_null(strstr(bs_error_last()->message, "'a/gone'"));
    assert_int_equal(fd, -1);
    assert_ok(bsi_dir_cache_open(f->cache, bsi_slice_of("a"), &fd));
    assert_true(same_dir(fd, f->root, "a"));
}

static void paths_that_could_leave_the_root_are_refused(void **state)
{
    static const char *const bad[] = {"..", "a/..", "a/../b", ".", "/a", "a/", "a//b", "a/./b"};
    const fixture *f = *state;
    int fd = -1;

    assert_int_equal(mkdirat(f->root, "a", 0755), 0);
    assert_int_equal(mkdirat(f->root, "b", 0755), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        print_message("# case: %s\n", bad[i]);
        assert_status(bsi_dir_cache_open(f->cache, bsi_slice_of(bad[i]), &fd), BS_E_INVALID);
    }
    assert_status(bsi_dir_cache_open(f->cache, (bsi_slice){"a\0b", 3}, &fd), BS_E_INVALID);
}

static void a_link_swapped_into_a_path_is_refused(void **state)
{
    const fixture *f = *state;
    int fd = -1;
    unsigned made = 0;

    assert_int_equal(mkdirat(f->root, "a", 0755), 0);
    assert_int_equal(mkdirat(f->root, "a/b", 0755), 0);
    assert_int_equal(mkdirat(f->root, "c", 0755), 0);
    assert_ok(bsi_dir_cache_open(f->cache, bsi_slice_of("a/b"), &fd));
    assert_ok(bsi_dir_cache_open(f->cache, bsi_slice_of("c"), &fd));
    assert_int_equal(renameat(f->root, "a", f->root, "real"), 0);
    assert_int_equal(symlinkat("real", f->root, "a"), 0);
    assert_true(bsi_dir_cache_open(f->cache, bsi_slice_of("a/b"), &fd) < 0);
    assert_true(bsi_dir_cache_open(f->cache, bsi_slice_of("a"), &fd) < 0);
    assert_true(bsi_dir_cache_make(f->cache, bsi_slice_of("a/new"), &fd, &made) < 0);
    assert_int_equal(faccessat(f->root, "real/new", F_OK, 0), -1);
}

static void missing_levels_are_made_and_counted(void **state)
{
    const fixture *f = *state;
    unsigned made = 99;
    struct stat st;
    int fd = -1;

    assert_int_equal(mkdirat(f->root, "a", 0755), 0);
    assert_ok(bsi_dir_cache_make(f->cache, bsi_slice_of("a/b/c"), &fd, &made));
    assert_int_equal(made, 2);
    assert_true(same_dir(fd, f->root, "a/b/c"));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_ok(bsi_dir_cache_make(f->cache, bsi_slice_of("a/b/c"), &fd, &made));
    assert_int_equal(made, 0);
}

static void a_file_in_the_way_is_not_replaced(void **state)
{
    const fixture *f = *state;
    const int file = openat(f->root, "a", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    unsigned made = 99;
    int fd = -1;

    assert_true(file >= 0);
    assert_int_equal(close(file), 0);
    assert_status(bsi_dir_cache_make(f->cache, bsi_slice_of("a/b"), &fd, &made), BS_E_EXISTS);
    assert_int_equal(made, 99);
    assert_int_equal(fd, -1);
}

static void what_was_forgotten_is_looked_up_again(void **state)
{
    const fixture *f = *state;
    int fd = -1;

    assert_int_equal(mkdirat(f->root, "a", 0755), 0);
    assert_int_equal(mkdirat(f->root, "a/b", 0755), 0);
    assert_int_equal(mkdirat(f->root, "new", 0755), 0);
    assert_ok(bsi_dir_cache_open(f->cache, bsi_slice_of("a/b"), &fd));
    assert_int_equal(renameat(f->root, "a/b", f->root, "old"), 0);
    assert_int_equal(renameat(f->root, "new", f->root, "a/b"), 0);
    bsi_dir_cache_forget(f->cache, bsi_slice_of("a/bc"));
    bsi_dir_cache_forget(f->cache, bsi_slice_of("a/b/c"));
    bsi_dir_cache_forget(f->cache, bsi_slice_of("a/b"));
    assert_ok(bsi_dir_cache_open(f->cache, bsi_slice_of("a/b"), &fd));
    assert_true(same_dir(fd, f->root, "a/b"));
    bsi_dir_cache_forget(f->cache, bsi_slice_of(""));
    assert_ok(bsi_dir_cache_open(f->cache, bsi_slice_of("a"), &fd));
    assert_true(same_dir(fd, f->root, "a"));
}

enum { DEEP_LEVELS = 5000, DEEP_NAME = 200 };

/* Far beyond PATH_MAX: down, up level by level, to the bottom again; never over 64 descriptors. */
static void trees_deeper_than_path_max_need_few_descriptors(void **state)
{
    const fixture *f = *state;
    const size_t size = (size_t)DEEP_LEVELS * (DEEP_NAME + 1) - 1;
    const size_t before = open_descriptors();
    char *path = malloc(size);
    unsigned made = 0;
    int fd = -1;

    assert_non_null(path);
    memset(path, 'd', size);
    for (size_t i = DEEP_NAME; i < size; i += DEEP_NAME + 1) {
        path[i] = '/';
    }
    assert_ok(bsi_dir_cache_make(f->cache, (bsi_slice){path, size}, &fd, &made));
    assert_int_equal(made, DEEP_LEVELS);
    assert_true(open_descriptors() - before <= 64);
    for (size_t level = DEEP_LEVELS; level > 0; level--) {
        assert_ok(
            bsi_dir_cache_open(f->cache, (bsi_slice){path, level * (DEEP_NAME + 1) - 1}, &fd));
        if (level % 500 == 0) {
            assert_true(open_descriptors() - before <= 64);
        }
    }
    assert_ok(bsi_dir_cache_open(f->cache, (bsi_slice){path, size}, &fd));
    assert_true(open_descriptors() - before <= 64);
    free(path);
    bsi_dir_cache_forget(f->cache, bsi_slice_of(""));
    assert_int_equal(open_descriptors(), before);
}

static void a_directory_that_may_only_be_passed_is_passed(void **state)
{
    const fixture *f = *state;
    int fd = -1;

    assert_int_equal(mkdirat(f->root, "a", 0755), 0);
    assert_int_equal(mkdirat(f->root, "a/b", 0755), 0);
    assert_int_equal(fchmodat(f->root, "a", 0100, 0), 0);
    assert_ok(bsi_dir_cache_open(f->cache, bsi_slice_of("a/b"), &fd));
    assert_true(same_dir(fd, f->root, "a/b"));
    assert_int_equal(fchmodat(f->root, "a", 0700, 0), 0);
}

static void survives_running_out_of_memory(void **state)
{
    const fixture *f = *state;
    bs_status status = BS_E_NOMEM;

    for (long n = 0; status != BS_OK; n++) {
        bsi_dir_cache *cache = NULL;
        unsigned made = 99;
        int fd = -1;

        bsi_alloc_fail_after(n);
        status = bsi_dir_cache_new(f->root, &cache);
        if (status == BS_OK) {
            status = bsi_dir_cache_make(cache, bsi_slice_of("a/b/c"), &fd, &made);
        }
        bsi_alloc_fail_after(-1);
        if (status != BS_OK) {
            assert_int_equal(status, BS_E_NOMEM);
            assert_int_equal(fd, -1);
        }
        bsi_dir_cache_free(cache);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_empty_path_is_the_root, setup, teardown),
        cmocka_unit_test_setup_teardown(paths_lead_to_their_directories_in_any_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_missing_directory_is_told_by_its_path, setup, teardown),
        cmocka_unit_test_setup_teardown(paths_that_could_leave_the_root_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_link_swapped_into_a_path_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_levels_are_made_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_in_the_way_is_not_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_forgotten_is_looked_up_again, setup, teardown),
        cmocka_unit_test_setup_teardown(trees_deeper_than_path_max_need_few_descriptors, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_directory_that_may_only_be_passed_is_passed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(survives_running_out_of_memory, setup, teardown),
    };

    return cmocka_run_group_tests_name("os/dir_cache", tests, NULL, NULL);
}
