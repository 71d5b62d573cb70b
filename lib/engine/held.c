/* SPDX-License-Identifier: MIT */
/*
 * Finds backups and keeps them from being removed.
 */
#include "engine/held.h"

#include "base/alloc.h"
#include "engine/service.h"
#include "storage/decorators/fallback.h"

static bs_status check_completed(const bsi_row_backup *row)
{
    switch (row->status) {
    case BSI_ROW_COMPLETED:
    case BSI_ROW_COMPLETED_WITH_WARNINGS:
        return BS_OK;
    case BSI_ROW_NONE:
    case BSI_ROW_PENDING:
    case BSI_ROW_RUNNING:
        return bsi_fail(BS_LAYER_CALLER, BS_E_BUSY, "backup %s has not completed yet", row->id);
    case BSI_ROW_FAILED:
    case BSI_ROW_CANCELLED:
        break;
    }
    return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "backup %s is %s: it holds nothing", row->id,
                    bsi_row_status_name(row->status));
}

static bs_status add_place(bs_service *service, const char *name, bsi_held *held)
{
    bsi_held_place *place = &held->places[held->place_count];
    bs_status status = BS_OK;

    place->name = bsi_strdup(name);
    if (!place->name) {
        return BS_E_NOMEM;
    }
    held->place_count++;
    status = bsi_service_storage(service, name, &place->storage);
    if (status < 0) {
        bsi_error_save(&place->error);
    } else if (!held->storage) {
        held->storage = bsi_storage_ref(place->storage);
    }
    return status == BS_E_NOMEM ? status : BS_OK;
}

static bs_status find_places(bs_service *service, bsi_held *held)
{
    bsi_row_copy *copies = NULL;
    size_t count = 0;
    bs_status status = bsi_catalog_list_copies(service->catalog, held->row.id, &copies, &count);

    BSI_TRY(status);
    held->places = bsi_calloc(count + 1, sizeof(*held->places));
    status = held->places ? add_place(service, held->row.storage, held) : BS_E_NOMEM;
    for (size_t i = 0; i < count && status >= 0; i++) {
        if (copies[i].status == BSI_ROW_COMPLETED) {
            status = add_place(service, copies[i].storage, held);
        }
    }
    bsi_row_copies_free(copies, count);
    if (status >= 0 && !held->storage) {
        bsi_error_restore(&held->places[0].error);
        status = held->places[0].error.code;
    }
    return status;
}

static bs_status find_form(bs_service *service, bsi_held *held, bool any)
{
    held->vault = bsi_vault_find(held->row.form);
    if (!held->vault) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED, "the form '%s' is not in this build",
                        held->row.form);
    }
    return any ? find_places(service, held)
               : bsi_service_storage(service, held->row.storage, &held->storage);
}

static bs_status open_held(bs_service *service, const char *reference, bool any, bsi_held *out)
{
    bsi_held held = {0};
    char id[BS_ID_SIZE];
    bs_status status = bsi_catalog_resolve_backup(service->catalog, reference, id);

    if (status < 0) {
        return status;
    }
    status = bsi_uses_read(&service->uses, id);
    if (status < 0) {
        return status;
    }
    status = bsi_catalog_get_backup(service->catalog, id, &held.row);
    if (status < 0) {
        bsi_uses_end(&service->uses, id);
        return status;
    }
    status = check_completed(&held.row);
    if (status >= 0 && held.row.deleting) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_BUSY, "backup %s is being removed", id);
    }
    if (status >= 0) {
        status = find_form(service, &held, any);
    }
    if (status < 0) {
        bsi_held_close(service, &held);
        return status;
    }
    *out = held;
    return BS_OK;
}

bs_status bsi_held_open(bs_service *service, const char *reference, bsi_held *out)
{
    return open_held(service, reference, false, out);
}

bs_status bsi_held_open_any(bs_service *service, const char *reference, bsi_held *out)
{
    return open_held(service, reference, true, out);
}

/* Those that cannot be opened, and come before the first that can. */
static void report_closed(const bsi_held *held, const char *first, const bsi_warn *warn)
{
    for (size_t i = 0; !held->places[i].storage; i++) {
        const bsi_held_place *place = &held->places[i];
        (void)bsi_fail(BS_LAYER_STORAGE, place->error.code, "%s; going on with the copy on '%s'",
                       place->error.message, first);
        bsi_warn_last(warn, bsi_slice_of(place->name));
    }
}

bs_status bsi_held_read(const bsi_held *held, const bsi_warn *warn, bsi_storage **out)
{
    bsi_fallback_place *places = bsi_calloc(held->place_count, sizeof(*places));
    size_t count = 0;
    bs_status status = places ? BS_OK : BS_E_NOMEM;

    for (size_t i = 0; i < held->place_count && status >= 0; i++) {
        const bsi_held_place *place = &held->places[i];
        if (place->storage) {
            places[count++] = (bsi_fallback_place){place->name, place->storage};
        }
    }
    if (status >= 0) {
        report_closed(held, places[0].name, warn);
        status = bsi_storage_fallback(places, count, warn, out);
    }
    bsi_free(places);
    return status;
}

bool bsi_held_blames_storage(bs_status status)
{
    const bs_layer layer = bs_error_last()->layer;

    return status == BS_E_CORRUPT || status == BS_E_MISSING || status == BS_E_RANGE ||
           (layer == BS_LAYER_STORAGE && (status == BS_E_VERSION || status == BS_E_NOT_FOUND));
}

static void close_places(bsi_held *held)
{
    for (size_t i = 0; i < held->place_count; i++) {
        bsi_free(held->places[i].name);
        bsi_storage_unref(held->places[i].storage);
    }
    bsi_free(held->places);
}

void bsi_held_close(bs_service *service, bsi_held *held)
{
    close_places(held);
    if (held->row.id) {
        bsi_uses_end(&service->uses, held->row.id);
    }
    bsi_row_backup_dispose(&held->row);
    bsi_storage_unref(held->storage);
    *held = (bsi_held){0};
}

bs_status bsi_held_each_row(bs_service *service, const char *storage, bsi_held_row_cb each,
                            void *user)
{
    bsi_backup_filter filter = {.storage = storage, .until_ns = bsi_row_now() + 1};
    bs_status status = BS_OK;
    size_t count = BSI_CATALOG_LIST_MAX;

    while (status >= 0 && count == BSI_CATALOG_LIST_MAX) {
        bsi_row_backup *rows = NULL;
        BSI_TRY(bsi_catalog_list_backups(service->catalog, &filter, &rows, &count, NULL));
        for (size_t i = 0; i < count && status >= 0; i++) {
            status = each(user, &rows[i]);
        }
        bsi_row_backups_free(rows, count);
        filter.offset += count;
    }
    return status;
}
