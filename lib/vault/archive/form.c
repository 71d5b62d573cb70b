/* SPDX-License-Identifier: MIT */
/*
 * The archive form: one container a backup, with its manifest beside it.
 */
#include <string.h>

#include "base/alloc.h"
#include "vault/archive/containers.h"
#include "vault/archive/form.h"
#include "vault/bases.h"
#include "vault/forms.h"
#include "vault/manifests.h"
#include "vault/names.h"
#include "vault/restore.h"

/* A manifest that is read whole, with its containers' bytes. */
typedef struct opened {
    bsi_manifest_reader *manifest;
    bsi_containers *containers;
    bsi_content content;
} opened;

static void close_backup(opened *backup)
{
    bsi_containers_free(backup->containers);
    bsi_manifest_close(backup->manifest);
}

static bs_status open_backup(const bsi_vault_env *env, const char *manifest_key, opened *out)
{
    bs_status status = bsi_manifest_open_checked(env, manifest_key, &out->manifest);

    BSI_TRY(status);
    bsi_manifest_report_signer(out->manifest);
    status = bsi_containers_new(env, bsi_manifest_reader_info(out->manifest), &out->containers);
    if (status < 0) {
        close_backup(out);
        return status;
    }
    out->content = bsi_containers_content(out->containers);
    return BS_OK;
}

bs_status bsi_archive_form_restore(const bsi_vault_env *env, const bsi_restore_plan *plan,
                                   bsi_restore_result *out)
{
    opened backup = {0};
    bs_status status = open_backup(env, plan->manifest_key, &backup);

    BSI_TRY(status);
    status = bsi_restore_manifest(env, plan, backup.manifest, &backup.content, out);
    close_backup(&backup);
    return status;
}

static bs_status form_read(const bsi_vault_env *env, const char *manifest_key, bsi_slice path,
                           bsi_bytes_cb data, void *user)
{
    opened backup = {0};
    bs_status status = open_backup(env, manifest_key, &backup);

    BSI_TRY(status);
    status = bsi_content_read(&backup.content, env->call, backup.manifest, path, data, user);
    close_backup(&backup);
    return status;
}

static bs_status form_lend(const bsi_vault_env *env, const char *manifest_key, bsi_lent_cb take,
                           void *user)
{
    opened backup = {0};
    bs_status status = open_backup(env, manifest_key, &backup);

    BSI_TRY(status);
    status = take(user, backup.manifest, &backup.content);
    close_backup(&backup);
    return status;
}

/* What lies on a storage for one backup, in the order in which it goes. NULL: nothing. */
typedef struct objects {
    const char *manifest;  /* What makes it a backup, */
    const char *container; /* what would be rubbish without it, */
    const char *keys;      /* and what nobody could read the other two without. */
} objects;

static bs_status remove_objects(const bsi_vault_env *env, const objects *all)
{
    const char *const keys[] = {all->manifest, all->container, all->keys};

    for (size_t i = 0; i < BSI_ARRAY_SIZE(keys); i++) {
        BSI_TRY(keys[i] ? bsi_storage_remove(env->storage, env->call, keys[i]) : BS_OK);
    }
    return all->manifest ? bsi_bases_drop(env, all->manifest) : BS_OK;
}

static bool is_encrypted(const char *key)
{
    return key && bsi_has_keys(key);
}

bs_status bsi_archive_form_remove(const bsi_vault_env *env, const char *manifest_key,
                                  const char *container_key)
{
    objects all = {.manifest = manifest_key && manifest_key[0] ? manifest_key : NULL,
                   .container = container_key && container_key[0] ? container_key : NULL};
    char *keys = NULL;
    bs_status status = BS_OK;

    if (is_encrypted(all.manifest) || is_encrypted(all.container)) {
        keys = bsi_keys_key(all.manifest ? all.manifest : all.container);
        status = keys ? BS_OK : BS_E_NOMEM;
    }
    all.keys = keys;
    if (status >= 0) {
        status = remove_objects(env, &all);
    }
    bsi_free(keys);
    return status;
}

/* --- After a crash --- */

typedef struct leftovers {
    char short_id[BSI_SHORT_ID_SIZE];
    char *manifest;
    char *container;
    char *keys;
} leftovers;

static bs_status find_leftover(void *user, const char *key, const bs_storage_object *object)
{
    leftovers *found = user;
    char **slot = &found->container;
    bsi_object_name name;

    (void)object;
    if (!bsi_object_name_parse(key, &name) || !bsi_slice_is(name.short_id, found->short_id) ||
        name.staged || strcmp(name.suffix, BSI_PINS_SUFFIX) == 0) {
        return BS_OK;
    }
    if (name.manifest) {
        slot = &found->manifest;
    } else if (strcmp(name.suffix, BSI_KEYS_SUFFIX) == 0) {
        slot = &found->keys;
    }
    if (!*slot) {
        *slot = bsi_strdup(key);
        return *slot ? BS_OK : BS_E_NOMEM;
    }
    return BS_OK;
}

static bs_status form_recover(const bsi_vault_env *env, const char *name, const char *id)
{
    leftovers found = {.manifest = NULL};
    bs_status status = BS_OK;

    bsi_short_id(id, found.short_id);
    status = bsi_storage_list(env->storage, env->call, name, find_leftover, &found);
    if (status >= 0) {
        const objects all = {found.manifest, found.container, found.keys};
        status = remove_objects(env, &all);
    }
    bsi_free(found.manifest);
    bsi_free(found.container);
    bsi_free(found.keys);
    return status;
}

const bsi_vault bsi_vault_archive = {
    .form = "archive",
    .backup = bsi_archive_form_backup,
    .restore = bsi_archive_form_restore,
    .verify = bsi_archive_form_verify,
    .read = form_read,
    .remove = bsi_archive_form_remove,
    .recover = form_recover,
    .replicate = bsi_archive_form_replicate,
    .lend = form_lend,
    .manifests = &bsi_object_manifests,
};
