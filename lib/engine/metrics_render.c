/* SPDX-License-Identifier: MIT */
/*
 * All metrics of a service, family by family.
 */
#include "engine/metrics_render.h"

#include <string.h>

#include "catalog/catalog.h"
#include "engine/service.h"
#include "os/usage.h"

enum { NS_PLACES = 9 };

/* --- What the service counts --- */

static const struct {
    bsi_metric metric;
    const char *name;
    const char *labels[2];
    const char *help;
} counted[] = {
#define COUNTED(id, name, first, second, help) {BSI_METRIC_##id, name, {first, second}, help},
    BSI_METRIC_MAP(COUNTED)
#undef COUNTED
};

static bs_status put_counted(bs_service *service, bsi_arena *arena, bsi_metrics_text *text)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(counted); i++) {
        bsi_metric_value *values = NULL;
        size_t count = 0;
        BSI_TRY(bsi_metrics_copy(&service->metrics, counted[i].metric, arena, &values, &count));
        bsi_metrics_text_family(text, BSI_METRICS_PREFIX, counted[i].name, "counter",
                                counted[i].help);
        for (size_t j = 0; j < count; j++) {
            const bsi_label labels[BSI_LABELS_MAX] = {{counted[i].labels[0], values[j].first},
                                                      {counted[i].labels[1], values[j].second}};
            bsi_metrics_text_count(text, labels, values[j].value);
        }
    }
    return BS_OK;
}

/* --- Schedules --- */

static void put_next_runs(const bsi_row_schedule *rows, size_t count, bsi_metrics_text *text)
{
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "schedule_next_run_timestamp_seconds",
                            "gauge", "When an active schedule is due next.");
    for (size_t i = 0; i < count; i++) {
        const bsi_label labels[BSI_LABELS_MAX] = {{"schedule", rows[i].name}};
        if (rows[i].is_active && rows[i].next_run_at != 0) {
            bsi_metrics_text_decimal(text, labels, rows[i].next_run_at, NS_PLACES);
        }
    }
}

static void put_runs(const bsi_row_schedule *rows, size_t count, bsi_metrics_text *text)
{
    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "schedule_runs_total", "counter",
                            "Due times of schedules, by what became of them.");
    for (size_t i = 0; i < count; i++) {
        const struct {
            const char *outcome;
            uint64_t runs;
        } outcomes[] = {
            {"started", rows[i].runs_started},
            {"skipped_busy", rows[i].runs_skipped_busy},
            {"missed", rows[i].runs_missed},
            {"failed_to_start", rows[i].runs_failed_to_start},
        };
        for (size_t j = 0; j < BSI_ARRAY_SIZE(outcomes); j++) {
            const bsi_label labels[BSI_LABELS_MAX] = {{"schedule", rows[i].name},
                                                      {"outcome", outcomes[j].outcome}};
            bsi_metrics_text_count(text, labels, outcomes[j].runs);
        }
    }
}

/* No more than the names that a label may take. */
static bs_status put_schedules(bs_service *service, bsi_metrics_text *text)
{
    const int64_t limit = bsi_config_number(service->config, BSI_CONFIG_METRICS_MAX_NAMES);
    const bsi_schedule_filter filter = {.limit = (uint32_t)limit};
    bsi_row_schedule *rows = NULL;
    size_t count = 0;

    BSI_TRY(bsi_catalog_list_schedules(service->catalog, &filter, &rows, &count, NULL));
    put_next_runs(rows, count, text);
    put_runs(rows, count, text);
    bsi_row_schedules_free(rows, count);
    return BS_OK;
}

/* --- This process --- */

static void put_process(bsi_metrics_text *text)
{
    const bsi_process_usage usage = bsi_process_usage_now();

    bsi_metrics_text_family(text, "", "process_cpu_seconds_total", "counter",
                            "Processor time of this process.");
    bsi_metrics_text_decimal(text, NULL, usage.cpu_ns, NS_PLACES);
    bsi_metrics_text_family(text, "", "process_resident_memory_bytes", "gauge",
                            "Memory of this process.");
    bsi_metrics_text_count(text, NULL, usage.resident);
    bsi_metrics_text_family(text, "", "process_open_fds", "gauge", "Open files.");
    bsi_metrics_text_count(text, NULL, usage.open_files);
    if (usage.max_files != UINT64_MAX) {
        bsi_metrics_text_family(text, "", "process_max_fds", "gauge",
                                "How many files may be open.");
        bsi_metrics_text_count(text, NULL, usage.max_files);
    }
    bsi_metrics_text_family(text, "", "process_start_time_seconds", "gauge",
                            "When this process began.");
    bsi_metrics_text_decimal(text, NULL, usage.started_at, NS_PLACES);
}

static void put_build(const char *version, bsi_metrics_text *text)
{
    const bsi_label labels[BSI_LABELS_MAX] = {{"version", version}};

    bsi_metrics_text_family(text, BSI_METRICS_PREFIX, "build_info", "gauge",
                            "1; the label tells the library's version.");
    bsi_metrics_text_count(text, labels, 1);
}

/* --- All of it --- */

static bs_status put_all(bs_service *service, bsi_arena *arena, bsi_metrics_text *text)
{
    BSI_TRY(bsi_metrics_put_live(service, text));
    BSI_TRY(bsi_metrics_put_runs(service, text));
    BSI_TRY(bsi_metrics_put_names(service, text));
    BSI_TRY(bsi_metrics_put_storages(service, text));
    BSI_TRY(put_schedules(service, text));
    BSI_TRY(put_counted(service, arena, text));
    put_process(text);
    return text->status;
}

bs_status bsi_metrics_render(bs_service *service, const char *version, char **out)
{
    bsi_arena arena = {0};
    bsi_metrics_text text;
    char *taken = NULL;
    bs_status status = BS_OK;

    bsi_metrics_text_init(&text);
    put_build(version, &text);
    status = put_all(service, &arena, &text);
    if (status >= 0) {
        taken = bsi_buf_take_text(&text.buf);
        status = taken ? BS_OK : BS_E_NOMEM;
    }
    bsi_metrics_text_dispose(&text);
    bsi_arena_dispose(&arena);
    if (status >= 0) {
        *out = taken;
    }
    return status;
}
