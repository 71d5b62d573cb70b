/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_FORM_H
#define BSI_VAULT_REPOSITORY_FORM_H

#include "vault/vault.h"

/* The operations of the repository form, one file each; see bsi_vault for what they promise. */
bs_status bsi_repository_form_restore(const bsi_vault_env *env, const bsi_restore_plan *plan,
                                      bsi_restore_result *out);
bs_status bsi_repository_form_verify(const bsi_vault_env *env, const char *manifest_key,
                                     const bsi_damage_sink *sink, bsi_verify_result *out);

#endif
