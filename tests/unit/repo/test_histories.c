/* SPDX-License-Identifier: MIT */
/*
 * Random histories of one repository: backups, some of them beside others, snapshots that
 * are forgotten, prunes in one go and in two phases, indexes that are lost and made anew,
 * and runs that die anywhere. Whatever happens, each snapshot that was kept restores.
 *
 * BSI_TESTS_FULL: many more of them.
 */
#include "support/test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "os/thread.h"
#include "repo/copy.h"
#include "repo/index_file.h"
#include "repo/index_load.h"
#include "repo/prune.h"
#include "repo/repair.h"
#include "storage/decorators/faulty.h"
#include "support/repo_model.h"

enum { KEPT_MAX = 6, STEPS = 14, FEW = 25, MANY = 600 };

static const bsi_lock_waits soon = {.settle_ms = 1, .retry_ms = {1, 1, 1}};

typedef struct kept_one {
    bsi_digest id;
    model_files files;
} kept_one;

typedef struct history {
    repo_model model;
    uint64_t seed;
    kept_one kept[KEPT_MAX];
    size_t count;
} history;

static uint32_t chance(history *self, uint32_t below)
{
    self->seed = self->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(self->seed >> 33) % below;
}

/* --- Steps --- */

static void forget(history *self)
{
    const size_t at = self->count > 0 ? chance(self, (uint32_t)self->count) : 0;

    if (self->count > 0) {
        model_forget(&self->model, &self->kept[at].id);
        self->kept[at] = self->kept[--self->count];
    }
}

/* What runs have left that died is taken in. */
static void adopt(history *self)
{
    bsi_repo_index *index = NULL;
    bsi_repo_writer *writer = NULL;
    uint64_t packs = 0;

    assert_ok(bsi_repo_index_new(&index));
    assert_ok(bsi_repo_index_load(self->model.repo, NULL, NULL, index));
    assert_ok(bsi_repo_writer_new(self->model.repo, index, self->model.pool, NULL, NULL, &writer));
    assert_ok(bsi_repo_writer_adopt(writer, &packs));
    assert_ok(bsi_repo_writer_finish(writer));
    bsi_repo_writer_free(writer);
    bsi_repo_index_free(index);
}

static void back_up(history *self)
{
    const model_files files = {chance(self, 50), 1 + chance(self, 3), 5 + chance(self, 30)};
    const bool blind = chance(self, 4) == 0;

    if (chance(self, 2) == 0) {
        adopt(self);
    }
    if (self->count == KEPT_MAX) {
        forget(self);
    }
    self->kept[self->count++] = (kept_one){model_backup(&self->model, files, blind), files};
}

static bsi_prune_options any_options(history *self)
{
    return (bsi_prune_options){
        .unused = (bsi_prune_unused)chance(self, 4),
        .unused_max = chance(self, 50),
        .repack_max = chance(self, 3) == 0 ? 5000 : 0,
        .pack_target = MODEL_PACK_TARGET,
        .no_grace = chance(self, 2) == 0,
        .pool = self->model.pool,
    };
}

static bs_status prune(history *self)
{
    const bsi_prune_options options = any_options(self);

    return chance(self, 2) == 0
               ? bsi_repo_prune_all(self->model.repo, NULL, NULL, &options, NULL)
               : bsi_repo_prune_beside(self->model.repo, NULL, &options, &soon, NULL);
}

/* An index file goes, and the packs tell what was in it. */
static bs_status lose_index(history *self)
{
    const bsi_repair_options options = {.all_headers = chance(self, 2) == 0};
    bsi_repo_files files = {0};
    bsi_repair_report report;

    assert_ok(bsi_repo_list(self->model.repo, NULL, BSI_REPO_INDEX, &files));
    if (files.count > 0) {
        const bsi_digest *id = &files.items[chance(self, (uint32_t)files.count)].id;
        assert_ok(bsi_repo_remove(self->model.repo, NULL, BSI_REPO_INDEX, id));
    }
    bsi_repo_files_dispose(&files);
    return bsi_repo_repair_index(self->model.repo, NULL, NULL, &options, &report);
}

