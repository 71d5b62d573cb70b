/* SPDX-License-Identifier: MIT */
/*
 * The queue of jobs and the threads that run them.
 */
#include "engine/runner.h"

#include "base/alloc.h"
#include "engine/audit_job.h"
#include "engine/service.h"
#include "engine/upkeep.h"
#include "os/time.h"

enum { CLOSING_TIME_NS = 1000000000 }; /* For what need not be done now. */

/* --- The queue; all with the service's lock held --- */

static void push_locked(bs_service *service, bsi_job *job)
{
    *(service->queue_tail ? &service->queue_tail->queue_next : &service->queue_head) = job;
    service->queue_tail = job;
}

static bsi_job *pop_locked(bs_service *service)
{
    bsi_job *job = service->queue_head;

    if (job) {
        service->queue_head = job->queue_next;
        job->queue_next = NULL;
        if (!service->queue_head) {
            service->queue_tail = NULL;
        }
    }
    return job;
}

/* Whether the job was still waiting; then it is no more. */
static bool withdraw_locked(bs_service *service, bsi_job *job)
{
    bsi_job **link = &service->queue_head;
    bsi_job *before = NULL;

    while (*link && *link != job) {
        before = *link;
        link = &(*link)->queue_next;
    }
    if (!*link) {
        return false;
    }
    *link = job->queue_next;
    job->queue_next = NULL;
    if (service->queue_tail == job) {
        service->queue_tail = before;
    }
    return true;
}

/* --- Running --- */

static void run_job(bsi_job *job)
{
    bs_service *service = job->service;
    bsi_job_view view;
    bs_status status = BS_OK;

    bsi_mutex_lock(&service->lock);
    job->state = BS_STATE_RUNNING;
    job->started_at = bsi_row_now();
    bsi_mutex_unlock(&service->lock);
    bsi_job_usage_begin(&job->usage);
    bsi_job_look(job, &view);
    status = job->ops->save(job, &view);
    if (status >= 0) {
        bsi_job_tell_state(job);
        status = bsi_call_check(&job->call);
    }
    if (status >= 0) {
        status = job->ops->run(job);
    }
    bsi_job_usage_end(&job->usage);
    bsi_job_finish(job, status);
}

#ifdef BSI_TESTING
static void tell_taken_locked(bs_service *service)
{
    bsi_cond_broadcast(&service->change);
}

void bsi_jobs_sync(bs_service *service, unsigned busy)
{
    bsi_mutex_lock(&service->lock);
    while (service->queue_head || service->runners_idle + busy < service->runners_started) {
        bsi_cond_wait(&service->change, &service->lock);
    }
    bsi_mutex_unlock(&service->lock);
}
#else
#define tell_taken_locked(service) ((void)(service))
#endif

static void runner(void *user)
{
    bs_service *service = user;
    bsi_job *job = NULL;

    bsi_mutex_lock(&service->lock);
    for (;;) {
        job = pop_locked(service);
        if (job) {
            tell_taken_locked(service);
            bsi_mutex_unlock(&service->lock);
            run_job(job);
            bsi_upkeep_do(service);
            bsi_mutex_lock(&service->lock);
            continue;
        }
        if (service->closing) {
            break;
        }
        service->runners_idle++;
        tell_taken_locked(service);
        bsi_cond_wait(&service->work, &service->lock);
        service->runners_idle--;
    }
    bsi_mutex_unlock(&service->lock);
}

static size_t queue_length_locked(const bs_service *service)
{
    size_t count = 0;

    for (const bsi_job *job = service->queue_head; job; job = job->queue_next) {
        count++;
    }
    return count;
}

/*
 * Make one more runner when those that wait are not enough for the queue. Fewer
 * than wanted will do; without any the job cannot run.
 */
static bs_status start_runner_locked(bs_service *service)
{
    bs_status status = BS_OK;

    if (service->runners_idle >= queue_length_locked(service) ||
        service->runners_started == service->runners_max) {
        return BS_OK;
    }
    status =
        bsi_thread_start(&service->runners[service->runners_started], "bs-job", runner, service);
    if (status < 0) {
        return service->runners_started > 0 ? BS_OK : status;
    }
    service->runners_started++;
    return BS_OK;
}

