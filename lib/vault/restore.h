/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_RESTORE_H
#define BSI_VAULT_RESTORE_H

#include "vault/content.h"

/*
 * Puts what a manifest lists back beneath a target, whatever form the bytes
 * come from. See bsi_vault.restore for what it promises.
 *
 * Three passes over the manifest: directories and files; then links and special
 * files; then the metadata of directories, deepest first. Small files are
 * verified and written on the pool while the job's thread decodes the next.
 * Memory: 32 MiB of content under way and the path to the present entry.
 */
BS_NODISCARD bs_status bsi_restore_run(const bsi_vault_env *env, const bsi_restore_plan *plan,
                                       bsi_manifest_reader *manifest, const bsi_content *content,
                                       bsi_restore_result *out);

#endif
