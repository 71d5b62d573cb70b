/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_PACK_RANGES_H
#define BSI_VAULT_REPOSITORY_PACK_RANGES_H

#include "vault/repository/session.h"

/*
 * Reads many blobs on the pool: in the order in which they lie in their packs,
 * those that lie together with one read, each opened once however often it is
 * wanted.
 *
 * Memory: about 32 MiB of stored bytes under way, and for each thread the
 * largest blob it has opened.
 */
typedef struct bsi_pack_ranges bsi_pack_ranges;

/* A blob that somebody wants. */
typedef struct bsi_wanted_blob {
    bsi_blob_place place;
    void *owner; /* The caller's, */
    uint64_t at; /* likewise. */
} bsi_wanted_blob;

/*
 * Takes a blob's plain bytes, valid for the call; or a failure, with the record, and no bytes.
 * Called once for each that was asked for, on any thread, for several at a time.
 */
typedef void (*bsi_wanted_cb)(void *user, const bsi_wanted_blob *wanted, bs_status status,
                              bsi_slice plain);

typedef struct bsi_wanted_sink {
    bsi_wanted_cb take;
    void *user;
    bool any_copy; /* Where a pack fails, others that have the blob will do. */
} bsi_wanted_sink;

BS_NODISCARD bs_status bsi_pack_ranges_new(const bsi_repo_session *session,
                                           const bsi_wanted_sink *sink, bsi_pack_ranges **out);

/* Everything asked for has been handed over by then. NULL is ignored. */
void bsi_pack_ranges_free(bsi_pack_ranges *ranges);

/*
 * Read these, whose order is changed. Comes back before they are read, but waits when much is
 * under way. One thread at a time.
 */
void bsi_pack_ranges_read(bsi_pack_ranges *ranges, bsi_wanted_blob *wanted, size_t count);

/* Until everything asked for has been handed over. */
void bsi_pack_ranges_drain(bsi_pack_ranges *ranges);

#endif
