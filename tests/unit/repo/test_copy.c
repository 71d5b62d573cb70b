/* SPDX-License-Identifier: MIT */
/*
 * Snapshots from one repository to another with another key, polynomial and version.
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "repo/copy.h"
#include "repo/snapshot_load.h"
#include "storage/decorators/faulty.h"
#include "support/repo_model.h"

static const model_files first = {0, 1, 40};
static const model_files second = {20, 1, 40};

typedef struct fixture {
    repo_model from;
    repo_model to;
    bsi_digest one;
    bsi_digest other;
} fixture;

static int setup(void **state)
{
    fixture *self = bsi_calloc(1, sizeof(*self));

    assert_non_null(self);
    model_start(&self->from, 1);
    model_start(&self->to, 2);
    self->one = model_backup(&self->from, first, false);
    self->other = model_backup(&self->from, second, false);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;

    model_end(&self->from);
    model_end(&self->to);
    bsi_free(self);
    return 0;
}

static bsi_copier *begin(const fixture *self)
{
    const bsi_copy_options options = {.pack_target = MODEL_PACK_TARGET, .pool = self->to.pool};
    bsi_copier *copier = NULL;

    assert_ok(bsi_copier_new(self->from.repo, self->to.repo, NULL, &options, &copier));
    return copier;
}

static void what_is_copied_restores_there(void **state)
{
    fixture *self = *state;
    bsi_copier *copier = begin(self);
    bsi_copy_stats stats;
    bsi_digest copies[2];
    bsi_snapshot snapshot;
    bool is_new = false;

    assert_ok(bsi_copier_add(copier, &self->one, &copies[0], &is_new));
    assert_true(is_new);
    assert_ok(bsi_copier_add(copier, &self->other, &copies[1], &is_new));
    assert_true(is_new);
    bsi_copier_get_stats(copier, &stats);
    bsi_copier_free(copier);
    assert_int_equal(stats.snapshots, 2);
    assert_int_equal(stats.trees, 4);
    assert_int_equal(stats.blobs, 60 + 4);
    assert_ok(model_restore(&self->to, &copies[0], first));
    assert_ok(model_restore(&self->to, &copies[1], second));
    assert_int_equal(model_check(&self->to).blobs, stats.blobs);
    assert_ok(bsi_snapshot_load(self->to.repo, NULL, &copies[0], &snapshot));
    assert_true(snapshot.original.given && !snapshot.parent.given);
    assert_true(bsi_digest_equal(&snapshot.original.digest, &self->one));
    bsi_snapshot_dispose(&snapshot);
}

static void what_is_there_is_not_copied_again(void **state)
{
    fixture *self = *state;
    const bsi_digest there = model_backup(&self->to, second, false);
    bsi_copier *copier = begin(self);
    bsi_copy_stats stats;
    bsi_digest copies[3];
    bool is_new = false;

    assert_ok(bsi_copier_add(copier, &self->one, &copies[0], &is_new));
    bsi_copier_get_stats(copier, &stats);
    assert_int_equal(stats.blobs, 20 + 2);
    assert_ok(bsi_copier_add(copier, &self->one, &copies[1], &is_new));
    assert_false(is_new);
    bsi_copier_free(copier);
    copier = begin(self);
    assert_ok(bsi_copier_add(copier, &self->one, &copies[2], &is_new));
    assert_false(is_new);
    bsi_copier_free(copier);
    assert_true(bsi_digest_equal(&copies[0], &copies[1]));
    assert_true(bsi_digest_equal(&copies[0], &copies[2]));
    assert_int_equal(model_count(&self->to, BSI_REPO_SNAPSHOTS), 2);
    assert_ok(model_restore(&self->to, &there, second));
}

/* A copy that comes home is what it was a copy of. */
static void a_copy_of_a_copy_is_known(void **state)
{
    fixture *self = *state;
    const bsi_copy_options back = {.pack_target = MODEL_PACK_TARGET, .pool = self->to.pool};
    bsi_copier *copier = begin(self);
    bsi_digest copy;
    bsi_digest home;
    bool is_new = false;

    assert_ok(bsi_copier_add(copier, &self->one, &copy, &is_new));
    bsi_copier_free(copier);
    assert_ok(bsi_copier_new(self->to.repo, self->from.repo, NULL, &back, &copier));
    assert_ok(bsi_copier_add(copier, &copy, &home, &is_new));
    bsi_copier_free(copier);
    assert_false(is_new);
    assert_true(bsi_digest_equal(&home, &self->one));
}

