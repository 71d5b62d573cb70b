/* SPDX-License-Identifier: MIT */
/*
 * Numbers over all backups: sums by the catalogue, and one pass over its rows
 * for what it does not sum.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/numbers.h"
#include "engine/info.h"
#include "engine/info_parts.h"
#include "engine/service.h"
#include "os/file.h"

typedef struct stats_box {
    bs_stats_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} stats_box;

/* What one pass over the rows gathers. */
typedef struct pass {
    bsi_arena names_memory;
    const char **names;
    size_t names_count;
    size_t names_capacity;
    int64_t oldest;
    int64_t newest;
} pass;

static bool is_completed(bsi_row_status status)
{
    return status == BSI_ROW_COMPLETED || status == BSI_ROW_COMPLETED_WITH_WARNINGS;
}

static void add_sum(const bsi_row_held *sum, bs_stats_info *info)
{
    if (strcmp(sum->status, BSI_HELD_DELETING) == 0) {
        return;
    }
    info->total_backups += (uint64_t)sum->backups;
    switch (bsi_row_status_parse(sum->status)) {
    case BSI_ROW_COMPLETED:
        info->completed_backups += (uint64_t)sum->backups;
        break;
    case BSI_ROW_COMPLETED_WITH_WARNINGS:
        info->completed_with_warnings_backups += (uint64_t)sum->backups;
        break;
    case BSI_ROW_FAILED:
        info->failed_backups += (uint64_t)sum->backups;
        break;
    case BSI_ROW_CANCELLED:
        info->cancelled_backups += (uint64_t)sum->backups;
        break;
    case BSI_ROW_PENDING:
    case BSI_ROW_RUNNING:
        info->running_backups += (uint64_t)sum->backups;
        break;
    case BSI_ROW_NONE:
        break;
    }
    if (is_completed(bsi_row_status_parse(sum->status))) {
        info->source_bytes += (uint64_t)sum->source_bytes;
        info->stored_bytes += (uint64_t)sum->size;
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bs_status add_name(pass *self, const char *name)
{
    if (self->names_count > 0 && strcmp(self->names[self->names_count - 1], name) == 0) {
        return BS_OK;
    }
    if (self->names_count == self->names_capacity) {
        const size_t capacity = self->names_capacity > 0 ? self->names_capacity * 2 : 64;
        const char **names = bsi_realloc_array(self->names, capacity, sizeof(*names));
        if (!names) {
            return BS_E_NOMEM;
        }
        self->names = names;
        self->names_capacity = capacity;
    }
    self->names[self->names_count] = bsi_arena_text(&self->names_memory, name);
    return self->names[self->names_count++] ? BS_OK : BS_E_NOMEM;
}

/* Keep each name once. */
static void sort_names(pass *self)
{
    size_t kept = 0;

    if (self->names_count == 0) {
        return;
    }
    qsort(self->names, self->names_count, sizeof(*self->names), compare_names);
    for (size_t i = 0; i < self->names_count; i++) {
        if (kept == 0 || strcmp(self->names[kept - 1], self->names[i]) != 0) {
            self->names[kept++] = self->names[i];
        }
    }
    self->names_count = kept;
}

static bs_status pass_rows(pass *self, const bsi_row_backup *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const int64_t at = rows[i].created_at;
        BSI_TRY(add_name(self, rows[i].name));
        if (!is_completed(rows[i].status)) {
            continue;
        }
        self->oldest = self->oldest == 0 || at < self->oldest ? at : self->oldest;
        self->newest = at > self->newest ? at : self->newest;
    }
    sort_names(self);
    return BS_OK;
}

static bs_status pass_all(bs_service *service, pass *self)
{
    bsi_backup_filter filter = {.limit = 1000};
    size_t count = 0;
    bs_status status = BS_OK;

    do {
        bsi_row_backup *rows = NULL;
        status = bsi_catalog_list_backups(service->catalog, &filter, &rows, &count, NULL);
        if (status < 0) {
            break;
        }
        status = pass_rows(self, rows, count);
        bsi_row_backups_free(rows, count);
        filter.offset += count;
    } while (status >= 0 && count == filter.limit);
    return status;
}

static bs_status fill(bs_service *service, stats_box *box)
{
    bs_stats_info *info = &box->info;
    bsi_row_held *sums = NULL;
    pass all = {.names_count = 0};
    uint64_t files = 0;
    size_t count = 0;
    bs_status status = bsi_catalog_sum_held(service->catalog, &sums, &count);

    if (status < 0) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        add_sum(&sums[i], info);
    }
    bsi_row_helds_free(sums, count);
    status = pass_all(service, &all);
    info->names = all.names_count;
    info->oldest_backup_at = bsi_info_time(&box->arena, all.oldest);
    info->newest_backup_at = bsi_info_time(&box->arena, all.newest);
    bsi_arena_dispose(&all.names_memory);
    bsi_free(all.names);
    if (status >= 0 && (!info->oldest_backup_at || !info->newest_backup_at)) {
        status = BS_E_NOMEM;
    }
    if (info->stored_bytes > 0) {
        info->compression_ratio = (double)info->source_bytes / (double)info->stored_bytes;
    }
    return status < 0 ? status : bsi_free_space(service->dir.fd, &info->storage_free_bytes, &files);
}

bs_status bsi_stats_get(bs_service *service, bs_stats_info **out)
{
    stats_box *box = bsi_calloc(1, sizeof(*box));
    bs_status status = box ? fill(service, box) : BS_E_NOMEM;

    if (status < 0) {
        bsi_stats_info_free((bs_stats_info *)box);
        return status;
    }
    *out = &box->info;
    return BS_OK;
}

void bsi_stats_info_free(bs_stats_info *stats)
{
    stats_box *box = (stats_box *)stats;

    if (box) {
        bsi_arena_dispose(&box->arena);
        bsi_free(box);
    }
}
