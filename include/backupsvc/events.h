/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_EVENTS_H
#define BACKUPSVC_EVENTS_H

#include <backupsvc/backup.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/events.h
 * @brief Following jobs live: progress, changes of state, warnings.
 *
 * A subscription holds the events that nobody has taken yet, at most 1024. When
 * it is full, progress events are dropped first, the oldest before the newer;
 * changes of state never are.
 */

/** What an event tells. */
typedef enum bs_event_type {
    BS_EVENT_STATE = 1,    /**< The job is in another state. */
    BS_EVENT_PROGRESS = 2, /**< The counters moved; at most one each PROGRESS_UPDATE_INTERVAL. */
    BS_EVENT_WARNING = 3,  /**< The job survived something. */
    BS_EVENT_STORAGE = 4,  /**< A storage is nearly full: `warning`, with its name as path. Of no
                                job: only for those who follow all. */
} bs_event_type;

/** What kind of job it is about. */
typedef enum bs_job_kind {
    BS_JOB_BACKUP = 1,
    BS_JOB_RESTORE = 2,
    BS_JOB_VERIFY = 3,
    BS_JOB_DRILL = 4,
    BS_JOB_CHECK = 5,     /**< Of a repository. */
    BS_JOB_PRUNE = 6,     /**< Likewise. */
    BS_JOB_REPAIR = 7,    /**< Likewise. */
    BS_JOB_COPY = 8,      /**< From one repository to another. */
    BS_JOB_REPLICATE = 9, /**< Backups to another storage. */
} bs_job_kind;

/** One event. Numbers and state are those of the moment when it happened. */
typedef struct bs_event {
    bs_event_type type;
    bs_job_kind job_kind;
    char job_id[BS_ID_SIZE];
    bs_job_state status;
    double progress;
    uint64_t files_processed;
    uint64_t total_files;
    uint64_t bytes_processed;
    uint64_t total_bytes;
    bs_warning warning; /**< With BS_EVENT_WARNING and BS_EVENT_STORAGE. */
} bs_event;

/** A place where events wait to be taken. Ended with bs_unsubscribe(). */
typedef struct bs_subscription bs_subscription;

/**
 * Begin to collect events.
 *
 * @param service  The service; must stay open longer than the subscription.
 * @param job_id   Only of this job, by its whole id; NULL for all jobs.
 * @param out      The subscription; the caller owns it. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no job with this id.
 *
 * Blocking: disk, briefly.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_subscribe(bs_service *service, const char *job_id,
                                           bs_subscription **out);

/**
 * Take the next event.
 *
 * @param subscription  The subscription.
 * @param timeout_ms    How long to wait for one; 0 not at all, BS_FOREVER without an end.
 * @param out           The event; freed with bs_event_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_END        The followed job has ended and everything was taken.
 * @retval BS_E_TIMEOUT  None came.
 *
 * Blocking: up to timeout_ms.  Thread-safety: one thread at a time per handle.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_subscription_next(bs_subscription *subscription,
                                                   uint32_t timeout_ms, bs_event **out);

/**
 * A descriptor that is readable while events wait, for poll() and its kind.
 *
 * @param subscription  The subscription.
 * @return  Borrowed: never read from it or close it. -1 where the system has none.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API int bs_subscription_fd(bs_subscription *subscription);

/** Free an event. NULL is ignored. Since: 0.1 */
BS_API void bs_event_free(bs_event *event);

/** End a subscription. NULL is ignored. Since: 0.1 */
BS_API void bs_unsubscribe(bs_subscription *subscription);

BS_END_DECLS

#endif
