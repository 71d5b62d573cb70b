/* SPDX-License-Identifier: MIT */
/*
 * What goes, what stays, what is repacked; and that nothing is lost wherever it ends.
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "repo/pack.h"
#include "repo/prune.h"
#include "storage/decorators/faulty.h"
#include "support/repo_model.h"

static const model_files first = {0, 1, 60};
static const model_files second = {30, 1, 60};
static const model_files every_fifth = {0, 5, 12};

static const bsi_lock_waits soon = {.settle_ms = 1, .retry_ms = {1, 1, 1}};

static bs_status try_prune(repo_model *self, const bsi_prune_options *options,
                           bsi_prune_report *report)
{
    return bsi_repo_prune_all(self->repo, NULL, NULL, options, report);
}

static bsi_prune_report prune(repo_model *self, bsi_prune_options options)
{
    bsi_prune_report report = {0};

    assert_ok(try_prune(self, &options, &report));
    return report;
}

/* --- In one go --- */

static void what_no_snapshot_needs_goes_and_the_rest_stays(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_digest other = model_backup(self, second, false);
    bsi_prune_report report;
    bsi_check_report checked;

    model_forget(self, &one);
    report = prune(self, model_prune_options(self));
    assert_int_equal(report.snapshots, 1);
    assert_int_equal(report.trees, 2);
    assert_int_equal(report.blobs_needed, second.count + 2);
    assert_int_equal(report.blobs_unneeded, 30 + 2);
    assert_int_equal(report.bytes_left, 0);
    assert_true(report.packs_removed == report.packs_to_remove + report.packs_to_repack);
    assert_true(report.packs_removed > 2 && report.packs_to_repack > 0);
    checked = model_check(self);
    assert_int_equal(checked.blobs, report.blobs_needed);
    assert_int_equal(checked.notes, 0);
    assert_int_equal(model_count(self, BSI_REPO_INDEX), 1);
    assert_ok(model_restore(self, &other, second));
}

static void all_goes_with_the_last_snapshot(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);

    model_forget(self, &one);
    assert_int_equal(prune(self, model_prune_options(self)).bytes_left, 0);
    assert_int_equal(model_count(self, BSI_REPO_PACKS), 0);
    assert_int_equal(model_count(self, BSI_REPO_INDEX), 0);
    assert_int_equal(model_check(self).notes, 0);
}

static void where_all_is_needed_nothing_changes(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_faulty_plan none_changes = {
        .op_mask = BSI_FAULTY_BEGIN | BSI_FAULTY_REMOVE, .at = 1, .code = BS_E_IO};
    bsi_prune_options options = model_prune_options(self);
    bsi_prune_report report;

    bsi_storage_faulty_set(self->faulty, &none_changes);
    report = prune(self, options);
    assert_int_equal(bsi_storage_faulty_count(self->faulty), 0);
    assert_int_equal(report.packs_removed + report.packs_written, 0);
    bsi_storage_faulty_set(self->faulty, NULL);
    assert_ok(model_restore(self, &one, first));
}

static void a_plan_alone_changes_nothing_and_says_what_would_be_done(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_faulty_plan none_changes = {
        .op_mask = BSI_FAULTY_BEGIN | BSI_FAULTY_REMOVE, .at = 1, .code = BS_E_IO};
    bsi_prune_options options = model_prune_options(self);
    bsi_repo_prune *plan = NULL;
    bsi_prune_report planned;
    bsi_prune_report done;

    (void)model_backup(self, every_fifth, false);
    model_forget(self, &one);
    bsi_storage_faulty_set(self->faulty, &none_changes);
    options.pool = NULL;
    assert_ok(bsi_repo_prune_plan(self->repo, NULL, NULL, &options, &plan));
    bsi_repo_prune_get_report(plan, &planned);
    bsi_repo_prune_free(plan);
    assert_int_equal(bsi_storage_faulty_count(self->faulty), 0);
    bsi_storage_faulty_set(self->faulty, NULL);
    done = prune(self, model_prune_options(self));
    assert_int_equal(planned.packs_to_remove + planned.packs_to_repack, done.packs_removed);
    assert_int_equal(planned.bytes_to_remove, done.bytes_removed);
    assert_int_equal(planned.bytes_to_repack, done.bytes_written);
}

