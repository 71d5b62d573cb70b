/* SPDX-License-Identifier: MIT */
/*
 * Removes backups: those that need others before those that they need.
 */
#include "engine/removal.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/numbers.h"
#include "engine/access.h"
#include "engine/pins.h"
#include "engine/service.h"
#include "storage/decorators/guard.h"
#include "vault/pins.h"

#define REMOVE_ACTION "backup.remove"

static bs_status remove_row(bs_service *service, const bsi_row_backup *row, const char *reason)
{
    BSI_TRY(bsi_catalog_remove_backup(service->catalog, row->id));
    if (bsi_row_is_completed(row->status)) {
        bsi_metrics_count(&service->metrics, BSI_METRIC_RETENTION_DELETED, reason, NULL, 1);
        bsi_metrics_count(&service->metrics, BSI_METRIC_RETENTION_RECLAIMED, NULL, NULL,
                          bsi_backup_freed(row));
    }
    return BS_OK;
}

static bs_status remove_objects(bs_service *service, const bsi_row_backup *row)
{
    const bsi_vault *vault = bsi_vault_find(row->form);
    bsi_storage *storage = NULL;
    bsi_vault_env env;
    bsi_access access;
    bs_status status = bsi_service_storage(service, row->storage, &storage);

    if (status < 0) {
        return status;
    }
    env = bsi_service_env(service, storage, NULL, NULL);
    status = bsi_access_open_for(service, row, NULL, &env, &access);
    if (status >= 0) {
        status = bsi_pins_remove(service, storage, row);
    }
    if (status < 0) {
        bsi_access_close(&access);
        bsi_storage_unref(storage);
        return status;
    }
    if (vault && (row->manifest_key[0] || row->container_key[0])) {
        status = vault->remove(&env, row->manifest_key[0] ? row->manifest_key : NULL,
                               row->container_key[0] ? row->container_key : NULL);
    } else if (vault) {
        status = vault->recover(&env, row->name, row->id);
    }
    bsi_access_close(&access);
    bsi_storage_unref(storage);
    return status;
}

/* --- Copies --- */

/* Where nothing may be removed it stays, and is a backup when the catalogue is made anew. */
static bs_status remove_from(bs_service *service, const bsi_row_backup *row, bsi_storage *storage,
                             const char *name)
{
    const bsi_vault_env env = bsi_service_env(service, storage, NULL, NULL);
    const bsi_vault *vault = bsi_vault_find(row->form);

    if (!vault || !row->manifest_key[0]) {
        return BS_OK;
    }
    if (bsi_storage_check_removable(storage, name) < 0) {
        bsi_log_write(&service->log, BS_LOG_INFO, "engine", "the copy of backup %s stays: %s",
                      row->id, bs_error_last()->message);
        return BS_OK;
    }
    BSI_TRY(bsi_vault_put_pins(&env, row->manifest_key, (bsi_slice){"", 0}));
    return vault->remove(&env, row->manifest_key, row->container_key);
}

static bs_status remove_copy(bs_service *service, const bsi_row_backup *row,
                             const bsi_row_copy *copy)
{
    const char *name = copy->storage;
    bsi_storage *storage = NULL;
    bs_status status = bsi_service_storage(service, name, &storage);

    if (status >= 0) {
        status = remove_from(service, row, storage, name);
    } else if (status == BS_E_NOT_FOUND && copy->status != BSI_ROW_COMPLETED) {
        status = BS_OK; /* It was only wanted, on a storage that nobody knows. */
    }
    bsi_storage_unref(storage);
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_STORAGE, status, "the copy of backup %s on storage '%s'",
                                row->id, name);
    }
    return bsi_catalog_remove_copy(service->catalog, row->id, name);
}

/* All that can be reached go; the first that cannot is told of. */
static bs_status remove_copies(bs_service *service, const bsi_row_backup *row)
{
    bsi_row_copy *copies = NULL;
    bs_error failure = {.code = BS_OK};
    size_t count = 0;

    BSI_TRY(bsi_catalog_list_copies(service->catalog, row->id, &copies, &count));
    for (size_t i = 0; i < count; i++) {
        if (remove_copy(service, row, &copies[i]) < 0 && failure.code == BS_OK) {
            bsi_error_save(&failure);
        }
    }
    bsi_row_copies_free(copies, count);
    if (failure.code < 0) {
        bsi_error_restore(&failure);
    }
    return failure.code;
}

/* Objects, those of the copies, then the row. */
static bs_status remove_all(bs_service *service, const bsi_row_backup *row, const char *reason)
{
    BSI_TRY(remove_objects(service, row));
    BSI_TRY(remove_copies(service, row));
    return remove_row(service, row, reason);
}

