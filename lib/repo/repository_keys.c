/* SPDX-License-Identifier: MIT */
/*
 * The key files of a repository: found, opened, added and removed.
 *
 * Anybody who can write to the storage can put key files there. So what they
 * cost is looked at before it is paid: the cheapest are tried first, and all
 * together may cost no more than BSI_REPO_OPEN_WORK_MAX.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "repo/repository_int.h"
#include "repo/who.h"

enum { KEY_FILES_MAX = 1024 };

static bs_status load_key(const bsi_repo *repo, const bs_call *call, const bsi_digest *id,
                          bsi_buf *out)
{
    bsi_buf_init(out, BSI_REPO_KEY_FILE_MAX);
    return bsi_repo_load(repo, call, BSI_REPO_KEYS, id, out);
}

/* Whether a failure is one of the key file, and not of the storage or the machine. */
static bool is_of_file(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_LIMIT || status == BS_E_NOT_FOUND;
}

/* --- Opening --- */

/* A key file that may be tried. */
typedef struct candidate {
    bsi_digest id;
    uint64_t work;
} candidate;

/* What has been found out while the right key file is looked for. */
typedef struct search {
    bsi_repo *repo; /* Its master key is NULL until one has opened. */
    const bs_call *call;
    const bsi_secret *password;
    candidate *candidates;
    size_t count;
    size_t damaged;
    bs_error first; /* Of the damaged ones. */
} search;

static void note_damage(search *self)
{
    if (self->damaged == 0) {
        bsi_error_save(&self->first);
    }
    self->damaged++;
}

/* Open it without scrypt. BS_OK also when that cannot be done. */
static bs_status try_known(search *self, const bsi_digest *id, bsi_slice json)
{
    bsi_repo *repo = self->repo;
    const bs_status status =
        repo->known ? bsi_repo_key_file_open_known(json, self->password, repo->known, &repo->master)
                    : BS_E_KEY;

    if (status == BS_OK) {
        repo->key_id = *id;
    }
    return status == BS_E_KEY || is_of_file(status) ? BS_OK : status;
}

static bs_status look_at(search *self, const bsi_digest *id)
{
    bsi_repo_key_info info;
    uint64_t work = 0;
    bsi_buf json;
    bs_status status = load_key(self->repo, self->call, id, &json);

    if (status == BS_OK) {
        status = bsi_repo_key_info_parse(bsi_buf_slice(&json), &info, &work);
        if (status == BS_OK) {
            self->candidates[self->count++] = (candidate){*id, work};
            bsi_repo_key_info_dispose(&info);
            status = try_known(self, id, bsi_buf_slice(&json));
        }
    }
    bsi_buf_dispose(&json);
    if (is_of_file(status)) {
        note_damage(self);
        return BS_OK;
    }
    return status;
}

static int compare_work(const void *a, const void *b)
{
    const uint64_t one = ((const candidate *)a)->work;
    const uint64_t other = ((const candidate *)b)->work;

    return (one > other) - (one < other);
}

static bs_status collect(search *self, const bsi_repo_files *files)
{
    for (size_t i = 0; i < files->count && !self->repo->master; i++) {
        BSI_TRY(bsi_call_check(self->call));
        BSI_TRY(look_at(self, &files->items[i].id));
    }
    qsort(self->candidates, self->count, sizeof(*self->candidates), compare_work);
    return BS_OK;
}

/* BS_E_KEY: not this one. */
static bs_status try_key(search *self, const bsi_digest *id)
{
    bsi_repo *repo = self->repo;
    bsi_buf json;
    bs_status status = load_key(repo, self->call, id, &json);

    if (status == BS_OK) {
        status = bsi_repo_key_file_open(bsi_buf_slice(&json), self->password, repo->known,
                                        &repo->master);
    }
    bsi_buf_dispose(&json);
    if (is_of_file(status)) {
        note_damage(self);
        return BS_E_KEY;
    }
    return status;
}

static bs_status none_opens(const search *self, size_t tried)
{
    if (self->damaged > 0) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                        "the pass phrase opens none of the repository's %zu keys, and %zu more "
                        "cannot be used, the first of them because: %s",
                        tried, self->damaged, self->first.message);
    }
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                    "the pass phrase opens none of the repository's %zu keys", tried);
}

