/* SPDX-License-Identifier: MIT */
/*
 * Job objects: their references, counters, warnings and the end of their lives.
 * What a job does is its kind's business; when it does it, runner.c's.
 */
#include "engine/job.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/audit_job.h"
#include "engine/hooks.h"
#include "engine/runner.h"
#include "engine/schedule_run.h"
#include "engine/scheduler.h"
#include "engine/service.h"
#include "engine/webhook.h"
#include "engine/words.h"
#include "os/random.h"

enum {
    JOB_PERCENT_MAX = 99900, /* In thousandths: until it is durable. */
    JOB_FILE_WEIGHT = 512,   /* Bytes that a file counts for, whatever its size. */
};

bsi_row_status bsi_row_status_of(bs_job_state state)
{
    return (bsi_row_status)((int)state + (int)BSI_ROW_PENDING);
}

bs_job_state bsi_job_state_of(bsi_row_status status)
{
    return status == BSI_ROW_NONE ? BS_STATE_PENDING
                                  : (bs_job_state)((int)status - (int)BSI_ROW_PENDING);
}

_Static_assert((int)BSI_ROW_CANCELLED - (int)BSI_ROW_PENDING == (int)BS_STATE_CANCELLED,
               "states of rows and jobs go in step");

/* --- Progress --- */

/* In thousandths of a percent. Bytes weigh; files only tip the scale. */
static uint64_t part_done(uint64_t files, uint64_t files_total, uint64_t bytes,
                          uint64_t bytes_total)
{
    const double total = (double)files_total * JOB_FILE_WEIGHT + (double)bytes_total;
    const double done = (double)files * JOB_FILE_WEIGHT + (double)bytes;

    if (total <= 0) {
        return 0;
    }
    return done >= total ? JOB_PERCENT_MAX : (uint64_t)(done / total * JOB_PERCENT_MAX);
}

static bool state_is_good(bs_job_state state)
{
    return state == BS_STATE_COMPLETED || state == BS_STATE_COMPLETED_WITH_WARNINGS;
}

double bsi_progress_of_row(const bsi_job_view *view)
{
    if (state_is_good(view->state)) {
        return 100;
    }
    return (double)part_done(view->files_processed, view->total_files, view->bytes_processed,
                             view->total_bytes) /
           1000;
}

/* The percentage, which never falls though totals may grow. */
static double percent(bsi_job *job, const bsi_job_view *view)
{
    const uint64_t now = part_done(view->files_processed, view->total_files, view->bytes_processed,
                                   view->total_bytes);
    uint64_t shown = atomic_load(&job->percent);

    if (state_is_good(view->state)) {
        return 100;
    }
    while (shown < now && !atomic_compare_exchange_weak(&job->percent, &shown, now)) {
    }
    return (double)(shown > now ? shown : now) / 1000;
}

static void look_locked(bsi_job *job, bsi_job_view *out)
{
    out->state = job->state;
    out->started_at = job->started_at;
    out->completed_at = job->completed_at;
    out->files_processed = atomic_load(&job->progress.files_done);
    out->total_files = atomic_load(&job->progress.files_total);
    out->bytes_processed = atomic_load(&job->progress.bytes_done);
    out->total_bytes = atomic_load(&job->progress.bytes_total);
    out->usage = bsi_job_usage_read(&job->usage);
    out->error = job->error;
    out->saved = job->saved;
    out->progress = percent(job, out);
}

void bsi_job_look(bsi_job *job, bsi_job_view *out)
{
    bsi_mutex_lock(&job->service->lock);
    look_locked(job, out);
    bsi_mutex_unlock(&job->service->lock);
}

static void send_event(bsi_job *job, bs_event_type type, const bs_warning *warning)
{
    bs_event event = {.type = type, .job_kind = job->ops->kind};
    bsi_job_view view;

    if (!bsi_events_wanted(&job->service->events)) {
        return;
    }
    bsi_job_look(job, &view);
    memcpy(event.job_id, job->id, sizeof(event.job_id));
    event.status = view.state;
    event.progress = view.progress;
    event.files_processed = view.files_processed;
    event.total_files = view.total_files;
    event.bytes_processed = view.bytes_processed;
    event.total_bytes = view.total_bytes;
    event.warning = warning ? *warning : (bs_warning){.path = "", .message = ""};
    bsi_events_send(&job->service->events, &event);
}

void bsi_job_tell_state(bsi_job *job)
{
    send_event(job, BS_EVENT_STATE, NULL);
}

