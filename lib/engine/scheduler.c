/* SPDX-License-Identifier: MIT */
/*
 * The thread that runs schedules. Each time it wakes it looks at the catalogue
 * anew: nothing of what is due is kept in memory.
 */
#include "engine/scheduler.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "engine/schedule_due.h"
#include "engine/service.h"
#include "os/alarm.h"
#include "os/time.h"

enum {
    RETRY_SEC = 60, /* What could not be done, for want of memory or of space, is tried again. */
    NS_PER_SEC = 1000000000,
};

struct bsi_scheduler {
    bs_service *service;
    bsi_alarm *alarm;
    bsi_thread thread;
    atomic_bool closing;

    /* The thread's own. */
    bool settled;  /* No run is left that was written down and has not begun. */
    int64_t ahead; /* Of the wall clock before the one that never jumps, at the last look. */

#ifdef BSI_TESTING
    bsi_mutex lock; /* Guards what follows. Taken alone. */
    bsi_cond looked;
    uint64_t asked;
    uint64_t answered;
    int64_t until; /* When it looks again; INT64_MAX: when it is woken. */
#endif
};

static bs_status look(bsi_scheduler *self, bsi_time now)
{
    const int64_t ahead = bsi_row_time(now) - bsi_monotonic_ns();
    bs_status status = BS_OK;

    if (!self->settled) {
        status = bsi_schedules_resume(self->service, now.sec);
    }
    if (status >= 0 && (!self->settled || ahead < self->ahead - NS_PER_SEC)) {
        status = bsi_schedules_refresh(self->service, now.sec);
    }
    if (status >= 0) {
        status = bsi_schedules_run_due(self->service, now.sec);
    }
    self->settled = status >= 0;
    self->ahead = ahead;
    return status;
}

/* When to look again. */
static int64_t next_look(bsi_scheduler *self)
{
    const bsi_time now = bsi_now();
    int64_t next = 0;
    bs_status status = look(self, now);

    if (status >= 0) {
        status = bsi_catalog_next_due(self->service->catalog, now.sec * NS_PER_SEC, &next);
    }
    if (status < 0) {
        bsi_log_write(&self->service->log, BS_LOG_ERROR, "engine",
                      "schedules are looked at again in %d s: %s", (int)RETRY_SEC,
                      bs_error_last()->message);
        return now.sec + RETRY_SEC;
    }
    return next > 0 ? next / NS_PER_SEC : INT64_MAX;
}

#ifdef BSI_TESTING
static uint64_t begin_look(bsi_scheduler *self)
{
    uint64_t asked = 0;

    bsi_mutex_lock(&self->lock);
    asked = self->asked;
    bsi_mutex_unlock(&self->lock);
    return asked;
}

static void end_look(bsi_scheduler *self, uint64_t asked, int64_t until)
{
    bsi_mutex_lock(&self->lock);
    self->answered = asked;
    self->until = until;
    bsi_cond_broadcast(&self->looked);
    bsi_mutex_unlock(&self->lock);
}

int64_t bsi_scheduler_sync(bs_service *service)
{
    bsi_scheduler *self = service->scheduler;
    uint64_t asked = 0;
    int64_t until = 0;

    bsi_mutex_lock(&self->lock);
    asked = ++self->asked;
    bsi_alarm_wake(self->alarm);
    while (self->answered < asked) {
        bsi_cond_wait(&self->looked, &self->lock);
    }
    until = self->until;
    bsi_mutex_unlock(&self->lock);
    return until;
}
#else
#define begin_look(self) ((void)(self), 0)
#define end_look(self, asked, until) ((void)(self), (void)(asked))
#endif

static void scheduler(void *user)
{
    bsi_scheduler *self = user;

    bsi_audit_act_as("scheduler");
    while (!atomic_load(&self->closing)) {
        const uint64_t asked = begin_look(self);
        const int64_t until = next_look(self);

        end_look(self, asked, until);
        bsi_alarm_wait(self->alarm, until);
    }
}

/* --- Its life --- */

static void dispose(bsi_scheduler *self)
{
    if (self) {
        bsi_alarm_free(self->alarm);
#ifdef BSI_TESTING
        bsi_cond_dispose(&self->looked);
        bsi_mutex_dispose(&self->lock);
#endif
        bsi_free(self);
    }
}

static bs_status make(bs_service *service, bsi_scheduler **out)
{
    bsi_scheduler *self = bsi_calloc(1, sizeof(*self));
    bs_status status = BS_OK;

    if (!self) {
        return BS_E_NOMEM;
    }
    self->service = service;
    atomic_init(&self->closing, false);
#ifdef BSI_TESTING
    bsi_mutex_init(&self->lock);
    bsi_cond_init(&self->looked);
#endif
    status = bsi_alarm_new(&self->alarm);
    if (status < 0) {
        dispose(self);
        return status;
    }
    *out = self;
    return BS_OK;
}

bs_status bsi_scheduler_start(bs_service *service)
{
    bsi_scheduler *self = NULL;
    bs_status status = make(service, &self);

    if (status < 0) {
        return status;
    }
    bsi_mutex_lock(&service->lock);
    if (!service->scheduler) {
        status = bsi_thread_start(&self->thread, "bs-schedule", scheduler, self);
        if (status >= 0) {
            service->scheduler = self;
            self = NULL;
        }
    }
    bsi_mutex_unlock(&service->lock);
    dispose(self);
    return status;
}

void bsi_scheduler_wake(bs_service *service)
{
    bsi_scheduler *self = NULL;

    bsi_mutex_lock(&service->lock);
    self = service->scheduler;
    bsi_mutex_unlock(&service->lock);
    if (self) {
        bsi_alarm_wake(self->alarm);
    }
}

void bsi_scheduler_stop(bs_service *service)
{
    bsi_scheduler *self = service->scheduler;

    if (self) {
        atomic_store(&self->closing, true);
        bsi_alarm_wake(self->alarm);
        bsi_thread_join(self->thread);
    }
}

void bsi_scheduler_free(bs_service *service)
{
    dispose(service->scheduler);
    service->scheduler = NULL;
}
