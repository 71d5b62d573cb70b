/* SPDX-License-Identifier: MIT */
/* A restore under faults: of calls, of memory, of the process, of the disk. */
#include "fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

enum {
    BIG_SIZE = 100000, /* Written in pieces. */
    PIECE = 10000,
    REPEAT_EVERY = 3, /* Restores once more after so many disturbed ones. */
    NO_MOUNT = 77,    /* Exit code of a child that could not do what it is for. */
};

/* Two directories, a replaced file, one with links and attributes, a sparse one, the rest. */
static void plant_scene(const fixture *f)
{
    plant_dir(f, "root");
    plant_dir(f, "root/old");
    plant_file(f, "root/old/replaced", "old");
    plant_link(f, "root/way", "nowhere");
}

static bs_status put_big(bsi_target *target)
{
    static const uint8_t piece[PIECE] = {1};
    bsi_entry entry = entry_of("new/big", BSI_TYPE_FILE, 0600);
    bsi_target_file *file = NULL;
    bs_status status = BS_OK;

    entry.sparse = true;
    entry.stat.size = BIG_SIZE;
    status = bsi_target_file_begin(target, &entry, &file);
    for (uint64_t at = 0; status == BS_OK && at < BIG_SIZE; at += PIECE) {
        status = bsi_target_file_write(file, at, piece, PIECE);
    }
    if (status != BS_OK) {
        bsi_target_file_abort(file);
        return status;
    }
    return bsi_target_file_commit(file);
}

static bs_status put_scene(bsi_target *target)
{
    static const bsi_xattr attr = {.name = {"user.a", 6}, .value = {"b", 1}};
    const bsi_entry old_dir = entry_of("old", BSI_TYPE_DIR, 0750);
    const bsi_entry new_dir = entry_of("new", BSI_TYPE_DIR, 0750);
    const bsi_entry fifo = entry_of("new/fifo", BSI_TYPE_FIFO, 0600);
    const bsi_entry link = link_entry("new/link", "first");
    const bsi_entry replaced = file_entry("old/replaced", "new content");
    bsi_entry first = file_entry("new/first", "first");
    bsi_entry second = file_entry("old/second", "first");

    first.stat.nlink = 2;
    first.xattrs = &attr;
    first.xattr_count = 1;
    second.linked = first.path;
    BSI_TRY(bsi_target_dir(target, &new_dir));
    BSI_TRY(put_big(target));
    BSI_TRY(put_entry(target, &first, "first"));
    BSI_TRY(bsi_target_dir(target, &old_dir));
    BSI_TRY(put_entry(target, &replaced, "new content"));
    BSI_TRY(put_file(target, "way/in/f", "x"));
    BSI_TRY(bsi_target_hardlink(target, &second));
    BSI_TRY(bsi_target_symlink(target, &link));
    BSI_TRY(bsi_target_node(target, &fifo));
    BSI_TRY(bsi_target_dir_finish(target, &new_dir));
    return bsi_target_dir_finish(target, &old_dir);
}

static bs_status restore_scene(fixture *f)
{
    char root[512];
    bs_status status = BS_OK;

    close_target(f);
    f->options.overwrite = true;
    f->options.short_id = "0000abcd";
    status = bsi_target_open(root_of(f, root), &f->options, NULL, &f->target);
    if (status == BS_OK) {
        status = put_scene(f->target);
    }
    return status;
}