/* Of all packs, about a fifth of each is needed. */
static bsi_prune_report prune_fifths(bsi_prune_unused unused, uint64_t most)
{
    repo_model self;
    bsi_prune_options options;
    bsi_prune_report report;
    bsi_digest one;
    bsi_digest other;

    model_start(&self, 2);
    one = model_backup(&self, first, false);
    other = model_backup(&self, every_fifth, false);
    model_forget(&self, &one);
    options = model_prune_options(&self);
    options.unused = unused;
    options.unused_max = most;
    report = prune(&self, options);
    assert_ok(model_restore(&self, &other, every_fifth));
    assert_int_equal(model_check(&self).notes, 0);
    model_end(&self);
    return report;
}

static void as_much_stays_unneeded_as_may(void **state)
{
    const bsi_prune_report none = prune_fifths(BSI_PRUNE_UNUSED_BYTES, 0);
    const bsi_prune_report some = prune_fifths(BSI_PRUNE_UNUSED_BYTES, 8000);
    const bsi_prune_report any = prune_fifths(BSI_PRUNE_UNUSED_ANY, 0);
    const bsi_prune_report percent = prune_fifths(BSI_PRUNE_UNUSED_PERCENT, 60);
    const bsi_prune_report five = prune_fifths(BSI_PRUNE_UNUSED_USUAL, 0);

    (void)state;
    assert_int_equal(none.bytes_left, 0);
    assert_true(some.bytes_left > 0 && some.bytes_left <= 8000);
    assert_true(some.packs_to_repack > 0 && some.packs_to_repack < none.packs_to_repack);
    assert_int_equal(any.packs_to_repack, 0);
    assert_true(any.bytes_left > some.bytes_left);
    assert_true(percent.bytes_left > 0);
    assert_true(percent.bytes_left * 40 <= percent.bytes_needed * 60);
    assert_true(five.bytes_left * 95 <= five.bytes_needed * 5);
}

static void no_more_is_repacked_than_may(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_digest other = model_backup(self, every_fifth, false);
    bsi_prune_options options = model_prune_options(self);
    bsi_prune_report report;
    bsi_prune_report rest;

    model_forget(self, &one);
    options.repack_max = 3000;
    report = prune(self, options);
    assert_true(report.bytes_to_repack > 0 && report.bytes_to_repack <= 3000);
    assert_true(report.bytes_left > 0);
    options.repack_max = 0;
    rest = prune(self, options);
    assert_true(rest.bytes_to_repack > 0);
    assert_int_equal(rest.bytes_left, 0);
    assert_ok(model_restore(self, &other, every_fifth));
}

static void of_what_is_there_twice_one_stays(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_digest other = model_backup(self, second, true);
    const bsi_prune_report report = prune(self, model_prune_options(self));

    assert_int_equal(report.blobs_twice, 30);
    assert_int_equal(report.blobs_unneeded, 0);
    assert_int_equal(model_check(self).blobs, 90 + 4);
    assert_ok(model_restore(self, &one, first));
    assert_ok(model_restore(self, &other, second));
}

/* Of two copies the one that would stay is damaged, which nobody has found out yet. */
static void a_copy_that_cannot_be_opened_is_none(void **state)
{
    repo_model *self = *state;
    bsi_prune_options options = model_prune_options(self);
    const bsi_digest one = model_backup(self, first, false);
    const bsi_digest other = model_backup(self, first, true);
    const bsi_digest id = model_blob(3);
    const bsi_blob_place place = model_place(self, BSI_BLOB_DATA, &id);
    char key[BSI_REPO_KEY_SIZE];
    bsi_prune_report report;
    bsi_buf bytes;

    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, &place.pack, key);
    bsi_buf_init(&bytes, 1 << 20);
    assert_ok(bsi_storage_load(self->faulty, NULL, key, bytes.max, &bytes));
    bytes.data[place.blob.offset + 20] ^= 1;
    assert_ok(bsi_storage_put(self->faulty, NULL, key, bytes.data, bytes.size));
    bsi_buf_dispose(&bytes);
    options.unused = BSI_PRUNE_UNUSED_ANY;
    report = prune(self, options);
    assert_int_equal(report.packs_kept_after_all, 1);
    assert_true(report.packs_removed > 0);
    assert_ok(model_restore(self, &one, first));
    assert_ok(model_restore(self, &other, first));
}

