/* SPDX-License-Identifier: MIT */
#ifndef BACKUPSVC_SNAPSHOT_H
#define BACKUPSVC_SNAPSHOT_H

#include <backupsvc/repository.h>

BS_BEGIN_DECLS

/**
 * @file backupsvc/snapshot.h
 * @brief Looking into snapshots of a repository: what is different, where a path is.
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

BS_END_DECLS

#endif