static bool has_content(const fixture *f, const char *path, const char *content)
{
    char text[64] = "";
    const int fd = openat(f->dir->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    const ssize_t got = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

    (void)close(fd);
    return got >= 0 && strcmp(text, content) == 0;
}

/* Whatever has its own name is whole. */
static void assert_whole(const fixture *f)
{
    assert_true(has_content(f, "root/old/replaced", "old") ||
                has_content(f, "root/old/replaced", "new content"));
    assert_true(!is_there(f, "root/new/first") || has_content(f, "root/new/first", "first"));
    assert_true(!is_there(f, "root/old/second") || has_content(f, "root/old/second", "first"));
    assert_true(!is_there(f, "root/way/in/f") || has_content(f, "root/way/in/f", "x"));
    assert_true(!is_there(f, "root/new/big") || look(f, "root/new/big").st_size == BIG_SIZE);
}

static int count_temps(const fixture *f)
{
    static const char *const dirs[] = {"root", "root/old", "root/new", "root/way", "root/way/in"};
    int count = 0;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(dirs); i++) {
        if (is_there(f, dirs[i]) && S_ISDIR(look(f, dirs[i]).st_mode)) {
            count += count_names(f, dirs[i], ".bsr-");
        }
    }
    return count;
}

/* An undisturbed run completes the tree and removes what others left. */
static void assert_repeats(fixture *f)
{
    assert_ok(restore_scene(f));
    assert_ok(bsi_target_sweep(f->target, bsi_slice_of("way/in")));
    assert_ok(bsi_target_sweep(f->target, bsi_slice_of("way")));
    close_target(f);
    assert_int_equal(count_temps(f), 0);
    assert_true(has_content(f, "root/old/replaced", "new content"));
    assert_true(has_content(f, "root/old/second", "first"));
    assert_true(is_there(f, "root/new/fifo"));
    assert_int_equal(look(f, "root/new").st_mode, S_IFDIR | 0750);
}

static void clear_scene(fixture *f)
{
    static const char *const files[] = {"root/new/big",  "root/new/first",  "root/new/fifo",
                                        "root/new/link", "root/old/second", "root/old/replaced",
                                        "root/way/in/f", "root/way"};
    static const char *const dirs[] = {"root/way/in", "root/way", "root/new", "root/old", "root"};

    for (size_t i = 0; i < BSI_ARRAY_SIZE(files); i++) {
        (void)unlinkat(f->dir->fd, files[i], 0);
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(dirs); i++) {
        (void)unlinkat(f->dir->fd, dirs[i], AT_REMOVEDIR);
    }
    assert_false(is_there(f, "root"));
}

static void sweep_code(fixture *f, int code)
{
    bsi_fault_plan plan = {.os_code = code, .short_io = true};
    bool hit = true;

    for (plan.at = 1; hit; plan.at++) {
        bs_status status = BS_OK;

        plant_scene(f);
        bsi_fault_set(&plan);
        status = restore_scene(f);
        if (status < 0 && status != BS_E_NOT_FOUND) {
            assert_int_equal(bs_error_last()->layer, BS_LAYER_TARGET);
        }
        close_target(f);
        hit = bsi_fault_count() >= plan.at;
        bsi_fault_set(NULL);
        if (!hit) {
            assert_ok(status);
        }
        assert_whole(f);
        /* One, and the mark that tells of it, only where removing it was what failed. */
        assert_true(count_temps(f) <= 2);
        if (plan.at % REPEAT_EVERY == 0 || count_temps(f) > 0) {
            assert_repeats(f);
        }
        clear_scene(f);
    }
    print_message("# %d: %d calls\n", code, (int)plan.at - 2);
}

static void every_call_may_fail(void **state)
{
    sweep_code(*state, EIO);
    sweep_code(*state, ENOSPC);
    sweep_code(*state, EACCES);
}

