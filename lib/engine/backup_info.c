/* SPDX-License-Identifier: MIT */
/*
 * Infos of backups, one or a page of them.
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/info.h"
#include "engine/info_parts.h"
#include "engine/rules.h"
#include "engine/service.h"
#include "engine/words.h"

enum {
    LIST_USUAL = 50,
    LIST_MAX = 1000,
};

typedef struct backup_box {
    bs_backup_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} backup_box;

typedef struct page_box {
    bs_backup_page page; /* Likewise. */
    bsi_arena arena;
} page_box;

static int word_value(const bsi_word *words, const char *word)
{
    int value = 0;

    (void)bsi_word_parse(words, bsi_slice_of(word), &value);
    return value;
}

static bs_status fill_texts(const bsi_row_backup *row, bsi_arena *arena, bs_backup_info *info)
{
    const struct {
        const char **to;
        const char *from;
    } texts[] = {
        {&info->name, row->name},
        {&info->storage, row->storage},
        {&info->backup_file_path, row->container_key},
        {&info->manifest_path, row->manifest_key},
        {&info->note, row->base_note},
        {&info->metadata, row->metadata},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        *texts[i].to = bsi_arena_text(arena, texts[i].from);
        if (!*texts[i].to) {
            return BS_E_NOMEM;
        }
    }
    bsi_info_id(row->id, info->id);
    bsi_info_id(row->base_id, info->base_id);
    info->created_at = bsi_info_time(arena, row->created_at);
    /* Without days of its own the rules of its name decide, at a time that nobody knows yet. */
    info->expires_at = bsi_info_time(arena, row->retention_days > 0 ? row->expires_at : 0);
    if (!info->created_at || !info->expires_at) {
        return BS_E_NOMEM;
    }
    return bsi_info_texts(arena, row->source_paths, &info->source_paths);
}

/* Rules that cannot be read are not told; retention complains of them. */
static void fill_rules(const bsi_row_backup *row, bs_backup_info *info)
{
    bsi_retention_rules rules;

    if (bsi_rules_read(row->options, &rules) < 0) {
        return;
    }
    info->keep_last = rules.keep_last;
    info->keep_hourly = rules.keep_hourly;
    info->keep_daily = rules.keep_daily;
    info->keep_weekly = rules.keep_weekly;
    info->keep_monthly = rules.keep_monthly;
    info->keep_yearly = rules.keep_yearly;
}

static bs_status fill_mark(bs_service *service, bsi_arena *arena, bs_backup_info *info)
{
    bsi_row_mark mark;

    BSI_TRY(bsi_catalog_get_mark(service->catalog, info->id, &mark));
    info->marked_at = bsi_info_time(arena, mark.marked_at);
    info->remove_after = bsi_info_time(arena, mark.remove_after);
    return info->marked_at && info->remove_after ? BS_OK : BS_E_NOMEM;
}

static bs_status copy_pin(const bsi_row_pin *row, bsi_arena *arena, bs_pin_info *out)
{
    out->hold = strcmp(row->kind, BSI_PIN_HOLD) == 0;
    out->reason = bsi_arena_text(arena, row->reason);
    out->created_at = bsi_info_time(arena, row->created_at);
    out->until = bsi_info_time(arena, row->until);
    return out->reason && out->created_at && out->until ? BS_OK : BS_E_NOMEM;
}

static bs_status fill_pins(bs_service *service, bsi_arena *arena, bs_backup_info *info)
{
    bsi_row_pin *rows = NULL;
    bs_pin_info *pins = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_list_pins(service->catalog, info->id, &rows, &count);

    if (status >= 0) {
        pins = bsi_arena_alloc(arena, count + 1, sizeof(*pins));
        status = pins ? BS_OK : BS_E_NOMEM;
    }
    for (size_t i = 0; i < count && status >= 0; i++) {
        status = copy_pin(&rows[i], arena, &pins[i]);
    }
    bsi_row_pins_free(rows, count);
    info->pins = pins;
    info->pins_count = count;
    return status;
}

static bs_status copy_copy(const bsi_row_copy *row, bsi_arena *arena, bs_backup_copy *out)
{
    out->storage = bsi_arena_text(arena, row->storage);
    out->status = bsi_job_state_of(row->status);
    out->completed_at = bsi_info_time(arena, row->completed_at);
    if (row->status == BSI_ROW_FAILED) {
        bsi_info_error(row->error_code, row->error_layer, row->error_message, &out->error);
    }
    return out->storage && out->completed_at ? BS_OK : BS_E_NOMEM;
}

static bs_status fill_copies(bs_service *service, bsi_arena *arena, bs_backup_info *info)
{
    bsi_row_copy *rows = NULL;
    bs_backup_copy *copies = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_list_copies(service->catalog, info->id, &rows, &count);

    if (status >= 0) {
        copies = bsi_arena_alloc(arena, count + 1, sizeof(*copies));
        status = copies ? BS_OK : BS_E_NOMEM;
    }
    for (size_t i = 0; i < count && status >= 0; i++) {
        status = copy_copy(&rows[i], arena, &copies[i]);
    }
    bsi_row_copies_free(rows, count);
    info->copies = copies;
    info->copies_count = count;
    return status;
}

/* The counters of a row whose job is over. */
static void view_of_row(const bsi_row_backup *row, bsi_job_view *view)
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

static bs_status fill_view(const bsi_job_view *view, bsi_arena *arena, bs_backup_info *info)
{
    const int64_t end = view->completed_at != 0 ? view->completed_at : bsi_row_now();
    const double seconds = (double)(end - view->started_at) / 1e9;

    info->status = view->state;
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
    info->usage = bsi_info_usage(&view->usage);
    if (view->started_at != 0 && seconds > 0) {
        info->throughput = (double)view->bytes_processed / seconds;
    }
    return info->started_at && info->completed_at ? BS_OK : BS_E_NOMEM;
}

