/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_EVENTS_H
#define BSI_ENGINE_EVENTS_H

#include <backupsvc/events.h>

#include "base/error.h"
#include "os/thread.h"

/*
 * Where jobs tell what happens to them, and subscriptions that keep it until
 * somebody takes it.
 */
typedef struct bsi_events {
    bsi_mutex lock; /* Guards the list and everything in the subscriptions on it. */
    bs_subscription *subscriptions;
} bsi_events;

void bsi_events_init(bsi_events *events);
void bsi_events_dispose(bsi_events *events);

/* Whether anybody listens; only a hint. */
bool bsi_events_wanted(bsi_events *events);

/*
 * Copy an event to all who want it. A final state ends the subscriptions that
 * follow this job. What finds no memory is lost. Any thread; leaves the error
 * record alone but for that.
 */
void bsi_events_send(bsi_events *events, const bs_event *event);

BS_NODISCARD bs_status bsi_subscription_new(bsi_events *events, const char *job_id,
                                            bs_subscription **out);
/* The followed job is over already. */
void bsi_subscription_end(bs_subscription *subscription);
BS_NODISCARD bs_status bsi_subscription_next(bs_subscription *subscription, uint32_t timeout_ms,
                                             bs_event **out);
int bsi_subscription_fd(const bs_subscription *subscription);
/* NULL is ignored. */
void bsi_subscription_free(bs_subscription *subscription);

/* NULL is ignored. */
void bsi_event_free(bs_event *event);

#endif
