/* SPDX-License-Identifier: MIT */
/* What only the local driver has: a disk under it. */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fault.h"
#include "storage/storage.h"
#include "support/tempdir.h"

static bs_status open_with(void **state, const char *key, const char *value, bsi_storage **out)
{
    const bsi_setting settings[] = {{"path", ((test_dir *)*state)->path}, {key, value}};

    return bsi_storage_open("local", settings, 2, NULL, out);
}

static bsi_storage *open_local(void **state)
{
    bsi_storage *storage = NULL;

    assert_ok(open_with(state, "create", "true", &storage));
    return storage;
}

static int teardown(void **state)
{
    bsi_fault_set(NULL);
    return test_dir_teardown(state);
}

static int dir_of(void **state)
{
    return ((test_dir *)*state)->fd;
}

static bs_status count_objects(void *user, const char *key, const bs_storage_object *object)
{
    (void)key;
    (void)object;
    (*(int *)user)++;
    return BS_OK;
}

static int count_listed(bsi_storage *storage)
{
    int count = 0;

    assert_ok(bsi_storage_list(storage, NULL, "", count_objects, &count));
    return count;
}

/* The first byte of an object, or 0 when there is none; it has 9000 times that byte. */
static char letter_of(bsi_storage *storage, const char *key)
{
    static char back[9000];
    bs_storage_object object;
    const bs_status status = bsi_storage_stat(storage, NULL, key, &object);

    if (status == BS_E_NOT_FOUND) {
        return '\0';
    }
    assert_int_equal(status, BS_OK);
    assert_int_equal(object.size, sizeof(back));
    assert_ok(bsi_storage_read(storage, NULL, key, 0, back, sizeof(back)));
    for (size_t i = 1; i < sizeof(back); i++) {
        assert_int_equal(back[i], back[0]);
    }
    return back[0];
}

static bs_status put_letter(bsi_storage *storage, const char *key, char letter)
{
    static char data[9000];

    memset(data, letter, sizeof(data));
    return bsi_storage_put(storage, NULL, key, data, sizeof(data));
}