static bs_status try_all(search *self)
{
    uint64_t work = 0;

    for (size_t i = 0; i < self->count; i++) {
        const candidate *one = &self->candidates[i];
        bs_status status = bsi_call_check(self->call);

        work += one->work;
        if (status == BS_OK && work > BSI_REPO_OPEN_WORK_MAX) {
            return bsi_fail(BS_LAYER_CRYPTO, BS_E_LIMIT,
                            "the pass phrase opens none of the first %zu of the repository's %zu "
                            "keys, and trying the rest would take too long",
                            i, self->count);
        }
        if (status == BS_OK) {
            status = try_key(self, &one->id);
        }
        if (status != BS_E_KEY) {
            self->repo->key_id = one->id;
            return status;
        }
    }
    if (self->count == 0) {
        bsi_error_restore(&self->first);
        return bsi_fail_context(BS_LAYER_STORAGE, BS_E_CORRUPT,
                                "none of the repository's %zu key files can be used",
                                self->damaged);
    }
    return none_opens(self, self->count);
}

static bs_status none_known(void)
{
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                    "the pass phrase has opened none of the repository's keys before");
}

static bs_status search_keys(bsi_repo *repo, const bs_call *call, const bsi_repo_files *files,
                             const bsi_secret *password, bool may_derive)
{
    search self = {.repo = repo, .call = call, .password = password};
    bs_status status = BS_OK;

    if (files->count == 0) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the repository has a config but no key files: nothing opens it");
    }
    if (files->count > KEY_FILES_MAX) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_LIMIT,
                        "the repository has %zu key files; at most %d", files->count,
                        KEY_FILES_MAX);
    }
    self.candidates = bsi_calloc(files->count, sizeof(*self.candidates));
    if (!self.candidates) {
        return BS_E_NOMEM;
    }
    status = collect(&self, files);
    if (status == BS_OK && !repo->master) {
        status = may_derive ? try_all(&self) : none_known();
    }
    bsi_free(self.candidates);
    return status;
}

bs_status bsi_repo_unlock_master(bsi_repo *repo, const bs_call *call, const bsi_secret *password,
                                 bool may_derive)
{
    bsi_repo_files files = {0};
    bs_status status = bsi_repo_list(repo, call, BSI_REPO_KEYS, &files);

    if (status == BS_OK) {
        status = search_keys(repo, call, &files, password, may_derive);
    }
    bsi_repo_files_dispose(&files);
    return status;
}

/* --- Listing --- */

static bs_status tell_of(const bsi_repo *repo, const bs_call *call, const bsi_digest *id,
                         bsi_repo_key_cb callback, void *user)
{
    bsi_repo_key_info info = {0};
    uint64_t work = 0;
    bsi_buf json;
    bs_status status = load_key(repo, call, id, &json);

    if (status == BS_OK) {
        status = bsi_repo_key_info_parse(bsi_buf_slice(&json), &info, &work);
    }
    bsi_buf_dispose(&json);
    if (status == BS_E_NOT_FOUND) { /* Removed meanwhile. */
        return BS_OK;
    }
    if (status < 0 && !is_of_file(status)) {
        return status;
    }
    status = callback(user, id, status == BS_OK ? &info : NULL);
    bsi_repo_key_info_dispose(&info);
    return status;
}

bs_status bsi_repo_key_list(const bsi_repo *repo, const bs_call *call, bsi_repo_key_cb callback,
                            void *user)
{
    bsi_repo_files files = {0};
    bs_status status = bsi_repo_list(repo, call, BSI_REPO_KEYS, &files);

    for (size_t i = 0; status == BS_OK && i < files.count; i++) {
        status = tell_of(repo, call, &files.items[i].id, callback, user);
    }
    bsi_repo_files_dispose(&files);
    return status;
}

const bsi_digest *bsi_repo_current_key(const bsi_repo *repo)
{
    return &repo->key_id;
}

/* --- Changing --- */

/* A password and what it costs, to be added. */
typedef struct new_key {
    const bsi_secret *password;
    const bsi_scrypt_cost *cost; /* NULL: the usual. */
    bsi_known_keys *written;     /* Knows what scrypt made while it was written; NULL: forgotten. */
    bsi_known_keys *known;       /* For the check; NULL: scrypt runs. */
} new_key;

static bs_status write_key(const bsi_repo *repo, const new_key *key, bsi_buf *out)
{
    bsi_repo_who who;
    bsi_repo_key_info info = {.created = bsi_go_time_now(), .cost = BSI_REPO_SCRYPT_COST};

    BSI_TRY(bsi_repo_who_get(&who));
    info.username = bsi_slice_of(who.user);
    info.hostname = bsi_slice_of(who.identity.host);
    if (key->cost && key->cost->log_n > 0) {
        info.cost = *key->cost;
    }
    return bsi_repo_key_file_write(repo->master, key->password, &info, key->written, out);
}

