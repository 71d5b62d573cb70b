/* SPDX-License-Identifier: MIT */
/*
 * Plans and applies retention: name by name, the newest backups first, so that
 * what needs others goes before what it needs.
 */
#include "engine/retention.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/clock.h"
#include "engine/info_parts.h"
#include "engine/profiles.h"
#include "engine/reclaim.h"
#include "engine/removal.h"
#include "engine/runner.h"
#include "engine/series.h"
#include "engine/service.h"

#define NS_PER_HOUR (INT64_C(3600) * 1000000000)

/* The report that a program gets. */
typedef struct report_box {
    bs_retention_report report; /* What the caller holds: must come first. */
    bsi_arena arena;
    const bs_retention_item **items;
    size_t capacity;
} report_box;

typedef struct retention_run {
    bs_service *service;
    bool has_rules; /* Else each name's own. */
    bsi_retention_rules rules;
    const char *pressed; /* The storage whose marks do not wait; NULL. */
    int64_t now;
    int64_t grace;
    bool apply;
    bool sweep;      /* Also what belongs to no backup. */
    report_box *box; /* NULL: nobody reads it. */
    bs_retention_report sums;
} retention_run;

/* What is done with one backup. */
typedef struct step {
    const bsi_series_item *item;
    const bsi_fate *fate;
    const char *name;
    const char *storage;
    bool stays; /* Nothing is removed from its storage. */
    bs_retention_action action;
    bs_error error;
} step;

/* --- What is to be done --- */

static bool is_failure(bsi_row_status status)
{
    return status == BSI_ROW_FAILED || status == BSI_ROW_CANCELLED;
}

/* Failures hold nothing that one could want back. */
static bs_retention_action action_of(const retention_run *run, const step *one)
{
    const bsi_row_mark *mark = one->fate->mark;

    if (one->fate->decision.kept_by != 0 || one->stays) {
        return BS_RETENTION_KEEP;
    }
    if (is_failure(one->item->status) || run->grace == 0) {
        return BS_RETENTION_REMOVE;
    }
    if (!mark) {
        return BS_RETENTION_MARK;
    }
    if (run->now >= mark->remove_after ||
        (run->pressed && strcmp(run->pressed, one->storage) == 0)) {
        return BS_RETENTION_REMOVE;
    }
    return BS_RETENTION_WAIT;
}

/* A service that closes leaves the rest to the next one. */
static bool must_stop(const retention_run *run)
{
    return bsi_jobs_are_over(run->service);
}

/* --- Doing it --- */

/* Whether a failure is this one backup's, so that the run goes on. */
static bool concerns_one(bs_status status)
{
    return status != BS_E_NOMEM && bs_error_last()->layer != BS_LAYER_CATALOG;
}

static bs_status expire(retention_run *run, step *one)
{
    bs_status status = bsi_backup_expire(run->service, one->item->id.text,
                                         run->pressed ? "space" : "expired", run->now);

    if (status == BS_E_NOT_FOUND && bs_error_last()->layer == BS_LAYER_CATALOG) {
        return BS_OK; /* Somebody else was faster. */
    }
    if (status < 0 && concerns_one(status)) {
        bsi_error_save(&one->error);
        return BS_OK;
    }
    return status;
}

