/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_DRILL_H
#define BACKUPSVC_DRILL_H

#include <backupsvc/backup.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/drill.h
 * @brief Restore drills: proof that a backup can be restored, and in what time.
 *
 * A drill restores files of a backup into a directory of its own, reads them
 * there and compares their content with the hashes that were made when they were
 * backed up, records what it has found and how long the restore took, and
 * removes the directory. It restores regular files; owners, modes and other
 * metadata are left out, so that nothing privileged appears on the disk.
 *
 * Records of drills lie in the catalogue alone, and outlive their backups.
 * Every function here may be called from any thread.
 */

/** What to restore. Start from BS_DRILL_OPTIONS_INIT; 0 means default. */
typedef struct bs_drill_options {
    size_t struct_size;    /**< Set by BS_DRILL_OPTIONS_INIT. */
    const char *backup_id; /**< As for bs_backup_get(). */
    int32_t sample_files;  /**< So many files by chance. Default: 100. */
    int32_t sample_percent; /**< Instead: so many of each hundred files, 1–100, but at least one. */
    bool all;               /**< Instead: every file. */
    const char *scratch_path; /**< An absolute path: the directory, which must exist, in which the
                                   drill makes its own. Default: in the state directory. */
} bs_drill_options;

/* clang-format off */
#define BS_DRILL_OPTIONS_INIT {sizeof(bs_drill_options), NULL, 0, 0, false, NULL}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_drill_options_init(bs_drill_options *options, size_t size);

/** What is known of a drill. Times are RFC 3339 texts in UTC, "" where there is none. */
typedef struct bs_drill_info {
    char id[BS_ID_SIZE];
    char backup_id[BS_ID_SIZE];
    const char *name;    /**< Of the backup. */
    bs_job_state status; /**< BS_STATE_FAILED when a file did not come back as it was. */
    const char *created_at;
    const char *started_at;
    const char *completed_at;
    double progress; /**< 0–100, never falling. */
    uint64_t files_processed;
    uint64_t total_files;
    uint64_t bytes_processed;
    uint64_t total_bytes;
    bool proven;             /**< All that was restored was right. */
    uint64_t files_restored; /**< Chosen and restored, or tried to. 0 until the drill has ended. */
    uint64_t bytes_restored; /**< Their content. */
    uint64_t files_wrong;    /**< How many did not come back as they were; each is a warning. */
    double restore_seconds;  /**< What the restore alone took. */
    uint64_t backup_files;   /**< Files in the backup. */
    uint64_t backup_bytes;   /**< Their content. */
    bs_error error;          /**< With BS_STATE_FAILED; else code BS_OK. */
    const bs_warning *warnings; /**< The first of them, at most 10 000. */
    size_t warnings_kept;
    uint64_t warnings_count;
} bs_drill_info;

/**
 * Start a drill.
 *
 * Encrypted backups are opened with what the service has unlocked or keeps in
 * its keyring.
 *
 * @param service  The service.
 * @param options  What to do. Copied.
 * @param id_out   The drill's own id. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_INVALID    At least one field is wrong; the error names all of them.
 * @retval BS_E_NOT_FOUND  There is no such backup.
 * @retval BS_E_BUSY       The backup has not completed.
 *
 * Blocking: disk, briefly.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_drill_start(bs_service *service, const bs_drill_options *options,
                                             char id_out[BS_ID_SIZE]);

/** As bs_backup_get(), for drills; freed with bs_drill_info_free(). Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_drill_get(bs_service *service, const char *id,
                                           bs_drill_info **out);

/** Free an info. NULL is ignored. Since: 0.1 */
BS_API void bs_drill_info_free(bs_drill_info *info);

/** As bs_backup_wait(), for drills: BS_E_CORRUPT when a file did not come back as it was.
 *  Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_drill_wait(bs_service *service, const char *id,
                                            uint32_t timeout_ms);

/** As bs_backup_cancel(), for drills. What was restored is removed. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_drill_cancel(bs_service *service, const char *id);

/** Which drills to list. Start from BS_DRILL_FILTER_INIT; 0 means no matter. */
typedef struct bs_drill_filter {
    size_t struct_size; /**< Set by BS_DRILL_FILTER_INIT. */
    const char *name;   /**< Of backups of this name. */
    uint32_t limit;     /**< At most so many, 1–1000. Default: 50. */
    uint32_t offset;    /**< Leave out so many of the newest. */
} bs_drill_filter;

/* clang-format off */
#define BS_DRILL_FILTER_INIT {sizeof(bs_drill_filter), NULL, 0, 0}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_drill_filter_init(bs_drill_filter *filter, size_t size);

/** A page of drills, newest first. */
typedef struct bs_drill_page {
    uint64_t total; /**< How many the filter matches, on all pages. */
    size_t count;   /**< How many are here. */
    const bs_drill_info *const *items;
} bs_drill_page;

/**
 * List drills, newest first. Warnings are left out of these infos.
 *
 * @param service  The service.
 * @param filter   NULL for the newest 50.
 * @param out      The page; freed with bs_drill_page_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_drill_list(bs_service *service, const bs_drill_filter *filter,
                                            bs_drill_page **out);

/** Free a page and the infos in it. NULL is ignored. Since: 0.1 */
BS_API void bs_drill_page_free(bs_drill_page *page);

/** What the drills of a name come to. */
typedef struct bs_drill_report {
    const char *name;
    uint64_t drills;                   /**< How many were recorded. */
    const char *last_drill_at;         /**< When the newest was started; "": there was none. */
    bs_job_state last_status;          /**< How that stands. */
    const char *proven_at;             /**< When a drill last found nothing wrong; "": never. */
    char proven_backup_id[BS_ID_SIZE]; /**< The backup that it restored; "". */
    uint64_t proven_files;             /**< How many files it restored, */
    uint64_t proven_backup_files;      /**< of how many. */
    double bytes_per_second;           /**< Measured; 0: not known. */
    double files_per_second;           /**< Likewise. */
    uint64_t measured_drills;   /**< What that follows from: the newest that found nothing wrong, at
                                     most 10. */
    uint64_t measured_files;    /**< They restored so many files, */
    uint64_t measured_bytes;    /**< of so many bytes, */
    double measured_seconds;    /**< in this time. */
    char backup_id[BS_ID_SIZE]; /**< The newest completed backup; "": there is none. */
    uint64_t backup_files;      /**< What is in it. */
    uint64_t backup_bytes;      /**< Likewise. */
    double expected_seconds; /**< What restoring all of that should take: measured_seconds, scaled
                                by bytes or by files, whichever gives more. 0: not known. */
} bs_drill_report;

/** Reports, by name. */
typedef struct bs_drill_reports {
    size_t count;
    const bs_drill_report *const *items;
} bs_drill_reports;

/**
 * Tell for each name how well its backups are proven, and how long restoring one takes.
 *
 * A sample of a backup that must be decoded from its beginning, such as a tar.gz,
 * takes longer by the byte than all of it: drills of everything tell the truest time.
 *
 * @param service  The service.
 * @param name     Of backups; NULL for all names that there are.
 * @param out      The reports; freed with bs_drill_reports_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  No completed backup and no drill has that name.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_drill_list_reports(bs_service *service, const char *name,
                                                    bs_drill_reports **out);

/** Free reports. NULL is ignored. Since: 0.1 */
BS_API void bs_drill_reports_free(bs_drill_reports *reports);

BS_END_DECLS

#endif
