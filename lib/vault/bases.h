/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_BASES_H
#define BSI_VAULT_BASES_H

#include "vault/manifest.h"

/*
 * What a backup builds on. Who encrypts for others' keys cannot read the
 * manifests that he wrote, so of `rsa` backups env->bases holds plain copies,
 * under the keys that the manifests would have if they were not encrypted. Of
 * each name those of the last full and of the last backup are kept.
 */

/*
 * The checked manifest of a base, or its copy where no key opens it and the backup is still on
 * the storage as it was. BS_E_KEY: neither can be read here.
 */
BS_NODISCARD bs_status bsi_bases_open(const bsi_vault_env *env, const char *manifest_key,
                                      bsi_manifest_reader **out);

/* Whether there is one to open; see bsi_vault_check_base(). */
BS_NODISCARD bs_status bsi_bases_check(const bsi_vault_env *env, const char *manifest_key);

/* The copy's key; freed with bsi_free(). NULL: no memory. */
char *bsi_bases_key(const char *manifest_key);

/* Drop the copies of a name that nothing will be built on any more, now that this one is there. */
BS_NODISCARD bs_status bsi_bases_prune(const bsi_vault_env *env, const char *name,
                                       const char *kept_key);

/* Drop the copy of one backup, if there is one. */
BS_NODISCARD bs_status bsi_bases_drop(const bsi_vault_env *env, const char *manifest_key);

#endif
