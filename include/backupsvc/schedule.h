/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_SCHEDULE_H
#define BACKUPSVC_SCHEDULE_H

#include <backupsvc/backup.h>
#include <backupsvc/base.h>
#include <backupsvc/service.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/schedule.h
 * @brief What is to be done again and again, at times that cron expressions name.
 *
 * Schedules lie in the state directory and outlive the process. They are run by
 * a service that was opened with `run_schedules`, or told so later by
 * bs_service_run_schedules(); any other only keeps them.
 *
 * Each due time is dealt with once and recorded, before the job that it starts
 * and whatever happens then: neither a crash nor a clock that is set makes one
 * run twice. A schedule never runs beside itself.
 *
 * docs/guide/schedules.md describes expressions, time zones and what becomes of
 * due times that were missed. Every function here may be called from any thread.
 */

/** What a schedule does. More may come. */
typedef enum bs_schedule_action {
    BS_ACTION_DEFAULT = 0, /**< BS_ACTION_BACKUP. */
    BS_ACTION_BACKUP = 1,  /**< Takes a backup, as `backup_request` says. */
    BS_ACTION_VERIFY = 2,  /**< Verifies a backup: {"backup_id": "latest:NAME"}; in turn each of a
                                name: "stalest:NAME"; of all names: "stalest:". */
    BS_ACTION_DRILL = 3,   /**< A restore drill: bs_drill_options as JSON. */
} bs_schedule_action;

/** What becomes of due times at which no service ran the schedule. */
typedef enum bs_missed {
    BS_MISSED_DEFAULT = 0,  /**< BS_MISSED_RUN_ONCE. */
    BS_MISSED_RUN_ONCE = 1, /**< One run as soon as possible, for all of them. */
    BS_MISSED_SKIP = 2,     /**< Nothing. */
    BS_MISSED_ALL = 3,      /**< A run for each, one after the other; at most the last 100. */
} bs_missed;

/** What came of a due time. */
typedef enum bs_run_outcome {
    BS_RUN_STARTED = 1,         /**< A job was started; `status` says how it stands. */
    BS_RUN_SKIPPED_BUSY = 2,    /**< The run before had not ended. */
    BS_RUN_MISSED = 3,          /**< Nobody was there to run it. */
    BS_RUN_FAILED_TO_START = 4, /**< The request could not be met; `error` says why. */
} bs_run_outcome;

/** A yes or no that may be left open. */
typedef enum bs_choice {
    BS_CHOICE_DEFAULT = 0,
    BS_CHOICE_YES = 1,
    BS_CHOICE_NO = 2,
} bs_choice;

/** A schedule to be added, or what to change of one. Start from BS_SCHEDULE_OPTIONS_INIT. */
typedef struct bs_schedule_options {
    size_t struct_size;          /**< Set by BS_SCHEDULE_OPTIONS_INIT. */
    const char *name;            /**< As a backup's. No two schedules have the same. */
    const char *cron_expression; /**< Such as "30 2 * * mon-fri" or "@daily". */
    const char *timezone;        /**< Such as "Europe/Berlin". Default: "UTC". */
    bs_schedule_action action;
    const bs_backup_options *backup_request; /**< With BS_ACTION_BACKUP; no callback source. */
    const char *action_request;              /**< With other actions: their JSON object. */
    bs_missed missed;
    bs_choice is_active; /**< Whether it is run. Default: yes. */
} bs_schedule_options;

/* clang-format off */
#define BS_SCHEDULE_OPTIONS_INIT                                                                  \
    {sizeof(bs_schedule_options), NULL, NULL, NULL, BS_ACTION_DEFAULT, NULL, NULL,                \
     BS_MISSED_DEFAULT, BS_CHOICE_DEFAULT}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_schedule_options_init(bs_schedule_options *options, size_t size);

