/* SPDX-License-Identifier: MIT */
/*
 * Marks of packs that could go, and pruning in two phases, which they are for.
 */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "os/time.h"
#include "repo/marks.h"
#include "repo/prune.h"
#include "support/repo_model.h"

static const model_files first = {0, 1, 60};
static const model_files second = {30, 1, 60};

static const bsi_lock_waits soon = {.settle_ms = 1, .retry_ms = {1, 1, 1}};

static bool is_pack(repo_model *self, const bsi_digest *id)
{
    char key[BSI_REPO_KEY_SIZE];
    bs_storage_object object;

    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, id, key);
    return bsi_storage_stat(self->faulty, NULL, key, &object) == BS_OK;
}

static int64_t since_of(repo_model *self, const bsi_digest *pack)
{
    bsi_marks marks = {0};
    const bsi_mark *found = NULL;
    int64_t since = 0;

    assert_ok(bsi_marks_load(self->repo, NULL, &marks));
    found = bsi_marks_find(&marks, pack);
    assert_non_null(found);
    since = found->since_sec;
    bsi_marks_dispose(&marks);
    return since;
}

static bsi_prune_report prune_beside(repo_model *self, bool no_grace)
{
    bsi_prune_options options = model_prune_options(self);
    bsi_prune_report report = {0};

    options.no_grace = no_grace;
    assert_ok(bsi_repo_prune_beside(self->repo, NULL, &options, &soon, &report));
    return report;
}

static void in_two_phases_packs_are_marked_before_they_go(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_digest other = model_backup(self, second, false);
    bsi_prune_report report;
    size_t packs = 0;

    model_forget(self, &one);
    report = prune_beside(self, false);
    assert_int_equal(report.packs_removed, 0);
    assert_true(report.packs_waiting > 2);
    assert_int_equal(report.packs_waiting, report.packs_to_remove + report.packs_to_repack);
    assert_int_equal(model_count(self, BSI_REPO_MARKS), 1);
    assert_int_equal(model_count(self, BSI_REPO_LOCKS), 0);
    assert_int_equal(model_check(self).notes, 0);
    packs = model_count(self, BSI_REPO_PACKS);

    /* Not yet, and nothing is copied again. */
    report = prune_beside(self, false);
    assert_int_equal(report.packs_removed + report.packs_written, 0);
    assert_int_equal(model_count(self, BSI_REPO_PACKS), packs);

    report = prune_beside(self, true);
    assert_int_equal(report.packs_written + report.packs_waiting, 0);
    assert_int_equal(model_count(self, BSI_REPO_PACKS), packs - report.packs_removed);
    assert_int_equal(model_count(self, BSI_REPO_MARKS), 0);
    assert_int_equal(model_check(self).blobs, second.count + 2);
    assert_ok(model_restore(self, &other, second));
}

static void a_marked_pack_that_is_needed_again_stays(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    bsi_digest again;

    model_forget(self, &one);
    assert_true(prune_beside(self, false).packs_waiting > 0);
    again = model_backup(self, first, false); /* Finds all in the index, and stores nothing. */
    assert_int_equal(prune_beside(self, true).packs_removed, 0);
    assert_int_equal(model_count(self, BSI_REPO_MARKS), 0);
    assert_ok(model_restore(self, &again, first));
    (void)model_check(self);
}

/* Mark a pack as if an earlier run had done it. */
static void mark(repo_model *self, const bsi_digest *pack, int64_t age_sec)
{
    bsi_marks marks = {0};

    assert_ok(bsi_marks_load(self->repo, NULL, &marks));
    assert_ok(bsi_marks_add(&marks, pack, bsi_now().sec - age_sec));
    bsi_marks_sort(&marks);
    assert_ok(bsi_marks_save(self->repo, NULL, &marks));
    bsi_marks_dispose(&marks);
    assert_int_equal(model_count(self, BSI_REPO_MARKS), 1);
}

static void what_was_marked_for_long_enough_goes(void **state)
{
    enum { DAY = 24 * 60 * 60 };
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_digest packs[] = {model_pack(self, 0), model_pack(self, 30), model_pack(self, 59)};
    const int64_t before = bsi_now().sec;
    bsi_prune_report report;

    model_forget(self, &one);
    mark(self, &packs[0], DAY + 1);
    mark(self, &packs[1], DAY / 2);
    mark(self, &packs[2], -1000 * DAY); /* By a clock that was wrong. */
    report = prune_beside(self, false);
    assert_int_equal(report.packs_removed, 1);
    assert_int_equal(report.packs_waiting, report.packs_to_remove - 1);
    assert_false(is_pack(self, &packs[0]));
    assert_true(is_pack(self, &packs[1]) && is_pack(self, &packs[2]));
    assert_true(since_of(self, &packs[1]) < before - DAY / 3);
    assert_in_range(since_of(self, &packs[2]), before, bsi_now().sec);
}

