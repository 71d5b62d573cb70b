/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_RETENTION_H
#define BACKUPSVC_RETENTION_H

#include <backupsvc/backup.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/retention.h
 * @brief Removing what no rule keeps: plan, apply, pin, undelete.
 *
 * Rules are looked at for each name on each storage by itself. A backup stays
 * as long as one rule keeps it: the days that it was given, or a keep_...
 * number of the name. The numbers hold for all of the name; they are those of
 * its newest good backup whose request gave any. keep_last keeps the newest so
 * many; keep_hourly and the others keep the newest backup of each of the last
 * so many hours, days, weeks (from Monday on), months and years that have one.
 * A backup whose request gave numbers and no days has no days of its own.
 *
 * Whatever the rules say, these stay: the last good backup of a name on a
 * storage, all that a kept backup needs, what is pinned or held, what runs. And
 * nothing goes while the clock cannot be trusted: when it stands before the
 * newest backup, or is more than 32 days ahead of when it was last believed. After
 * such a jump it is believed again once it has gone on for 7 days.
 *
 * What no rule keeps is marked first, and removed when it is looked at again
 * after a time of grace (RETENTION_GRACE_HOURS). Until then
 * bs_backup_undelete() keeps it, and so does any rule that comes to keep it.
 * Failed and cancelled backups hold nothing: their rows go after 90 days.
 *
 * With STORAGE_CLEANUP_ENABLED the service does all this by itself after each
 * backup that completes, for its name, and once a day for all names.
 */

/** What becomes of a backup. */
typedef enum bs_retention_action {
    BS_RETENTION_KEEP = 0,   /**< It stays. A mark that it has is taken away. */
    BS_RETENTION_MARK = 1,   /**< It is marked, and can be kept until `remove_after`. */
    BS_RETENTION_WAIT = 2,   /**< It was marked before, and its time of grace is not over. */
    BS_RETENTION_REMOVE = 3, /**< It is removed. */
} bs_retention_action;

/** What keeps a backup, as bits of bs_retention_item.kept_by. */
enum {
    BS_KEPT_BY_DAYS = 1u << 0, /**< Its days are not over. */
    BS_KEPT_BY_LAST = 1u << 1, /**< keep_last. */
    BS_KEPT_BY_HOURLY = 1u << 2,
    BS_KEPT_BY_DAILY = 1u << 3,
    BS_KEPT_BY_WEEKLY = 1u << 4,
    BS_KEPT_BY_MONTHLY = 1u << 5,
    BS_KEPT_BY_YEARLY = 1u << 6,
    BS_KEPT_BY_PIN = 1u << 7,
    BS_KEPT_BY_HOLD = 1u << 8,
    BS_KEPT_AS_LAST_GOOD = 1u << 9, /**< The last good one of its name on its storage. */
    BS_KEPT_AS_NEEDED = 1u << 10,   /**< `needed_by`, which is kept, needs it. */
    BS_KEPT_AS_RUNNING = 1u << 11,
    BS_KEPT_AS_RECENT_FAILURE = 1u << 12, /**< A failure that is still listed. */
    BS_KEPT_BY_STORAGE = 1u << 13,        /**< Nothing is removed there: it is append_only, or
                                               read_only. */
};

/** Which backups to look at, and by which rules. Start from BS_RETENTION_OPTIONS_INIT. */
typedef struct bs_retention_options {
    size_t struct_size;     /**< Set by BS_RETENTION_OPTIONS_INIT. */
    const char *name;       /**< Only this name. Default: all. */
    int32_t retention_days; /**< 1 to 36500. This and what follows: rules instead of those that the
                                 names have. Default, with all of them 0: their own. */
    int32_t keep_last;      /**< Each up to 1 000 000. */
    int32_t keep_hourly;
    int32_t keep_daily;
    int32_t keep_weekly;
    int32_t keep_monthly;
    int32_t keep_yearly;
    bool accept_clock; /**< The clock is right, whatever it looks like. Remembered by apply. */
} bs_retention_options;

/* clang-format off */
#define BS_RETENTION_OPTIONS_INIT \
    {sizeof(bs_retention_options), NULL, 0, 0, 0, 0, 0, 0, 0, false}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_retention_options_init(bs_retention_options *options, size_t size);

/** One backup in a plan or report. Times are RFC 3339 texts in UTC, "" where there is none. */
typedef struct bs_retention_item {
    char id[BS_ID_SIZE];
    const char *name;
    const char *storage;
    bs_job_state status;
    const char *created_at;
    uint64_t size; /**< Bytes that it takes on the storage. */
    bs_retention_action action;
    uint32_t kept_by;           /**< Every rule that keeps it: BS_KEPT_... */
    char needed_by[BS_ID_SIZE]; /**< The newest kept backup that needs it; "". */
    const char *marked_at;
    const char *remove_after;
    bs_error error; /**< What kept it from being removed this time; else code BS_OK. */
} bs_retention_item;

