/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_LOCKS_H
#define BSI_REPO_LOCKS_H

#include "repo/lock.h"
#include "repo/repository.h"

/*
 * Locks that restic and this library keep towards each other. Whoever works on
 * a repository has a file there that says so; shared locks go together, an
 * exclusive one with no other. A lock is taken in three steps: look for others,
 * write an own one, wait a little and look again.
 *
 * A lock counts until its file is gone, however old it is. It is stale, and
 * bsi_repo_unlock() removes it, when it is older than BSI_LOCK_STALE_SEC, or
 * was written on this machine by a process that no longer runs. So the file is
 * written anew every BSI_LOCK_REFRESH_SEC. When such a process was this
 * library's, and in the same table of processes, its lock also goes when it is
 * in the way: then it is certain, which the name of a machine alone is not.
 *
 * A file that is empty is no lock. One that cannot be read is looked at again
 * for 35 seconds; then it is a failure, since nobody knows what it stands for.
 *
 * Thread-safety: a lock belongs to one thread at a time.
 *
 * To find out whether a process still runs, `restic unlock` sends SIGHUP to the
 * one that a lock names. The library leaves signals to the program: one that
 * locks repositories must not die of that signal.
 */
typedef struct bsi_repo_lock bsi_repo_lock;

enum {
    BSI_LOCK_STALE_SEC = 30 * 60,
    BSI_LOCK_REFRESH_SEC = 5 * 60,
    BSI_LOCK_LOST_SEC = 22 * 60 + 30, /* Without a refresh; then nothing may be relied on. */
    BSI_LOCK_RETRIES = 3,
};

/* How long to wait while a lock is taken; tests wait less. */
typedef struct bsi_lock_waits {
    uint32_t settle_ms;                  /* Between writing an own lock and looking again. */
    uint32_t retry_ms[BSI_LOCK_RETRIES]; /* Between looks at what cannot be read. */
} bsi_lock_waits;

/*
 * Take a lock. `waits` may be NULL: those of restic, which all must keep who
 * work on one repository. BS_E_BUSY: somebody else's is in the way, who is
 * named. BS_E_CORRUPT: one that cannot be read.
 */
BS_NODISCARD bs_status bsi_repo_lock_take(const bsi_repo *repo, const bs_call *call, bool exclusive,
                                          const bsi_lock_waits *waits, bsi_repo_lock **out);

/* The id of its file now. */
const bsi_digest *bsi_repo_lock_id(const bsi_repo_lock *lock);

/*
 * To be called again and again while work goes on, at least every few minutes:
 * writes the lock anew when that is due, and costs nothing when it is not.
 * BS_E_BUSY: the lock is gone or too old, and the work must end. Other failures
 * are left for the next time, as long as the lock is not too old.
 */
BS_NODISCARD bs_status bsi_repo_lock_keep(bsi_repo_lock *lock, const bs_call *call);

/* Write it anew, due or not: the new file before the old one goes. */
BS_NODISCARD bs_status bsi_repo_lock_refresh(bsi_repo_lock *lock, const bs_call *call);

/* Remove its file, whatever came of the call that it was taken for, and free it. NULL: BS_OK. */
bs_status bsi_repo_lock_release(bsi_repo_lock *lock);

/*
 * Takes one lock of a list. `info` is NULL for a file that cannot be read; then the record says
 * why.
 */
typedef bs_status (*bsi_repo_lock_cb)(void *user, const bsi_digest *id, const bsi_lock_info *info);

/* All that is in the folder of locks but empty files; ends as bsi_repo_key_list() does. */
BS_NODISCARD bs_status bsi_repo_lock_list(const bsi_repo *repo, const bs_call *call,
                                          bsi_repo_lock_cb callback, void *user);

/* Whether a lock's owner is given up for lost, now and seen from this machine. */
BS_NODISCARD bs_status bsi_repo_lock_is_stale(const bsi_lock_info *info, bool *out);

/* Remove the stale locks; or with `all` every file in the folder of locks. Adds up how many. */
BS_NODISCARD bs_status bsi_repo_unlock(const bsi_repo *repo, const bs_call *call, bool all,
                                       size_t *removed);

#endif
