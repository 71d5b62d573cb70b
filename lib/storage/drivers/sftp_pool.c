/* SPDX-License-Identifier: MIT */
/*
 * Which connection does what.
 */
#include "storage/drivers/sftp_pool.h"

#include "os/time.h"

enum { LOOK_NS = 100 * 1000 * 1000 }; /* Between two looks at the call. */

/* The free link on which the fewest uploads lie. */
static bsi_sftp_link *find_free(const bsi_sftp_pool *pool)
{
    bsi_sftp_link *best = NULL;

    for (size_t i = 0; i < BSI_SFTP_CONNECTIONS_MAX; i++) {
        bsi_sftp_link *link = pool->links[i];
        if (link && !link->busy && !link->broken && (!best || link->users < best->users)) {
            best = link;
        }
    }
    return best;
}

/* Takes a broken link out of those that count; the one that comes out is to be closed. */
static bsi_sftp_link *retire(bsi_sftp_pool *pool, bsi_sftp_link *link)
{
    if (link->counts) {
        link->counts = false;
        pool->count--;
        if (pool->count == 0) {
            pool->limit = pool->config->connections;
        }
    }
    if (link->users > 0 || link->busy) {
        return NULL;
    }
    for (size_t i = 0; i < BSI_SFTP_CONNECTIONS_MAX; i++) {
        if (pool->links[i] == link) {
            pool->links[i] = NULL;
        }
    }
    return link;
}

/* There is room: broken links that uploads lie on are at most as many as were ever open. */
static bool keep(bsi_sftp_pool *pool, bsi_sftp_link *link)
{
    for (size_t i = 0; i < BSI_SFTP_CONNECTIONS_MAX; i++) {
        if (!pool->links[i]) {
            pool->links[i] = link;
            pool->count++;
            link->counts = true;
            link->busy = true;
            return true;
        }
    }
    return false;
}

/*
 * Open one more. When the server takes no more of them those that are there have to
 * do: BS_OK, and `out` stays NULL. Called with the lock held, which is let go meanwhile.
 */
static bs_status open_one(bsi_sftp_pool *pool, const bs_call *call, bsi_sftp_link **out)
{
    bsi_sftp_link *link = NULL;
    bs_status status = BS_OK;
    bool kept = false;

    pool->opening = true;
    bsi_mutex_unlock(&pool->lock);
    status = bsi_sftp_link_open(pool->config, call, &link);
    bsi_mutex_lock(&pool->lock);
    pool->opening = false;
    if (link) {
        kept = keep(pool, link);
    } else if (pool->count > 0 && bsi_call_check(call) == BS_OK) {
        pool->limit = pool->count;
        status = BS_OK;
    }
    bsi_cond_broadcast(&pool->changed);
    if (link && !kept) {
        bsi_sftp_link_close(link);
        return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "all connections to host '%s' broke",
                        pool->config->ssh.host);
    }
    *out = link;
    return status;
}

static bs_status wait_changed(bsi_sftp_pool *pool, const bs_call *call)
{
    (void)bsi_cond_wait_until(&pool->changed, &pool->lock, bsi_monotonic_ns() + LOOK_NS);
    return bsi_call_check(call);
}

/* A link to use, once there is one. With the lock held. */
static bs_status choose(bsi_sftp_pool *pool, const bs_call *call, bsi_sftp_use use,
                        bsi_sftp_link **out)
{
    bs_status status = BS_OK;

    *out = NULL;
    while (status == BS_OK && !*out) {
        bsi_sftp_link *link = find_free(pool);
        const bool more = pool->count < pool->limit && !pool->opening;
        if (link && (link->users == 0 || use == BSI_SFTP_BRIEFLY || !more)) {
            link->busy = true;
            *out = link;
        } else if (more) {
            status = open_one(pool, call, out);
        } else {
            status = wait_changed(pool, call);
        }
    }
    return status;
}

bs_status bsi_sftp_acquire(bsi_sftp_pool *pool, const bs_call *call, bsi_sftp_use use,
                           bsi_sftp_link **out)
{
    bsi_sftp_link *link = NULL;
    bs_status status = BS_OK;

    do {
        if (link) {
            bsi_sftp_link_lost(link);
            bsi_sftp_release(pool, link);
        }
        bsi_mutex_lock(&pool->lock);
        status = choose(pool, call, use, &link);
        bsi_mutex_unlock(&pool->lock);
    } while (status == BS_OK && link && link->unanswered == 0 && bsi_ssh_is_dead(link->ssh));
    *out = link;
    return status;
}

bs_status bsi_sftp_acquire_again(bsi_sftp_pool *pool, const bs_call *call, bsi_sftp_link *link)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&pool->lock);
    while (status == BS_OK && link->busy) {
        status = wait_changed(pool, call);
    }
    if (status == BS_OK) {
        link->busy = true;
    }
    bsi_mutex_unlock(&pool->lock);
    return status;
}

void bsi_sftp_release(bsi_sftp_pool *pool, bsi_sftp_link *link)
{
    bsi_sftp_link *gone = NULL;

    bsi_mutex_lock(&pool->lock);
    link->busy = false;
    if (link->broken) {
        gone = retire(pool, link);
    }
    bsi_cond_broadcast(&pool->changed);
    bsi_mutex_unlock(&pool->lock);
    bsi_sftp_link_close(gone);
}

void bsi_sftp_stay(bsi_sftp_pool *pool, bsi_sftp_link *link)
{
    bsi_mutex_lock(&pool->lock);
    link->users++;
    bsi_mutex_unlock(&pool->lock);
}

void bsi_sftp_leave(bsi_sftp_pool *pool, bsi_sftp_link *link)
{
    bsi_mutex_lock(&pool->lock);
    link->users--;
    bsi_mutex_unlock(&pool->lock);
}

bs_status bsi_sftp_pool_open(const bsi_sftp_config *config, const bs_call *call, bsi_sftp_pool *out)
{
    bsi_sftp_link *link = NULL;

    out->config = config;
    out->limit = config->connections;
    bsi_mutex_init(&out->lock);
    bsi_cond_init(&out->changed);
    BSI_TRY(bsi_sftp_acquire(out, call, BSI_SFTP_BRIEFLY, &link));
    bsi_sftp_release(out, link);
    return BS_OK;
}

void bsi_sftp_pool_dispose(bsi_sftp_pool *pool)
{
    for (size_t i = 0; i < BSI_SFTP_CONNECTIONS_MAX; i++) {
        bsi_sftp_link_close(pool->links[i]);
    }
    bsi_cond_dispose(&pool->changed);
    bsi_mutex_dispose(&pool->lock);
}
