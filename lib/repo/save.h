/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_SAVE_H
#define BSI_REPO_SAVE_H

#include "repo/blob.h"
#include "repo/index.h"
#include "repo/repository.h"
#include "task/pool.h"

/*
 * Stores blobs in a repository: looks each up in the index, seals those that are
 * new, packs them, and uploads packs on a thread beside the job's while others
 * fill. Index files follow as restic has them: one when BSI_INDEX_FILE_BLOBS are
 * not in one yet, or the first of them has waited BSI_INDEX_FILE_AGE_SEC. An index
 * file names only packs that are durable, so a run that is interrupted leaves what
 * the next one finds.
 *
 * Any thread, several at a time, but for new, finish and free. One writer at a time
 * for an index: a blob that another writer is about to store counts as stored.
 *
 * Memory: two packs that fill, one of data and one of trees; one that is being stored, and
 * BSI_SAVE_UPLOADS that are full and wait for it; and what items under way have sealed.
 */
typedef struct bsi_repo_writer bsi_repo_writer;

enum { BSI_SAVE_UPLOADS = 1 }; /* One at a time is stored: more would only wait longer. */

/* Zeros stand for the usual. */
typedef struct bsi_save_options {
    size_t pack_target; /* Bytes; 0: BSI_PACK_TARGET. */
    int level;          /* Of zstd; 0: the default. */
    bool store_data;    /* Do not compress data. */
    bool no_index;      /* No index files: the caller writes an index that tells of all packs. */
} bsi_save_options;

/* `repo`, `index`, `pool` and `call` outlive the writer; `options` may be NULL. */
BS_NODISCARD bs_status bsi_repo_writer_new(const bsi_repo *repo, bsi_repo_index *index,
                                           bsi_pool *pool, const bs_call *call,
                                           const bsi_save_options *options, bsi_repo_writer **out);

/*
 * Waits for what is under way. Blobs in packs that were not stored are claimed no
 * more. NULL is ignored; the error record is left alone.
 */
void bsi_repo_writer_free(bsi_repo_writer *writer);

/* One blob to be stored. Lies in its owner, and stays until done() was called. */
typedef struct bsi_save_item bsi_save_item;
struct bsi_save_item {
    bsi_blob_type type;
    const void *plain;
    size_t size;
    /* On a thread of the pool, or on the caller's; the item may be gone when it returns. */
    void (*done)(bsi_save_item *item);

    /* Filled. */
    bs_status status; /* When it failed, the record is that of the thread that calls done(). */
    bsi_digest id;
    bool is_new;          /* It was not stored before. */
    uint32_t stored_size; /* Sealed, of a new one. */

    /* The writer's own. */
    bsi_repo_writer *writer;
    bsi_task task;
};

/*
 * Store a blob on the pool. Waits while too much is under way; then, or later, done()
 * is called. After a failure of the writer all items fail with it.
 */
void bsi_repo_writer_submit(bsi_repo_writer *writer, bsi_save_item *item);

/*
 * Store a blob on this thread, which is none of the pool's: it may wait. `is_new_out` may
 * be NULL.
 */
BS_NODISCARD bs_status bsi_repo_writer_save(bsi_repo_writer *writer, bsi_blob_type type,
                                            const void *plain, size_t size, bsi_digest *id_out,
                                            bool *is_new_out);

/*
 * Put one that is sealed already into a new pack, though the index has it elsewhere. On a
 * thread that may wait, as above. The place in `blob` does not matter.
 */
BS_NODISCARD bs_status bsi_repo_writer_copy(bsi_repo_writer *writer, const bsi_blob *blob,
                                            const void *sealed);

/*
 * Store a blob on this thread, which may be one of the pool's: waits for nothing. How much is
 * under way is the caller's business, who calls bsi_repo_writer_wait() in between. Of `result`
 * the filled part is set.
 */
BS_NODISCARD bs_status bsi_repo_writer_put(bsi_repo_writer *writer, bsi_save_item *result);

/*
 * Until no more packs wait for their upload than may, or `wait_ms` are over; on a thread that is
 * none of the pool's. Fails with what the writer or the call has failed with.
 */
BS_NODISCARD bs_status bsi_repo_writer_wait(bsi_repo_writer *writer, uint32_t wait_ms,
                                            bool *is_room_out);

/*
 * Store what is not full, and the rest of the index: all blobs are durable and can be
 * found when this returns. All items must be done. The writer can go on after that.
 */
BS_NODISCARD bs_status bsi_repo_writer_finish(bsi_repo_writer *writer);

/*
 * Take in packs that lie on the storage and in no index: what a run has stored that was
 * killed before it could tell of them. Lists all packs and reads the headers of those;
 * what is no whole pack is passed over. Best done before the first blob. Another run
 * that is under way loses nothing: its packs are in two index files then.
 */
BS_NODISCARD bs_status bsi_repo_writer_adopt(bsi_repo_writer *writer, uint64_t *packs_out);

/* What was stored so far that was not there before. */
typedef struct bsi_save_stats {
    uint64_t data_blobs;
    uint64_t tree_blobs;
    uint64_t plain_bytes;
    uint64_t sealed_bytes;
    uint64_t packs; /* That are durable. */
    uint64_t index_files;
} bsi_save_stats;

void bsi_repo_writer_stats(bsi_repo_writer *writer, bsi_save_stats *out);

#endif
