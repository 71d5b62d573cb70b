/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_SUMMARY_H
#define BSI_VAULT_SUMMARY_H

#include "vault/id_set.h"
#include "vault/manifest.h"
#include "vault/warn_log.h"

/*
 * What all forms say of a finished run in the same way: the first line of the
 * manifest, and the result for the engine.
 */

/* The plan's part of `info`, which is disposed of with bsi_manifest_info_dispose(). */
BS_NODISCARD bs_status bsi_summary_fill(bsi_manifest_info *info, const bsi_backup_plan *plan,
                                        const char *form, const char *container_key);

/* Add to the note what people who use the bare container do without; counts by
 * bsi_archive_losses(). */
BS_NODISCARD bs_status bsi_summary_note_losses(bsi_manifest_info *info, const char *container,
                                               const uint64_t *losses);

/* The containers behind ids, which the base's manifest names. */
BS_NODISCARD bs_status bsi_summary_needs(bsi_manifest_info *info, const bsi_id_set *ids,
                                         const bsi_manifest_info *base);

BS_NODISCARD bs_status bsi_summary_put_warnings(const bsi_warn_log *log,
                                                bsi_manifest_writer *manifest);

/* The engine's view of a committed manifest. */
BS_NODISCARD bs_status bsi_summary_result(const bsi_manifest_info *info, const char *manifest_key,
                                          bsi_backup_result *out);

#endif
