/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_STATS_H
#define BACKUPSVC_STATS_H

#include <backupsvc/backup.h>
#include <backupsvc/events.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/stats.h
 * @brief Numbers over all backups of a service.
 *
 * The catalogue keeps sums beside its rows and changes both together, so that
 * they are right after removals, failures and crashes, and asking for them takes
 * about as long with a million backups as with a few. What is held is about
 * backups that are there; runs are about jobs that have ended, and stay when a
 * backup is removed. A catalogue that was made anew knows the runs of the backups
 * that it found.
 */

/** Backups that are there and have all of this in common. */
typedef struct bs_stats_group {
    bs_backup_type backup_type;
    const char *storage;
    bs_compression compression;
    bs_encryption encryption;
    uint64_t backups; /**< Completed ones, also with warnings. */
    uint64_t files;
    uint64_t source_bytes;
    uint64_t stored_bytes;
} bs_stats_group;

/** Jobs of one kind that have ended, since the catalogue exists. */
typedef struct bs_stats_jobs {
    bs_job_kind kind;
    uint64_t runs;
    uint64_t completed; /**< Without warnings. */
    uint64_t completed_with_warnings;
    uint64_t failed;
    uint64_t cancelled;
    double duration_seconds;        /**< Of all of them together. */
    double duration_median_seconds; /**< At least half of the completed ones took no longer. */
    double duration_p95_seconds;    /**< 95 of 100 took no longer. Both from steps that about
                                         double; 0: none completed. */
    double throughput;              /**< Bytes a second: source_bytes by duration_seconds. */
    double cpu_seconds;
    uint64_t files;
    uint64_t source_bytes; /**< Bytes they went through. */
    uint64_t stored_bytes; /**< Bytes they wrote. */
    uint64_t bytes_sent;   /**< Over a network. */
    uint64_t bytes_received;
} bs_stats_jobs;

/**
 * Backups that ended in a stretch of time. It is counted by whole hours of UTC. Bytes,
 * files and durations are of those that completed.
 */
typedef struct bs_stats_span {
    const char *from; /**< RFC 3339 in UTC: where it begins. */
    uint64_t hours;   /**< Its length. */
    uint64_t runs;
    uint64_t completed; /**< Without warnings. */
    uint64_t completed_with_warnings;
    uint64_t failed;
    uint64_t cancelled;
    double success_rate; /**< Completed ones, also with warnings, by all but cancelled ones: 0 to 1;
                              0 without any. */
    double duration_average_seconds;
    double throughput; /**< Bytes of source a second. */
    double cpu_seconds;
    uint64_t files;
    uint64_t source_bytes;
    uint64_t stored_bytes;       /**< Written. */
    uint64_t deduplicated_bytes; /**< That did not have to be stored again. */
    uint64_t bytes_sent;         /**< Over a network. */
    uint64_t bytes_received;
    uint64_t added_bytes;   /**< By which completed backups made what is held grow. */
    uint64_t removed;       /**< Completed backups that were removed meanwhile. */
    uint64_t removed_bytes; /**< And what they had taken. */
    uint64_t held_bytes;    /**< What completed backups took at its end. */
} bs_stats_span;

/** How often jobs failed in one way, since the catalogue exists. */
typedef struct bs_stats_failure {
    bs_job_kind kind;
    bs_layer layer;
    bs_status code;
    uint64_t runs;
} bs_stats_failure;

/** All backups of one name. Times are RFC 3339 texts in UTC, "" where there is none. */
typedef struct bs_stats_name {
    const char *name;
    uint64_t backups;             /**< Rows of any status. */
    uint64_t completed;           /**< With or without warnings. */
    uint64_t stored_bytes;        /**< What these take on storages. */
    const char *oldest_backup_at; /**< created_at of the oldest completed one. */
    const char *newest_backup_at;
    const char *last_run_at; /**< End of the last run, whatever became of it. */
    bs_job_state last_run_status;
    const char *last_success_at;     /**< End of the newest completed one. */
    double last_success_age_seconds; /**< How long ago; -1: there is none. */
    double last_success_duration_seconds;
    uint64_t last_success_source_bytes;
    uint64_t last_success_stored_bytes;
    uint64_t last_success_files;
    uint64_t runs_completed; /**< Ever. What follows is about the newest 32 of them. */
    double duration_average_seconds;
    double duration_median_seconds;
    double duration_p95_seconds;
    uint64_t source_bytes_median;
    int64_t source_bytes_growth;   /**< Bytes of source a day, by least squares. */
    uint64_t stored_bytes_average; /**< Written by a run. */
    const char *verified_at;       /**< End of the last verification of one of them. */
    bool verified_good;            /**< Whether that found no damage. */
} bs_stats_name;

