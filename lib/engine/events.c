/* SPDX-License-Identifier: MIT */
/*
 * Bounded lists of events, one for each subscription, and a pipe that is
 * readable while there is something to take.
 *
 * The pipe holds one byte exactly when the list is not empty or has ended;
 * reading and writing that byte cannot block, so both happen under the lock.
 */
#include "engine/events.h"

#include <string.h>

#include "base/alloc.h"
#include "os/file.h"
#include "os/time.h"

enum { EVENTS_MAX = 1024 };

typedef struct event_box {
    bs_event event; /* What the caller holds: must come first. */
    struct event_box *next;
    char texts[]; /* Path and message of a warning. */
} event_box;

struct bs_subscription {
    bs_subscription *next;
    bsi_events *events;
    char job_id[BS_ID_SIZE]; /* "": all jobs. */
    bsi_cond change;         /* Something was added, or it has ended. */
    event_box *head;
    event_box *tail;
    size_t count;
    bool ended;
    bool signalled; /* A byte is in the pipe. */
    int pipe[2];
};

static bool state_is_final(bs_job_state state)
{
    return state >= BS_STATE_COMPLETED;
}

void bsi_events_init(bsi_events *events)
{
    bsi_mutex_init(&events->lock);
    events->subscriptions = NULL;
}

void bsi_events_dispose(bsi_events *events)
{
    bsi_mutex_dispose(&events->lock);
}

bool bsi_events_wanted(bsi_events *events)
{
    bool wanted = false;

    bsi_mutex_lock(&events->lock);
    wanted = events->subscriptions != NULL;
    bsi_mutex_unlock(&events->lock);
    return wanted;
}

static event_box *box_new(const bs_event *event)
{
    const bool warns = event->type == BS_EVENT_WARNING || event->type == BS_EVENT_STORAGE;
    const size_t path_size = warns ? strlen(event->warning.path) + 1 : 1;
    const size_t message_size = warns ? strlen(event->warning.message) + 1 : 1;
    event_box *box = bsi_calloc(1, sizeof(*box) + path_size + message_size);

    if (!box) {
        return NULL;
    }
    box->event = *event;
    if (warns) {
        memcpy(box->texts, event->warning.path, path_size);
        memcpy(box->texts + path_size, event->warning.message, message_size);
    }
    box->event.warning.path = box->texts;
    box->event.warning.message = box->texts + path_size;
    return box;
}

/* Make the pipe agree with what there is to take. */
static void signal_locked(bs_subscription *subscription)
{
    const bool wanted = subscription->head || subscription->ended;
    uint8_t byte = 1;
    size_t got = 0;

    if (wanted && !subscription->signalled) {
        subscription->signalled = bsi_write(subscription->pipe[1], &byte, 1) == BS_OK;
    } else if (!wanted && subscription->signalled) {
        subscription->signalled = bsi_read_some(subscription->pipe[0], &byte, 1, &got) != BS_OK;
    }
    if (wanted) {
        bsi_cond_broadcast(&subscription->change);
    }
}

/* Take the oldest event of a type out of a full list; false when there is none. */
static bool drop_locked(bs_subscription *subscription, bs_event_type type)
{
    event_box **link = &subscription->head;
    event_box *before = NULL;
    event_box *gone = NULL;

    while (*link && (*link)->event.type != type) {
        before = *link;
        link = &(*link)->next;
    }
    gone = *link;
    if (!gone) {
        return false;
    }
    *link = gone->next;
    if (subscription->tail == gone) {
        subscription->tail = before;
    }
    subscription->count--;
    bsi_free(gone);
    return true;
}

/* Whether there is room now for an event of this type. */
static bool make_room_locked(bs_subscription *subscription, bs_event_type type)
{
    if (subscription->count < EVENTS_MAX || drop_locked(subscription, BS_EVENT_PROGRESS)) {
        return true;
    }
    if (type == BS_EVENT_PROGRESS) {
        return false;
    }
    return drop_locked(subscription, BS_EVENT_WARNING) || type == BS_EVENT_STATE;
}

