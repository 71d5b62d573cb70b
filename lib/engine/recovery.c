/* SPDX-License-Identifier: MIT */
/*
 * Recovery after a process that ended without closing its service.
 *
 * The ids of interrupted backups are kept in the catalogue, one behind the
 * other, until their storage is there: profiles are registered after the service
 * is open.
 */
#include "engine/recovery.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/access.h"
#include "engine/copies.h"
#include "engine/manifest_row.h"
#include "engine/removal.h"
#include "engine/service.h"
#include "vault/manifest.h"
#include "vault/manifests.h"
#include "vault/names.h"

#define RECOVERY_META "interrupted"
#define RECOVERY_TEXT_MAX ((size_t)64 * 1024 * 1024)

static bs_status load_ids(bs_service *service, bsi_buf *out)
{
    char *old = NULL;
    bs_status status = bsi_catalog_get_meta(service->catalog, RECOVERY_META, &old);

    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    if (status >= 0) {
        status = bsi_buf_append_text(out, old);
    }
    bsi_free(old);
    return status;
}

static bs_status save_ids(bs_service *service, bsi_buf *ids)
{
    BSI_TRY(bsi_buf_append_byte(ids, 0));
    return bsi_catalog_set_meta(service->catalog, RECOVERY_META,
                                ids->size > 1 ? (const char *)ids->data : NULL);
}

static bs_status add_ids(bs_service *service, bsi_row_status row_status, bsi_buf *ids)
{
    const bsi_backup_filter filter = {.status = row_status, .deleting = true};
    bsi_row_backup *rows = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_list_backups(service->catalog, &filter, &rows, &count, NULL);

    for (size_t i = 0; i < count && status >= 0; i++) {
        status = bsi_buf_append_format(ids, "%s ", rows[i].id);
    }
    bsi_row_backups_free(rows, count);
    return status;
}

bs_status bsi_recovery_mark(bs_service *service)
{
    uint64_t count = 0;
    size_t before = 0;
    bsi_buf ids;
    bs_status status = BS_OK;

    bsi_buf_init(&ids, RECOVERY_TEXT_MAX);
    status = load_ids(service, &ids);
    before = ids.size;
    if (status >= 0) {
        status = add_ids(service, BSI_ROW_PENDING, &ids);
    }
    if (status >= 0) {
        status = add_ids(service, BSI_ROW_RUNNING, &ids);
    }
    if (status >= 0 && ids.size > before) {
        status = save_ids(service, &ids);
    }
    if (status >= 0) {
        status = bsi_catalog_mark_interrupted(service->catalog, bsi_row_now(), &count);
    }
    if (status >= 0 && count > 0) {
        bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                      "%llu jobs were interrupted when the last process ended",
                      (unsigned long long)count);
    }
    bsi_buf_dispose(&ids);
    return status;
}

bs_status bsi_recovery_is_due(bs_service *service, bool *out)
{
    bsi_buf ids;
    bs_status status = BS_OK;

    bsi_buf_init(&ids, RECOVERY_TEXT_MAX);
    status = load_ids(service, &ids);
    *out = status >= 0 && ids.size > 0;
    bsi_buf_dispose(&ids);
    return status;
}

/* --- One backup --- */

typedef struct search {
    const bsi_vault_env *env;
    const char *id;
    char tail[BSI_SHORT_ID_SIZE + sizeof(BSI_MANIFEST_SUFFIX)];
    char *key; /* Of its manifest. */
    bsi_manifest_info info;
} search;