static void objects_are_files_that_only_the_owner_reads(void **state)
{
    bsi_storage *storage = open_local(state);
    struct stat info;

    assert_ok(put_letter(storage, "a/b", 'x'));
    assert_int_equal(fstatat(dir_of(state), "a/b", &info, 0), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(fstatat(dir_of(state), "a", &info, 0), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    bsi_storage_unref(storage);
}

static void a_root_that_is_missing_is_made_only_when_asked(void **state)
{
    char path[300];
    bsi_setting settings[] = {{"path", path}, {"create", "false"}};
    bsi_storage *storage = NULL;

    (void)snprintf(path, sizeof(path), "%s/x/y", ((test_dir *)*state)->path);
    assert_status(bsi_storage_open("local", settings, 2, NULL, &storage), BS_E_NOT_FOUND);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    settings[1].value = "true";
    assert_ok(bsi_storage_open("local", settings, 2, NULL, &storage));
    assert_ok(put_letter(storage, "k", 'x'));
    bsi_storage_unref(storage);
}

static void settings_are_checked_before_anything_is_opened(void **state)
{
    bsi_storage *storage = NULL;

    assert_status(open_with(state, "paht", "x", &storage), BS_E_INVALID);
    assert_status(open_with(state, "path", "x", &storage), BS_E_INVALID);
    assert_status(open_with(state, "sweep", "yes", &storage), BS_E_INVALID);
    assert_status(open_with(state, "reserve_bytes", "1x", &storage), BS_E_INVALID);
    assert_status(open_with(state, "reserve_bytes", "18446744073709551616", &storage),
                  BS_E_INVALID);
    assert_status(bsi_storage_open("local", NULL, 0, NULL, &storage), BS_E_INVALID);
    assert_status(bsi_storage_open("what", NULL, 0, NULL, &storage), BS_E_UNSUPPORTED);
    assert_non_null(strstr(bs_error_last()->message, "local, mem"));
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
}

static void links_are_never_followed(void **state)
{
    bsi_storage *storage = open_local(state);
    bs_storage_object object;
    char byte;

    assert_int_equal(symlinkat("/etc", dir_of(state), "dir"), 0);
    assert_int_equal(symlinkat("/etc/passwd", dir_of(state), "file"), 0);
    assert_true(bsi_storage_read(storage, NULL, "dir/passwd", 0, &byte, 1) < 0);
    assert_true(bsi_storage_read(storage, NULL, "file", 0, &byte, 1) < 0);
    assert_true(bsi_storage_stat(storage, NULL, "dir/passwd", &object) < 0);
    assert_true(bsi_storage_stat(storage, NULL, "file", &object) < 0);
    assert_true(put_letter(storage, "dir/new", 'x') < 0);
    assert_int_equal(count_listed(storage), 0);
    assert_ok(put_letter(storage, "file", 'x'));
    assert_int_equal(letter_of(storage, "file"), 'x');
    bsi_storage_unref(storage);
}

/* For a while somebody keeps something else there; the objects come back with their directory. */
static void a_directory_that_is_away_is_not_taken_for_an_empty_one(void **state)
{
    bsi_storage *storage = open_local(state);
    bs_storage_object object;
    int count = 0;
    char byte;
    int fd = -1;

    assert_ok(put_letter(storage, "a/b/k", 'x'));
    assert_int_equal(renameat(dir_of(state), "a", dir_of(state), "away"), 0);
    fd = openat(dir_of(state), "a", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_status(bsi_storage_remove(storage, NULL, "a/b/k"), BS_E_IO);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
    assert_non_null(strstr(bs_error_last()->message, "something else is where its directory was"));
    assert_status(bsi_storage_stat(storage, NULL, "a/b/k", &object), BS_E_IO);
    assert_status(bsi_storage_read(storage, NULL, "a/b/k", 0, &byte, 1), BS_E_IO);
    assert_status(bsi_storage_list(storage, NULL, "a/b", count_objects, &count), BS_E_IO);
    assert_status(bsi_storage_rename(storage, NULL, "a/b/k", "c"), BS_E_IO);
    assert_status(put_letter(storage, "a/b/l", 'y'), BS_E_IO);
    assert_int_equal(unlinkat(dir_of(state), "a", 0), 0);
    assert_int_equal(renameat(dir_of(state), "away", dir_of(state), "a"), 0);
    assert_int_equal(letter_of(storage, "a/b/k"), 'x');
    assert_int_equal(count_listed(storage), 1);
    bsi_storage_unref(storage);
}

static void a_sweep_removes_what_was_never_completed(void **state)
{
    bsi_storage *storage = open_local(state);
    int fd = -1;

    assert_ok(put_letter(storage, "a/k", 'x'));
    bsi_storage_unref(storage);
    fd = openat(dir_of(state), "a/.bst-0123456789abcdef", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    storage = open_local(state);
    assert_int_equal(count_listed(storage), 1);
    bsi_storage_unref(storage);
    assert_int_equal(faccessat(dir_of(state), "a/.bst-0123456789abcdef", F_OK, 0), 0);
    assert_ok(open_with(state, "sweep", "true", &storage));
    assert_int_equal(faccessat(dir_of(state), "a/.bst-0123456789abcdef", F_OK, 0), -1);
    assert_int_equal(letter_of(storage, "a/k"), 'x');
    bsi_storage_unref(storage);
}

static void a_sweep_leaves_what_is_young(void **state)
{
    static const struct timespec times[2] = {{1000, 0}, {1000, 5}};
    bsi_storage *storage = open_local(state);
    uint64_t objects = 3;
    uint64_t bytes = 7;
    int fd = -1;

    assert_ok(put_letter(storage, "a/k", 'x'));
    fd = openat(dir_of(state), "a/.bst-0123456789abcdef", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "12345", 5), 5);
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(close(fd), 0);
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_C(1000000000005), &objects, &bytes));
    assert_int_equal(faccessat(dir_of(state), "a/.bst-0123456789abcdef", F_OK, 0), 0);
    assert_int_equal(objects, 3);
    assert_ok(bsi_storage_sweep(storage, NULL, INT64_C(1000000000006), &objects, &bytes));
    assert_int_equal(faccessat(dir_of(state), "a/.bst-0123456789abcdef", F_OK, 0), -1);
    assert_int_equal(objects, 4);
    assert_int_equal(bytes, 12);
    assert_int_equal(letter_of(storage, "a/k"), 'x');
    bsi_storage_unref(storage);
}

static void directories_go_with_their_last_object(void **state)
{
    bsi_storage *storage = open_local(state);
    bsi_upload *upload = NULL;

    assert_ok(put_letter(storage, "a/b/c/1", 'x'));
    assert_ok(put_letter(storage, "a/2", 'x'));
    assert_ok(bsi_storage_remove(storage, NULL, "a/b/c/1"));
    assert_int_equal(faccessat(dir_of(state), "a/b", F_OK, 0), -1);
    assert_int_equal(faccessat(dir_of(state), "a/2", F_OK, 0), 0);
    assert_ok(bsi_upload_begin(storage, NULL, "new/dir/k", NULL, &upload));
    bsi_upload_abort(upload);
    assert_int_equal(faccessat(dir_of(state), "new", F_OK, 0), -1);
    bsi_storage_unref(storage);
}

static void more_than_fits_is_refused_before_anything_is_written(void **state)
{
    bs_storage_put_options options = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;
    bsi_storage *storage = NULL;
    uint64_t bytes = 1;

    assert_ok(open_with(state, "reserve_bytes", "18446744073709551615", &storage));
    assert_status(put_letter(storage, "a/k", 'x'), BS_E_NO_SPACE);
    assert_ok(bsi_storage_free_space(storage, NULL, &bytes));
    assert_int_equal(bytes, 0);
    bsi_storage_unref(storage);
    storage = open_local(state);
    options.expected_size = UINT64_MAX / 2;
    assert_status(bsi_upload_begin(storage, NULL, "a/k", &options, &upload), BS_E_NO_SPACE);
    assert_int_equal(faccessat(dir_of(state), "a", F_OK, 0), -1);
    bsi_storage_unref(storage);
}

static void many_ranges_of_one_object_cost_one_open(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_OPEN};
    bsi_storage *storage = open_local(state);
    char byte;

    assert_ok(put_letter(storage, "a/k", 'x'));
    assert_ok(put_letter(storage, "a/l", 'y'));
    bsi_fault_set(&plan);
    for (uint64_t i = 0; i < 50; i++) {
        assert_ok(bsi_storage_read(storage, NULL, "a/k", i, &byte, 1));
        assert_ok(bsi_storage_read(storage, NULL, "a/l", i, &byte, 1));
    }
    assert_true(bsi_fault_count() <= 6);
    bsi_fault_set(NULL);
    assert_ok(put_letter(storage, "a/k", 'z'));
    assert_int_equal(letter_of(storage, "a/k"), 'z');
    bsi_storage_unref(storage);
}

