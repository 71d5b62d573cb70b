/* SPDX-License-Identifier: MIT */
/*
 * Metrics of jobs that are not over. A kind and a name stand for one series:
 * of several jobs that share both, the one that is listed first is shown.
 */
#include <string.h>

#include "engine/metrics_render.h"
#include "engine/service.h"
#include "engine/words.h"

enum {
    NS_PLACES = 9,
    PERCENT_PLACES = 5, /* Thousandths of a percent, as a ratio. */
    RUNNING_MAX = 1000,
};

typedef struct running_job {
    char id[BS_ID_SIZE];
    const char *kind;
    const char *name; /* In the arena. */
    int64_t thousandths;
    int64_t eta_ns; /* -1: not known. */
} running_job;

typedef struct live {
    running_job *jobs;
    size_t count;
    uint64_t pending[16]; /* By kind. */
    uint64_t running[16];
    uint64_t queue;
    uint64_t busy;
    uint64_t idle;
} live;

static int64_t expected_ns(int64_t elapsed, int64_t thousandths)
{
    const double done = (double)thousandths;

    return done > 0 && elapsed > 0 ? (int64_t)((double)elapsed * (100000.0 - done) / done) : -1;
}

static void list_running(const bsi_job *job, int64_t now, live *out)
{
    running_job *one = &out->jobs[out->count];

    if (out->count == RUNNING_MAX) {
        return;
    }
    memcpy(one->id, job->id, sizeof(one->id));
    one->kind = bsi_word_name(bsi_words_job_kind, (int)job->ops->kind);
    one->thousandths = (int64_t)atomic_load(&job->percent);
    one->eta_ns = expected_ns(now - job->started_at, one->thousandths);
    out->count++;
}

static void look_at_job(const bsi_job *job, int64_t now, live *out)
{
    const size_t kind = (size_t)job->ops->kind % BSI_ARRAY_SIZE(out->pending);

    if (job->state == BS_STATE_PENDING) {
        out->pending[kind]++;
    } else if (job->state == BS_STATE_RUNNING) {
        out->running[kind]++;
        list_running(job, now, out);
    }
}

static void look_at_jobs(bs_service *service, live *out)
{
    const int64_t now = bsi_row_now();

    bsi_mutex_lock(&service->lock);
    for (const bsi_job *job = service->jobs; job; job = job->next) {
        look_at_job(job, now, out);
    }
    for (const bsi_job *job = service->queue_head; job; job = job->queue_next) {
        out->queue++;
    }
    out->idle = service->runners_idle;
    out->busy = service->runners_started - service->runners_idle;
    bsi_mutex_unlock(&service->lock);
}

/* --- Names --- */

static bs_status name_of_backup(bs_service *service, const char *id, bsi_arena *arena,
                                const char **out)
{
    bsi_row_backup row;

    BSI_TRY(bsi_catalog_get_backup(service->catalog, id, &row));
    *out = bsi_arena_text(arena, row.name);
    bsi_row_backup_dispose(&row);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status find_name(bs_service *service, const running_job *job, bsi_arena *arena,
                           const char **out)
{
    bsi_row_job row;
    bs_status status = BS_OK;

    if (strcmp(job->kind, bsi_word_name(bsi_words_job_kind, BS_JOB_BACKUP)) == 0) {
        return name_of_backup(service, job->id, arena, out);
    }
    BSI_TRY(bsi_catalog_get_job(service->catalog, job->id, &row));
    status = name_of_backup(service, row.backup_id ? row.backup_id : "", arena, out);
    bsi_row_job_dispose(&row);
    return status;
}

static bool is_there(const live *all, size_t count, const running_job *job)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all->jobs[i].name, job->name) == 0 && all->jobs[i].kind == job->kind) {
            return true;
        }
    }
    return false;
}

/* Those that are gone by now, and those that would be a series twice, are left out. */
static bs_status name_jobs(bs_service *service, bsi_arena *arena, live *all)
{
    size_t kept = 0;

    for (size_t i = 0; i < all->count; i++) {
        const bs_status status = find_name(service, &all->jobs[i], arena, &all->jobs[i].name);
        if (status < 0 && status != BS_E_NOT_FOUND) {
            return status;
        }
        if (status >= 0 && !is_there(all, kept, &all->jobs[i])) {
            all->jobs[kept++] = all->jobs[i];
        }
    }
    all->count = kept;
    return BS_OK;
}

/* --- Text --- */

static void put_states(const live *all, bsi_metrics_text *text)
{
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "jobs", "gauge", "Jobs that are not over.");
    for (const bsi_word *kind = bsi_words_job_kind; kind->word; kind++) {
        const bsi_label pending[BSI_LABELS_MAX] = {{"kind", kind->word}, {"state", "pending"}};
        const bsi_label running[BSI_LABELS_MAX] = {{"kind", kind->word}, {"state", "running"}};
        const size_t at = (size_t)kind->value % BSI_ARRAY_SIZE(all->pending);

        bsi_metrics_text_count(text, pending, all->pending[at]);
        bsi_metrics_text_count(text, running, all->running[at]);
    }
}

static void put_progress(const live *all, bsi_metrics_text *text)
{
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "job_progress_ratio", "gauge",
                            "How far a running job is, from 0 to 1.");
    for (size_t i = 0; i < all->count; i++) {
        const bsi_label labels[BSI_LABELS_MAX] = {{"kind", all->jobs[i].kind},
                                                  {"name", all->jobs[i].name}};
        bsi_metrics_text_decimal(text, labels, all->jobs[i].thousandths, PERCENT_PLACES);
    }
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "job_eta_seconds", "gauge",
                            "How long a running job will still take if it goes on as before.");
    for (size_t i = 0; i < all->count; i++) {
        const bsi_label labels[BSI_LABELS_MAX] = {{"kind", all->jobs[i].kind},
                                                  {"name", all->jobs[i].name}};
        if (all->jobs[i].eta_ns >= 0) {
            bsi_metrics_text_decimal(text, labels, all->jobs[i].eta_ns, NS_PLACES);
        }
    }
}

static void put_workers(const live *all, bsi_metrics_text *text)
{
    const bsi_label busy[BSI_LABELS_MAX] = {{"state", "busy"}};
    const bsi_label idle[BSI_LABELS_MAX] = {{"state", "idle"}};

    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "workers", "gauge",
                            "Threads that run jobs; they are started when they are needed.");
    bsi_metrics_text_count(text, busy, all->busy);
    bsi_metrics_text_count(text, idle, all->idle);
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "queue_length", "gauge",
                            "Jobs that wait for a thread.");
    bsi_metrics_text_count(text, NULL, all->queue);
}

static bs_status put_all(bs_service *service, bsi_arena *arena, bsi_metrics_text *text)
{
    live all = {.jobs = bsi_arena_alloc(arena, RUNNING_MAX + 1, sizeof(*all.jobs))};

    if (!all.jobs) {
        return BS_E_NOMEM;
    }
    look_at_jobs(service, &all);
    BSI_TRY(name_jobs(service, arena, &all));
    put_states(&all, text);
    put_progress(&all, text);
    put_workers(&all, text);
    return BS_OK;
}

bs_status bsi_metrics_put_live(bs_service *service, bsi_metrics_text *text)
{
    bsi_arena arena = {0};
    const bs_status status = put_all(service, &arena, text);

    bsi_arena_dispose(&arena);
    return status;
}
