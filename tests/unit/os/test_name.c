/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Files are told apart by their size. */
static void make_file(int dir, const char *name, uint64_t size)
{
    int fd = -1;

    assert_ok(bsi_open(dir, name, BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0644, &fd));
    assert_ok(bsi_truncate(fd, size));
    assert_ok(bsi_close(fd));
}

static uint64_t size_of(int dir, const char *name)
{
    bsi_stat info;

    assert_ok(bsi_stat_at(dir, name, &info));
    return info.size;
}

static void rename_replaces_only_when_it_may(void **state)
{
    make_file(at(state), "a", 1);
    make_file(at(state), "b", 2);
    assert_status(bsi_rename(at(state), "a", at(state), "b", true), BS_E_EXISTS);
    assert_int_equal(size_of(at(state), "b"), 2);
    assert_ok(bsi_rename(at(state), "a", at(state), "b", false));
    assert_int_equal(size_of(at(state), "b"), 1);
    assert_ok(bsi_rename(at(state), "b", at(state), "c", true));
    assert_int_equal(size_of(at(state), "c"), 1);
}

static void rename_without_replacing_needs_no_help_of_the_kernel(void **state)
{
    const bsi_fault_plan plan = {
        .op_mask = 1u << BSI_OS_RENAME, .at = 1, .os_code = EINVAL, .forever = true};
    bsi_stat info;

    make_file(at(state), "a", 1);
    make_file(at(state), "b", 2);
    assert_ok(bsi_mkdir(at(state), "d", 0755));
    bsi_fault_set(&plan);
    assert_status(bsi_rename(at(state), "a", at(state), "b", true), BS_E_EXISTS);
    assert_ok(bsi_rename(at(state), "a", at(state), "c", true));
    assert_int_equal(size_of(at(state), "c"), 1);
    assert_status(bsi_stat_at(at(state), "a", &info), BS_E_NOT_FOUND);
    assert_status(bsi_rename(at(state), "d", at(state), "e", true), BS_E_UNSUPPORTED);
}

static void a_link_to_a_directory_is_renamed_like_any_name(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_RENAME, .at = 1, .os_code = EINVAL};
    bsi_stat info;

    assert_ok(bsi_mkdir(at(state), "d", 0755));
    assert_ok(bsi_symlink("d", at(state), "l"));
    bsi_fault_set(&plan);
    assert_ok(bsi_rename(at(state), "l", at(state), "m", true));
    assert_ok(bsi_stat_at(at(state), "m", &info));
    assert_int_equal(info.type, BSI_TYPE_SYMLINK);
}

static void chmod_never_follows_a_link(void **state)
{
    bsi_stat info;

    make_file(at(state), "f", 0);
    assert_ok(bsi_symlink("f", at(state), "l"));
    assert_status(bsi_chmod_at(at(state), "l", 0777), BS_E_UNSUPPORTED);
    assert_ok(bsi_stat_at(at(state), "f", &info));
    assert_int_equal(info.mode, 0644);
    assert_ok(bsi_chmod_at(at(state), "f", 04711));
    assert_ok(bsi_stat_at(at(state), "f", &info));
    assert_int_equal(info.mode, 04711);
}

static void times_of_links_and_files_are_set(void **state)
{
    const bsi_time time = {.sec = -5, .nsec = 123456789};
    bsi_stat info;

    make_file(at(state), "f", 0);
    assert_ok(bsi_symlink("f", at(state), "l"));
    assert_ok(bsi_set_mtime_at(at(state), "l", &time));
    assert_ok(bsi_stat_at(at(state), "l", &info));
    assert_int_equal(bsi_time_compare(&info.mtime, &time), 0);
    assert_ok(bsi_stat_at(at(state), "f", &info));
    assert_int_equal(bsi_time_compare(&info.mtime, &time), 1);
    assert_ok(bsi_chown_at(at(state), "l", BSI_KEEP_ID, BSI_KEEP_ID));
}

static void a_handle_to_a_name_takes_mode_owner_and_time(void **state)
{
    const bsi_time time = {.sec = 5, .nsec = 999999999};
    bsi_stat info;
    int fd = -1;

    make_file(at(state), "f", 0);
    assert_ok(bsi_open(at(state), "f", BSI_OPEN_PATH, 0, &fd));
    assert_ok(bsi_fchown(fd, BSI_KEEP_ID, BSI_KEEP_ID));
    assert_ok(bsi_fchmod(fd, 0600));
    assert_ok(bsi_set_mtime(fd, &time));
    assert_ok(bsi_fstat(fd, &info));
    assert_int_equal(bsi_time_compare(&info.mtime, &time), 0);
    assert_int_equal(info.mode, 0600);
    assert_ok(bsi_close(fd));
}

