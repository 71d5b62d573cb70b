/* SPDX-License-Identifier: MIT */
/*
 * Infos of repositories as JSON.
 */
#include <backupsvc/json.h>

#include "api/check.h"
#include "api/json_document.h"

bs_status bs_snapshot_info_to_json(const bs_snapshot_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "id", info->id);
    bsi_json_put_text(&json, "backup_id", info->backup_id);
    bsi_json_put_text(&json, "name", info->name);
    bsi_json_put_text(&json, "time", info->time);
    bsi_json_put_text(&json, "hostname", info->hostname);
    bsi_json_put_text(&json, "username", info->username);
    bsi_json_put_texts(&json, "paths", info->paths);
    bsi_json_put_texts(&json, "tags", info->tags);
    bsi_json_put_text(&json, "parent", info->parent);
    bsi_json_put_text(&json, "tree", info->tree);
    bsi_json_put_text(&json, "program_version", info->program_version);
    bsi_json_put_bool(&json, "has_summary", info->has_summary);
    bsi_json_put_u64(&json, "files", info->files);
    bsi_json_put_u64(&json, "bytes", info->bytes);
    bsi_json_put_u64(&json, "bytes_added", info->bytes_added);
    return bsi_json_document_end(&json, &buf, out);
}

static void put_entry_or_null(bsi_json_writer *json, const char *key, const bs_entry *entry)
{
    bsi_json_write_key(json, key);
    if (!entry) {
        bsi_json_write_null(json);
        return;
    }
    bsi_json_begin_object(json);
    bsi_json_put_entry(json, entry);
    bsi_json_end_object(json);
}

bs_status bs_difference_to_json(const bs_difference *difference, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(difference);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "kind", bs_difference_kind_name(difference->kind));
    put_entry_or_null(&json, "before", difference->before);
    put_entry_or_null(&json, "after", difference->after);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_find_match_to_json(const bs_find_match *match, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(match);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "snapshot_id", match->snapshot->id);
    bsi_json_put_text(&json, "snapshot_time", match->snapshot->time);
    bsi_json_put_text(&json, "backup_id", match->snapshot->backup_id);
    bsi_json_put_text(&json, "name", match->snapshot->name);
    put_entry_or_null(&json, "entry", match->entry);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_repository_key_to_json(const bs_repository_key *key, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(key);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "id", key->id);
    bsi_json_put_bool(&json, "is_current", key->is_current);
    bsi_json_put_text(&json, "username", key->username);
    bsi_json_put_text(&json, "hostname", key->hostname);
    bsi_json_put_text(&json, "created_at", key->created_at);
    bsi_json_put_text(&json, "damage", key->damage);
    bsi_json_put_text(&json, "kind", bs_key_kind_name(key->kind));
    return bsi_json_document_end(&json, &buf, out);
}

static void put_findings(bsi_json_writer *json, const bs_check_finding *findings, size_t count)
{
    bsi_json_write_key(json, "findings");
    bsi_json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        const bs_check_finding *finding = &findings[i];
        bsi_json_begin_object(json);
        bsi_json_put_text(json, "subject", bs_check_subject_name(finding->subject));
        bsi_json_put_bool(json, "is_note", finding->is_note);
        bsi_json_put_text(json, "id", finding->id);
        bsi_json_put_text(json, "path", finding->path);
        bsi_json_put_text(json, "message", finding->message);
        bsi_json_end_object(json);
    }
    bsi_json_end_array(json);
    bsi_json_put_u64(json, "findings_kept", count);
}

