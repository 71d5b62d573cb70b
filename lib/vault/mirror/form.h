/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_MIRROR_FORM_H
#define BSI_VAULT_MIRROR_FORM_H

#include "vault/vault.h"

/* A run of the mirror form; see bsi_vault for what it promises. */
bs_status bsi_mirror_form_backup(const bsi_vault_env *env, const bsi_backup_plan *plan,
                                 bsi_backup_result *out);

#endif