/* What is kept again, was removed by hand meanwhile, or has no mark any more is as it should be. */
static bs_status unmark(retention_run *run, const step *one)
{
    const bs_status status = bsi_catalog_remove_mark(run->service->catalog, one->item->id.text);

    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status do_step(retention_run *run, step *one)
{
    switch (one->action) {
    case BS_RETENTION_KEEP:
        return one->fate->mark ? unmark(run, one) : BS_OK;
    case BS_RETENTION_REMOVE:
        return expire(run, one);
    case BS_RETENTION_MARK: /* All of a name at once, before. */
    case BS_RETENTION_WAIT:
        break;
    }
    return BS_OK;
}

static bs_status mark_all(retention_run *run, const step *steps, size_t count)
{
    bsi_row_mark *rows = bsi_calloc(count, sizeof(*rows));
    size_t marked = 0;
    bs_status status = rows ? BS_OK : BS_E_NOMEM;

    for (size_t i = 0; status >= 0 && i < count; i++) {
        if (steps[i].action == BS_RETENTION_MARK) {
            rows[marked++] = (bsi_row_mark){.backup_id = steps[i].item->id.text,
                                            .marked_at = run->now,
                                            .remove_after = run->now + run->grace};
        }
    }
    if (status >= 0 && marked > 0) {
        status = bsi_catalog_put_marks(run->service->catalog, rows, marked);
    }
    bsi_free(rows);
    return status;
}

/* That one was removed is told by who removes it. */
static void tell_audit(const retention_run *run, const step *one)
{
    const bsi_deed deed = {.action = "backup.mark",
                           .object = one->item->id.text,
                           .name = one->name,
                           .detail = "no rule keeps it"};

    if (one->action == BS_RETENTION_MARK && one->error.code >= 0) {
        (void)bsi_audit_end(run->service, &deed, BS_OK);
    }
}

static void log_step(const retention_run *run, const step *one)
{
    const bsi_log *log = &run->service->log;

    if (one->error.code < 0) {
        bsi_log_write(log, BS_LOG_WARNING, "engine", "backup %s of '%s' is still to be removed: %s",
                      one->item->id.text, one->name, one->error.message);
    } else if (one->action == BS_RETENTION_MARK) {
        bsi_log_write(log, BS_LOG_INFO, "engine", "no rule keeps backup %s of '%s' any more",
                      one->item->id.text, one->name);
    } else if (one->action == BS_RETENTION_REMOVE) {
        bsi_log_write(log, BS_LOG_INFO, "engine", "backup %s of '%s' was removed by retention",
                      one->item->id.text, one->name);
    }
}

/* --- Telling --- */

static void count_step(bs_retention_report *sums, const step *one)
{
    uint64_t *const counters[] = {
        [BS_RETENTION_KEEP] = &sums->kept,
        [BS_RETENTION_MARK] = &sums->marked,
        [BS_RETENTION_WAIT] = &sums->waiting,
        [BS_RETENTION_REMOVE] = &sums->removed,
    };

    if (one->error.code < 0) {
        sums->failed++;
        return;
    }
    *counters[one->action] += 1;
    sums->removed_bytes += one->action == BS_RETENTION_REMOVE ? one->item->freed : 0;
}

static bs_status fill_times(const retention_run *run, const step *one, bsi_arena *arena,
                            bs_retention_item *out)
{
    const bsi_row_mark *mark = one->action == BS_RETENTION_KEEP ? NULL : one->fate->mark;
    int64_t marked = mark ? mark->marked_at : 0;
    int64_t after = mark ? mark->remove_after : 0;

    if (one->action == BS_RETENTION_MARK) {
        marked = run->now;
        after = run->now + run->grace;
    }
    out->created_at = bsi_info_time(arena, one->item->created_at);
    out->marked_at = bsi_info_time(arena, marked);
    out->remove_after = bsi_info_time(arena, after);
    return out->created_at && out->marked_at && out->remove_after ? BS_OK : BS_E_NOMEM;
}

static bs_status grow_items(report_box *box)
{
    const size_t capacity = box->capacity > 0 ? 2 * box->capacity : 64;
    const bs_retention_item **larger = NULL;

    if (box->report.count < box->capacity) {
        return BS_OK;
    }
    larger = bsi_realloc_array(box->items, capacity, sizeof(void *));
    if (!larger) {
        return BS_E_NOMEM;
    }
    box->items = larger;
    box->capacity = capacity;
    return BS_OK;
}

/* `name` and `storage` are in the arena. */
static bs_status report_step(const retention_run *run, const step *one, const bsi_fates *fates,
                             const char *name, const char *storage)
{
    report_box *box = run->box;
    const bsi_retention_decision *decision = &one->fate->decision;
    bs_retention_item *item = bsi_arena_alloc(&box->arena, 1, sizeof(*item));

    if (!item) {
        return BS_E_NOMEM;
    }
    BSI_TRY(grow_items(box));
    bsi_info_id(one->item->id.text, item->id);
    item->name = name;
    item->storage = storage;
    item->status = bsi_job_state_of(one->item->status);
    item->size = one->item->size;
    item->action = one->action;
    item->kept_by = decision->kept_by | (one->stays ? (uint32_t)BS_KEPT_BY_STORAGE : 0);
    if (decision->needed_by != BSI_RETENTION_NOBODY) {
        bsi_info_id(fates->series.items[decision->needed_by].id.text, item->needed_by);
    }
    item->error = one->error;
    BSI_TRY(fill_times(run, one, &box->arena, item));
    box->items[box->report.count++] = item;
    return BS_OK;
}

_Static_assert((int)BS_KEPT_BY_DAYS == (int)BSI_KEPT_BY_DAYS &&
                   (int)BS_KEPT_BY_YEARLY == (int)BSI_KEPT_BY_YEARLY &&
                   (int)BS_KEPT_BY_HOLD == (int)BSI_KEPT_BY_HOLD &&
                   (int)BS_KEPT_AS_NEEDED == (int)BSI_KEPT_AS_NEEDED &&
                   (int)BS_KEPT_AS_RECENT_FAILURE == (int)BSI_KEPT_AS_RECENT_FAILURE &&
                   (int)BS_KEPT_BY_STORAGE == 1 << BSI_KEPT_COUNT,
               "reasons of policy and API are the same bits");

static bs_status report_steps(const retention_run *run, const step *steps, const bsi_fates *fates)
{
    bsi_arena *arena = &run->box->arena;
    const char *name = bsi_arena_text(arena, fates->series.count > 0 ? steps[0].name : "");
    const char *storage = NULL;
    bs_status status = name ? BS_OK : BS_E_NOMEM;

    for (size_t i = 0; status >= 0 && i < fates->series.count; i++) {
        if (i == 0 || steps[i].storage != steps[i - 1].storage) {
            storage = bsi_arena_text(arena, steps[i].storage);
        }
        status = storage ? report_step(run, &steps[i], fates, name, storage) : BS_E_NOMEM;
    }
    return status;
}

/* --- One name --- */

static bs_status run_steps(retention_run *run, step *steps, size_t count)
{
    bs_status status = mark_all(run, steps, count);

    for (size_t i = 0; status >= 0 && i < count; i++) {
        if (must_stop(run)) {
            return BS_PARTIAL;
        }
        status = do_step(run, &steps[i]);
        if (status >= 0) {
            log_step(run, &steps[i]);
            tell_audit(run, &steps[i]);
        }
    }
    return status;
}

/* Backups of one storage stand one behind the other, or nearly so. */
static bs_status look_at_storages(const retention_run *run, step *steps, size_t count)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < count && status >= 0; i++) {
        step *one = &steps[i];
        if (i > 0 && one->storage == steps[i - 1].storage) {
            one->stays = steps[i - 1].stays;
        } else {
            status = bsi_profile_keeps_all(run->service, one->storage, &one->stays);
        }
    }
    return status;
}

