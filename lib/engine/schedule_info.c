/* SPDX-License-Identifier: MIT */
/*
 * Infos of schedules and of their runs, and times to come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/info_parts.h"
#include "engine/schedule.h"
#include "engine/schedule_rule.h"
#include "engine/schedule_run.h"
#include "engine/service.h"
#include "engine/words.h"
#include "os/time.h"
#include "text/rfc3339.h"

enum {
    LIST_USUAL = 50,
    LIST_MAX = 1000,
    NS_PER_SEC = 1000000000,
};

/* What the caller holds must come first in each. */
typedef struct info_box {
    bs_schedule_info info;
    bsi_arena arena;
} info_box;

typedef struct page_box {
    bs_schedule_page page;
    bsi_arena arena;
} page_box;

typedef struct runs_box {
    bs_schedule_runs runs;
    bsi_arena arena;
} runs_box;

typedef struct times_box {
    bs_schedule_times times;
    bsi_arena arena;
} times_box;

static bs_status check_limit(uint32_t limit)
{
    return limit > LIST_MAX
               ? bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "limit: takes 1 to %d", LIST_MAX)
               : BS_OK;
}

static int value_of(const bsi_word *words, const char *word)
{
    int value = 0;

    (void)bsi_word_parse(words, bsi_slice_of(word), &value);
    return value;
}

/* A job's state that is not final, or a word that is none. */
static bool is_under_way(const char *status)
{
    int state = BS_STATE_COMPLETED;

    (void)bsi_word_parse(bsi_words_job_state, bsi_slice_of(status), &state);
    return state < BS_STATE_COMPLETED;
}

