/* SPDX-License-Identifier: MIT */
/*
 * Key sets on a storage, and their public parts.
 */
#include "vault/keys.h"

#include <string.h>

#include "base/alloc.h"
#include "vault/manifest_parse.h"
#include "vault/names.h"

void bsi_backup_keys_dispose(bsi_backup_keys *keys)
{
    bsi_keyset_free(keys->set);
    bsi_manifest_info_dispose(&keys->info);
    bsi_free(keys->key);
    *keys = (bsi_backup_keys){0};
}

/* --- Reading --- */

static bs_status load_set(const bsi_vault_env *env, const char *key, bsi_keyset **out)
{
    bsi_buf bytes;
    bs_status status = BS_OK;

    bsi_buf_init(&bytes, BSI_KEYSET_MAX);
    status = bsi_storage_load(env->storage, env->call, key, BSI_KEYSET_MAX, &bytes);
    if (status == BS_E_NOT_FOUND) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_MISSING,
                          "it is missing, and without it nobody can read the backup");
    } else if (status == BS_E_LIMIT) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "it is too long for a key set");
    }
    if (status >= 0) {
        status = bsi_as_damage(bsi_keyset_parse(bytes.data, bytes.size, out));
    }
    bsi_buf_dispose(&bytes);
    return status;
}

/* What the public part says must fit the place where it lies, and itself. */
static bs_status check_public(const bsi_backup_keys *keys)
{
    const bsi_manifest_info *info = &keys->info;

    BSI_TRY(bsi_manifest_check_claims(info, keys->key, BSI_KEYS_SUFFIX));
    if (strcmp(info->id, bsi_keyset_id(keys->set)) != 0 ||
        info->encryption == BSI_ENCRYPTION_NONE) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "its public part is not of this backup");
    }
    if (info->encryption == BSI_ENCRYPTION_RSA && !bsi_keyset_signer(keys->set)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "it is not signed, so anybody may have made the backup");
    }
    return BS_OK;
}

static bs_status load(const bsi_vault_env *env, bsi_backup_keys *keys)
{
    BSI_TRY(load_set(env, keys->key, &keys->set));
    BSI_TRY(bsi_parse_info(bsi_keyset_public(keys->set), BSI_INFO_PUBLIC, &keys->info));
    return check_public(keys);
}

bs_status bsi_backup_keys_load(const bsi_vault_env *env, const char *object_key,
                               bsi_backup_keys *out)
{
    bsi_backup_keys keys = {.key = bsi_keys_key(object_key)};
    bs_status status = BS_OK;

    if (!keys.key) {
        return BS_E_NOMEM;
    }
    status = load(env, &keys);
    if (status < 0) {
        status = bsi_fail_context(BS_LAYER_STORAGE, status, "key set '%s'", keys.key);
        bsi_backup_keys_dispose(&keys);
        return status;
    }
    *out = keys;
    return BS_OK;
}

static bs_status open_set(const bsi_vault_env *env, bsi_backup_keys *keys)
{
    if (env->fresh_key && strcmp(env->fresh_id, keys->info.id) == 0) {
        return bsi_keyset_unlock(keys->set, env->fresh_key);
    }
    if (env->key_count == 0) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                        "the backup is encrypted (%s) and no key is given",
                        bsi_encryption_name(keys->info.encryption));
    }
    return bsi_keyset_open(keys->set, env->keys, env->key_count);
}

bs_status bsi_backup_keys_open(const bsi_vault_env *env, bsi_backup_keys *keys)
{
    const bs_status status = bsi_as_damage(open_set(env, keys));

    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "key set '%s'", keys->key)
                      : BS_OK;
}

bsi_crypt bsi_backup_keys_crypt(const bsi_backup_keys *keys, bsi_envelope_kind kind)
{
    return (bsi_crypt){bsi_keyset_data_key(keys->set), kind, bsi_keyset_id(keys->set)};
}

bool bsi_backup_keys_are_trusted(const bsi_vault_env *env, const bsi_backup_keys *keys)
{
    const bsi_public_key *signer = bsi_keyset_signer(keys->set);

    for (size_t i = 0; signer && i < env->trusted_count; i++) {
        if (memcmp(&env->trusted[i], signer, sizeof(*signer)) == 0) {
            return true;
        }
    }
    return false;
}

void bsi_backup_keys_report_signer(const bsi_vault_env *env, const bsi_backup_keys *keys)
{
    char signer[2 * BSI_SIGN_KEY_SIZE + 1];

    if (keys->info.encryption != BSI_ENCRYPTION_RSA || bsi_backup_keys_are_trusted(env, keys)) {
        return;
    }
    bsi_public_key_format(bsi_keyset_signer(keys->set), signer);
    bsi_warn_new(env->warn, bsi_slice_of(keys->key), BS_LAYER_CRYPTO, BS_E_KEY,
                 "the backup is signed with key %s, which is not among those trusted here", signer);
}

/* --- Of a new backup --- */

