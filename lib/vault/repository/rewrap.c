/* SPDX-License-Identifier: MIT */
/*
 * Changing whom a repository for RSA keys is for.
 */
#include "vault/repository/rewrap.h"

#include <string.h>

#include "vault/repository/recipients.h"

typedef struct rewrap {
    const bsi_repo_session *session;
    const bsi_vault_env *env;
    const bsi_signer *signer;
    bsi_keyset *set; /* As it is stored, open. */
    bool has_ended;  /* A change that was cut short had its set stored, and is done now. */
} rewrap;

/* --- Data keys --- */

static bool same(const bsi_secret *a, const bsi_secret *b)
{
    return bsi_secret_equal(bsi_secret_view(a), bsi_secret_view(b), BSI_DATA_KEY_SIZE);
}

/* Which key file a data key opens, having opened the repository with it. BS_E_KEY: none. */
static bs_status find_file(const rewrap *self, const bsi_secret *data_key, bsi_digest *out)
{
    const bsi_vault_env *env = self->env;
    const bsi_repo_place place = {.storage = env->storage, .folder = "", .known = env->known};
    bsi_secret *phrase = NULL;
    bsi_repo *repo = NULL;
    bs_status status = bsi_wrap_phrase(data_key, &phrase);

    if (status >= 0) {
        status = bsi_repo_open(&place, env->call, phrase, &repo);
    }
    bsi_secret_free(phrase);
    if (status >= 0) {
        *out = *bsi_repo_current_key(repo);
        bsi_repo_close(repo);
    }
    return status;
}

static bs_status remove_all_but(const rewrap *self, const bsi_digest *stays)
{
    const bsi_repo *repo = self->session->repo;
    bsi_repo_files files = {0};
    bs_status status = bsi_repo_list(repo, self->env->call, BSI_REPO_KEYS, &files);

    for (size_t i = 0; i < files.count && status >= 0; i++) {
        const bsi_digest *id = &files.items[i].id;
        if (!bsi_digest_equal(id, stays)) {
            status = bsi_repo_remove(repo, self->env->call, BSI_REPO_KEYS, id);
        }
    }
    bsi_repo_files_dispose(&files);
    return status;
}

/* --- What is kept here --- */

/* Whether what is in use here has no more use once `data_key` takes its place. */
static bs_status is_replaced(const rewrap *self, const bsi_secret *in_use, bool *out)
{
    bsi_digest id;
    const bs_status status = find_file(self, in_use, &id);

    *out = status >= 0;
    return status == BS_E_KEY ? BS_OK : status;
}

static bs_status keep_in_use(const rewrap *self, const bsi_secret *data_key)
{
    const bsi_repo_keeper *keeper = self->env->keeper;
    bsi_secret *in_use = NULL;
    bool is_there = false;
    bool replaces = false;
    bs_status status = bsi_wrap_kept(self->env, BSI_KEPT_IN_USE, &in_use);

    if (status >= 0) {
        is_there = same(in_use, data_key);
        status = is_there ? BS_OK : is_replaced(self, in_use, &replaces);
    } else if (status == BS_E_KEY) {
        status = BS_OK;
    }
    bsi_secret_free(in_use);
    if (status < 0 || is_there || !keeper) {
        return status;
    }
    return keeper->store(keeper->user, BSI_KEPT_IN_USE, data_key, replaces);
}

static bs_status keep_next(const rewrap *self, const bsi_secret *data_key)
{
    const bsi_repo_keeper *keeper = self->env->keeper;

    return keeper ? keeper->store(keeper->user, BSI_KEPT_NEXT, data_key, true) : BS_OK;
}

static bs_status drop_next(const rewrap *self)
{
    const bsi_repo_keeper *keeper = self->env->keeper;

    return keeper ? keeper->drop_next(keeper->user) : BS_OK;
}

/* --- Opening the stored set --- */

static bs_status try_kept(const rewrap *self, bsi_kept which)
{
    bsi_secret *data_key = NULL;
    bs_status status = bsi_wrap_kept(self->env, which, &data_key);

    if (status >= 0) {
        status = bsi_keyset_unlock(self->set, data_key);
    }
    bsi_secret_free(data_key);
    return status == BS_E_CORRUPT ? BS_E_KEY : status;
}

static bs_status open_stored(const rewrap *self)
{
    bs_status status = try_kept(self, BSI_KEPT_IN_USE);

    if (status == BS_E_KEY) {
        status = try_kept(self, BSI_KEPT_NEXT);
    }
    if (status == BS_E_KEY) {
        status = bsi_wrap_open_set(self->set, self->env->keys, self->env->key_count);
    }
    if (status == BS_E_KEY) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                        "nothing that is known here opens the key set '%s': give the private key "
                        "of a recipient, or, if it is not the repository's, remove it and run a "
                        "backup that names all recipients",
                        BSI_REPOSITORY_KEYS_KEY);
    }
    return status;
}

