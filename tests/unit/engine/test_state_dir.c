/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "engine/state_dir.h"
#include "os/file.h"
#include "support/tempdir.h"

static void make_file(int dir, const char *name)
{
    int fd = -1;

    assert_ok(bsi_open(dir, name, BSI_OPEN_WRITE | BSI_OPEN_CREATE, 0600, &fd));
    assert_ok(bsi_close(fd));
}

static void a_missing_directory_is_made_for_its_owner_only(void **state)
{
    const test_dir *dir = *state;
    char path[300];
    bsi_state_dir opened = {0};
    bsi_stat stat;

    (void)snprintf(path, sizeof(path), "%s/a/./b//", dir->path);
    assert_ok(bsi_state_dir_open(path, &opened));
    assert_null(strstr(opened.path, "/./"));
    assert_ok(bsi_stat_at(dir->fd, "a/b", &stat));
    assert_int_equal(stat.mode, 0700);
    assert_ok(bsi_stat_at(dir->fd, "a/b/storage", &stat));
    assert_ok(bsi_stat_at(dir->fd, "a/b/tmp", &stat));
    bsi_state_dir_close(&opened);
    bsi_state_dir_close(&opened);
}

static void a_second_one_finds_it_busy(void **state)
{
    const test_dir *dir = *state;
    bsi_state_dir first = {0};
    bsi_state_dir second = {0};

    assert_ok(bsi_state_dir_open(dir->path, &first));
    assert_status(bsi_state_dir_open(dir->path, &second), BS_E_BUSY);
    assert_non_null(strstr(bs_error_last()->message, dir->path));
    bsi_state_dir_close(&first);
    assert_ok(bsi_state_dir_open(dir->path, &second));
    bsi_state_dir_close(&second);
}

static void a_directory_of_others_is_refused(void **state)
{
    const test_dir *dir = *state;
    bsi_state_dir opened = {0};
    bsi_stat stat;

    make_file(dir->fd, "thesis.txt");
    assert_status(bsi_state_dir_open(dir->path, &opened), BS_E_INVALID);
    assert_status(bsi_stat_at(dir->fd, "lock", &stat), BS_E_NOT_FOUND);
    assert_null(opened.path);
}

static void what_a_dead_process_left_is_removed(void **state)
{
    const test_dir *dir = *state;
    bsi_state_dir opened = {0};
    bsi_stat stat;

    assert_ok(bsi_state_dir_open(dir->path, &opened));
    bsi_state_dir_close(&opened);
    make_file(dir->fd, "tmp/part");
    assert_ok(bsi_mkdir(dir->fd, "tmp/d", 0700));
    make_file(dir->fd, "tmp/d/e");
    assert_ok(bsi_symlink("/etc", dir->fd, "tmp/link"));
    assert_ok(bsi_state_dir_open(dir->path, &opened));
    assert_status(bsi_stat_at(dir->fd, "tmp/part", &stat), BS_E_NOT_FOUND);
    assert_status(bsi_stat_at(dir->fd, "tmp/d", &stat), BS_E_NOT_FOUND);
    assert_status(bsi_stat_at(dir->fd, "tmp/link", &stat), BS_E_NOT_FOUND);
    bsi_state_dir_close(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_missing_directory_is_made_for_its_owner_only,
                                        test_dir_setup, test_dir_teardown),
        cmocka_unit_test_setup_teardown(a_second_one_finds_it_busy, test_dir_setup,
                                        test_dir_teardown),
        cmocka_unit_test_setup_teardown(a_directory_of_others_is_refused, test_dir_setup,
                                        test_dir_teardown),
        cmocka_unit_test_setup_teardown(what_a_dead_process_left_is_removed, test_dir_setup,
                                        test_dir_teardown),
    };

    return cmocka_run_group_tests_name("engine/state_dir", tests, NULL, NULL);
}
