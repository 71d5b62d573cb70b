/* SPDX-License-Identifier: MIT */
/*
 * Repositories with lost and damaged indexes, packs and trees: what can be saved is, and
 * nothing that could be restored before is lost.
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "repo/index_file.h"
#include "repo/index_load.h"
#include "repo/reader.h"
#include "repo/repair.h"
#include "repo/snapshot_load.h"
#include "storage/decorators/faulty.h"
#include "support/repo_model.h"

static const model_files first = {0, 1, 40};
static const model_files second = {100, 1, 40};

typedef struct fixture {
    repo_model model;
    bsi_digest one;
    bsi_digest other;
} fixture;

static void start(fixture *self)
{
    model_start(&self->model, 2);
    self->one = model_backup(&self->model, first, false);
    self->other = model_backup(&self->model, second, false);
}

static int setup(void **state)
{
    fixture *self = bsi_calloc(1, sizeof(*self));

    assert_non_null(self);
    start(self);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;

    model_end(&self->model);
    bsi_free(self);
    return 0;
}

static bsi_repair_options usual(const fixture *self)
{
    return (bsi_repair_options){.pack_target = MODEL_PACK_TARGET, .pool = self->model.pool};
}

static bsi_repair_report repair_index(fixture *self, bool all_headers)
{
    bsi_repair_options options = usual(self);
    bsi_repair_report report;

    options.all_headers = all_headers;
    assert_ok(bsi_repo_repair_index(self->model.repo, NULL, NULL, &options, &report));
    return report;
}

static bsi_repair_report repair_packs(fixture *self)
{
    const bsi_repair_options options = usual(self);
    bsi_repair_report report;

    assert_ok(bsi_repo_repair_packs(self->model.repo, NULL, NULL, &options, NULL, &report));
    return report;
}

static bsi_repair_report repair_snapshots(fixture *self, bool forget)
{
    bsi_repair_options options = usual(self);
    bsi_repair_report report;

    options.forget = forget;
    assert_ok(bsi_repo_repair_snapshots(self->model.repo, NULL, NULL, &options, &report));
    return report;
}

static void assert_all_restores(fixture *self)
{
    assert_ok(model_restore(&self->model, &self->one, first));
    assert_ok(model_restore(&self->model, &self->other, second));
}

/* --- Damage --- */

static void remove_all(fixture *self, bsi_repo_kind kind)
{
    bsi_repo_files files = {0};

    assert_ok(bsi_repo_list(self->model.repo, NULL, kind, &files));
    for (size_t i = 0; i < files.count; i++) {
        assert_ok(bsi_repo_remove(self->model.repo, NULL, kind, &files.items[i].id));
    }
    bsi_repo_files_dispose(&files);
}

/* Change a byte at an offset; from the end when it is negative. Or cut there. */
static void damage(fixture *self, bsi_repo_kind kind, const bsi_digest *id, int64_t at, bool cut)
{
    char key[BSI_REPO_KEY_SIZE];
    bsi_buf bytes;
    size_t offset = 0;

    bsi_repo_object_key(self->model.repo, kind, id, key);
    bsi_buf_init(&bytes, 1 << 20);
    assert_ok(bsi_storage_load(self->model.faulty, NULL, key, bytes.max, &bytes));
    offset = at < 0 ? bytes.size - (size_t)-at : (size_t)at;
    bytes.data[offset] ^= 1;
    assert_ok(
        bsi_storage_put(self->model.faulty, NULL, key, bytes.data, cut ? offset : bytes.size));
    bsi_buf_dispose(&bytes);
}

static bsi_blob_place place_of_file(fixture *self, uint32_t number)
{
    const bsi_digest id = model_blob(number);

    return model_place(&self->model, BSI_BLOB_DATA, &id);
}

static bsi_repo_index *load_index(fixture *self)
{
    bsi_repo_index *index = NULL;

    assert_ok(bsi_repo_index_new(&index));
    assert_ok(bsi_repo_index_load(self->model.repo, NULL, NULL, index));
    return index;
}

