/* SPDX-License-Identifier: MIT */
/*
 * A ring of pieces of work between the job's thread and the lane's.
 */
#include "task/lane.h"

#include <string.h>

#include "base/alloc.h"
#include "task/usage.h"

enum { PLACES = 16 };

typedef struct piece {
    bsi_lane_cb run;
    void *user;
    const void *data;
    size_t size;
    uint8_t copy[BSI_LANE_COPIED]; /* Of few bytes; `data` is not used then. */
} piece;

struct bsi_lane {
    bsi_thread thread;
    bool running;     /* There is a thread; constant once the lane is handed out. */
    bsi_usage *usage; /* Whose time it is. */

    bsi_mutex lock; /* Guards what follows, but a piece that is being done. */
    bsi_cond filled;
    bsi_cond emptied;
    piece pieces[PLACES]; /* Those from `done` to `added`, each in the place of its number. */
    uint64_t added;
    uint64_t done;
    bool ending; /* The thread leaves when nothing is left. */
    bs_status status;
    bs_error error; /* With a failed status. */
};

static void settle(bsi_lane *lane, bs_status status)
{
    if (status < 0 && lane->status == BS_OK) {
        lane->status = status;
        bsi_error_save(&lane->error);
    }
}

/* The lane's thread, with the lock: do the oldest piece. */
static void do_oldest(bsi_lane *lane)
{
    const piece *next = &lane->pieces[lane->done % PLACES];
    bs_status status = lane->status;

    if (status == BS_OK) {
        bsi_mutex_unlock(&lane->lock);
        status = next->run(next->user, next->size <= BSI_LANE_COPIED ? next->copy : next->data,
                           next->size);
        bsi_mutex_lock(&lane->lock);
    }
    settle(lane, status);
    lane->done++;
    bsi_cond_signal(&lane->emptied);
}

static void work(void *user)
{
    bsi_lane *lane = user;

    bsi_usage_enter(lane->usage);
    bsi_mutex_lock(&lane->lock);
    while (!lane->ending || lane->done < lane->added) {
        if (lane->done < lane->added) {
            do_oldest(lane);
        } else {
            bsi_cond_wait(&lane->filled, &lane->lock);
        }
    }
    bsi_mutex_unlock(&lane->lock);
    bsi_usage_enter(NULL);
}

bs_status bsi_lane_new(const bsi_pool *pool, const char *name, bsi_lane **out)
{
    bsi_lane *lane = bsi_calloc(1, sizeof(*lane));
    bs_error before;

    if (!lane) {
        return BS_E_NOMEM;
    }
    bsi_mutex_init(&lane->lock);
    bsi_cond_init(&lane->filled);
    bsi_cond_init(&lane->emptied);
    lane->usage = bsi_usage_current();
    if (bsi_pool_threads(pool) > 0) {
        bsi_error_save(&before);
        lane->running = bsi_thread_start(&lane->thread, name, work, lane) >= 0;
        bsi_error_restore(&before); /* No thread is no failure. */
    }
    *out = lane;
    return BS_OK;
}

void bsi_lane_free(bsi_lane *lane)
{
    if (!lane) {
        return;
    }
    if (lane->running) {
        bsi_mutex_lock(&lane->lock);
        lane->ending = true;
        bsi_cond_signal(&lane->filled);
        bsi_mutex_unlock(&lane->lock);
        bsi_thread_join(lane->thread);
    }
    bsi_cond_dispose(&lane->emptied);
    bsi_cond_dispose(&lane->filled);
    bsi_mutex_dispose(&lane->lock);
    bsi_free(lane);
}

/* With the lock: until so many pieces are done. */
static void wait_for(bsi_lane *lane, uint64_t done)
{
    while (lane->done < done) {
        bsi_cond_wait(&lane->emptied, &lane->lock);
    }
}

uint64_t bsi_lane_add(bsi_lane *lane, bsi_lane_cb run, void *user, const void *data, size_t size)
{
    piece *next = NULL;
    uint64_t ticket = 0;

    if (!lane->running) {
        settle(lane, lane->status == BS_OK ? run(user, data, size) : BS_OK);
        return 0;
    }
    bsi_mutex_lock(&lane->lock);
    wait_for(lane, lane->added < PLACES ? 0 : lane->added - PLACES + 1);
    next = &lane->pieces[lane->added % PLACES];
    next->run = run;
    next->user = user;
    next->data = data;
    next->size = size;
    if (size > 0 && size <= BSI_LANE_COPIED) {
        memcpy(next->copy, data, size);
    }
    ticket = ++lane->added;
    bsi_cond_signal(&lane->filled);
    bsi_mutex_unlock(&lane->lock);
    return ticket;
}

bs_status bsi_lane_wait(bsi_lane *lane, uint64_t ticket)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&lane->lock);
    wait_for(lane, ticket);
    status = lane->status;
    if (status < 0) {
        bsi_error_restore(&lane->error);
    }
    bsi_mutex_unlock(&lane->lock);
    return status;
}
