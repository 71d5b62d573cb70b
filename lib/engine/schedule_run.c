/* SPDX-License-Identifier: MIT */
#include "engine/schedule_run.h"

#include <string.h>

#include "engine/info_parts.h"
#include "engine/runner.h"
#include "engine/schedule_action.h"
#include "engine/service.h"
#include "engine/words.h"

/* --- Looking --- */

bool bsi_schedule_is_busy(bs_service *service, const bsi_row_schedule *row)
{
    bsi_job *job = row->last_job_id[0] ? bsi_job_find(service, row->last_job_id) : NULL;
    bool busy = false;

    if (job) {
        bsi_mutex_lock(&service->lock);
        busy = !job->over;
        bsi_mutex_unlock(&service->lock);
    }
    bsi_job_unref(job);
    return busy;
}

static bs_status put_state(bsi_arena *arena, bs_job_state state, int64_t completed_at,
                           const bs_error *error, bsi_row_run *run)
{
    run->status = bsi_word_name(bsi_words_job_state, (int)state);
    run->completed_at = completed_at;
    if (state != BS_STATE_FAILED) {
        return BS_OK;
    }
    run->error_code = error->code;
    run->error_layer = error->layer;
    run->error_message = bsi_arena_text(arena, error->message);
    return run->error_message ? BS_OK : BS_E_NOMEM;
}

static bs_status look_at_rows(bs_service *service, bsi_arena *arena, bsi_row_run *run)
{
    bsi_row_backup backup;
    bsi_row_job job;
    bs_error error;
    bs_status status = bsi_catalog_get_backup(service->catalog, run->job_id, &backup);

    if (status >= 0) {
        bsi_info_error(backup.error_code, backup.error_layer, backup.error_message, &error);
        status =
            put_state(arena, bsi_job_state_of(backup.status), backup.completed_at, &error, run);
        bsi_row_backup_dispose(&backup);
        return status;
    }
    if (status != BS_E_NOT_FOUND) {
        return status;
    }
    BSI_TRY(bsi_catalog_get_job(service->catalog, run->job_id, &job));
    bsi_info_error(job.error_code, job.error_layer, job.error_message, &error);
    status = put_state(arena, bsi_job_state_of(job.status), job.completed_at, &error, run);
    bsi_row_job_dispose(&job);
    return status;
}

bs_status bsi_schedule_look(bs_service *service, bsi_arena *arena, bsi_row_run *run)
{
    bsi_job_view view;
    bsi_job *job = bsi_info_live(service, run->job_id, &view);

    if (!job) {
        return look_at_rows(service, arena, run);
    }
    bsi_job_unref(job);
    return put_state(arena, view.state, view.completed_at, &view.error, run);
}

/* --- Starting --- */

static bs_status prepare(bs_service *service, const bsi_row_schedule *row, bsi_job **out)
{
    const bsi_action *action = NULL;
    int value = 0;

    if (bsi_word_parse(bsi_words_schedule_action, bsi_slice_of(row->action), &value)) {
        action = bsi_action_find(value);
    }
    if (!action) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_UNSUPPORTED,
                        "this release cannot do what schedule '%s' asks for: %s", row->name,
                        row->action);
    }
    BSI_TRY(action->prepare(service, row->request, out));
    (*out)->scheduled = true;
    return BS_OK;
}

