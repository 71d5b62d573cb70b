/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_BACKUP_H
#define BSI_VAULT_REPOSITORY_BACKUP_H

#include "vault/vault.h"

/*
 * A run of the repository form; see bsi_vault for what it promises. Makes the repository when
 * there is none. The base may be any snapshot: a backup is complete without it, and one that
 * cannot be read is reported.
 */
BS_NODISCARD bs_status bsi_repository_form_backup(const bsi_vault_env *env,
                                                  const bsi_backup_plan *plan,
                                                  bsi_backup_result *out);

#endif