/* Puts in a child that is killed at its n-th call; true: it got through. */
static bool put_killed_at(void **state, const char *key, uint64_t n)
{
    const bsi_fault_plan plan = {.at = n};
    int info = 0;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        bsi_storage *storage = open_local(state);
        bsi_fault_set(&plan);
        _exit(put_letter(storage, key, 'n') == BS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &info, 0), child);
    assert_true(WIFSIGNALED(info) || (WIFEXITED(info) && WEXITSTATUS(info) == 0));
    return WIFEXITED(info);
}

/* Another program's doing; a descriptor of the old object is still open here. */
static void an_object_replaced_behind_our_back_is_read_anew_once_it_was_asked_for(void **state)
{
    bsi_storage *storage = open_local(state);
    bs_storage_object object;
    char byte = 0;

    assert_ok(bsi_storage_put(storage, NULL, "key", "a", 1));
    assert_ok(bsi_storage_put(storage, NULL, "other", "b", 1));
    assert_ok(bsi_storage_read(storage, NULL, "key", 0, &byte, 1));
    assert_int_equal(renameat(dir_of(state), "other", dir_of(state), "key"), 0);
    assert_ok(bsi_storage_stat(storage, NULL, "key", &object));
    assert_ok(bsi_storage_read(storage, NULL, "key", 0, &byte, 1));
    assert_int_equal(byte, 'b');
    assert_int_equal(unlinkat(dir_of(state), "key", 0), 0);
    assert_status(bsi_storage_stat(storage, NULL, "key", &object), BS_E_NOT_FOUND);
    assert_status(bsi_storage_read(storage, NULL, "key", 0, &byte, 1), BS_E_NOT_FOUND);
    bsi_storage_unref(storage);
}

static void a_put_killed_anywhere_leaves_the_old_or_the_new_object(void **state)
{
    bool through = false;
    uint64_t n = 1;

    for (; !through; n++) {
        bsi_storage *storage = open_local(state);
        char letter = '\0';

        assert_ok(put_letter(storage, "a/k", 'o'));
        bsi_storage_unref(storage);
        through = put_killed_at(state, "a/k", n);
        assert_ok(open_with(state, "sweep", "true", &storage));
        letter = letter_of(storage, "a/k");
        assert_true(letter == 'n' || (letter == 'o' && !through));
        assert_int_equal(count_listed(storage), 1);
        bsi_storage_unref(storage);
    }
    assert_true(n > 8);
}

static void a_first_put_killed_anywhere_leaves_all_or_nothing(void **state)
{
    bool through = false;

    for (uint64_t n = 1; !through; n++) {
        bsi_storage *storage = NULL;
        char letter = '\0';

        through = put_killed_at(state, "new/dir/k", n);
        assert_ok(open_with(state, "sweep", "true", &storage));
        letter = letter_of(storage, "new/dir/k");
        assert_true(letter == 'n' || (letter == '\0' && !through));
        assert_int_equal(count_listed(storage), letter == 'n');
        assert_ok(bsi_storage_remove(storage, NULL, "new/dir/k"));
        bsi_storage_unref(storage);
    }
}

