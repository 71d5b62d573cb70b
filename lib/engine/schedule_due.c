/* SPDX-License-Identifier: MIT */
#include "engine/schedule_due.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/schedule_rule.h"
#include "engine/schedule_run.h"
#include "engine/service.h"
#include "engine/words.h"
#include "text/rfc3339.h"

enum { NS_PER_SEC = 1000000000 };

static const char *outcome_name(bs_run_outcome outcome)
{
    return bsi_word_name(bsi_words_run_outcome, (int)outcome);
}

/* --- Log --- */

static const char *due_text(int64_t due, char out[BSI_RFC3339_SIZE])
{
    return bsi_rfc3339_format(due, 0, false, out) < 0 ? "" : out;
}

static void log_started(bs_service *service, const bsi_row_schedule *row,
                        const bsi_run_draft *draft)
{
    char due[BSI_RFC3339_SIZE];

    (void)due_text(draft->run.due_at / NS_PER_SEC, due);
    if (draft->job_id[0]) {
        bsi_log_write(&service->log, BS_LOG_INFO, "engine",
                      "schedule '%s', due at %s, starts job %s: %s", row->name, due, draft->job_id,
                      row->action);
    } else {
        bsi_log_write(&service->log, BS_LOG_ERROR, "engine",
                      "schedule '%s', due at %s, cannot start its %s: %s", row->name, due,
                      row->action, draft->error.message);
    }
}

static void log_plan(bs_service *service, const bsi_row_schedule *row, const bsi_due_plan *plan,
                     bool busy)
{
    char due[BSI_RFC3339_SIZE];

    if (plan->missed > 0) {
        bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                      "schedule '%s' was not run at %" PRIu64 " of its times", row->name,
                      plan->missed);
    }
    if (plan->run && busy) {
        bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                      "schedule '%s', due at %s, is skipped: job %s has not ended", row->name,
                      due_text(plan->due, due), row->last_job_id);
    }
}

/* --- Due times --- */

/* What is written down in one go. */
typedef struct record {
    bsi_arena arena;
    bsi_row_schedule row;
    bsi_row_run *runs;
    size_t count;
    bsi_run_draft draft;
    char dealt[BSI_DEALT_TEXT_SIZE];
} record;

static bs_status put_missed(const bsi_due_plan *plan, int64_t now, record *out)
{
    out->runs = bsi_arena_alloc(&out->arena, plan->listed + 1, sizeof(*out->runs));
    if (!out->runs) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < plan->listed; i++) {
        out->runs[out->count++] = (bsi_row_run){
            .due_at = plan->list[i] * NS_PER_SEC,
            .recorded_at = now,
            .outcome = outcome_name(BS_RUN_MISSED),
        };
    }
    out->row.runs_missed += plan->missed;
    return BS_OK;
}

static bs_status put_run(bs_service *service, int64_t due, bool busy, record *out)
{
    bsi_row_run run = {.due_at = due * NS_PER_SEC};

    if (busy) {
        run.recorded_at = bsi_row_now();
        run.outcome = outcome_name(BS_RUN_SKIPPED_BUSY);
        out->row.runs_skipped_busy++;
    } else {
        BSI_TRY(bsi_schedule_draft(service, &out->row, &run, &out->draft));
        run = out->draft.run;
    }
    out->runs[out->count++] = run;
    return BS_OK;
}

static bs_status put_plan(bs_service *service, const bsi_due_rule *rule, const bsi_due_plan *plan,
                          bool busy, bsi_dealt *dealt, record *out)
{
    BSI_TRY(put_missed(plan, bsi_row_now(), out));
    if (plan->run) {
        BSI_TRY(put_run(service, plan->due, busy, out));
        bsi_due_deal(rule, dealt, plan->due);
    }
    bsi_dealt_format(dealt, out->dealt);
    out->row.dealt = out->dealt;
    out->row.next_run_at = 0;
    if (plan->has_next && plan->next <= INT64_MAX / NS_PER_SEC) {
        out->row.next_run_at = plan->next * NS_PER_SEC;
    }
    return BS_OK;
}

