/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_REPLICATE_H
#define BACKUPSVC_REPLICATE_H

#include <backupsvc/backup.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/replicate.h
 * @brief Copies of backups on other storages.
 *
 * A copy is another place of the same backup, with the same id. The catalogue lists the backup
 * once, and its copies in bs_backup_info.copies; a service that has only a copy's storage when
 * its catalogue is made anew lists that as the backup. bs_backup_options.copy_to makes copies
 * with the backup itself. Retention and bs_backup_delete() remove them with it.
 */

/** What to copy. Start from BS_REPLICATE_OPTIONS_INIT; 0 means default. */
typedef struct bs_replicate_options {
    size_t struct_size;         /**< Set by BS_REPLICATE_OPTIONS_INIT. */
    const char *storage;        /**< From this storage. Default: "local". */
    const char *to;             /**< To this storage. Required. */
    const char *const *backups; /**< Only these, as for bs_backup_get(), and what they need;
                                     ended by NULL. Default: all. */
} bs_replicate_options;

/* clang-format off */
#define BS_REPLICATE_OPTIONS_INIT {sizeof(bs_replicate_options), NULL, NULL, NULL}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_replicate_options_init(bs_replicate_options *options, size_t size);

/** What came of it. Times are RFC 3339 texts in UTC, "" where there is none. */
typedef struct bs_replicate_info {
    char id[BS_ID_SIZE];
    const char *storage;
    const char *to; /**< "": not known before it has ended. */
    bs_job_state status;
    const char *created_at;
    const char *started_at;
    const char *completed_at;
    const bs_warning *warnings; /**< The first of them, at most 10 000; with the id as path: what
                                     could not be copied, and why. */
    size_t warnings_kept;
    uint64_t warnings_count;
    uint64_t backups;             /**< Of which something was copied; they are whole there. */
    uint64_t backups_present;     /**< That were there whole. */
    uint64_t backups_failed;      /**< That are damaged or in use, and are not whole there. */
    uint64_t backups_passed_over; /**< Of forms that have no such copies. */
    uint64_t objects;             /**< That were copied, */
    uint64_t objects_present;     /**< and that were there. */
    uint64_t bytes;               /**< That were copied. */
    bs_error error;               /**< With BS_STATE_FAILED; else code BS_OK. */
    bs_usage usage;
} bs_replicate_info;

/**
 * Copy backups to another storage, as a job: all that is stored of them, byte for byte.
 *
 * What a backup needs is copied before it. Each object is compared with what its backup says of
 * it on its way, and again where it has arrived; the last one makes the copy a backup. What is
 * there whole is not copied again, so a job that failed, was cancelled or died is gone on with by
 * starting the same again. Encrypted backups stay encrypted, and need no key; a key set that was
 * changed takes the place of the copy's only when a known key opens it.
 *
 * Archives can be copied so. Of a repository, bs_copy_start() copies snapshots; for mirrors there
 * is nothing. When no backup is named, those of other forms are passed over.
 *
 * A backup that is damaged, and what needs it, is left out; the others are copied, and the job
 * fails with BS_E_CORRUPT.
 *
 * @param service  The service.
 * @param options  What.
 * @param id_out   The job's id. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_READ_ONLY    The storage that it goes to is read-only.
 * @retval BS_E_NOT_FOUND    There is no such storage or backup.
 * @retval BS_E_AMBIGUOUS    More than one backup is called so.
 * @retval BS_E_BUSY         A backup has not completed, or is being removed.
 * @retval BS_E_INVALID      An option is wrong, or a backup lies on another storage.
 * @retval BS_E_UNSUPPORTED  A backup has a form that has no such copies.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_replicate_start(bs_service *service,
                                                 const bs_replicate_options *options,
                                                 char id_out[BS_ID_SIZE]);

/**
 * Tell how copying stands or has ended.
 *
 * @param service  The service.
 * @param id       Its id, or an unambiguous beginning of it.
 * @param out      Freed with bs_replicate_info_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such job.
 * @retval BS_E_AMBIGUOUS  More than one job begins so.
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_replicate_get(bs_service *service, const char *id,
                                               bs_replicate_info **out);

/** Free an info. NULL is ignored. Since: 0.1 */
BS_API void bs_replicate_info_free(bs_replicate_info *info);

/** As bs_backup_wait(). Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_replicate_wait(bs_service *service, const char *id,
                                                uint32_t timeout_ms);

/** As bs_backup_cancel(): what was copied stays. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_replicate_cancel(bs_service *service, const char *id);

BS_END_DECLS

#endif
