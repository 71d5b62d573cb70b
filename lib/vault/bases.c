/* SPDX-License-Identifier: MIT */
/*
 * Manifests to build on, and the plain copies of those that are encrypted for
 * somebody else.
 */
#include "vault/bases.h"

#include <string.h>

#include "base/alloc.h"
#include "vault/keys.h"
#include "vault/names.h"

enum { KEYS_MAX = 16 * 1024 * 1024 }; /* Bytes of keys in one listing. */

char *bsi_bases_key(const char *manifest_key)
{
    const size_t size = strlen(manifest_key);
    const size_t tail = bsi_is_encrypted_key(manifest_key) ? strlen(BSI_ENVELOPE_SUFFIX) : 0;

    return bsi_strndup(manifest_key, size - tail);
}

/* --- Opening --- */

static bs_status check_size(const bsi_vault_env *env, const char *key, uint64_t size)
{
    bs_storage_object object = {0};

    BSI_TRY(bsi_storage_stat(env->storage, env->call, key, &object));
    if (object.size != size) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "object '%s' has %llu bytes instead of %llu", key,
                        (unsigned long long)object.size, (unsigned long long)size);
    }
    return BS_OK;
}

/* The copy tells of a backup that may have gone, or be another one by now. */
static bs_status check_backup(const bsi_vault_env *env, const char *manifest_key,
                              const bsi_backup_keys *keys, const bsi_manifest_info *copy)
{
    const bsi_manifest_info *is = &keys->info;

    if (strcmp(is->id, copy->id) != 0 || strcmp(is->container_key, copy->container_key) != 0 ||
        !bsi_digest_equal(&is->container_sha256, &copy->container_sha256)) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the copy of its manifest is that of another backup");
    }
    BSI_TRY(check_size(env, manifest_key, is->manifest_size));
    return check_size(env, is->container_key, copy->container_size);
}

static bs_status check_copy(const bsi_vault_env *env, const char *manifest_key,
                            const bsi_manifest_reader *copy)
{
    bsi_backup_keys keys = {0};
    bs_status status = bsi_backup_keys_load(env, manifest_key, &keys);

    if (status >= 0) {
        status = check_backup(env, manifest_key, &keys, bsi_manifest_reader_info(copy));
    }
    bsi_backup_keys_dispose(&keys);
    return status;
}

static bs_status open_copy(const bsi_vault_env *env, const char *manifest_key, const char *copy_key,
                           bsi_manifest_reader **out)
{
    bsi_manifest_reader *copy = NULL;
    bs_status status = bsi_manifest_open_copy(env, copy_key, &copy);

    if (status == BS_E_NOT_FOUND) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                        "no key here opens it, and there is no copy of its manifest");
    }
    if (status < 0) {
        return bsi_fail_context(BS_LAYER_STORAGE, status, "the service's own copy");
    }
    status = check_copy(env, manifest_key, copy);
    if (status < 0) {
        bsi_manifest_close(copy);
        return status;
    }
    *out = copy;
    return BS_OK;
}

bs_status bsi_bases_open(const bsi_vault_env *env, const char *manifest_key,
                         bsi_manifest_reader **out)
{
    char *copy_key = NULL;
    bs_status status = bsi_manifest_open_checked(env, manifest_key, out);

    if (status != BS_E_KEY || !env->bases) {
        return status;
    }
    copy_key = bsi_bases_key(manifest_key);
    status = copy_key ? open_copy(env, manifest_key, copy_key, out) : BS_E_NOMEM;
    bsi_free(copy_key);
    return status;
}

bs_status bsi_bases_check(const bsi_vault_env *env, const char *manifest_key)
{
    bsi_manifest_reader *reader = NULL;
    const bs_status status = bsi_bases_open(env, manifest_key, &reader);

    bsi_manifest_close(reader);
    return status;
}

/* --- Pruning --- */

static bs_status collect_key(void *user, const char *key, const bs_storage_object *object)
{
    (void)object;
    return bsi_buf_append(user, key, strlen(key) + 1);
}

static bool is_full(const char *key)
{
    return strstr(strchr(key, '/'), "-full-") != NULL;
}

/* Keys of one name sort by the time of their backup. */
static const char *newest_full(const bsi_buf *keys)
{
    const char *newest = "";

    for (size_t at = 0; at < keys->size; at += strlen((const char *)keys->data + at) + 1) {
        const char *key = (const char *)keys->data + at;
        if (is_full(key) && strcmp(key, newest) > 0) {
            newest = key;
        }
    }
    return newest;
}

static bs_status remove_others(const bsi_vault_env *env, const bsi_buf *keys, const char *kept_key)
{
    const char *full = is_full(kept_key) ? kept_key : newest_full(keys);

    for (size_t at = 0; at < keys->size; at += strlen((const char *)keys->data + at) + 1) {
        const char *key = (const char *)keys->data + at;
        const bool stays = strcmp(key, kept_key) == 0 || strcmp(key, full) == 0;
        BSI_TRY(stays ? BS_OK : bsi_storage_remove(env->bases, env->call, key));
    }
    return BS_OK;
}

bs_status bsi_bases_prune(const bsi_vault_env *env, const char *name, const char *kept_key)
{
    bsi_buf keys;
    bs_status status = BS_OK;

    bsi_buf_init(&keys, KEYS_MAX);
    status = bsi_storage_list(env->bases, env->call, name, collect_key, &keys);
    if (status >= 0) {
        status = remove_others(env, &keys, kept_key);
    }
    bsi_buf_dispose(&keys);
    return status;
}

bs_status bsi_bases_drop(const bsi_vault_env *env, const char *manifest_key)
{
    char *copy_key = NULL;
    bs_status status = BS_OK;

    if (!env->bases) {
        return BS_OK;
    }
    copy_key = bsi_bases_key(manifest_key);
    status = copy_key ? bsi_storage_remove(env->bases, env->call, copy_key) : BS_E_NOMEM;
    bsi_free(copy_key);
    return status;
}
