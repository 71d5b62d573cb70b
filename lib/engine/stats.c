/* SPDX-License-Identifier: MIT */
/*
 * Numbers over all backups: what is held, by what they have in common and by name.
 */
#include "engine/stats.h"

#include <string.h>

#include "base/alloc.h"
#include "catalog/numbers.h"
#include "engine/info_parts.h"
#include "engine/service.h"
#include "engine/words.h"
#include "os/file.h"

#define US_PER_S 1e6
#define NS_PER_S 1e9
#define LIMITED_STORAGE "local"

enum { NAMES_MAX = 10000 };

typedef struct stats_box {
    bs_stats_info info; /* What the caller holds: must come first. */
    bsi_arena arena;
} stats_box;

/* What sums of what is held add up to, beyond what is told. */
typedef struct held_sums {
    uint64_t size; /* Also of what is being removed. */
    uint64_t packed_source;
    uint64_t packed;
    bs_stats_group *groups;
} held_sums;

/* --- What is held --- */

static void count_status(bsi_row_status status, uint64_t backups, bs_stats_info *info)
{
    switch (status) {
    case BSI_ROW_COMPLETED:
        info->completed_backups += backups;
        break;
    case BSI_ROW_COMPLETED_WITH_WARNINGS:
        info->completed_with_warnings_backups += backups;
        break;
    case BSI_ROW_FAILED:
        info->failed_backups += backups;
        break;
    case BSI_ROW_CANCELLED:
        info->cancelled_backups += backups;
        break;
    case BSI_ROW_PENDING:
    case BSI_ROW_RUNNING:
        info->running_backups += backups;
        break;
    case BSI_ROW_NONE:
        break;
    }
}

static int word_value(const bsi_word *words, const char *word)
{
    int value = 0;

    (void)bsi_word_parse(words, bsi_slice_of(word), &value);
    return value;
}

static bool is_of_group(const bs_stats_group *group, const bs_stats_group *other)
{
    return group->backup_type == other->backup_type && group->compression == other->compression &&
           group->encryption == other->encryption && strcmp(group->storage, other->storage) == 0;
}

/* Sums that differ in their status only follow each other. */
static bs_status add_to_group(const bsi_row_held *sum, bsi_arena *arena, held_sums *all,
                              bs_stats_info *info)
{
    bs_stats_group *last = all->groups + info->groups_count;
    bs_stats_group group = {
        .backup_type = (bs_backup_type)word_value(bsi_words_backup_type, sum->backup_type),
        .storage = bsi_arena_text(arena, sum->storage),
        .compression = (bs_compression)word_value(bsi_words_compression, sum->compression),
        .encryption = (bs_encryption)word_value(bsi_words_encryption, sum->encryption),
    };

    if (!group.storage) {
        return BS_E_NOMEM;
    }
    if (info->groups_count > 0 && is_of_group(last - 1, &group)) {
        last--;
    } else {
        *last = group;
        info->groups_count++;
    }
    last->backups += (uint64_t)sum->backups;
    last->files += (uint64_t)sum->files;
    last->source_bytes += (uint64_t)sum->source_bytes;
    last->stored_bytes += (uint64_t)sum->size;
    return BS_OK;
}

static bs_status add_sum(const bsi_row_held *sum, bsi_arena *arena, held_sums *all,
                         bs_stats_info *info)
{
    const bsi_row_status status = bsi_row_status_parse(sum->status);

    all->size += (uint64_t)sum->size;
    if (strcmp(sum->storage, LIMITED_STORAGE) == 0) {
        info->storage_used_bytes += (uint64_t)sum->size;
    }
    if (strcmp(sum->status, BSI_HELD_DELETING) == 0) {
        return BS_OK;
    }
    info->total_backups += (uint64_t)sum->backups;
    count_status(status, (uint64_t)sum->backups, info);
    if (!bsi_row_is_completed(status)) {
        return BS_OK;
    }
    info->source_bytes += (uint64_t)sum->source_bytes;
    info->stored_bytes += (uint64_t)sum->size;
    info->deduplicated_bytes += (uint64_t)sum->deduplicated_bytes;
    all->packed_source += (uint64_t)sum->packed_source_bytes;
    all->packed += (uint64_t)sum->packed_bytes;
    return add_to_group(sum, arena, all, info);
}

static bs_status add_sums(const bsi_row_held *sums, size_t count, bsi_arena *arena, held_sums *all,
                          bs_stats_info *info)
{
    all->groups = bsi_arena_alloc(arena, count + 1, sizeof(*all->groups));
    if (!all->groups) {
        return BS_E_NOMEM;
    }
    info->groups = all->groups;
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(add_sum(&sums[i], arena, all, info));
    }
    if (all->packed > 0) {
        info->compression_ratio = (double)all->packed_source / (double)all->packed;
    }
    if (all->packed_source > 0) {
        info->dedup_ratio =
            (double)(all->packed_source + info->deduplicated_bytes) / (double)all->packed_source;
    }
    return BS_OK;
}

