/* SPDX-License-Identifier: MIT */
/*
 * Random histories of one repository: backups, some of them beside others, snapshots that
 * are forgotten, prunes in one go and in two phases, indexes that are lost and made anew,
 * and runs that die anywhere. Whatever happens, each snapshot that was kept restores.
 *
 * BSI_TESTS_FULL: many more of them.
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "os/thread.h"
#include "repo/copy.h"
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

static void back_up(history *self)
{
    const model_files files = {chance(self, 50), 1 + chance(self, 3), 5 + chance(self, 30)};
    const bool blind = chance(self, 4) == 0;

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

/* The same once more after a death: it must come to its end. */
static void die(history *self, bs_status (*run)(history *self))
{
    const bsi_faulty_plan dies = {
        .at = 1 + chance(self, 60),
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
    switch (chance(self, 12)) {
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
    default:
        if (chance(self, 4) == 0) {
            copy_all(self);
        }
        break;
    }
}

static void assert_all_restore(history *self)
{
    for (size_t i = 0; i < self->count; i++) {
        assert_ok(model_restore(&self->model, &self->kept[i].id, self->kept[i].files));
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

static void whatever_happens_what_is_kept_restores(void **state)
{
    const uint64_t count = getenv("BSI_TESTS_FULL") ? MANY : FEW;

    (void)state;
    for (uint64_t seed = 1; seed <= count; seed++) {
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
    const bsi_repo_place place = {model->faulty, ""};

    *self = (worker){.number = number};
    self->model.faulty = bsi_storage_ref(model->faulty);
    assert_ok(bsi_repo_open(&place, NULL, NULL, &self->model.repo));
    assert_ok(bsi_pool_new(1, &self->model.pool));
}

static void two_writers_and_a_pruner_lose_nothing(void **state)
{
    repo_model model;
    worker workers[WRITERS];
    bsi_thread threads[WRITERS];
    bsi_prune_options options = {
        .unused = BSI_PRUNE_UNUSED_BYTES, .pack_target = MODEL_PACK_TARGET, .no_grace = true};

    (void)state;
    model_start(&model, 2);
    options.pool = model.pool;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_what_is_kept_restores),
        cmocka_unit_test(two_writers_and_a_pruner_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