static bsi_repo_index_stats index_stats(fixture *self)
{
    bsi_repo_index *index = load_index(self);
    bsi_repo_index_stats stats;

    bsi_repo_index_get_stats(index, &stats);
    bsi_repo_index_free(index);
    return stats;
}

/* The second place of a file's blob. */
static bsi_blob_place other_place_of_file(fixture *self, uint32_t number)
{
    const bsi_digest id = model_blob(number);
    bsi_repo_index *index = load_index(self);
    bsi_blob_place place = {0};

    assert_ok(bsi_repo_index_find(index, BSI_BLOB_DATA, &id, 1, &place));
    bsi_repo_index_free(index);
    return place;
}

static bool is_stored(fixture *self, const bsi_digest *pack)
{
    char key[BSI_REPO_KEY_SIZE];
    bs_storage_object object;

    bsi_repo_object_key(self->model.repo, BSI_REPO_PACKS, pack, key);
    return bsi_storage_stat(self->model.faulty, NULL, key, &object) == BS_OK;
}

/* --- The index --- */

static void without_any_index_packs_tell_what_they_have(void **state)
{
    fixture *self = *state;
    bsi_repair_report report;

    remove_all(self, BSI_REPO_INDEX);
    report = repair_index(self, false);
    assert_int_equal(report.packs_found, model_count(&self->model, BSI_REPO_PACKS));
    assert_int_equal(model_check(&self->model).notes, 0);
    assert_all_restores(self);
}

static void a_damaged_index_is_replaced(void **state)
{
    fixture *self = *state;
    bsi_repo_files files = {0};
    bsi_repair_report report;

    assert_ok(bsi_repo_list(self->model.repo, NULL, BSI_REPO_INDEX, &files));
    assert_int_equal(files.count, 2);
    damage(self, BSI_REPO_INDEX, &files.items[0].id, 40, false);
    bsi_repo_files_dispose(&files);
    report = repair_index(self, false);
    assert_int_equal(report.indexes_damaged, 1);
    assert_true(report.packs_found > 2);
    assert_int_equal(model_count(&self->model, BSI_REPO_INDEX), 1);
    assert_int_equal(model_check(&self->model).notes, 0);
    assert_all_restores(self);
}

static void a_good_index_is_left_alone(void **state)
{
    const bsi_faulty_plan none_changes = {
        .op_mask = BSI_FAULTY_BEGIN | BSI_FAULTY_REMOVE, .at = 1, .code = BS_E_IO};
    fixture *self = *state;

    bsi_storage_faulty_set(self->model.faulty, &none_changes);
    (void)repair_index(self, false);
    (void)repair_index(self, true);
    (void)repair_packs(self);
    assert_int_equal(repair_snapshots(self, true).snapshots, 2);
    assert_int_equal(bsi_storage_faulty_count(self->model.faulty), 0);
    bsi_storage_faulty_set(self->model.faulty, NULL);
    assert_int_equal(model_count(&self->model, BSI_REPO_INDEX), 2);
}

static void a_missing_pack_leaves_the_index(void **state)
{
    fixture *self = *state;
    const bsi_blob_place place = place_of_file(self, 0);

    assert_ok(bsi_repo_remove(self->model.repo, NULL, BSI_REPO_PACKS, &place.pack));
    assert_int_equal(repair_index(self, false).packs_missing, 1);
    assert_status(model_restore(&self->model, &self->one, first), BS_E_MISSING);
    assert_ok(model_restore(&self->model, &self->other, second));
    assert_int_equal(repair_index(self, false).packs_missing, 0);
}

static void a_pack_without_a_header_keeps_what_the_index_tells(void **state)
{
    fixture *self = *state;
    const bsi_blob_place place = place_of_file(self, 0);
    const uint64_t known = index_stats(self).blobs;

    damage(self, BSI_REPO_PACKS, &place.pack, -1, false);
    assert_int_equal(repair_index(self, true).packs_corrected, 0);
    assert_int_equal(index_stats(self).blobs, known);
    assert_all_restores(self);
    damage(self, BSI_REPO_PACKS, &place.pack, -3, true);
    (void)repair_index(self, false);
    assert_int_equal(index_stats(self).blobs, known);
    assert_all_restores(self);
}

