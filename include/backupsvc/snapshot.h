/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_SNAPSHOT_H
#define BACKUPSVC_SNAPSHOT_H

#include <backupsvc/repository.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/snapshot.h
 * @brief Looking into snapshots of a repository, and copying them into another one.
 *
 * A snapshot is named by its id, by the beginning of it, or by what the backup is
 * called that it is: its id, the beginning of that, "latest:NAME". Hex digits are
 * looked up among the snapshots first.
 */

/* --- Comparing two --- */

/** What is different about an entry. */
typedef enum bs_difference_kind {
    BS_DIFFERENCE_ADDED = 1,
    BS_DIFFERENCE_REMOVED = 2,
    BS_DIFFERENCE_CHANGED = 3,  /**< A file has another content. */
    BS_DIFFERENCE_METADATA = 4, /**< Only mode, owner, time of change, attributes or the like. */
    BS_DIFFERENCE_TYPE = 5,     /**< Such as a directory where a file was. */
} bs_difference_kind;

/** Such as "added"; "unknown" for others. Static. Since: 0.1 */
BS_API const char *bs_difference_kind_name(bs_difference_kind kind);

/**
 * One difference. All pointers are borrowed for the callback.
 *
 * The entries are as the snapshot has them: without `sha256` and `stored_in`, and a
 * file with several names is told by each of them without a `link`.
 */
typedef struct bs_difference {
    bs_difference_kind kind;
    const bs_entry *before; /**< NULL: it was added. */
    const bs_entry *after;  /**< NULL: it was removed. */
} bs_difference;

/**
 * Takes one difference. May not call back with the same service's handle.
 *
 * @return  0 to go on; anything else stops with BS_E_CALLBACK.
 */
typedef int (*bs_difference_cb)(void *user, const bs_difference *difference);

/**
 * Tell what is different between two snapshots.
 *
 * Differences come in the order of their paths, a directory before what is in it.
 * Of a directory that was added or removed, all that is in it is told as well.
 * Directories that are the same in both are not read.
 *
 * @param service     The service.
 * @param storage     On which storage the repository lies; NULL: "local".
 * @param before      The snapshot to begin from.
 * @param after       The other one.
 * @param difference  Called for each difference.
 * @param user        Passed to it.
 *
 * @retval BS_OK
 * @retval BS_E_NOT_FOUND  There is no such snapshot, storage or repository.
 * @retval BS_E_AMBIGUOUS  More than one snapshot or backup is called so.
 * @retval BS_E_INVALID    A backup is no snapshot of this repository.
 * @retval BS_E_CORRUPT, BS_E_MISSING  A directory that must be read cannot be.
 * @retval BS_E_CALLBACK   The callback stopped it.
 * @retval BS_E_KEY        No known pass phrase opens the repository.
 * @retval BS_E_BUSY       Somebody has locked it for himself.
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_snapshot_diff(bs_service *service, const char *storage,
                                               const char *before, const char *after,
                                               bs_difference_cb difference, void *user);

/* --- Finding a path --- */

/** What to look for. Start from BS_FIND_OPTIONS_INIT; 0 means default. */
typedef struct bs_find_options {
    size_t struct_size;           /**< Set by BS_FIND_OPTIONS_INIT. */
    const char *storage;          /**< Where the repository lies. Default: "local". */
    const char *const *patterns;  /**< As those of a backup's `exclude`, with the top of a snapshot
                                       as their top; ended by NULL. At least one. */
    const char *const *snapshots; /**< Only in these; ended by NULL. Default: all. */
} bs_find_options;

/* clang-format off */
#define BS_FIND_OPTIONS_INIT {sizeof(bs_find_options), NULL, NULL, NULL}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_find_options_init(bs_find_options *options, size_t size);

/** An entry that matches. All pointers are borrowed for the callback. */
typedef struct bs_find_match {
    const bs_snapshot_info *snapshot;
    const bs_entry *entry; /**< As in bs_difference. */
} bs_find_match;

/**
 * Takes one match. May not call back with the same service's handle.
 *
 * @return  0 to go on; anything else stops with BS_E_CALLBACK.
 */
typedef int (*bs_find_cb)(void *user, const bs_find_match *match);

/**
 * Find paths in the snapshots of a repository, the newest snapshot first.
 *
 * A directory that several snapshots have at the same path, and in which nothing
 * matches, is read once for all of them.
 *
 * @param service  The service.
 * @param options  What to look for.
 * @param match    Called for each match, a directory before what is in it.
 * @param user     Passed to it.
 *
 * @retval BS_OK
 * @retval BS_PARTIAL      Some snapshots could not be read to their end; each was logged as a
 *                         warning.
 * @retval BS_E_INVALID    A pattern is wrong, or there is none; or as for bs_snapshot_diff().
 *                         Others as for bs_snapshot_diff().
 *
 * Blocking: disk or network.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_snapshot_find(bs_service *service, const bs_find_options *options,
                                               bs_find_cb match, void *user);

/* --- Copying them --- */