bs_status bsi_schedule_draft(bs_service *service, bsi_row_schedule *row, const bsi_row_run *run,
                             bsi_run_draft *out)
{
    bs_status status = BS_OK;

    *out = (bsi_run_draft){.run = *run};
    status = prepare(service, row, &out->job);
    if (status == BS_E_NOMEM) {
        return status;
    }
    out->run.recorded_at = bsi_row_now();
    row->last_run_at = out->run.recorded_at;
    if (!out->job) {
        bsi_error_save(&out->error);
        out->run.outcome = bsi_word_name(bsi_words_run_outcome, BS_RUN_FAILED_TO_START);
        out->run.error_code = out->error.code;
        out->run.error_layer = out->error.layer;
        out->run.error_message = out->error.message;
        out->run.status = "";
        row->last_status = out->run.outcome;
        row->runs_failed_to_start++;
    } else {
        memcpy(out->job_id, out->job->id, sizeof(out->job_id));
        out->run.outcome = bsi_word_name(bsi_words_run_outcome, BS_RUN_STARTED);
        out->run.status = bsi_word_name(bsi_words_job_state, BS_STATE_PENDING);
        row->last_status = out->run.status;
        row->runs_started++;
    }
    out->run.job_id = out->job_id;
    row->last_job_id = out->job_id;
    return BS_OK;
}

/* --- What becomes of a job --- */

static void log_end(bs_service *service, const bsi_row_schedule *row, const bsi_row_run *run)
{
    int state = BS_STATE_PENDING;

    if (!bsi_word_parse(bsi_words_job_state, bsi_slice_of(run->status), &state) ||
        state < BS_STATE_COMPLETED) {
        return;
    }
    bsi_log_write(&service->log, state == BS_STATE_FAILED ? BS_LOG_ERROR : BS_LOG_INFO, "engine",
                  "schedule '%s': job %s is %s%s%s", row->name, run->job_id, run->status,
                  run->error_code < 0 ? ": " : "", run->error_code < 0 ? run->error_message : "");
}

/* Lay what is new over the run of a job, and over what its schedule tells of its last run. */
static bs_status tell_once(bs_service *service, const char *job_id, const bsi_row_run *news)
{
    const char *started = bsi_word_name(bsi_words_run_outcome, BS_RUN_STARTED);
    bsi_row_run *runs = NULL;
    bsi_row_schedule row = {.id = NULL};
    size_t count = 0;
    bs_status status = bsi_catalog_find_runs(service->catalog, job_id, &runs, &count);

    if (status >= 0 && count > 0) {
        status = bsi_catalog_get_schedule(service->catalog, runs[0].schedule_id, &row);
    }
    if (status >= 0 && count > 0) {
        bsi_row_run run = *news;
        const bool last = strcmp(row.last_job_id, job_id) == 0;
        run.number = runs[0].number;
        run.due_at = runs[0].due_at;
        run.recorded_at = runs[0].recorded_at;
        if (strcmp(run.outcome, started) != 0) {
            row.runs_started--;
            row.runs_failed_to_start++;
        }
        row.last_status = last ? (run.status[0] ? run.status : run.outcome) : row.last_status;
        row.last_job_id = last ? run.job_id : row.last_job_id;
        status = bsi_catalog_write_schedule(service->catalog, &row, &run, 1);
        if (status >= 0) {
            log_end(service, &row, &run);
        }
    }
    bsi_row_schedule_dispose(&row);
    bsi_row_runs_free(runs, count);
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static bs_status tell(bs_service *service, const char *job_id, const bsi_row_run *news)
{
    bs_status status = BS_E_CHANGED;

    for (int i = 0; i < BSI_SCHEDULE_TRIES && status == BS_E_CHANGED; i++) {
        status = tell_once(service, job_id, news);
    }
    return status;
}

/* A job that was written down has not begun; the thread's record says why. */
static void tell_failure(bs_service *service, const char *job_id)
{
    bs_error error;
    bsi_row_run news = {
        .outcome = bsi_word_name(bsi_words_run_outcome, BS_RUN_FAILED_TO_START),
        .job_id = "",
        .status = "",
    };

    bsi_error_save(&error);
    news.error_code = error.code;
    news.error_layer = error.layer;
    news.error_message = error.message;
    if (tell(service, job_id, &news) < 0) {
        /* Then it will be found that the job has not begun. */
        bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                      "job %s of a schedule has not begun, and this is not noted: %s", job_id,
                      bs_error_last()->message);
    }
    bsi_error_restore(&error);
}

