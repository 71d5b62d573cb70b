/* SPDX-License-Identifier: MIT */
/* Others who work in the target at the same time, and many files of ours at once. */
#include "fixture.h"

#include <stdatomic.h>

#include "os/thread.h"
#include "task/pool.h"

enum {
    ROUNDS = 4200, /* Of 6 operations. */
    FILES = 2000,
    UNDER_WAY = 32,
};

typedef struct swapper {
    int dir; /* The root's. */
    atomic_bool stop;
    atomic_int swaps;
} swapper;

/* Let "d" be by turns a directory of the restore and a link that leads out. */
static void swap_for_ever(void *user)
{
    swapper *s = user;
    char name[32];
    int swaps = 0;
    int trash = 0;

    for (unsigned turn = 0; !atomic_load(&s->stop); turn++) {
        const bool planted = symlinkat("../outside", s->dir, "s") == 0;

        if (planted && renameat2(s->dir, "s", s->dir, "d", RENAME_EXCHANGE) == 0) {
            swaps++;
        }
        if (turn % 8 != 0) {
            (void)renameat2(s->dir, "s", s->dir, "d", RENAME_EXCHANGE);
        }
        if (unlinkat(s->dir, "s", 0) != 0) {
            /* A directory of the restore, perhaps with something in it. */
            (void)snprintf(name, sizeof(name), "../trash/%d", ++trash);
            (void)renameat(s->dir, "s", s->dir, name);
        }
    }
    atomic_store(&s->swaps, swaps);
}

static void expect_no_failure(bs_status status)
{
    /* Left out, or gone between two steps; never anything but a word about it. */
    if (status < 0 && status != BS_E_NOT_FOUND) {
        assert_ok(status);
    }
}

static void restore_against(fixture *f, bool overwrite)
{
    const bsi_entry dir = entry_of("d", BSI_TYPE_DIR, 0711);
    const bsi_entry link = link_entry("d/l", "x");
    swapper s = {.dir = -1};
    bsi_thread thread;

    plant_dir(f, "outside");
    plant_file(f, "outside/f", "outside");
    plant_dir(f, "trash");
    plant_dir(f, "root");
    if (overwrite) {
        plant_dir(f, "root/d");
    }
    f->options.overwrite = overwrite;
    s.dir = root_fd(f);
    (void)open_target(f);
    assert_ok(bsi_thread_start(&thread, "swapper", swap_for_ever, &s));
    for (int i = 0; i < ROUNDS; i++) {
        expect_no_failure(bsi_target_dir(f->target, &dir));
        expect_no_failure(put_file(f->target, "d/f", "restored"));
        expect_no_failure(put_file(f->target, "d/new", "restored"));
        expect_no_failure(put_file(f->target, "e/f", "x")); /* Makes it look up "d" anew. */
        expect_no_failure(bsi_target_symlink(f->target, &link));
        expect_no_failure(bsi_target_dir_finish(f->target, &dir));
    }
    atomic_store(&s.stop, true);
    bsi_thread_join(thread);
    assert_int_equal(close(s.dir), 0);
    print_message("# %d swaps\n", atomic_load(&s.swaps));
    assert_true(atomic_load(&s.swaps) > 100);
    assert_int_equal(count_names(f, "outside", ""), 1);
    assert_file(f, "outside/f", "outside");
    assert_int_equal(look(f, "outside").st_mode, S_IFDIR | 0755);
    assert_int_equal(look(f, "outside/f").st_mode, S_IFREG | 0644);
}

static void nothing_outside_changes_while_a_directory_is_swapped(void **state)
{
    restore_against(*state, false);
}

static void nothing_outside_changes_while_links_are_replaced(void **state)
{
    restore_against(*state, true);
}

typedef struct writing {
    bsi_task task;
    bsi_target_file *file;
    bsi_latch *latch;
    atomic_int *failures;
    int number;
} writing;

static void write_and_commit(bsi_task *task)
{
    writing *w = (writing *)(void *)task;
    bs_status status = bsi_target_file_write(w->file, 0, "hello", 5);

    if (w->number % 10 == 9) {
        bsi_target_file_abort(w->file);
    } else if (status == BS_OK) {
        status = bsi_target_file_commit(w->file);
    }
    if (status != BS_OK) {
        atomic_fetch_add(w->failures, 1);
    }
    bsi_latch_done(w->latch);
}

/* The job's thread begins files in many directories while a pool completes others. */
static void many_files_are_completed_at_once(void **state)
{
    fixture *f = *state;
    bsi_pool *pool = NULL;
    bsi_latch latch;
    atomic_int failures = 0;
    writing *all = bsi_calloc(FILES, sizeof(*all));
    bsi_xattr attr = {.name = {"trusted.x", 9}, .value = {"x", 1}}; /* Counted by all. */

    bsi_latch_init(&latch);
    assert_ok(bsi_pool_new(4, &pool));
    (void)open_target(f);
    for (int i = 0; i < FILES; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "d%d/f%d", i / 100, i);
        bsi_entry entry = file_entry(path, "hello");
        entry.stat.nlink = 1 + (uint64_t)i % 2;
        entry.xattrs = &attr;
        entry.xattr_count = 1;
        all[i] = (writing){
            .task = {.run = write_and_commit}, .latch = &latch, .failures = &failures, .number = i};
        assert_ok(bsi_target_file_begin(f->target, &entry, &all[i].file));
        bsi_latch_wait(&latch, UNDER_WAY);
        bsi_latch_add(&latch);
        bsi_pool_submit(pool, &all[i].task);
    }
    bsi_latch_wait(&latch, 0);
    bsi_pool_free(pool);
    bsi_latch_dispose(&latch);
    assert_int_equal(atomic_load(&failures), 0);
    for (int i = 0; i < FILES; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "root/d%d/f%d", i / 100, i);
        assert_int_equal(is_there(f, path), i % 10 != 9);
    }
    assert_file(f, "root/d3/f345", "hello");
    assert_ok(bsi_target_sync(f->target));
    assert_int_equal(f->warning_count, 1);
    assert_non_null(strstr(f->last_text, "2000 times"));
    bsi_free(all);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(nothing_outside_changes_while_a_directory_is_swapped),
        CASE(nothing_outside_changes_while_links_are_replaced),
        CASE(many_files_are_completed_at_once),
    };

    test_dir_in_memory();
    return cmocka_run_group_tests_name("target/race", tests, NULL, NULL);
}
