/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_DRAFT_H
#define BSI_VAULT_DRAFT_H

#include "archive/archive.h"
#include "vault/vault.h"

/*
 * A list of records that is written once and then read once, in order: what a
 * scan has found, what a store has written. Lies in memory while it is short
 * and in a file without a name when it is long, so that millions of entries
 * need no more memory than a few. One thread at a time.
 */
typedef struct bsi_draft bsi_draft;

/* One record: its kind, fixed numbers, and bytes. What they mean is the writer's business. */
typedef struct bsi_record {
    uint32_t kind;
    uint32_t group;
    uint64_t a;
    uint64_t b;
    bsi_slice bytes; /* Read: valid until the next call. */
} bsi_record;

BS_NODISCARD bs_status bsi_draft_new(int temp_dir, bsi_draft **out);
void bsi_draft_free(bsi_draft *draft);

BS_NODISCARD bs_status bsi_draft_put(bsi_draft *draft, const bsi_record *record);
/* The next record from the first on: BS_END after the last. Nothing is put any more then. */
BS_NODISCARD bs_status bsi_draft_next(bsi_draft *draft, bsi_record *out);
/* Begin reading at the first record again. */
void bsi_draft_rewind(bsi_draft *draft);

#endif
