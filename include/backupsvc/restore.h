/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_RESTORE_H
#define BACKUPSVC_RESTORE_H

#include <backupsvc/backup.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/restore.h
 * @brief Putting backed-up files back.
 *
 * A source lands beneath the target under its absolute path without the slash
 * in front: "/etc/hosts" becomes "TARGET/etc/hosts". Nothing outside of the
 * target is ever touched, and a file appears under its name only when its
 * content is whole and checked.
 */

/**
 * What to restore, and how. Start from BS_RESTORE_OPTIONS_INIT; 0 means default.
 */
typedef struct bs_restore_options {
    size_t struct_size;       /**< Set by BS_RESTORE_OPTIONS_INIT. */
    const char *backup_id;    /**< As for bs_backup_get(). */
    const char *restore_path; /**< Absolute path of the target directory; made when missing. */
    const char *const
        *paths; /**< Paths or gitignore patterns, ended by NULL. Default: everything. */
    const char *const
        *owner_map;      /**< "FROM:TO" user names or ids, ended by NULL; "@FROM:TO" for groups. */
    bool overwrite;      /**< Replace existing files. Default: they are kept and listed. */
    bool no_permissions; /**< Do not restore modes, times, xattrs, ACLs. */
    bool no_ownership;   /**< Do not restore owners. */
    bool no_verify;      /**< Put files in place without comparing hashes. */
    bool privileged;     /**< Also setuid and setgid bits, devices, capabilities. */
    bool strip_source;   /**< One source: its content goes directly into the target, which, if it is
                              new or with `overwrite`, gets the source's metadata. */
    const char *encryption_key; /**< A key reference, see keys.h. Default: what is unlocked. */
    const char *key_passphrase; /**< A reference to the pass phrase of an encrypted PEM key. */
} bs_restore_options;

/* clang-format off */
#define BS_RESTORE_OPTIONS_INIT                                                                   \
    {sizeof(bs_restore_options), NULL, NULL, NULL, NULL, false, false, false, false, false, false, \
     NULL, NULL}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_restore_options_init(bs_restore_options *options, size_t size);

/** What is known of a restore. */
typedef struct bs_restore_info {
    char id[BS_ID_SIZE];
    char backup_id[BS_ID_SIZE];
    const char *restore_path;
    bs_job_state status;
    const char *created_at;
    const char *started_at;
    const char *completed_at;
    double progress; /**< 0–100, never falling; 100 only when durable. */
    uint64_t files_processed;
    uint64_t total_files;
    uint64_t bytes_processed;
    uint64_t total_bytes;
    uint64_t files_skipped;     /**< Existing files that were kept. */
    bs_error error;             /**< With BS_STATE_FAILED; else code BS_OK. */
    const bs_warning *warnings; /**< The first of them, at most 10 000. */
    size_t warnings_kept;
    uint64_t warnings_count;
    bs_usage usage;
} bs_restore_info;

/**
 * Start a restore.
 *
 * A backup that has copies is read from the first of its storages that works: what one cannot give,
 * or gives damaged, comes from the next, with a warning that has the storage's name as path.
 *
 * @param service  The service.
 * @param options  What to do. Copied.
 * @param id_out   The restore's id. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_INVALID    At least one field is wrong; the error names all of them.
 * @retval BS_E_NOT_FOUND  There is no such backup.
 * @retval BS_E_ACCESS     RESTORE_ROOTS does not allow the target.
 * @retval BS_E_BUSY       The backup has not completed.
 *
 * Blocking: disk, briefly.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_restore_start(bs_service *service,
                                               const bs_restore_options *options,
                                               char id_out[BS_ID_SIZE]);

/** As bs_backup_get(), for restores; freed with bs_restore_info_free(). Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_restore_get(bs_service *service, const char *id,
                                             bs_restore_info **out);

/** Free an info. NULL is ignored. Since: 0.1 */
BS_API void bs_restore_info_free(bs_restore_info *info);

/** As bs_backup_wait(), for restores. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_restore_wait(bs_service *service, const char *id,
                                              uint32_t timeout_ms);

/** As bs_backup_cancel(), for restores. What was put in place stays. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_restore_cancel(bs_service *service, const char *id);

/** A page of restores, newest first. */
typedef struct bs_restore_page {
    uint64_t total; /**< How many there are, on all pages. */
    size_t count;   /**< How many are here. */
    const bs_restore_info *const *items;
} bs_restore_page;

/**
 * List restores, newest first. Warnings are left out of these infos.
 *
 * @param service  The service.
 * @param limit    At most so many, 1–1000; 0 for 50.
 * @param offset   Leave out so many of the newest.
 * @param out      The page; freed with bs_restore_page_free(). Set only on BS_OK.
 *
 * @retval BS_OK
 *
 * Blocking: disk.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_restore_list(bs_service *service, uint32_t limit, uint32_t offset,
                                              bs_restore_page **out);

/** Free a page and the infos in it. NULL is ignored. Since: 0.1 */
BS_API void bs_restore_page_free(bs_restore_page *page);

BS_END_DECLS

#endif
