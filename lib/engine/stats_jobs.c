/* SPDX-License-Identifier: MIT */
/*
 * Jobs that have ended, by kind: how many, for how long, at what cost, with which failures.
 */
#include <string.h>

#include "catalog/numbers.h"
#include "engine/service.h"
#include "engine/stats.h"
#include "engine/words.h"

#define US_PER_S 1e6
#define MS_PER_S 1e3

static size_t count_kinds(void)
{
    size_t count = 0;

    while (bsi_words_job_kind[count].word) {
        count++;
    }
    return count;
}

/* NULL: a kind that this release does not know. */
static bs_stats_jobs *jobs_of(bs_stats_jobs *jobs, size_t count, const char *kind)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(bsi_words_job_kind[i].word, kind) == 0) {
            return &jobs[i];
        }
    }
    return NULL;
}

/* --- Sums --- */

static void count_status(bsi_row_status status, uint64_t runs, bs_stats_jobs *jobs)
{
    if (status == BSI_ROW_COMPLETED) {
        jobs->completed += runs;
    } else if (status == BSI_ROW_COMPLETED_WITH_WARNINGS) {
        jobs->completed_with_warnings += runs;
    } else if (status == BSI_ROW_FAILED) {
        jobs->failed += runs;
    } else if (status == BSI_ROW_CANCELLED) {
        jobs->cancelled += runs;
    }
}

static void add_total(const bsi_row_total *total, bs_stats_jobs *jobs)
{
    jobs->runs += (uint64_t)total->runs;
    count_status(bsi_row_status_parse(total->status), (uint64_t)total->runs, jobs);
    jobs->duration_seconds += (double)total->duration / US_PER_S;
    jobs->cpu_seconds += (double)total->cpu / US_PER_S;
    jobs->files += (uint64_t)total->files;
    jobs->source_bytes += (uint64_t)total->source_bytes;
    jobs->stored_bytes += (uint64_t)total->stored_bytes;
    jobs->bytes_sent += (uint64_t)total->bytes_sent;
    jobs->bytes_received += (uint64_t)total->bytes_received;
}

static bs_status add_totals(bs_service *service, bs_stats_jobs *jobs, size_t count)
{
    bsi_row_total *totals = NULL;
    size_t totals_count = 0;

    BSI_TRY(bsi_catalog_sum_runs(service->catalog, &totals, &totals_count));
    for (size_t i = 0; i < totals_count; i++) {
        bs_stats_jobs *one = jobs_of(jobs, count, totals[i].kind);
        if (one) {
            add_total(&totals[i], one);
        }
    }
    bsi_row_totals_free(totals, totals_count);
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].duration_seconds > 0) {
            jobs[i].throughput = (double)jobs[i].source_bytes / jobs[i].duration_seconds;
        }
    }
    return BS_OK;
}

/* --- Durations --- */

/* The first bound below which so many of all are; those behind the last one count as there. */
static double quantile(const uint64_t counts[BSI_DURATION_BOUNDS + 1], double share)
{
    uint64_t total = 0;
    uint64_t below = 0;

    for (size_t i = 0; i <= BSI_DURATION_BOUNDS; i++) {
        total += counts[i];
    }
    for (size_t i = 0; i < BSI_DURATION_BOUNDS && total > 0; i++) {
        below += counts[i];
        if ((double)below >= share * (double)total || i == BSI_DURATION_BOUNDS - 1) {
            return (double)bsi_duration_bounds[i] / MS_PER_S;
        }
    }
    return 0;
}

static void fill_durations(const bsi_row_duration *rows, size_t count, bs_stats_jobs *jobs)
{
    const char *kind = bsi_word_name(bsi_words_job_kind, (int)jobs->kind);
    uint64_t counts[BSI_DURATION_BOUNDS + 1] = {0};

    for (size_t i = 0; i < count; i++) {
        const bsi_row_duration *row = &rows[i];
        if (row->good && strcmp(row->kind, kind) == 0 && row->bucket >= 0 &&
            row->bucket <= BSI_DURATION_BOUNDS) {
            counts[row->bucket] += (uint64_t)row->runs;
        }
    }
    jobs->duration_median_seconds = quantile(counts, 0.5);
    jobs->duration_p95_seconds = quantile(counts, 0.95);
}

static bs_status add_durations(bs_service *service, bs_stats_jobs *jobs, size_t count)
{
    bsi_row_duration *rows = NULL;
    size_t rows_count = 0;

    BSI_TRY(bsi_catalog_sum_durations(service->catalog, &rows, &rows_count));
    for (size_t i = 0; i < count; i++) {
        fill_durations(rows, rows_count, &jobs[i]);
    }
    bsi_row_durations_free(rows, rows_count);
    return BS_OK;
}

/* --- Failures --- */

static bs_status fill_failures(bs_service *service, bsi_arena *arena, bs_stats_info *info)
{
    bsi_row_failure *rows = NULL;
    bs_stats_failure *failures = NULL;
    size_t count = 0;

    BSI_TRY(bsi_catalog_sum_failures(service->catalog, &rows, &count));
    failures = bsi_arena_alloc(arena, count + 1, sizeof(*failures));
    for (size_t i = 0; i < count && failures; i++) {
        int kind = 0;
        (void)bsi_word_parse(bsi_words_job_kind, bsi_slice_of(rows[i].kind), &kind);
        failures[i] = (bs_stats_failure){
            .kind = (bs_job_kind)kind,
            .layer = (bs_layer)rows[i].layer,
            .code = (bs_status)rows[i].code,
            .runs = (uint64_t)rows[i].runs,
        };
    }
    bsi_row_failures_free(rows, count);
    info->failures = failures;
    info->failures_count = count;
    return failures ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_stats_fill_jobs(bs_service *service, bsi_arena *arena, bs_stats_info *info)
{
    const size_t count = count_kinds();
    bs_stats_jobs *jobs = bsi_arena_alloc(arena, count, sizeof(*jobs));

    if (!jobs) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        jobs[i].kind = (bs_job_kind)bsi_words_job_kind[i].value;
    }
    BSI_TRY(add_totals(service, jobs, count));
    BSI_TRY(add_durations(service, jobs, count));
    info->jobs = jobs;
    info->jobs_count = count;
    return fill_failures(service, arena, info);
}
