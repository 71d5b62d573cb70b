/* SPDX-License-Identifier: MIT */
/*
 * Metrics of jobs that have ended, from the sums of the catalogue.
 */
#include <string.h>

#include "catalog/numbers.h"
#include "engine/metrics_render.h"
#include "engine/service.h"

enum {
    MS_PLACES = 3,
    US_PLACES = 6,
    BOUNDS = 11,
};

/* Milliseconds; all of them are among bsi_duration_bounds. */
static const int64_t shown_bounds[BOUNDS] = {1000,    5000,    15000,   60000,    300000,  900000,
                                             1800000, 3600000, 7200000, 14400000, 28800000};

typedef struct totals {
    bsi_row_total *rows;
    size_t count;
    bsi_row_duration *durations;
    size_t durations_count;
} totals;

/* A counter that sums up one member of the rows that agree in some texts. */
typedef struct sum_family {
    const char *name;
    const char *help;
    const char *labels[5];
    size_t texts[5]; /* Where in the row their values are. */
    size_t number;
} sum_family;

#define AT(member) offsetof(bsi_row_total, member)

static const sum_family families[] = {
    {"jobs_finished_total",
     "Jobs that have ended.",
     {"kind", "backup_type", "storage", "status"},
     {AT(kind), AT(backup_type), AT(storage), AT(status)},
     AT(runs)},
    {"source_bytes_total",
     "Bytes that jobs went through; of backups, bytes read from sources.",
     {"kind"},
     {AT(kind)},
     AT(source_bytes)},
    {"stored_bytes_total",
     "Bytes written to storages.",
     {"storage", "compression"},
     {AT(storage), AT(compression)},
     AT(stored_bytes)},
    {"dedup_saved_bytes_total",
     "Bytes of sources that did not have to be stored again.",
     {NULL},
     {0},
     AT(deduplicated_bytes)},
};

static const char *text_at(const bsi_row_total *row, size_t offset)
{
    const char *text = NULL;

    memcpy(&text, (const char *)row + offset, sizeof(text));
    return text ? text : "";
}

static uint64_t number_at(const bsi_row_total *row, size_t offset)
{
    int64_t number = 0;

    memcpy(&number, (const char *)row + offset, sizeof(number));
    return (uint64_t)number;
}

static bool agree(const sum_family *family, const bsi_row_total *a, const bsi_row_total *b)
{
    for (size_t i = 0; family->labels[i]; i++) {
        if (strcmp(text_at(a, family->texts[i]), text_at(b, family->texts[i])) != 0) {
            return false;
        }
    }
    return true;
}

static bool came_before(const sum_family *family, const totals *all, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (agree(family, &all->rows[i], &all->rows[at])) {
            return true;
        }
    }
    return false;
}

/* There are few rows: as many as there are combinations of words. */
static void put_family(const sum_family *family, const totals *all, bsi_metrics_text *text)
{
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, family->name, "counter", family->help);
    if (!family->labels[0] && all->count == 0) {
        bsi_metrics_text_count(text, NULL, 0);
    }
    for (size_t i = 0; i < all->count; i++) {
        bsi_label labels[BSI_LABELS_MAX] = {{NULL, NULL}};
        uint64_t sum = 0;
        if (came_before(family, all, i)) {
            continue;
        }
        for (size_t j = i; j < all->count; j++) {
            sum += agree(family, &all->rows[i], &all->rows[j])
                       ? number_at(&all->rows[j], family->number)
                       : 0;
        }
        for (size_t j = 0; family->labels[j]; j++) {
            labels[j] = (bsi_label){family->labels[j], text_at(&all->rows[i], family->texts[j])};
        }
        bsi_metrics_text_count(text, labels, sum);
    }
}