/* As two programs leave it when one takes in what the other is about to tell of. */
static void what_two_index_files_tell_is_told_by_one(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    bsi_repo_files files = {0};
    bsi_digest id;
    bsi_buf text;

    assert_ok(bsi_repo_list(self->repo, NULL, BSI_REPO_INDEX, &files));
    assert_int_equal(files.count, 1);
    bsi_buf_init(&text, 1 << 20);
    assert_ok(bsi_repo_load(self->repo, NULL, BSI_REPO_INDEX, &files.items[0].id, &text));
    bsi_repo_files_dispose(&files);
    for (int beside = 0; beside <= 1; beside++) {
        bsi_prune_options options = model_prune_options(self);
        assert_ok(bsi_repo_save(self->repo, NULL, BSI_REPO_INDEX, bsi_buf_slice(&text), &id));
        assert_int_equal(model_count(self, BSI_REPO_INDEX), 2);
        assert_ok(beside ? bsi_repo_prune_beside(self->repo, NULL, &options, &soon, NULL)
                         : try_prune(self, &options, NULL));
        assert_int_equal(model_count(self, BSI_REPO_INDEX), 1);
        assert_ok(model_restore(self, &one, first));
    }
    bsi_buf_dispose(&text);
}

static void many_small_packs_become_few(void **state)
{
    enum { BACKUPS = 12 };
    repo_model *self = *state;
    model_files files[BACKUPS];
    bsi_digest ids[BACKUPS];
    bsi_prune_report report;

    for (uint32_t i = 0; i < BACKUPS; i++) {
        files[i] = (model_files){i * 2 + 1, 1, 1};
        ids[i] = model_backup(self, files[i], false);
    }
    assert_true(model_count(self, BSI_REPO_PACKS) >= 2 * BACKUPS);
    report = prune(self, model_prune_options(self));
    assert_int_equal(report.bytes_unneeded, 0);
    assert_true(model_count(self, BSI_REPO_PACKS) <= 4);
    assert_int_equal(model_count(self, BSI_REPO_INDEX), 1);
    for (uint32_t i = 0; i < BACKUPS; i++) {
        assert_ok(model_restore(self, &ids[i], files[i]));
    }
    assert_int_equal(prune(self, model_prune_options(self)).packs_removed, 0);
}

static void packs_of_no_index_go(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const size_t packs = model_count(self, BSI_REPO_PACKS);
    bsi_repo_files before = {0};
    bsi_repo_files after = {0};
    bsi_prune_report report;

    assert_ok(bsi_repo_list(self->repo, NULL, BSI_REPO_INDEX, &before));
    (void)model_backup(self, (model_files){1000, 1, 30}, false);
    assert_ok(bsi_repo_list(self->repo, NULL, BSI_REPO_INDEX, &after));
    for (size_t i = 0; i < after.count; i++) {
        if (!bsi_digest_equal(&after.items[i].id, &before.items[0].id)) {
            assert_ok(bsi_repo_remove(self->repo, NULL, BSI_REPO_INDEX, &after.items[i].id));
        }
    }
    bsi_repo_files_dispose(&before);
    bsi_repo_files_dispose(&after);
    assert_ok(bsi_repo_list(self->repo, NULL, BSI_REPO_SNAPSHOTS, &before));
    for (size_t i = 0; i < before.count; i++) {
        if (!bsi_digest_equal(&before.items[i].id, &one)) {
            model_forget(self, &before.items[i].id);
        }
    }
    bsi_repo_files_dispose(&before);
    report = prune(self, model_prune_options(self));
    assert_true(report.packs_unknown > 2 && report.bytes_unknown > 0);
    assert_int_equal(report.packs_removed, report.packs_unknown);
    assert_int_equal(report.bytes_removed, report.bytes_unknown);
    assert_int_equal(model_count(self, BSI_REPO_PACKS), packs);
    assert_ok(model_restore(self, &one, first));
}

/* --- What is damaged --- */

