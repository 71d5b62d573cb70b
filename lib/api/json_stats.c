/* SPDX-License-Identifier: MIT */
/*
 * Statistics as JSON. A key is the name of the struct's member.
 */
#include <backupsvc/json.h>

#include "api/check.h"
#include "api/json_document.h"
#include "engine/words.h"

static void put_span_numbers(bsi_json_writer *json, const bs_stats_span *span)
{
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        {"hours", span->hours},
        {"runs", span->runs},
        {"completed", span->completed},
        {"completed_with_warnings", span->completed_with_warnings},
        {"failed", span->failed},
        {"cancelled", span->cancelled},
        {"files", span->files},
        {"source_bytes", span->source_bytes},
        {"stored_bytes", span->stored_bytes},
        {"deduplicated_bytes", span->deduplicated_bytes},
        {"bytes_sent", span->bytes_sent},
        {"bytes_received", span->bytes_received},
        {"added_bytes", span->added_bytes},
        {"removed", span->removed},
        {"removed_bytes", span->removed_bytes},
        {"held_bytes", span->held_bytes},
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(numbers); i++) {
        bsi_json_put_u64(json, numbers[i].key, numbers[i].value);
    }
}

static void write_span(bsi_json_writer *json, const bs_stats_span *span)
{
    bsi_json_begin_object(json);
    bsi_json_put_text(json, "from", span->from);
    put_span_numbers(json, span);
    bsi_json_put_double(json, "success_rate", span->success_rate);
    bsi_json_put_double(json, "duration_average_seconds", span->duration_average_seconds);
    bsi_json_put_double(json, "throughput", span->throughput);
    bsi_json_put_double(json, "cpu_seconds", span->cpu_seconds);
    bsi_json_end_object(json);
}

static void write_group(bsi_json_writer *json, const bs_stats_group *group)
{
    bsi_json_begin_object(json);
    bsi_json_put_text(json, "backup_type", bs_backup_type_name(group->backup_type));
    bsi_json_put_text(json, "storage", group->storage);
    bsi_json_put_text(json, "compression", bs_compression_name(group->compression));
    bsi_json_put_text(json, "encryption", bs_encryption_name(group->encryption));
    bsi_json_put_u64(json, "backups", group->backups);
    bsi_json_put_u64(json, "files", group->files);
    bsi_json_put_u64(json, "source_bytes", group->source_bytes);
    bsi_json_put_u64(json, "stored_bytes", group->stored_bytes);
    bsi_json_end_object(json);
}

static void write_jobs(bsi_json_writer *json, const bs_stats_jobs *jobs)
{
    bsi_json_begin_object(json);
    bsi_json_put_text(json, "kind", bsi_word_name(bsi_words_job_kind, (int)jobs->kind));
    bsi_json_put_u64(json, "runs", jobs->runs);
    bsi_json_put_u64(json, "completed", jobs->completed);
    bsi_json_put_u64(json, "completed_with_warnings", jobs->completed_with_warnings);
    bsi_json_put_u64(json, "failed", jobs->failed);
    bsi_json_put_u64(json, "cancelled", jobs->cancelled);
    bsi_json_put_double(json, "duration_seconds", jobs->duration_seconds);
    bsi_json_put_double(json, "duration_median_seconds", jobs->duration_median_seconds);
    bsi_json_put_double(json, "duration_p95_seconds", jobs->duration_p95_seconds);
    bsi_json_put_double(json, "throughput", jobs->throughput);
    bsi_json_put_double(json, "cpu_seconds", jobs->cpu_seconds);
    bsi_json_put_u64(json, "files", jobs->files);
    bsi_json_put_u64(json, "source_bytes", jobs->source_bytes);
    bsi_json_put_u64(json, "stored_bytes", jobs->stored_bytes);
    bsi_json_put_u64(json, "bytes_sent", jobs->bytes_sent);
    bsi_json_put_u64(json, "bytes_received", jobs->bytes_received);
    bsi_json_end_object(json);
}

static void write_failure(bsi_json_writer *json, const bs_stats_failure *failure)
{
    bsi_json_begin_object(json);
    bsi_json_put_text(json, "kind", bsi_word_name(bsi_words_job_kind, (int)failure->kind));
    bsi_json_put_text(json, "layer", bs_layer_name(failure->layer));
    bsi_json_put_text(json, "code", bs_status_name(failure->code));
    bsi_json_put_u64(json, "runs", failure->runs);
    bsi_json_end_object(json);
}

