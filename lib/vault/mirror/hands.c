/* SPDX-License-Identifier: MIT */
/*
 * Hands are tasks in a pool of the run's own: the service's has a thread for each processor, and
 * these wait.
 */
#include "vault/mirror/hands.h"

#include "base/alloc.h"

enum { HANDS = 16 };

struct bsi_hands {
    const bsi_vault_env *env;
    bsi_hands_work work;
    void *user;
    bsi_pool *pool;
    bsi_hand hand[HANDS];
    size_t count;
    bsi_mutex lock; /* Guards who is busy, and what follows. */
    bsi_cond change;
    bs_status status;
    bs_error error; /* With a failed status. */
};

static void settle_locked(bsi_hands *hands, bs_status status)
{
    if (status < 0 && hands->status == BS_OK) {
        hands->status = status;
        bsi_error_save(&hands->error);
    }
}

static void run(bsi_task *task)
{
    bsi_hand *self = (bsi_hand *)task;
    bsi_hands *hands = self->hands;
    const bs_status status = hands->work(hands->user, self);

    bsi_mutex_lock(&hands->lock);
    settle_locked(hands, status);
    self->busy = false;
    bsi_cond_signal(&hands->change);
    bsi_mutex_unlock(&hands->lock);
}

/* A service of objects is asked over a network, and cannot rename. */
static size_t wanted_hands(const bsi_vault_env *env)
{
    const uint32_t caps = bsi_storage_caps(env->storage);
    const bool is_service =
        (caps & BS_STORAGE_CAP_NETWORK) != 0 && (caps & BS_STORAGE_CAP_RENAME) == 0;

    return is_service && bsi_pool_threads(env->pool) > 0 ? HANDS : 1;
}

bs_status bsi_hands_new(const bsi_vault_env *env, bsi_hands_work work, void *user, bsi_hands **out)
{
    bsi_hands *hands = bsi_calloc(1, sizeof(*hands));
    bs_status status = BS_OK;

    if (!hands) {
        return BS_E_NOMEM;
    }
    hands->env = env;
    hands->work = work;
    hands->user = user;
    hands->count = wanted_hands(env);
    bsi_mutex_init(&hands->lock);
    bsi_cond_init(&hands->change);
    for (size_t i = 0; i < hands->count; i++) {
        hands->hand[i].hands = hands;
        hands->hand[i].task.run = run;
        bsi_buf_init(&hands->hand[i].content, BSI_HANDS_BYTES_MAX);
    }
    status = bsi_pool_new(hands->count > 1 ? (unsigned)hands->count : 0, &hands->pool);
    if (status < 0) {
        bsi_hands_free(hands);
        return status;
    }
    *out = hands;
    return BS_OK;
}

void bsi_hands_free(bsi_hands *hands)
{
    if (!hands) {
        return;
    }
    bsi_pool_free(hands->pool);
    for (size_t i = 0; i < hands->count; i++) {
        bsi_free(hands->hand[i].key);
        bsi_buf_dispose(&hands->hand[i].content);
    }
    bsi_cond_dispose(&hands->change);
    bsi_mutex_dispose(&hands->lock);
    bsi_free(hands);
}

static size_t count_busy_locked(const bsi_hands *hands)
{
    size_t busy = 0;

    for (size_t i = 0; i < hands->count; i++) {
        busy += hands->hand[i].busy ? 1 : 0;
    }
    return busy;
}

/* Until at most so many are busy, or one has failed. */
static bs_status wait_for(bsi_hands *hands, size_t busy)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&hands->lock);
    while (hands->status == BS_OK && count_busy_locked(hands) > busy) {
        bsi_cond_wait(&hands->change, &hands->lock);
    }
    status = hands->status;
    if (status < 0) {
        bsi_error_restore(&hands->error);
    }
    bsi_mutex_unlock(&hands->lock);
    return status;
}

/* Who has started them is the only one that makes them busy. */
static bsi_hand *find_free(bsi_hands *hands)
{
    bsi_hand *found = NULL;

    bsi_mutex_lock(&hands->lock);
    for (size_t i = 0; i < hands->count && !found; i++) {
        found = hands->hand[i].busy ? NULL : &hands->hand[i];
    }
    bsi_mutex_unlock(&hands->lock);
    return found;
}

bs_status bsi_hands_take(bsi_hands *hands, bsi_hand **out)
{
    bsi_hand *found = NULL;

    BSI_TRY(bsi_call_check(hands->env->call));
    BSI_TRY(wait_for(hands, hands->count - 1));
    found = find_free(hands);
    BSI_CHECK(found);
    bsi_free(found->key);
    found->key = NULL;
    bsi_buf_clear(&found->content);
    found->size = 0;
    found->mtime_ns = BS_STORAGE_NO_TIME;
    *out = found;
    return BS_OK;
}

void bsi_hands_start(bsi_hands *hands, bsi_hand *hand)
{
    bsi_mutex_lock(&hands->lock);
    hand->busy = true;
    bsi_mutex_unlock(&hands->lock);
    bsi_pool_submit(hands->pool, &hand->task);
}

bs_status bsi_hands_wait(bsi_hands *hands)
{
    return wait_for(hands, 0);
}

bs_status bsi_hand_put(const bsi_vault_env *env, const bsi_hand *hand, const char *key)
{
    bs_storage_put_options put = BSI_PUT_DEFAULTS;
    bsi_upload *upload = NULL;
    bs_status status = BS_OK;

    put.expected_size = hand->content.size;
    put.mtime_ns = hand->mtime_ns;
    BSI_TRY(bsi_upload_begin(env->storage, env->call, key, &put, &upload));
    status = bsi_upload_write(upload, env->call, hand->content.data, hand->content.size);
    if (status < 0) {
        bsi_upload_abort(upload);
        return status;
    }
    return bsi_upload_commit(upload, env->call);
}