/* What is written of a run may be older than what is known of its job. */
static bs_status look_again(bs_service *service, bsi_arena *arena, bsi_row_run *run)
{
    bs_status status = BS_OK;

    if (is_under_way(run->status)) {
        status = bsi_schedule_look(service, arena, run);
    }
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

/* --- Schedules --- */

static bs_status fill_info(bs_service *service, const bsi_row_schedule *row, bsi_arena *arena,
                           bs_schedule_info *info)
{
    const int64_t grace = (int64_t)BSI_DUE_GRACE_SEC * NS_PER_SEC;
    bsi_row_run last = {.job_id = row->last_job_id, .status = row->last_status};

    BSI_TRY(look_again(service, arena, &last));
    bsi_info_id(row->id, info->id);
    bsi_info_id(row->last_job_id, info->last_job_id);
    info->name = bsi_arena_text(arena, row->name);
    info->cron_expression = bsi_arena_text(arena, row->cron_expression);
    info->timezone = bsi_arena_text(arena, row->timezone);
    info->action = (bs_schedule_action)value_of(bsi_words_schedule_action, row->action);
    *(info->action == BS_ACTION_BACKUP ? &info->backup_request : &info->action_request) =
        bsi_arena_text(arena, row->request);
    info->missed = (bs_missed)value_of(bsi_words_missed, row->missed);
    info->is_active = row->is_active;
    info->running = bsi_schedule_is_busy(service, row);
    info->overdue = row->next_run_at > 0 && row->next_run_at < bsi_row_now() - grace;
    info->next_run_at = bsi_info_time(arena, row->next_run_at);
    info->last_run_at = bsi_info_time(arena, row->last_run_at);
    info->last_status = bsi_arena_text(arena, last.status);
    info->created_at = bsi_info_time(arena, row->created_at);
    info->updated_at = bsi_info_time(arena, row->updated_at);
    info->runs_started = row->runs_started;
    info->runs_skipped_busy = row->runs_skipped_busy;
    info->runs_missed = row->runs_missed;
    info->runs_failed_to_start = row->runs_failed_to_start;
    return info->name && info->cron_expression && info->timezone &&
                   (info->backup_request || info->action_request) && info->next_run_at &&
                   info->last_run_at && info->last_status && info->created_at && info->updated_at
               ? BS_OK
               : BS_E_NOMEM;
}

bs_status bsi_schedule_get(bs_service *service, const char *reference, bs_schedule_info **out)
{
    char id[BS_ID_SIZE];
    bsi_row_schedule row;
    info_box *box = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_catalog_resolve_schedule(service->catalog, reference, id));
    BSI_TRY(bsi_catalog_get_schedule(service->catalog, id, &row));
    box = bsi_calloc(1, sizeof(*box));
    status = box ? fill_info(service, &row, &box->arena, &box->info) : BS_E_NOMEM;
    bsi_row_schedule_dispose(&row);
    if (status < 0) {
        bsi_schedule_info_free((bs_schedule_info *)box);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_schedule_info_free(bs_schedule_info *info)
{
    info_box *box = (info_box *)info;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}

static bs_status fill_page(bs_service *service, const bsi_row_schedule *rows, size_t count,
                           page_box *box)
{
    const bs_schedule_info **items = bsi_arena_alloc(&box->arena, count + 1, sizeof(void *));
    bs_status status = items ? BS_OK : BS_E_NOMEM;

    for (size_t i = 0; i < count && status >= 0; i++) {
        bs_schedule_info *info = bsi_arena_alloc(&box->arena, 1, sizeof(*info));
        status = info ? fill_info(service, &rows[i], &box->arena, info) : BS_E_NOMEM;
        items[i] = info;
    }
    box->page.items = items;
    box->page.count = count;
    return status;
}

bs_status bsi_schedule_list(bs_service *service, const bs_schedule_filter *filter,
                            bs_schedule_page **out)
{
    const bsi_schedule_filter rows_wanted = {
        .no_active = filter->is_active == BS_CHOICE_NO,
        .no_inactive = filter->is_active == BS_CHOICE_YES,
        .limit = filter->limit > 0 ? filter->limit : LIST_USUAL,
        .offset = filter->offset,
    };
    bsi_row_schedule *rows = NULL;
    size_t count = 0;
    page_box *box = NULL;
    bs_status status = BS_OK;

    BSI_TRY(check_limit(filter->limit));
    box = bsi_calloc(1, sizeof(*box));
    if (!box) {
        return BS_E_NOMEM;
    }
    status =
        bsi_catalog_list_schedules(service->catalog, &rows_wanted, &rows, &count, &box->page.total);
    if (status >= 0) {
        status = fill_page(service, rows, count, box);
        bsi_row_schedules_free(rows, count);
    }
    if (status < 0) {
        bsi_schedule_page_free(&box->page);
        return status;
    }
    *out = &box->page;
    return BS_OK;
}

void bsi_schedule_page_free(bs_schedule_page *page)
{
    page_box *box = (page_box *)page;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}

/* --- Runs --- */

static bs_status fill_run(bs_service *service, const bsi_row_run *row, bsi_arena *arena,
                          bs_schedule_run_info *info)
{
    bsi_row_run run = *row;

    if (run.job_id[0]) {
        BSI_TRY(look_again(service, arena, &run));
    }
    bsi_info_id(run.job_id, info->job_id);
    info->due_at = bsi_info_time(arena, run.due_at);
    info->recorded_at = bsi_info_time(arena, run.recorded_at);
    info->outcome = (bs_run_outcome)value_of(bsi_words_run_outcome, run.outcome);
    info->status = bsi_arena_text(arena, run.status);
    info->completed_at = bsi_info_time(arena, run.completed_at);
    bsi_info_error(run.error_code, run.error_layer, run.error_message, &info->error);
    return info->due_at && info->recorded_at && info->status && info->completed_at ? BS_OK
                                                                                   : BS_E_NOMEM;
}

static bs_status fill_runs(bs_service *service, const bsi_row_run *rows, size_t count,
                           runs_box *box)
{
    const bs_schedule_run_info **items = bsi_arena_alloc(&box->arena, count + 1, sizeof(void *));
    bs_status status = items ? BS_OK : BS_E_NOMEM;

    for (size_t i = 0; i < count && status >= 0; i++) {
        bs_schedule_run_info *info = bsi_arena_alloc(&box->arena, 1, sizeof(*info));
        status = info ? fill_run(service, &rows[i], &box->arena, info) : BS_E_NOMEM;
        items[i] = info;
    }
    box->runs.items = items;
    box->runs.count = count;
    return status;
}

bs_status bsi_schedule_list_runs(bs_service *service, const char *reference, uint32_t limit,
                                 uint32_t offset, bs_schedule_runs **out)
{
    char id[BS_ID_SIZE];
    bsi_row_run *rows = NULL;
    size_t count = 0;
    runs_box *box = NULL;
    bs_status status = BS_OK;

    BSI_TRY(check_limit(limit));
    BSI_TRY(bsi_catalog_resolve_schedule(service->catalog, reference, id));
    BSI_TRY(bsi_catalog_list_runs(service->catalog, id, limit > 0 ? limit : LIST_USUAL, offset,
                                  &rows, &count));
    box = bsi_calloc(1, sizeof(*box));
    status = box ? fill_runs(service, rows, count, box) : BS_E_NOMEM;
    bsi_row_runs_free(rows, count);
    if (status < 0) {
        bsi_schedule_runs_free((bs_schedule_runs *)box);
        return status;
    }
    *out = &box->runs;
    return BS_OK;
}

void bsi_schedule_runs_free(bs_schedule_runs *runs)
{
    runs_box *box = (runs_box *)runs;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}

/* --- Times to come --- */

/* RFC 3339 with the offset that the zone has then; offsets of seconds are cut to minutes. */
static const char *local_text(const bsi_timezone *zone, int64_t sec, bsi_arena *arena)
{
    char text[BSI_RFC3339_SIZE];
    char whole[BSI_RFC3339_SIZE + 16];
    int32_t offset = bsi_timezone_span_at(zone, sec).offset;

    offset -= offset % 60;
    if (bsi_rfc3339_format(sec + offset, 0, false, text) < 0) {
        return NULL;
    }
    text[strlen(text) - 1] = '\0'; /* The Z. */
    (void)snprintf(whole, sizeof(whole), "%s%c%02d:%02d", text, offset < 0 ? '-' : '+',
                   abs(offset) / 3600, abs(offset) / 60 % 60);
    return bsi_arena_text(arena, whole);
}

static bs_status fill_times(const bsi_schedule_rule *rule, uint32_t count, times_box *box)
{
    const char **items = bsi_arena_alloc(&box->arena, count + 1, sizeof(*items));
    int64_t at = bsi_now().sec;
    bs_status status = items ? BS_OK : BS_E_NOMEM;

    box->times.items = items;
    while (status >= 0 && box->times.count < count) {
        status = bsi_cron_next(&rule->cron, rule->rule.zone, at, &at);
        if (status >= 0) {
            items[box->times.count] = local_text(rule->rule.zone, at, &box->arena);
            status = items[box->times.count] ? BS_OK : bs_error_last()->code;
            box->times.count++;
        }
    }
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

bs_status bsi_schedule_preview(const char *cron, const char *zone, uint32_t count,
                               bs_schedule_times **out)
{
    bsi_complaints complaints = {0};
    bsi_schedule_rule rule;
    times_box *box = NULL;
    bs_status status = BS_OK;

    if (count == 0 || count > LIST_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "count: takes 1 to %d", LIST_MAX);
    }
    BSI_TRY(bsi_schedule_rule_take(cron, zone, &complaints, &rule));
    status = bsi_complaints_status(&complaints);
    if (status >= 0) {
        box = bsi_calloc(1, sizeof(*box));
        status = box ? fill_times(&rule, count, box) : BS_E_NOMEM;
    }
    bsi_schedule_rule_dispose(&rule);
    if (status < 0) {
        bsi_schedule_times_free((bs_schedule_times *)box);
        return status;
    }
    *out = &box->times;
    return BS_OK;
}

void bsi_schedule_times_free(bs_schedule_times *times)
{
    times_box *box = (times_box *)times;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