/* Index files tell of packs that others tell of too, or of parts of them. */
static void tell_again(history *self)
{
    bsi_repo_index *index = NULL;
    bsi_index_writer file;
    bsi_blob_list blobs = {0};
    bsi_digest id;

    bsi_index_writer_init(&file);
    assert_ok(bsi_repo_index_new(&index));
    assert_ok(bsi_repo_index_load(self->model.repo, NULL, NULL, index));
    for (uint32_t i = 0; i < bsi_repo_index_pack_end(index); i++) {
        if (chance(self, 3) == 0 && bsi_repo_index_pack(index, i, &id, &blobs) == BS_OK) {
            blobs.count -= chance(self, (uint32_t)blobs.count);
            assert_ok(bsi_index_writer_add(&file, &id, &blobs));
        }
    }
    assert_ok(bsi_index_writer_finish(&file));
    assert_ok(
        bsi_repo_save(self->model.repo, NULL, BSI_REPO_INDEX, bsi_buf_slice(&file.text), &id));
    bsi_index_writer_dispose(&file);
    bsi_blob_list_dispose(&blobs);
    bsi_repo_index_free(index);
}

/* The same once more after a death: it must come to its end. */
static void die(history *self, bs_status (*run)(history *self))
{
    const bsi_faulty_plan dies = {
        .at = 1 + chance(self, chance(self, 2) == 0 ? 60 : 600),
        .code = BS_E_TIMEOUT,
        .forever = true,
        .after = chance(self, 2) == 0,
    };
    size_t removed = 0;

    bsi_storage_faulty_set(self->model.faulty, &dies);
    (void)run(self);
    bsi_storage_faulty_set(self->model.faulty, NULL);
    model_reopen(&self->model);
    assert_ok(bsi_repo_unlock(self->model.repo, NULL, true, &removed));
}

/* --- Damage, and its repair --- */

/* A byte of a file is another one, or it ends there, or it is gone. */
static void damage_file(history *self, bsi_repo_kind kind, const bsi_repo_file *file)
{
    const uint32_t at = chance(self, (uint32_t)file->size);
    const uint32_t how = chance(self, 4);
    char key[BSI_REPO_KEY_SIZE];
    bsi_buf bytes;

    bsi_repo_object_key(self->model.repo, kind, &file->id, key);
    if (how == 0) {
        assert_ok(bsi_storage_remove(self->model.faulty, NULL, key));
        return;
    }
    bsi_buf_init(&bytes, 1 << 20);
    assert_ok(bsi_storage_load(self->model.faulty, NULL, key, bytes.max, &bytes));
    bytes.data[at] ^= 1;
    assert_ok(
        bsi_storage_put(self->model.faulty, NULL, key, bytes.data, how == 1 ? at : bytes.size));
    bsi_buf_dispose(&bytes);
}

static void damage(history *self)
{
    const bsi_repo_kind kind = chance(self, 4) == 0 ? BSI_REPO_INDEX : BSI_REPO_PACKS;
    bsi_repo_files files = {0};

    assert_ok(bsi_repo_list(self->model.repo, NULL, kind, &files));
    for (size_t i = 0; i < files.count; i++) {
        if (files.items[i].size > 0 && chance(self, (uint32_t)files.count) == 0) {
            damage_file(self, kind, &files.items[i]);
        }
    }
    bsi_repo_files_dispose(&files);
}

static bs_status repair_index(history *self)
{
    const bsi_repair_options options = {.all_headers = chance(self, 4) == 0};
    bsi_repair_report report;

    return bsi_repo_repair_index(self->model.repo, NULL, NULL, &options, &report);
}

static bs_status repair_packs(history *self)
{
    const bsi_repair_options options = {.pack_target = MODEL_PACK_TARGET, .pool = self->model.pool};
    bsi_repair_report report;

    return bsi_repo_repair_packs(self->model.repo, NULL, NULL, &options, NULL, &report);
}

/* Packs that somebody names who knows no better, whole ones among them. */
static bs_status name_packs(history *self)
{
    const bsi_repair_options options = {.pack_target = MODEL_PACK_TARGET, .pool = self->model.pool};
    bsi_repo_files files = {0};
    bsi_repair_report report;
    size_t count = 0;
    bs_status status = BS_OK;

    assert_ok(bsi_repo_list(self->model.repo, NULL, BSI_REPO_PACKS, &files));
    for (size_t i = 0; i < files.count; i++) {
        if (chance(self, 3) == 0) {
            files.items[count++] = files.items[i];
        }
    }
    files.count = count;
    status = bsi_repo_repair_packs(self->model.repo, NULL, NULL, &options, &files, &report);
    bsi_repo_files_dispose(&files);
    return status;
}

