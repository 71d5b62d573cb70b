/* SPDX-License-Identifier: MIT */
/*
 * Makes the list of backups anew: reads every manifest on every storage, and
 * puts the rows that they describe in place of all that are there. Needs memory
 * for the rows.
 */
#include "engine/rebuild.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/access.h"
#include "engine/copies.h"
#include "engine/manifest_row.h"
#include "engine/pins.h"
#include "engine/profiles.h"
#include "engine/runner.h"
#include "engine/service.h"
#include "vault/repository/snapshot_info.h"

/* Rows that are taken over as they are. */
typedef struct kept_rows {
    struct kept_rows *next;
    bsi_row_backup *rows;
    size_t count;
} kept_rows;

typedef struct rebuild {
    bs_service *service;
    const char *storage_name;
    bool is_locked; /* That storage's repository: no key opens it. */
    kept_rows *kept;
    bsi_arena arena;
    bsi_backup_import *items;
    size_t count;
    size_t capacity;
    bs_rebuild_report report;
} rebuild;

static void unreadable(void *user, bsi_slice path, const bs_error *error)
{
    rebuild *self = user;
    char shown[512];

    if (error->code == BS_E_KEY && bsi_slice_is(path, BSI_REPOSITORY_CONFIG_KEY)) {
        self->is_locked = true;
    } else if (error->code == BS_E_KEY) {
        self->report.locked++; /* It is given all the same. */
    } else {
        self->report.unreadable++;
    }
    bsi_log_write(&self->service->log, BS_LOG_WARNING, "engine",
                  "manifest '%s' on storage '%s' %s: %s",
                  bsi_printable(path.data, path.size, shown, sizeof(shown)), self->storage_name,
                  error->code == BS_E_KEY ? "cannot be read" : "is left out", error->message);
}

static bs_status make_room(rebuild *self)
{
    const size_t capacity = self->capacity > 0 ? self->capacity * 2 : 64;
    bsi_backup_import *items = NULL;

    if (self->count < self->capacity) {
        return BS_OK;
    }
    items = bsi_realloc_array(self->items, capacity, sizeof(*self->items));
    if (!items) {
        return BS_E_NOMEM;
    }
    self->items = items;
    self->capacity = capacity;
    return BS_OK;
}

static bs_status take_manifest(void *user, const char *manifest_key, const bsi_manifest_info *info)
{
    rebuild *self = user;

    BSI_TRY(make_room(self));
    BSI_TRY(bsi_row_from_manifest(info, self->storage_name, manifest_key, &self->arena,
                                  &self->items[self->count]));
    self->items[self->count].row.seq = (int64_t)self->count;
    self->count++;
    return BS_OK;
}

/* --- Repositories that no key opens --- */

static bs_status keep_row(rebuild *self, bsi_storage *storage, const bsi_row_backup *row)
{
    bs_storage_object object;
    bs_status status = BS_OK;

    if (!bsi_row_is_completed(row->status)) {
        return BS_OK;
    }
    status = bsi_storage_stat(storage, NULL, row->manifest_key, &object);
    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    BSI_TRY(status);
    BSI_TRY(make_room(self));
    self->items[self->count] = (bsi_backup_import){.row = *row};
    self->items[self->count].row.seq = (int64_t)self->count;
    self->count++;
    self->report.locked++;
    return BS_OK;
}

/* Nothing can be read there: what was known stays, as long as the snapshots are there. */
static bs_status keep_rows(rebuild *self, bsi_storage *storage)
{
    const bsi_backup_filter filter = {.form = "repository", .storage = self->storage_name};
    kept_rows *kept = bsi_arena_alloc(&self->arena, 1, sizeof(*kept));
    bs_status status = BS_OK;

    if (!kept) {
        return BS_E_NOMEM;
    }
    BSI_TRY(
        bsi_catalog_list_backups(self->service->catalog, &filter, &kept->rows, &kept->count, NULL));
    kept->next = self->kept;
    self->kept = kept;
    self->report.unreadable += kept->count == 0 ? 1 : 0;
    for (size_t i = 0; i < kept->count && status >= 0; i++) {
        status = keep_row(self, storage, &kept->rows[i]);
    }
    return status;
}

static void free_kept(const rebuild *self)
{
    for (const kept_rows *kept = self->kept; kept; kept = kept->next) {
        bsi_row_backups_free(kept->rows, kept->count);
    }
}

/* --- Storages --- */

static bs_status scan_storage(rebuild *self, bsi_storage *storage)
{
    const bsi_warn warn = {unreadable, self};
    bsi_vault_env env = bsi_service_env(self->service, storage, NULL, &warn);
    bsi_access access = {0};
    bs_status status = bsi_access_open(self->service, NULL, &access);

    self->is_locked = false;
    if (status >= 0) {
        status = bsi_access_take_phrase(self->service, self->storage_name, &access);
    }
    if (status >= 0) {
        bsi_access_lend(&access, &env);
        status = bsi_vault_scan(&env, take_manifest, self);
    }
    bsi_access_close(&access);
    return status >= 0 && self->is_locked ? keep_rows(self, storage) : status;
}

static bs_status scan_storages(rebuild *self)
{
    bsi_storage *storage = NULL;
    bs_status status = BS_OK;

    for (size_t i = 0; status >= 0; i++) {
        storage = bsi_service_storage_at(self->service, i, &self->arena, &self->storage_name, NULL);
        if (!storage) {
            break;
        }
        status = scan_storage(self, storage);
        bsi_storage_unref(storage);
    }
    return status < 0 ? status : BS_OK;
}