/** What is known of a schedule. Times are RFC 3339 texts in UTC, "" where there is none. */
typedef struct bs_schedule_info {
    char id[BS_ID_SIZE];
    const char *name;
    const char *cron_expression;
    const char *timezone;
    bs_schedule_action action;
    const char *backup_request; /**< With BS_ACTION_BACKUP, as a JSON object; else NULL. */
    const char *action_request; /**< With other actions, likewise; else NULL. */
    bs_missed missed;
    bool is_active;
    bool running;            /**< Its job has not ended. */
    bool overdue;            /**< A due time has passed by a minute, and nobody dealt with it. */
    const char *next_run_at; /**< The next due time; "" also while it is not active. */
    const char *last_run_at; /**< When it last started a job, or failed to. */
    const char *last_status; /**< How that job stands, such as "completed"; or
                                  "failed_to_start". */
    char last_job_id[BS_ID_SIZE]; /**< That job: a backup, or a job of the action's kind. */
    const char *created_at;
    const char *updated_at;
    uint64_t runs_started; /**< How many due times, and runs by hand, started a job. */
    uint64_t runs_skipped_busy;
    uint64_t runs_missed;
    uint64_t runs_failed_to_start;
} bs_schedule_info;

/**
 * Add a schedule.
 *
 * Everything is checked at once, the request as bs_backup_start() would; the
 * error names every complaint. Secrets are not kept: a request that needs one
 * names where it is to be found.
 *
 * @param service  The service.
 * @param options  What to do, and when. Copied.
 * @param id_out   The schedule's id. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_INVALID      At least one field is wrong.
 * @retval BS_E_EXISTS       There is a schedule of that name.
 * @retval BS_E_NOT_FOUND    A source does not exist, or no storage has that name.
 * @retval BS_E_UNSUPPORTED  This build or release cannot do that.
 * @retval BS_E_LIMIT        There are 10 000 schedules already.
 *
 * Blocking: disk, briefly.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_schedule_add(bs_service *service,
                                              const bs_schedule_options *options,
                                              char id_out[BS_ID_SIZE]);

/**
 * What is known of a schedule now.
 *
 * @param service   The service.
 * @param schedule  Its name, its id, or an unambiguous beginning of that.
 * @param out       A copy; freed with bs_schedule_info_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such schedule.
 * @retval BS_E_AMBIGUOUS  More than one id begins so; the error names some.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_schedule_get(bs_service *service, const char *schedule,
                                              bs_schedule_info **out);

/** Free an info. NULL is ignored. Since: 0.1 */
BS_API void bs_schedule_info_free(bs_schedule_info *info);

/** Which schedules to list. Start from BS_SCHEDULE_FILTER_INIT; 0 means no matter. */
typedef struct bs_schedule_filter {
    size_t struct_size;  /**< Set by BS_SCHEDULE_FILTER_INIT. */
    bs_choice is_active; /**< Only those that are run, or only the others. */
    uint32_t limit;      /**< At most so many, 1–1000. Default: 50. */
    uint32_t offset;     /**< Leave out so many of the first. */
} bs_schedule_filter;

/* clang-format off */
#define BS_SCHEDULE_FILTER_INIT {sizeof(bs_schedule_filter), BS_CHOICE_DEFAULT, 0, 0}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_schedule_filter_init(bs_schedule_filter *filter, size_t size);

/** A page of schedules, by name. */
typedef struct bs_schedule_page {
    uint64_t total; /**< How many the filter matches, on all pages. */
    size_t count;   /**< How many are here. */
    const bs_schedule_info *const *items;
} bs_schedule_page;

/**
 * List schedules by name.
 *
 * @param service  The service.
 * @param filter   NULL for the first 50.
 * @param out      The page; freed with bs_schedule_page_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_schedule_list(bs_service *service,
                                               const bs_schedule_filter *filter,
                                               bs_schedule_page **out);

/** Free a page and the infos in it. NULL is ignored. Since: 0.1 */
BS_API void bs_schedule_page_free(bs_schedule_page *page);

