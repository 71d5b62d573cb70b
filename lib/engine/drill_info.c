/* SPDX-License-Identifier: MIT */
/*
 * Infos of drills: two rows each.
 */
#include "base/alloc.h"
#include "engine/drill.h"
#include "engine/info_parts.h"
#include "engine/service.h"

enum {
    LIST_USUAL = 50,
    LIST_MAX = 1000,
    NS_PER_SECOND = 1000000000,
};

typedef struct info_box {
    bs_drill_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} info_box;

typedef struct page_box {
    bs_drill_page page; /* Likewise. */
    bsi_arena arena;
} page_box;

static bs_status fill_state(const bsi_row_job *row, const bsi_job_view *view, bsi_arena *arena,
                            bs_drill_info *info)
{
    bsi_info_id(row->id, info->id);
    bsi_info_id(row->backup_id, info->backup_id);
    info->status = view->state;
    info->created_at = bsi_info_time(arena, row->created_at);
    info->started_at = bsi_info_time(arena, view->started_at);
    info->completed_at = bsi_info_time(arena, view->completed_at);
    info->progress = view->progress;
    info->files_processed = view->files_processed;
    info->total_files = view->total_files;
    info->bytes_processed = view->bytes_processed;
    info->total_bytes = view->total_bytes;
    if (view->state == BS_STATE_FAILED) {
        info->error = view->error;
    }
    return info->created_at && info->started_at && info->completed_at ? BS_OK : BS_E_NOMEM;
}

static bs_status fill_found(const bsi_row_drill *row, bsi_arena *arena, bs_drill_info *info)
{
    static const bs_warning no_warnings[1];

    info->name = bsi_arena_text(arena, row->name);
    info->proven = row->proven;
    info->files_restored = row->files;
    info->bytes_restored = row->bytes;
    info->files_wrong = row->files_wrong;
    info->restore_seconds = (double)row->duration / NS_PER_SECOND;
    info->backup_files = row->backup_files;
    info->backup_bytes = row->backup_bytes;
    info->warnings = no_warnings;
    return info->name ? BS_OK : BS_E_NOMEM;
}

static bs_status fill_from(bs_service *service, const bsi_row_job *row, const bsi_job_view *view,
                           bsi_arena *arena, bs_drill_info *info)
{
    bsi_row_drill drill;
    bs_status status = bsi_catalog_get_drill(service->catalog, row->id, &drill);

    if (status < 0) {
        return status;
    }
    status = fill_found(&drill, arena, info);
    bsi_row_drill_dispose(&drill);
    return status < 0 ? status : fill_state(row, view, arena, info);
}

bs_status bsi_drill_get(bs_service *service, const char *reference, bs_drill_info **out)
{
    bsi_job_view view;
    bsi_row_job row;
    bsi_job *job = NULL;
    info_box *box = NULL;
    bs_status status = bsi_info_job(service, BSI_JOB_KIND_DRILL, reference, &view, &job, &row);

    if (status < 0) {
        return status;
    }
    box = bsi_calloc(1, sizeof(*box));
    status = box ? fill_from(service, &row, &view, &box->arena, &box->info) : BS_E_NOMEM;
    if (status >= 0) {
        status = bsi_info_warnings(service, job, row.id, &box->arena, &box->info.warnings,
                                   &box->info.warnings_kept, &box->info.warnings_count);
    }
    bsi_row_job_dispose(&row);
    bsi_job_unref(job);
    if (status < 0) {
        bsi_drill_info_free((bs_drill_info *)box);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_drill_info_free(bs_drill_info *info)
{
    info_box *box = (info_box *)info;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}

static bs_status fill_item(bs_service *service, const bsi_row_drill *drill, bsi_arena *arena,
                           bs_drill_info *info)
{
    bsi_job_view view;
    bsi_row_job row;
    bsi_job *job = NULL;
    bs_status status = bsi_info_job(service, BSI_JOB_KIND_DRILL, drill->job_id, &view, &job, &row);

    if (status < 0) {
        return status;
    }
    status = fill_from(service, &row, &view, arena, info);
    bsi_row_job_dispose(&row);
    bsi_job_unref(job);
    return status;
}

static bs_status fill_page(bs_service *service, const bsi_row_drill *rows, size_t count,
                           page_box *box)
{
    const bs_drill_info **items = bsi_arena_alloc(&box->arena, count + 1, sizeof(void *));
    bs_status status = items ? BS_OK : BS_E_NOMEM;

    for (size_t i = 0; i < count && status >= 0; i++) {
        bs_drill_info *info = bsi_arena_alloc(&box->arena, 1, sizeof(*info));
        status = info ? fill_item(service, &rows[i], &box->arena, info) : BS_E_NOMEM;
        items[i] = info;
    }
    box->page.items = items;
    box->page.count = count;
    return status;
}

bs_status bsi_drill_list(bs_service *service, const bs_drill_filter *filter, bs_drill_page **out)
{
    const bsi_drill_filter rows_filter = {
        .name = filter->name,
        .limit = filter->limit > 0 ? filter->limit : LIST_USUAL,
        .offset = filter->offset,
    };
    bsi_row_drill *rows = NULL;
    size_t count = 0;
    page_box *box = NULL;
    bs_status status = BS_OK;

    if (filter->limit > LIST_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "limit: takes 1 to %d", LIST_MAX);
    }
    box = bsi_calloc(1, sizeof(*box));
    if (!box) {
        return BS_E_NOMEM;
    }
    status =
        bsi_catalog_list_drills(service->catalog, &rows_filter, &rows, &count, &box->page.total);
    if (status >= 0) {
        status = fill_page(service, rows, count, box);
        bsi_row_drills_free(rows, count);
    }
    if (status < 0) {
        bsi_drill_page_free(&box->page);
        return status;
    }
    *out = &box->page;
    return BS_OK;
}

void bsi_drill_page_free(bs_drill_page *page)
{
    page_box *box = (page_box *)page;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
