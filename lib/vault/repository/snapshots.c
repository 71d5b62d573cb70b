/* SPDX-License-Identifier: MIT */
/*
 * Snapshots in the place of manifests.
 */
#include "vault/repository/snapshots.h"

#include "vault/repository/record.h"

/* --- One of them --- */

static bs_status load(const char *manifest_key, bsi_opened_snapshot *opened)
{
    const bsi_vault_env *env = opened->session.env;
    bs_storage_object object = {0};

    BSI_TRY(bsi_storage_stat(env->storage, env->call, manifest_key, &object));
    opened->file.size = object.size;
    return bsi_snapshot_load(opened->session.repo, opened->session.env->call, &opened->file.id,
                             &opened->snapshot);
}

bs_status bsi_snapshot_open(const bsi_vault_env *env, const char *manifest_key, bool whole,
                            bsi_opened_snapshot *out)
{
    const bsi_session_options options = {
        .keys = env->keys,
        .key_count = env->key_count,
        .lock = whole ? BSI_SESSION_SHARED : BSI_SESSION_UNLOCKED,
        .reads_only = true,
        .with_index = whole,
    };
    bsi_opened_snapshot opened = {.file.size = 0};
    bs_status status = BS_OK;

    BSI_TRY(bsi_snapshot_id_of_key(manifest_key, &opened.file.id));
    BSI_TRY(bsi_repo_session_open(env, &options, &opened.session));
    status = load(manifest_key, &opened);
    if (status < 0) {
        bsi_repo_session_close(&opened.session);
        return status;
    }
    *out = opened;
    return BS_OK;
}

void bsi_snapshot_close(bsi_opened_snapshot *opened)
{
    bsi_snapshot_dispose(&opened->snapshot);
    bsi_repo_session_close(&opened->session);
}

bs_status bsi_snapshot_walk(const bsi_opened_snapshot *opened, const bsi_tree_watch *watch,
                            bsi_tree_walk **out)
{
    return bsi_tree_walk_new(&opened->session, &opened->snapshot.tree.digest, watch, out);
}

static bs_status read_info(const bsi_vault_env *env, const char *manifest_key,
                           bsi_manifest_info *out)
{
    bsi_opened_snapshot opened;
    bs_status status = bsi_snapshot_open(env, manifest_key, false, &opened);

    BSI_TRY(status);
    status = bsi_snapshot_info(&opened.session, &opened.snapshot, &opened.file, out);
    bsi_snapshot_close(&opened);
    return status;
}

static bs_status check_base(const bsi_vault_env *env, const char *manifest_key)
{
    bsi_opened_snapshot opened;

    BSI_TRY(bsi_snapshot_open(env, manifest_key, false, &opened));
    bsi_snapshot_close(&opened);
    return BS_OK;
}

static bs_status read_warnings(const bsi_vault_env *env, const char *manifest_key,
                               const bsi_warn *warn)
{
    bsi_opened_snapshot opened;
    bs_status status = bsi_snapshot_open(env, manifest_key, false, &opened);

    BSI_TRY(status);
    status = bsi_record_warnings(opened.snapshot.others, warn);
    bsi_snapshot_close(&opened);
    return status < 0 ? status : BS_OK;
}

static bs_status load_keys(const bsi_vault_env *env, const char *manifest_key, bsi_keyset **out)
{
    (void)env;
    (void)manifest_key;
    (void)out;
    return bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND,
                    "the backup has no keys of its own; its repository has");
}

/* --- What is in it --- */

typedef struct lister {
    const bsi_vault_env *env;
    const bsi_listing *list;
} lister;

static bs_status list_unread(void *user, bsi_slice path, const bsi_digest *tree, bs_status status)
{
    (void)tree;
    (void)status;
    bsi_warn_last(((const lister *)user)->env->warn, path);
    return BS_OK;
}

/* Down to the directory that is listed, and on from there if all below it is. */
static bool list_enters(void *user, bsi_slice dir)
{
    const bsi_listing *list = ((const lister *)user)->list;

    return bsi_path_is_below(list->dir, dir) || bsi_slice_equal(dir, list->dir) ||
           (list->recursive && bsi_path_is_below(dir, list->dir));
}