/**
 * Change a schedule.
 *
 * A new expression or time zone, and being made active, count from now on: due
 * times before that are not missed. A request replaces the old one whole.
 *
 * @param service   The service.
 * @param schedule  As for bs_schedule_get().
 * @param changes   What is not NULL, 0 or DEFAULT replaces what there was. Copied.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such schedule; or as for bs_schedule_add().
 * @retval BS_E_INVALID    At least one field is wrong; nothing was changed.
 * @retval BS_E_EXISTS     Another schedule has the new name.
 *
 * Blocking: disk, briefly.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_schedule_update(bs_service *service, const char *schedule,
                                                 const bs_schedule_options *changes);

/**
 * Remove a schedule and the record of its runs. A job that it has started goes on.
 *
 * @param service   The service.
 * @param schedule  As for bs_schedule_get().
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such schedule.
 *
 * Blocking: disk, briefly.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_schedule_remove(bs_service *service, const char *schedule);

/**
 * Do now what a schedule does, whether it is active or not. Its due times stay as they are.
 *
 * @param service     The service.
 * @param schedule    As for bs_schedule_get().
 * @param job_id_out  The job: a backup for bs_backup_wait(), a verification for
 *                    bs_verify_wait(), a drill for bs_drill_wait(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such schedule; or as for bs_backup_start().
 * @retval BS_E_BUSY       Its last job has not ended.
 * Any other failure is that of starting such a job, and is recorded as a run.
 *
 * Blocking: disk, briefly.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_schedule_run(bs_service *service, const char *schedule,
                                              char job_id_out[BS_ID_SIZE]);

/** One due time of a schedule, or one run by hand. */
typedef struct bs_schedule_run_info {
    const char *due_at;      /**< "" for a run by hand. */
    const char *recorded_at; /**< When it was dealt with. */
    bs_run_outcome outcome;
    char job_id[BS_ID_SIZE];  /**< With BS_RUN_STARTED; else "". */
    const char *status;       /**< How the job stands; "" where none was started. */
    const char *completed_at; /**< When the job ended. */
    bs_error error;           /**< Why it failed; else code BS_OK. */
} bs_schedule_run_info;

/** Runs of a schedule, newest first. */
typedef struct bs_schedule_runs {
    size_t count;
    const bs_schedule_run_info *const *items;
} bs_schedule_runs;

/**
 * List what came of a schedule's due times, newest first. The last 1000 are kept.
 *
 * @param service   The service.
 * @param schedule  As for bs_schedule_get().
 * @param limit     At most so many, 1–1000; 0 for 50.
 * @param offset    Leave out so many of the newest.
 * @param out       The runs; freed with bs_schedule_runs_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such schedule.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_schedule_list_runs(bs_service *service, const char *schedule,
                                                    uint32_t limit, uint32_t offset,
                                                    bs_schedule_runs **out);

/** Free runs. NULL is ignored. Since: 0.1 */
BS_API void bs_schedule_runs_free(bs_schedule_runs *runs);

/** Due times to come. */
typedef struct bs_schedule_times {
    size_t count;
    const char *const *items; /**< RFC 3339 with the zone's offset: "2026-11-23T02:30:00+01:00". */
} bs_schedule_times;

/**
 * The next times at which a schedule would be due. Needs no service.
 *
 * @param cron_expression  As in bs_schedule_options.
 * @param zone             Likewise; NULL for "UTC".
 * @param count            How many, 1–1000. There may be fewer.
 * @param out              The times; freed with bs_schedule_times_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_INVALID  An argument is wrong; the error says what it takes.
 *
 * Blocking: disk, briefly.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_schedule_preview(const char *cron_expression, const char *zone,
                                                  uint32_t count, bs_schedule_times **out);

/** Free times. NULL is ignored. Since: 0.1 */
BS_API void bs_schedule_times_free(bs_schedule_times *times);

BS_END_DECLS

#endif