/* Called by the vault whenever counters moved: sends an event when it is time for one. */
static void progress_moved(void *user)
{
    bsi_job *job = user;
    const int64_t interval =
        bsi_config_number(job->service->config, BSI_CONFIG_PROGRESS_UPDATE_INTERVAL) * 1000;
    const int64_t now = bsi_monotonic_ns();
    int64_t sent = atomic_load(&job->progress_sent);

    if (sent != 0 && now - sent < interval) {
        return;
    }
    if (atomic_compare_exchange_strong(&job->progress_sent, &sent, now)) {
        bsi_job_usage_look(&job->usage);
        send_event(job, BS_EVENT_PROGRESS, NULL);
    }
}

/* --- Warnings --- */

static bs_status keep_warning_locked(bsi_job_warnings *warnings, bsi_slice path,
                                     const bs_error *error, const char *message)
{
    bsi_row_warning *row = NULL;

    if (warnings->count == warnings->capacity) {
        const size_t capacity = warnings->capacity > 0 ? warnings->capacity * 2 : 16;
        bsi_row_warning *rows = bsi_realloc_array(warnings->rows, capacity, sizeof(*rows));
        if (!rows) {
            return BS_E_NOMEM;
        }
        warnings->rows = rows;
        warnings->capacity = capacity;
    }
    row = &warnings->rows[warnings->count];
    *row = (bsi_row_warning){.code = error->code, .layer = error->layer};
    row->path = (bsi_slice){bsi_arena_slice(&warnings->arena, path), path.size};
    row->message = bsi_arena_text(&warnings->arena, message);
    if (!row->path.data || !row->message) {
        return BS_E_NOMEM;
    }
    warnings->count++;
    return BS_OK;
}

static void report_warning(void *user, bsi_slice path, const bs_error *error)
{
    bsi_job *job = user;
    bsi_job_warnings *warnings = &job->warnings;
    char message[BS_ERROR_MESSAGE_SIZE];
    char shown[BS_ERROR_MESSAGE_SIZE];
    const bs_warning warning = {error->code, error->layer, shown, message};

    bsi_printable(error->message, strlen(error->message), message, sizeof(message));
    bsi_printable(path.data, path.size, shown, sizeof(shown));
    bsi_mutex_lock(&warnings->lock);
    warnings->total++;
    if (warnings->count < BSI_CATALOG_WARNINGS_MAX) {
        /* Without memory it is only counted. */
        (void)keep_warning_locked(warnings, path, error, message);
    }
    bsi_mutex_unlock(&warnings->lock);
    send_event(job, BS_EVENT_WARNING, &warning);
}

bs_status bsi_job_copy_warnings(bsi_job *job, bsi_arena *arena, bsi_row_warning **rows_out,
                                size_t *count_out, uint64_t *total_out)
{
    bsi_job_warnings *warnings = &job->warnings;
    bsi_row_warning *rows = NULL;
    bs_status status = BS_OK;

    bsi_mutex_lock(&warnings->lock);
    rows = bsi_arena_alloc(arena, warnings->count + 1, sizeof(*rows));
    for (size_t i = 0; rows && i < warnings->count; i++) {
        rows[i] = warnings->rows[i];
        rows[i].path.data = bsi_arena_slice(arena, rows[i].path);
        rows[i].message = bsi_arena_text(arena, rows[i].message);
        if (!rows[i].path.data || !rows[i].message) {
            rows = NULL;
        }
    }
    if (rows) {
        *rows_out = rows;
        *count_out = warnings->count;
        *total_out = warnings->total;
    } else {
        status = BS_E_NOMEM;
    }
    bsi_mutex_unlock(&warnings->lock);
    return status;
}

/* The job is at its end: nobody reports any more. */
void bsi_job_fill_row(const bsi_job *job, const bsi_job_view *view, bsi_row_job *out)
{
    *out = (bsi_row_job){
        .id = job->id,
        .status = bsi_row_status_of(view->state),
        .created_at = job->created_at,
        .started_at = view->started_at,
        .completed_at = view->completed_at,
        .bytes_processed = view->bytes_processed,
        .files_processed = view->files_processed,
        .total_bytes = view->total_bytes,
        .total_files = view->total_files,
        .usage = view->usage,
    };
    if (view->state == BS_STATE_FAILED) {
        out->error_code = view->error.code;
        out->error_layer = view->error.layer;
        out->error_message = view->error.message;
    }
}

