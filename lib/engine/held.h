/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_HELD_H
#define BSI_ENGINE_HELD_H

#include <backupsvc/service.h>

#include "catalog/rows.h"
#include "storage/storage.h"
#include "vault/vault.h"

typedef struct bsi_held_place {
    char *name;
    bsi_storage *storage; /* NULL: it cannot be opened. */
    bs_error error;       /* Why. */
} bsi_held_place;

/*
 * A completed backup that somebody reads: while it is held nobody removes or
 * replaces it.
 */
typedef struct bsi_held {
    bsi_row_backup row;
    bsi_storage *storage;
    const bsi_vault *vault;
    bsi_held_place *places; /* Of bsi_held_open_any(): where it lies, its own storage first. */
    size_t place_count;
} bsi_held;

/*
 * By what a person calls it; see bsi_catalog_resolve_backup(). BS_E_BUSY: it has
 * not completed, or is being removed; BS_E_NOT_FOUND also when its storage is
 * not registered.
 */
BS_NODISCARD bs_status bsi_held_open(bs_service *service, const char *reference, bsi_held *out);

/*
 * The same to read it from whichever storage has it: `storage` is the first that can be opened,
 * and only when none can the call fails with what its own fails with.
 */
BS_NODISCARD bs_status bsi_held_open_any(bs_service *service, const char *reference, bsi_held *out);

/*
 * All its storages read as one, with a reference of its own; see storage/decorators/fallback.h.
 * `warn`, which may be NULL, also hears of those before the first that cannot be opened. The
 * result borrows of `held`, which came of bsi_held_open_any().
 */
BS_NODISCARD bs_status bsi_held_read(const bsi_held *held, const bsi_warn *warn, bsi_storage **out);

/* Whether a failure, which the thread's error record tells, is of what a storage gave. */
bool bsi_held_blames_storage(bs_status status);

/*
 * Each backup of a storage that the catalogue has now, whatever became of it; those that begin
 * meanwhile are not among them. Rows are borrowed; `each` ends it with a failure.
 */
typedef bs_status (*bsi_held_row_cb)(void *user, const bsi_row_backup *row);
BS_NODISCARD bs_status bsi_held_each_row(bs_service *service, const char *storage,
                                         bsi_held_row_cb each, void *user);

/* A zeroed one is ignored. */
void bsi_held_close(bs_service *service, bsi_held *held);

#endif
