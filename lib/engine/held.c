/* SPDX-License-Identifier: MIT */
/*
 * Finds backups and keeps them from being removed.
 */
#include "engine/held.h"

#include "engine/service.h"

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

static bs_status find_form(bs_service *service, bsi_held *held)
{
    held->vault = bsi_vault_find(held->row.form);
    if (!held->vault) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_UNSUPPORTED, "the form '%s' is not in this build",
                        held->row.form);
    }
    return bsi_service_storage(service, held->row.storage, &held->storage);
}

bs_status bsi_held_open(bs_service *service, const char *reference, bsi_held *out)
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
        status = find_form(service, &held);
    }
    if (status < 0) {
        bsi_held_close(service, &held);
        return status;
    }
    *out = held;
    return BS_OK;
}

void bsi_held_close(bs_service *service, bsi_held *held)
{
    if (held->row.id) {
        bsi_uses_end(&service->uses, held->row.id);
    }
    bsi_row_backup_dispose(&held->row);
    bsi_storage_unref(held->storage);
    *held = (bsi_held){0};
}
