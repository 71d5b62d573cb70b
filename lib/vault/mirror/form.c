/* SPDX-License-Identifier: MIT */
/*
 * The mirror form: plain files below one prefix, and a manifest that knows the rest.
 */
#include "vault/mirror/form.h"

#include <string.h>

#include "base/alloc.h"
#include "vault/forms.h"
#include "vault/manifests.h"
#include "vault/mirror/tree.h"
#include "vault/names.h"
#include "vault/restore.h"

typedef struct opened {
    bsi_manifest_reader *manifest;
    bsi_mirror_files *files;
    bsi_content content;
} opened;

static void close_mirror(opened *mirror)
{
    bsi_mirror_files_free(mirror->files);
    bsi_manifest_close(mirror->manifest);
}

static bs_status open_mirror(const bsi_vault_env *env, const char *manifest_key, opened *out)
{
    bs_status status = bsi_manifest_open_checked(env, manifest_key, &out->manifest);

    BSI_TRY(status);
    status = bsi_mirror_files_new(env, bsi_manifest_reader_info(out->manifest), &out->files);
    if (status < 0) {
        close_mirror(out);
        return status;
    }
    out->content = bsi_mirror_files_content(out->files);
    return BS_OK;
}

static bs_status form_restore(const bsi_vault_env *env, const bsi_restore_plan *plan,
                              bsi_restore_result *out)
{
    opened mirror = {0};
    bs_status status = open_mirror(env, plan->manifest_key, &mirror);

    BSI_TRY(status);
    status = bsi_restore_manifest(env, plan, mirror.manifest, &mirror.content, out);
    close_mirror(&mirror);
    return status;
}

static bs_status form_read(const bsi_vault_env *env, const char *manifest_key, bsi_slice path,
                           bsi_bytes_cb data, void *user)
{
    opened mirror = {0};
    bs_status status = open_mirror(env, manifest_key, &mirror);

    BSI_TRY(status);
    status = bsi_content_read(&mirror.content, env->call, mirror.manifest, path, data, user);
    close_mirror(&mirror);
    return status;
}

static bs_status form_lend(const bsi_vault_env *env, const char *manifest_key, bsi_lent_cb take,
                           void *user)
{
    opened mirror = {0};
    bs_status status = open_mirror(env, manifest_key, &mirror);

    BSI_TRY(status);
    status = take(user, mirror.manifest, &mirror.content);
    close_mirror(&mirror);
    return status;
}

static bs_status check_file(const bsi_vault_env *env, const opened *mirror, bsi_sha256 *hash,
                            const bsi_manifest_entry *entry, const bsi_damage_sink *sink)
{
    char message[BS_ERROR_MESSAGE_SIZE];
    bs_status status = bsi_content_check(&mirror->content, env->call, entry, hash, NULL, NULL);

    if (status >= 0) {
        status = bsi_mirror_files_check_holes(mirror->files);
    }
    bsi_progress_add(env->progress, 1, entry->listed.entry.stat.size);
    if (status >= 0 || bs_error_last()->layer != BS_LAYER_STORAGE) {
        return status;
    }
    memcpy(message, bs_error_last()->message, sizeof(message));
    BSI_TRY(sink->object(sink->user, bsi_mirror_files_key(mirror->files), message));
    return sink->lost(sink->user, entry->listed.entry.path);
}

static bs_status check_files(const bsi_vault_env *env, const opened *mirror,
                             const bsi_damage_sink *sink)
{
    const bsi_manifest_info *info = bsi_manifest_reader_info(mirror->manifest);
    const bsi_manifest_entry *entry = NULL;
    bsi_sha256 *hash = NULL;
    bs_status status = bsi_sha256_new(&hash);

    bsi_progress_set_total(env->progress, info->files, info->bytes);
    while (status >= 0) {
        status = bsi_manifest_next(mirror->manifest, &entry);
        if (status != BS_OK) {
            break;
        }
        if (entry->listed.entry.stat.type == BSI_TYPE_FILE) {
            status = check_file(env, mirror, hash, entry, sink);
        }
    }
    bsi_sha256_free(hash);
    return status < 0 ? status : BS_OK;
}

static bs_status form_verify(const bsi_vault_env *env, const char *manifest_key,
                             const bsi_damage_sink *sink, bsi_verify_result *out)
{
    opened mirror = {0};
    bs_status status = open_mirror(env, manifest_key, &mirror);

    *out = (bsi_verify_result){0};
    if (status < 0 && bs_error_last()->layer == BS_LAYER_STORAGE) {
        return sink->object(sink->user, manifest_key, bs_error_last()->message);
    }
    BSI_TRY(status);
    status = check_files(env, &mirror, sink);
    close_mirror(&mirror);
    return status;
}

/* The tree belongs to the newest manifest of the name; it goes with the last one. */
static bs_status form_remove(const bsi_vault_env *env, const char *manifest_key,
                             const char *container_key)
{
    const char *slash = container_key ? strchr(container_key, '/') : NULL;
    char *name = NULL;
    char *other = NULL;
    bs_status status = BS_OK;

    if (manifest_key && manifest_key[0]) {
        BSI_TRY(bsi_storage_remove(env->storage, env->call, manifest_key));
    }
    if (!slash) {
        return BS_OK;
    }
    name = bsi_strndup(container_key, (size_t)(slash - container_key));
    status = name ? bsi_mirror_find_manifest(env, name, NULL, &other) : BS_E_NOMEM;
    if (status >= 0 && !other) {
        status = bsi_mirror_remove_tree(env, name);
    }
    bsi_free(other);
    bsi_free(name);
    return status;
}

static bs_status form_recover(const bsi_vault_env *env, const char *name, const char *id)
{
    char *manifest = NULL;
    char *staging = bsi_mirror_staging_key(name, id);
    bs_status status = staging ? bsi_mirror_find_manifest(env, name, id, &manifest) : BS_E_NOMEM;

    if (status >= 0) {
        status = manifest ? bsi_mirror_settle(env, name, manifest)
                          : bsi_mirror_remove_below(env, staging);
    }
    bsi_free(manifest);
    bsi_free(staging);
    return status;
}

const bsi_vault bsi_vault_mirror = {
    .form = "mirror",
    .backup = bsi_mirror_form_backup,
    .restore = form_restore,
    .verify = form_verify,
    .read = form_read,
    .remove = form_remove,
    .recover = form_recover,
    .lend = form_lend,
    .manifests = &bsi_object_manifests,
};