/* Whatever fails, there is no snapshot but a whole one, and the next try ends it. */
static bool check_failing(bool there, uint64_t at)
{
    const bsi_faulty_plan plan = {.at = at, .code = BS_E_TIMEOUT, .forever = true};
    void *state = NULL;
    fixture *self = NULL;
    bsi_copier *copier = NULL;
    bsi_digest copy;
    bool is_new = false;
    bool reached = false;
    bs_status status = BS_OK;

    assert_int_equal(setup(&state), 0);
    self = state;
    copier = begin(self);
    bsi_storage *faulty = there ? self->to.faulty : self->from.faulty;
    bsi_storage_faulty_set(faulty, &plan);
    status = bsi_copier_add(copier, &self->one, &copy, &is_new);
    reached = bsi_storage_faulty_count(faulty) >= at;
    bsi_storage_faulty_set(faulty, NULL);
    assert_true(reached ? status < 0 : status == BS_OK);
    bsi_copier_free(copier);
    (void)model_check(&self->to);
    assert_int_equal(model_count(&self->to, BSI_REPO_SNAPSHOTS), reached ? 0 : 1);
    copier = begin(self);
    assert_ok(bsi_copier_add(copier, &self->one, &copy, &is_new));
    assert_true(is_new == reached);
    bsi_copier_free(copier);
    assert_ok(model_restore(&self->to, &copy, first));
    assert_int_equal(model_check(&self->to).errors, 0);
    (void)teardown(&state);
    return reached;
}

static void a_copy_that_fails_leaves_no_snapshot(void **state)
{
    (void)state;
    for (int there = 0; there <= 1; there++) {
        uint64_t at = 1;
        while (check_failing(there != 0, at)) {
            at++;
        }
        assert_true(at > 5);
    }
}

static bs_status try_copy(const fixture *self, bsi_digest *copy)
{
    const bsi_copy_options options = {.pack_target = MODEL_PACK_TARGET, .pool = self->to.pool};
    bsi_copier *copier = NULL;
    bool is_new = false;
    bs_status status = bsi_copier_new(self->from.repo, self->to.repo, NULL, &options, &copier);

    if (status == BS_OK) {
        status = bsi_copier_add(copier, &self->one, copy, &is_new);
    }
    bsi_copier_free(copier);
    return status;
}

static void lack_of_memory_is_told_and_leaves_no_snapshot(void **state)
{
    const long stride = getenv("BSI_TESTS_FULL") ? 1 : 7;
    fixture *self = *state;
    bs_status status = BS_E_NOMEM;
    bsi_digest copy;
    long n = 0;

    for (; status != BS_OK; n += stride) {
        bsi_alloc_fail_after(n);
        status = try_copy(self, &copy);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
        assert_int_equal(model_count(&self->to, BSI_REPO_SNAPSHOTS), status == BS_OK);
    }
    assert_true(n > 5 * stride); /* Some failed: what they stored the next ones went on with. */
    assert_ok(model_restore(&self->to, &copy, first));
    (void)model_check(&self->to);
}

static void a_lost_blob_is_told_with_its_snapshot(void **state)
{
    fixture *self = *state;
    bsi_repo_files packs = {0};
    bsi_copier *copier = begin(self);
    bsi_digest copy;
    bool is_new = false;

    assert_ok(bsi_repo_list(self->from.repo, NULL, BSI_REPO_PACKS, &packs));
    for (size_t i = 0; i < packs.count; i++) {
        assert_ok(bsi_repo_remove(self->from.repo, NULL, BSI_REPO_PACKS, &packs.items[i].id));
    }
    bsi_repo_files_dispose(&packs);
    assert_status(bsi_copier_add(copier, &self->one, &copy, &is_new), BS_E_MISSING);
    assert_non_null(strstr(bs_error_last()->message, "copying snapshot "));
    assert_int_equal(model_count(&self->to, BSI_REPO_SNAPSHOTS), 0);
    bsi_copier_free(copier);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_copied_restores_there),
        TEST(what_is_there_is_not_copied_again),
        TEST(a_copy_of_a_copy_is_known),
        cmocka_unit_test(a_copy_that_fails_leaves_no_snapshot),
        TEST(lack_of_memory_is_told_and_leaves_no_snapshot),
        TEST(a_lost_blob_is_told_with_its_snapshot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