bs_status bsi_job_save_warnings(bsi_job *job)
{
    enum { CHUNK = 64 };
    const bsi_job_warnings *warnings = &job->warnings;
    bsi_row_warning counted[CHUNK];
    uint64_t rest = warnings->total - warnings->count;

    if (warnings->count > 0) {
        BSI_TRY(bsi_catalog_add_warnings(job->service->catalog, job->id, warnings->rows,
                                         warnings->count));
    }
    for (size_t i = 0; i < CHUNK; i++) {
        counted[i] = (bsi_row_warning){.code = BS_E_LIMIT, .path = {"", 0}, .message = ""};
    }
    while (rest > 0) {
        const size_t count = rest < CHUNK ? (size_t)rest : CHUNK;
        BSI_TRY(bsi_catalog_add_warnings(job->service->catalog, job->id, counted, count));
        rest -= count;
    }
    return BS_OK;
}

void bsi_job_reset(bsi_job *job)
{
    bsi_mutex_lock(&job->warnings.lock);
    bsi_arena_dispose(&job->warnings.arena);
    job->warnings.count = 0;
    job->warnings.total = 0;
    bsi_mutex_unlock(&job->warnings.lock);
    atomic_store(&job->progress.files_total, 0);
    atomic_store(&job->progress.bytes_total, 0);
    atomic_store(&job->progress.files_done, 0);
    atomic_store(&job->progress.bytes_done, 0);
}

/* --- Life --- */

static size_t chunk_size(const bs_service *service)
{
    const int64_t size = bsi_config_number(service->config, BSI_CONFIG_BACKUP_CHUNK_SIZE);

    return size > 0 ? (size_t)size : 0;
}

/* What looks whether backups are good looks at them, and not at copies. */
static bool proves_something(bs_job_kind kind)
{
    return kind == BS_JOB_VERIFY || kind == BS_JOB_DRILL || kind == BS_JOB_CHECK ||
           kind == BS_JOB_REPLICATE;
}

bs_status bsi_job_new(bs_service *service, const bsi_job_ops *ops, void *payload, bsi_job **out)
{
    bsi_job *job = bsi_calloc(1, sizeof(*job));
    bs_status status = BS_E_NOMEM;

    if (job) {
        job->service = service;
        job->ops = ops;
        job->payload = payload;
        job->call.cancel = &job->cancel;
        job->call.chunk = chunk_size(service);
        job->call.fresh = proves_something(ops->kind);
        job->progress.moved = progress_moved;
        job->progress.user = job;
        job->warn = (bsi_warn){report_warning, job};
        job->created_at = bsi_row_now();
        job->state = BS_STATE_PENDING;
        memcpy(job->actor, bsi_audit_actor(), strlen(bsi_audit_actor()) + 1);
        atomic_init(&job->references, 1);
        bsi_mutex_init(&job->warnings.lock);
        bsi_job_usage_init(&job->usage);
        status = bsi_new_id(job->id);
    }
    if (status < 0) {
        ops->dispose(payload);
        if (job) {
            bsi_mutex_dispose(&job->warnings.lock);
            bsi_job_usage_dispose(&job->usage);
        }
        bsi_free(job);
        return status;
    }
    *out = job;
    return BS_OK;
}

void bsi_job_unref(bsi_job *job)
{
    if (!job || atomic_fetch_sub(&job->references, 1) > 1) {
        return;
    }
    job->ops->dispose(job->payload);
    bsi_arena_dispose(&job->warnings.arena);
    bsi_free(job->warnings.rows);
    bsi_mutex_dispose(&job->warnings.lock);
    bsi_job_usage_dispose(&job->usage);
    bsi_free(job);
}

bsi_job *bsi_job_find(bs_service *service, const char *id)
{
    bsi_job *job = NULL;

    bsi_mutex_lock(&service->lock);
    job = service->jobs;
    while (job && strcmp(job->id, id) != 0) {
        job = job->next;
    }
    if (job) {
        atomic_fetch_add(&job->references, 1);
    }
    bsi_mutex_unlock(&service->lock);
    return job;
}

bs_status bsi_job_outcome(bs_job_state state, const bs_error *error)
{
    switch (state) {
    case BS_STATE_COMPLETED:
        return BS_OK;
    case BS_STATE_COMPLETED_WITH_WARNINGS:
        return BS_PARTIAL;
    case BS_STATE_CANCELLED:
        return bsi_fail(BS_LAYER_CALLER, BS_E_CANCELLED, "the job was cancelled");
    case BS_STATE_PENDING:
    case BS_STATE_RUNNING:
        return bsi_fail(BS_LAYER_CALLER, BS_E_TIMEOUT, "the job has not ended yet");
    case BS_STATE_FAILED:
        break;
    }
    if (error->code >= 0) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_INTERNAL, "the job failed without an error");
    }
    bsi_error_restore(error);
    return error->code;
}