/* Nothing is changed by a run that must not. */
static void assert_refused(repo_model *self, bs_status expected)
{
    const bsi_faulty_plan none_changes = {
        .op_mask = BSI_FAULTY_BEGIN | BSI_FAULTY_REMOVE, .at = 1, .code = BS_E_IO};
    const bsi_prune_options options = model_prune_options(self);

    bsi_storage_faulty_set(self->faulty, &none_changes);
    assert_status(try_prune(self, &options, NULL), expected);
    assert_int_equal(bsi_storage_faulty_count(self->faulty), 0);
    bsi_storage_faulty_set(self->faulty, NULL);
}

static void nothing_goes_while_a_needed_pack_is_missing(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    bsi_digest pack;

    (void)model_backup(self, second, false);
    model_forget(self, &one);
    pack = model_pack(self, 60);
    assert_ok(bsi_repo_remove(self->repo, NULL, BSI_REPO_PACKS, &pack));
    assert_refused(self, BS_E_MISSING);
    assert_non_null(strstr(bs_error_last()->message, "which is needed"));
}

static void a_missing_pack_that_nobody_needs_leaves_the_index(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_digest other = model_backup(self, (model_files){100, 1, 30}, false);
    const bsi_digest pack = model_pack(self, 0);
    bsi_prune_report report;

    model_forget(self, &one);
    assert_ok(bsi_repo_remove(self->repo, NULL, BSI_REPO_PACKS, &pack));
    report = prune(self, model_prune_options(self));
    assert_int_equal(report.packs_lost, 1);
    assert_int_equal(model_check(self).notes, 0);
    assert_ok(model_restore(self, &other, (model_files){100, 1, 30}));
}

static void damage(repo_model *self, bsi_repo_kind kind, const bsi_digest *id)
{
    char key[BSI_REPO_KEY_SIZE];
    bsi_buf bytes;

    bsi_repo_object_key(self->repo, kind, id, key);
    bsi_buf_init(&bytes, 1 << 20);
    assert_ok(bsi_storage_load(self->faulty, NULL, key, bytes.max, &bytes));
    bytes.data[bytes.size / 3] ^= 1;
    assert_ok(bsi_storage_put(self->faulty, NULL, key, bytes.data, bytes.size));
    bsi_buf_dispose(&bytes);
}

static void nothing_goes_while_something_cannot_be_read(void **state)
{
    static const bsi_repo_kind kinds[] = {BSI_REPO_SNAPSHOTS, BSI_REPO_INDEX};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(kinds); i++) {
        repo_model self;
        bsi_repo_files files = {0};
        bsi_digest one;
        model_start(&self, 2);
        one = model_backup(&self, first, false);
        (void)model_backup(&self, second, false);
        model_forget(&self, &one);
        assert_ok(bsi_repo_list(self.repo, NULL, kinds[i], &files));
        damage(&self, kinds[i], &files.items[files.count - 1].id);
        bsi_repo_files_dispose(&files);
        assert_refused(&self, BS_E_CORRUPT);
        model_end(&self);
    }
}

static void a_damaged_blob_is_not_repacked_but_told(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_prune_options options = model_prune_options(self);
    bsi_digest packs[12];

    (void)model_backup(self, every_fifth, false);
    model_forget(self, &one);
    for (uint32_t i = 0; i < BSI_ARRAY_SIZE(packs); i++) {
        packs[i] = model_pack(self, i * 5);
        if (i == 0 || !bsi_digest_equal(&packs[i], &packs[i - 1])) {
            char key[BSI_REPO_KEY_SIZE];
            bsi_buf bytes;
            bsi_repo_object_key(self->repo, BSI_REPO_PACKS, &packs[i], key);
            bsi_buf_init(&bytes, 1 << 20);
            assert_ok(bsi_storage_load(self->faulty, NULL, key, bytes.max, &bytes));
            memset(bytes.data, 0, bytes.size);
            assert_ok(bsi_storage_put(self->faulty, NULL, key, bytes.data, bytes.size));
            bsi_buf_dispose(&bytes);
        }
    }
    const size_t count = model_count(self, BSI_REPO_PACKS);
    assert_status(try_prune(self, &options, NULL), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "repacking"));
    assert_true(model_count(self, BSI_REPO_PACKS) >= count);
}