bs_status bs_check_info_to_json(const bs_check_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "id", info->id);
    bsi_json_put_text(&json, "storage", info->storage);
    bsi_json_put_text(&json, "status", bs_job_state_name(info->status));
    bsi_json_put_text(&json, "created_at", info->created_at);
    bsi_json_put_text(&json, "started_at", info->started_at);
    bsi_json_put_text(&json, "completed_at", info->completed_at);
    put_findings(&json, info->findings, info->findings_kept);
    bsi_json_put_u64(&json, "errors", info->errors);
    bsi_json_put_u64(&json, "notes", info->notes);
    bsi_json_put_u64(&json, "indexes", info->indexes);
    bsi_json_put_u64(&json, "packs", info->packs);
    bsi_json_put_u64(&json, "blobs", info->blobs);
    bsi_json_put_u64(&json, "packs_read", info->packs_read);
    bsi_json_put_u64(&json, "bytes_read", info->bytes_read);
    bsi_json_put_u64(&json, "trees", info->trees);
    bsi_json_put_u64(&json, "snapshots", info->snapshots);
    bsi_json_put_u64(&json, "snapshots_damaged", info->snapshots_damaged);
    bsi_json_put_error(&json, &info->error);
    bsi_json_put_usage(&json, &info->usage);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_prune_info_to_json(const bs_prune_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "id", info->id);
    bsi_json_put_text(&json, "storage", info->storage);
    bsi_json_put_text(&json, "status", bs_job_state_name(info->status));
    bsi_json_put_text(&json, "created_at", info->created_at);
    bsi_json_put_text(&json, "started_at", info->started_at);
    bsi_json_put_text(&json, "completed_at", info->completed_at);
    bsi_json_put_bool(&json, "dry_run", info->dry_run);
    bsi_json_put_u64(&json, "snapshots", info->snapshots);
    bsi_json_put_u64(&json, "packs", info->packs);
    bsi_json_put_u64(&json, "bytes_needed", info->bytes_needed);
    bsi_json_put_u64(&json, "bytes_unneeded", info->bytes_unneeded);
    bsi_json_put_u64(&json, "bytes_twice", info->bytes_twice);
    bsi_json_put_u64(&json, "packs_unknown", info->packs_unknown);
    bsi_json_put_u64(&json, "bytes_unknown", info->bytes_unknown);
    bsi_json_put_u64(&json, "packs_to_remove", info->packs_to_remove);
    bsi_json_put_u64(&json, "packs_to_repack", info->packs_to_repack);
    bsi_json_put_u64(&json, "bytes_to_remove", info->bytes_to_remove);
    bsi_json_put_u64(&json, "bytes_to_repack", info->bytes_to_repack);
    bsi_json_put_u64(&json, "bytes_left", info->bytes_left);
    bsi_json_put_u64(&json, "packs_waiting", info->packs_waiting);
    bsi_json_put_u64(&json, "packs_removed", info->packs_removed);
    bsi_json_put_u64(&json, "bytes_removed", info->bytes_removed);
    bsi_json_put_u64(&json, "packs_written", info->packs_written);
    bsi_json_put_u64(&json, "bytes_written", info->bytes_written);
    bsi_json_put_error(&json, &info->error);
    bsi_json_put_usage(&json, &info->usage);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_repair_info_to_json(const bs_repair_info *info, char **out)
{
    bsi_json_writer json;
    bsi_buf buf;

    BSI_REQUIRE(info);
    BSI_REQUIRE(out);
    bsi_json_document_begin(&json, &buf);
    bsi_json_put_text(&json, "id", info->id);
    bsi_json_put_text(&json, "storage", info->storage);
    bsi_json_put_text(&json, "status", bs_job_state_name(info->status));
    bsi_json_put_text(&json, "created_at", info->created_at);
    bsi_json_put_text(&json, "started_at", info->started_at);
    bsi_json_put_text(&json, "completed_at", info->completed_at);
    bsi_json_put_text(&json, "part", bs_repair_part_name(info->part));
    bsi_json_put_bool(&json, "dry_run", info->dry_run);
    put_findings(&json, info->findings, info->findings_kept);
    bsi_json_put_u64(&json, "findings_count", info->findings_count);
    bsi_json_put_u64(&json, "indexes_damaged", info->indexes_damaged);
    bsi_json_put_u64(&json, "packs_found", info->packs_found);
    bsi_json_put_u64(&json, "packs_corrected", info->packs_corrected);
    bsi_json_put_u64(&json, "packs_missing", info->packs_missing);
    bsi_json_put_u64(&json, "packs_unreadable", info->packs_unreadable);
    bsi_json_put_u64(&json, "packs_damaged", info->packs_damaged);
    bsi_json_put_u64(&json, "blobs_saved", info->blobs_saved);
    bsi_json_put_u64(&json, "blobs_lost", info->blobs_lost);
    bsi_json_put_u64(&json, "snapshots", info->snapshots);
    bsi_json_put_u64(&json, "snapshots_repaired", info->snapshots_repaired);
    bsi_json_put_u64(&json, "snapshots_lost", info->snapshots_lost);
    bsi_json_put_u64(&json, "files_shortened", info->files_shortened);
    bsi_json_put_u64(&json, "folders_emptied", info->folders_emptied);
    bsi_json_put_error(&json, &info->error);
    bsi_json_put_usage(&json, &info->usage);
    return bsi_json_document_end(&json, &buf, out);
}

bs_status bs_copy_info_to_json(const bs_copy_info *info, char **out)
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
    put_findings(&json, info->findings, info->findings_kept);
    bsi_json_put_u64(&json, "snapshots", info->snapshots);
    bsi_json_put_u64(&json, "snapshots_present", info->snapshots_present);
    bsi_json_put_u64(&json, "snapshots_failed", info->snapshots_failed);
    bsi_json_put_u64(&json, "trees", info->trees);
    bsi_json_put_u64(&json, "blobs", info->blobs);
    bsi_json_put_u64(&json, "bytes", info->bytes);
    bsi_json_put_error(&json, &info->error);
    bsi_json_put_usage(&json, &info->usage);
    return bsi_json_document_end(&json, &buf, out);
}
