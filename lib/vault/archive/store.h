/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_ARCHIVE_STORE_H
#define BSI_VAULT_ARCHIVE_STORE_H

#include "task/lane.h"
#include "vault/archive/fetch.h"

/*
 * The second half of an archive backup: go through what the scan found, put
 * what must be stored into the container, and leave the manifest's lines behind.
 * One thread, the job's; compression runs on the pool, and threads beside the
 * job's read ahead and hash.
 */

/* Kinds of records that storing leaves, in the order of paths. */
enum {
    BSI_LINE_WHOLE = 1, /* bytes: a whole line. */
    BSI_LINE_MARKED,    /* bytes: a line without its end; a, b: mark of its content. */
};

/* What the bare container lacks, counted by kind: bit n of bsi_archive_losses(). */
enum { BSI_LOSS_KINDS = 7 };

typedef struct bsi_store {
    const bsi_vault_env *env;
    const bsi_backup_plan *plan;
    const bsi_archive_driver *driver;
    bsi_archive_writer *writer;
    bsi_scan *scan;
    bsi_draft *lines;
    bsi_id_set needs; /* Other backups whose containers hold what was not stored again. */
    uint64_t entries;
    uint64_t files;
    uint64_t bytes;
    uint64_t bytes_deduplicated;
    uint64_t losses[BSI_LOSS_KINDS];

    /* The rest is store.c's own. */
    bsi_source_tree *tree; /* For what was not fetched. */
    bsi_fetch *fetch;
    bsi_sha256 *hash;
    bsi_lane *hasher;
    uint8_t *buffer;
    bsi_buf line;
} bsi_store;

/* `writer` and `scan` are borrowed; disposed of with bsi_store_dispose(), also after a failure. */
BS_NODISCARD bs_status bsi_store_init(bsi_store *store, const bsi_vault_env *env,
                                      const bsi_backup_plan *plan, bsi_archive_writer *writer,
                                      bsi_scan *scan);
void bsi_store_dispose(bsi_store *store);

/* Everything that the scan found. */
BS_NODISCARD bs_status bsi_store_run(bsi_store *store);

#endif
