/* SPDX-License-Identifier: MIT */
/*
 * Infos as JSON. A key is the name of the struct's member; what a person reads
 * comes first.
 */
#include <backupsvc/json.h>

#include "api/check.h"
#include "api/json_document.h"
#include "engine/words.h"

static void write_warning(bsi_json_writer *json, const bs_warning *warning)
{
    bsi_json_begin_object(json);
    bsi_json_put_text(json, "code", bs_status_name(warning->code));
    bsi_json_put_text(json, "layer", bs_layer_name(warning->layer));
    bsi_json_put_text(json, "path", warning->path);
    bsi_json_put_text(json, "message", warning->message);
    bsi_json_end_object(json);
}

static void put_warnings(bsi_json_writer *json, const bs_warning *warnings, size_t kept,
                         uint64_t count)
{
    bsi_json_write_key(json, "warnings");
    bsi_json_begin_array(json);
    for (size_t i = 0; i < kept; i++) {
        write_warning(json, &warnings[i]);
    }
    bsi_json_end_array(json);
    bsi_json_put_u64(json, "warnings_kept", kept);
    bsi_json_put_u64(json, "warnings_count", count);
}

static void put_counters(bsi_json_writer *json, double progress, const uint64_t counters[4])
{
    bsi_json_put_double(json, "progress", progress);
    bsi_json_put_u64(json, "files_processed", counters[0]);
    bsi_json_put_u64(json, "total_files", counters[1]);
    bsi_json_put_u64(json, "bytes_processed", counters[2]);
    bsi_json_put_u64(json, "total_bytes", counters[3]);
}

static void put_backup_request(bsi_json_writer *json, const bs_backup_info *info)
{
    bsi_json_put_text(json, "id", info->id);
    bsi_json_put_text(json, "name", info->name);
    bsi_json_put_texts(json, "source_paths", info->source_paths);
    bsi_json_put_text(json, "backup_type", bs_backup_type_name(info->backup_type));
    bsi_json_put_text(json, "form", bs_form_name(info->form));
    bsi_json_put_text(json, "storage", info->storage);
    bsi_json_put_text(json, "compression", bs_compression_name(info->compression));
    bsi_json_put_i64(json, "compression_level", info->compression_level);
    bsi_json_put_text(json, "encryption",
                      bsi_word_name(bsi_words_encryption, (int)info->encryption));
    bsi_json_put_text(json, "status", bs_job_state_name(info->status));
}

/* The rules that the backup brought with it; null when there are none. */
static void put_rules(bsi_json_writer *json, const bs_backup_info *info)
{
    const struct {
        const char *name;
        int32_t value;
    } rules[] = {
        {"keep_last", info->keep_last},       {"keep_hourly", info->keep_hourly},
        {"keep_daily", info->keep_daily},     {"keep_weekly", info->keep_weekly},
        {"keep_monthly", info->keep_monthly}, {"keep_yearly", info->keep_yearly},
    };
    bool any = false;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(rules); i++) {
        any = any || rules[i].value != 0;
    }
    bsi_json_write_key(json, "retention");
    if (!any) {
        bsi_json_write_null(json);
        return;
    }
    bsi_json_begin_object(json);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(rules); i++) {
        bsi_json_put_i64(json, rules[i].name, rules[i].value);
    }
    bsi_json_end_object(json);
}

static void put_pins(bsi_json_writer *json, const bs_backup_info *info)
{
    bsi_json_write_key(json, "pins");
    bsi_json_begin_array(json);
    for (size_t i = 0; i < info->pins_count; i++) {
        bsi_json_begin_object(json);
        bsi_json_put_bool(json, "hold", info->pins[i].hold);
        bsi_json_put_text(json, "reason", info->pins[i].reason);
        bsi_json_put_text(json, "created_at", info->pins[i].created_at);
        bsi_json_put_text(json, "until", info->pins[i].until);
        bsi_json_end_object(json);
    }
    bsi_json_end_array(json);
}

static void put_copies(bsi_json_writer *json, const bs_backup_info *info)
{
    bsi_json_write_key(json, "copies");
    bsi_json_begin_array(json);
    for (size_t i = 0; i < info->copies_count; i++) {
        bsi_json_begin_object(json);
        bsi_json_put_text(json, "storage", info->copies[i].storage);
        bsi_json_put_text(json, "status", bs_job_state_name(info->copies[i].status));
        bsi_json_put_text(json, "completed_at", info->copies[i].completed_at);
        bsi_json_put_error(json, &info->copies[i].error);
        bsi_json_end_object(json);
    }
    bsi_json_end_array(json);
}