static bs_status repair_snapshots(history *self)
{
    const bsi_repair_options options = {
        .pack_target = MODEL_PACK_TARGET, .pool = self->model.pool, .forget = true};
    bsi_repair_report report;

    return bsi_repo_repair_snapshots(self->model.repo, NULL, NULL, &options, &report);
}

/* Nobody waits any more for those that do not restore. */
static void give_up_lost(history *self)
{
    size_t good = 0;

    for (size_t i = 0; i < self->count; i++) {
        const kept_one one = self->kept[i];
        if (model_restore(&self->model, &one.id, one.files) == BS_OK) {
            self->kept[good++] = one;
        }
    }
    self->count = good;
}

static void assert_all_restore(history *self)
{
    for (size_t i = 0; i < self->count; i++) {
        assert_ok(model_restore(&self->model, &self->kept[i].id, self->kept[i].files));
    }
}

/* What repair has made of others, and what it could make nothing of. */
static void forget_others(history *self)
{
    bsi_repo_files files = {0};

    assert_ok(bsi_repo_list(self->model.repo, NULL, BSI_REPO_SNAPSHOTS, &files));
    for (size_t i = 0; i < files.count; i++) {
        bool is_kept = false;
        for (size_t j = 0; j < self->count; j++) {
            is_kept |= bsi_digest_equal(&self->kept[j].id, &files.items[i].id);
        }
        if (!is_kept) {
            model_forget(&self->model, &files.items[i].id);
        }
    }
    bsi_repo_files_dispose(&files);
}

/* Killed as it may be, the same is done once more. */
static void repair(history *self, bs_status (*part)(history *self))
{
    while (chance(self, 3) == 0) {
        die(self, part);
        assert_all_restore(self);
    }
    assert_ok(part(self));
    assert_all_restore(self);
}

static void suffer(history *self)
{
    damage(self);
    give_up_lost(self);
    if (chance(self, 2) == 0) { /* It may refuse, as it cannot know what is needed. */
        (void)prune(self);
        assert_all_restore(self);
    }
    if (chance(self, 2) == 0) {
        (void)name_packs(self);
        assert_all_restore(self);
    }
    repair(self, repair_index);
    repair(self, repair_packs);
    repair(self, repair_snapshots);
    forget_others(self);
    (void)model_check(&self->model);
}

/* All there is into another repository, where it restores as well. */
static void copy_all(history *self)
{
    repo_model other;
    bsi_copy_options options = {.pack_target = MODEL_PACK_TARGET};
    bsi_copier *copier = NULL;

    model_start(&other, 1);
    options.pool = other.pool;
    assert_ok(bsi_copier_new(self->model.repo, other.repo, NULL, &options, &copier));
    for (size_t i = 0; i < self->count; i++) {
        bsi_digest id;
        bool is_new = false;
        assert_ok(bsi_copier_add(copier, &self->kept[i].id, &id, &is_new));
        assert_ok(model_restore(&other, &id, self->kept[i].files));
    }
    bsi_copier_free(copier);
    (void)model_check(&other);
    model_end(&other);
}

static void step(history *self)
{
    switch (chance(self, 15)) {
    case 0:
    case 1:
    case 2:
    case 3:
        back_up(self);
        break;
    case 4:
    case 5:
        forget(self);
        break;
    case 6:
    case 7:
        assert_ok(prune(self));
        break;
    case 8:
    case 9:
        die(self, prune);
        break;
    case 10:
        assert_ok(lose_index(self));
        break;
    case 11:
    case 12:
        suffer(self);
        break;
    case 13:
        tell_again(self);
        break;
    default:
        if (chance(self, 4) == 0) {
            copy_all(self);
        }
        break;
    }
}

static void run_history(uint64_t seed)
{
    history self = {.seed = seed};
    bsi_prune_options options;

    model_start(&self.model, seed % 4 == 0 ? 1 : 2);
    for (int i = 0; i < STEPS; i++) {
        step(&self);
        assert_all_restore(&self);
    }
    (void)model_check(&self.model);
    options = any_options(&self);
    options.unused = BSI_PRUNE_UNUSED_BYTES;
    options.unused_max = 0;
    options.repack_max = 0;
    assert_ok(bsi_repo_prune_all(self.model.repo, NULL, NULL, &options, NULL));
    assert_int_equal(model_check(&self.model).notes, 0);
    assert_all_restore(&self);
    model_end(&self.model);
}