/* --- Packs --- */

static void what_a_damaged_pack_still_has_is_saved(void **state)
{
    fixture *self = *state;
    const bsi_blob_place place = place_of_file(self, 3);
    const uint64_t known = index_stats(self).blobs;
    bsi_repair_report report;
    bsi_check_report checked;

    damage(self, BSI_REPO_PACKS, &place.pack, place.blob.offset + 20, false);
    report = repair_packs(self);
    assert_int_equal(report.packs_damaged, 1);
    assert_int_equal(report.blobs_lost, 1);
    assert_true(report.blobs_saved > 3);
    assert_int_equal(index_stats(self).blobs, known - 1);
    assert_ok(model_restore(&self->model, &self->other, second));
    assert_int_equal(repair_packs(self).packs_damaged, 0);
    assert_int_equal(repair_snapshots(self, true).files_shortened, 1);
    checked = model_check(&self->model);
    assert_int_equal(checked.notes, 0);
}

static void a_damaged_header_or_a_cut_end_costs_no_more_than_it_covers(void **state)
{
    fixture *self = *state;
    const bsi_blob_place place = place_of_file(self, 3);
    const bsi_blob_place later = place_of_file(self, 103);
    bsi_repair_report report;

    damage(self, BSI_REPO_PACKS, &place.pack, -10, false);
    damage(self, BSI_REPO_PACKS, &later.pack, later.blob.offset + 5, true);
    report = repair_packs(self);
    assert_int_equal(report.packs_damaged, 2);
    assert_true(report.blobs_lost >= 1 && report.blobs_lost < 40);
    assert_ok(model_restore(&self->model, &self->one, first));
}

static void of_copies_the_one_that_opens_is_kept(void **state)
{
    fixture *self = *state;
    const bsi_digest again = model_backup(&self->model, first, true);
    const bsi_blob_place place = place_of_file(self, 3);
    bsi_repair_report report;

    damage(self, BSI_REPO_PACKS, &place.pack, place.blob.offset + 20, false);
    report = repair_packs(self);
    assert_int_equal(report.packs_damaged, 1);
    assert_int_equal(report.blobs_lost + report.blobs_saved, 0);
    assert_int_equal(model_check(&self->model).notes, 0);
    assert_all_restores(self);
    assert_ok(model_restore(&self->model, &again, first));
}

/* The other copy of a blob is damaged as well, in a pack that nobody has named. */
static void a_copy_that_cannot_be_opened_is_none(void **state)
{
    fixture *self = *state;
    const bsi_repair_options options = usual(self);
    const bsi_digest again = model_backup(&self->model, first, true);
    const bsi_blob_place other = other_place_of_file(self, 3);
    bsi_repo_file file = {.id = place_of_file(self, 3).pack};
    const bsi_repo_files packs = {&file, 1};
    bsi_repair_report report;

    damage(self, BSI_REPO_PACKS, &other.pack, other.blob.offset + 20, false);
    assert_ok(bsi_repo_repair_packs(self->model.repo, NULL, NULL, &options, &packs, &report));
    assert_int_equal(report.blobs_saved, 1);
    assert_int_equal(report.blobs_lost, 0);
    assert_all_restores(self);
    assert_ok(model_restore(&self->model, &again, first));
}

