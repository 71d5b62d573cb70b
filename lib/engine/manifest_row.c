/* SPDX-License-Identifier: MIT */
/*
 * Rows from manifests.
 */
#include "engine/manifest_row.h"

#include <string.h>

#include "engine/access.h"
#include "engine/service.h"
#include "engine/words.h"
#include "text/json_read.h"

int64_t bsi_row_expiry(int64_t created_at, int32_t retention_days)
{
    const int64_t day = INT64_C(86400) * 1000000000;

    if (retention_days < 0 || created_at > INT64_MAX - retention_days * day) {
        return 0;
    }
    return created_at + retention_days * day;
}

uint32_t bsi_row_retention(int32_t retention_days)
{
    return retention_days > 0 ? (uint32_t)retention_days : 0;
}

/* What stands between the quotes of a text in a request; "" where there is none. */
static bsi_slice find_text(const char *options, const char *name)
{
    bsi_json_reader json;
    bsi_slice key;
    bsi_slice value;
    bsi_slice found = {"", 0};

    bsi_json_init(&json, options, strlen(options), BS_LAYER_STORAGE, BS_E_CORRUPT);
    if (bsi_json_enter_object(&json) < 0) {
        return found;
    }
    while (bsi_json_next_key(&json, &key) == BS_OK) {
        const bool wanted = bsi_slice_is(key, name);
        if (bsi_json_raw_value(&json, &value) < 0) {
            break;
        }
        if (wanted && value.size > 2) {
            found = (bsi_slice){value.data + 1, value.size - 2};
        }
    }
    return found;
}

/* The type that was asked for stands in the request that the manifest keeps. */
static const char *requested_type(const bsi_manifest_info *info)
{
    int type = (int)info->kind;

    (void)bsi_word_parse(bsi_words_backup_type, find_text(info->options, "backup_type"), &type);
    return bsi_word_name(bsi_words_backup_type, type);
}

/* Names of storages need no escapes. */
bs_status bsi_row_asked_storage(const char *options, bsi_arena *arena, const char **out)
{
    *out = bsi_arena_slice(arena, find_text(options, "storage"));
    return *out ? BS_OK : BS_E_NOMEM;
}

/* What a manifest that no key opens does not tell. */
static const char *or_empty(const char *json, const char *empty)
{
    return json && json[0] ? json : empty;
}

static bs_status fill_texts(const bsi_manifest_info *info, const char *storage,
                            const char *manifest_key, bsi_arena *arena, bsi_row_backup *row)
{
    char digest[2 * BSI_SHA256_SIZE + 1];
    const struct {
        const char **to;
        const char *from;
    } texts[] = {
        {&row->id, info->id},
        {&row->name, info->name},
        {&row->form, info->form},
        {&row->storage, storage},
        {&row->compression, info->compression},
        {&row->source_paths, or_empty(info->source_paths, "[]")},
        {&row->options, or_empty(info->options, "{}")},
        {&row->metadata, or_empty(info->metadata, "{}")},
        {&row->container_key, info->container_key},
        {&row->manifest_key, manifest_key},
        {&row->manifest_sha256, digest},
        {&row->base_id, info->base_id},
        {&row->base_note, info->note},
    };

    bsi_digest_format(&info->manifest_sha256, digest);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        *texts[i].to = bsi_arena_text(arena, texts[i].from);
        if (!*texts[i].to) {
            return BS_E_NOMEM;
        }
    }
    row->backup_type = bsi_backup_kind_name(info->kind);
    row->requested_type = requested_type(info);
    row->encryption = bsi_encryption_name(info->encryption);
    row->error_message = "";
    if (info->is_locked) {
        row->base_note = "listed without its key: what it holds is not known here";
    }
    return BS_OK;
}