bs_status bsi_job_enlist(bsi_job *job)
{
    bs_service *service = job->service;
    const char *why = NULL;

    bsi_mutex_lock(&service->lock);
    if (service->closing) {
        why = "the service is closing";
    } else if (service->rebuilding) {
        why = "the catalogue is being rebuilt";
    } else {
        job->next = service->jobs;
        service->jobs = job;
    }
    bsi_mutex_unlock(&service->lock);
    return why ? bsi_fail(BS_LAYER_CALLER, BS_E_BUSY, "%s", why) : BS_OK;
}

static void delist(bsi_job *job)
{
    bsi_job **link = NULL;

    bsi_mutex_lock(&job->service->lock);
    link = &job->service->jobs;
    while (*link && *link != job) {
        link = &(*link)->next;
    }
    if (*link) {
        *link = job->next;
    }
    bsi_mutex_unlock(&job->service->lock);
}

void bsi_job_discard(bsi_job *job)
{
    delist(job);
    job->ops->ended(job);
    bsi_job_unref(job);
}

bs_status bsi_job_begin(bsi_job *job)
{
    bs_service *service = job->service;
    bsi_job_view view;
    bs_status status = BS_OK;

    status = bsi_audit_job_begin(job);
    if (status >= 0) {
        bsi_job_look(job, &view);
        status = job->ops->add(job, &view);
        if (status < 0) {
            bsi_audit_job_refused(job, &view);
        }
    }
    if (status < 0) {
        bsi_job_discard(job);
        return status;
    }
    bsi_job_tell_state(job);
    bsi_mutex_lock(&service->lock);
    push_locked(service, job);
    status = start_runner_locked(service);
    if (status < 0) {
        (void)withdraw_locked(service, job);
    }
    bsi_cond_signal(&service->work);
    bsi_mutex_unlock(&service->lock);
    if (status < 0) {
        bsi_job_finish(job, status);
    }
    return BS_OK;
}

bs_status bsi_job_start(bsi_job *job)
{
    const bs_status status = bsi_job_enlist(job);

    if (status < 0) {
        bsi_job_discard(job);
        return status;
    }
    return bsi_job_begin(job);
}

void bsi_job_cancel(bsi_job *job)
{
    bs_service *service = job->service;
    bool waited = false;

    bsi_cancel_request(&job->cancel);
    bsi_mutex_lock(&service->lock);
    waited = withdraw_locked(service, job);
    bsi_mutex_unlock(&service->lock);
    if (waited) {
        bsi_job_finish(job, bsi_call_check(&job->call));
    }
}

bs_status bsi_jobs_hold(bs_service *service)
{
    bool busy = false;

    bsi_mutex_lock(&service->lock);
    busy = service->rebuilding;
    for (const bsi_job *job = service->jobs; job; job = job->next) {
        busy = busy || !job->over;
    }
    service->rebuilding = service->rebuilding || !busy;
    bsi_mutex_unlock(&service->lock);
    return busy ? bsi_fail(BS_LAYER_CALLER, BS_E_BUSY, "a job is running") : BS_OK;
}

void bsi_jobs_release(bs_service *service)
{
    bsi_mutex_lock(&service->lock);
    service->rebuilding = false;
    bsi_mutex_unlock(&service->lock);
    bsi_scheduler_wake(service);
}

static bsi_job *next_waiting(bs_service *service)
{
    bsi_job *job = NULL;

    bsi_mutex_lock(&service->lock);
    service->closing_since = service->closing ? service->closing_since : bsi_monotonic_ns();
    service->closing = true;
    for (bsi_job *one = service->jobs; one; one = one->next) {
        bsi_cancel_request(&one->cancel);
    }
    job = pop_locked(service);
    bsi_cond_broadcast(&service->work);
    bsi_mutex_unlock(&service->lock);
    return job;
}

void bsi_jobs_stop(bs_service *service)
{
    bsi_job *job = NULL;

    for (job = next_waiting(service); job; job = next_waiting(service)) {
        bsi_job_finish(job, bsi_call_check(&job->call));
    }
    for (unsigned i = 0; i < service->runners_started; i++) {
        bsi_thread_join(service->runners[i]);
    }
    service->runners_started = 0;
    while (service->jobs) { /* Those whose end could not be written. */
        job = service->jobs;
        service->jobs = job->next;
        bsi_job_unref(job);
    }
}

bool bsi_jobs_are_over(bs_service *service)
{
    bool over = false;

    bsi_mutex_lock(&service->lock);
    over = service->closing && bsi_monotonic_ns() - service->closing_since > CLOSING_TIME_NS;
    bsi_mutex_unlock(&service->lock);
    return over;
}
