/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_PRUNE_H
#define BSI_REPO_PRUNE_H

#include "repo/locks.h"
#include "repo/repository.h"
#include "task/pool.h"

/*
 * Pruning: what no snapshot needs goes, so that its room comes back. In this order, each
 * step durable before the next begins:
 *
 *     plan     read all trees of all snapshots, and decide what is to go
 *     repack   copy what is needed out of packs that go, into new packs and a new index
 *     remove   look again; a new index without what goes; the old index files; the packs
 *
 * It may be killed anywhere: what is needed is in packs that the index names at each
 * moment. What a killed run has left is used or removed by the next one. Nothing is
 * removed when any snapshot, tree or index cannot be read, or a blob that is needed
 * cannot be found: then the repository is to be repaired first. Of what is there more
 * than once, a copy goes only when another one was opened. Afterwards one index file
 * alone tells of each pack.
 *
 * In one go, whoever prunes holds an exclusive lock from before the plan on. In two
 * phases backups go on: plan, repack and mark need a shared lock only. Packs that could
 * go are marked then, in a file of the repository that restic passes over. They stay in
 * the index, and are removed by a later run, once they have been marked for some time
 * and were not needed in all that time. Only for that last step is an exclusive lock
 * needed; it takes as long as reading the snapshots that have come since the plan, and
 * writing the index. So the repository is whole at each moment, for restic too, which
 * does not know of marks and may make use of what is marked.
 *
 * One thread at a time on the same plan.
 */
typedef struct bsi_repo_prune bsi_repo_prune;

/* How much of what is not needed may stay in packs that hold something else as well. */
typedef enum bsi_prune_unused {
    BSI_PRUNE_UNUSED_USUAL,   /* BSI_PRUNE_PERCENT_USUAL percent. */
    BSI_PRUNE_UNUSED_PERCENT, /* `unused_max` percent of all that is there afterwards. */
    BSI_PRUNE_UNUSED_BYTES,   /* `unused_max` bytes. */
    BSI_PRUNE_UNUSED_ANY,     /* Only packs go of which nothing is needed. */
} bsi_prune_unused;

enum {
    BSI_PRUNE_PERCENT_USUAL = 5, /* As restic has it. */
    BSI_PRUNE_GRACE_SEC_USUAL = 24 * 60 * 60,
};

/* Zeros stand for the usual. */
typedef struct bsi_prune_options {
    bsi_prune_unused unused;
    uint64_t unused_max; /* Percent, below 100; or bytes. */
    uint64_t repack_max; /* Bytes of packs that may be repacked in this run; 0: any number. */
    size_t pack_target;  /* Bytes of a new pack; 0: BSI_PACK_TARGET. */
    bool two_phases;     /* Only what has been marked for `grace_sec` is removed. */
    bool no_grace;       /* All that is marked may go at once; for tests, and the impatient. */
    uint32_t grace_sec;  /* 0: BSI_PRUNE_GRACE_SEC_USUAL. */
    bsi_pool *pool;      /* Not NULL but for a plan alone; outlives it. */
} bsi_prune_options;

/* What is found and what is done. Bytes are those that are stored. */
typedef struct bsi_prune_report {
    uint64_t snapshots;
    uint64_t trees;        /* That were read. */
    uint64_t blobs_needed; /* Each once. */
    uint64_t bytes_needed;
    uint64_t blobs_unneeded;
    uint64_t bytes_unneeded;
    uint64_t blobs_twice; /* Copies beyond the first, of blobs that are needed. */
    uint64_t bytes_twice;
    uint64_t packs;         /* That the index knows. */
    uint64_t packs_lost;    /* Of these, not on the storage, and not needed. */
    uint64_t packs_unknown; /* On the storage, and in no index. */
    uint64_t bytes_unknown;
    uint64_t packs_to_remove; /* Nothing in them is needed. */
    uint64_t packs_to_repack;
    uint64_t bytes_to_remove; /* Of both, with their headers. */
    uint64_t bytes_to_repack; /* What is copied out of the latter. */
    uint64_t bytes_left;      /* Not needed, and stays. */
    uint64_t packs_waiting;   /* Could go, and have not been marked for long enough. */
    uint64_t packs_removed;   /* In fact, unknown ones included. */
    uint64_t bytes_removed;
    uint64_t packs_written;
    uint64_t bytes_written;
    uint64_t packs_kept_after_all; /* Snapshots that came since need them, or have no other copy. */
    uint64_t index_files_written;
} bsi_prune_report;

/*
 * Read all that is needed, and decide. Changes nothing: this is all of a dry run. `lock`
 * is kept while it works, here as below; NULL: the caller sees to that. `options` may be
 * NULL. `call` outlives the plan.
 *
 * BS_E_MISSING, BS_E_CORRUPT: what is needed is not all there. BS_E_BUSY: index files
 * went meanwhile, so somebody else prunes.
 */
BS_NODISCARD bs_status bsi_repo_prune_plan(const bsi_repo *repo, const bs_call *call,
                                           bsi_repo_lock *lock, const bsi_prune_options *options,
                                           bsi_repo_prune **out);
void bsi_repo_prune_free(bsi_repo_prune *prune); /* NULL is ignored. */

/* As far as it has come. */
void bsi_repo_prune_get_report(const bsi_repo_prune *prune, bsi_prune_report *out);

/* Copy what is needed out of packs that go. */
BS_NODISCARD bs_status bsi_repo_prune_repack(bsi_repo_prune *prune, bsi_repo_lock *lock);

/*
 * In two phases, after repacking: mark what could go. `due` tells whether some of it has
 * been marked for long enough, or several index files tell of one pack, so that
 * bsi_repo_prune_remove() is worth an exclusive lock.
 */
BS_NODISCARD bs_status bsi_repo_prune_mark(bsi_repo_prune *prune, bsi_repo_lock *lock, bool *due);

/*
 * Remove what goes; the lock is exclusive from here on. What came since the plan is looked
 * at: packs that it needs stay. BS_E_BUSY: index files went, so the plan does not hold any
 * more, and nothing was removed.
 */
BS_NODISCARD bs_status bsi_repo_prune_remove(bsi_repo_prune *prune, bsi_repo_lock *lock);

/* All of it in one go, under an exclusive lock. `report` may be NULL. */
BS_NODISCARD bs_status bsi_repo_prune_all(const bsi_repo *repo, const bs_call *call,
                                          bsi_repo_lock *lock, const bsi_prune_options *options,
                                          bsi_prune_report *report);

/*
 * One run in two phases; takes and releases the locks that it needs. When others are at
 * work, so that no exclusive lock can be had, what is due is left for the next run, as
 * `packs_waiting` tells. `waits` is for bsi_repo_lock_take(); `report` may be NULL.
 */
BS_NODISCARD bs_status bsi_repo_prune_beside(const bsi_repo *repo, const bs_call *call,
                                             const bsi_prune_options *options,
                                             const bsi_lock_waits *waits, bsi_prune_report *report);

#endif