static void write_name(bsi_json_writer *json, const bs_stats_name *name)
{
    bsi_json_begin_object(json);
    bsi_json_put_text(json, "name", name->name);
    bsi_json_put_u64(json, "backups", name->backups);
    bsi_json_put_u64(json, "completed", name->completed);
    bsi_json_put_u64(json, "stored_bytes", name->stored_bytes);
    bsi_json_put_text(json, "oldest_backup_at", name->oldest_backup_at);
    bsi_json_put_text(json, "newest_backup_at", name->newest_backup_at);
    bsi_json_put_text(json, "last_run_at", name->last_run_at);
    bsi_json_put_text(json, "last_run_status",
                      *name->last_run_at ? bs_job_state_name(name->last_run_status) : NULL);
    bsi_json_put_text(json, "last_success_at", name->last_success_at);
    bsi_json_put_double(json, "last_success_age_seconds", name->last_success_age_seconds);
    bsi_json_put_double(json, "last_success_duration_seconds", name->last_success_duration_seconds);
    bsi_json_put_u64(json, "last_success_source_bytes", name->last_success_source_bytes);
    bsi_json_put_u64(json, "last_success_stored_bytes", name->last_success_stored_bytes);
    bsi_json_put_u64(json, "last_success_files", name->last_success_files);
    bsi_json_put_u64(json, "runs_completed", name->runs_completed);
    bsi_json_put_double(json, "duration_average_seconds", name->duration_average_seconds);
    bsi_json_put_double(json, "duration_median_seconds", name->duration_median_seconds);
    bsi_json_put_double(json, "duration_p95_seconds", name->duration_p95_seconds);
    bsi_json_put_u64(json, "source_bytes_median", name->source_bytes_median);
    bsi_json_put_i64(json, "source_bytes_growth", name->source_bytes_growth);
    bsi_json_put_u64(json, "stored_bytes_average", name->stored_bytes_average);
    bsi_json_put_text(json, "verified_at", name->verified_at);
    bsi_json_put_bool(json, "verified_good", name->verified_good);
    bsi_json_end_object(json);
}

static void put_held(bsi_json_writer *json, const bs_stats_info *stats)
{
    bsi_json_put_u64(json, "total_backups", stats->total_backups);
    bsi_json_put_u64(json, "completed_backups", stats->completed_backups);
    bsi_json_put_u64(json, "completed_with_warnings_backups",
                     stats->completed_with_warnings_backups);
    bsi_json_put_u64(json, "failed_backups", stats->failed_backups);
    bsi_json_put_u64(json, "cancelled_backups", stats->cancelled_backups);
    bsi_json_put_u64(json, "running_backups", stats->running_backups);
    bsi_json_put_u64(json, "source_bytes", stats->source_bytes);
    bsi_json_put_u64(json, "stored_bytes", stats->stored_bytes);
    bsi_json_put_u64(json, "deduplicated_bytes", stats->deduplicated_bytes);
    bsi_json_put_double(json, "compression_ratio", stats->compression_ratio);
    bsi_json_put_double(json, "dedup_ratio", stats->dedup_ratio);
    bsi_json_put_u64(json, "names", stats->names);
    bsi_json_put_text(json, "oldest_backup_at", stats->oldest_backup_at);
    bsi_json_put_text(json, "newest_backup_at", stats->newest_backup_at);
    bsi_json_put_u64(json, "storage_used_bytes", stats->storage_used_bytes);
    bsi_json_put_u64(json, "storage_limit_bytes", stats->storage_limit_bytes);
    bsi_json_put_u64(json, "storage_free_bytes", stats->storage_free_bytes);
}

static void begin_list(bsi_json_writer *json, const char *key)
{
    bsi_json_write_key(json, key);
    bsi_json_begin_array(json);
}

bs_status bs_stats_info_to_json(const bs_stats_info *stats, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(stats);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    put_held(&json, stats);
    bsi_json_write_key(&json, "day");
    write_span(&json, &stats->day);
    bsi_json_write_key(&json, "week");
    write_span(&json, &stats->week);
    bsi_json_write_key(&json, "month");
    write_span(&json, &stats->month);
    begin_list(&json, "groups");
    for (size_t i = 0; i < stats->groups_count; i++) {
        write_group(&json, &stats->groups[i]);
    }
    bsi_json_end_array(&json);
    begin_list(&json, "jobs");
    for (size_t i = 0; i < stats->jobs_count; i++) {
        write_jobs(&json, &stats->jobs[i]);
    }
    bsi_json_end_array(&json);
    begin_list(&json, "failures");
    for (size_t i = 0; i < stats->failures_count; i++) {
        write_failure(&json, &stats->failures[i]);
    }
    bsi_json_end_array(&json);
    begin_list(&json, "by_name");
    for (size_t i = 0; i < stats->by_name_count; i++) {
        write_name(&json, &stats->by_name[i]);
    }
    bsi_json_end_array(&json);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_stats_history_info_to_json(const bs_stats_history_info *history, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(history);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    begin_list(&json, "spans");
    for (size_t i = 0; i < history->count; i++) {
        write_span(&json, &history->spans[i]);
    }
    bsi_json_end_array(&json);
    return bsi_json_document_end(&json, &buf, out);
}