bs_status bs_backup_info_to_json(const bs_backup_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    put_backup_request(&json, info);
    bsi_json_put_text(&json, "created_at", info->created_at);
    bsi_json_put_text(&json, "started_at", info->started_at);
    bsi_json_put_text(&json, "completed_at", info->completed_at);
    put_counters(&json, info->progress,
                 (const uint64_t[]){info->files_processed, info->total_files, info->bytes_processed,
                                    info->total_bytes});
    bsi_json_put_u64(&json, "bytes_stored", info->bytes_stored);
    bsi_json_put_u64(&json, "bytes_deduplicated", info->bytes_deduplicated);
    bsi_json_put_text(&json, "backup_file_path", info->backup_file_path);
    bsi_json_put_text(&json, "manifest_path", info->manifest_path);
    bsi_json_put_u64(&json, "backup_size", info->backup_size);
    bsi_json_put_text(&json, "base_id", info->base_id);
    bsi_json_put_text(&json, "note", info->note);
    bsi_json_put_error(&json, &info->error);
    put_warnings(&json, info->warnings, info->warnings_kept, info->warnings_count);
    bsi_json_put_i64(&json, "retention_days", info->retention_days);
    bsi_json_put_text(&json, "expires_at", info->expires_at);
    bsi_json_write_key(&json, "metadata");
    bsi_json_write_raw(&json,
                       bsi_slice_of(info->metadata && info->metadata[0] ? info->metadata : "{}"));
    bsi_json_put_double(&json, "throughput", info->throughput);
    bsi_json_put_double(&json, "compression_ratio", info->compression_ratio);
    put_rules(&json, info);
    bsi_json_put_text(&json, "marked_at", info->marked_at);
    bsi_json_put_text(&json, "remove_after", info->remove_after);
    put_pins(&json, info);
    put_copies(&json, info);
    bsi_json_put_usage(&json, &info->usage);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_restore_info_to_json(const bs_restore_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "id", info->id);
    bsi_json_put_text(&json, "backup_id", info->backup_id);
    bsi_json_put_text(&json, "restore_path", info->restore_path);
    bsi_json_put_text(&json, "status", bs_job_state_name(info->status));
    bsi_json_put_text(&json, "created_at", info->created_at);
    bsi_json_put_text(&json, "started_at", info->started_at);
    bsi_json_put_text(&json, "completed_at", info->completed_at);
    put_counters(&json, info->progress,
                 (const uint64_t[]){info->files_processed, info->total_files, info->bytes_processed,
                                    info->total_bytes});
    bsi_json_put_u64(&json, "files_skipped", info->files_skipped);
    bsi_json_put_error(&json, &info->error);
    put_warnings(&json, info->warnings, info->warnings_kept, info->warnings_count);
    bsi_json_put_usage(&json, &info->usage);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_replicate_info_to_json(const bs_replicate_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "id", info->id);
    bsi_json_put_text(&json, "storage", info->storage);
    bsi_json_put_text(&json, "to", info->to);
    bsi_json_put_text(&json, "status", bs_job_state_name(info->status));
    bsi_json_put_text(&json, "created_at", info->created_at);
    bsi_json_put_text(&json, "started_at", info->started_at);
    bsi_json_put_text(&json, "completed_at", info->completed_at);
    bsi_json_put_u64(&json, "backups", info->backups);
    bsi_json_put_u64(&json, "backups_present", info->backups_present);
    bsi_json_put_u64(&json, "backups_failed", info->backups_failed);
    bsi_json_put_u64(&json, "backups_passed_over", info->backups_passed_over);
    bsi_json_put_u64(&json, "objects", info->objects);
    bsi_json_put_u64(&json, "objects_present", info->objects_present);
    bsi_json_put_u64(&json, "bytes", info->bytes);
    bsi_json_put_error(&json, &info->error);
    put_warnings(&json, info->warnings, info->warnings_kept, info->warnings_count);
    bsi_json_put_usage(&json, &info->usage);
    return bsi_json_document_end(&json, &buf, out);
}

static void put_damages(bsi_json_writer *json, const bs_verify_info *info)
{
    bsi_json_write_key(json, "damages");
    bsi_json_begin_array(json);
    for (size_t i = 0; i < info->damages_count; i++) {
        bsi_json_begin_object(json);
        bsi_json_put_text(json, "object", info->damages[i].object);
        bsi_json_put_text(json, "message", info->damages[i].message);
        bsi_json_put_texts(json, "paths", info->damages[i].paths);
        bsi_json_put_u64(json, "paths_count", info->damages[i].paths_count);
        bsi_json_end_object(json);
    }
    bsi_json_end_array(json);
    bsi_json_put_u64(json, "damages_count", info->damages_count);
}