/* The row is marked already. */
static bs_status remove_marked(bs_service *service, const bsi_row_backup *row, const char *reason)
{
    const bsi_deed deed = {.action = REMOVE_ACTION, .object = row->id, .name = row->name};

    return bsi_audit_end(service, &deed, remove_all(service, row, reason));
}

/* --- One call --- */

/* What goes, in the order in which it goes; the one that was asked for is the last. */
typedef struct removal {
    bs_service *service;
    bsi_id *ids;
    size_t count;
    size_t held; /* So many of them are ours alone. */
    bool begun;  /* The audit log says so. */
} removal;

static bs_status fail_needed(const removal *self)
{
    char names[5 * BS_ID_SIZE + 16] = "";
    size_t used = 0;
    const size_t others = self->count - 1;

    for (size_t i = 0; i < others && i < 5; i++) {
        memcpy(names + used, self->ids[i].text, BS_ID_SIZE - 1);
        used += BS_ID_SIZE - 1;
        names[used++] = ' ';
    }
    names[used > 0 ? used - 1 : 0] = '\0';
    return bsi_fail(BS_LAYER_CALLER, BS_E_NEEDED, "backup %s is needed by %zu others: %s%s",
                    self->ids[others].text, others, names, others > 5 ? " ..." : "");
}

static bs_status collect(removal *self, const char *id, bool cascade)
{
    bsi_id *ids = NULL;
    bsi_id *all = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_dependants(self->service->catalog, id, true, &ids, &count);

    if (status < 0) {
        return status;
    }
    all = bsi_realloc_array(ids, count + 1, sizeof(*ids));
    if (!all) {
        bsi_free(ids);
        return BS_E_NOMEM;
    }
    memcpy(all[count].text, id, BS_ID_SIZE);
    self->ids = all;
    self->count = count + 1;
    return count > 0 && !cascade ? fail_needed(self) : BS_OK;
}

static bs_status hold(removal *self)
{
    for (size_t i = 0; i < self->count; i++) {
        bsi_job *job = bsi_job_find(self->service, self->ids[i].text);
        if (job) {
            bsi_job_unref(job);
            return bsi_fail(BS_LAYER_CALLER, BS_E_BUSY, "backup %s is running", self->ids[i].text);
        }
        BSI_TRY(bsi_uses_own(&self->service->uses, self->ids[i].text));
        self->held++;
    }
    return BS_OK;
}

/* Nothing is marked when one of them lies where we cannot reach it, or may remove nothing. */
static bs_status check_reachable(const removal *self)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < self->count && status >= 0; i++) {
        bsi_row_backup row;
        bsi_storage *storage = NULL;
        status = bsi_catalog_get_backup(self->service->catalog, self->ids[i].text, &row);
        if (status < 0) {
            return status;
        }
        status = bsi_service_storage(self->service, row.storage, &storage);
        if (status >= 0) {
            status = bsi_storage_check_removable(storage, row.storage);
        }
        bsi_storage_unref(storage);
        bsi_row_backup_dispose(&row);
    }
    return status;
}

/* Nor when one of them is pinned. */
static bs_status check_pins(const removal *self, int64_t now)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < self->count && status >= 0; i++) {
        status = bsi_catalog_check_pins(self->service->catalog, self->ids[i].text, now);
    }
    return status;
}

/* From here on they go. */
static bs_status begin(removal *self, const char *id, const char *why)
{
    const bsi_deed deed = {.action = REMOVE_ACTION, .object = id, .detail = why};

    BSI_TRY(bsi_audit_begin(self->service, &deed));
    self->begun = true;
    return BS_OK;
}

static bs_status remove_one(bs_service *service, const char *id, const char *reason)
{
    bsi_row_backup row;
    bs_status status = bsi_catalog_get_backup(service->catalog, id, &row);

    if (status < 0) {
        return status;
    }
    status = remove_marked(service, &row, reason);
    bsi_row_backup_dispose(&row);
    return status;
}

/* All that may keep it from going; then it has begun. */
static bs_status prepare(removal *self, const char *id, bool cascade, int64_t now)
{
    BSI_TRY(collect(self, id, cascade));
    BSI_TRY(hold(self));
    BSI_TRY(check_reachable(self));
    BSI_TRY(check_pins(self, now));
    return begin(self, id, cascade ? "with all that need it" : "");
}

static bs_status run(removal *self, const char *id, bool cascade)
{
    const int64_t now = bsi_row_now();

    BSI_TRY(prepare(self, id, cascade, now));
    for (size_t i = 0; i < self->count; i++) {
        BSI_TRY(bsi_catalog_mark_deleting(self->service->catalog, self->ids[i].text, now));
    }
    for (size_t i = 0; i < self->count; i++) {
        BSI_TRY(remove_one(self->service, self->ids[i].text, "manual"));
    }
    return BS_OK;
}

