/* SPDX-License-Identifier: MIT */
/*
 * Opening a repository with the keys at hand, and closing it again.
 */
#include "vault/repository/session.h"

#include "os/thread.h"
#include "repo/index_load.h"

typedef struct opening {
    const bsi_vault_env *env;
    const bsi_session_options *options;
    bsi_repo_place place;
} opening;

static bsi_repo_place place_of(const bsi_vault_env *env)
{
    return (bsi_repo_place){env->storage, "", env->known, env->index_memory_most, env->temp_dir};
}

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

static bs_status open_with(const opening *self, const bsi_secret *phrase, bsi_repo_session *out)
{
    return bsi_repo_open(&self->place, self->env->call, phrase, &out->repo);
}

/* With each pass phrase in turn; BS_E_KEY of the last when none fits. */
static bs_status open_in_turn(const opening *self, bsi_repo_session *out)
{
    const bsi_session_options *options = self->options;
    bs_status status = no_phrase(options->key_count);

    for (size_t i = 0; i < options->key_count && status == BS_E_KEY; i++) {
        const bsi_secret *phrase = bsi_key_phrase(options->keys[i]);
        if (phrase) {
            status = open_with(self, phrase, out);
        }
    }
    if (status == BS_E_KEY && (options->reads_only || options->key_count == 0)) {
        status = open_with(self, NULL, out);
        out->phraseless = status >= 0;
    }
    return status;
}

static bs_status open_with_phrases(const opening *self, bsi_repo_session *out)
{
    const bs_status status = self->options->in_order ? BS_E_KEY : open_known(self, out);

    return status == BS_E_KEY ? open_in_turn(self, out) : status;
}

/* Takes over the data key, which is shown to open the repository before it counts for anything. */
static bs_status open_with_data_key(const opening *self, bsi_secret *data_key,
                                    bsi_repo_session *out)
{
    bsi_secret *phrase = NULL;
    bs_status status = bsi_wrap_phrase(data_key, &phrase);

    if (status >= 0) {
        status = open_with(self, phrase, out);
    }
    out->wrapped = status >= 0;
    if (status >= 0 && self->options->wrap) {
        status = bsi_wrap_check(self->env, self->options->wrap, data_key, false);
    }
    bsi_secret_free(phrase);
    bsi_secret_free(data_key);
    return status;
}

/* BS_E_KEY: no data key is known that opens it. */
static bs_status open_wrapped(const opening *self, bsi_repo_session *out)
{
    const bsi_session_options *options = self->options;
    const bool reports = options->reads_only && options->with_index;
    bsi_secret *data_key = NULL;
    bs_status status = bsi_wrap_kept(self->env, BSI_KEPT_IN_USE, &data_key);

    if (status >= 0) {
        status = open_with_data_key(self, data_key, out);
    }
    if (status != BS_E_KEY || out->wrapped) {
        return status;
    }
    status = bsi_wrap_open(self->env, options->keys, options->key_count, reports, &data_key);
    return status < 0 ? status : open_with_data_key(self, data_key, out);
}

/* Of one that is for RSA keys and cannot be opened: whether there is any. */
static bs_status look(const opening *self)
{
    size_t keys = 0;
    const bs_status status = bsi_repo_check_free(&self->place, self->env->call, &keys);

    if (status == BS_E_EXISTS) {
        return bsi_wrap_explain(self->env);
    }
    return status < 0 ? status
                      : bsi_fail(BS_LAYER_STORAGE, BS_E_NOT_FOUND, "there is no repository");
}

static bs_status open_any(const opening *self, bsi_repo_session *out)
{
    const bsi_session_options *options = self->options;
    bs_status status = BS_E_KEY;

    if (options->wrap || options->reads_only) {
        status = open_wrapped(self, out);
    }
    if (status != BS_E_KEY || out->wrapped) {
        return status;
    }
    if (options->wrap) {
        return look(self);
    }
    status = open_with_phrases(self, out);
    return status == BS_E_KEY ? bsi_wrap_explain(self->env) : status;
}

/* The pass phrase of a new one: the first there is. */
static bs_status make_with_phrase(const opening *self, bsi_repo_session *out)
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

static bs_status make_with_data_key(const opening *self, const bsi_secret *data_key,
                                    bsi_repo_session *out)
{
    const bsi_session_options *options = self->options;
    bsi_repo_options how = *options->make;
    bsi_secret *phrase = NULL;
    bs_status status = bsi_wrap_phrase(data_key, &phrase);

    how.cost = BSI_WRAP_SCRYPT_COST;
    if (status >= 0) {
        status = bsi_repo_init(&self->place, self->env->call, &how, phrase, &out->repo);
    }
    bsi_secret_free(phrase);
    if (status == BS_E_EXISTS) {
        bsi_wrap_take_back(self->env, data_key);
    }
    BSI_TRY(status);
    out->wrapped = true;
    return bsi_wrap_check(self->env, options->wrap, data_key, true);
}

/* The key set is there before anything that it opens. */
static bs_status make_wrapped(const opening *self, bsi_repo_session *out)
{
    bsi_secret *data_key = NULL;
    size_t keys = 0;
    bs_status status = bsi_repo_check_free(&self->place, self->env->call, &keys);

    BSI_TRY(status);
    status = bsi_wrap_begin(self->env, self->options->wrap, keys > 0, &data_key);
    if (status >= 0) {
        status = make_with_data_key(self, data_key, out);
    }
    bsi_secret_free(data_key);
    return status;
}

/*
 * One at a time in a process: two would each keep a pass phrase of their own, of which the storage
 * takes one. It is held while the storage answers, for as long as a repository takes to be made.
 */
static bs_status make(const opening *self, bsi_repo_session *out)
{
    static bsi_mutex one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    bs_status status = BS_OK;

    if (!self->options->wrap) {
        return make_with_phrase(self, out);
    }
    bsi_mutex_lock(&one_at_a_time);
    status = make_wrapped(self, out);
    bsi_mutex_unlock(&one_at_a_time);
    return status;
}

/*
 * Somebody else may make it at the same moment; then it is his that is opened. BS_E_CORRUPT: the
 * config may be missing because somebody died before he had stored it.
 */
static bs_status open_or_make(const opening *self, bsi_repo_session *out)
{
    bs_error failure;
    bs_status status = open_any(self, out);

    if ((status != BS_E_NOT_FOUND && status != BS_E_CORRUPT) || !self->options->make || out->repo) {
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
    const bsi_index_load_options options = {session->env->warn, session->env->pool};

    BSI_TRY(bsi_repo_index_new(&session->index));
    return bsi_repo_index_load(session->repo, session->env->call, &options, session->index);
}

/* From there on, whatever has opened it. */
static bs_status complete(const bsi_session_options *options, bs_status status,
                          bsi_repo_session session, bsi_repo_session *out)
{
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

bs_status bsi_repo_session_open(const bsi_vault_env *env, const bsi_session_options *options,
                                bsi_repo_session *out)
{
    const opening self = {.env = env, .options = options, .place = place_of(env)};
    bsi_repo_session session = {.env = env};
    const bs_status status = open_or_make(&self, &session);

    return complete(options, status, session, out);
}

bs_status bsi_repo_session_make(const bsi_vault_env *env, const bsi_session_options *options,
                                bsi_repo_session *out)
{
    const opening self = {.env = env, .options = options, .place = place_of(env)};
    bsi_repo_session session = {.env = env};
    const bs_status status = make(&self, &session);

    return complete(options, status, session, out);
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