bs_status bs_verify_info_to_json(const bs_verify_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "id", info->id);
    bsi_json_put_text(&json, "backup_id", info->backup_id);
    bsi_json_put_text(&json, "status", bs_job_state_name(info->status));
    bsi_json_put_text(&json, "created_at", info->created_at);
    bsi_json_put_text(&json, "started_at", info->started_at);
    bsi_json_put_text(&json, "completed_at", info->completed_at);
    put_counters(&json, info->progress,
                 (const uint64_t[]){info->files_processed, info->total_files, info->bytes_processed,
                                    info->total_bytes});
    put_damages(&json, info);
    bsi_json_put_bool(&json, "is_locked", info->is_locked);
    bsi_json_put_u64(&json, "files_unread", info->files_unread);
    bsi_json_put_text(&json, "signer", info->signer);
    bsi_json_put_text(&json, "signer_name", info->signer_name);
    bsi_json_put_error(&json, &info->error);
    bsi_json_put_usage(&json, &info->usage);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_drill_info_to_json(const bs_drill_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "id", info->id);
    bsi_json_put_text(&json, "backup_id", info->backup_id);
    bsi_json_put_text(&json, "name", info->name);
    bsi_json_put_text(&json, "status", bs_job_state_name(info->status));
    bsi_json_put_text(&json, "created_at", info->created_at);
    bsi_json_put_text(&json, "started_at", info->started_at);
    bsi_json_put_text(&json, "completed_at", info->completed_at);
    put_counters(&json, info->progress,
                 (const uint64_t[]){info->files_processed, info->total_files, info->bytes_processed,
                                    info->total_bytes});
    bsi_json_put_bool(&json, "proven", info->proven);
    bsi_json_put_u64(&json, "files_restored", info->files_restored);
    bsi_json_put_u64(&json, "bytes_restored", info->bytes_restored);
    bsi_json_put_u64(&json, "files_wrong", info->files_wrong);
    bsi_json_put_double(&json, "restore_seconds", info->restore_seconds);
    bsi_json_put_u64(&json, "backup_files", info->backup_files);
    bsi_json_put_u64(&json, "backup_bytes", info->backup_bytes);
    bsi_json_put_error(&json, &info->error);
    put_warnings(&json, info->warnings, info->warnings_kept, info->warnings_count);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_drill_report_to_json(const bs_drill_report *report, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(report);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "name", report->name);
    bsi_json_put_u64(&json, "drills", report->drills);
    bsi_json_put_text(&json, "last_drill_at", report->last_drill_at);
    bsi_json_put_text(&json, "last_status",
                      report->drills > 0 ? bs_job_state_name(report->last_status) : NULL);
    bsi_json_put_text(&json, "proven_at", report->proven_at);
    bsi_json_put_text(&json, "proven_backup_id", report->proven_backup_id);
    bsi_json_put_u64(&json, "proven_files", report->proven_files);
    bsi_json_put_u64(&json, "proven_backup_files", report->proven_backup_files);
    bsi_json_put_double(&json, "bytes_per_second", report->bytes_per_second);
    bsi_json_put_double(&json, "files_per_second", report->files_per_second);
    bsi_json_put_u64(&json, "measured_drills", report->measured_drills);
    bsi_json_put_u64(&json, "measured_files", report->measured_files);
    bsi_json_put_u64(&json, "measured_bytes", report->measured_bytes);
    bsi_json_put_double(&json, "measured_seconds", report->measured_seconds);
    bsi_json_put_text(&json, "backup_id", report->backup_id);
    bsi_json_put_u64(&json, "backup_files", report->backup_files);
    bsi_json_put_u64(&json, "backup_bytes", report->backup_bytes);
    bsi_json_put_double(&json, "expected_seconds", report->expected_seconds);
    return bsi_json_document_end(&json, &buf, out);
}

static void write_item(bsi_json_writer *json, const bs_retention_item *item)
{
    bsi_json_begin_object(json);
    bsi_json_put_text(json, "id", item->id);
    bsi_json_put_text(json, "name", item->name);
    bsi_json_put_text(json, "storage", item->storage);
    bsi_json_put_text(json, "status", bs_job_state_name(item->status));
    bsi_json_put_text(json, "created_at", item->created_at);
    bsi_json_put_u64(json, "size", item->size);
    bsi_json_put_text(json, "action", bs_retention_action_name(item->action));
    bsi_json_write_key(json, "kept_by");
    bsi_json_begin_array(json);
    for (const bsi_word *word = bsi_words_kept_by; word->word; word++) {
        if (item->kept_by & (uint32_t)word->value) {
            bsi_json_write_text(json, word->word);
        }
    }
    bsi_json_end_array(json);
    bsi_json_put_text(json, "needed_by", item->needed_by);
    bsi_json_put_text(json, "marked_at", item->marked_at);
    bsi_json_put_text(json, "remove_after", item->remove_after);
    bsi_json_put_error(json, &item->error);
    bsi_json_end_object(json);
}

