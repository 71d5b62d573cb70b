/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_MANIFEST_ROW_H
#define BSI_ENGINE_MANIFEST_ROW_H

#include <backupsvc/service.h>

#include "catalog/catalog.h"
#include "engine/arena.h"
#include "vault/vault.h"

/*
 * The row of a completed backup, as its manifest tells it. All that such a row
 * holds can be derived from there: a catalogue that was lost is rebuilt with
 * the same rows that the runs had stored.
 */

/*
 * When a backup's own days are over; 0: never. With 0 days, where rules alone
 * decide, they are over at once.
 */
int64_t bsi_row_expiry(int64_t created_at, int32_t retention_days);

/* Rows keep "for ever" as 0 days that are never over. */
uint32_t bsi_row_retention(int32_t retention_days);

/* Texts are in `arena` or static; needs too. */
BS_NODISCARD bs_status bsi_row_from_manifest(const bsi_manifest_info *info, const char *storage,
                                             const char *manifest_key, bsi_arena *arena,
                                             bsi_backup_import *out);

/* Fill in the warnings of a row that has some, unless the catalogue has them still. */
BS_NODISCARD bs_status bsi_warnings_from_manifest(bs_service *service, bsi_storage *storage,
                                                  const bsi_row_backup *row);

/* Where a request, as JSON, asks a backup to be; "" where it does not say. */
BS_NODISCARD bs_status bsi_row_asked_storage(const char *options, bsi_arena *arena,
                                             const char **out);

#endif
