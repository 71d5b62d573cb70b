/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_HELD_H
#define BSI_ENGINE_HELD_H

#include <backupsvc/service.h>

#include "catalog/rows.h"
#include "storage/storage.h"
#include "vault/vault.h"

/*
 * A completed backup that somebody reads: while it is held nobody removes or
 * replaces it.
 */
typedef struct bsi_held {
    bsi_row_backup row;
    bsi_storage *storage;
    const bsi_vault *vault;
} bsi_held;

/*
 * By what a person calls it; see bsi_catalog_resolve_backup(). BS_E_BUSY: it has
 * not completed, or is being removed; BS_E_NOT_FOUND also when its storage is
 * not registered.
 */
BS_NODISCARD bs_status bsi_held_open(bs_service *service, const char *reference, bsi_held *out);

/* A zeroed one is ignored. */
void bsi_held_close(bs_service *service, bsi_held *held);

#endif