static bs_status fill_info(bs_service *service, const bsi_row_backup *row, const bsi_job_view *live,
                           bsi_arena *arena, bs_backup_info *info)
{
    static const bs_warning no_warnings[1];
    bsi_job_view view;

    BSI_TRY(fill_texts(row, arena, info));
    info->backup_type = (bs_backup_type)word_value(bsi_words_backup_type, row->backup_type);
    info->form = (bs_form)word_value(bsi_words_form, row->form);
    info->compression = (bs_compression)word_value(bsi_words_compression, row->compression);
    info->encryption = (bs_encryption)word_value(bsi_words_encryption, row->encryption);
    info->compression_level = row->compression_level;
    info->bytes_stored = row->bytes_stored;
    info->bytes_deduplicated = row->bytes_deduplicated;
    info->backup_size = row->container_size + row->manifest_size;
    info->retention_days = (int32_t)row->retention_days;
    if (row->retention_days == 0 && row->expires_at == 0) {
        info->retention_days = BS_RETENTION_FOREVER;
    }
    info->warnings = no_warnings;
    if (row->container_size > 0 && row->bytes_processed > row->bytes_deduplicated) {
        info->compression_ratio =
            (double)(row->bytes_processed - row->bytes_deduplicated) / (double)row->container_size;
    }
    fill_rules(row, info);
    BSI_TRY(fill_mark(service, arena, info));
    BSI_TRY(fill_pins(service, arena, info));
    BSI_TRY(fill_copies(service, arena, info));
    view_of_row(row, &view);
    return fill_view(live ? live : &view, arena, info);
}

/* --- One --- */

static bs_status get(bs_service *service, const char *id, backup_box *box)
{
    bsi_job_view view;
    bsi_job *job = bsi_info_live(service, id, &view);
    bsi_row_backup row;
    bs_status status = bsi_catalog_get_backup(service->catalog, id, &row);

    if (status >= 0) {
        status = fill_info(service, &row, job ? &view : NULL, &box->arena, &box->info);
        bsi_row_backup_dispose(&row);
    }
    if (status >= 0) {
        status = bsi_info_warnings(service, job, id, &box->arena, &box->info.warnings,
                                   &box->info.warnings_kept, &box->info.warnings_count);
    }
    bsi_job_unref(job);
    return status;
}

bs_status bsi_backup_get(bs_service *service, const char *reference, bs_backup_info **out)
{
    char id[BS_ID_SIZE];
    backup_box *box = NULL;
    bs_status status = bsi_catalog_resolve_backup(service->catalog, reference, id);

    if (status < 0) {
        return status;
    }
    box = bsi_calloc(1, sizeof(*box));
    if (!box) {
        return BS_E_NOMEM;
    }
    status = get(service, id, box);
    if (status < 0) {
        bsi_backup_info_free(&box->info);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_backup_info_free(bs_backup_info *info)
{
    backup_box *box = (backup_box *)info;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}

/* --- A page --- */

static bs_status fill_page(bs_service *service, const bsi_row_backup *rows, size_t count,
                           page_box *box)
{
    const bs_backup_info **items = bsi_arena_alloc(&box->arena, count + 1, sizeof(void *));
    bs_status status = items ? BS_OK : BS_E_NOMEM;

    for (size_t i = 0; i < count && status >= 0; i++) {
        bs_backup_info *info = bsi_arena_alloc(&box->arena, 1, sizeof(*info));
        bsi_job_view view;
        bsi_job *job = bsi_info_live(service, rows[i].id, &view);
        status =
            info ? fill_info(service, &rows[i], job ? &view : NULL, &box->arena, info) : BS_E_NOMEM;
        bsi_job_unref(job);
        items[i] = info;
    }
    box->page.items = items;
    box->page.count = count;
    return status;
}

static bs_status check_filter(const bs_backup_filter *filter)
{
    if (filter->limit > LIST_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "limit: takes 1 to %d", LIST_MAX);
    }
    if ((int)filter->backup_type < 0 || filter->backup_type > BS_BACKUP_MIRROR) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "backup_type: there is no such type");
    }
    if (filter->status && ((int)*filter->status < 0 || *filter->status > BS_STATE_CANCELLED)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "status: there is no such state");
    }
    return BS_OK;
}

bs_status bsi_backup_list(bs_service *service, const bs_backup_filter *filter, bs_backup_page **out)
{
    const bsi_backup_filter chosen = {
        .name = filter->name,
        .backup_type = filter->backup_type != BS_BACKUP_DEFAULT
                           ? bsi_word_name(bsi_words_backup_type, (int)filter->backup_type)
                           : NULL,
        .status = filter->status ? bsi_row_status_of(*filter->status) : BSI_ROW_NONE,
        .limit = filter->limit > 0 ? filter->limit : LIST_USUAL,
        .offset = filter->offset,
    };
    bsi_row_backup *rows = NULL;
    size_t count = 0;
    page_box *box = NULL;
    bs_status status = check_filter(filter);

    if (status < 0) {
        return status;
    }
    box = bsi_calloc(1, sizeof(*box));
    if (!box) {
        return BS_E_NOMEM;
    }
    status = bsi_catalog_list_backups(service->catalog, &chosen, &rows, &count, &box->page.total);
    if (status >= 0) {
        status = fill_page(service, rows, count, box);
        bsi_row_backups_free(rows, count);
    }
    if (status < 0) {
        bsi_backup_page_free(&box->page);
        return status;
    }
    *out = &box->page;
    return BS_OK;
}

void bsi_backup_page_free(bs_backup_page *page)
{
    page_box *box = (page_box *)page;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
