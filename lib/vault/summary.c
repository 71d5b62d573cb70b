/* SPDX-License-Identifier: MIT */
/*
 * Fills in what a finished run is said to be.
 */
#include "vault/summary.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "text/json_write.h"

static bs_status copy(const char *text, char **out)
{
    *out = bsi_strdup(text);
    return *out ? BS_OK : BS_E_NOMEM;
}

static bs_status list_sources(const char *const *paths, char **out)
{
    bsi_json_writer json;
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_MANIFEST_LINE_MAX / 4);
    bsi_json_writer_init(&json, &text, BSI_JSON_COMPACT);
    bsi_json_begin_array(&json);
    for (size_t i = 0; paths && paths[i]; i++) {
        bsi_json_write_text(&json, paths[i]);
    }
    bsi_json_end_array(&json);
    status = bsi_json_writer_finish(&json);
    if (status >= 0) {
        *out = bsi_buf_take_text(&text);
        status = *out ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&text);
    return status;
}

bs_status bsi_summary_fill(bsi_manifest_info *info, const bsi_backup_plan *plan, const char *form,
                           const char *container_key)
{
    (void)snprintf(info->id, sizeof(info->id), "%s", plan->id);
    info->kind = plan->kind;
    info->encryption = plan->encryption;
    info->level = plan->level;
    info->created_at = plan->created_at;
    info->started_at = plan->started_at;
    info->retention_days = plan->retention_days;
    BSI_TRY(copy(plan->name, &info->name));
    BSI_TRY(copy(form, &info->form));
    BSI_TRY(copy(plan->compression, &info->compression));
    BSI_TRY(copy(plan->note, &info->note));
    BSI_TRY(copy(plan->metadata, &info->metadata));
    BSI_TRY(copy(plan->options, &info->options));
    BSI_TRY(copy(container_key, &info->container_key));
    return list_sources(plan->source_paths, &info->source_paths);
}

static const char *const loss_words[] = {
    "with extended attributes", "hard links",       "sparse files", "special files", "with owners",
    "with exact times",         "with other names",
};

bs_status bsi_summary_note_losses(bsi_manifest_info *info, const char *container,
                                  const uint64_t *losses)
{
    bsi_buf note;
    bs_status status = BS_OK;
    bool any = false;

    bsi_buf_init(&note, 64 * 1024);
    status = bsi_buf_append_text(&note, info->note);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(loss_words) && status >= 0; i++) {
        if (losses[i] == 0) {
            continue;
        }
        if (any) {
            status = bsi_buf_append_format(&note, ", %llu %s", (unsigned long long)losses[i],
                                           loss_words[i]);
        } else {
            status = bsi_buf_append_format(
                &note, "%sonly the manifest keeps, and not the bare %s: %llu %s",
                note.size > 0 ? "; " : "", container, (unsigned long long)losses[i], loss_words[i]);
        }
        any = true;
    }
    if (status >= 0) {
        char *text = bsi_buf_take_text(&note);
        bsi_free(info->note);
        info->note = text;
        status = text ? BS_OK : BS_E_NOMEM;
    }
    bsi_buf_dispose(&note);
    return status;
}

static bs_status refer(bsi_container_ref *out, const char *id, const char *key,
                       const char *compression)
{
    (void)snprintf(out->id, sizeof(out->id), "%s", id);
    BSI_TRY(copy(key, &out->key));
    return copy(compression, &out->compression);
}

/* The base's own container, or one that the base itself needs. */
static bs_status resolve(const char *id, const bsi_manifest_info *base, bsi_container_ref *out)
{
    if (base && strcmp(id, base->id) == 0) {
        out->size = base->container_size;
        out->sha256 = base->container_sha256;
        return refer(out, id, base->container_key, base->compression);
    }
    for (size_t i = 0; base && i < base->needs_count; i++) {
        const bsi_container_ref *need = &base->needs[i];
        if (strcmp(id, need->id) == 0) {
            out->size = need->size;
            out->sha256 = need->sha256;
            return refer(out, id, need->key, need->compression);
        }
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "the base does not name the container of '%s'",
                    id);
}

bs_status bsi_summary_needs(bsi_manifest_info *info, const bsi_id_set *ids,
                            const bsi_manifest_info *base)
{
    if (base) {
        memcpy(info->base_id, base->id, BS_ID_SIZE);
    }
    info->needs = bsi_calloc(ids->count, sizeof(*info->needs));
    if (!info->needs) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < ids->count; i++) {
        info->needs_count++;
        BSI_TRY(resolve(ids->ids[i], base, &info->needs[i]));
    }
    return BS_OK;
}

bs_status bsi_summary_put_warnings(const bsi_warn_log *log, bsi_manifest_writer *manifest)
{
    bsi_record record;
    bs_status status = BS_OK;

    while ((status = bsi_draft_next(log->lines, &record)) == BS_OK) {
        BSI_TRY(bsi_manifest_writer_put(manifest, record.bytes.data, record.bytes.size));
    }
    return status < 0 ? status : BS_OK;
}

bs_status bsi_summary_result(const bsi_manifest_info *info, const char *manifest_key,
                             bsi_backup_result *out)
{
    bsi_backup_result result = {
        .container_size = info->container_size,
        .manifest_size = info->manifest_size,
        .manifest_sha256 = info->manifest_sha256,
        .files = info->files,
        .bytes = info->bytes,
        .bytes_stored = info->bytes_stored_data + info->manifest_size,
        .bytes_deduplicated = info->bytes_deduplicated,
        .completed_at = info->completed_at,
        .needs_count = info->needs_count,
    };
    bs_status status = copy(info->container_key, &result.container_key);

    if (status >= 0) {
        status = copy(manifest_key, &result.manifest_key);
    }
    if (status >= 0) {
        status = copy(info->note, &result.note);
    }
    if (status >= 0) {
        result.needs = bsi_calloc(info->needs_count, sizeof(*result.needs));
        status = result.needs ? BS_OK : BS_E_NOMEM;
    }
    if (status < 0) {
        bsi_backup_result_dispose(&result);
        return status;
    }
    for (size_t i = 0; i < info->needs_count; i++) {
        memcpy(result.needs[i], info->needs[i].id, BS_ID_SIZE);
    }
    *out = result;
    return BS_OK;
}

void bsi_backup_result_dispose(bsi_backup_result *result)
{
    bsi_free(result->container_key);
    bsi_free(result->manifest_key);
    bsi_free(result->note);
    bsi_free(result->needs);
    bsi_secret_free(result->data_key);
    *result = (bsi_backup_result){0};
}