/* An index file that tells of one blob fewer of a pack, in place of all that there are. */
static void leave_out_of_index(fixture *self, const bsi_blob_place *place)
{
    bsi_repo_index *index = load_index(self);
    bsi_index_writer file;
    bsi_blob_list blobs = {0};
    bsi_digest id;

    bsi_index_writer_init(&file);
    for (uint32_t i = 0; i < bsi_repo_index_pack_end(index); i++) {
        size_t kept = 0;
        assert_ok(bsi_repo_index_pack(index, i, &id, &blobs));
        for (size_t j = 0; j < blobs.count; j++) {
            if (!bsi_digest_equal(&blobs.items[j].id, &place->blob.id)) {
                blobs.items[kept++] = blobs.items[j];
            }
        }
        blobs.count = kept;
        assert_ok(bsi_index_writer_add(&file, &id, &blobs));
    }
    remove_all(self, BSI_REPO_INDEX);
    assert_ok(bsi_index_writer_finish(&file));
    assert_ok(
        bsi_repo_save(self->model.repo, NULL, BSI_REPO_INDEX, bsi_buf_slice(&file.text), &id));
    bsi_index_writer_dispose(&file);
    bsi_blob_list_dispose(&blobs);
    bsi_repo_index_free(index);
}

static void what_only_the_header_tells_of_is_saved(void **state)
{
    fixture *self = *state;
    const bsi_blob_place place = place_of_file(self, 3);
    bsi_repair_report report;

    leave_out_of_index(self, &place);
    assert_status(model_restore(&self->model, &self->one, first), BS_E_MISSING);
    report = repair_packs(self);
    assert_int_equal(report.packs_damaged, 1);
    assert_int_equal(report.blobs_lost, 0);
    assert_int_equal(model_check(&self->model).notes, 0);
    assert_all_restores(self);
}

static void new_packs_are_in_one_index_file_each(void **state)
{
    fixture *self = *state;
    const bsi_blob_place place = place_of_file(self, 3);

    damage(self, BSI_REPO_PACKS, &place.pack, place.blob.offset + 20, false);
    assert_true(repair_packs(self).blobs_saved > 0);
    assert_int_equal(index_stats(self).packs_told, index_stats(self).packs);
}

/* Die before and after each operation, until one is not reached any more. */
static void at_each(bool (*check)(uint64_t at, bool after))
{
    for (int after = 0; after <= 1; after++) {
        uint64_t at = 1;
        while (check(at, after != 0)) {
            at++;
        }
        assert_true(at > 20);
    }
}

/* Otherwise the next backup would take them in again, and count on what is damaged. */
static bool check_given_up(uint64_t at, bool after)
{
    const bsi_faulty_plan dies = {.at = at, .code = BS_E_TIMEOUT, .forever = true, .after = after};
    bsi_repair_options options;
    bsi_repair_report report;
    bsi_blob_place place;
    fixture self;
    bool reached = false;

    start(&self);
    options = usual(&self);
    place = place_of_file(&self, 3);
    damage(&self, BSI_REPO_PACKS, &place.pack, place.blob.offset + 20, false);
    bsi_storage_faulty_set(self.model.faulty, &dies);
    (void)!bsi_repo_repair_packs(self.model.repo, NULL, NULL, &options, NULL, &report);
    reached = bsi_storage_faulty_count(self.model.faulty) >= at;
    bsi_storage_faulty_set(self.model.faulty, NULL);
    model_reopen(&self.model);
    (void)repair_packs(&self);
    assert_false(is_stored(&self, &place.pack));
    assert_ok(model_restore(&self.model, &self.other, second));
    model_end(&self.model);
    return reached;
}

static void killed_anywhere_no_damaged_pack_is_left_behind(void **state)
{
    (void)state;
    at_each(check_given_up);
}

static void what_two_index_files_tell_is_told_by_one(void **state)
{
    fixture *self = *state;
    bsi_repo_files files = {0};
    bsi_digest id;
    bsi_buf text;

    assert_ok(bsi_repo_list(self->model.repo, NULL, BSI_REPO_INDEX, &files));
    bsi_buf_init(&text, 1 << 20);
    assert_ok(bsi_repo_load(self->model.repo, NULL, BSI_REPO_INDEX, &files.items[0].id, &text));
    assert_ok(bsi_repo_save(self->model.repo, NULL, BSI_REPO_INDEX, bsi_buf_slice(&text), &id));
    bsi_buf_dispose(&text);
    bsi_repo_files_dispose(&files);
    (void)repair_index(self, false);
    assert_int_equal(index_stats(self).packs_told, index_stats(self).packs);
    assert_all_restores(self);
}

