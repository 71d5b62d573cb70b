/* SPDX-License-Identifier: MIT */
/*
 * Manifests that are objects of their own: those of the archive and the mirror form.
 */
#include "vault/manifests.h"

#include <string.h>

#include "base/alloc.h"
#include "vault/bases.h"
#include "vault/keys.h"
#include "vault/names.h"

static bs_status read_info(const bsi_vault_env *env, const char *manifest_key,
                           bsi_manifest_info *out)
{
    bsi_manifest_reader *reader = NULL;

    BSI_TRY(bsi_manifest_open_checked(env, manifest_key, &reader));
    *out = bsi_manifest_take_info(reader);
    bsi_manifest_close(reader);
    return BS_OK;
}

/* What the key set says when nobody here can read more. */
static bs_status public_info(const bsi_vault_env *env, const char *manifest_key,
                             bsi_manifest_info *out)
{
    bsi_backup_keys keys = {0};
    bs_status status = bsi_backup_keys_load(env, manifest_key, &keys);

    if (status >= 0) {
        *out = keys.info;
        keys.info = (bsi_manifest_info){0};
    }
    bsi_backup_keys_dispose(&keys);
    return status;
}

static bs_status look(const bsi_vault_env *env, const char *manifest_key, bsi_manifest_info *out)
{
    const bs_status status = read_info(env, manifest_key, out);

    return status == BS_E_KEY ? public_info(env, manifest_key, out) : status;
}

static bs_status read_warnings(const bsi_vault_env *env, const char *manifest_key,
                               const bsi_warn *warn)
{
    const bsi_manifest_entry *entry = NULL;
    bsi_manifest_reader *reader = NULL;
    bs_status status = bsi_manifest_open_checked(env, manifest_key, &reader);

    BSI_TRY(status);
    bsi_manifest_report_to(reader, warn);
    status = bsi_manifest_next(reader, &entry); /* Warnings stand before the first entry. */
    bsi_manifest_close(reader);
    return status < 0 ? status : BS_OK;
}

static bs_status list_entries(const bsi_vault_env *env, const char *manifest_key, bsi_listing *list)
{
    const bsi_manifest_entry *entry = NULL;
    bsi_manifest_reader *reader = NULL;
    bs_status status = bsi_manifest_open_checked(env, manifest_key, &reader);

    BSI_TRY(status);
    while ((status = bsi_manifest_next(reader, &entry)) == BS_OK) {
        status = bsi_listing_entry(list, &entry->listed);
        if (status < 0) {
            break;
        }
    }
    bsi_manifest_close(reader);
    return status < 0 ? status : BS_OK;
}

/* --- All manifests of a storage --- */

/* Manifests lie directly below their name; a mirrored file may be called like one. */
static bs_status collect_key(void *user, const char *key, const bs_storage_object *object)
{
    bsi_buf *keys = user;
    const char *slash = strchr(key, '/');

    (void)object;
    if (!slash || strchr(slash + 1, '/') || !bsi_is_manifest_key(key)) {
        return BS_OK;
    }
    return bsi_buf_append(keys, key, strlen(key) + 1);
}

static bs_status visit_manifest(const bsi_vault_env *env, const char *key, bsi_manifest_cb callback,
                                void *user)
{
    bsi_manifest_info info = {0};
    bs_status status = look(env, key, &info);

    if (status < 0 && bs_error_last()->layer == BS_LAYER_STORAGE) {
        bsi_warn_last(env->warn, bsi_slice_of(key));
        return BS_OK;
    }
    BSI_TRY(status);
    if (info.is_locked) {
        bsi_warn_new(env->warn, bsi_slice_of(key), BS_LAYER_CRYPTO, BS_E_KEY,
                     "no key opens it; only what its key set says in public is known");
    }
    status = callback(user, key, &info);
    bsi_manifest_info_dispose(&info);
    return status;
}

static bs_status scan(const bsi_vault_env *env, bsi_manifest_cb callback, void *user)
{
    bsi_buf keys;
    size_t at = 0;
    bs_status status = BS_OK;

    bsi_buf_init(&keys, SIZE_MAX / 2);
    status = bsi_storage_list(env->storage, env->call, "", collect_key, &keys);
    while (status >= 0 && at < keys.size) {
        const char *key = (const char *)keys.data + at;
        status = bsi_call_check(env->call);
        if (status >= 0) {
            status = visit_manifest(env, key, callback, user);
        }
        at += strlen(key) + 1;
    }
    bsi_buf_dispose(&keys);
    return status;
}

const bsi_manifests bsi_object_manifests = {
    .owns = bsi_is_manifest_key,
    .info = read_info,
    .look = look,
    .check_base = bsi_bases_check,
    .warnings = read_warnings,
    .list = list_entries,
    .scan = scan,
    .load_keys = bsi_backup_keys_load_set,
};