static void the_process_may_die_at_every_call(void **state)
{
    fixture *f = *state;
    bsi_fault_plan plan = {.os_code = 0};
    int status = 0;

    for (plan.at = 1; !WIFEXITED(status) || plan.at == 1; plan.at++) {
        pid_t child = 0;

        plant_scene(f);
        child = fork();
        if (child == 0) {
            bsi_fault_set(&plan);
            (void)restore_scene(f);
            close_target(f);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
        if (is_there(f, "root/old/replaced")) {
            assert_whole(f);
        }
        if (plan.at % REPEAT_EVERY == 0 || count_temps(f) > 0) {
            assert_repeats(f);
        }
        clear_scene(f);
    }
    assert_true(plan.at > 100);
}

static void every_allocation_may_fail(void **state)
{
    fixture *f = *state;
    bs_status status = BS_E_NOMEM;

    for (long n = 0; status != BS_OK; n++) {
        plant_scene(f);
        bsi_alloc_fail_after(n);
        status = restore_scene(f);
        close_target(f);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
        assert_whole(f);
        assert_int_equal(count_temps(f), 0);
        clear_scene(f);
    }
}

/* In a process of its own: a file system at the root. False where that may not be. */
static bool mount_root(fixture *f, unsigned long flags, const char *options)
{
    char root[512];

    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", root_of(f, root), "tmpfs", flags, options) != 0) {
        return false;
    }
    /* The descriptor leads to the mounts of before. */
    f->dir->fd = open(f->dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return f->dir->fd >= 0;
}

static int fill_disk(fixture *f)
{
    static const uint8_t piece[4096] = {1};
    bsi_entry entry = file_entry("old", "");
    bsi_target_file *file = NULL;
    bs_status status = BS_OK;
    char root[512];

    if (!mount_root(f, 0, "size=64k,nr_inodes=16")) {
        return NO_MOUNT;
    }
    plant_file(f, "root/old", "old");
    f->options.overwrite = true;
    if (bsi_target_open(root_of(f, root), &f->options, NULL, &f->target) != BS_OK ||
        bsi_target_check_space(f->target, 1000000, 1) != BS_E_NO_SPACE) {
        return 1;
    }
    entry.stat.size = 1000000;
    if (bsi_target_file_begin(f->target, &entry, &file) != BS_OK) {
        return 2;
    }
    for (uint64_t at = 0; status == BS_OK && at < 900000; at += sizeof(piece)) {
        status = bsi_target_file_write(file, at, piece, sizeof(piece));
    }
    if (status != BS_E_NO_SPACE || bs_error_last()->layer != BS_LAYER_TARGET) {
        return 3;
    }
    bsi_target_file_abort(file);
    if (!has_content(f, "root/old", "old") || count_names(f, "root", "") != 2) {
        return 4;
    }
    for (int i = 0; i < 40; i++) { /* Now the table of files. */
        char name[8];
        (void)snprintf(name, sizeof(name), "f%d", i);
        status = put_file(f->target, name, "x");
        if (status < 0) {
            break;
        }
    }
    bsi_target_close(f->target);
    return status == BS_E_NO_SPACE && count_names(f, "root", ".bsr-") == 0 ? 0 : 5;
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    fixture *f = *state;
    int status = 0;
    pid_t child = 0;

    plant_dir(f, "root");
    child = fork();
    if (child == 0) {
        _exit(fill_disk(f));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_MOUNT) {
        print_message("skipped: no file system can be mounted here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A read-only mount is told before anything is written. */
static int open_read_only(fixture *f)
{
    char root[512];

    if (!mount_root(f, MS_RDONLY, NULL)) {
        return NO_MOUNT;
    }
    return bsi_target_open(root_of(f, root), &f->options, NULL, &f->target) == BS_E_READ_ONLY &&
                   bs_error_last()->layer == BS_LAYER_TARGET
               ? 0
               : 1;
}

static void a_read_only_target_is_told_at_once(void **state)
{
    fixture *f = *state;
    int status = 0;
    pid_t child = 0;

    plant_dir(f, "root");
    child = fork();
    if (child == 0) {
        _exit(open_read_only(f));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_MOUNT) {
        print_message("skipped: no file system can be mounted here\n");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_call_may_fail),
        CASE(the_process_may_die_at_every_call),
        CASE(every_allocation_may_fail),
        CASE(a_full_disk_leaves_the_old_file),
        CASE(a_read_only_target_is_told_at_once),
    };

    test_dir_in_memory();
    return cmocka_run_group_tests_name("target/fault", tests, NULL, NULL);
}
