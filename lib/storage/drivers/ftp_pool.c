/* SPDX-License-Identifier: MIT */
/*
 * Who uses which connection.
 */
#include "storage/drivers/ftp_pool.h"

#include <string.h>

#include "base/alloc.h"
#include "os/time.h"

enum { LOOK_NS = 100 * 1000 * 1000 }; /* Between two looks at the call. */

void bsi_ftp_link_rest(bsi_ftp_link *link)
{
    bsi_ftp_stop(link->ftp);
    bsi_free(link->reading);
    link->reading = NULL;
}

static void close_link(bsi_ftp_link *link)
{
    if (link) {
        bsi_ftp_free(link->ftp);
        bsi_free(link->reading);
        bsi_free(link);
    }
}

/* Nothing is sent before it is used. */
static bs_status new_link(const bsi_ftp_config *config, bsi_ftp_link **out)
{
    bsi_ftp_link *link = bsi_calloc(1, sizeof(*link));
    bs_status status = BS_OK;

    if (!link) {
        return BS_E_NOMEM;
    }
    link->config = config;
    status = bsi_ftp_new(&config->target, &link->ftp);
    if (status < 0) {
        bsi_free(link);
        return status;
    }
    *out = link;
    return BS_OK;
}

void bsi_ftp_pool_init(bsi_ftp_pool *pool, const bsi_ftp_config *config)
{
    pool->config = config;
    bsi_mutex_init(&pool->lock);
    bsi_cond_init(&pool->changed);
}

void bsi_ftp_pool_dispose(bsi_ftp_pool *pool)
{
    while (pool->idle_count > 0) {
        pool->idle_count--;
        close_link(pool->idle[pool->idle_count]);
    }
    bsi_cond_dispose(&pool->changed);
    bsi_mutex_dispose(&pool->lock);
}

static bsi_ftp_link *take_at(bsi_ftp_pool *pool, unsigned index)
{
    bsi_ftp_link *link = pool->idle[index];

    pool->idle_count--;
    for (unsigned i = index; i < pool->idle_count; i++) {
        pool->idle[i] = pool->idle[i + 1];
    }
    return link;
}

/* The one that was used last and has no file on it: it is the least likely to be closed. */
static bsi_ftp_link *take_resting(bsi_ftp_pool *pool)
{
    for (unsigned i = pool->idle_count; i > 0; i--) {
        if (!pool->idle[i - 1]->reading) {
            return take_at(pool, i - 1);
        }
    }
    return NULL;
}

static bsi_ftp_link *take_matching(bsi_ftp_pool *pool, const char *path, uint64_t at,
                                   uint64_t epoch)
{
    for (unsigned i = 0; i < pool->idle_count; i++) {
        const bsi_ftp_link *link = pool->idle[i];
        if (link->reading && link->at == at && link->epoch == epoch &&
            strcmp(link->reading, path) == 0) {
            return take_at(pool, i);
        }
    }
    return NULL;
}

/* Until fewer work than are allowed. With the lock held. */
static bs_status wait_turn(bsi_ftp_pool *pool, const bs_call *call)
{
    bs_status status = bsi_call_check(call);

    while (status == BS_OK && pool->brief_count >= pool->config->connections) {
        (void)bsi_cond_wait_until(&pool->changed, &pool->lock, bsi_monotonic_ns() + LOOK_NS);
        status = bsi_call_check(call);
    }
    return status;
}

/* One of those that are there, or a new one while there may be more. With the lock held. */
static bs_status choose(bsi_ftp_pool *pool, bsi_ftp_use use, bsi_ftp_link **out)
{
    const bool more = use == BSI_FTP_FOR_UPLOAD ||
                      pool->idle_count + pool->brief_count < pool->config->connections;

    *out = take_resting(pool);
    if (*out) {
        return BS_OK;
    }
    if (!more && pool->idle_count > 0) {
        *out = take_at(pool, 0);
        return BS_OK;
    }
    return new_link(pool->config, out);
}

bs_status bsi_ftp_take(bsi_ftp_pool *pool, const bs_call *call, bsi_ftp_use use, bsi_ftp_link **out)
{
    bs_status status = BS_OK;

    *out = NULL;
    bsi_mutex_lock(&pool->lock);
    if (use == BSI_FTP_BRIEFLY) {
        status = wait_turn(pool, call);
    }
    if (status == BS_OK) {
        status = choose(pool, use, out);
    }
    pool->brief_count += status == BS_OK && use == BSI_FTP_BRIEFLY ? 1 : 0;
    bsi_mutex_unlock(&pool->lock);
    if (status == BS_OK && (*out)->reading) {
        bsi_ftp_link_rest(*out);
    }
    return status;
}

bs_status bsi_ftp_take_reading(bsi_ftp_pool *pool, const bs_call *call, const char *path,
                               uint64_t at, uint64_t epoch, bsi_ftp_link **out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&pool->lock);
    status = wait_turn(pool, call);
    *out = status == BS_OK ? take_matching(pool, path, at, epoch) : NULL;
    pool->brief_count += *out ? 1 : 0;
    bsi_mutex_unlock(&pool->lock);
    return status < 0 || *out ? status : bsi_ftp_take(pool, call, BSI_FTP_BRIEFLY, out);
}

void bsi_ftp_give(bsi_ftp_pool *pool, bsi_ftp_use use, bsi_ftp_link *link)
{
    bs_error record;
    bool kept = false;

    bsi_error_save(&record);
    if (!link->reading) {
        bsi_ftp_stop(link->ftp);
    }
    bsi_mutex_lock(&pool->lock);
    pool->brief_count -= use == BSI_FTP_BRIEFLY ? 1 : 0;
    kept = pool->idle_count < pool->config->connections;
    if (kept) {
        pool->idle[pool->idle_count] = link;
        pool->idle_count++;
    }
    bsi_cond_signal(&pool->changed);
    bsi_mutex_unlock(&pool->lock);
    if (!kept) {
        close_link(link);
    }
    bsi_error_restore(&record);
}
