/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include "task/call.h"

static void a_missing_root_is_made_with_its_parents(void **state)
{
    fixture *f = *state;
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/a/b/root", f->dir->path);
    assert_ok(bsi_target_open(path, &f->options, NULL, &f->target));
    assert_true(S_ISDIR(look(f, "a/b/root").st_mode));
}

static void a_file_in_place_of_the_root_is_told_before_anything_is_written(void **state)
{
    fixture *f = *state;
    char path[512];

    plant_file(f, "root", "x");
    assert_status(bsi_target_open(root_of(f, path), &f->options, NULL, &f->target), BS_E_EXISTS);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_TARGET);
    (void)snprintf(path, sizeof(path), "%s/root/below", f->dir->path);
    assert_status(bsi_target_open(path, &f->options, NULL, &f->target), BS_E_EXISTS);
    assert_null(f->target);
    assert_file(f, "root", "x");
}

static void a_root_that_cannot_be_written_is_told(void **state)
{
    fixture *f = *state;
    static const bsi_fault_plan plan = {
        .op_mask = UINT64_C(1) << BSI_OS_OPEN, .at = 2, .os_code = EROFS};
    char path[512];

    plant_dir(f, "root");
    bsi_fault_set(&plan);
    assert_status(bsi_target_open(root_of(f, path), &f->options, NULL, &f->target), BS_E_READ_ONLY);
    bsi_fault_set(NULL);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_TARGET);
    assert_int_equal(count_names(f, "root", ""), 0);
}

static void a_file_has_no_name_before_it_is_complete(void **state)
{
    fixture *f = *state;
    bsi_target *target = open_target(f);
    const bsi_entry entry = file_entry("a/b/f", "hello");
    bsi_target_file *file = NULL;

    assert_ok(bsi_target_file_begin(target, &entry, &file));
    assert_ok(bsi_target_file_write(file, 2, "llo", 3));
    assert_false(is_there(f, "root/a/b/f"));
    assert_ok(bsi_target_file_write(file, 0, "he", 2));
    assert_ok(bsi_target_file_commit(file));
    assert_file(f, "root/a/b/f", "hello");
    assert_int_equal(count_names(f, "root/a/b", ""), 1);
    assert_ok(bsi_target_sync(target));
    close_target(f);
    assert_int_equal(count_names(f, "root", ""), 1);
    assert_int_equal(f->warning_count, 0);
}

static void an_aborted_file_leaves_nothing(void **state)
{
    fixture *f = *state;
    const bsi_entry entry = file_entry("f", "hello");
    bsi_target_file *file = NULL;

    assert_ok(bsi_target_file_begin(open_target(f), &entry, &file));
    assert_ok(bsi_target_file_write(file, 0, "he", 2));
    bsi_target_file_abort(file);
    close_target(f);
    assert_int_equal(count_names(f, "root", ""), 0);
}

static void content_beyond_the_size_is_refused_and_the_file_given_up(void **state)
{
    fixture *f = *state;
    const bsi_entry entry = file_entry("f", "hello");
    bsi_target_file *file = NULL;

    assert_ok(bsi_target_file_begin(open_target(f), &entry, &file));
    assert_status(bsi_target_file_write(file, 3, "abc", 3), BS_E_RANGE);
    assert_status(bsi_target_file_write(file, UINT64_MAX, "abc", 3), BS_E_RANGE);
    assert_status(bsi_target_file_commit(file), BS_E_IO);
    assert_false(is_there(f, "root/f"));
}

static void what_was_never_written_reads_as_zeros(void **state)
{
    fixture *f = *state;
    bsi_entry entry = entry_of("f", BSI_TYPE_FILE, 0600);
    bsi_target_file *file = NULL;

    entry.stat.size = 10000;
    assert_ok(bsi_target_file_begin(open_target(f), &entry, &file));
    assert_ok(bsi_target_file_write(file, 0, "x", 1));
    assert_ok(bsi_target_file_commit(file));
    assert_int_equal(look(f, "root/f").st_size, 10000);
}

