/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_STATS_H
#define BACKUPSVC_STATS_H

#include <backupsvc/service.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/stats.h
 * @brief Numbers over all backups of a service.
 */

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
    double compression_ratio;     /**< source_bytes by stored_bytes; 0: none. */
    uint64_t names;               /**< How many different names there are. */
    const char *oldest_backup_at; /**< created_at of the oldest completed one. */
    const char *newest_backup_at;
    uint64_t storage_free_bytes; /**< Free space of the storage "local". */
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

BS_END_DECLS

#endif
