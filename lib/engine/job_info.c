/* SPDX-License-Identifier: MIT */
/*
 * Infos of restores and verifications.
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/info.h"
#include "engine/info_parts.h"
#include "engine/restore_job.h"
#include "engine/service.h"
#include "text/json_read.h"

enum {
    LIST_USUAL = 50,
    LIST_MAX = 1000,
    DAMAGE_TEXT_MAX = 1024 * 1024,
};

typedef struct restore_box {
    bs_restore_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} restore_box;

typedef struct page_box {
    bs_restore_page page; /* Likewise. */
    bsi_arena arena;
} page_box;

typedef struct verify_box {
    bs_verify_info info; /* Likewise. */
    bsi_arena arena;
} verify_box;

void bsi_info_view(const bsi_row_job *row, bsi_job_view *view)
{
    *view = (bsi_job_view){
        .state = bsi_job_state_of(row->status),
        .started_at = row->started_at,
        .completed_at = row->completed_at,
        .files_processed = row->files_processed,
        .total_files = row->total_files,
        .bytes_processed = row->bytes_processed,
        .total_bytes = row->total_bytes,
        .usage = row->usage,
    };
    bsi_info_error(row->error_code, row->error_layer, row->error_message, &view->error);
    view->progress = bsi_progress_of_row(view);
}

bs_status bsi_info_job(bs_service *service, const char *kind, const char *reference,
                       bsi_job_view *view, bsi_job **job_out, bsi_row_job *out)
{
    char id[BS_ID_SIZE];
    bsi_job *job = NULL;
    bs_status status = bsi_catalog_resolve_job(service->catalog, reference, id);

    if (status < 0) {
        return status;
    }
    job = bsi_info_live(service, id, view);
    status = bsi_catalog_get_job(service->catalog, id, out);
    if (status >= 0 && strcmp(out->kind, kind) != 0) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "job %s is no %s", id, kind);
        bsi_row_job_dispose(out);
    }
    if (status < 0) {
        bsi_job_unref(job);
        return status;
    }
    if (!job) {
        bsi_info_view(out, view);
    }
    *job_out = job;
    return BS_OK;
}

/* --- Restores --- */

static uint64_t read_skipped(const bsi_row_job *row)
{
    bsi_json_reader json;
    bsi_slice key;
    uint64_t value = 0;

    bsi_json_init(&json, row->result, strlen(row->result), BS_LAYER_CATALOG, BS_E_CORRUPT);
    if (bsi_json_enter_object(&json) == BS_OK && bsi_json_next_key(&json, &key) == BS_OK &&
        bsi_slice_is(key, "files_skipped") && bsi_json_read_u64(&json, &value) == BS_OK) {
        return value;
    }
    return 0;
}

static bs_status fill_restore(const bsi_row_job *row, const bsi_job_view *view, bsi_arena *arena,
                              bs_restore_info *info)
{
    static const bs_warning no_warnings[1];

    bsi_info_id(row->id, info->id);
    bsi_info_id(row->backup_id, info->backup_id);
    info->restore_path = bsi_arena_text(arena, row->target);
    info->status = view->state;
    info->created_at = bsi_info_time(arena, row->created_at);
    info->started_at = bsi_info_time(arena, view->started_at);
    info->completed_at = bsi_info_time(arena, view->completed_at);
    info->progress = view->progress;
    info->files_processed = view->files_processed;
    info->total_files = view->total_files;
    info->bytes_processed = view->bytes_processed;
    info->total_bytes = view->total_bytes;
    info->usage = bsi_info_usage(&view->usage);
    info->files_skipped = read_skipped(row);
    info->warnings = no_warnings;
    if (view->state == BS_STATE_FAILED) {
        info->error = view->error;
    }
    return info->restore_path && info->created_at && info->started_at && info->completed_at
               ? BS_OK
               : BS_E_NOMEM;
}