static void holes_and_blocks_of_zeros_stay_holes_in_a_sparse_file(void **state)
{
    enum { SIZE = 1024 * 1024, DATA = 64 * 1024 };
    fixture *f = *state;
    bsi_entry entry = entry_of("f", BSI_TYPE_FILE, 0600);
    uint8_t *data = bsi_calloc(1, DATA);
    bsi_target_file *file = NULL;
    uint8_t byte = 0;
    int fd = -1;

    entry.sparse = true;
    entry.stat.size = SIZE;
    data[0] = 1;
    data[40000] = 2;
    assert_ok(bsi_target_file_begin(open_target(f), &entry, &file));
    assert_ok(bsi_target_file_write(file, 500001, data, DATA));
    assert_ok(bsi_target_file_commit(file));
    bsi_free(data);
    assert_int_equal(look(f, "root/f").st_size, SIZE);
    assert_true(look(f, "root/f").st_blocks * 512 <= 32 * 1024);
    fd = openat(f->dir->fd, "root/f", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, 500001), 1);
    assert_int_equal(byte, 1);
    assert_int_equal(pread(fd, &byte, 1, 540001), 1);
    assert_int_equal(byte, 2);
    assert_int_equal(pread(fd, &byte, 1, 540002), 1);
    assert_int_equal(byte, 0);
    assert_int_equal(close(fd), 0);
}

static void hard_links_join_files_of_this_run_only(void **state)
{
    fixture *f = *state;
    bsi_target *target = open_target(f);
    bsi_entry first = file_entry("a/first", "x");
    bsi_entry second = file_entry("b/second", "x");
    bsi_entry other = file_entry("b/other", "x");

    first.stat.nlink = 2;
    second.linked = first.path;
    other.linked = bsi_slice_of("planted");
    plant_file(f, "root/planted", "secret");
    assert_status(bsi_target_hardlink(target, &second), BS_E_NOT_FOUND);
    assert_ok(put_entry(target, &first, "x"));
    assert_ok(bsi_target_hardlink(target, &second));
    assert_int_equal(look(f, "root/a/first").st_ino, look(f, "root/b/second").st_ino);
    assert_int_equal(look(f, "root/a/first").st_nlink, 2);
    assert_status(bsi_target_hardlink(target, &other), BS_E_NOT_FOUND);
    assert_int_equal(count_names(f, "root/b", ""), 1);
}

static void a_first_name_that_was_swapped_is_not_linked_to(void **state)
{
    fixture *f = *state;
    bsi_target *target = open_target(f);
    bsi_entry first = file_entry("first", "x");
    bsi_entry second = file_entry("second", "x");

    first.stat.nlink = 2;
    second.linked = first.path;
    assert_ok(put_entry(target, &first, "x"));
    assert_int_equal(renameat(f->dir->fd, "root/first", f->dir->fd, "root/moved"), 0);
    plant_file(f, "root/first", "other");
    assert_status(bsi_target_hardlink(target, &second), BS_E_NOT_FOUND);
    assert_int_equal(unlinkat(f->dir->fd, "root/first", 0), 0);
    plant_link(f, "root/first", "/etc/passwd");
    assert_status(bsi_target_hardlink(target, &second), BS_E_NOT_FOUND);
    assert_false(is_there(f, "root/second"));
}

static void a_hard_link_replaces_itself_without_leaving_rubbish(void **state)
{
    fixture *f = *state;
    bsi_entry first = file_entry("first", "x");
    bsi_entry second = file_entry("second", "x");
    bsi_target *target = NULL;

    f->options.overwrite = true;
    target = open_target(f);
    first.stat.nlink = 2;
    second.linked = first.path;
    assert_ok(put_entry(target, &first, "x"));
    assert_ok(bsi_target_hardlink(target, &second));
    assert_ok(bsi_target_hardlink(target, &second));
    close_target(f);
    assert_int_equal(count_names(f, "root", ""), 2);
}

static void a_restore_that_needs_more_space_than_there_is_is_told(void **state)
{
    fixture *f = *state;
    bsi_target *target = open_target(f);

    assert_ok(bsi_target_check_space(target, 1, 1));
    assert_status(bsi_target_check_space(target, UINT64_MAX - 1, 1), BS_E_NO_SPACE);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_TARGET);
    assert_non_null(strstr(bs_error_last()->message, "18446744073709551614"));
}

