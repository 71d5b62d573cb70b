/* SPDX-License-Identifier: MIT */
/*
 * Opening a repository with the keys at hand, and closing it again.
 */
#include "vault/repository/session.h"

#include "repo/index_load.h"

typedef struct opening {
    const bsi_vault_env *env;
    const bsi_session_options *options;
    bsi_repo_place place;
} opening;

/* --- Its keys --- */

static bs_status no_phrase(size_t key_count)
{
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                    "a repository is opened with a pass phrase, and of the %zu keys given none is "
                    "one",
                    key_count);
}

/* With what has opened it before: BS_E_KEY, if nothing has. */
static bs_status open_known(const opening *self, bsi_repo_session *out)
{
    const bsi_session_options *options = self->options;
    bs_status status = BS_E_KEY;

    for (size_t i = 0; i < options->key_count && status == BS_E_KEY; i++) {
        const bsi_secret *phrase = bsi_key_phrase(options->keys[i]);
        if (phrase) {
            status = bsi_repo_open_known(&self->place, self->env->call, phrase, &out->repo);
        }
    }
    return status;
}

/* Open it with each pass phrase in turn; BS_E_KEY of the last when none fits. */
static bs_status open_in_turn(const opening *self, bsi_repo_session *out)
{
    const bsi_session_options *options = self->options;
    bs_status status = no_phrase(options->key_count);

    for (size_t i = 0; i < options->key_count && status == BS_E_KEY; i++) {
        const bsi_secret *phrase = bsi_key_phrase(options->keys[i]);
        if (phrase) {
            status = bsi_repo_open(&self->place, self->env->call, phrase, &out->repo);
        }
    }
    if (status == BS_E_KEY && (options->reads_only || options->key_count == 0)) {
        status = bsi_repo_open(&self->place, self->env->call, NULL, &out->repo);
        out->phraseless = status >= 0;
    }
    return status;
}

static bs_status open_any(const opening *self, bsi_repo_session *out)
{
    const bs_status status = self->options->in_order ? BS_E_KEY : open_known(self, out);

    return status == BS_E_KEY ? open_in_turn(self, out) : status;
}

/* The pass phrase of a new one: the first there is. */
static bs_status make(const opening *self, bsi_repo_session *out)
{
    const bsi_session_options *options = self->options;
    const bsi_secret *phrase = NULL;

    for (size_t i = 0; i < options->key_count && !phrase; i++) {
        phrase = bsi_key_phrase(options->keys[i]);
    }
    if (!phrase && options->key_count > 0) {
        return no_phrase(options->key_count);
    }
    out->phraseless = !phrase;
    return bsi_repo_init(&self->place, self->env->call, options->make, phrase, &out->repo);
}

/*
 * Somebody else may make it at the same moment; then it is his that is opened. BS_E_CORRUPT: the
 * config may be missing because somebody died before he had stored it.
 */
static bs_status open_or_make(const opening *self, bsi_repo_session *out)
{
    bs_error failure;
    bs_status status = open_any(self, out);

    if ((status != BS_E_NOT_FOUND && status != BS_E_CORRUPT) || !self->options->make) {
        return status;
    }
    status = make(self, out);
    if (status != BS_E_EXISTS) {
        return status;
    }
    bsi_error_save(&failure);
    status = open_any(self, out);
    if (status == BS_E_NOT_FOUND) {
        bsi_error_restore(&failure);
        return BS_E_EXISTS;
    }
    return status;
}

/* --- Its lock and its index --- */

static bool refuses_writes(bs_status status)
{
    return status == BS_E_READ_ONLY || status == BS_E_ACCESS || status == BS_E_UNSUPPORTED;
}

static bs_status lock(const bsi_session_options *options, bsi_repo_session *session)
{
    const bool exclusive = options->lock == BSI_SESSION_EXCLUSIVE;
    bs_status status = BS_OK;

    if (options->lock == BSI_SESSION_UNLOCKED) {
        return BS_OK;
    }
    status = bsi_repo_lock_take(session->repo, session->env->call, exclusive, NULL, &session->lock);
    return options->reads_only && !exclusive && refuses_writes(status) ? BS_OK : status;
}

static bs_status load_index(bsi_repo_session *session)
{
    BSI_TRY(bsi_repo_index_new(&session->index));
    return bsi_repo_index_load(session->repo, session->env->call, session->env->warn,
                               session->index);
}

bs_status bsi_repo_session_open(const bsi_vault_env *env, const bsi_session_options *options,
                                bsi_repo_session *out)
{
    const opening self = {.env = env, .options = options, .place = {env->storage, "", env->known}};
    bsi_repo_session session = {.env = env};
    bs_status status = open_or_make(&self, &session);

    if (status >= 0) {
        status = lock(options, &session);
    }
    if (status >= 0 && options->with_index) {
        status = load_index(&session);
    }
    if (status < 0) {
        bsi_repo_session_close(&session);
        return status;
    }
    *out = session;
    return BS_OK;
}

/* --- While it is open, and afterwards --- */

bs_status bsi_repo_session_keep(const bsi_repo_session *session)
{
    return session->lock ? bsi_repo_lock_keep(session->lock, session->env->call) : BS_OK;
}

void bsi_repo_session_close(bsi_repo_session *session)
{
    bs_error failure;

    bsi_error_save(&failure);
    if (bsi_repo_lock_release(session->lock) < 0) {
        bsi_warn_last(session->env->warn, bsi_slice_of("locks"));
    }
    bsi_repo_index_free(session->index);
    bsi_repo_close(session->repo);
    bsi_error_restore(&failure);
    *session = (bsi_repo_session){0};
}