/* There is nothing that could be needed again. */
static void what_is_lost_leaves_the_index_without_a_mark(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_digest packs[] = {model_pack(self, 0), model_pack(self, 59)};
    bsi_prune_report report;

    model_forget(self, &one);
    assert_ok(bsi_repo_remove(self->repo, NULL, BSI_REPO_PACKS, &packs[1]));
    mark(self, &packs[0], 48 * 60 * 60);
    report = prune_beside(self, false);
    assert_int_equal(report.packs_removed, 1);
    assert_int_equal(report.packs_lost, 1);
    assert_int_equal(report.packs_waiting, report.packs_to_remove - 2);
    assert_int_equal(model_check(self).errors, 0);
}

static void marks_are_sorted_and_the_oldest_counts(void **state)
{
    const bsi_digest packs[] = {{{2}}, {{1}}, {{2}}, {{3}}};
    const int64_t since[] = {50, 30, 40, -5};
    bsi_marks marks = {0};
    bsi_marks again = {0};
    bsi_buf text;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(packs); i++) {
        assert_ok(bsi_marks_add(&marks, &packs[i], since[i]));
    }
    bsi_marks_sort(&marks);
    assert_int_equal(marks.count, 3);
    assert_int_equal(bsi_marks_find(&marks, &packs[0])->since_sec, 40);
    bsi_buf_init(&text, 4096);
    assert_ok(bsi_marks_write(&marks, &text));
    assert_ok(bsi_marks_parse(bsi_buf_slice(&text), &again));
    assert_int_equal(again.count, marks.count);
    for (size_t i = 0; i < marks.count; i++) {
        assert_int_equal(again.items[i].since_sec, marks.items[i].since_sec);
        assert_true(bsi_digest_equal(&again.items[i].pack, &marks.items[i].pack));
    }
    bsi_buf_dispose(&text);
    bsi_marks_dispose(&marks);
    bsi_marks_dispose(&again);
}

static void what_are_no_marks_counts_for_nothing(void **state)
{
    static const char id[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static const char *const bad[] = {"", "[]", "{\"packs\":[{}]}", "{\"packs\":[{\"id\":\"12\"}]}",
                                      "{\"packs\":[]} x"};
    repo_model *self = *state;
    const bsi_prune_options options = model_prune_options(self);
    bsi_marks marks = {0};
    char text[256];
    bsi_digest file;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        assert_status(bsi_marks_parse(bsi_slice_of(bad[i]), &marks), BS_E_CORRUPT);
    }
    (void)snprintf(text, sizeof(text), "{\"packs\":[{\"id\":\"%s\"}]}", id);
    assert_status(bsi_marks_parse(bsi_slice_of(text), &marks), BS_E_CORRUPT);
    assert_int_equal(marks.count, 0);
    assert_ok(bsi_repo_save(self->repo, NULL, BSI_REPO_MARKS, bsi_slice_of("[1]"), &file));
    assert_ok(bsi_marks_load(self->repo, NULL, &marks));
    assert_int_equal(marks.count, 0);
    assert_ok(bsi_repo_prune_all(self->repo, NULL, NULL, &options, NULL));
    assert_int_equal(model_count(self, BSI_REPO_MARKS), 0);
}

static void while_others_work_what_is_due_waits(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    bsi_repo_lock *lock = NULL;
    bsi_prune_report report;

    model_forget(self, &one);
    assert_ok(bsi_repo_lock_take(self->repo, NULL, false, &soon, &lock));
    report = prune_beside(self, true);
    assert_true(report.packs_waiting > 0);
    assert_int_equal(report.packs_removed, 0);
    assert_ok(bsi_repo_lock_release(lock));
    assert_true(prune_beside(self, true).packs_removed > 0);
    assert_int_equal(model_count(self, BSI_REPO_PACKS), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, model_setup, model_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(in_two_phases_packs_are_marked_before_they_go),
        TEST(a_marked_pack_that_is_needed_again_stays),
        TEST(what_was_marked_for_long_enough_goes),
        TEST(what_is_lost_leaves_the_index_without_a_mark),
        cmocka_unit_test(marks_are_sorted_and_the_oldest_counts),
        TEST(what_are_no_marks_counts_for_nothing),
        TEST(while_others_work_what_is_due_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