/* One alone, to be repeated; 0: all. */
static uint64_t only_seed;

static void whatever_happens_what_is_kept_restores(void **state)
{
    const uint64_t count = getenv("BSI_TESTS_FULL") ? MANY : FEW;

    (void)state;
    if (only_seed > 0) {
        run_history(only_seed);
        return;
    }
    for (uint64_t seed = 1; seed <= count; seed++) {
        print_message("# seed %" PRIu64 "\n", seed);
        run_history(seed);
    }
}

/* --- Several at once --- */

enum { WRITERS = 2, ROUNDS = 6 };

/* Somebody who backs up again and again, forgetting all but the last. */
typedef struct worker {
    repo_model model; /* The repository opened once more, and a pool of its own. */
    uint32_t number;
    bsi_digest last;
    model_files files;
} worker;

static bsi_repo_lock *take(const bsi_repo *repo, bool exclusive)
{
    bsi_repo_lock *lock = NULL;
    bs_status status = BS_E_BUSY;

    while (status == BS_E_BUSY) { /* The pruner's turn is short. */
        status = bsi_repo_lock_take(repo, NULL, exclusive, &soon, &lock);
    }
    assert_ok(status);
    return lock;
}

static void work(void *user)
{
    worker *self = user;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        bsi_repo_lock *lock = take(self->model.repo, false);
        const bsi_digest before = self->last;
        self->files = (model_files){10 * i + self->number, 1, 30};
        self->last = model_backup(&self->model, self->files, false);
        assert_ok(model_restore(&self->model, &self->last, self->files));
        if (i > 0) {
            model_forget(&self->model, &before);
        }
        assert_ok(bsi_repo_lock_release(lock));
    }
}

static void start_worker(worker *self, const repo_model *model, uint32_t number)
{
    const bsi_repo_place place = {.storage = model->faulty, .folder = ""};

    *self = (worker){.number = number};
    self->model.faulty = bsi_storage_ref(model->faulty);
    assert_ok(bsi_repo_open(&place, NULL, NULL, &self->model.repo));
    assert_ok(bsi_pool_new(1, &self->model.pool));
}

static void write_beside_a_pruner(const bsi_faulty_plan *plan)
{
    repo_model model;
    worker workers[WRITERS];
    bsi_thread threads[WRITERS];
    bsi_prune_options options = {
        .unused = BSI_PRUNE_UNUSED_BYTES, .pack_target = MODEL_PACK_TARGET, .no_grace = true};

    model_start(&model, 2);
    options.pool = model.pool;
    bsi_storage_faulty_set(model.faulty, plan);
    for (uint32_t i = 0; i < WRITERS; i++) {
        start_worker(&workers[i], &model, i);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        assert_ok(bsi_thread_start(&threads[i], "writer", work, &workers[i]));
    }
    for (int i = 0; i < 2 * ROUNDS; i++) {
        const bs_status status = bsi_repo_prune_beside(model.repo, NULL, &options, &soon, NULL);
        assert_true(status == BS_OK || status == BS_E_BUSY);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        bsi_thread_join(threads[i]);
        assert_ok(model_restore(&model, &workers[i].last, workers[i].files));
    }
    assert_ok(bsi_repo_prune_all(model.repo, NULL, NULL, &options, NULL));
    assert_int_equal(model_check(&model).notes, 0);
    for (uint32_t i = 0; i < WRITERS; i++) {
        assert_ok(model_restore(&model, &workers[i].last, workers[i].files));
        model_end(&workers[i].model);
    }
    model_end(&model);
}

static void two_writers_and_a_pruner_lose_nothing(void **state)
{
    (void)state;
    write_beside_a_pruner(NULL);
}

/* Calls take their time, and so come in another order than they began. */
static void on_a_slow_storage_they_lose_nothing_either(void **state)
{
    static const uint32_t delays_us[] = {50, 500, 2000};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(delays_us); i++) {
        write_beside_a_pruner(&(bsi_faulty_plan){.delay_us = delays_us[i]});
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_what_is_kept_restores),
        cmocka_unit_test(two_writers_and_a_pruner_lose_nothing),
        cmocka_unit_test(on_a_slow_storage_they_lose_nothing_either),
    };

    only_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