static void a_failed_sync_is_an_error(void **state)
{
    fixture *f = *state;
    static const bsi_fault_plan plan = {
        .op_mask = UINT64_C(1) << BSI_OS_SYNC, .at = 1, .os_code = EIO};

    (void)open_target(f);
    bsi_fault_set(&plan);
    assert_status(bsi_target_sync(f->target), BS_E_IO);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_TARGET);
}

static void a_cancelled_restore_begins_nothing(void **state)
{
    fixture *f = *state;
    bsi_cancel cancel = {false};
    const bs_call call = {.cancel = &cancel};
    char root[512];

    assert_ok(bsi_target_open(root_of(f, root), &f->options, &call, &f->target));
    bsi_cancel_request(&cancel);
    assert_status(put_file(f->target, "f", "x"), BS_E_CANCELLED);
    assert_status(put_dir(f->target, "d"), BS_E_CANCELLED);
}

/* What a run that was killed leaves: its mark, and temporary files. */
static void plant_dead_run(const fixture *f, const char *dir)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/.bsr-0000abcd00000007", dir);
    plant_file(f, path, "half");
}

static void temporary_files_of_dead_runs_are_swept(void **state)
{
    fixture *f = *state;

    plant_dir(f, "root");
    plant_dir(f, "root/d");
    plant_dir(f, "root/e");
    plant_file(f, "root/.bsr-0000abcd00000000", "");
    plant_dead_run(f, "root");
    plant_dead_run(f, "root/d");
    plant_dead_run(f, "root/e");
    plant_file(f, "root/d/.bsr-0000beef00000007", "not known to be dead");
    f->options.short_id = "0000abcd"; /* The same job once more. */
    assert_ok(put_dir(open_target(f), "d"));
    assert_ok(bsi_target_sweep(f->target, bsi_slice_of("e")));
    assert_ok(bsi_target_sweep(f->target, bsi_slice_of("missing")));
    close_target(f);
    assert_int_equal(count_names(f, "root", ".bsr-"), 0);
    assert_int_equal(count_names(f, "root/d", ".bsr-"), 1);
    assert_int_equal(count_names(f, "root/e", ".bsr-"), 0);
}

static void temporary_files_of_a_live_run_are_left_alone(void **state)
{
    fixture *f = *state;
    const bsi_entry entry = file_entry("f", "hello");
    bsi_target_file *file = NULL;
    bsi_target *second = NULL;
    char root[512];

    f->options.short_id = "0000abcd";
    assert_ok(bsi_target_file_begin(open_target(f), &entry, &file));
    assert_ok(bsi_target_open(root_of(f, root), &f->options, NULL, &second));
    bsi_target_close(second);
    assert_ok(bsi_target_file_write(file, 0, "hello", 5));
    assert_ok(bsi_target_file_commit(file));
    assert_file(f, "root/f", "hello");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_missing_root_is_made_with_its_parents),
        CASE(a_file_in_place_of_the_root_is_told_before_anything_is_written),
        CASE(a_root_that_cannot_be_written_is_told),
        CASE(a_file_has_no_name_before_it_is_complete),
        CASE(an_aborted_file_leaves_nothing),
        CASE(content_beyond_the_size_is_refused_and_the_file_given_up),
        CASE(what_was_never_written_reads_as_zeros),
        CASE(holes_and_blocks_of_zeros_stay_holes_in_a_sparse_file),
        CASE(hard_links_join_files_of_this_run_only),
        CASE(a_first_name_that_was_swapped_is_not_linked_to),
        CASE(a_hard_link_replaces_itself_without_leaving_rubbish),
        CASE(a_restore_that_needs_more_space_than_there_is_is_told),
        CASE(a_failed_sync_is_an_error),
        CASE(a_cancelled_restore_begins_nothing),
        CASE(temporary_files_of_dead_runs_are_swept),
        CASE(temporary_files_of_a_live_run_are_left_alone),
    };

    return cmocka_run_group_tests_name("target/target", tests, NULL, NULL);
}