/* --- Killed --- */

/* What is there whatever happens to a run that fails at an operation. */
static bool check_killed(uint64_t at, bool after)
{
    const bsi_faulty_plan dies = {.at = at, .code = BS_E_IO, .forever = true, .after = after};
    repo_model self;
    bsi_prune_options options;
    bsi_digest one;
    bsi_digest other;
    bsi_digest third;
    bs_status status = BS_OK;
    uint64_t bytes = 0;

    model_start(&self, 2);
    one = model_backup(&self, first, false);
    other = model_backup(&self, second, true);
    third = model_backup(&self, every_fifth, false);
    model_forget(&self, &one);
    options = model_prune_options(&self);
    bsi_storage_faulty_set(self.faulty, &dies);
    status = try_prune(&self, &options, NULL);
    const bool reached = bsi_storage_faulty_count(self.faulty) >= at;
    bsi_storage_faulty_set(self.faulty, NULL);
    assert_true(reached ? status < 0 : status == BS_OK);
    model_reopen(&self);
    (void)model_check(&self);
    assert_ok(model_restore(&self, &other, second));
    assert_ok(model_restore(&self, &third, every_fifth));
    (void)prune(&self, options);
    const bsi_check_report checked = model_check(&self);
    assert_int_equal(checked.notes, 0);
    assert_int_equal(checked.blobs, 66 + 4);
    assert_ok(model_restore(&self, &other, second));
    assert_ok(model_restore(&self, &third, every_fifth));
    bytes = model_bytes(&self, BSI_REPO_PACKS);
    assert_int_equal(prune(&self, options).packs_removed, 0);
    assert_int_equal(model_bytes(&self, BSI_REPO_PACKS), bytes);
    model_end(&self);
    return reached;
}

static void killed_anywhere_it_does_no_harm_and_the_next_run_ends_it(void **state)
{
    (void)state;
    for (int after = 0; after <= 1; after++) {
        uint64_t at = 1;
        while (check_killed(at, after != 0)) {
            at++;
        }
        assert_true(at > 20);
    }
}

/* What was repacked before it was killed is not repacked again. */
static void a_run_that_was_killed_is_gone_on_with(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_digest other = model_backup(self, every_fifth, false);
    const bsi_prune_options options = model_prune_options(self);
    bsi_repo_prune *plan = NULL;
    bsi_prune_report report;

    model_forget(self, &one);
    assert_ok(bsi_repo_prune_plan(self->repo, NULL, NULL, &options, &plan));
    assert_ok(bsi_repo_prune_repack(plan, NULL));
    bsi_repo_prune_free(plan);
    report = prune(self, options);
    assert_int_equal(report.packs_to_repack, 0);
    assert_int_equal(report.packs_written, 0);
    assert_true(report.packs_removed > 0);
    assert_int_equal(model_check(self).notes, 0);
    assert_ok(model_restore(self, &other, every_fifth));
}

/* --- Beside others --- */

static void what_came_after_the_plan_keeps_what_it_needs(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_prune_options options = model_prune_options(self);
    const model_files late_files = {0, 2, 20};
    bsi_repo_prune *plan = NULL;
    bsi_prune_report report;
    bsi_digest late;

    (void)model_backup(self, second, false);
    model_forget(self, &one);
    assert_ok(bsi_repo_prune_plan(self->repo, NULL, NULL, &options, &plan));
    late = model_backup(self, late_files, false);
    assert_ok(bsi_repo_prune_repack(plan, NULL));
    assert_ok(bsi_repo_prune_remove(plan, NULL));
    bsi_repo_prune_get_report(plan, &report);
    bsi_repo_prune_free(plan);
    assert_true(report.packs_kept_after_all > 0);
    assert_int_equal(model_check(self).notes, 0);
    assert_ok(model_restore(self, &late, late_files));
}

static void a_plan_ends_when_somebody_else_has_pruned(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_digest other = model_backup(self, second, false);
    const bsi_prune_options options = model_prune_options(self);
    bsi_repo_prune *plan = NULL;

    model_forget(self, &one);
    assert_ok(bsi_repo_prune_plan(self->repo, NULL, NULL, &options, &plan));
    (void)prune(self, options);
    assert_status(bsi_repo_prune_remove(plan, NULL), BS_E_BUSY);
    bsi_repo_prune_free(plan);
    assert_int_equal(model_check(self).notes, 0);
    assert_ok(model_restore(self, &other, second));
}