static void fail_everywhere(void **state, uint64_t mask, int os_code, bs_status expected)
{
    bsi_storage *storage = open_local(state);
    bs_status status = BS_E_IO;

    for (uint64_t n = 1; status != BS_OK; n++) {
        const bsi_fault_plan plan = {.op_mask = mask, .at = n, .os_code = os_code};
        char letter = '\0';

        assert_ok(put_letter(storage, "a/b/k", 'o'));
        bsi_fault_set(&plan);
        status = put_letter(storage, "a/b/k", 'n');
        bsi_fault_set(NULL);
        letter = letter_of(storage, "a/b/k");
        if (status != BS_OK) {
            assert_int_equal(status, expected);
            assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
        }
        assert_true(letter == 'n' || (letter == 'o' && status != BS_OK));
        assert_int_equal(count_listed(storage), 1);
        assert_int_equal(faccessat(dir_of(state), "a/b/.", F_OK, 0), 0);
    }
    bsi_storage_unref(storage);
}

static void a_failing_write_or_sync_leaves_a_whole_object(void **state)
{
    fail_everywhere(state, 1u << BSI_OS_WRITE, ENOSPC, BS_E_NO_SPACE);
    fail_everywhere(state, 1u << BSI_OS_WRITE, EIO, BS_E_IO);
    fail_everywhere(state, 1u << BSI_OS_SYNC, EIO, BS_E_IO);
    fail_everywhere(state, 1u << BSI_OS_RENAME, ENOSPC, BS_E_NO_SPACE);
    fail_everywhere(state, 1u << BSI_OS_CLOSE, EIO, BS_E_IO);
    fail_everywhere(state, 1u << BSI_OS_OPEN, EMFILE, BS_E_LIMIT);
}

static void a_sync_that_failed_is_not_tried_again(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_SYNC, .at = 1, .os_code = EIO};
    bsi_storage *storage = open_local(state);

    bsi_fault_set(&plan);
    assert_status(put_letter(storage, "k", 'x'), BS_E_IO);
    assert_int_equal(bsi_fault_count(), 1);
    bsi_fault_set(NULL);
    assert_int_equal(letter_of(storage, "k"), '\0');
    bsi_storage_unref(storage);
}

static void a_put_syncs_the_file_its_directory_and_new_parents(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_SYNC};
    bsi_storage *storage = open_local(state);

    bsi_fault_set(&plan);
    assert_ok(put_letter(storage, "a/b/k", 'x')); /* File, a/b, a, root. */
    assert_int_equal(bsi_fault_count(), 4);
    bsi_fault_set(&plan);
    assert_ok(put_letter(storage, "a/b/l", 'x'));
    assert_int_equal(bsi_fault_count(), 2);
    bsi_fault_set(NULL);
    assert_ok(bsi_storage_remove(storage, NULL, "a/b/k"));
    assert_ok(bsi_storage_remove(storage, NULL, "a/b/l"));
    bsi_fault_set(&plan);
    assert_ok(put_letter(storage, "a/b/k", 'x'));
    assert_int_equal(bsi_fault_count(), 4);
    bsi_storage_unref(storage);
}

static void short_transfers_make_no_difference(void **state)
{
    const bsi_fault_plan plan = {.short_io = true};
    bsi_storage *storage = open_local(state);

    bsi_fault_set(&plan);
    assert_ok(put_letter(storage, "k", 's'));
    assert_int_equal(letter_of(storage, "k"), 's');
    bsi_storage_unref(storage);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_dir_setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(objects_are_files_that_only_the_owner_reads),
        TEST(a_root_that_is_missing_is_made_only_when_asked),
        TEST(settings_are_checked_before_anything_is_opened),
        TEST(links_are_never_followed),
        TEST(a_directory_that_is_away_is_not_taken_for_an_empty_one),
        TEST(a_sweep_removes_what_was_never_completed),
        TEST(a_sweep_leaves_what_is_young),
        TEST(directories_go_with_their_last_object),
        TEST(more_than_fits_is_refused_before_anything_is_written),
        TEST(many_ranges_of_one_object_cost_one_open),
        TEST(an_object_replaced_behind_our_back_is_read_anew_once_it_was_asked_for),
        TEST(a_put_killed_anywhere_leaves_the_old_or_the_new_object),
        TEST(a_first_put_killed_anywhere_leaves_all_or_nothing),
        TEST(a_failing_write_or_sync_leaves_a_whole_object),
        TEST(a_sync_that_failed_is_not_tried_again),
        TEST(a_put_syncs_the_file_its_directory_and_new_parents),
        TEST(short_transfers_make_no_difference),
    };

    return cmocka_run_group_tests_name("storage/local", tests, NULL, NULL);
}