/* Whether what is stored now opens, and has the master key in it. */
static bs_status check_key(const bsi_repo *repo, const bs_call *call, const new_key *key,
                           const bsi_digest *id)
{
    const size_t size = bsi_secret_size(repo->master);
    bsi_secret *master = NULL;
    bsi_buf json;
    bs_status status = load_key(repo, call, id, &json);

    if (status == BS_OK) {
        status = bsi_repo_key_file_open(bsi_buf_slice(&json), key->password, key->known, &master);
    }
    if (status == BS_OK &&
        !bsi_secret_equal(bsi_secret_view(master), bsi_secret_view(repo->master), size)) {
        status = bsi_fail(BS_LAYER_CRYPTO, BS_E_INTERNAL, "a new key file has another master key");
    }
    bsi_secret_free(master);
    bsi_buf_dispose(&json);
    return status;
}

static void remove_quietly(const bsi_repo *repo, const bsi_digest *id)
{
    char key[BSI_REPO_KEY_SIZE];

    bsi_repo_object_key(repo, BSI_REPO_KEYS, id, key);
    bsi_storage_remove_quietly(repo->storage, key);
}

/* A failure leaves no key behind, even where it was stored all the same. */
static bs_status put_checked(const bsi_repo *repo, const bs_call *call, const new_key *key,
                             const bsi_buf *json, bsi_digest *id_out)
{
    bs_status status = bsi_repo_put(repo, call, BSI_REPO_KEYS, json, id_out);

    if (status == BS_OK) {
        status = check_key(repo, call, key, id_out);
    }
    if (status < 0) {
        remove_quietly(repo, id_out);
    }
    return status;
}

static bs_status add(const bsi_repo *repo, const bs_call *call, const new_key *key,
                     bsi_digest *id_out)
{
    bsi_buf json;
    bs_status status = BS_OK;

    bsi_buf_init(&json, BSI_REPO_KEY_FILE_MAX);
    status = write_key(repo, key, &json);
    if (status == BS_OK) {
        status = put_checked(repo, call, key, &json, id_out);
    }
    bsi_buf_dispose(&json);
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "adding a key") : BS_OK;
}

/* That it opens is shown by deriving it once more: `key_change` removes the one before. */
bs_status bsi_repo_key_add(const bsi_repo *repo, const bs_call *call, const bsi_secret *password,
                           const bsi_scrypt_cost *cost, bsi_digest *id_out)
{
    const new_key key = {.password = password, .cost = cost, .known = repo->known};

    return add(repo, call, &key, id_out);
}

/* What is in it is read back and compared; the next opening derives, for nothing is kept. */
bs_status bsi_repo_key_begin(bsi_repo *repo, const bs_call *call, const bsi_secret *password,
                             const bsi_scrypt_cost *cost)
{
    bsi_known_keys *once = NULL;
    new_key key = {.password = password, .cost = cost};
    bs_status status = bsi_known_keys_new(&once);

    if (status == BS_OK) {
        key.written = once;
        key.known = once;
        status = add(repo, call, &key, &repo->key_id);
    }
    bsi_known_keys_free(once);
    return status;
}

bs_status bsi_repo_key_remove(const bsi_repo *repo, const bs_call *call, const bsi_digest *id)
{
    bs_storage_object object;
    char key[BSI_REPO_KEY_SIZE];

    if (bsi_digest_equal(id, &repo->key_id)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_NEEDED,
                        "the key that the repository was opened with is not removed; open it with "
                        "another, or change its pass phrase");
    }
    bsi_repo_object_key(repo, BSI_REPO_KEYS, id, key);
    BSI_TRY(bsi_storage_stat(repo->storage, call, key, &object));
    return bsi_repo_remove(repo, call, BSI_REPO_KEYS, id);
}

bs_status bsi_repo_key_change(bsi_repo *repo, const bs_call *call, const bsi_secret *password,
                              const bsi_scrypt_cost *cost)
{
    const bsi_digest old = repo->key_id;
    bsi_digest id;

    BSI_TRY(bsi_repo_key_add(repo, call, password, cost, &id));
    repo->key_id = id;
    return bsi_repo_remove(repo, call, BSI_REPO_KEYS, &old);
}
