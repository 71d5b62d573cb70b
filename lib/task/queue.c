/* SPDX-License-Identifier: MIT */
/*
 * The bounded queue: a ring under a lock, with a condition for each end.
 */
#include "task/queue.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "os/thread.h"
#include "os/time.h"

enum { POLL_NS = 50 * 1000 * 1000 };

struct bsi_queue {
    bsi_mutex lock; /* Guards everything below but `capacity`. */
    bsi_cond filled;
    bsi_cond emptied;
    size_t capacity;
    size_t first; /* Index of the oldest item. */
    size_t count;
    bool closed;
    void *items[];
};

bs_status bsi_queue_new(size_t capacity, bsi_queue **out)
{
    const size_t places = capacity > 0 ? capacity : 1;
    bsi_queue *queue = NULL;
    size_t size = 0;

    if (!bsi_mul_size(places, sizeof(queue->items[0]), &size) ||
        !bsi_add_size(size, sizeof(*queue), &size)) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_LIMIT, "a queue of %zu items", capacity);
    }
    queue = bsi_alloc(size);
    if (!queue) {
        return BS_E_NOMEM;
    }
    *queue = (bsi_queue){.capacity = places};
    bsi_mutex_init(&queue->lock);
    bsi_cond_init(&queue->filled);
    bsi_cond_init(&queue->emptied);
    *out = queue;
    return BS_OK;
}

void bsi_queue_free(bsi_queue *queue)
{
    if (queue) {
        bsi_cond_dispose(&queue->emptied);
        bsi_cond_dispose(&queue->filled);
        bsi_mutex_dispose(&queue->lock);
        bsi_free(queue);
    }
}

/* When to look at the call again; 0 when nothing can end it. */
static int64_t next_look(const bs_call *call)
{
    int64_t until = 0;

    if (!call || (!call->cancel && call->deadline_ns == 0)) {
        return 0;
    }
    until = bsi_monotonic_ns() + POLL_NS;
    return call->deadline_ns != 0 && call->deadline_ns < until ? call->deadline_ns : until;
}

bs_status bsi_queue_push(bsi_queue *queue, const bs_call *call, void *item)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&queue->lock);
    for (;;) {
        status = bsi_call_check(call);
        if (status < 0) {
            bsi_cond_signal(&queue->emptied); /* A place that woke us is for somebody else now. */
            break;
        }
        if (queue->closed) {
            status = bsi_fail(BS_LAYER_SYSTEM, BS_E_CANCELLED, "the queue is closed");
            break;
        }
        if (queue->count < queue->capacity) {
            queue->items[(queue->first + queue->count) % queue->capacity] = item;
            queue->count++;
            bsi_cond_signal(&queue->filled);
            break;
        }
        (void)bsi_cond_wait_until(&queue->emptied, &queue->lock, next_look(call));
    }
    bsi_mutex_unlock(&queue->lock);
    return status;
}

bs_status bsi_queue_pop(bsi_queue *queue, const bs_call *call, void **item_out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&queue->lock);
    for (;;) {
        status = bsi_call_check(call);
        if (status < 0) {
            bsi_cond_signal(&queue->filled); /* An item that woke us is for somebody else now. */
            break;
        }
        if (queue->count > 0) {
            *item_out = queue->items[queue->first];
            queue->first = (queue->first + 1) % queue->capacity;
            queue->count--;
            bsi_cond_signal(&queue->emptied);
            break;
        }
        if (queue->closed) {
            status = BS_END;
            break;
        }
        (void)bsi_cond_wait_until(&queue->filled, &queue->lock, next_look(call));
    }
    bsi_mutex_unlock(&queue->lock);
    return status;
}

void bsi_queue_close(bsi_queue *queue)
{
    bsi_mutex_lock(&queue->lock);
    queue->closed = true;
    bsi_cond_broadcast(&queue->filled);
    bsi_cond_broadcast(&queue->emptied);
    bsi_mutex_unlock(&queue->lock);
}