/* The name of a manifest ends in digits of its backup's id; what it says decides. */
static bs_status look_at_key(void *user, const char *key, const bs_storage_object *object)
{
    search *found = user;
    const size_t size = strlen(key);
    const size_t tail = strlen(found->tail);
    bsi_manifest_info info = {0};
    bs_status status = BS_OK;

    (void)object;
    if (size < tail || strcmp(key + size - tail, found->tail) != 0) {
        return BS_OK;
    }
    status = bsi_vault_look(found->env, key, &info);
    if (status == BS_E_CORRUPT || status == BS_E_VERSION || status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    if (status < 0) {
        return status;
    }
    if (strcmp(info.id, found->id) != 0) {
        bsi_manifest_info_dispose(&info);
        return BS_OK;
    }
    found->key = bsi_strdup(key);
    found->info = info;
    return found->key ? BS_END : BS_E_NOMEM;
}

/* The name of a snapshot tells nothing: only what it says. */
static bs_status look_at_info(void *user, const char *key, const bsi_manifest_info *info)
{
    search *found = user;

    if (found->key || strcmp(info->id, found->id) != 0) {
        return BS_OK;
    }
    BSI_TRY(bsi_vault_info(found->env, key, &found->info));
    found->key = bsi_strdup(key);
    return found->key ? BS_OK : BS_E_NOMEM;
}

static void note_locked(void *user, bsi_slice path, const bs_error *error)
{
    (void)path;
    if (error->code == BS_E_KEY) {
        *(bs_error *)user = *error;
    }
}

/* BS_E_KEY: whether it is there cannot be known yet. */
static bs_status find_snapshot(const bsi_vault *vault, search *found)
{
    bs_error locked = {.code = BS_OK};
    const bsi_warn warn = {note_locked, &locked};
    bsi_vault_env env = *found->env;

    env.warn = &warn;
    BSI_TRY(vault->manifests->scan(&env, look_at_info, found));
    if (locked.code < 0) {
        bsi_error_restore(&locked);
    }
    return locked.code;
}

static bs_status find_manifest(const bsi_vault *vault, const bsi_row_backup *row, search *found)
{
    bs_status status = BS_OK;

    if (strcmp(row->form, "repository") == 0) {
        return find_snapshot(vault, found);
    }
    bsi_short_id(row->id, found->tail);
    memcpy(found->tail + BSI_SHORT_ID_SIZE - 1, BSI_MANIFEST_SUFFIX, sizeof(BSI_MANIFEST_SUFFIX));
    status = bsi_storage_list(found->env->storage, NULL, row->name, look_at_key, found);
    return status < 0 ? status : BS_OK;
}

/* Its row was all that was missing. */
static bs_status adopt(bs_service *service, const bsi_row_backup *row, const search *found)
{
    bsi_arena arena = {0};
    bsi_backup_import item;
    bs_status status = bsi_row_from_manifest(&found->info, row->storage, found->key, &arena, &item);

    if (status >= 0) {
        status =
            bsi_catalog_update_backup(service->catalog, &item.row, item.needs, item.needs_count);
    }
    if (status >= 0) {
        status = bsi_warnings_from_manifest(service, found->env->storage, &item.row);
    }
    if (status >= 0) {
        status = bsi_copies_want(service, &item.row);
    }
    if (status >= 0) {
        bsi_log_write(&service->log, BS_LOG_INFO, "engine",
                      "backup %s had been complete when it was interrupted", row->id);
    }
    bsi_arena_dispose(&arena);
    return status;
}

/* The newest mirror of a name is the only one that there is. */
static bs_status drop_older_mirrors(bs_service *service, const bsi_row_backup *row)
{
    const bsi_backup_filter filter = {
        .name = row->name, .storage = row->storage, .form = "mirror", .deleting = true};
    bsi_row_backup *rows = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_list_backups(service->catalog, &filter, &rows, &count, NULL);

    for (size_t i = 0; i < count && status >= 0; i++) {
        if (rows[i].seq < row->seq && rows[i].manifest_key[0]) {
            status = bsi_catalog_remove_backup(service->catalog, rows[i].id);
        }
    }
    bsi_row_backups_free(rows, count);
    return status;
}

static bs_status recover_row(bs_service *service, bsi_storage *storage, const bsi_row_backup *row)
{
    bsi_vault_env env = bsi_service_env(service, storage, NULL, NULL);
    const bsi_vault *vault = bsi_vault_find(row->form);
    const bool mirror = strcmp(row->form, "mirror") == 0;
    search found = {.env = &env, .id = row->id};
    bsi_access access = {0};
    bs_status status = bsi_access_open_for(service, row, NULL, &env, &access);

    if (status >= 0 && vault) {
        status = find_manifest(vault, row, &found);
    }
    if (status >= 0 && found.key) {
        status = mirror ? vault->recover(&env, row->name, row->id) : BS_OK;
        if (status >= 0 && mirror) {
            status = drop_older_mirrors(service, row);
        }
        if (status >= 0) {
            status = adopt(service, row, &found); /* The last step: it ends the recovery. */
        }
    } else if (status >= 0 && vault) {
        status = vault->recover(&env, row->name, row->id);
    }
    bsi_manifest_info_dispose(&found.info);
    bsi_free(found.key);
    bsi_access_close(&access);
    return status;
}

/* Where nothing is removed, what is left stays: it harms nobody, and waiting helps nobody. */
static bool is_kept_for_good(const bsi_storage *storage)
{
    return (bsi_storage_caps(storage) & (BS_STORAGE_CAP_APPEND_ONLY | BS_STORAGE_CAP_READ_ONLY)) !=
           0;
}

/* BS_OK: done with; BS_PARTIAL: to be tried again another time. */
static bs_status recover_id(bs_service *service, bsi_storage *storage, const char *name,
                            const char *id)
{
    bsi_row_backup row;
    bs_status status = bsi_catalog_get_backup(service->catalog, id, &row);

    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    if (status < 0) {
        return status;
    }
    if (strcmp(row.storage, name) != 0) {
        status = BS_PARTIAL;
    } else if (row.status == BSI_ROW_FAILED) {
        status = recover_row(service, storage, &row);
        if (status == BS_E_READ_ONLY && is_kept_for_good(storage)) {
            bsi_log_write(&service->log, BS_LOG_INFO, "engine",
                          "what backup %s left stays on storage '%s': %s", id, name,
                          bs_error_last()->message);
            status = BS_OK;
        } else if (status < 0 && status != BS_E_NOMEM) {
            bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                          "what backup %s left on storage '%s' is not removed yet: %s", id, name,
                          bs_error_last()->message);
            status = BS_PARTIAL;
        }
    }
    bsi_row_backup_dispose(&row);
    return status;
}

