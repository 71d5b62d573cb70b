/* SPDX-License-Identifier: MIT */
/*
 * A count of things under way.
 */
#include "task/pool.h"

void bsi_latch_init(bsi_latch *latch)
{
    bsi_mutex_init(&latch->lock);
    bsi_cond_init(&latch->change);
    latch->count = 0;
}

void bsi_latch_dispose(bsi_latch *latch)
{
    BSI_ASSERT(latch->count == 0);
    bsi_cond_dispose(&latch->change);
    bsi_mutex_dispose(&latch->lock);
}

void bsi_latch_add(bsi_latch *latch)
{
    bsi_mutex_lock(&latch->lock);
    latch->count++;
    bsi_mutex_unlock(&latch->lock);
}

void bsi_latch_done(bsi_latch *latch)
{
    bsi_mutex_lock(&latch->lock);
    BSI_ASSERT(latch->count > 0);
    latch->count--;
    /* With the lock held: the waiter may dispose of the latch once it gets that. */
    bsi_cond_broadcast(&latch->change);
    bsi_mutex_unlock(&latch->lock);
}

void bsi_latch_wait(bsi_latch *latch, size_t count)
{
    bsi_mutex_lock(&latch->lock);
    while (latch->count > count) {
        bsi_cond_wait(&latch->change, &latch->lock);
    }
    bsi_mutex_unlock(&latch->lock);
}