static void a_storage_that_fails_costs_no_pack(void **state)
{
    const bsi_faulty_plan no_reads = {
        .op_mask = BSI_FAULTY_READ, .at = 1, .code = BS_E_TIMEOUT, .forever = true};
    fixture *self = *state;
    const bsi_blob_place place = place_of_file(self, 3);
    const bsi_repair_options options = usual(self);
    bsi_repo_file file = {.id = place.pack};
    const bsi_repo_files packs = {&file, 1};
    const size_t count = model_count(&self->model, BSI_REPO_PACKS);
    bsi_repair_report report;

    bsi_storage_faulty_set(self->model.faulty, &no_reads);
    assert_status(bsi_repo_repair_packs(self->model.repo, NULL, NULL, &options, &packs, &report),
                  BS_E_TIMEOUT);
    bsi_storage_faulty_set(self->model.faulty, NULL);
    assert_int_equal(model_count(&self->model, BSI_REPO_PACKS), count);
    assert_all_restores(self);
    assert_ok(bsi_repo_repair_packs(self->model.repo, NULL, NULL, &options, &packs, &report));
    assert_int_equal(report.blobs_lost, 0);
    assert_int_equal(model_check(&self->model).notes, 0);
    assert_all_restores(self);
}

/* --- Snapshots --- */

static bsi_snapshot load(fixture *self, const bsi_digest *id)
{
    bsi_snapshot snapshot;

    assert_ok(bsi_snapshot_load(self->model.repo, NULL, id, &snapshot));
    return snapshot;
}

/* The snapshot that is neither of the two. */
static bsi_digest find_new(fixture *self)
{
    bsi_repo_files files = {0};
    bsi_digest found = {{0}};

    assert_ok(bsi_repo_list(self->model.repo, NULL, BSI_REPO_SNAPSHOTS, &files));
    for (size_t i = 0; i < files.count; i++) {
        if (!bsi_digest_equal(&files.items[i].id, &self->one) &&
            !bsi_digest_equal(&files.items[i].id, &self->other)) {
            found = files.items[i].id;
        }
    }
    bsi_repo_files_dispose(&files);
    return found;
}

static void a_snapshot_without_what_is_lost_stands_beside_its_original(void **state)
{
    fixture *self = *state;
    const bsi_blob_place place = place_of_file(self, 3);
    bsi_repair_report report;
    bsi_snapshot snapshot;
    bsi_digest fresh;

    damage(self, BSI_REPO_PACKS, &place.pack, place.blob.offset + 20, false);
    (void)repair_packs(self);
    report = repair_snapshots(self, false);
    assert_int_equal(report.snapshots, 2);
    assert_int_equal(report.snapshots_repaired, 1);
    assert_int_equal(report.files_shortened, 1);
    assert_int_equal(model_count(&self->model, BSI_REPO_SNAPSHOTS), 3);
    fresh = find_new(self);
    snapshot = load(self, &fresh);
    assert_true(snapshot.original.given);
    assert_true(bsi_digest_equal(&snapshot.original.digest, &self->one));
    bsi_snapshot_dispose(&snapshot);

    /* A second run finds it; then the original goes, and all is whole. */
    assert_int_equal(repair_snapshots(self, false).snapshots_repaired, 0);
    assert_int_equal(model_count(&self->model, BSI_REPO_SNAPSHOTS), 3);
    assert_int_equal(repair_snapshots(self, true).snapshots_repaired, 0);
    assert_int_equal(model_count(&self->model, BSI_REPO_SNAPSHOTS), 2);
    assert_int_equal(model_check(&self->model).notes, 0);
    assert_ok(model_restore(&self->model, &self->other, second));
}