static bs_status check_keys(const bsi_backup_plan *plan)
{
    const bool rsa = plan->encryption == BSI_ENCRYPTION_RSA;

    if (plan->wrap_count == 0) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "there is no key to encrypt for");
    }
    for (size_t i = 0; i < plan->wrap_count; i++) {
        const bsi_key_kind kind = bsi_key_kind_of(plan->wrap_keys[i]);
        if (rsa != (kind == BSI_KEY_RSA)) {
            return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                            "a key of the kind '%s' cannot be used for encryption '%s'",
                            bsi_key_kind_name(kind), bsi_encryption_name(plan->encryption));
        }
    }
    if (rsa && !plan->signer) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                        "encryption 'rsa' needs a key to sign with: anybody can encrypt");
    }
    return BS_OK;
}

bs_status bsi_backup_keys_new(const bsi_backup_plan *plan, bsi_keyset **out)
{
    BSI_TRY(check_keys(plan));
    return bsi_keyset_create(plan->id, plan->wrap_keys, plan->wrap_count, &plan->cost, out);
}

/* What is about to be stored opens with what shall open it, as far as that is at hand. */
static bs_status try_bytes(const bsi_buf *bytes, const bsi_keyset *set, bsi_key *const *keys,
                           size_t count)
{
    bsi_keyset *read = NULL;
    bs_status status = bsi_keyset_parse(bytes->data, bytes->size, &read);

    if (status >= 0) {
        status = count > 0 && bsi_key_can_open(keys[0])
                     ? bsi_keyset_open(read, keys, count)
                     : bsi_keyset_unlock(read, bsi_keyset_data_key(set));
    }
    bsi_keyset_free(read);
    return status;
}

static bs_status publish(const bsi_backup_plan *plan, bsi_keyset *set,
                         const bsi_manifest_info *info)
{
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_KEYSET_PUBLIC_MAX);
    status = bsi_manifest_format_info(&text, info, BSI_INFO_PUBLIC);
    if (status == BS_E_LIMIT) {
        status = bsi_fail(BS_LAYER_CRYPTO, BS_E_LIMIT,
                          "it would need too many other backups; start with a full one");
    }
    if (status >= 0) {
        status =
            bsi_keyset_publish(set, (bsi_slice){(const char *)text.data, text.size}, plan->signer);
    }
    bsi_buf_dispose(&text);
    return status;
}

bs_status bsi_backup_keys_put(const bsi_vault_env *env, const bsi_backup_plan *plan,
                              bsi_keyset *set, const bsi_manifest_info *info)
{
    char *key = bsi_object_key(plan, BSI_KEYS_SUFFIX);
    bsi_buf bytes;
    bs_status status = key ? publish(plan, set, info) : BS_E_NOMEM;

    bsi_buf_init(&bytes, BSI_KEYSET_MAX);
    if (status >= 0) {
        status = bsi_keyset_encode(set, &bytes);
    }
    if (status >= 0) {
        status = try_bytes(&bytes, set, plan->wrap_keys, plan->wrap_count);
    }
    if (status >= 0) {
        status = bsi_storage_put(env->storage, env->call, key, bytes.data, bytes.size);
    }
    bsi_buf_dispose(&bytes);
    bsi_free(key);
    return status;
}

/* --- For who changes slots --- */

bs_status bsi_backup_keys_load_set(const bsi_vault_env *env, const char *manifest_key,
                                   bsi_keyset **out)
{
    bsi_backup_keys keys = {0};

    if (!bsi_is_encrypted_key(manifest_key)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "the backup is not encrypted");
    }
    BSI_TRY(bsi_backup_keys_load(env, manifest_key, &keys));
    *out = keys.set;
    keys.set = NULL;
    bsi_backup_keys_dispose(&keys);
    return BS_OK;
}

static bs_status read_back(const bsi_vault_env *env, const char *key, const bsi_keyset *written,
                           bsi_key *proof)
{
    bsi_keyset *set = NULL;
    bs_status status = load_set(env, key, &set);

    if (status >= 0) {
        status = proof ? bsi_keyset_open(set, &proof, 1)
                       : bsi_keyset_unlock(set, bsi_keyset_data_key(written));
    }
    bsi_keyset_free(set);
    return status;
}

static bs_status replace(const bsi_vault_env *env, const char *key, bsi_keyset *set, bsi_key *proof)
{
    bsi_buf bytes;
    bs_status status = BS_OK;

    bsi_buf_init(&bytes, BSI_KEYSET_MAX);
    status = bsi_keyset_encode(set, &bytes);
    if (status >= 0) {
        status = try_bytes(&bytes, set, &proof, proof ? 1 : 0);
    }
    if (status >= 0) {
        status = bsi_storage_put(env->storage, env->call, key, bytes.data, bytes.size);
    }
    bsi_buf_dispose(&bytes);
    return status < 0 ? status : read_back(env, key, set, proof);
}

bs_status bsi_vault_store_keys(const bsi_vault_env *env, const char *manifest_key,
                               bsi_keyset *keyset, bsi_key *proof)
{
    char *key = bsi_keys_key(manifest_key);
    bs_status status = BS_OK;

    if (!key) {
        return BS_E_NOMEM;
    }
    status = replace(env, key, keyset, proof);
    if (status < 0) {
        status = bsi_fail_context(BS_LAYER_STORAGE, status, "key set '%s'", key);
    }
    bsi_free(key);
    return status;
}
