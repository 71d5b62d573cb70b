/* SPDX-License-Identifier: MIT */
/*
 * How backups went over stretches of time, from the sums of each hour.
 */
#include <string.h>

#include "base/alloc.h"
#include "catalog/numbers.h"
#include "engine/info_parts.h"
#include "engine/service.h"
#include "engine/stats.h"
#include "engine/words.h"

#define NS_PER_HOUR (INT64_C(3600) * 1000000000)
#define US_PER_S 1e6

enum {
    SPANS_MAX = 10000,
    HOURS_PER_DAY = 24,
};

typedef struct history_box {
    bs_stats_history_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} history_box;

static const char *backup_kind(void)
{
    return bsi_word_name(bsi_words_job_kind, BS_JOB_BACKUP);
}

/* `row` NULL: nothing happened. */
static bs_status fill_span(const bsi_row_hour *row, int64_t from_hour, int64_t hours,
                           bsi_arena *arena, bs_stats_span *span)
{
    static const bsi_row_hour nothing;
    const bsi_row_hour *sum = row ? row : &nothing;
    const uint64_t good = (uint64_t)(sum->completed + sum->completed_with_warnings);
    const double seconds = (double)sum->duration / US_PER_S;

    *span = (bs_stats_span){
        .from = bsi_info_time(arena, from_hour * NS_PER_HOUR),
        .hours = (uint64_t)hours,
        .runs = (uint64_t)sum->runs,
        .completed = (uint64_t)sum->completed,
        .completed_with_warnings = (uint64_t)sum->completed_with_warnings,
        .failed = (uint64_t)sum->failed,
        .cancelled = (uint64_t)sum->cancelled,
        .cpu_seconds = (double)sum->cpu / US_PER_S,
        .files = (uint64_t)sum->files,
        .source_bytes = (uint64_t)sum->source_bytes,
        .stored_bytes = (uint64_t)sum->stored_bytes,
        .deduplicated_bytes = (uint64_t)sum->deduplicated_bytes,
        .bytes_sent = (uint64_t)sum->bytes_sent,
        .bytes_received = (uint64_t)sum->bytes_received,
        .added_bytes = (uint64_t)sum->added_bytes,
        .removed = (uint64_t)sum->removed,
        .removed_bytes = (uint64_t)sum->removed_bytes,
    };
    if (good + span->failed > 0) {
        span->success_rate = (double)good / (double)(good + span->failed);
    }
    if (good > 0) {
        span->duration_average_seconds = seconds / (double)good;
    }
    if (seconds > 0) {
        span->throughput = (double)sum->source_bytes / seconds;
    }
    return span->from ? BS_OK : BS_E_NOMEM;
}

/* --- Until now --- */

static bs_status fill_last(bs_service *service, int64_t hours, uint64_t held, bsi_arena *arena,
                           bs_stats_span *span)
{
    const int64_t from = bsi_row_now() / NS_PER_HOUR - hours + 1;
    bsi_row_hour *rows = NULL;
    size_t count = 0;
    bs_status status = BS_OK;

    /* All hours are in one stretch of this length. */
    BSI_TRY(bsi_catalog_sum_hours(service->catalog, backup_kind(), from, INT64_MAX, &rows, &count));
    status = fill_span(count > 0 ? &rows[0] : NULL, from, hours, arena, span);
    span->held_bytes = held;
    bsi_row_hours_free(rows, count);
    return status;
}

bs_status bsi_stats_fill_spans(bs_service *service, uint64_t held, bsi_arena *arena,
                               bs_stats_info *info)
{
    enum { DAY = 24, WEEK = 7 * 24, MONTH = 30 * 24 };

    BSI_TRY(fill_last(service, DAY, held, arena, &info->day));
    BSI_TRY(fill_last(service, WEEK, held, arena, &info->week));
    return fill_last(service, MONTH, held, arena, &info->month);
}

/* --- History --- */

/* Hours in which nothing happened have no row; rows of the future are left out. */
static bs_status fill_rows(const bsi_row_hour *rows, size_t rows_count, int64_t first,
                           int64_t length, bsi_arena *arena, bs_stats_span *spans, size_t count)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        const int64_t from = first + (int64_t)i * length;
        const bool is_there = at < rows_count && rows[at].hour == from;
        BSI_TRY(fill_span(is_there ? &rows[at] : NULL, from, length, arena, &spans[i]));
        at += is_there;
    }
    return BS_OK;
}

/* What is held now, less what came and plus what went since. */
static void fill_held(uint64_t held, bs_stats_span *spans, size_t count)
{
    for (size_t i = count; i > 0; i--) {
        bs_stats_span *span = &spans[i - 1];
        const uint64_t before = held + span->removed_bytes;
        span->held_bytes = held;
        held = before > span->added_bytes ? before - span->added_bytes : 0;
    }
}

static bs_status fill_history(bs_service *service, const bs_stats_history_options *options,
                              history_box *box)
{
    const int64_t length = options->span_hours;
    const int64_t wanted = (int64_t)options->days * HOURS_PER_DAY;
    const size_t count = (size_t)((wanted + length - 1) / length);
    const int64_t last = bsi_row_now() / NS_PER_HOUR / length * length;
    const int64_t first = last - ((int64_t)count - 1) * length;
    bs_stats_span *spans = bsi_arena_alloc(&box->arena, count, sizeof(*spans));
    bsi_row_hour *rows = NULL;
    uint64_t held = 0;
    size_t rows_count = 0;
    bs_status status = BS_OK;

    if (!spans) {
        return BS_E_NOMEM;
    }
    BSI_TRY(bsi_stats_held(service, &held));
    BSI_TRY(
        bsi_catalog_sum_hours(service->catalog, backup_kind(), first, length, &rows, &rows_count));
    status = fill_rows(rows, rows_count, first, length, &box->arena, spans, count);
    bsi_row_hours_free(rows, rows_count);
    fill_held(held, spans, count);
    box->info.spans = spans;
    box->info.count = count;
    return status;
}

static bs_status check_options(const bs_stats_history_options *options)
{
    enum { DAYS_MAX = 3650, HOURS_MAX = 8784 };

    if (options->days == 0 || options->days > DAYS_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "days: %u is not within 1 and %d",
                        options->days, DAYS_MAX);
    }
    if (options->span_hours == 0 || options->span_hours > HOURS_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "span_hours: %u is not within 1 and %d",
                        options->span_hours, HOURS_MAX);
    }
    if (options->days * HOURS_PER_DAY / options->span_hours >= SPANS_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "span_hours: %u are too few for %u days: more than %d spans",
                        options->span_hours, options->days, SPANS_MAX);
    }
    return BS_OK;
}

bs_status bsi_stats_history(bs_service *service, const bs_stats_history_options *options,
                            bs_stats_history_info **out)
{
    history_box *box = NULL;
    bs_status status = BS_OK;

    BSI_TRY(check_options(options));
    box = bsi_calloc(1, sizeof(*box));
    status = box ? fill_history(service, options, box) : BS_E_NOMEM;
    if (status < 0) {
        bsi_stats_history_info_free((bs_stats_history_info *)box);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_stats_history_info_free(bs_stats_history_info *history)
{
    history_box *box = (history_box *)history;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
