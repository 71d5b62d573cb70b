/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_REPAIR_H
#define BSI_REPO_REPAIR_H

#include "repo/check.h"
#include "repo/locks.h"

/*
 * Repair of what a check finds, in three steps, each of which stands for itself; best in
 * this order. Whoever repairs holds an exclusive lock. New files are durable before old
 * ones go, so each step may be killed anywhere and begun again. What could be restored
 * before can be restored afterwards.
 */
typedef struct bsi_repair_options {
    bool dry_run;       /* Tell what would be done, and change nothing. */
    bool all_headers;   /* Index: from the header of each pack, whatever index files say. */
    bool forget;        /* Snapshots: those that were repaired go. */
    size_t pack_target; /* Bytes of a new pack; 0: BSI_PACK_TARGET. */
    bsi_pool *pool;     /* Not NULL but for the index and for dry runs. */
    bsi_check_cb found; /* What is amiss, and what becomes of it; NULL: only counted. */
    void *user;
} bsi_repair_options;

typedef struct bsi_repair_report {
    uint64_t indexes_damaged;    /* Files that could not be read, or not to their end. */
    uint64_t packs_found;        /* That were in no index, and are now. */
    uint64_t packs_corrected;    /* Whose header says something else than the index did. */
    uint64_t packs_missing;      /* In the index, not on the storage: in it no more. */
    uint64_t packs_unreadable;   /* Neither a header nor an index tells what is in them. */
    uint64_t packs_damaged;      /* Some of whose blobs cannot be opened, or whose bytes changed. */
    uint64_t blobs_saved;        /* Copied out of these. */
    uint64_t blobs_lost;         /* In these, and nowhere else. */
    uint64_t snapshots;          /* That were looked at. */
    uint64_t snapshots_repaired; /* There is another one now, without what is lost. */
    uint64_t snapshots_lost;     /* Of which nothing is left, or that cannot be read. */
    uint64_t files_shortened;    /* Files that have less than they had, in all of these. */
    uint64_t folders_emptied;    /* Folders of which no list is left. */
} bsi_repair_report;

/*
 * An index that tells of all packs that are there, and of none that are not. Index files
 * that cannot be read are replaced by what the packs' own headers say; so are entries that
 * do not fit their packs. A pack whose header cannot be read keeps the entry that it has.
 * Afterwards one index file alone tells of each pack.
 * `lock` is kept meanwhile unless it is NULL; `options` may be NULL.
 */
BS_NODISCARD bs_status bsi_repo_repair_index(const bsi_repo *repo, const bs_call *call,
                                             bsi_repo_lock *lock, const bsi_repair_options *options,
                                             bsi_repair_report *report);

/*
 * Packs that are damaged: each blob that their headers or the index tell of, that can still be
 * opened, and that cannot be opened in another pack, is copied into a new one. Then they are
 * removed, and leave the index last: one that were in no index and still there would be taken
 * in again. When one cannot be read for another reason than what is in it, that is a failure,
 * and all stay. `packs` names them; NULL: all data is read to find them.
 */
BS_NODISCARD bs_status bsi_repo_repair_packs(const bsi_repo *repo, const bs_call *call,
                                             bsi_repo_lock *lock, const bsi_repair_options *options,
                                             const bsi_repo_files *packs,
                                             bsi_repair_report *report);

/*
 * Snapshots some of whose blobs are in no index any more: each gets another one beside it,
 * whose `original` it is, in which files have what is left of them, and folders whose list is
 * lost are empty. The snapshots themselves stay, unless `forget` is set: who gets a lost pack
 * back can restore them as a whole. A second run makes no second one.
 */
BS_NODISCARD bs_status bsi_repo_repair_snapshots(const bsi_repo *repo, const bs_call *call,
                                                 bsi_repo_lock *lock,
                                                 const bsi_repair_options *options,
                                                 bsi_repair_report *report);

#endif