static bs_status load_stored(rewrap *self)
{
    bs_status status = bsi_wrap_load(self->env, &self->set);

    if (status == BS_E_NOT_FOUND) {
        return bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT,
                        "the key set '%s' is gone: run a backup that names all recipients",
                        BSI_REPOSITORY_KEYS_KEY);
    }
    if (status >= 0) {
        status = open_stored(self);
    }
    if (status >= 0) {
        bsi_wrap_report_signer(self->env, self->set);
    }
    return status;
}

/* --- A change that was cut short --- */

/* Its set is stored. `file` is the key file that it opens. */
static bs_status end_it(rewrap *self, const bsi_digest *file)
{
    BSI_TRY(keep_in_use(self, bsi_keyset_data_key(self->set)));
    BSI_TRY(remove_all_but(self, file));
    BSI_TRY(drop_next(self));
    self->has_ended = true;
    return BS_OK;
}

/* Its set is not stored, and its key file, if there is one, opens for nobody else. */
static bs_status take_it_back(const rewrap *self, const bsi_secret *next)
{
    bsi_digest file;
    bs_status status = find_file(self, next, &file);

    if (status >= 0) {
        status = bsi_repo_remove(self->session->repo, self->env->call, BSI_REPO_KEYS, &file);
    }
    return status >= 0 || status == BS_E_KEY ? drop_next(self) : status;
}

static bs_status settle(rewrap *self)
{
    const bsi_secret *stored = bsi_keyset_data_key(self->set);
    bsi_secret *next = NULL;
    bsi_digest file;
    bs_status status = find_file(self, stored, &file);

    if (status == BS_E_KEY) {
        return bsi_fail_context(BS_LAYER_STORAGE, BS_E_CORRUPT,
                                "the key set '%s' is another repository's",
                                BSI_REPOSITORY_KEYS_KEY);
    }
    BSI_TRY(status);
    status = bsi_wrap_kept(self->env, BSI_KEPT_NEXT, &next);
    if (status >= 0) {
        status = same(next, stored) ? end_it(self, &file) : take_it_back(self, next);
    }
    bsi_secret_free(next);
    return status == BS_E_KEY ? BS_OK : status;
}

/* --- Another data key --- */

/* The public keys of all but one slot; 0: of all. */
static bs_status pick(const rewrap *self, const bsi_recipients *known, uint32_t but,
                      bsi_key *out[BSI_KEYSET_SLOTS_MAX], size_t *count_out)
{
    *count_out = 0;
    for (size_t i = 0; i < bsi_keyset_slots(self->set); i++) {
        const bsi_slot_info *slot = bsi_keyset_slot(self->set, i);
        bsi_key *key = bsi_recipients_find(known, slot->fingerprint);

        if (slot->number == but) {
            continue;
        }
        if (!key) {
            return bsi_fail(BS_LAYER_CRYPTO, BS_E_UNSUPPORTED,
                            "the public key of the recipient %s is not in the key set '%s', to "
                            "wrap another pass phrase with: add him once more",
                            slot->fingerprint, BSI_REPOSITORY_KEYS_KEY);
        }
        out[(*count_out)++] = key;
    }
    return BS_OK;
}

static bs_status add_file(const rewrap *self, const bsi_secret *data_key, bsi_digest *out)
{
    const bsi_scrypt_cost cost = BSI_WRAP_SCRYPT_COST;
    bsi_secret *phrase = NULL;
    bs_status status = bsi_wrap_phrase(data_key, &phrase);

    if (status >= 0) {
        status = bsi_repo_key_add(self->session->repo, self->env->call, phrase, &cost, out);
    }
    bsi_secret_free(phrase);
    return status;
}

/* After a failure it is not known whether the set arrived: what it needs stays until it is. */
static bs_status put_in_place(const rewrap *self, bsi_keyset *set)
{
    const bsi_secret *data_key = bsi_keyset_data_key(set);
    bsi_digest added;
    bsi_digest file;

    BSI_TRY(keep_next(self, data_key));
    BSI_TRY(add_file(self, data_key, &added));
    BSI_TRY(bsi_repo_session_keep(self->session));
    BSI_TRY(bsi_wrap_store(self->env, set, false));
    BSI_TRY(keep_in_use(self, data_key));
    BSI_TRY(find_file(self, data_key, &file));
    BSI_TRY(remove_all_but(self, &file));
    return drop_next(self);
}

static bs_status change_for(const rewrap *self, bsi_key *const *keys, size_t count)
{
    const bsi_repo_wrap wrap = {keys, count, self->signer};
    bsi_keyset *set = NULL;
    bs_status status = bsi_wrap_make_set(&wrap, NULL, &set);

    if (status >= 0) {
        status = put_in_place(self, set);
    }
    bsi_keyset_free(set);
    return status;
}