/** What to copy. Start from BS_COPY_OPTIONS_INIT; 0 means default. */
typedef struct bs_copy_options {
    size_t struct_size;  /**< Set by BS_COPY_OPTIONS_INIT. */
    const char *storage; /**< From the repository on this storage. Default: "local". */
    const char *to;      /**< To the one on this storage. Required. */
    const char *const
        *snapshots; /**< Only these; ended by NULL. Archives and mirrors can be named
                         too, as bs_backup_get() takes them. Default: all snapshots. */
    bool archives;  /**< All archives and mirrors instead of all snapshots. */
} bs_copy_options;

/* clang-format off */
#define BS_COPY_OPTIONS_INIT {sizeof(bs_copy_options), NULL, NULL, NULL, false}
/* clang-format on */

/** Fill in defaults, for callers that cannot use the macro; `size` is the struct's. Since: 0.1 */
BS_API void bs_copy_options_init(bs_copy_options *options, size_t size);

/** What came of copying. Times are RFC 3339 texts in UTC, "" where there is none. */
typedef struct bs_copy_info {
    char id[BS_ID_SIZE];
    const char *storage;
    const char *to; /**< "": not known before it has ended. */
    bs_job_state status;
    const char *created_at;
    const char *started_at;
    const char *completed_at;
    const bs_check_finding *findings; /**< Snapshots and backups that are damaged, or that no key
                                           opens: at most 10 000. */
    size_t findings_kept;
    uint64_t snapshots;         /**< That were copied, or made of backups. */
    uint64_t snapshots_present; /**< That were there already. */
    uint64_t snapshots_failed;  /**< That are damaged or locked, and were not copied. */
    uint64_t trees;             /**< Directories that were read. */
    uint64_t blobs;             /**< That were stored. */
    uint64_t bytes;             /**< Of these, before they are compressed. */
    bs_error error;             /**< With BS_STATE_FAILED; else code BS_OK. */
    bs_usage usage;
} bs_copy_info;

/**
 * Copy snapshots, archives or mirrors into a repository on another storage, as a job, with all that
 * they need and that is not there.
 *
 * Each of the two is opened with whatever known pass phrase opens it. A snapshot that was copied
 * before is not copied again. Files are the same in both, but they are cut as the first
 * repository does it: for later backups to find what is there, the other one must have been made
 * with bs_repository_options.chunks_of. A copy is another place of the same backup: the catalogue
 * lists one of them.
 *
 * An archive or a mirror becomes a snapshot, which needs no other, with all that a restore would
 * give; an archive with what it builds on. It is read once, in its order, and nothing is unpacked
 * to a disk. It is compared with its manifest on the way, and is cut so that later backups of the
 * same files find what is there. Known keys open encrypted ones. The snapshot has the backup's id,
 * name, times and metadata.
 *
 * What is damaged is left out and told; the others are copied, and the job fails with BS_E_CORRUPT,
 * or with BS_E_KEY where nothing but keys was wanting.
 *
 * @param service  The service.
 * @param options  What.
 * @param id_out   The job's id. Set only on BS_OK.
 *
 * @retval BS_OK
 * @retval BS_E_READ_ONLY  The storage that it goes to is read-only.
 * @retval BS_E_NOT_FOUND  There is no such storage.
 * @retval BS_E_INVALID    An option is wrong.
 *
 * Blocking: no.  Thread-safety: any thread.  Since: 0.1
 */
BS_API BS_NODISCARD bs_status bs_copy_start(bs_service *service, const bs_copy_options *options,
                                            char id_out[BS_ID_SIZE]);

/** As bs_check_get(), for a copy; freed with bs_copy_info_free(). Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_copy_get(bs_service *service, const char *id, bs_copy_info **out);

/** Free an info. NULL is ignored. Since: 0.1 */
BS_API void bs_copy_info_free(bs_copy_info *info);

/** As bs_backup_wait(), for a copy. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_copy_wait(bs_service *service, const char *id,
                                           uint32_t timeout_ms);

/** As bs_backup_cancel(), for a copy: snapshots that are copied stay. Since: 0.1 */
BS_API BS_NODISCARD bs_status bs_copy_cancel(bs_service *service, const char *id);

BS_END_DECLS

#endif