static bs_status fill_held(bs_service *service, bsi_arena *arena, held_sums *all,
                           bs_stats_info *info)
{
    bsi_row_held *sums = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_sum_held(service->catalog, &sums, &count);

    if (status >= 0) {
        status = add_sums(sums, count, arena, all, info);
        bsi_row_helds_free(sums, count);
    }
    return status;
}

bs_status bsi_stats_held(bs_service *service, uint64_t *bytes_out)
{
    bsi_row_held *sums = NULL;
    size_t count = 0;

    BSI_TRY(bsi_catalog_sum_held(service->catalog, &sums, &count));
    *bytes_out = 0;
    for (size_t i = 0; i < count; i++) {
        *bytes_out += (uint64_t)sums[i].size;
    }
    bsi_row_helds_free(sums, count);
    return BS_OK;
}

/* --- Names --- */

/* False without memory. */
static bool fill_times(const bsi_row_name *row, bsi_arena *arena, bs_stats_name *name)
{
    name->name = bsi_arena_text(arena, row->name);
    name->oldest_backup_at = bsi_info_time(arena, row->oldest_at);
    name->newest_backup_at = bsi_info_time(arena, row->newest_at);
    name->last_run_at = bsi_info_time(arena, row->last_run_at);
    name->last_success_at = bsi_info_time(arena, row->last_success_at);
    name->verified_at = bsi_info_time(arena, row->verified_at);
    return name->name && name->oldest_backup_at && name->newest_backup_at && name->last_run_at &&
           name->last_success_at && name->verified_at;
}

static bs_status fill_name(const bsi_row_name *row, int64_t now, bsi_arena *arena,
                           bs_stats_name *name)
{
    *name = (bs_stats_name){
        .backups = (uint64_t)row->backups,
        .completed = (uint64_t)row->completed,
        .stored_bytes = (uint64_t)row->size,
        .last_run_status = bsi_job_state_of(bsi_row_status_parse(row->last_run_status)),
        .last_success_age_seconds = -1,
        .last_success_duration_seconds = (double)row->last_success_duration / US_PER_S,
        .last_success_source_bytes = row->last_success_source_bytes,
        .last_success_stored_bytes = row->last_success_size,
        .last_success_files = row->last_success_files,
        .runs_completed = (uint64_t)row->samples,
        .duration_average_seconds = (double)row->duration_average / US_PER_S,
        .duration_median_seconds = (double)row->duration_median / US_PER_S,
        .duration_p95_seconds = (double)row->duration_p95 / US_PER_S,
        .source_bytes_median = row->source_bytes_median,
        .source_bytes_growth = row->source_growth,
        .stored_bytes_average = row->stored_bytes_average,
        .verified_good = row->verified_good,
    };
    if (row->last_success_at != 0) { /* The clock may have gone back since. */
        name->last_success_age_seconds =
            now > row->last_success_at ? (double)(now - row->last_success_at) / NS_PER_S : 0;
    }
    return fill_times(row, arena, name) ? BS_OK : BS_E_NOMEM;
}

static bs_status copy_names(const bsi_row_name *rows, size_t count, bsi_arena *arena,
                            bs_stats_info *info)
{
    const int64_t now = bsi_row_now();
    bs_stats_name *names = bsi_arena_alloc(arena, count + 1, sizeof(*names));

    if (!names) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(fill_name(&rows[i], now, arena, &names[i]));
    }
    info->by_name = names;
    info->by_name_count = count;
    return BS_OK;
}

static bs_status fill_names(bs_service *service, bsi_arena *arena, bs_stats_info *info)
{
    bsi_row_name *rows = NULL;
    int64_t oldest = 0;
    int64_t newest = 0;
    size_t count = 0;
    bs_status status =
        bsi_catalog_list_names(service->catalog, NAMES_MAX, &rows, &count, &info->names);

    if (status < 0) {
        return status;
    }
    status = copy_names(rows, count, arena, info);
    bsi_row_names_free(rows, count);
    BSI_TRY(status);
    BSI_TRY(bsi_catalog_held_since(service->catalog, &oldest, &newest));
    info->oldest_backup_at = bsi_info_time(arena, oldest);
    info->newest_backup_at = bsi_info_time(arena, newest);
    return info->oldest_backup_at && info->newest_backup_at ? BS_OK : BS_E_NOMEM;
}

/* --- All of it --- */

static bs_status fill(bs_service *service, bsi_arena *arena, bs_stats_info *info)
{
    held_sums all = {.size = 0};
    uint64_t files = 0;

    BSI_TRY(fill_held(service, arena, &all, info));
    BSI_TRY(fill_names(service, arena, info));
    BSI_TRY(bsi_stats_fill_spans(service, all.size, arena, info));
    BSI_TRY(bsi_stats_fill_jobs(service, arena, info));
    info->storage_limit_bytes = service->space.limit;
    return bsi_free_space(service->dir.fd, &info->storage_free_bytes, &files);
}

bs_status bsi_stats_get(bs_service *service, bs_stats_info **out)
{
    stats_box *box = bsi_calloc(1, sizeof(*box));
    bs_status status = box ? fill(service, &box->arena, &box->info) : BS_E_NOMEM;

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
