/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_FRESH_H
#define BSI_ENGINE_FRESH_H

#include "vault/vault.h"

/*
 * BACKUP_VERIFICATION_ENABLED: a backup is read again before it is called
 * completed. `env` is the job's, with fresh_id and fresh_key set. BS_E_CORRUPT.
 */
BS_NODISCARD bs_status bsi_fresh_verify(const bsi_vault *vault, const bsi_vault_env *env,
                                        const bsi_backup_result *written);

/*
 * After a failure: it is a backup no more. Of a mirror only the manifest goes:
 * what is whole in the tree stays of use, and the next run, which finds no
 * manifest, writes all of it anew. Leaves the error record alone.
 */
void bsi_fresh_take_back(const bsi_vault *vault, const bsi_vault_env *env,
                         const bsi_backup_result *written);

#endif