static bs_status change(const rewrap *self, uint32_t but)
{
    bsi_key *keys[BSI_KEYSET_SLOTS_MAX];
    bsi_recipients known;
    size_t count = 0;
    bs_status status = bsi_recipients_read(self->set, &known);

    BSI_TRY(status);
    status = pick(self, &known, but, keys, &count);
    if (status >= 0 && count == 0) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_NEEDED,
                          "he is the last recipient: add another one first");
    }
    if (status >= 0) {
        status = change_for(self, keys, count);
    }
    bsi_recipients_dispose(&known);
    return status;
}

/* --- Who goes --- */

static bool is_prefix(bsi_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        const char digit = text.data[i];
        if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f')) {
            return false;
        }
    }
    return text.size > 0 && text.size < BSI_FINGERPRINT_SIZE;
}

static bs_status find_slot(const bsi_keyset *set, bsi_slice fingerprint, uint32_t *out)
{
    size_t found = 0;

    if (!is_prefix(fingerprint)) {
        return bsi_fail(BS_LAYER_CALLER, BS_E_INVALID,
                        "a recipient is named by the beginning of his key's fingerprint, 1 to %d "
                        "lower-case hex digits",
                        BSI_FINGERPRINT_SIZE - 1);
    }
    for (size_t i = 0; i < bsi_keyset_slots(set); i++) {
        const bsi_slot_info *slot = bsi_keyset_slot(set, i);
        if (strncmp(slot->fingerprint, fingerprint.data, fingerprint.size) == 0) {
            *out = slot->number;
            found++;
        }
    }
    if (found == 1) {
        return BS_OK;
    }
    return bsi_fail(BS_LAYER_CALLER, found == 0 ? BS_E_NOT_FOUND : BS_E_AMBIGUOUS,
                    "%s recipient's fingerprint begins with '%.*s'",
                    found == 0 ? "no" : "more than one", (int)fingerprint.size, fingerprint.data);
}

static bs_status remove_one(rewrap *self, bsi_slice fingerprint)
{
    uint32_t number = 0;
    const bs_status status = find_slot(self->set, fingerprint, &number);

    if (status == BS_E_NOT_FOUND && self->has_ended) {
        return BS_OK;
    }
    return status < 0 ? status : change(self, number);
}

/* --- One more --- */

static bs_status add_one(const rewrap *self, bsi_key *recipient)
{
    bsi_recipients known;
    char fingerprint[BSI_FINGERPRINT_SIZE];
    uint32_t number = 0;
    bs_status status = bsi_recipients_read(self->set, &known);

    BSI_TRY(status);
    bsi_key_fingerprint(recipient, fingerprint);
    status = bsi_keyset_find(self->set, recipient, &number);
    if (status >= 0 && bsi_recipients_find(&known, fingerprint)) {
        bsi_recipients_dispose(&known);
        return BS_OK;
    }
    if (status == BS_E_NOT_FOUND) {
        status = bsi_keyset_add(self->set, recipient, "", NULL, NULL);
    }
    if (status >= 0) {
        known.items[known.count++] = bsi_key_ref(recipient); /* It has a slot: there is room. */
        status = bsi_recipients_publish(self->set, known.items, known.count, self->signer);
    }
    if (status >= 0) {
        status = bsi_repo_session_keep(self->session);
    }
    if (status >= 0) {
        status = bsi_wrap_store(self->env, self->set, false);
    }
    bsi_recipients_dispose(&known);
    return status;
}

/* --- What is asked for --- */

static bs_status begin(const bsi_repo_session *session, const bsi_signer *signer, rewrap *out)
{
    bs_status status = BS_OK;

    *out = (rewrap){.session = session, .env = session->env, .signer = signer};
    BSI_CHECK(session->wrapped && session->lock);
    status = load_stored(out);
    if (status >= 0) {
        status = settle(out);
    }
    return status;
}

static bs_status in_words(bs_status status)
{
    return status < 0 ? bsi_fail_context(BS_LAYER_STORAGE, status, "changing the recipients")
                      : BS_OK;
}

bs_status bsi_rewrap_add(const bsi_repo_session *session, bsi_key *recipient,
                         const bsi_signer *signer)
{
    rewrap self;
    bs_status status = begin(session, signer, &self);

    if (status >= 0) {
        status = add_one(&self, recipient);
    }
    bsi_keyset_free(self.set);
    return in_words(status);
}

bs_status bsi_rewrap_remove(const bsi_repo_session *session, bsi_slice fingerprint,
                            const bsi_signer *signer)
{
    rewrap self;
    bs_status status = begin(session, signer, &self);

    if (status >= 0) {
        status = remove_one(&self, fingerprint);
    }
    bsi_keyset_free(self.set);
    return in_words(status);
}

bs_status bsi_rewrap_renew(const bsi_repo_session *session, const bsi_signer *signer)
{
    rewrap self;
    bs_status status = begin(session, signer, &self);

    if (status >= 0) {
        status = change(&self, 0);
    }
    bsi_keyset_free(self.set);
    return in_words(status);
}
