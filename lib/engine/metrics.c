/* SPDX-License-Identifier: MIT */
/*
 * Counters as sorted lists of series, one for each family.
 */
#include "engine/metrics.h"

#include <string.h>

#include "base/alloc.h"

typedef struct bsi_metric_series {
    struct bsi_metric_series *next;
    uint64_t value;
    const char *second;
    char first[]; /* And `second` behind its NUL. */
} bsi_metric_series;

/* What stands at 0 before anything has happened: every first word with every second one. */
typedef struct known_words {
    bsi_metric metric;
    const char *const *firsts;
    const char *const *seconds;
} known_words;

static const char *const no_label[] = {"", NULL};
static const char *const kinds[] = {"backup", "restore", "verify", "drill",     "check",
                                    "prune",  "repair",  "copy",   "replicate", NULL};
static const char *const warning_reasons[] = {"unreadable", "vanished", "changed",
                                              "too_large",  "other",    NULL};
static const char *const changes[] = {"new", "changed", "unmodified", "removed", NULL};
static const char *const damages[] = {"missing", "corrupt", "tampered", NULL};
static const char *const removals[] = {"expired", "space", "manual", NULL};

static const known_words known[] = {
    {BSI_METRIC_JOB_WARNINGS, kinds, warning_reasons},
    {BSI_METRIC_SOURCE_FILES, changes, no_label},
    {BSI_METRIC_VERIFY_ERRORS, damages, no_label},
    {BSI_METRIC_RETENTION_DELETED, removals, no_label},
    {BSI_METRIC_RETENTION_RECLAIMED, no_label, no_label},
};

void bsi_metrics_init(bsi_metrics *metrics)
{
    *metrics = (bsi_metrics){.max_names = SIZE_MAX};
    bsi_mutex_init(&metrics->lock);
}

void bsi_metrics_dispose(bsi_metrics *metrics)
{
    for (size_t i = 0; i < BSI_METRIC_COUNT; i++) {
        while (metrics->families[i]) {
            bsi_metric_series *series = metrics->families[i];
            metrics->families[i] = series->next;
            bsi_free(series);
        }
    }
    bsi_mutex_dispose(&metrics->lock);
}

static int compare(const bsi_metric_series *series, const char *first, const char *second)
{
    const int order = strcmp(series->first, first);

    return order != 0 ? order : strcmp(series->second, second);
}

/* The link at which the series is, or belongs; and whether its first label has that value yet. */
static bsi_metric_series **find_locked(bsi_metrics *metrics, bsi_metric metric, const char *first,
                                       const char *second, bool *is_name_out, size_t *names_out)
{
    bsi_metric_series **link = &metrics->families[metric];
    bsi_metric_series **place = NULL;
    const char *before = NULL;

    *is_name_out = false;
    *names_out = 0;
    for (; *link; link = &(*link)->next) {
        const bsi_metric_series *series = *link;
        if (!place && compare(series, first, second) >= 0) {
            place = link;
        }
        *names_out += !before || strcmp(before, series->first) != 0;
        *is_name_out = *is_name_out || strcmp(series->first, first) == 0;
        before = series->first;
    }
    return place ? place : link;
}

static bsi_metric_series *make(const char *first, const char *second)
{
    const size_t first_size = strlen(first) + 1;
    const size_t second_size = strlen(second) + 1;
    bsi_metric_series *series = bsi_calloc(1, sizeof(*series) + first_size + second_size);

    if (series) {
        memcpy(series->first, first, first_size);
        memcpy(series->first + first_size, second, second_size);
        series->second = series->first + first_size;
    }
    return series;
}

static bs_status count_locked(bsi_metrics *metrics, bsi_metric metric, const char *first,
                              const char *second, uint64_t by)
{
    bool is_name = false;
    size_t names = 0;
    bsi_metric_series **link = find_locked(metrics, metric, first, second, &is_name, &names);
    bsi_metric_series *series = NULL;

    if (!is_name && names >= metrics->max_names) {
        first = BSI_METRIC_OTHER;
        link = find_locked(metrics, metric, first, second, &is_name, &names);
    }
    if (!*link || compare(*link, first, second) != 0) {
        series = make(first, second);
        if (!series) {
            return BS_E_NOMEM;
        }
        series->next = *link;
        *link = series;
    }
    (*link)->value += by;
    return BS_OK;
}

static bs_status count(bsi_metrics *metrics, bsi_metric metric, const char *first,
                       const char *second, uint64_t by)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&metrics->lock);
    status = count_locked(metrics, metric, first ? first : "", second ? second : "", by);
    bsi_mutex_unlock(&metrics->lock);
    return status;
}

void bsi_metrics_count(bsi_metrics *metrics, bsi_metric metric, const char *first,
                       const char *second, uint64_t by)
{
    bs_error before;

    bsi_error_save(&before);
    if (count(metrics, metric, first, second, by) < 0) {
        bsi_error_restore(&before);
    }
}

static bs_status begin_family(bsi_metrics *metrics, const known_words *words)
{
    bs_status status = BS_OK;

    for (const char *const *first = words->firsts; *first; first++) {
        for (const char *const *second = words->seconds; *second && status >= 0; second++) {
            status = count(metrics, words->metric, *first, *second, 0);
        }
    }
    return status;
}

bs_status bsi_metrics_begin(bsi_metrics *metrics, size_t max_names)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(known); i++) {
        BSI_TRY(begin_family(metrics, &known[i]));
    }
    bsi_mutex_lock(&metrics->lock);
    metrics->max_names = max_names;
    bsi_mutex_unlock(&metrics->lock);
    return BS_OK;
}

static bs_status copy_locked(const bsi_metric_series *series, bsi_arena *arena,
                             bsi_metric_value **out, size_t *count_out)
{
    bsi_metric_value *values = NULL;
    size_t count = 0;

    for (const bsi_metric_series *one = series; one; one = one->next) {
        count++;
    }
    values = bsi_arena_alloc(arena, count + 1, sizeof(*values));
    for (size_t i = 0; values && i < count; i++, series = series->next) {
        values[i] = (bsi_metric_value){.first = bsi_arena_text(arena, series->first),
                                       .second = bsi_arena_text(arena, series->second),
                                       .value = series->value};
        if (!values[i].first || !values[i].second) {
            return BS_E_NOMEM;
        }
    }
    *out = values;
    *count_out = count;
    return values ? BS_OK : BS_E_NOMEM;
}

bs_status bsi_metrics_copy(bsi_metrics *metrics, bsi_metric metric, bsi_arena *arena,
                           bsi_metric_value **out, size_t *count_out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&metrics->lock);
    status = copy_locked(metrics->families[metric], arena, out, count_out);
    bsi_mutex_unlock(&metrics->lock);
    return status;
}
