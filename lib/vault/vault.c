/* SPDX-License-Identifier: MIT */
/*
 * What is alike in all forms: finding a form, and counting.
 */
#include "vault/vault.h"

#include <string.h>

#include "vault/forms.h"
#include "vault/manifests.h"

static const bsi_vault *const forms[] = {
    &bsi_vault_archive,
    &bsi_vault_mirror,
    &bsi_vault_repository,
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

/* Every key belongs to some form's manifests: what looks like nobody else's is the first's. */
static const bsi_manifests *manifests_of(const char *manifest_key)
{
    for (size_t i = BSI_ARRAY_SIZE(forms) - 1; i > 0; i--) {
        if (forms[i]->manifests->owns(manifest_key)) {
            return forms[i]->manifests;
        }
    }
    return forms[0]->manifests;
}

bs_status bsi_vault_info(const bsi_vault_env *env, const char *manifest_key, bsi_manifest_info *out)
{
    return manifests_of(manifest_key)->info(env, manifest_key, out);
}

bs_status bsi_vault_look(const bsi_vault_env *env, const char *manifest_key, bsi_manifest_info *out)
{
    return manifests_of(manifest_key)->look(env, manifest_key, out);
}

bs_status bsi_vault_check_base(const bsi_vault_env *env, const char *manifest_key)
{
    return manifests_of(manifest_key)->check_base(env, manifest_key);
}

bs_status bsi_vault_warnings(const bsi_vault_env *env, const char *manifest_key,
                             const bsi_warn *warn)
{
    return manifests_of(manifest_key)->warnings(env, manifest_key, warn);
}

bs_status bsi_vault_list(const bsi_vault_env *env, const char *manifest_key, bsi_slice dir,
                         bool recursive, bsi_listed_cb callback, void *user)
{
    bsi_listing list;
    bs_status status = BS_OK;

    bsi_listing_begin(&list, dir, recursive, (bsi_listed_sink){callback, user});
    status = manifests_of(manifest_key)->list(env, manifest_key, &list);
    return bsi_listing_end(&list, status);
}

bs_status bsi_vault_load_keys(const bsi_vault_env *env, const char *manifest_key, bsi_keyset **out)
{
    return manifests_of(manifest_key)->load_keys(env, manifest_key, out);
}

/* Forms may have their manifests in common; each kind is looked for once. */
static bool is_first_with(size_t form)
{
    for (size_t i = 0; i < form; i++) {
        if (forms[i]->manifests == forms[form]->manifests) {
            return false;
        }
    }
    return true;
}

bs_status bsi_vault_scan(const bsi_vault_env *env, bsi_manifest_cb callback, void *user)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(forms); i++) {
        BSI_TRY(is_first_with(i) ? forms[i]->manifests->scan(env, callback, user) : BS_OK);
    }
    return BS_OK;
}