static bs_status recover_ids(bs_service *service, bsi_storage *storage, const char *name)
{
    char id[BS_ID_SIZE] = "";
    bsi_buf ids;
    bsi_buf left;
    bs_status status = BS_OK;

    bsi_buf_init(&ids, RECOVERY_TEXT_MAX);
    bsi_buf_init(&left, RECOVERY_TEXT_MAX);
    status = load_ids(service, &ids);
    for (size_t at = 0; at + BS_ID_SIZE <= ids.size && status >= 0; at += BS_ID_SIZE) {
        memcpy(id, ids.data + at, BS_ID_SIZE - 1);
        status = recover_id(service, storage, name, id);
        if (status == BS_PARTIAL) {
            status = bsi_buf_append_format(&left, "%s ", id);
        }
    }
    if (status >= 0 && left.size != ids.size) {
        status = save_ids(service, &left);
    }
    bsi_buf_dispose(&ids);
    bsi_buf_dispose(&left);
    return status;
}

bs_status bsi_recovery_storage(bs_service *service, const char *name)
{
    bsi_storage *storage = NULL;
    bs_status status = bsi_service_storage(service, name, &storage);

    if (status >= 0) {
        status = recover_ids(service, storage, name);
    }
    bsi_storage_unref(storage);
    return status < 0 ? status : bsi_removals_finish(service, name);
}