static void choose_actions(const retention_run *run, step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        steps[i].action = action_of(run, &steps[i]);
    }
}

static bs_status run_name(retention_run *run, const char *name)
{
    bsi_fates fates = {.fates = NULL};
    step *steps = NULL;
    size_t count = 0;
    bs_status status =
        bsi_fates_load(run->service, name, run->has_rules ? &run->rules : NULL, run->now, &fates);

    if (status >= 0) {
        count = fates.series.count;
        steps = bsi_calloc(count, sizeof(*steps));
        status = steps ? BS_OK : BS_E_NOMEM;
    }
    for (size_t i = 0; status >= 0 && i < count; i++) {
        const bsi_series_item *item = &fates.series.items[i];
        steps[i] = (step){.item = item,
                          .fate = &fates.fates[i],
                          .name = name,
                          .storage = fates.series.storages[item->storage].name};
    }
    if (status >= 0) {
        status = look_at_storages(run, steps, count);
    }
    if (status >= 0) {
        choose_actions(run, steps, count);
    }
    if (status >= 0 && run->apply) {
        status = run_steps(run, steps, count);
    }
    for (size_t i = 0; status == BS_OK && i < count; i++) {
        count_step(&run->sums, &steps[i]);
    }
    if (status == BS_OK && run->box) {
        status = report_steps(run, steps, &fates);
    }
    bsi_free(steps);
    bsi_fates_dispose(&fates);
    return status;
}

static bs_status run_names(retention_run *run)
{
    char *name = bsi_strdup("");
    bs_status status = name ? BS_OK : BS_E_NOMEM;

    while (status == BS_OK) {
        char *next = NULL;
        status = bsi_catalog_next_name(run->service->catalog, name, &next);
        if (status != BS_OK) {
            break;
        }
        bsi_free(name);
        name = next;
        status = run_name(run, name);
    }
    bsi_free(name);
    return status == BS_END ? BS_OK : status;
}