/* Bytes that compression made more of are not taken off: a counter only grows. */
static uint64_t saved_bytes(const totals *all, const sum_family *family, const bsi_row_total *first)
{
    int64_t saved = 0;

    for (size_t i = 0; i < all->count; i++) {
        const bsi_row_total *row = &all->rows[i];
        if (agree(family, first, row) && row->packed_source_bytes > row->packed_bytes) {
            saved += row->packed_source_bytes - row->packed_bytes;
        }
    }
    return (uint64_t)saved;
}

static void put_compression(const totals *all, bsi_metrics_text *text)
{
    static const sum_family family = {
        NULL, NULL, {"compression"}, {AT(compression)}, AT(packed_bytes)};

    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "compression_saved_bytes_total", "counter",
                            "Bytes by which containers are smaller than what went into them.");
    for (size_t i = 0; i < all->count; i++) {
        const bsi_label labels[BSI_LABELS_MAX] = {{"compression", all->rows[i].compression}};
        if (all->rows[i].packed_bytes != 0 && !came_before(&family, all, i)) {
            bsi_metrics_text_count(text, labels, saved_bytes(all, &family, &all->rows[i]));
        }
    }
}

/* --- Durations --- */

static bool is_same_work(const bsi_row_duration *a, const char *kind, const char *backup_type)
{
    return strcmp(a->kind, kind) == 0 && strcmp(a->backup_type, backup_type) == 0;
}

static size_t shown_bucket(int64_t bucket)
{
    size_t at = 0;

    while (at < BOUNDS &&
           (bucket >= BSI_DURATION_BOUNDS || bsi_duration_bounds[bucket] > shown_bounds[at])) {
        at++;
    }
    return at;
}

static int64_t sum_of(const totals *all, const char *kind, const char *backup_type)
{
    int64_t sum = 0;

    for (size_t i = 0; i < all->count; i++) {
        const bsi_row_total *row = &all->rows[i];
        if (strcmp(row->kind, kind) == 0 && strcmp(row->backup_type, backup_type) == 0) {
            sum += row->duration;
        }
    }
    return sum;
}

/* Rows of one kind and type follow each other. Returns the one behind them. */
static size_t put_histogram(const totals *all, size_t first, bsi_metrics_text *text)
{
    const bsi_row_duration *one = &all->durations[first];
    const bsi_label labels[BSI_LABELS_MAX] = {{"kind", one->kind},
                                              {"backup_type", one->backup_type}};
    uint64_t counts[BOUNDS + 1] = {0};
    const bsi_histogram histogram = {
        .bounds = shown_bounds,
        .counts = counts,
        .bounds_count = BOUNDS,
        .places = MS_PLACES,
        .sum = sum_of(all, one->kind, one->backup_type),
        .sum_places = US_PLACES,
    };
    size_t at = first;

    for (; at < all->durations_count &&
           is_same_work(&all->durations[at], one->kind, one->backup_type);
         at++) {
        if (all->durations[at].bucket >= 0) {
            counts[shown_bucket(all->durations[at].bucket)] += (uint64_t)all->durations[at].runs;
        }
    }
    bsi_metrics_text_histogram(text, labels, &histogram);
    return at;
}

static void put_durations(const totals *all, bsi_metrics_text *text)
{
    size_t at = 0;

    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "job_duration_seconds", "histogram",
                            "How long jobs took that have ended.");
    while (at < all->durations_count) {
        at = put_histogram(all, at, text);
    }
}

bs_status bsi_metrics_put_runs(bs_service *service, bsi_metrics_text *text)
{
    totals all = {.rows = NULL};
    bs_status status = bsi_catalog_sum_runs(service->catalog, &all.rows, &all.count);

    if (status < 0) {
        return status;
    }
    status = bsi_catalog_sum_durations(service->catalog, &all.durations, &all.durations_count);
    if (status >= 0) {
        for (size_t i = 0; i < BSI_ARRAY_SIZE(families); i++) {
            put_family(&families[i], &all, text);
        }
        put_compression(&all, text);
        put_durations(&all, text);
        bsi_row_durations_free(all.durations, all.durations_count);
    }
    bsi_row_totals_free(all.rows, all.count);
    return status;
}
