/* SPDX-License-Identifier: MIT */
/*
 * Worker threads over one first-in-first-out queue.
 */
#include "task/pool.h"

#include "base/alloc.h"
#include "task/usage.h"

enum { THREADS_MAX = 256 };

struct bsi_pool {
    bsi_mutex lock;   /* Guards everything below but `threads`. */
    bsi_cond work;    /* A task came, or the pool ends. */
    bsi_task *first;  /* The queue. */
    bsi_task *last;   /* Valid while `first` is not NULL. */
    bool ending;      /* Workers leave when the queue is empty. */
    unsigned threads; /* Set before the pool is handed out, constant then. */
    bsi_thread thread[];
};

/* NULL: the pool ends. */
static bsi_task *take(bsi_pool *pool)
{
    bsi_task *task = NULL;

    bsi_mutex_lock(&pool->lock);
    while (!pool->first && !pool->ending) {
        bsi_cond_wait(&pool->work, &pool->lock);
    }
    task = pool->first;
    if (task) {
        pool->first = task->next;
    }
    bsi_mutex_unlock(&pool->lock);
    return task;
}

static void work(void *user)
{
    bsi_pool *pool = user;

    for (bsi_task *task = take(pool); task; task = take(pool)) {
        bsi_usage *usage = task->usage;

        task->next = NULL;
        bsi_usage_enter(usage);
        task->run(task);
        bsi_usage_enter(NULL);
        if (usage) {
            bsi_latch_done(&usage->tasks); /* Whose it is may be gone from here on. */
        }
    }
}

bs_status bsi_pool_new(unsigned threads, bsi_pool **out)
{
    const unsigned wanted = threads < THREADS_MAX ? threads : THREADS_MAX;
    bsi_pool *pool = bsi_calloc(1, sizeof(*pool) + wanted * sizeof(pool->thread[0]));
    bs_error before;

    if (!pool) {
        return BS_E_NOMEM;
    }
    bsi_mutex_init(&pool->lock);
    bsi_cond_init(&pool->work);
    bsi_error_save(&before);
    while (pool->threads < wanted) {
        if (bsi_thread_start(&pool->thread[pool->threads], "bs-worker", work, pool) < 0) {
            bsi_error_restore(&before); /* Fewer threads are no failure. */
            break;
        }
        pool->threads++;
    }
    *out = pool;
    return BS_OK;
}

void bsi_pool_free(bsi_pool *pool)
{
    if (!pool) {
        return;
    }
    bsi_mutex_lock(&pool->lock);
    pool->ending = true;
    bsi_cond_broadcast(&pool->work);
    bsi_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++) {
        bsi_thread_join(pool->thread[i]);
    }
    BSI_ASSERT(!pool->first);
    bsi_cond_dispose(&pool->work);
    bsi_mutex_dispose(&pool->lock);
    bsi_free(pool);
}

unsigned bsi_pool_threads(const bsi_pool *pool)
{
    return pool->threads;
}

void bsi_pool_submit(bsi_pool *pool, bsi_task *task)
{
    task->next = NULL;
    if (pool->threads == 0) {
        task->run(task);
        return;
    }
    task->usage = bsi_usage_current();
    if (task->usage) {
        bsi_latch_add(&task->usage->tasks);
    }
    bsi_mutex_lock(&pool->lock);
    if (pool->first) {
        pool->last->next = task;
    } else {
        pool->first = task;
    }
    pool->last = task;
    bsi_cond_signal(&pool->work);
    bsi_mutex_unlock(&pool->lock);
}