static bs_status deal_with_due(bs_service *service, const bsi_row_schedule *row,
                               const bsi_due_rule *rule, int64_t now)
{
    const bool busy = bsi_schedule_is_busy(service, row);
    record out = {.row = *row};
    bsi_due_plan plan;
    bsi_dealt dealt;
    bs_status status = BS_OK;

    /* Each of its due times gets a run: they wait for one another. */
    if (busy && rule->missed == BSI_MISSED_ALL) {
        return BS_OK;
    }
    BSI_TRY(bsi_dealt_parse(row->dealt, &dealt));
    BSI_TRY(bsi_due_decide(rule, &dealt, row->next_run_at / NS_PER_SEC, now, &plan));
    status = put_plan(service, rule, &plan, busy, &dealt, &out);
    if (status >= 0) {
        status = bsi_schedule_commit(service, &out.row, out.runs, out.count, out.draft.job);
    }
    if (status >= 0) {
        log_plan(service, row, &plan, busy);
    }
    if (status >= 0 && plan.run && !busy) {
        log_started(service, row, &out.draft);
    }
    bsi_arena_dispose(&out.arena);
    return status;
}

static bs_status run_due_once(bs_service *service, const char *id, int64_t now)
{
    bsi_row_schedule row;
    bsi_schedule_rule rule = {.own_zone = NULL};
    bs_status status = bsi_catalog_get_schedule(service->catalog, id, &row);

    if (status < 0) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    /* It may have been changed since it was found to be due. */
    if (row.is_active && row.next_run_at > 0 && row.next_run_at <= now * NS_PER_SEC) {
        status = bsi_schedule_rule_load(&row, &service->log, &rule);
        if (status >= 0) {
            status = deal_with_due(service, &row, &rule.rule, now);
        }
    }
    bsi_schedule_rule_dispose(&rule);
    bsi_row_schedule_dispose(&row);
    return status;
}

static bs_status run_due(bs_service *service, const char *id, int64_t now)
{
    bs_status status = BS_E_CHANGED;

    for (int i = 0; i < BSI_SCHEDULE_TRIES && status == BS_E_CHANGED; i++) {
        status = run_due_once(service, id, now);
    }
    return status;
}

bs_status bsi_schedules_run_due(bs_service *service, int64_t now)
{
    bsi_id *ids = NULL;
    size_t count = 0;
    bs_error error;
    bs_status status = bsi_catalog_due_schedules(service->catalog, now * NS_PER_SEC, &ids, &count);

    for (size_t i = 0; i < count; i++) {
        if (run_due(service, ids[i].text, now) < 0) {
            bsi_error_save(&error);
            status = error.code;
        }
    }
    if (count > 0 && status < 0) {
        bsi_error_restore(&error);
    }
    bsi_free(ids);
    return status;
}

/* --- The clock was set --- */

static bs_status refresh_once(bs_service *service, const bsi_row_schedule *row, int64_t now)
{
    bsi_row_schedule changed = *row;
    bsi_schedule_rule rule;
    bs_status status = bsi_schedule_rule_load(row, &service->log, &rule);

    if (status < 0) {
        return status;
    }
    status = bsi_schedule_next(&rule, row->dealt, now, &changed.next_run_at);
    if (status >= 0 && changed.next_run_at != row->next_run_at) {
        /* The clock was set some time ago; what has been due since is still to be met. */
        status =
            bsi_schedule_next(&rule, row->dealt, now - BSI_DUE_GRACE_SEC - 1, &changed.next_run_at);
    }
    bsi_schedule_rule_dispose(&rule);
    if (status < 0 || changed.next_run_at == row->next_run_at) {
        return status;
    }
    status = bsi_catalog_write_schedule(service->catalog, &changed, NULL, 0);
    /* Who changed or removed it meanwhile has reckoned by the present clock. */
    return status == BS_E_CHANGED || status == BS_E_NOT_FOUND ? BS_OK : status;
}