static void a_lost_folder_is_empty_and_the_rest_is_there(void **state)
{
    fixture *self = *state;
    const model_files odd = {1, 2, 10};
    const bsi_digest third = model_backup(&self->model, odd, false);
    bsi_repair_report report;
    bsi_snapshot snapshot = load(self, &third);
    bsi_blob_place place = model_place(&self->model, BSI_BLOB_TREE, &snapshot.tree.digest);

    /* Of a snapshot whose root is lost nothing is left. */
    bsi_snapshot_dispose(&snapshot);
    damage(self, BSI_REPO_PACKS, &place.pack, place.blob.offset + 20, false);
    (void)repair_packs(self);
    report = repair_snapshots(self, true);
    assert_int_equal(report.snapshots_lost, 1);
    assert_int_equal(report.snapshots_repaired + report.folders_emptied, 0);
    assert_int_equal(model_count(&self->model, BSI_REPO_SNAPSHOTS), 3);
    model_forget(&self->model, &third);
    assert_int_equal(model_check(&self->model).errors, 0);

    /* The folder of even numbers is stored before the root. */
    snapshot = load(self, &self->one);
    place = model_place(&self->model, BSI_BLOB_TREE, &snapshot.tree.digest);
    bsi_snapshot_dispose(&snapshot);
    assert_true(place.blob.offset > 0);
    damage(self, BSI_REPO_PACKS, &place.pack, place.blob.offset - 20, false);
    assert_int_equal(repair_packs(self).blobs_lost, 1);
    report = repair_snapshots(self, true);
    assert_int_equal(report.folders_emptied, 1);
    assert_int_equal(report.snapshots_repaired, 1);
    assert_int_equal(model_count(&self->model, BSI_REPO_SNAPSHOTS), 2);
    assert_int_equal(model_check(&self->model).notes, 0);
    assert_ok(model_restore(&self->model, &self->other, second));
}

static void a_dry_run_tells_the_same_and_changes_nothing(void **state)
{
    const bsi_faulty_plan none_changes = {
        .op_mask = BSI_FAULTY_BEGIN | BSI_FAULTY_REMOVE, .at = 1, .code = BS_E_IO};
    fixture *self = *state;
    const bsi_blob_place place = place_of_file(self, 3);
    const bsi_blob_place later = place_of_file(self, 103);
    const bsi_repair_options dry = {.dry_run = true};
    bsi_repair_report index;
    bsi_repair_report packs;

    damage(self, BSI_REPO_PACKS, &place.pack, place.blob.offset + 20, false);
    assert_ok(bsi_repo_remove(self->model.repo, NULL, BSI_REPO_PACKS, &later.pack));
    bsi_storage_faulty_set(self->model.faulty, &none_changes);
    assert_ok(bsi_repo_repair_index(self->model.repo, NULL, NULL, &dry, &index));
    assert_ok(bsi_repo_repair_packs(self->model.repo, NULL, NULL, &dry, NULL, &packs));
    assert_int_equal(bsi_storage_faulty_count(self->model.faulty), 0);
    bsi_storage_faulty_set(self->model.faulty, NULL);
    assert_int_equal(index.packs_missing, repair_index(self, false).packs_missing);
    assert_int_equal(packs.packs_damaged, 2); /* The missing one is still in the index. */
    assert_int_equal(repair_packs(self).packs_damaged, 1);
    bsi_storage_faulty_set(self->model.faulty, &none_changes);
    assert_ok(bsi_repo_repair_snapshots(self->model.repo, NULL, NULL, &dry, &packs));
    assert_int_equal(bsi_storage_faulty_count(self->model.faulty), 0);
    bsi_storage_faulty_set(self->model.faulty, NULL);
    assert_int_equal(packs.snapshots_repaired, 2);
    assert_int_equal(packs.files_shortened, repair_snapshots(self, true).files_shortened);
    assert_int_equal(model_check(&self->model).notes, 0);
}

/* --- Killed --- */

