/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_LISTING_H
#define BSI_VAULT_LISTING_H

#include "base/buffer.h"
#include "vault/vault.h"

/* Who takes what is listed. */
typedef struct bsi_listed_sink {
    bsi_listed_cb take;
    void *user;
} bsi_listed_sink;

/*
 * One listing of a backup: of all its entries, which come in order, those at or below
 * `dir` are handed on. One thread at a time.
 */
typedef struct bsi_listing {
    bsi_slice dir;
    bool recursive;
    bool found;    /* `dir` is in the backup, or something below it. */
    bsi_buf shown; /* Path of the entry last shown. */
    bsi_listed_sink sink;
} bsi_listing;

void bsi_listing_begin(bsi_listing *list, bsi_slice dir, bool recursive, bsi_listed_sink sink);

/* The next entry of the backup. */
BS_NODISCARD bs_status bsi_listing_entry(bsi_listing *list, const bsi_listed *listed);

/* `status`, or BS_E_NOT_FOUND when nothing was in `dir` and it is not there itself. */
BS_NODISCARD bs_status bsi_listing_end(bsi_listing *list, bs_status status);

#endif
