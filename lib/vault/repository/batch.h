/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_BATCH_H
#define BSI_VAULT_REPOSITORY_BATCH_H

#include "chunk/chunker.h"
#include "os/users.h"
#include "repo/save.h"
#include "vault/repository/nodes.h"
#include "vault/repository/session.h"

/*
 * What a walk has found, some entries at a time, on their way to nodes: a task of the
 * pool compares them with the parent, opens and reads what must be, stores the content
 * of all but large files, and writes the text of their nodes.
 */
typedef struct bsi_batch bsi_batch;

enum {
    BSI_BATCH_UNITS = 64,
    BSI_BATCH_TEXT = 256 * 1024,       /* Bytes of paths and nodes with which one is full; */
    BSI_BATCH_BYTES = 2 * 1024 * 1024, /* likewise of files. */
    /* Larger files are left to the job's thread, which reads them piece by piece. */
    BSI_BATCH_FILE_MAX = BSI_CHUNK_MAX,
};

/* What all batches of a run work with. Everything is borrowed. */
typedef struct bsi_batch_context {
    const bsi_vault_env *env;
    const bsi_backup_plan *plan;
    bsi_repo_index *index;
    bsi_repo_writer *writer;
    const bsi_chunker *chunker;
    const bsi_timezone *zone;
    bsi_users *users;

    /* Of the parent: see bsi_parent_info. */
    bsi_time scan_began;
    bool is_ours;

    struct bsi_batch_workers *workers; /* What tasks keep between batches. */
} bsi_batch_context;

BS_NODISCARD bs_status bsi_batch_workers_new(bsi_batch_context *context);
void bsi_batch_workers_free(bsi_batch_context *context);

typedef enum bsi_unit_state {
    BSI_UNIT_LEFT_OUT, /* It was reported. */
    BSI_UNIT_NODE,     /* `text` is its node. */
    BSI_UNIT_DIR,      /* `text` is what bsi_node_begin() wrote of it. */
    BSI_UNIT_LARGE,    /* A file whose content is not stored yet. */
} bsi_unit_state;

typedef enum bsi_unit_change {
    BSI_UNIT_ADDED,
    BSI_UNIT_CHANGED,
    BSI_UNIT_UNMODIFIED,
} bsi_unit_change;

/* One entry. */
typedef struct bsi_unit {
    bsi_slice path;
    bsi_stat stat;    /* As the walk saw it. */
    bool is_above;    /* A directory on the way to a root. */
    bsi_slice before; /* The text of the parent's node; empty: it had none. */

    /* What came of it. */
    bsi_unit_state state;
    bsi_unit_change change; /* By its state alone. */
    bsi_slice text;
    uint64_t size;      /* Of a file. */
    uint64_t new_bytes; /* Of its content, not stored before. */
    bool has_subtree;   /* The parent had a directory, with */
    bsi_digest subtree; /* this tree, */
    bool is_same;       /* and all else of its node was as it is. */
} bsi_unit;

BS_NODISCARD bs_status bsi_batch_new(const bsi_batch_context *context, bsi_batch **out);
void bsi_batch_free(bsi_batch *batch); /* When no task has it. NULL is ignored. */

bool bsi_batch_is_full(const bsi_batch *batch);
bool bsi_batch_is_empty(const bsi_batch *batch);

/* One entry more; `path` and `before` are copied. */
BS_NODISCARD bs_status bsi_batch_add(bsi_batch *batch, const bsi_unit *unit);

/* Give it to the pool. */
void bsi_batch_start(bsi_batch *batch);
/* Whether it is done; waits up to `wait_ms` for it. */
bool bsi_batch_wait(bsi_batch *batch, uint32_t wait_ms);
/* What it has failed with, on this thread too. */
BS_NODISCARD bs_status bsi_batch_status(const bsi_batch *batch);

/* Of one that is done: the n-th entry; NULL behind the last. Valid until it is cleared. */
const bsi_unit *bsi_batch_unit(const bsi_batch *batch, size_t index);
/* Begin anew. */
void bsi_batch_clear(bsi_batch *batch);

/* --- Parts that serve large files too --- */

/* Open what a unit tells of; a directory above a root likewise. */
BS_NODISCARD bs_status bsi_unit_open(bsi_source_tree *tree, const bsi_unit *unit,
                                     bsi_source_file **out);

/* A failure of the source: reported here, and BS_OK. */
BS_NODISCARD bs_status bsi_unit_left_out(const bsi_batch_context *context, const bsi_unit *unit,
                                         bs_status status);

/* It changed again while it was read again. */
void bsi_unit_warn_changed(const bsi_batch_context *context, const bsi_unit *unit);

#endif
