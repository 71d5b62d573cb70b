/* SPDX-License-Identifier: MIT */
/*
 * Making and opening repositories.
 */
#include <string.h>

#include "base/alloc.h"
#include "repo/repository_int.h"

static bs_status repo_new(const bsi_repo_place *place, bsi_repo **out)
{
    const size_t size = strlen(place->folder);
    bsi_repo *repo = NULL;

    if (size > BSI_REPO_FOLDER_MAX || (size > 0 && !bsi_storage_key_is_valid(place->folder))) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "the folder of a repository is a path on its storage of at most %d bytes",
                        BSI_REPO_FOLDER_MAX);
    }
    repo = bsi_calloc(1, sizeof(*repo));
    if (!repo) {
        return BS_E_NOMEM;
    }
    repo->folder = bsi_calloc(1, size + 2);
    if (!repo->folder) {
        bsi_free(repo);
        return BS_E_NOMEM;
    }
    if (size > 0) {
        memcpy(repo->folder, place->folder, size);
        repo->folder[size] = '/';
    }
    repo->storage = bsi_storage_ref(place->storage);
    repo->known = place->known;
    repo->index_memory_most = place->index_memory_most;
    repo->temp_dir = place->temp_dir;
    *out = repo;
    return BS_OK;
}

void bsi_repo_close(bsi_repo *repo)
{
    if (repo) {
        bsi_storage_unref(repo->storage);
        bsi_secret_free(repo->master);
        bsi_free(repo->folder);
        bsi_free(repo);
    }
}

const bsi_repo_config *bsi_repo_config_of(const bsi_repo *repo)
{
    return &repo->config;
}

const bsi_secret *bsi_repo_master_key(const bsi_repo *repo)
{
    return repo->master;
}

bsi_storage *bsi_repo_storage(const bsi_repo *repo)
{
    return repo->storage;
}

static bs_status count_files(const bsi_repo *repo, const bs_call *call, bsi_repo_kind kind,
                             size_t *out)
{
    bsi_repo_files files = {0};

    BSI_TRY(bsi_repo_list(repo, call, kind, &files));
    *out = files.count;
    bsi_repo_files_dispose(&files);
    return BS_OK;
}

/* --- Opening --- */

static bs_status explain_no_config(const bsi_repo *repo, const bs_call *call)
{
    size_t keys = 0;

    BSI_TRY(count_files(repo, call, BSI_REPO_KEYS, &keys));
    if (keys > 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the repository's config is missing, though it has %zu key files", keys);
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND,
                    "there is no repository: neither a config nor key files");
}

static bs_status decrypt_config(bsi_repo *repo, bsi_buf *stored)
{
    uint8_t *text = stored->data + BSI_CTR_POLY_IV_SIZE;
    bs_status status = BS_E_CORRUPT;

    if (stored->size >= BSI_CTR_POLY_OVERHEAD) {
        status = bsi_ctr_poly_open(repo->master, stored->data, stored->size, text);
    }
    if (status == BS_E_CORRUPT) {
        return bsi_fail(BS_LAYER_STORAGE, status,
                        "the repository's config is damaged, or that of another repository");
    }
    BSI_TRY(status);
    return bsi_repo_config_parse(
        (bsi_slice){(const char *)text, stored->size - BSI_CTR_POLY_OVERHEAD}, &repo->config);
}

static bs_status open_config(bsi_repo *repo, const bs_call *call, const bsi_secret *password,
                             bool may_derive, bsi_buf *stored)
{
    char key[BSI_REPO_KEY_SIZE];
    bs_status status = BS_OK;

    bsi_repo_config_key(repo, key);
    status = bsi_storage_load(repo->storage, call, key, BSI_REPO_CONFIG_MAX, stored);
    if (status == BS_E_NOT_FOUND) {
        return explain_no_config(repo, call);
    }
    BSI_TRY(status);
    BSI_TRY(bsi_repo_unlock_master(repo, call, password, may_derive));
    return decrypt_config(repo, stored);
}

static bs_status open_repo(const bsi_repo_place *place, const bs_call *call,
                           const bsi_secret *password, bool may_derive, bsi_repo **out)
{
    bsi_repo *repo = NULL;
    bsi_buf stored;
    bs_status status = repo_new(place, &repo);

    if (!repo) {
        return status;
    }
    bsi_buf_init(&stored, BSI_REPO_CONFIG_MAX);
    status = open_config(repo, call, password, may_derive, &stored);
    bsi_buf_dispose(&stored);
    if (status < 0) {
        bsi_repo_close(repo);
        return status;
    }
    *out = repo;
    return BS_OK;
}

bs_status bsi_repo_open(const bsi_repo_place *place, const bs_call *call,
                        const bsi_secret *password, bsi_repo **out)
{
    return open_repo(place, call, password, true, out);
}

bs_status bsi_repo_open_known(const bsi_repo_place *place, const bs_call *call,
                              const bsi_secret *password, bsi_repo **out)
{
    if (!place->known || !bsi_known_keys_has(place->known, password)) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "nothing is known of this pass phrase");
    }
    return open_repo(place, call, password, false, out);
}

/* --- Making --- */