bs_status bsi_restore_get(bs_service *service, const char *reference, bs_restore_info **out)
{
    bsi_job_view view;
    bsi_row_job row;
    bsi_job *job = NULL;
    restore_box *box = NULL;
    bs_status status = bsi_info_job(service, BSI_JOB_KIND_RESTORE, reference, &view, &job, &row);

    if (status < 0) {
        return status;
    }
    box = bsi_calloc(1, sizeof(*box));
    status = box ? fill_restore(&row, &view, &box->arena, &box->info) : BS_E_NOMEM;
    if (status >= 0) {
        status = bsi_info_warnings(service, job, row.id, &box->arena, &box->info.warnings,
                                   &box->info.warnings_kept, &box->info.warnings_count);
    }
    bsi_row_job_dispose(&row);
    bsi_job_unref(job);
    if (status < 0) {
        bsi_restore_info_free((bs_restore_info *)box);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_restore_info_free(bs_restore_info *info)
{
    restore_box *box = (restore_box *)info;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}

static bs_status fill_page(bs_service *service, const bsi_row_job *rows, size_t count,
                           page_box *box)
{
    const bs_restore_info **items = bsi_arena_alloc(&box->arena, count + 1, sizeof(void *));
    bs_status status = items ? BS_OK : BS_E_NOMEM;

    for (size_t i = 0; i < count && status >= 0; i++) {
        bs_restore_info *info = bsi_arena_alloc(&box->arena, 1, sizeof(*info));
        bsi_job_view view;
        bsi_job *job = bsi_info_live(service, rows[i].id, &view);
        if (!job) {
            bsi_info_view(&rows[i], &view);
        }
        bsi_job_unref(job);
        status = info ? fill_restore(&rows[i], &view, &box->arena, info) : BS_E_NOMEM;
        items[i] = info;
    }
    box->page.items = items;
    box->page.count = count;
    return status;
}

bs_status bsi_restore_list(bs_service *service, uint32_t limit, uint32_t offset,
                           bs_restore_page **out)
{
    const bsi_job_filter filter = {
        .kind = BSI_JOB_KIND_RESTORE, .limit = limit > 0 ? limit : LIST_USUAL, .offset = offset};
    bsi_row_job *rows = NULL;
    size_t count = 0;
    page_box *box = NULL;
    bs_status status = BS_OK;

    if (limit > LIST_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "limit: takes 1 to %d", LIST_MAX);
    }
    box = bsi_calloc(1, sizeof(*box));
    if (!box) {
        return BS_E_NOMEM;
    }
    status = bsi_catalog_list_jobs(service->catalog, &filter, &rows, &count, &box->page.total);
    if (status >= 0) {
        status = fill_page(service, rows, count, box);
        bsi_row_jobs_free(rows, count);
    }
    if (status < 0) {
        bsi_restore_page_free(&box->page);
        return status;
    }
    *out = &box->page;
    return BS_OK;
}

void bsi_restore_page_free(bs_restore_page *page)
{
    page_box *box = (page_box *)page;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}

/* --- Verifications --- */

static bs_status read_text(bsi_json_reader *json, bsi_buf *scratch, bsi_arena *arena,
                           const char **out)
{
    bsi_slice text;

    BSI_TRY(bsi_json_read_string(json, scratch, &text));
    *out = bsi_arena_slice(arena, text);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status read_damage(bsi_json_reader *json, bsi_buf *scratch, bsi_arena *arena,
                             bs_damage *out)
{
    static const char *const none[] = {NULL};
    bsi_slice key;
    bsi_slice raw;
    bs_status status = bsi_json_enter_object(json);

    *out = (bs_damage){.object = "", .message = "", .paths = none};
    while (status >= 0) {
        status = bsi_json_next_key(json, &key);
        if (status != BS_OK) {
            break;
        }
        if (bsi_slice_is(key, "object")) {
            status = read_text(json, scratch, arena, &out->object);
        } else if (bsi_slice_is(key, "message")) {
            status = read_text(json, scratch, arena, &out->message);
        } else if (bsi_slice_is(key, "paths_count")) {
            status = bsi_json_read_u64(json, &out->paths_count);
        } else {
            char *copy = NULL;
            status = bsi_json_raw_value(json, &raw);
            copy = status >= 0 ? bsi_arena_slice(arena, raw) : NULL;
            status = copy ? bsi_info_texts(arena, copy, &out->paths) : status;
        }
    }
    return status < 0 ? status : BS_OK;
}

static bs_status count_damages(const bsi_row_job *row, bsi_json_reader *json, size_t *out)
{
    bsi_slice key;

    *out = 0;
    bsi_json_init(json, row->result, strlen(row->result), BS_LAYER_CATALOG, BS_E_CORRUPT);
    BSI_TRY(bsi_json_enter_object(json));
    if (bsi_json_next_key(json, &key) != BS_OK || !bsi_slice_is(key, "damages")) {
        return BS_OK;
    }
    BSI_TRY(bsi_json_enter_array(json));
    while (bsi_json_next_item(json) == BS_OK) {
        if (bsi_json_skip(json) < 0) {
            return bs_error_last()->code;
        }
        *out += 1;
    }
    bsi_json_init(json, row->result, strlen(row->result), BS_LAYER_CATALOG, BS_E_CORRUPT);
    BSI_TRY(bsi_json_enter_object(json));
    BSI_TRY(bsi_json_next_key(json, &key));
    return bsi_json_enter_array(json);
}

/* Not so while it runs, nor when it could not be run to its end. */
static bool has_result(const bsi_row_job *row)
{
    static const char begin[] = "{\"damages\":";

    return strncmp(row->result, begin, sizeof(begin) - 1) == 0;
}

/* What stands behind the damages; in rows of earlier releases nothing does. */
static bs_status read_rest(bsi_json_reader *json, bsi_buf *scratch, bsi_arena *arena,
                           bs_verify_info *info)
{
    bsi_slice key;
    bs_status status = BS_OK;

    while (status >= 0) {
        status = bsi_json_next_key(json, &key);
        if (status != BS_OK) {
            break;
        }
        if (bsi_slice_is(key, "is_locked")) {
            status = bsi_json_read_bool(json, &info->is_locked);
        } else if (bsi_slice_is(key, "files_unread")) {
            status = bsi_json_read_u64(json, &info->files_unread);
        } else if (bsi_slice_is(key, "signer")) {
            status = read_text(json, scratch, arena, &info->signer);
        } else if (bsi_slice_is(key, "signer_name")) {
            status = read_text(json, scratch, arena, &info->signer_name);
        } else {
            status = bsi_json_skip(json);
        }
    }
    return status < 0 ? status : BS_OK;
}

static bs_status fill_damages(const bsi_row_job *row, bsi_arena *arena, bs_verify_info *info)
{
    bsi_json_reader json;
    bs_damage *damages = NULL;
    bsi_buf scratch;
    size_t count = 0;
    bs_status status = count_damages(row, &json, &count);

    bsi_buf_init(&scratch, DAMAGE_TEXT_MAX);
    if (status >= 0) {
        damages = bsi_arena_alloc(arena, count + 1, sizeof(*damages));
        status = damages ? BS_OK : BS_E_NOMEM;
    }
    for (size_t i = 0; i < count && status >= 0; i++) {
        status = bsi_json_next_item(&json);
        if (status == BS_OK) {
            status = read_damage(&json, &scratch, arena, &damages[i]);
        }
    }
    if (status >= 0 && has_result(row)) {
        status = bsi_json_next_item(&json); /* BS_END: the array is left. */
        status = status < 0 ? status : read_rest(&json, &scratch, arena, info);
    }
    bsi_buf_dispose(&scratch);
    info->damages = damages;
    info->damages_count = count;
    return status;
}

static bs_status fill_verify(const bsi_row_job *row, const bsi_job_view *view, bsi_arena *arena,
                             bs_verify_info *info)
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
    info->usage = bsi_info_usage(&view->usage);
    info->signer = "";
    info->signer_name = "";
    if (view->state == BS_STATE_FAILED) {
        info->error = view->error;
    }
    if (!info->created_at || !info->started_at || !info->completed_at) {
        return BS_E_NOMEM;
    }
    return fill_damages(row, arena, info);
}

bs_status bsi_verify_get(bs_service *service, const char *reference, bs_verify_info **out)
{
    bsi_job_view view;
    bsi_row_job row;
    bsi_job *job = NULL;
    verify_box *box = NULL;
    bs_status status = bsi_info_job(service, BSI_JOB_KIND_VERIFY, reference, &view, &job, &row);

    if (status < 0) {
        return status;
    }
    bsi_job_unref(job);
    box = bsi_calloc(1, sizeof(*box));
    status = box ? fill_verify(&row, &view, &box->arena, &box->info) : BS_E_NOMEM;
    bsi_row_job_dispose(&row);
    if (status < 0) {
        bsi_verify_info_free((bs_verify_info *)box);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_verify_info_free(bs_verify_info *info)
{
    verify_box *box = (verify_box *)info;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