static void links_are_made_and_read(void **state)
{
    char *content = NULL;
    bsi_stat info;

    make_file(at(state), "f", 0);
    assert_ok(bsi_symlink("f", at(state), "l"));
    assert_ok(bsi_readlink(at(state), "l", &content));
    assert_string_equal(content, "f");
    bsi_free(content);
    assert_ok(bsi_link(at(state), "l", at(state), "m"));
    assert_ok(bsi_stat_at(at(state), "m", &info));
    assert_int_equal(info.type, BSI_TYPE_SYMLINK);
    assert_int_equal(info.nlink, 2);
    assert_ok(bsi_unlink(at(state), "m"));
    assert_status(bsi_readlink(at(state), "f", &content), BS_E_INVALID);
    assert_status(bsi_make_node(at(state), "n", BSI_TYPE_DIR, 0600, 0, 0), BS_E_INVALID);
}

static void directories_are_made_with_their_parents(void **state)
{
    bsi_stat info;

    assert_ok(bsi_mkdir_all(at(state), "a//b/c/", 0700));
    assert_ok(bsi_mkdir_all(at(state), "a/b/c", 0700));
    assert_ok(bsi_stat_at(at(state), "a/b/c", &info));
    assert_int_equal(info.type, BSI_TYPE_DIR);
    make_file(at(state), "a/f", 0);
    assert_status(bsi_mkdir_all(at(state), "a/f", 0700), BS_E_EXISTS);
    assert_status(bsi_mkdir_all(at(state), "a/f/g", 0700), BS_E_EXISTS);
    assert_status(bsi_rmdir(at(state), "a"), BS_E_EXISTS);
    assert_ok(bsi_rmdir(at(state), "a/b/c"));
}

enum { NAMES = 3000 };

/* How many names "n<number>" the directory holds; each sets its place in `seen`. */
static size_t list_numbers(int fd, bool *seen)
{
    bsi_dir *dir = NULL;
    bsi_dir_entry entry;
    bs_status status = BS_OK;
    size_t count = 0;

    assert_ok(bsi_dir_open(fd, &dir));
    while (status == BS_OK) {
        status = bsi_dir_next(dir, &entry);
        if (status == BS_OK) {
            assert_int_equal(entry.name[0], 'n');
            assert_true(entry.type == BSI_TYPE_SYMLINK || entry.type == 0);
            seen[strtoul(entry.name + 1, NULL, 10)] = true;
            count++;
        }
    }
    assert_status(status, BS_END);
    bsi_dir_close(dir);
    return count;
}

static void every_name_is_listed_once(void **state)
{
    bool *seen = calloc(NAMES, sizeof(*seen));
    char name[16];

    assert_non_null(seen);
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        assert_ok(bsi_symlink("x", at(state), name));
    }
    /* Twice: the caller's descriptor is not moved by it. */
    assert_int_equal(list_numbers(at(state), seen), NAMES);
    assert_int_equal(list_numbers(at(state), seen), NAMES);
    for (int i = 0; i < NAMES; i++) {
        assert_true(seen[i]);
    }
    free(seen);
}

static void a_directory_that_cannot_be_searched_is_listed_all_the_same(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_OPEN, .at = 1, .os_code = EACCES};
    bool seen[1] = {false};
    int fd = -1;

    assert_ok(bsi_symlink("x", at(state), "n0"));
    assert_ok(bsi_open(at(state), ".", BSI_OPEN_DIR, 0, &fd));
    assert_int_equal(list_numbers(fd, seen), 1);
    bsi_fault_set(&plan);
    assert_int_equal(list_numbers(fd, seen), 1);
    assert_ok(bsi_close(fd));
}

static void a_failed_listing_is_no_end(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_LIST, .at = 1, .os_code = EIO};
    bsi_dir *dir = NULL;
    bsi_dir_entry entry;

    assert_ok(bsi_dir_open(at(state), &dir));
    bsi_fault_set(&plan);
    assert_status(bsi_dir_next(dir, &entry), BS_E_IO);
    bsi_dir_close(dir);
    bsi_dir_close(NULL);
}

static void lack_of_memory_is_reported(void **state)
{
    bsi_dir *dir = NULL;
    char *text = NULL;

    assert_ok(bsi_symlink("f", at(state), "l"));
    bsi_alloc_fail_after(0);
    assert_status(bsi_dir_open(at(state), &dir), BS_E_NOMEM);
    bsi_alloc_fail_after(0);
    assert_status(bsi_readlink(at(state), "l", &text), BS_E_NOMEM);
    bsi_alloc_fail_after(0);
    assert_status(bsi_mkdir_all(at(state), "x", 0700), BS_E_NOMEM);
    assert_null(dir);
    assert_null(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_dir_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rename_replaces_only_when_it_may),
        TEST(rename_without_replacing_needs_no_help_of_the_kernel),
        TEST(a_link_to_a_directory_is_renamed_like_any_name),
        TEST(chmod_never_follows_a_link),
        TEST(times_of_links_and_files_are_set),
        TEST(a_handle_to_a_name_takes_mode_owner_and_time),
        TEST(links_are_made_and_read),
        TEST(directories_are_made_with_their_parents),
        TEST(every_name_is_listed_once),
        TEST(a_directory_that_cannot_be_searched_is_listed_all_the_same),
        TEST(a_failed_listing_is_no_end),
        TEST(lack_of_memory_is_reported),
    };

    return cmocka_run_group_tests_name("os/name", tests, NULL, NULL);
}