/* Nothing may be there that a new repository would take the place of. */
static bs_status check_free(const bsi_repo *repo, const bs_call *call, size_t *keys_out)
{
    char key[BSI_REPO_KEY_SIZE];
    bs_storage_object object;
    size_t snapshots = 0;
    bs_status status = BS_OK;

    bsi_repo_config_key(repo, key);
    status = bsi_storage_stat(repo->storage, call, key, &object);
    if (status == BS_OK) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_EXISTS, "there is a repository already");
    }
    if (status != BS_E_NOT_FOUND) {
        return status;
    }
    BSI_TRY(count_files(repo, call, BSI_REPO_KEYS, keys_out));
    BSI_TRY(count_files(repo, call, BSI_REPO_SNAPSHOTS, &snapshots));
    if (snapshots > 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_EXISTS,
                        "there are %zu keys and %zu snapshots of a repository without config",
                        *keys_out, snapshots);
    }
    return BS_OK;
}

bs_status bsi_repo_check_free(const bsi_repo_place *place, const bs_call *call, size_t *keys_out)
{
    bsi_repo *repo = NULL;
    bs_status status = repo_new(place, &repo);

    if (!repo) {
        return status;
    }
    status = check_free(repo, call, keys_out);
    bsi_repo_close(repo);
    return status;
}

/*
 * Keys without a config are what somebody has left who died in between, or is about to complete.
 * With the master key that is in them, the repository is the same whoever completes it.
 */
static bs_status take_over(bsi_repo *repo, const bs_call *call, const bsi_secret *password,
                           size_t keys)
{
    const bs_status status = bsi_repo_unlock_master(repo, call, password, true);

    if (status != BS_E_KEY && status != BS_E_CORRUPT && status != BS_E_LIMIT) {
        return status;
    }
    return bsi_fail(BS_LAYER_STORAGE, BS_E_EXISTS,
                    "there are %zu keys of a repository that was begun and has no config, and this "
                    "pass phrase opens none of them: give theirs, or remove the storage's folder "
                    "'keys'",
                    keys);
}

/* Of two who make one at the same time, only the first gets here where the storage can tell. */
static bs_status put_config(const bsi_repo *repo, const bs_call *call, const bsi_buf *stored)
{
    char key[BSI_REPO_KEY_SIZE];

    bsi_repo_config_key(repo, key);
    return bsi_storage_put_new(repo->storage, call, key, stored->data, stored->size);
}

static bs_status store_config(const bsi_repo *repo, const bs_call *call)
{
    uint8_t room[BSI_CTR_POLY_OVERHEAD + 256];
    bsi_buf text;
    bsi_buf stored;
    bs_status status = BS_OK;

    bsi_buf_init(&text, sizeof(room) - BSI_CTR_POLY_OVERHEAD);
    bsi_buf_init(&stored, sizeof(room));
    status = bsi_repo_config_write(&repo->config, &text);
    if (status == BS_OK) {
        status = bsi_ctr_poly_seal(repo->master, text.data, text.size, room);
    }
    if (status == BS_OK) {
        status = bsi_buf_append(&stored, room, text.size + BSI_CTR_POLY_OVERHEAD);
    }
    if (status == BS_OK) {
        status = put_config(repo, call, &stored);
    }
    bsi_buf_dispose(&text);
    bsi_buf_dispose(&stored);
    return status;
}

/*
 * Without its config a key opens nothing, and beside somebody else's it misleads. Where it is not
 * known whether the config arrived after all, the key stays.
 */
static void take_key_back(const bsi_repo *repo, bs_status why)
{
    char key[BSI_REPO_KEY_SIZE];
    bs_storage_object object;
    bs_error first;

    bsi_error_save(&first);
    bsi_repo_config_key(repo, key);
    if (why == BS_E_EXISTS ||
        bsi_storage_stat(repo->storage, NULL, key, &object) == BS_E_NOT_FOUND) {
        bsi_repo_object_key(repo, BSI_REPO_KEYS, &repo->key_id, key);
        bsi_storage_remove_quietly(repo->storage, key);
    }
    bsi_error_restore(&first);
}

static bs_status make(bsi_repo *repo, const bs_call *call, const bsi_repo_options *options,
                      const bsi_secret *password)
{
    const uint32_t version = options && options->version ? options->version : BSI_REPO_VERSION_MAX;
    size_t keys = 0;
    bs_status status = BS_OK;

    if (version > BSI_REPO_VERSION_MAX) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID, "a repository is of version 1 or 2, not %u",
                        version);
    }
    BSI_TRY(check_free(repo, call, &keys));
    BSI_TRY(bsi_repo_config_new(version, &repo->config));
    if (options && options->polynomial) {
        repo->config.polynomial = options->polynomial;
    }
    BSI_TRY(keys > 0 ? take_over(repo, call, password, keys)
                     : bsi_repo_master_key_new(&repo->master));
    BSI_TRY(bsi_repo_key_begin(repo, call, password, options ? &options->cost : NULL));
    status = store_config(repo, call);
    if (status < 0) {
        take_key_back(repo, status);
    }
    return status;
}

bs_status bsi_repo_init(const bsi_repo_place *place, const bs_call *call,
                        const bsi_repo_options *options, const bsi_secret *password, bsi_repo **out)
{
    bsi_repo *repo = NULL;
    bs_status status = repo_new(place, &repo);

    if (!repo) {
        return status;
    }
    status = make(repo, call, options, password);
    if (status < 0) {
        bsi_repo_close(repo);
        return bsi_fail_context(BS_LAYER_STORAGE, status, "making a repository");
    }
    *out = repo;
    return BS_OK;
}