/** A plan, or what was done. */
typedef struct bs_retention_report {
    const bs_retention_item *const *items; /**< By name and storage, the newest first. */
    size_t count;
    uint64_t kept; /**< How many of each action there are. */
    uint64_t marked;
    uint64_t waiting;
    uint64_t removed;
    uint64_t removed_bytes;     /**< Bytes of those that are removed. */
    uint64_t failed;            /**< Of those to be removed, how many could not be. */
    uint64_t reclaimed_objects; /**< Objects of no backup that were removed. */
    uint64_t reclaimed_bytes;
    bs_error clock; /**< BS_E_CLOCK while the clock cannot be trusted; else code BS_OK. */
} bs_retention_report;

/**
 * Tell what bs_retention_apply() would do now, and what keeps each of the rest.
 *
 * Changes nothing. With a clock that cannot be trusted it tells what would be
 * done if it were right, and report->clock says so.
 *
 * @param service  The service.
 * @param options  NULL for all names by their own rules.
 * @param out      The plan; freed with bs_retention_report_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_INVALID  A number is out of its range.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_retention_plan(bs_service *service,
                                                const bs_retention_options *options,
                                                bs_retention_report **out);

/**
 * Do it: mark, remove what was marked long enough ago, keep again what a rule keeps now.
 *
 * Without a name it also removes what no backup needs: containers without
 * manifest and uploads that were never finished, when they are older than a day
 * and no backup is running. A process that dies on the way leaves work that is
 * finished by the next one.
 *
 * @param service  The service.
 * @param options  NULL for all names by their own rules.
 * @param out      What was done; freed with bs_retention_report_free(); may be NULL. Set on
 * success.
 *
 * @retval BS_OK
 * @retval BS_PARTIAL    Something that should have gone could not, such as a backup that a job
 *                       reads; its `error` says why. The next call tries again.
 * @retval BS_E_CLOCK    The clock cannot be trusted; nothing was done.
 * @retval BS_E_INVALID  A number is out of its range.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_retention_apply(bs_service *service,
                                                 const bs_retention_options *options,
                                                 bs_retention_report **out);

/** Free a plan or report. NULL is ignored. Since: 0.1 */
BS_API void bs_retention_report_free(bs_retention_report *report);

/** How a backup is to be pinned. Start from BS_PIN_OPTIONS_INIT; 0 means default. */
typedef struct bs_pin_options {
    size_t struct_size; /**< Set by BS_PIN_OPTIONS_INIT. */
    const char *reason; /**< 1 to 500 characters for whoever wants to remove it. Required. */
    const char *until;  /**< RFC 3339, such as "2030-01-01T00:00:00Z". Default: without an end. */
    bool hold;          /**< A hold, apart from the pin: taking one away leaves the other. */
} bs_pin_options;

/* clang-format off */
#define BS_PIN_OPTIONS_INIT {sizeof(bs_pin_options), NULL, NULL, false}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_pin_options_init(bs_pin_options *options, size_t size);

/**
 * Keep a backup from being removed, by retention and by bs_backup_delete().
 *
 * There is one pin of a backup and one hold at most; an earlier one is
 * replaced. A mark that the backup has is taken away. Kept on the storage
 * beside the backup as well, so that it outlives the catalogue.
 *
 * @param service  The service.
 * @param id       As for bs_backup_get().
 * @param options  Copied.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND    There is no such backup.
 * @retval BS_E_BUSY         It has not completed.
 * @retval BS_E_UNSUPPORTED  It is a mirror, which its next run replaces.
 * @retval BS_E_INVALID      The reason is missing, or the time is none or is past.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_pin(bs_service *service, const char *id,
                                            const bs_pin_options *options);

/**
 * Take a pin away, or with `hold` a hold.
 *
 * @param service  The service.
 * @param id       As for bs_backup_get().
 * @param hold     The hold, not the pin.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such backup, or it has none.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_unpin(bs_service *service, const char *id, bool hold);

/**
 * Keep a backup that was marked for removal.
 *
 * It is pinned with the reason "undeleted", so that the rules that marked it do
 * not do so again.
 *
 * @param service  The service.
 * @param id       As for bs_backup_get().
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such backup, or it is not marked.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_backup_undelete(bs_service *service, const char *id);

BS_END_DECLS

#endif