static void fill_numbers(const bsi_manifest_info *info, bsi_row_backup *row)
{
    row->compression_level = info->level;
    row->status = info->warnings > 0 ? BSI_ROW_COMPLETED_WITH_WARNINGS : BSI_ROW_COMPLETED;
    row->created_at = bsi_row_time(info->created_at);
    row->started_at = bsi_row_time(info->started_at);
    row->completed_at = bsi_row_time(info->completed_at);
    row->expires_at = bsi_row_expiry(row->created_at, info->retention_days);
    row->container_size = info->container_size;
    row->manifest_size = info->manifest_size;
    row->bytes_processed = info->bytes;
    row->files_processed = info->files;
    row->total_bytes = info->bytes;
    row->total_files = info->files;
    row->bytes_stored = info->bytes_stored_data + info->manifest_size;
    row->bytes_deduplicated = info->bytes_deduplicated;
    row->retention_days = bsi_row_retention(info->retention_days);
}

bs_status bsi_row_from_manifest(const bsi_manifest_info *info, const char *storage,
                                const char *manifest_key, bsi_arena *arena, bsi_backup_import *out)
{
    bsi_backup_import item = {.needs_count = info->needs_count};
    const char **needs = NULL;

    BSI_TRY(fill_texts(info, storage, manifest_key, arena, &item.row));
    fill_numbers(info, &item.row);
    needs = bsi_arena_alloc(arena, info->needs_count + 1, sizeof(*needs));
    for (size_t i = 0; needs && i < info->needs_count; i++) {
        needs[i] = bsi_arena_text(arena, info->needs[i].id);
        if (!needs[i]) {
            return BS_E_NOMEM;
        }
    }
    if (!needs) {
        return BS_E_NOMEM;
    }
    item.needs = needs;
    *out = item;
    return BS_OK;
}

/* --- Warnings --- */

enum { WARNING_BATCH = 64 };

/* Warnings on their way into the catalogue, many at a time. */
typedef struct warning_copy {
    bs_service *service;
    const char *id;
    bsi_arena arena;
    bsi_row_warning rows[WARNING_BATCH];
    size_t count;
    bs_status status;
} warning_copy;

static void flush_warnings(warning_copy *copy)
{
    if (copy->status >= 0 && copy->count > 0) {
        copy->status =
            bsi_catalog_add_warnings(copy->service->catalog, copy->id, copy->rows, copy->count);
    }
    copy->count = 0;
    bsi_arena_dispose(&copy->arena);
}

static void copy_warning(void *user, bsi_slice path, const bs_error *error)
{
    warning_copy *copy = user;
    bsi_row_warning *row = &copy->rows[copy->count];

    if (copy->status < 0) {
        return;
    }
    *row = (bsi_row_warning){.code = error->code, .layer = error->layer};
    row->path = (bsi_slice){bsi_arena_slice(&copy->arena, path), path.size};
    row->message = bsi_arena_text(&copy->arena, error->message);
    if (!row->path.data || !row->message) {
        copy->status = BS_E_NOMEM;
        return;
    }
    copy->count++;
    if (copy->count == WARNING_BATCH) {
        flush_warnings(copy);
    }
}

bs_status bsi_warnings_from_manifest(bs_service *service, bsi_storage *storage,
                                     const bsi_row_backup *row)
{
    bsi_vault_env env = bsi_service_env(service, storage, NULL, NULL);
    bsi_access access;
    warning_copy copy = {.service = service, .id = row->id};
    const bsi_warn warn = {copy_warning, &copy};
    bsi_row_warning *rows = NULL;
    size_t count = 0;
    uint64_t total = 0;
    bs_status status = BS_OK;

    if (row->status != BSI_ROW_COMPLETED_WITH_WARNINGS) {
        return BS_OK;
    }
    BSI_TRY(bsi_catalog_list_warnings(service->catalog, row->id, 0, 1, &rows, &count, &total));
    bsi_row_warnings_free(rows, count);
    if (total > 0) {
        return BS_OK;
    }
    BSI_TRY(bsi_access_open_for(service, row, NULL, &env, &access));
    status = bsi_vault_warnings(&env, row->manifest_key, &warn);
    bsi_access_close(&access);
    flush_warnings(&copy);
    if (status == BS_E_KEY) {
        return BS_OK; /* They come to light when a key does. */
    }
    return status < 0 ? status : copy.status;
}
