/* SPDX-License-Identifier: MIT */
/*
 * The repository form: snapshots in a repository of restic's format, which lies
 * at the root of the storage.
 */
#include "vault/repository/form.h"

#include <string.h>

#include "repo/reader.h"
#include "vault/forms.h"
#include "vault/repository/backup.h"
#include "vault/repository/snapshots.h"

/* --- One file --- */

/* The file that is looked for. */
typedef struct search {
    bsi_slice path;
} search;

static bool leads_there(void *user, bsi_slice dir)
{
    return bsi_path_is_below(((const search *)user)->path, dir);
}

static bs_status read_content(const bsi_repo_session *session, const bsi_tree_item *item,
                              bsi_bytes_cb data, void *user)
{
    bsi_blob_reader *reader = NULL;
    bsi_slice plain = {0};
    bs_status status = bsi_blob_reader_new(session->repo, session->index, &reader);

    for (size_t i = 0; status >= 0 && i < item->content_count; i++) {
        status = bsi_repo_session_keep(session);
        if (status >= 0) {
            status = bsi_blob_reader_read(reader, session->env->call, BSI_BLOB_DATA,
                                          &item->content[i], &plain);
        }
        if (status >= 0) {
            status = data(user, plain.data, plain.size);
        }
    }
    bsi_blob_reader_free(reader);
    return status;
}

static bs_status read_path(const bsi_repo_session *session, bsi_tree_walk *walk, bsi_slice path,
                           bsi_bytes_cb data, void *user)
{
    const bsi_tree_item *item = NULL;
    char shown[256];
    bs_status status = BS_OK;

    bsi_printable(path.data, path.size, shown, sizeof(shown));
    do {
        status = bsi_tree_walk_next(walk, &item);
    } while (status == BS_OK && !bsi_slice_equal(item->entry.listed.entry.path, path));
    BSI_TRY(status);
    if (status == BS_END) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "the backup holds no '%s'", shown);
    }
    if (item->entry.listed.entry.stat.type != BSI_TYPE_FILE) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "'%s' is no file", shown);
    }
    status = read_content(session, item, data, user);
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "file '%s'", shown) : BS_OK;
}

static bs_status form_read(const bsi_vault_env *env, const char *manifest_key, bsi_slice path,
                           bsi_bytes_cb data, void *user)
{
    search self = {path};
    const bsi_tree_watch watch = {.enters = leads_there, .user = &self};
    bsi_opened_snapshot opened;
    bsi_tree_walk *walk = NULL;
    bs_status status = bsi_snapshot_open(env, manifest_key, true, &opened);

    BSI_TRY(status);
    status = bsi_snapshot_walk(&opened, &watch, &walk);
    if (status >= 0) {
        status = read_path(&opened.session, walk, path, data, user);
    }
    bsi_tree_walk_free(walk);
    bsi_snapshot_close(&opened);
    return status;
}

/* --- Forgetting --- */

/*
 * Only the snapshot's file goes, which needs neither key nor lock: what nothing refers to any more
 * is in nobody's way, and a prune gives its space back.
 */
static bs_status form_remove(const bsi_vault_env *env, const char *manifest_key,
                             const char *container_key)
{
    const char *key = manifest_key && manifest_key[0] ? manifest_key : container_key;
    bsi_digest id;

    if (!key || !key[0]) {
        return BS_OK;
    }
    BSI_TRY(bsi_snapshot_id_of_key(key, &id));
    return bsi_storage_remove(env->storage, env->call, key);
}

/* --- After a crash --- */

typedef struct leftover {
    const bsi_vault_env *env;
    const char *id;
} leftover;

static bs_status remove_own(void *user, const char *manifest_key, const bsi_manifest_info *info)
{
    const leftover *self = user;

    return strcmp(info->id, self->id) == 0 ? form_remove(self->env, manifest_key, NULL) : BS_OK;
}

/*
 * A snapshot is the last thing that a backup stores. Without it its packs are there for the next
 * backup, or for a prune; and locks of processes that are gone go too.
 */
static bs_status form_recover(const bsi_vault_env *env, const char *name, const char *id)
{
    const bsi_session_options options = {
        .keys = env->keys, .key_count = env->key_count, .reads_only = true};
    leftover self = {env, id};
    bsi_repo_session session;
    size_t unlocked = 0;
    bs_status status = bsi_repo_session_open(env, &options, &session);

    (void)name;
    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    BSI_TRY(status);
    status = bsi_repo_unlock(session.repo, env->call, false, &unlocked);
    bsi_repo_session_close(&session);
    return status < 0 ? status : bsi_snapshot_manifests.scan(env, remove_own, &self);
}

const bsi_vault bsi_vault_repository = {
    .form = "repository",
    .backup = bsi_repository_form_backup,
    .restore = bsi_repository_form_restore,
    .verify = bsi_repository_form_verify,
    .read = form_read,
    .remove = form_remove,
    .recover = form_recover,
    .manifests = &bsi_snapshot_manifests,
};
