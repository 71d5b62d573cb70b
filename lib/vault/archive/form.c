/* SPDX-License-Identifier: MIT */
/*
 * The archive form: one container a backup, with its manifest beside it.
 */
#include <string.h>

#include "base/alloc.h"
#include "vault/archive/containers.h"
#include "vault/archive/form.h"
#include "vault/forms.h"
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
    status = bsi_restore_run(env, plan, backup.manifest, &backup.content, out);
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

/* First what makes it a backup, then what would be rubbish without it. */
static bs_status form_remove(const bsi_vault_env *env, const char *manifest_key,
                             const char *container_key)
{
    if (manifest_key && manifest_key[0]) {
        BSI_TRY(bsi_storage_remove(env->storage, env->call, manifest_key));
    }
    if (container_key && container_key[0]) {
        BSI_TRY(bsi_storage_remove(env->storage, env->call, container_key));
    }
    return BS_OK;
}

/* --- After a crash --- */

typedef struct leftovers {
    const char *mark; /* "-<short id>." stands in the names of all its objects. */
    char *manifest;
    char *container;
} leftovers;

static bs_status find_leftover(void *user, const char *key, const bs_storage_object *object)
{
    leftovers *found = user;
    const char *at = strstr(key, found->mark);
    char **slot = NULL;

    (void)object;
    if (!at || strchr(at, '/')) {
        return BS_OK;
    }
    slot = strcmp(at + strlen(found->mark) - 1, BSI_MANIFEST_SUFFIX) == 0 ? &found->manifest
                                                                          : &found->container;
    if (!*slot) {
        *slot = bsi_strdup(key);
        return *slot ? BS_OK : BS_E_NOMEM;
    }
    return BS_OK;
}

static bs_status form_recover(const bsi_vault_env *env, const char *name, const char *id)
{
    char mark[BSI_SHORT_ID_SIZE + 2];
    char short_id[BSI_SHORT_ID_SIZE];
    leftovers found = {.mark = mark};
    bs_status status = BS_OK;

    bsi_short_id(id, short_id);
    mark[0] = '-';
    memcpy(mark + 1, short_id, BSI_SHORT_ID_SIZE - 1);
    memcpy(mark + BSI_SHORT_ID_SIZE, ".", 2);
    status = bsi_storage_list(env->storage, env->call, name, find_leftover, &found);
    if (status >= 0) {
        status = form_remove(env, found.manifest, found.container);
    }
    bsi_free(found.manifest);
    bsi_free(found.container);
    return status;
}

const bsi_vault bsi_vault_archive = {
    .form = "archive",
    .backup = bsi_archive_form_backup,
    .restore = bsi_archive_form_restore,
    .verify = bsi_archive_form_verify,
    .read = form_read,
    .remove = form_remove,
    .recover = form_recover,
};