/** Sums over the catalogue. Times are RFC 3339 texts in UTC, "" where there is none. */
typedef struct bs_stats_info {
    uint64_t total_backups;     /**< Rows of any status. */
    uint64_t completed_backups; /**< Without warnings. */
    uint64_t completed_with_warnings_backups;
    uint64_t failed_backups;
    uint64_t cancelled_backups;
    uint64_t running_backups;     /**< Running or pending. */
    uint64_t source_bytes;        /**< Bytes of source in all completed backups. */
    uint64_t stored_bytes;        /**< Bytes that completed backups take on storages. */
    double compression_ratio;     /**< What went into containers by their size; 0: none. */
    uint64_t names;               /**< How many different names there are. */
    const char *oldest_backup_at; /**< created_at of the oldest completed one. */
    const char *newest_backup_at;
    uint64_t storage_free_bytes;  /**< Free space of the storage "local". */
    double dedup_ratio;           /**< Source of archives by what went into containers; 0: none. */
    uint64_t deduplicated_bytes;  /**< That archives did not have to store again. */
    uint64_t storage_limit_bytes; /**< MAX_STORAGE_SIZE; 0: none. */
    uint64_t storage_used_bytes;  /**< Of the storage "local". */
    bs_stats_span day;            /**< The last 24 hours, and the hour in which they began. */
    bs_stats_span week;           /**< 7 days, likewise. */
    bs_stats_span month;          /**< 30 days. */
    const bs_stats_group *groups;
    size_t groups_count;
    const bs_stats_jobs *jobs; /**< One of each kind. */
    size_t jobs_count;
    const bs_stats_failure *failures;
    size_t failures_count;
    const bs_stats_name *by_name; /**< The first that came to be, at most 10 000. */
    size_t by_name_count;
} bs_stats_info;

/**
 * Sum up.
 *
 * @param service  The service.
 * @param out      The numbers; freed with bs_stats_info_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_stats(bs_service *service, bs_stats_info **out);

/** Free the numbers. NULL is ignored. Since: 0.1 */
BS_API void bs_stats_info_free(bs_stats_info *stats);

/** Which stretches of time to tell of. Start from BS_STATS_HISTORY_OPTIONS_INIT. */
typedef struct bs_stats_history_options {
    size_t struct_size;  /**< Set by BS_STATS_HISTORY_OPTIONS_INIT. */
    uint32_t days;       /**< 1 to 3650, back from now. Default: 30. */
    uint32_t span_hours; /**< 1 to 8784, the length of one span. Default: 24. */
} bs_stats_history_options;

/* clang-format off */
#define BS_STATS_HISTORY_OPTIONS_INIT {sizeof(bs_stats_history_options), 0, 0}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_stats_history_options_init(bs_stats_history_options *options, size_t size);

/** How backups went, span by span. */
typedef struct bs_stats_history_info {
    const bs_stats_span *spans; /**< The oldest first, without gaps; the last one holds now. */
    size_t count;
} bs_stats_history_info;

/**
 * Tell how backups went in the past, for a chart.
 *
 * Spans begin at multiples of their length since 1970-01-01T00:00:00Z: those of
 * 24 hours at midnight of UTC.
 *
 * @param service  The service.
 * @param options  NULL for 30 days, day by day.
 * @param out      Freed with bs_stats_history_info_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_INVALID  A number is out of its range, or there would be more than 10 000 spans.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_stats_history(bs_service *service,
                                               const bs_stats_history_options *options,
                                               bs_stats_history_info **out);

/** Free a history. NULL is ignored. Since: 0.1 */
BS_API void bs_stats_history_info_free(bs_stats_history_info *history);

/**
 * Write all metrics as text for Prometheus.
 *
 * The text format is 0.0.4 of
 * https://prometheus.io/docs/instrumenting/exposition_formats/. What follows from the
 * catalogue outlives restarts; counters of storages, warnings and removals begin at 0 with
 * each open. At most METRICS_MAX_NAMES names have series of their own.
 *
 * @param service  The service.
 * @param out      The text; freed with bs_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_metrics(bs_service *service, char **out);

BS_END_DECLS

#endif
