/* SPDX-License-Identifier: MIT */
/*
 * What is alike in all forms: finding a form, looking at manifests, counting.
 */
#include "vault/vault.h"

#include <string.h>

#include "base/alloc.h"
#include "vault/forms.h"
#include "vault/keys.h"
#include "vault/names.h"

static const bsi_vault *const forms[] = {
    &bsi_vault_archive,
    &bsi_vault_mirror,
};

const bsi_vault *bsi_vault_find(const char *form)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(forms); i++) {
        if (strcmp(forms[i]->form, form) == 0) {
            return forms[i];
        }
    }
    return NULL;
}

static void tell(bsi_progress *progress)
{
    if (progress->moved) {
        progress->moved(progress->user);
    }
}

void bsi_progress_add(bsi_progress *progress, uint64_t files, uint64_t bytes)
{
    if (progress) {
        atomic_fetch_add(&progress->files_done, files);
        atomic_fetch_add(&progress->bytes_done, bytes);
        tell(progress);
    }
}

void bsi_progress_set_total(bsi_progress *progress, uint64_t files, uint64_t bytes)
{
    if (progress) {
        atomic_store(&progress->files_total, files);
        atomic_store(&progress->bytes_total, bytes);
        tell(progress);
    }
}

/* --- Manifests --- */

bs_status bsi_vault_info(const bsi_vault_env *env, const char *manifest_key, bsi_manifest_info *out)
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

bs_status bsi_vault_look(const bsi_vault_env *env, const char *manifest_key, bsi_manifest_info *out)
{
    const bs_status status = bsi_vault_info(env, manifest_key, out);

    return status == BS_E_KEY ? public_info(env, manifest_key, out) : status;
}

bs_status bsi_vault_warnings(const bsi_vault_env *env, const char *manifest_key,
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

/* Whether `path` is shown when `dir` is listed. */
static bool is_shown(bsi_slice path, bsi_slice dir, bool recursive)
{
    bsi_slice rest = path;

    if (recursive) {
        return bsi_slice_equal(path, dir) || bsi_path_is_below(path, dir);
    }
    if (!bsi_path_is_below(path, dir)) {
        return false;
    }
    if (dir.size > 0) {
        rest.data += dir.size + 1;
        rest.size -= dir.size + 1;
    }
    return memchr(rest.data, '/', rest.size) == NULL;
}

/*
 * The next entry to show of a listing that is not recursive. Sources lie deep
 * below the top: where nothing lies directly in a directory, the first entries
 * below it are shown instead.
 */
static bool is_top(bsi_slice path, bsi_slice dir, bsi_buf *shown)
{
    const bsi_slice before = {(const char *)shown->data, shown->size};

    return bsi_path_is_below(path, dir) && (shown->size == 0 || (!bsi_path_is_below(path, before) &&
                                                                 !bsi_slice_equal(path, before)));
}

typedef struct listing {
    bsi_slice dir;
    bool recursive;
    bool found;    /* `dir` is in the backup, or something below it. */
    bsi_buf shown; /* Path of the entry last shown. */
    bsi_listed_cb callback;
    void *user;
} listing;

static bs_status list_entry(listing *list, const bsi_listed *listed)
{
    const bsi_slice path = listed->entry.path;

    if (bsi_slice_equal(path, list->dir) || bsi_path_is_below(path, list->dir)) {
        list->found = true;
    }
    if (!is_shown(path, list->dir, list->recursive) &&
        (list->recursive || !is_top(path, list->dir, &list->shown))) {
        return BS_OK;
    }
    bsi_buf_clear(&list->shown);
    BSI_TRY(bsi_buf_append(&list->shown, path.data, path.size));
    return list->callback(list->user, listed);
}

static bs_status list_entries(listing *list, bsi_manifest_reader *reader)
{
    const bsi_manifest_entry *entry = NULL;
    char printable[256];
    bs_status status = BS_OK;

    while ((status = bsi_manifest_next(reader, &entry)) == BS_OK) {
        BSI_TRY(list_entry(list, &entry->listed));
    }
    BSI_TRY(status);
    if (!list->found && list->dir.size > 0) {
        return bsi_fail(
            BS_LAYER_CALLER, BS_E_NOT_FOUND, "the backup holds no '%s'",
            bsi_printable(list->dir.data, list->dir.size, printable, sizeof(printable)));
    }
    return BS_OK;
}

bs_status bsi_vault_list(const bsi_vault_env *env, const char *manifest_key, bsi_slice dir,
                         bool recursive, bsi_listed_cb callback, void *user)
{
    listing list = {.dir = dir, .recursive = recursive, .callback = callback, .user = user};
    bsi_manifest_reader *reader = NULL;
    bs_status status = bsi_manifest_open_checked(env, manifest_key, &reader);

    BSI_TRY(status);
    bsi_buf_init(&list.shown, BSI_PATH_MAX);
    status = list_entries(&list, reader);
    bsi_buf_dispose(&list.shown);
    bsi_manifest_close(reader);
    return status;
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
    bs_status status = bsi_vault_look(env, key, &info);

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

bs_status bsi_vault_scan(const bsi_vault_env *env, bsi_manifest_cb callback, void *user)
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
