/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_ARCHIVE_FORM_H
#define BSI_VAULT_ARCHIVE_FORM_H

#include "vault/vault.h"

/* The operations of the archive form, one file each; see bsi_vault for what they promise. */
bs_status bsi_archive_form_backup(const bsi_vault_env *env, const bsi_backup_plan *plan,
                                  bsi_backup_result *out);
bs_status bsi_archive_form_restore(const bsi_vault_env *env, const bsi_restore_plan *plan,
                                   bsi_restore_result *out);
bs_status bsi_archive_form_remove(const bsi_vault_env *env, const char *manifest_key,
                                  const char *container_key);
bs_status bsi_archive_form_verify(const bsi_vault_env *env, const char *manifest_key,
                                  const bsi_damage_sink *sink, bsi_verify_result *out);
bs_status bsi_archive_form_replicate(const bsi_vault_env *env, const char *manifest_key,
                                     bsi_storage *target, bsi_replicated *out);

#endif
