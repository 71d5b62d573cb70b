/* SPDX-License-Identifier: MIT */
/*
 * The order of pruning, in one go and in two phases.
 */
#include "repo/prune.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "repo/pack.h"
#include "repo/prune_int.h"

enum { PERCENT_ALL = 100 };

static bs_status check_options(const bsi_prune_options *options)
{
    if (options->unused == BSI_PRUNE_UNUSED_PERCENT && options->unused_max >= PERCENT_ALL) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "%" PRIu64 " percent that is not needed: fewer than 100 can stay",
                        options->unused_max);
    }
    if (options->pack_target > BSI_PACK_TARGET_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "packs are of at most %d bytes",
                        BSI_PACK_TARGET_MAX);
    }
    return BS_OK;
}

static bs_status plan(bsi_repo_prune *self, bsi_repo_lock *lock)
{
    BSI_TRY(bsi_repo_index_new(&self->index));
    BSI_TRY(bsi_used_new(self->repo, self->index, &self->used));
    BSI_TRY(bsi_marks_load(self->repo, self->call, &self->marks));
    BSI_TRY(bsi_prune_load_snapshots(self, lock));
    BSI_TRY(bsi_prune_survey(self));
    return bsi_prune_decide(self);
}

bs_status bsi_repo_prune_plan(const bsi_repo *repo, const bs_call *call, bsi_repo_lock *lock,
                              const bsi_prune_options *options, bsi_repo_prune **out)
{
    static const bsi_prune_options usual = {0};
    bsi_repo_prune *self = NULL;
    bs_status status = BS_OK;

    options = options ? options : &usual;
    BSI_TRY(check_options(options));
    self = bsi_calloc(1, sizeof(*self));
    if (!self) {
        return BS_E_NOMEM;
    }
    self->repo = repo;
    self->call = call;
    self->options = *options;
    if (self->options.pack_target == 0) {
        self->options.pack_target = BSI_PACK_TARGET;
    }
    if (self->options.grace_sec == 0) {
        self->options.grace_sec = BSI_PRUNE_GRACE_SEC_USUAL;
    }
    status = plan(self, lock);
    if (status < 0) {
        bsi_repo_prune_free(self);
        return bsi_fail_context(BS_LAYER_STORAGE, status, "planning what to prune");
    }
    *out = self;
    return BS_OK;
}

void bsi_repo_prune_free(bsi_repo_prune *prune)
{
    if (prune) {
        bsi_used_free(prune->used);
        bsi_repo_index_free(prune->index);
        bsi_digest_table_dispose(&prune->index_files);
        bsi_digest_table_dispose(&prune->snapshots);
        bsi_bits_dispose(&prune->kept);
        bsi_marks_dispose(&prune->marks);
        bsi_free(prune->packs);
        bsi_free(prune);
    }
}

void bsi_repo_prune_get_report(const bsi_repo_prune *prune, bsi_prune_report *out)
{
    *out = prune->report;
}

static void finish(bsi_repo_prune *prune, bsi_prune_report *report)
{
    if (prune && report) {
        *report = prune->report;
    }
    bsi_repo_prune_free(prune);
}

bs_status bsi_repo_prune_all(const bsi_repo *repo, const bs_call *call, bsi_repo_lock *lock,
                             const bsi_prune_options *options, bsi_prune_report *report)
{
    bsi_repo_prune *prune = NULL;
    bs_status status = bsi_repo_prune_plan(repo, call, lock, options, &prune);

    if (status == BS_OK && prune) {
        status = bsi_repo_prune_repack(prune, lock);
    }
    if (status == BS_OK && prune) {
        status = bsi_repo_prune_remove(prune, lock);
    }
    finish(prune, report);
    return status;
}

/* --- Two phases --- */

/* The first, beside others. */
static bs_status prepare(const bsi_repo *repo, const bs_call *call,
                         const bsi_prune_options *options, const bsi_lock_waits *waits,
                         bsi_repo_prune **out, bool *due)
{
    bsi_repo_lock *lock = NULL;
    bs_status status = bsi_repo_lock_take(repo, call, false, waits, &lock);
    bs_status released = BS_OK;

    if (status == BS_OK) {
        status = bsi_repo_prune_plan(repo, call, lock, options, out);
    }
    if (status == BS_OK) {
        status = bsi_repo_prune_repack(*out, lock);
    }
    if (status == BS_OK) {
        status = bsi_repo_prune_mark(*out, lock, due);
    }
    released = bsi_repo_lock_release(lock);
    return status < 0 ? status : released;
}

/* The second, alone. */
static bs_status complete(bsi_repo_prune *prune, const bsi_lock_waits *waits)
{
    bsi_repo_lock *lock = NULL;
    bs_status status = bsi_repo_lock_take(prune->repo, prune->call, true, waits, &lock);
    bs_status released = BS_OK;

    if (status == BS_E_BUSY) { /* Another time. */
        return BS_OK;
    }
    if (status == BS_OK) {
        status = bsi_repo_prune_remove(prune, lock);
    }
    released = bsi_repo_lock_release(lock);
    return status < 0 ? status : released;
}

bs_status bsi_repo_prune_beside(const bsi_repo *repo, const bs_call *call,
                                const bsi_prune_options *options, const bsi_lock_waits *waits,
                                bsi_prune_report *report)
{
    bsi_prune_options two_phases = options ? *options : (bsi_prune_options){0};
    bsi_repo_prune *prune = NULL;
    bool due = false;
    bs_status status = BS_OK;

    two_phases.two_phases = true;
    status = prepare(repo, call, &two_phases, waits, &prune, &due);
    if (status == BS_OK && prune && due) {
        status = complete(prune, waits);
    }
    finish(prune, report);
    return status;
}
