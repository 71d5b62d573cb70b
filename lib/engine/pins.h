/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_PINS_H
#define BSI_ENGINE_PINS_H

#include <backupsvc/retention.h>

#include "catalog/rows.h"
#include "storage/storage.h"

/*
 * Pins and holds: rows of the catalogue, and the same as JSON beside the backup's
 * manifest, which is written first:
 *
 *     {"pins":[{"kind":"pin","reason":"...","created_at":"...","until":""}]}
 */

/* See backupsvc/retention.h. */
BS_NODISCARD bs_status bsi_backup_pin(bs_service *service, const char *reference,
                                      const bs_pin_options *options);
BS_NODISCARD bs_status bsi_backup_unpin(bs_service *service, const char *reference, bool hold);
BS_NODISCARD bs_status bsi_backup_undelete(bs_service *service, const char *reference);

/*
 * Take over into the catalogue what lies on the storage. When that cannot be
 * understood, the backup is pinned because of it.
 */
BS_NODISCARD bs_status bsi_pins_import(bs_service *service, bsi_storage *storage,
                                       const bsi_row_backup *row);

/* Remove what lies on the storage of a backup that goes. */
BS_NODISCARD bs_status bsi_pins_remove(bs_service *service, bsi_storage *storage,
                                       const bsi_row_backup *row);

#endif
