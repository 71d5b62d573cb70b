/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_MANIFESTS_H
#define BSI_VAULT_MANIFESTS_H

#include "vault/listing.h"

/*
 * How a form says what its backups are. What the functions promise stands in
 * vault/vault.h, at the functions of the same names, which find the right ones
 * by the key.
 */
typedef struct bsi_manifests {
    /* Whether a key on a storage is that of such a manifest. */
    bool (*owns)(const char *key);

    bs_status (*info)(const bsi_vault_env *env, const char *manifest_key, bsi_manifest_info *out);
    bs_status (*look)(const bsi_vault_env *env, const char *manifest_key, bsi_manifest_info *out);
    bs_status (*check_base)(const bsi_vault_env *env, const char *manifest_key);
    bs_status (*warnings)(const bsi_vault_env *env, const char *manifest_key, const bsi_warn *warn);
    /* Hand all entries that may be in it to the listing, in order. */
    bs_status (*list)(const bsi_vault_env *env, const char *manifest_key, bsi_listing *list);
    bs_status (*scan)(const bsi_vault_env *env, bsi_manifest_cb callback, void *user);
    bs_status (*load_keys)(const bsi_vault_env *env, const char *manifest_key, bsi_keyset **out);
} bsi_manifests;

/* Objects beside their containers: see vault/manifest.h. */
extern const bsi_manifests bsi_object_manifests;

#endif