/* --- All of it --- */

static bs_status sweep_up(retention_run *run)
{
    bsi_reclaimed reclaimed = {0};
    bs_status status = bsi_removals_retry(run->service);

    if (status >= 0 && !must_stop(run)) {
        status = bsi_reclaim(run->service, run->now, &reclaimed);
    }
    run->sums.reclaimed_objects = reclaimed.objects;
    run->sums.reclaimed_bytes = reclaimed.bytes;
    return status;
}

/* BS_PARTIAL: something is left. */
static bs_status run_all(retention_run *run, const char *name)
{
    bs_status status = name ? run_name(run, name) : run_names(run);

    if (status == BS_OK && run->sweep) {
        status = sweep_up(run);
    }
    return status == BS_OK && run->sums.failed > 0 ? BS_PARTIAL : status;
}

static retention_run new_run(bs_service *service)
{
    const int64_t hours = bsi_config_number(service->config, BSI_CONFIG_RETENTION_GRACE_HOURS);

    return (retention_run){.service = service, .now = bsi_row_now(), .grace = hours * NS_PER_HOUR};
}

static bool has_rules(const bs_retention_options *options)
{
    return options->retention_days != 0 || options->keep_last != 0 || options->keep_hourly != 0 ||
           options->keep_daily != 0 || options->keep_weekly != 0 || options->keep_monthly != 0 ||
           options->keep_yearly != 0;
}

static bsi_retention_rules rules_of(const bs_retention_options *options)
{
    return (bsi_retention_rules){
        .retention_days = options->retention_days,
        .keep_last = options->keep_last,
        .keep_hourly = options->keep_hourly,
        .keep_daily = options->keep_daily,
        .keep_weekly = options->keep_weekly,
        .keep_monthly = options->keep_monthly,
        .keep_yearly = options->keep_yearly,
    };
}

static bs_status settle_clock(retention_run *run, const bs_retention_options *options)
{
    bs_status status = BS_OK;

    if (run->apply) {
        return options->accept_clock ? bsi_clock_accept(run->service, run->now)
                                     : bsi_clock_look(run->service, run->now);
    }
    if (!options->accept_clock) {
        status = bsi_clock_judge(run->service, run->now);
    }
    if (status == BS_E_CLOCK) {
        bsi_error_save(&run->sums.clock);
        status = BS_OK;
    }
    return status;
}

static bs_status run_for_caller(retention_run *run, const bs_retention_options *options,
                                bs_retention_report **out)
{
    const char *name = options->name && options->name[0] ? options->name : NULL;
    bs_status status = BS_OK;

    run->rules = rules_of(options);
    run->has_rules = has_rules(options);
    if (run->has_rules) {
        BSI_TRY(bsi_retention_check(&run->rules));
    }
    BSI_TRY(settle_clock(run, options));
    run->sweep = run->apply && !name;
    run->box = bsi_calloc(1, sizeof(*run->box));
    status = run->box ? run_all(run, name) : BS_E_NOMEM;
    if (status < 0 || !out) {
        bsi_retention_report_free((bs_retention_report *)run->box);
        return status;
    }
    run->sums.items = run->box->items;
    run->sums.count = run->box->report.count;
    run->box->report = run->sums;
    *out = &run->box->report;
    return status;
}

bs_status bsi_retention_plan(bs_service *service, const bs_retention_options *options,
                             bs_retention_report **out)
{
    retention_run run = new_run(service);

    return run_for_caller(&run, options, out);
}

bs_status bsi_retention_apply(bs_service *service, const bs_retention_options *options,
                              bs_retention_report **out)
{
    retention_run run = new_run(service);

    run.apply = true;
    return run_for_caller(&run, options, out);
}

void bsi_retention_report_free(bs_retention_report *report)
{
    report_box *box = (report_box *)report;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box->items);
        bsi_free(box);
    }
}

/* --- By itself --- */

bs_status bsi_retention_run(bs_service *service, const char *name)
{
    retention_run run = new_run(service);

    run.apply = true;
    run.sweep = !name;
    BSI_TRY(bsi_clock_look(service, run.now));
    return run_all(&run, name);
}

bs_status bsi_retention_press(bs_service *service, const char *storage)
{
    retention_run run = new_run(service);

    run.apply = true;
    run.pressed = storage;
    BSI_TRY(bsi_clock_look(service, run.now));
    return run_all(&run, NULL);
}