static void let_go(removal *self)
{
    bsi_uses_end(&self->service->uses, BSI_USES_CATALOG);
    for (size_t i = 0; i < self->held; i++) {
        bsi_uses_end(&self->service->uses, self->ids[i].text);
    }
    bsi_free(self->ids);
}

bs_status bsi_backup_delete(bs_service *service, const char *reference, bool cascade,
                            uint64_t *removed_out)
{
    removal self = {.service = service};
    char id[BS_ID_SIZE];
    const bsi_deed refused = {.action = REMOVE_ACTION, .object = id};
    bs_status status = bsi_catalog_resolve_backup(service->catalog, reference, id);

    if (status < 0) {
        return status;
    }
    status = bsi_uses_read(&service->uses, BSI_USES_CATALOG);
    if (status < 0) {
        return status;
    }
    status = run(&self, id, cascade);
    let_go(&self);
    if (status < 0 && !self.begun) {
        return bsi_audit_end(service, &refused, status);
    }
    if (status >= 0 && removed_out) {
        *removed_out = self.count;
    }
    return status < 0 ? status : BS_OK;
}

/* --- One call for one backup --- */

static bs_status take_one(removal *self, const char *id)
{
    self->ids = bsi_calloc(1, sizeof(*self->ids));
    if (!self->ids) {
        return BS_E_NOMEM;
    }
    (void)snprintf(self->ids[0].text, sizeof(self->ids[0].text), "%s", id);
    self->count = 1;
    return hold(self);
}

bs_status bsi_backup_expire(bs_service *service, const char *id, const char *reason, int64_t now)
{
    removal self = {.service = service};
    bs_status status = bsi_uses_read(&service->uses, BSI_USES_CATALOG);

    if (status < 0) {
        return status;
    }
    status = take_one(&self, id);
    if (status >= 0) {
        status = check_reachable(&self);
    }
    if (status >= 0) {
        status = begin(&self, id, "no rule keeps it");
    }
    if (status >= 0) {
        status = bsi_catalog_mark_expired(service->catalog, id, now);
    }
    if (status >= 0) {
        status = remove_one(service, id, reason);
    }
    let_go(&self);
    return status;
}

/* --- What was begun --- */

/* Who had begun it is not known any more; what retention had marked it has removed. */
static const char *reason_of(bs_service *service, const char *id)
{
    bsi_row_mark mark;
    const bs_status status = bsi_catalog_get_mark(service->catalog, id, &mark);

    return status >= 0 && mark.marked_at != 0 ? "expired" : "manual";
}

static bs_status lies_on(bs_service *service, const bsi_row_backup *row, const char *storage,
                         bool *out)
{
    bsi_row_copy *copies = NULL;
    size_t count = 0;

    *out = !storage || strcmp(row->storage, storage) == 0;
    BSI_TRY(bsi_catalog_list_copies(service->catalog, row->id, &copies, &count));
    for (size_t i = 0; i < count && !*out; i++) {
        *out = strcmp(copies[i].storage, storage) == 0;
    }
    bsi_row_copies_free(copies, count);
    return BS_OK;
}

/* A failure is logged and leaves it as it is. `storage`: only what lies there; NULL: anywhere. */
static bs_status finish_one(bs_service *service, const char *id, const char *storage)
{
    bsi_row_backup row;
    bool wanted = false;
    bs_status status = bsi_catalog_get_backup(service->catalog, id, &row);

    if (status < 0) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    status = lies_on(service, &row, storage, &wanted);
    if (status >= 0 && wanted) {
        status = remove_marked(service, &row, reason_of(service, id));
        if (status < 0 && status != BS_E_NOMEM) {
            bsi_log_write(&service->log, BS_LOG_WARNING, "engine",
                          "backup %s is still to be removed: %s", id, bs_error_last()->message);
            status = BS_OK;
        }
    }
    bsi_row_backup_dispose(&row);
    return status;
}

bs_status bsi_removals_finish(bs_service *service, const char *storage)
{
    bsi_id *ids = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_deleting(service->catalog, &ids, &count);

    for (size_t i = 0; i < count && status >= 0; i++) {
        status = finish_one(service, ids[i].text, storage);
    }
    bsi_free(ids);
    return status;
}

static bs_status retry_one(bs_service *service, const char *id)
{
    removal self = {.service = service};
    bs_status status = bsi_uses_read(&service->uses, BSI_USES_CATALOG);

    if (status < 0) {
        return status;
    }
    status = take_one(&self, id);
    if (status >= 0) {
        status = finish_one(service, id, NULL);
    }
    let_go(&self);
    return status == BS_E_BUSY ? BS_OK : status;
}

bs_status bsi_removals_retry(bs_service *service)
{
    bsi_id *ids = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_deleting(service->catalog, &ids, &count);

    for (size_t i = 0; i < count && status >= 0; i++) {
        status = retry_one(service, ids[i].text);
    }
    bsi_free(ids);
    return status;
}
