/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_KEYS_H
#define BSI_VAULT_KEYS_H

#include "vault/manifest.h"

/*
 * The key set of an encrypted backup, an object beside its container and its
 * manifest: the data key in its slots, and the public part.
 *
 * The public part is what the manifest's first line says, without what is
 * nobody's business: sources, options, metadata, notes, numbers of files. With
 * it goes the manifest's own size and digest. So a machine that has no key can
 * list backups, tell what needs what, compare what is stored, and remove.
 */
typedef struct bsi_backup_keys {
    char *key; /* Where the set lies. */
    bsi_keyset *set;
    bsi_manifest_info info; /* The public part. */
} bsi_backup_keys;

/* A zeroed one is ignored. */
void bsi_backup_keys_dispose(bsi_backup_keys *keys);

/*
 * The key set beside an object of a backup. All that can be seen without a key is checked.
 * Failures but of reading are BS_E_CORRUPT, BS_E_VERSION or BS_E_MISSING, layer STORAGE.
 */
BS_NODISCARD bs_status bsi_backup_keys_load(const bsi_vault_env *env, const char *object_key,
                                            bsi_backup_keys *out);

/* Likewise the set alone; BS_E_NOT_FOUND when the backup is not encrypted. */
BS_NODISCARD bs_status bsi_backup_keys_load_set(const bsi_vault_env *env, const char *manifest_key,
                                                bsi_keyset **out);

/* Open it with what env has. BS_E_KEY, layer CRYPTO: none of that fits. */
BS_NODISCARD bs_status bsi_backup_keys_open(const bsi_vault_env *env, bsi_backup_keys *keys);

/* What its container or manifest is read with; valid as long as the open set. */
bsi_crypt bsi_backup_keys_crypt(const bsi_backup_keys *keys, bsi_envelope_kind kind);

/* Whether somebody signed it whom env trusts. */
bool bsi_backup_keys_are_trusted(const bsi_vault_env *env, const bsi_backup_keys *keys);

/*
 * Report to env->warn when an `rsa` backup, which anybody could have encrypted, was signed by
 * nobody whom env trusts.
 */
void bsi_backup_keys_report_signer(const bsi_vault_env *env, const bsi_backup_keys *keys);

/* --- Of a new backup --- */

/* A new key set, without a public part yet: keys and signer must fit the encryption. */
BS_NODISCARD bs_status bsi_backup_keys_new(const bsi_backup_plan *plan, bsi_keyset **out);

/* Store it with what `info` says, signed where the plan has a signer. Durable when it returns. */
BS_NODISCARD bs_status bsi_backup_keys_put(const bsi_vault_env *env, const bsi_backup_plan *plan,
                                           bsi_keyset *set, const bsi_manifest_info *info);

#endif