bs_status bs_retention_report_to_json(const bs_retention_report *report, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(report);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_write_key(&json, "items");
    bsi_json_begin_array(&json);
    for (size_t i = 0; i < report->count; i++) {
        write_item(&json, report->items[i]);
    }
    bsi_json_end_array(&json);
    bsi_json_put_u64(&json, "count", report->count);
    bsi_json_put_u64(&json, "kept", report->kept);
    bsi_json_put_u64(&json, "marked", report->marked);
    bsi_json_put_u64(&json, "waiting", report->waiting);
    bsi_json_put_u64(&json, "removed", report->removed);
    bsi_json_put_u64(&json, "removed_bytes", report->removed_bytes);
    bsi_json_put_u64(&json, "failed", report->failed);
    bsi_json_put_u64(&json, "reclaimed_objects", report->reclaimed_objects);
    bsi_json_put_u64(&json, "reclaimed_bytes", report->reclaimed_bytes);
    bsi_json_write_key(&json, "clock");
    if (report->clock.code >= 0) {
        bsi_json_write_null(&json);
    } else {
        bsi_json_write_error(&json, &report->clock);
    }
    return bsi_json_document_end(&json, &buf, out);
}

/* JSON that the library wrote itself, or null. */
static void put_object(bsi_json_writer *json, const char *key, const char *text)
{
    bsi_json_write_key(json, key);
    if (text) {
        bsi_json_write_raw(json, bsi_slice_of(text));
    } else {
        bsi_json_write_null(json);
    }
}

bs_status bs_schedule_info_to_json(const bs_schedule_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "id", info->id);
    bsi_json_put_text(&json, "name", info->name);
    bsi_json_put_text(&json, "cron_expression", info->cron_expression);
    bsi_json_put_text(&json, "timezone", info->timezone);
    bsi_json_put_text(&json, "action", bs_schedule_action_name(info->action));
    put_object(&json, "backup_request", info->backup_request);
    put_object(&json, "action_request", info->action_request);
    bsi_json_put_text(&json, "missed", bs_missed_name(info->missed));
    bsi_json_put_bool(&json, "is_active", info->is_active);
    bsi_json_put_bool(&json, "running", info->running);
    bsi_json_put_bool(&json, "overdue", info->overdue);
    bsi_json_put_text(&json, "next_run_at", info->next_run_at);
    bsi_json_put_text(&json, "last_run_at", info->last_run_at);
    bsi_json_put_text(&json, "last_status", info->last_status);
    bsi_json_put_text(&json, "last_job_id", info->last_job_id);
    bsi_json_put_text(&json, "created_at", info->created_at);
    bsi_json_put_text(&json, "updated_at", info->updated_at);
    bsi_json_put_u64(&json, "runs_started", info->runs_started);
    bsi_json_put_u64(&json, "runs_skipped_busy", info->runs_skipped_busy);
    bsi_json_put_u64(&json, "runs_missed", info->runs_missed);
    bsi_json_put_u64(&json, "runs_failed_to_start", info->runs_failed_to_start);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_schedule_run_info_to_json(const bs_schedule_run_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "due_at", info->due_at);
    bsi_json_put_text(&json, "recorded_at", info->recorded_at);
    bsi_json_put_text(&json, "outcome", bs_run_outcome_name(info->outcome));
    bsi_json_put_text(&json, "job_id", info->job_id);
    bsi_json_put_text(&json, "status", info->status);
    bsi_json_put_text(&json, "completed_at", info->completed_at);
    bsi_json_put_error(&json, &info->error);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_entry_to_json(const bs_entry *entry, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(entry);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_entry(&json, entry);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_event_to_json(const bs_event *event, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(event);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "type", bsi_word_name(bsi_words_event_type, (int)event->type));
    bsi_json_put_text(&json, "job_kind", bsi_word_name(bsi_words_job_kind, (int)event->job_kind));
    bsi_json_put_text(&json, "job_id", event->job_id);
    bsi_json_put_text(&json, "status", bs_job_state_name(event->status));
    put_counters(&json, event->progress,
                 (const uint64_t[]){event->files_processed, event->total_files,
                                    event->bytes_processed, event->total_bytes});
    bsi_json_write_key(&json, "warning");
    if (event->type == BS_EVENT_WARNING || event->type == BS_EVENT_STORAGE) {
        write_warning(&json, &event->warning);
    } else {
        bsi_json_write_null(&json);
    }
    return bsi_json_document_end(&json, &buf, out);
}