bs_status bsi_schedules_refresh(bs_service *service, int64_t now)
{
    const bsi_schedule_filter active = {.no_inactive = true};
    bsi_row_schedule *rows = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_list_schedules(service->catalog, &active, &rows, &count, NULL);

    for (size_t i = 0; i < count && status >= 0; i++) {
        if (rows[i].next_run_at == 0 || rows[i].next_run_at > now * NS_PER_SEC) {
            status = refresh_once(service, &rows[i], now);
        }
    }
    bsi_row_schedules_free(rows, count);
    return status;
}

/* --- After a crash --- */

/* A run that will not begin becomes something else. */
static bs_status give_up(bs_service *service, bsi_row_schedule *row, const bsi_row_run *run,
                         bs_run_outcome outcome)
{
    bsi_row_run news = {
        .number = run->number,
        .due_at = run->due_at,
        .recorded_at = bsi_row_now(),
        .outcome = outcome_name(outcome),
    };

    row->runs_started--;
    row->runs_missed += outcome == BS_RUN_MISSED;
    row->runs_skipped_busy += outcome == BS_RUN_SKIPPED_BUSY;
    if (outcome == BS_RUN_FAILED_TO_START) {
        row->runs_failed_to_start++;
        news.error_code = BS_E_INTERRUPTED;
        news.error_layer = BS_LAYER_SYSTEM;
        news.error_message = "the process ended before the job began";
    }
    if (strcmp(row->last_job_id, run->job_id) == 0) {
        row->last_job_id = "";
        row->last_status = news.outcome;
    }
    return bsi_schedule_commit(service, row, &news, 1, NULL);
}

static bs_status begin_anew(bs_service *service, bsi_row_schedule *row, const bsi_row_run *run)
{
    bsi_run_draft draft;
    bs_status status = BS_OK;

    row->runs_started--;
    BSI_TRY(bsi_schedule_draft(service, row, run, &draft));
    status = bsi_schedule_commit(service, row, &draft.run, 1, draft.job);
    if (status >= 0) {
        log_started(service, row, &draft);
    }
    return status;
}

static bs_status resume_once(bs_service *service, const bsi_row_run *run, int64_t now)
{
    const bool late = now - run->due_at / NS_PER_SEC > BSI_DUE_GRACE_SEC;
    bsi_row_schedule row;
    bsi_row_schedule changed;
    bs_status status = bsi_catalog_get_schedule(service->catalog, run->schedule_id, &row);

    if (status < 0) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    changed = row;
    if (run->due_at == 0) {
        status = give_up(service, &changed, run, BS_RUN_FAILED_TO_START);
    } else if (bsi_schedule_is_busy(service, &row)) {
        status = give_up(service, &changed, run, BS_RUN_SKIPPED_BUSY);
    } else if (late && strcmp(row.missed, bsi_word_name(bsi_words_missed, BS_MISSED_SKIP)) == 0) {
        status = give_up(service, &changed, run, BS_RUN_MISSED);
    } else {
        status = begin_anew(service, &changed, run);
    }
    bsi_row_schedule_dispose(&row);
    return status;
}

/* Those whose jobs are known have begun. */
static bs_status resume(bs_service *service, const bsi_row_run *run, int64_t now)
{
    bsi_arena arena = {0};
    bsi_row_run found = *run;
    bs_status status = bsi_schedule_look(service, &arena, &found);

    bsi_arena_dispose(&arena);
    if (status != BS_E_NOT_FOUND) {
        return status;
    }
    status = BS_E_CHANGED;
    for (int i = 0; i < BSI_SCHEDULE_TRIES && status == BS_E_CHANGED; i++) {
        status = resume_once(service, run, now);
    }
    return status;
}

bs_status bsi_schedules_resume(bs_service *service, int64_t now)
{
    bsi_row_run *runs = NULL;
    size_t count = 0;
    bs_status status = bsi_schedule_recover(service);

    if (status >= 0) {
        status = bsi_catalog_find_runs(service->catalog, "", &runs, &count);
    }
    for (size_t i = 0; i < count && status >= 0; i++) {
        status = resume(service, &runs[i], now);
    }
    bsi_row_runs_free(runs, count);
    return status;
}
