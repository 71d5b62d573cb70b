/* SPDX-License-Identifier: MIT */
/*
 * What the drills of a name come to: when its backups were last proven, and how
 * long restoring one takes by what was measured.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/drill.h"
#include "engine/info_parts.h"
#include "engine/service.h"

enum {
    MEASURED_MAX = 10, /* Older ones may tell of another disk. */
    REFERENCE_SIZE = 256,
    NS_PER_SECOND = 1000000000,
};

typedef struct reports_box {
    bs_drill_reports reports; /* What the caller holds: must come first. */
    bsi_arena arena;
    size_t capacity;
    const bs_drill_report **items;
} reports_box;

/* --- One name --- */

static bs_status fill_last(bs_service *service, bsi_arena *arena, bs_drill_report *report)
{
    const bsi_drill_filter newest = {.name = report->name, .limit = 1};
    bsi_row_drill *rows = NULL;
    size_t count = 0;
    bsi_job_view view;
    bsi_row_job row;
    bsi_job *job = NULL;
    bs_status status =
        bsi_catalog_list_drills(service->catalog, &newest, &rows, &count, &report->drills);

    report->last_drill_at = "";
    if (status >= 0 && count > 0) {
        status = bsi_info_job(service, BSI_JOB_KIND_DRILL, rows[0].job_id, &view, &job, &row);
        if (status >= 0) {
            report->last_status = view.state;
            report->last_drill_at = bsi_info_time(arena, row.created_at);
            bsi_row_job_dispose(&row);
            bsi_job_unref(job);
        }
    }
    bsi_row_drills_free(rows, count);
    if (status < 0) {
        return status;
    }
    return report->last_drill_at ? BS_OK : BS_E_NOMEM;
}

static bs_status fill_proven(bs_service *service, bsi_arena *arena, bs_drill_report *report)
{
    const bsi_drill_filter proven = {.name = report->name, .proven = true, .limit = MEASURED_MAX};
    bsi_row_drill *rows = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_list_drills(service->catalog, &proven, &rows, &count, NULL);

    if (status < 0) {
        return status;
    }
    report->proven_at = count > 0 ? bsi_info_time(arena, rows[0].proven_at) : "";
    if (count > 0) {
        bsi_info_id(rows[0].backup_id, report->proven_backup_id);
        report->proven_files = rows[0].files;
        report->proven_backup_files = rows[0].backup_files;
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].files > 0) {
            report->measured_drills++;
            report->measured_files += rows[i].files;
            report->measured_bytes += rows[i].bytes;
            report->measured_seconds += (double)rows[i].duration / NS_PER_SECOND;
        }
    }
    bsi_row_drills_free(rows, count);
    return report->proven_at ? BS_OK : BS_E_NOMEM;
}

static bs_status fill_newest(bs_service *service, bs_drill_report *report)
{
    char reference[REFERENCE_SIZE];
    char id[BS_ID_SIZE];
    bsi_row_backup row;
    bs_status status = BS_OK;

    (void)snprintf(reference, sizeof(reference), "latest:%s", report->name);
    status = bsi_catalog_resolve_backup(service->catalog, reference, id);
    if (status >= 0) {
        status = bsi_catalog_get_backup(service->catalog, id, &row);
    }
    if (status < 0) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    memcpy(report->backup_id, id, sizeof(id));
    report->backup_files = row.total_files;
    report->backup_bytes = row.total_bytes;
    bsi_row_backup_dispose(&row);
    return BS_OK;
}

static double ratio(uint64_t whole, uint64_t part)
{
    return part > 0 ? (double)whole / (double)part : 0;
}

/* Small files cost more by the byte, large ones by the file: the dearer of the two counts. */
static void reckon(bs_drill_report *report)
{
    const double by_bytes = ratio(report->backup_bytes, report->measured_bytes);
    const double by_files = ratio(report->backup_files, report->measured_files);

    if (report->measured_seconds > 0) {
        report->bytes_per_second = (double)report->measured_bytes / report->measured_seconds;
        report->files_per_second = (double)report->measured_files / report->measured_seconds;
    }
    report->expected_seconds =
        report->measured_seconds * (by_bytes > by_files ? by_bytes : by_files);
}

static bs_status fill(bs_service *service, bsi_arena *arena, const char *name,
                      bs_drill_report *report)
{
    report->name = bsi_arena_text(arena, name);
    if (!report->name) {
        return BS_E_NOMEM;
    }
    BSI_TRY(fill_last(service, arena, report));
    BSI_TRY(fill_proven(service, arena, report));
    BSI_TRY(fill_newest(service, report));
    reckon(report);
    return BS_OK;
}

/* --- All names --- */

static bs_status add(reports_box *box, const bs_drill_report *report)
{
    if (box->reports.count == box->capacity) {
        const size_t capacity = box->capacity > 0 ? 2 * box->capacity : 16;
        const bs_drill_report **items = bsi_realloc_array(box->items, capacity, sizeof(void *));
        if (!items) {
            return BS_E_NOMEM;
        }
        box->items = items;
        box->reports.items = items;
        box->capacity = capacity;
    }
    box->items[box->reports.count++] = report;
    return BS_OK;
}

static bs_status add_name(bs_service *service, reports_box *box, const char *name)
{
    bs_drill_report *report = bsi_arena_alloc(&box->arena, 1, sizeof(*report));

    if (!report) {
        return BS_E_NOMEM;
    }
    BSI_TRY(fill(service, &box->arena, name, report));
    return add(box, report);
}

static bs_status add_names(bs_service *service, reports_box *box)
{
    char *name = NULL;
    bs_status status = bsi_catalog_next_name(service->catalog, "", &name);

    while (status == BS_OK) {
        char *before = name;
        status = add_name(service, box, name);
        if (status >= 0) {
            status = bsi_catalog_next_name(service->catalog, before, &name);
        }
        bsi_free(before);
    }
    return status < 0 ? status : BS_OK;
}

static bs_status check_known(const reports_box *box, const char *name)
{
    const bs_drill_report *report = box->items[0];
    char shown[80];

    if (report->drills > 0 || report->backup_id[0]) {
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND,
                    "no completed backup and no drill has the name '%s'",
                    bsi_printable(name, strlen(name), shown, sizeof(shown)));
}

bs_status bsi_drill_list_reports(bs_service *service, const char *name, bs_drill_reports **out)
{
    reports_box *box = bsi_calloc(1, sizeof(*box));
    bs_status status = BS_E_NOMEM;

    if (box) {
        status = name ? add_name(service, box, name) : add_names(service, box);
    }
    if (status >= 0 && name) {
        status = check_known(box, name);
    }
    if (status < 0) {
        bsi_drill_reports_free((bs_drill_reports *)box);
        return status;
    }
    *out = &box->reports;
    return BS_OK;
}

void bsi_drill_reports_free(bs_drill_reports *reports)
{
    reports_box *box = (reports_box *)reports;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box->items);
        bsi_free(box);
    }
}