static bs_status repair_all(fixture *self)
{
    const bsi_repair_options options = usual(self);
    bsi_repair_report report;

    BSI_TRY(bsi_repo_repair_index(self->model.repo, NULL, NULL, &options, &report));
    BSI_TRY(bsi_repo_repair_packs(self->model.repo, NULL, NULL, &options, NULL, &report));
    return bsi_repo_repair_snapshots(self->model.repo, NULL, NULL, &options, &report);
}

/* One snapshot has lost a blob, the other's index is lost: that one restores in the end. */
static bool check_killed(uint64_t at, bool after)
{
    const bsi_faulty_plan dies = {.at = at, .code = BS_E_TIMEOUT, .forever = true, .after = after};
    bsi_repo_files files = {0};
    bsi_blob_place place;
    fixture self;
    bs_status status = BS_OK;

    start(&self);
    place = place_of_file(&self, 3);
    damage(&self, BSI_REPO_PACKS, &place.pack, place.blob.offset + 20, false);
    assert_ok(bsi_repo_list(self.model.repo, NULL, BSI_REPO_INDEX, &files));
    damage(&self, BSI_REPO_INDEX, &files.items[0].id, 40, false);
    bsi_repo_files_dispose(&files);
    bsi_storage_faulty_set(self.model.faulty, &dies);
    status = repair_all(&self);
    const bool reached = bsi_storage_faulty_count(self.model.faulty) >= at;
    bsi_storage_faulty_set(self.model.faulty, NULL);
    assert_true(reached ? status < 0 : status == BS_OK);
    model_reopen(&self.model);
    assert_ok(repair_all(&self));
    assert_ok(model_restore(&self.model, &self.other, second));
    assert_int_equal(model_count(&self.model, BSI_REPO_SNAPSHOTS), 3);
    assert_int_equal(repair_snapshots(&self, true).snapshots_repaired, 0);
    assert_int_equal(model_check(&self.model).errors, 0);
    model_end(&self.model);
    return reached;
}

static void killed_anywhere_the_next_run_repairs_it(void **state)
{
    (void)state;
    at_each(check_killed);
}