static void add_locked(bs_subscription *subscription, const bs_event *event)
{
    event_box *box = NULL;

    if (make_room_locked(subscription, event->type)) {
        box = box_new(event);
    }
    if (box) {
        *(subscription->tail ? &subscription->tail->next : &subscription->head) = box;
        subscription->tail = box;
        subscription->count++;
    }
    if (subscription->job_id[0] && event->type == BS_EVENT_STATE && state_is_final(event->status)) {
        subscription->ended = true;
    }
    signal_locked(subscription);
}

void bsi_events_send(bsi_events *events, const bs_event *event)
{
    bsi_mutex_lock(&events->lock);
    for (bs_subscription *one = events->subscriptions; one; one = one->next) {
        if (!one->job_id[0] || strcmp(one->job_id, event->job_id) == 0) {
            add_locked(one, event);
        }
    }
    bsi_mutex_unlock(&events->lock);
}

bs_status bsi_subscription_new(bsi_events *events, const char *job_id, bs_subscription **out)
{
    bs_subscription *subscription = bsi_calloc(1, sizeof(*subscription));
    bs_status status = BS_OK;

    if (!subscription) {
        return BS_E_NOMEM;
    }
    status = bsi_pipe(subscription->pipe);
    if (status < 0) {
        bsi_free(subscription);
        return status;
    }
    subscription->events = events;
    bsi_cond_init(&subscription->change);
    if (job_id) {
        memcpy(subscription->job_id, job_id, BS_ID_SIZE);
    }
    bsi_mutex_lock(&events->lock);
    subscription->next = events->subscriptions;
    events->subscriptions = subscription;
    bsi_mutex_unlock(&events->lock);
    *out = subscription;
    return BS_OK;
}

void bsi_subscription_end(bs_subscription *subscription)
{
    bsi_mutex_lock(&subscription->events->lock);
    subscription->ended = true;
    signal_locked(subscription);
    bsi_mutex_unlock(&subscription->events->lock);
}

static event_box *take_locked(bs_subscription *subscription)
{
    event_box *box = subscription->head;

    if (box) {
        subscription->head = box->next;
        if (!subscription->head) {
            subscription->tail = NULL;
        }
        subscription->count--;
        box->next = NULL;
        signal_locked(subscription);
    }
    return box;
}

bs_status bsi_subscription_next(bs_subscription *subscription, uint32_t timeout_ms, bs_event **out)
{
    const int64_t until =
        timeout_ms == BS_FOREVER ? 0 : bsi_monotonic_ns() + (int64_t)timeout_ms * 1000000;
    event_box *box = NULL;
    bool ended = false;

    bsi_mutex_lock(&subscription->events->lock);
    for (;;) {
        box = take_locked(subscription);
        ended = subscription->ended;
        if (box || ended || timeout_ms == 0 ||
            !bsi_cond_wait_until(&subscription->change, &subscription->events->lock, until)) {
            break;
        }
    }
    if (!box && !ended) {
        box = take_locked(subscription);
        ended = subscription->ended;
    }
    bsi_mutex_unlock(&subscription->events->lock);
    if (box) {
        *out = &box->event;
        return BS_OK;
    }
    return ended ? BS_END : bsi_fail(BS_LAYER_CALLER, BS_E_TIMEOUT, "no event came in time");
}

int bsi_subscription_fd(const bs_subscription *subscription)
{
    return subscription->pipe[0];
}

void bsi_subscription_free(bs_subscription *subscription)
{
    bsi_events *events = NULL;
    bs_subscription **link = NULL;

    if (!subscription) {
        return;
    }
    events = subscription->events;
    bsi_mutex_lock(&events->lock);
    link = &events->subscriptions;
    while (*link && *link != subscription) {
        link = &(*link)->next;
    }
    if (*link) {
        *link = subscription->next;
    }
    bsi_mutex_unlock(&events->lock);
    while (subscription->head) {
        event_box *box = subscription->head;
        subscription->head = box->next;
        bsi_free(box);
    }
    bsi_cond_dispose(&subscription->change);
    bsi_close_quietly(subscription->pipe[0]);
    bsi_close_quietly(subscription->pipe[1]);
    bsi_free(subscription);
}

void bsi_event_free(bs_event *event)
{
    bsi_free(event);
}