static void write_keyring(bsi_json_writer *json, const bs_keyring_info *info)
{
    bsi_json_write_key(json, "entries");
    bsi_json_begin_array(json);
    for (size_t i = 0; i < info->entries_count; i++) {
        const bs_keyring_entry *entry = &info->entries[i];
        bsi_json_begin_object(json);
        bsi_json_put_text(json, "name", entry->name);
        bsi_json_put_text(json, "kind", bs_key_kind_name(entry->kind));
        bsi_json_put_bool(json, "can_open", entry->can_open);
        bsi_json_put_text(json, "fingerprint", entry->fingerprint);
        bsi_json_put_text(json, "added_at", entry->added_at);
        bsi_json_end_object(json);
    }
    bsi_json_end_array(json);
    bsi_json_put_text(json, "signing_key", info->signing_key);
    bsi_json_write_key(json, "signers");
    bsi_json_begin_array(json);
    for (size_t i = 0; i < info->signers_count; i++) {
        bsi_json_begin_object(json);
        bsi_json_put_text(json, "public_key", info->signers[i].public_key);
        bsi_json_put_text(json, "name", info->signers[i].name);
        bsi_json_put_bool(json, "is_own", info->signers[i].is_own);
        bsi_json_end_object(json);
    }
    bsi_json_end_array(json);
}

bs_status bs_keyring_info_to_json(const bs_keyring_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    write_keyring(&json, info);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_slots_info_to_json(const bs_slots_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "backup_id", info->backup_id);
    bsi_json_put_text(&json, "encryption", bs_encryption_name(info->encryption));
    bsi_json_write_key(&json, "slots");
    bsi_json_begin_array(&json);
    for (size_t i = 0; i < info->slots_count; i++) {
        bsi_json_begin_object(&json);
        bsi_json_put_u64(&json, "number", info->slots[i].number);
        bsi_json_put_text(&json, "kind", bs_key_kind_name(info->slots[i].kind));
        bsi_json_put_text(&json, "fingerprint", info->slots[i].fingerprint);
        bsi_json_put_text(&json, "label", info->slots[i].label);
        bsi_json_end_object(&json);
    }
    bsi_json_end_array(&json);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_audit_record_to_json(const bs_audit_record *record, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(record);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_u64(&json, "seq", record->seq);
    bsi_json_put_text(&json, "time", record->time);
    bsi_json_put_u64(&json, "uid", record->uid);
    bsi_json_put_text(&json, "user", record->user);
    bsi_json_put_i64(&json, "process", record->process);
    bsi_json_put_text(&json, "actor", record->actor);
    bsi_json_put_text(&json, "action", record->action);
    bsi_json_put_text(&json, "object", record->object);
    bsi_json_put_text(&json, "name", record->name);
    bsi_json_put_text(&json, "result", bs_audit_result_name(record->result));
    bsi_json_put_text(&json, "error", record->error);
    bsi_json_put_text(&json, "detail", record->detail);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_audit_report_to_json(const bs_audit_report *report, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(report);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "fault", bs_audit_fault_name(report->fault));
    bsi_json_put_u64(&json, "seq", report->seq);
    bsi_json_put_text(&json, "message", report->message);
    bsi_json_put_text(&json, "file", report->file);
    bsi_json_put_u64(&json, "records", report->records);
    bsi_json_put_text(&json, "newest_hash", report->newest_hash);
    bsi_json_put_bool(&json, "end_is_known", report->end_is_known);
    bsi_json_put_u64(&json, "unfinished_bytes", report->unfinished_bytes);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_error_to_json(const bs_error *error, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;
    char *text = NULL;
    bs_status status = BS_OK;

    BSI_REQUIRE(error);
    BSI_REQUIRE(out);
    bsi_buf_init(&buf, BSI_JSON_DOCUMENT_MAX);
    bsi_json_writer_init(&json, &buf, BSI_JSON_COMPACT);
    bsi_json_write_error(&json, error);
    status = bsi_json_writer_finish(&json);
    if (status >= 0) {
        text = bsi_buf_take_text(&buf);
        status = text ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&buf);
    if (status >= 0) {
        *out = text;
    }
    return status;
}