static void lack_of_memory_is_told_and_does_no_harm(void **state)
{
    const long stride = getenv("BSI_TESTS_FULL") ? 1 : 29;
    fixture *self = *state;
    const bsi_blob_place place = place_of_file(self, 3);
    bsi_repo_files files = {0};
    bs_status status = BS_E_NOMEM;
    long n = 0;

    damage(self, BSI_REPO_PACKS, &place.pack, place.blob.offset + 20, false);
    assert_ok(bsi_repo_list(self->model.repo, NULL, BSI_REPO_INDEX, &files));
    damage(self, BSI_REPO_INDEX, &files.items[0].id, 40, false);
    bsi_repo_files_dispose(&files);
    for (; status != BS_OK; n += stride) {
        bsi_alloc_fail_after(n);
        status = repair_all(self);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    assert_true(n > 100);
    assert_ok(model_restore(&self->model, &self->other, second));
    assert_int_equal(model_count(&self->model, BSI_REPO_SNAPSHOTS), 3);
}

/* --- Chance --- */

enum { FILES = 80, FEW = 30, MANY = 1000 };

/* What can be read of all that there is: files, and the snapshots' trees. */
typedef struct readable {
    bool files[FILES];
    bool trees[4];
} readable;

static void pass_over(void *user, bsi_slice subject, const bs_error *error)
{
    (void)user;
    (void)subject;
    (void)error;
}

static bool can_read(bsi_blob_reader *reader, bsi_blob_type type, const bsi_digest *id)
{
    bsi_slice plain = {0};

    return bsi_blob_reader_read(reader, NULL, type, id, &plain) == BS_OK;
}

static readable look(fixture *self, const bsi_digest trees[4])
{
    const bsi_warn warn = {.report = pass_over};
    const bsi_index_load_options loading = {.damaged = &warn};
    bsi_repo_index *index = NULL;
    bsi_blob_reader *reader = NULL;
    readable out;

    assert_ok(bsi_repo_index_new(&index));
    assert_ok(bsi_repo_index_load(self->model.repo, NULL, &loading, index));
    assert_ok(bsi_blob_reader_new(self->model.repo, index, &reader));
    for (uint32_t i = 0; i < FILES; i++) {
        const bsi_digest id = model_blob(i < first.count ? i : second.first + i - first.count);
        out.files[i] = can_read(reader, BSI_BLOB_DATA, &id);
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(out.trees); i++) {
        out.trees[i] = can_read(reader, BSI_BLOB_TREE, &trees[i]);
    }
    bsi_blob_reader_free(reader);
    bsi_repo_index_free(index);
    return out;
}

static uint32_t chance(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}

/* One file of a kind is changed, cut, or gone. */
static void damage_any(fixture *self, bsi_repo_kind kind, uint64_t *seed)
{
    bsi_repo_files files = {0};
    const bsi_repo_file *file = NULL;

    assert_ok(bsi_repo_list(self->model.repo, NULL, kind, &files));
    if (files.count > 0) {
        file = &files.items[chance(seed, (uint32_t)files.count)];
        if (chance(seed, 5) == 0 || file->size < 2) {
            assert_ok(bsi_repo_remove(self->model.repo, NULL, kind, &file->id));
        } else {
            damage(self, kind, &file->id, 1 + chance(seed, (uint32_t)file->size - 1),
                   chance(seed, 4) == 0);
        }
    }
    bsi_repo_files_dispose(&files);
}

static void assert_no_worse(const readable *before, const readable *after)
{
    for (size_t i = 0; i < FILES; i++) {
        assert_true(!before->files[i] || after->files[i]);
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(before->trees); i++) {
        assert_true(!before->trees[i] || after->trees[i]);
    }
}

static void check_damage(uint64_t seed)
{
    bsi_digest trees[4];
    readable before;
    readable after;
    fixture self;

    start(&self);
    model_trees(first, trees);
    model_trees(second, trees + 2);
    for (uint32_t i = 1 + chance(&seed, 3); i > 0; i--) {
        damage_any(&self, chance(&seed, 3) == 0 ? BSI_REPO_INDEX : BSI_REPO_PACKS, &seed);
    }
    before = look(&self, trees);
    assert_ok(repair_all(&self));
    after = look(&self, trees);
    assert_no_worse(&before, &after);
    (void)repair_snapshots(&self, true);
    after = look(&self, trees);
    assert_no_worse(&before, &after);
    model_end(&self.model);
}

static void no_damage_is_made_worse(void **state)
{
    const uint64_t count = getenv("BSI_TESTS_FULL") ? MANY : FEW;

    (void)state;
    for (uint64_t seed = 1; seed <= count; seed++) {
        check_damage(seed);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_any_index_packs_tell_what_they_have),
        TEST(a_damaged_index_is_replaced),
        TEST(a_good_index_is_left_alone),
        TEST(a_missing_pack_leaves_the_index),
        TEST(a_pack_without_a_header_keeps_what_the_index_tells),
        TEST(what_a_damaged_pack_still_has_is_saved),
        TEST(a_damaged_header_or_a_cut_end_costs_no_more_than_it_covers),
        TEST(of_copies_the_one_that_opens_is_kept),
        TEST(a_copy_that_cannot_be_opened_is_none),
        TEST(what_only_the_header_tells_of_is_saved),
        TEST(new_packs_are_in_one_index_file_each),
        cmocka_unit_test(killed_anywhere_no_damaged_pack_is_left_behind),
        TEST(what_two_index_files_tell_is_told_by_one),
        TEST(a_storage_that_fails_costs_no_pack),
        TEST(a_snapshot_without_what_is_lost_stands_beside_its_original),
        TEST(a_lost_folder_is_empty_and_the_rest_is_there),
        TEST(a_dry_run_tells_the_same_and_changes_nothing),
        cmocka_unit_test(killed_anywhere_the_next_run_repairs_it),
        TEST(lack_of_memory_is_told_and_does_no_harm),
        cmocka_unit_test(no_damage_is_made_worse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