bs_status bsi_job_wait(bsi_job *job, uint32_t timeout_ms)
{
    bs_service *service = job->service;
    const int64_t until =
        timeout_ms == BS_FOREVER ? 0 : bsi_monotonic_ns() + (int64_t)timeout_ms * 1000000;
    bs_job_state state = BS_STATE_PENDING;
    bs_error error;

    bsi_mutex_lock(&service->lock);
    while (!job->over && timeout_ms > 0 &&
           bsi_cond_wait_until(&service->change, &service->lock, until)) {
    }
    state = job->over ? job->state : BS_STATE_RUNNING;
    error = job->error;
    bsi_mutex_unlock(&service->lock);
    return bsi_job_outcome(state, &error);
}

/* --- The end --- */

static bs_job_state final_state(bsi_job *job, bs_status status)
{
    if (status == BS_E_CANCELLED && atomic_load(&job->cancel.requested)) {
        return BS_STATE_CANCELLED;
    }
    if (status < 0) {
        return BS_STATE_FAILED;
    }
    return status == BS_PARTIAL || job->warnings.total > 0 ? BS_STATE_COMPLETED_WITH_WARNINGS
                                                           : BS_STATE_COMPLETED;
}

/* Its end could not be written: what is told of it from now on is this. */
static void lose_end(bsi_job *job, bsi_job_view *end)
{
    bsi_log_write(&job->service->log, BS_LOG_ERROR, "engine",
                  "the end of job %s is not in the catalogue: %s", job->id,
                  bs_error_last()->message);
    if (end->state != BS_STATE_FAILED) {
        end->state = BS_STATE_FAILED;
        bsi_error_save(&end->error);
    }
}

static void remove_locked(bsi_job *job)
{
    bsi_job **link = &job->service->jobs;

    while (*link && *link != job) {
        link = &(*link)->next;
    }
    if (*link) {
        *link = job->next;
    }
}

/* The thread's record, unless a clean-up has put something else there. */
static void take_error(bs_status status, bs_error *out)
{
    if (bs_error_last()->code != status) {
        (void)bsi_fail(bs_error_last()->layer, status, "%s", bs_status_text(status));
    }
    bsi_error_save(out);
}

static const char *warning_reason(bs_status code)
{
    switch (code) {
    case BS_E_ACCESS:
    case BS_E_IO:
        return "unreadable";
    case BS_E_NOT_FOUND:
        return "vanished";
    case BS_E_CHANGED:
        return "changed";
    case BS_E_LIMIT:
        return "too_large";
    default:
        return "other";
    }
}

/* Nobody reports any more. */
static void count_warnings(bsi_job *job)
{
    const bsi_job_warnings *warnings = &job->warnings;
    const char *kind = bsi_word_name(bsi_words_job_kind, (int)job->ops->kind);
    bsi_metrics *metrics = &job->service->metrics;

    for (size_t i = 0; i < warnings->count; i++) {
        bsi_metrics_count(metrics, BSI_METRIC_JOB_WARNINGS, kind,
                          warning_reason(warnings->rows[i].code), 1);
    }
    if (warnings->total > warnings->count) {
        bsi_metrics_count(metrics, BSI_METRIC_JOB_WARNINGS, kind, "other",
                          warnings->total - warnings->count);
    }
}

void bsi_job_finish(bsi_job *job, bs_status status)
{
    bs_service *service = job->service;
    const bool scheduled = job->scheduled;
    bsi_job_view end;
    bool saved = true;

    bsi_job_look(job, &end);
    end.state = final_state(job, status);
    end.completed_at = bsi_row_now();
    if (status < 0) {
        take_error(status, &end.error);
    }
    if (job->ops->save(job, &end) < 0) {
        saved = false;
        lose_end(job, &end);
    }
    bsi_audit_job_end(job, &end);
    bsi_hook_end(job, &end);
    bsi_webhook_tell(job, &end);
    job->ops->ended(job);
    if (scheduled) {
        bsi_schedule_run_ended(service, job->id, &end);
    }
    count_warnings(job);

    bsi_mutex_lock(&service->lock);
    job->state = end.state;
    job->completed_at = end.completed_at;
    job->error = end.error;
    job->saved = saved;
    bsi_mutex_unlock(&service->lock);
    bsi_job_tell_state(job);
    bsi_mutex_lock(&service->lock);
    job->over = true;
    if (saved) {
        remove_locked(job);
    }
    bsi_cond_broadcast(&service->change);
    bsi_mutex_unlock(&service->lock);
    if (saved) {
        bsi_job_unref(job);
    }
    if (scheduled) {
        bsi_scheduler_wake(service);
    }
}