static void a_lost_lock_ends_it_before_anything_goes(void **state)
{
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_prune_options options = model_prune_options(self);
    bsi_repo_lock *lock = NULL;
    bsi_repo_prune *plan = NULL;
    size_t removed = 0;
    size_t packs = 0;

    (void)model_backup(self, second, false);
    model_forget(self, &one);
    assert_ok(bsi_repo_lock_take(self->repo, NULL, true, &soon, &lock));
    assert_ok(bsi_repo_prune_plan(self->repo, NULL, lock, &options, &plan));
    packs = model_count(self, BSI_REPO_PACKS);
    assert_ok(bsi_repo_unlock(self->repo, NULL, true, &removed));
    assert_status(bsi_repo_lock_refresh(lock, NULL), BS_E_BUSY);
    assert_status(bsi_repo_prune_remove(plan, lock), BS_E_BUSY);
    assert_int_equal(model_count(self, BSI_REPO_PACKS), packs);
    bsi_repo_prune_free(plan);
    (void)bsi_repo_lock_release(lock);
}

/* Step by step: each failure leaves what was there before. */
static void lack_of_memory_is_told_and_does_no_harm(void **state)
{
    const long stride = getenv("BSI_TESTS_FULL") ? 1 : 13;
    repo_model *self = *state;
    const bsi_digest one = model_backup(self, first, false);
    const bsi_digest other = model_backup(self, every_fifth, false);
    const bsi_prune_options options = model_prune_options(self);
    bs_status status = BS_E_NOMEM;
    long n = 0;

    model_forget(self, &one);
    for (; status != BS_OK; n += stride) {
        bsi_alloc_fail_after(n);
        status = try_prune(self, &options, NULL);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    assert_true(n > 5 * stride); /* Some failed: what they stored the next ones went on with. */
    assert_ok(model_restore(self, &other, every_fifth));
    (void)prune(self, options);
    assert_int_equal(model_check(self).notes, 0);
    assert_ok(model_restore(self, &other, every_fifth));
}

static void senseless_options_are_refused(void **state)
{
    repo_model *self = *state;
    bsi_prune_options options = model_prune_options(self);

    options.unused = BSI_PRUNE_UNUSED_PERCENT;
    options.unused_max = 100;
    assert_status(try_prune(self, &options, NULL), BS_E_INVALID);
    options = model_prune_options(self);
    options.pack_target = BSI_PACK_TARGET_MAX + 1;
    assert_status(try_prune(self, &options, NULL), BS_E_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, model_setup, model_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_no_snapshot_needs_goes_and_the_rest_stays),
        TEST(all_goes_with_the_last_snapshot),
        TEST(where_all_is_needed_nothing_changes),
        TEST(a_plan_alone_changes_nothing_and_says_what_would_be_done),
        cmocka_unit_test(as_much_stays_unneeded_as_may),
        TEST(no_more_is_repacked_than_may),
        TEST(of_what_is_there_twice_one_stays),
        TEST(a_copy_that_cannot_be_opened_is_none),
        TEST(what_two_index_files_tell_is_told_by_one),
        TEST(many_small_packs_become_few),
        TEST(packs_of_no_index_go),
        TEST(nothing_goes_while_a_needed_pack_is_missing),
        TEST(a_missing_pack_that_nobody_needs_leaves_the_index),
        cmocka_unit_test(nothing_goes_while_something_cannot_be_read),
        TEST(a_damaged_blob_is_not_repacked_but_told),
        cmocka_unit_test(killed_anywhere_it_does_no_harm_and_the_next_run_ends_it),
        TEST(a_run_that_was_killed_is_gone_on_with),
        TEST(what_came_after_the_plan_keeps_what_it_needs),
        TEST(a_plan_ends_when_somebody_else_has_pruned),
        TEST(a_lost_lock_ends_it_before_anything_goes),
        TEST(lack_of_memory_is_told_and_does_no_harm),
        TEST(senseless_options_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