bs_status bsi_schedule_commit(bs_service *service, const bsi_row_schedule *row,
                              const bsi_row_run *runs, size_t count, bsi_job *job)
{
    char job_id[BS_ID_SIZE];
    bs_error error;
    bs_status status = job ? bsi_job_enlist(job) : BS_OK;

    if (status >= 0) {
        status = bsi_catalog_write_schedule(service->catalog, row, runs, count);
    }
    if (!job) {
        return status;
    }
    if (status < 0) {
        bsi_error_save(&error);
        bsi_job_discard(job);
        bsi_error_restore(&error);
        return status;
    }
    memcpy(job_id, job->id, sizeof(job_id));
    status = bsi_job_begin(job);
    if (status < 0) {
        tell_failure(service, job_id);
    }
    return status;
}

void bsi_schedule_run_ended(bs_service *service, const char *job_id, const bsi_job_view *end)
{
    const bsi_row_run news = {
        .outcome = bsi_word_name(bsi_words_run_outcome, BS_RUN_STARTED),
        .job_id = job_id,
        .status = bsi_word_name(bsi_words_job_state, (int)end->state),
        .completed_at = end->completed_at,
        .error_code = end->state == BS_STATE_FAILED ? end->error.code : BS_OK,
        .error_layer = end->state == BS_STATE_FAILED ? end->error.layer : BS_LAYER_SYSTEM,
        .error_message = end->state == BS_STATE_FAILED ? end->error.message : "",
    };

    if (tell(service, job_id, &news) < 0) {
        bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                      "the end of job %s is not noted with its schedule: %s", job_id,
                      bs_error_last()->message);
    }
}

bs_status bsi_schedule_recover(bs_service *service)
{
    bsi_row_run *runs = NULL;
    bsi_arena arena = {0};
    size_t count = 0;
    bs_status status = bsi_catalog_find_runs(service->catalog, "", &runs, &count);

    for (size_t i = 0; i < count && status >= 0; i++) {
        bsi_row_run news = runs[i];
        status = bsi_schedule_look(service, &arena, &news);
        if (status >= 0) {
            status = tell(service, runs[i].job_id, &news);
        } else if (status == BS_E_NOT_FOUND) {
            status = BS_OK; /* It never began: the scheduler decides what becomes of it. */
        }
    }
    bsi_row_runs_free(runs, count);
    bsi_arena_dispose(&arena);
    return status;
}

/* --- By hand --- */

static bs_status run_once(bs_service *service, const char *id, char job_id_out[BS_ID_SIZE])
{
    const bsi_row_run by_hand = {.due_at = 0};
    bsi_row_schedule row;
    bsi_run_draft draft;
    bs_status status = bsi_catalog_get_schedule(service->catalog, id, &row);

    if (status < 0) {
        return status;
    }
    if (bsi_schedule_is_busy(service, &row)) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_BUSY, "schedule '%s' is still running: job %s",
                          row.name, row.last_job_id);
    } else {
        bsi_row_schedule changed = row;
        status = bsi_schedule_draft(service, &changed, &by_hand, &draft);
        if (status >= 0) {
            status = bsi_schedule_commit(service, &changed, &draft.run, 1, draft.job);
        }
        if (status >= 0 && draft.run.error_code < 0) {
            bsi_error_restore(&draft.error);
            status = draft.error.code;
        }
        if (status >= 0) {
            memcpy(job_id_out, draft.job_id, BS_ID_SIZE);
        }
    }
    bsi_row_schedule_dispose(&row);
    return status;
}

bs_status bsi_schedule_run(bs_service *service, const char *reference, char job_id_out[BS_ID_SIZE])
{
    char id[BS_ID_SIZE];
    bs_status status = BS_E_CHANGED;

    BSI_TRY(bsi_catalog_resolve_schedule(service->catalog, reference, id));
    for (int i = 0; i < BSI_SCHEDULE_TRIES && status == BS_E_CHANGED; i++) {
        status = run_once(service, id, job_id_out);
    }
    return status;
}
