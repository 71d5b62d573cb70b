/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_COPIES_H
#define BSI_ENGINE_COPIES_H

#include "catalog/catalog.h"
#include "engine/arena.h"
#include "engine/held.h"

/*
 * Copies of backups on further storages. What a copy is stands in vault/vault.h, at `replicate`;
 * here is how each of them stands in the catalogue.
 */

/* Storages that a backup may name for them. */
enum { BSI_COPIES_MAX = 16 };

/* Where copies are made to, and with what. Everything is borrowed. */
typedef struct bsi_copy_work {
    bs_service *service;
    const bs_call *call; /* Reads what it compares from the storages themselves. */
    const bsi_warn *warn;
    bsi_progress *progress; /* NULL: nobody looks. */
    const char *to;
    bsi_storage *target;
} bsi_copy_work;

/*
 * Copy one, and keep in the catalogue how that went: a failure of the copy with its error, but
 * one that was cancelled as wanted. `out` as of bsi_vault.replicate.
 */
BS_NODISCARD bs_status bsi_copy_make(const bsi_copy_work *work, const bsi_held *held,
                                     bsi_replicated *out);

/* Whether a failure to copy is of that backup alone, so that others may be good. */
bool bsi_copy_blames_one(bs_status status);

/* The names in `copy_to` of a request as JSON, ended by NULL; of one that cannot be read none. */
BS_NODISCARD bs_status bsi_copies_asked_for(const char *options, bsi_arena *arena,
                                            const char *const **out);

/* Keep that copies of a completed backup are wanted, as far as its request asks for them. */
BS_NODISCARD bs_status bsi_copies_want(bs_service *service, const bsi_row_backup *row);

/* The job of a backup, once that is complete: what it should have where its request says. */
typedef struct bsi_copies_plan {
    const bsi_held *held; /* The backup; its row need not be complete yet. */
    const char *const *to;
    const bsi_backup_result *result;
} bsi_copies_plan;

/*
 * Make the copies, and before each what it needs there and earlier ones of the name that are
 * wanted. What fails is told to `warn`, with the storage as path. BS_OK, BS_PARTIAL.
 */
bs_status bsi_copies_make(bs_service *service, const bs_call *call, const bsi_warn *warn,
                          const bsi_copies_plan *plan);

#endif