/* Rows in the order in which they were made: ids sort by the time of day they were given. */
static int compare_items(const void *a, const void *b)
{
    const bsi_row_backup *left = &((const bsi_backup_import *)a)->row;
    const bsi_row_backup *right = &((const bsi_backup_import *)b)->row;

    if (left->created_at != right->created_at) {
        return left->created_at < right->created_at ? -1 : 1;
    }
    return strcmp(left->id, right->id);
}

/* --- Copies --- */

/* By id, and then as they were found. */
static int compare_ids(const void *a, const void *b)
{
    const bsi_row_backup *left = &((const bsi_backup_import *)a)->row;
    const bsi_row_backup *right = &((const bsi_backup_import *)b)->row;
    const int ids = strcmp(left->id, right->id);

    return ids != 0 ? ids : (left->seq > right->seq) - (left->seq < right->seq);
}

static bool lies_on(const bsi_backup_import *items, size_t count, const char *storage)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].row.storage, storage) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * Which of several is the backup, so that the others are its copies: the one that was it before,
 * else the one that lies where the request says, else the one that was found first.
 */
static bs_status choose(rebuild *self, const bsi_backup_import *items, size_t count, size_t *out)
{
    const char *asked = NULL;
    bsi_row_backup old = {.id = NULL};
    bs_status status = BS_OK;

    *out = 0;
    if (count == 1) {
        return BS_OK;
    }
    BSI_TRY(bsi_row_asked_storage(items[0].row.options, &self->arena, &asked));
    status = bsi_catalog_get_backup(self->service->catalog, items[0].row.id, &old);
    if (status >= 0 && lies_on(items, count, old.storage)) {
        asked = old.storage;
    }
    for (size_t i = count; i-- > 0;) {
        *out = strcmp(items[i].row.storage, asked) == 0 ? i : *out;
    }
    bsi_row_backup_dispose(&old);
    return status == BS_E_NOT_FOUND ? BS_OK : status;
}

static void add_copy(bsi_backup_import *item, const char *storage, bsi_row_status status)
{
    item->copies[item->copies_count++] = (bsi_row_copy){.storage = storage, .status = status};
}

/* Those that were found, and those that the request asks for. */
static bs_status take_copies(rebuild *self, const bsi_backup_import *items, size_t count,
                             bsi_backup_import *chosen)
{
    const char *const *asked = NULL;

    chosen->copies = bsi_arena_alloc(&self->arena, count + BSI_COPIES_MAX, sizeof(*chosen->copies));
    if (!chosen->copies) {
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(items[i].row.storage, chosen->row.storage) != 0) {
            add_copy(chosen, items[i].row.storage, BSI_ROW_COMPLETED);
        }
    }
    BSI_TRY(bsi_copies_asked_for(chosen->row.options, &self->arena, &asked));
    for (; *asked; asked++) {
        if (!lies_on(items, count, *asked)) {
            add_copy(chosen, *asked, BSI_ROW_PENDING);
        }
    }
    return BS_OK;
}

/* A backup that lies on several storages is listed once, with its copies. */
static bs_status gather_copies(rebuild *self)
{
    size_t kept = 0;
    size_t end = 0;

    qsort(self->items, self->count, sizeof(*self->items), compare_ids);
    for (size_t i = 0; i < self->count; i = end) {
        const bsi_backup_import *items = &self->items[i];
        bsi_backup_import chosen;
        size_t which = 0;

        while (end < self->count && strcmp(items->row.id, self->items[end].row.id) == 0) {
            end++;
        }
        BSI_TRY(choose(self, items, end - i, &which));
        chosen = items[which];
        BSI_TRY(take_copies(self, items, end - i, &chosen));
        self->items[kept++] = chosen;
    }
    self->count = kept;
    return BS_OK;
}

/* --- All of it --- */

/* Warnings, unless the row's are still there, and pins: the row has no others. */
static bs_status fill_in(rebuild *self, const bsi_row_backup *row)
{
    bsi_storage *storage = NULL;
    bs_status status = bsi_service_storage(self->service, row->storage, &storage);

    if (status >= 0) {
        status = bsi_warnings_from_manifest(self->service, storage, row);
    }
    if (status >= 0) {
        status = bsi_pins_import(self->service, storage, row);
    }
    bsi_storage_unref(storage);
    return status;
}

static bs_status run(rebuild *self)
{
    BSI_TRY(scan_storages(self));
    if (self->count > 0) {
        BSI_TRY(gather_copies(self));
        qsort(self->items, self->count, sizeof(*self->items), compare_items);
    }
    BSI_TRY(bsi_catalog_replace_backups(self->service->catalog, self->items, self->count));
    for (size_t i = 0; i < self->count; i++) {
        BSI_TRY(fill_in(self, &self->items[i].row));
    }
    self->report.backups = self->count;
    return BS_OK;
}

bs_status bsi_catalog_rebuild(bs_service *service, bs_rebuild_report *report_out)
{
    rebuild self = {.service = service};
    bs_status status = bsi_profiles_open(service);

    if (status >= 0) {
        status = bsi_jobs_hold(service);
    }
    if (status < 0) {
        return status;
    }
    status = bsi_uses_own(&service->uses, BSI_USES_CATALOG);
    if (status >= 0) {
        status = run(&self);
        bsi_uses_end(&service->uses, BSI_USES_CATALOG);
    }
    bsi_jobs_release(service);
    free_kept(&self);
    bsi_free(self.items);
    bsi_arena_dispose(&self.arena);
    if (status >= 0 && report_out) {
        *report_out = self.report;
    }
    return status;
}