static bs_status list_items(bsi_tree_walk *walk, bsi_listing *list)
{
    const bsi_tree_item *item = NULL;
    bs_status status = BS_OK;

    while ((status = bsi_tree_walk_next(walk, &item)) == BS_OK) {
        BSI_TRY(bsi_listing_entry(list, &item->entry.listed));
    }
    return status < 0 ? status : BS_OK;
}

static bs_status list_entries(const bsi_vault_env *env, const char *manifest_key, bsi_listing *list)
{
    lister self = {env, list};
    const bsi_tree_watch watch = {.unread = list_unread, .enters = list_enters, .user = &self};
    bsi_opened_snapshot opened;
    bsi_tree_walk *walk = NULL;
    bs_status status = bsi_snapshot_open(env, manifest_key, true, &opened);

    BSI_TRY(status);
    status = bsi_snapshot_walk(&opened, &watch, &walk);
    if (status >= 0) {
        status = list_items(walk, list);
    }
    bsi_tree_walk_free(walk);
    bsi_snapshot_close(&opened);
    return status;
}

/* --- All of them --- */

/* What is wrong with a file, or with the repository, is for others to see. */
static bs_status settle(const bsi_vault_env *env, const char *key, bs_status status)
{
    if (status >= 0 || (status != BS_E_KEY && bs_error_last()->layer != BS_LAYER_STORAGE) ||
        status == BS_E_CANCELLED || status == BS_E_TIMEOUT) {
        return status;
    }
    bsi_warn_last(env->warn, bsi_slice_of(key));
    return BS_OK;
}

static bs_status read_file(const bsi_repo_session *session, const bsi_repo_file *file,
                           bsi_manifest_info *out)
{
    bsi_snapshot snapshot;
    bs_status status = bsi_snapshot_load(session->repo, session->env->call, &file->id, &snapshot);

    BSI_TRY(status);
    status = bsi_snapshot_info(session, &snapshot, file, out);
    bsi_snapshot_dispose(&snapshot);
    return status;
}

static bs_status visit_file(const bsi_repo_session *session, const bsi_repo_file *file,
                            bsi_manifest_cb callback, void *user)
{
    char key[BSI_REPO_KEY_SIZE];
    bsi_manifest_info info = {0};
    bs_status status = bsi_call_check(session->env->call);

    BSI_TRY(status);
    bsi_repo_object_key(session->repo, BSI_REPO_SNAPSHOTS, &file->id, key);
    status = read_file(session, file, &info);
    if (status < 0) {
        return settle(session->env, key, status);
    }
    status = callback(user, key, &info);
    bsi_manifest_info_dispose(&info);
    return status;
}

static bs_status visit_files(const bsi_repo_session *session, bsi_manifest_cb callback, void *user)
{
    bsi_repo_files files = {0};
    bs_status status = bsi_repo_list(session->repo, session->env->call, BSI_REPO_SNAPSHOTS, &files);

    for (size_t i = 0; status >= 0 && i < files.count; i++) {
        status = visit_file(session, &files.items[i], callback, user);
    }
    bsi_repo_files_dispose(&files);
    return status;
}

static bs_status scan(const bsi_vault_env *env, bsi_manifest_cb callback, void *user)
{
    const bsi_session_options options = {
        .keys = env->keys, .key_count = env->key_count, .reads_only = true};
    bsi_repo_session session;
    bs_status status = bsi_repo_session_open(env, &options, &session);

    if (status == BS_E_NOT_FOUND) {
        return BS_OK;
    }
    if (status < 0) {
        return settle(env, BSI_REPOSITORY_CONFIG_KEY, status);
    }
    status = visit_files(&session, callback, user);
    bsi_repo_session_close(&session);
    return status;
}

const bsi_manifests bsi_snapshot_manifests = {
    .owns = bsi_is_snapshot_key,
    .info = read_info,
    .look = read_info,
    .check_base = check_base,
    .warnings = read_warnings,
    .list = list_entries,
    .scan = scan,
    .load_keys = load_keys,
};
