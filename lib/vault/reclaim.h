/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_RECLAIM_H
#define BSI_VAULT_RECLAIM_H

#include "vault/vault.h"

/*
 * Removing what belongs to no backup: what has no manifest, under keys that only
 * backups have. Anything else on the storage is not ours and is not touched.
 */

/* What is known of the backup that an object without manifest would belong to. */
typedef enum bsi_claim {
    BSI_CLAIM_NONE =
        0,            /* Nothing: it goes when it is old, unless it is a file of a mirror's run. */
    BSI_CLAIM_FAILED, /* It failed: it goes. */
    BSI_CLAIM_STANDING, /* It is under way, or it is complete and damaged: it stays. */
} bsi_claim;

typedef struct bsi_reclaim_plan {
    int64_t before_ns; /* Older is what was stored before that. */
    bs_status (*claim)(void *user, const char *name, const char *short_id, bsi_claim *out);
    bool (*stop)(void *user); /* Asked between objects: BS_E_CANCELLED when it says so. */
    void *user;
} bsi_reclaim_plan;

typedef struct bsi_reclaimed {
    uint64_t objects;
    uint64_t bytes;
} bsi_reclaimed;

/* Adds to `out`, also on the way to a failure. */
BS_NODISCARD bs_status bsi_vault_reclaim(const bsi_vault_env *env, const bsi_reclaim_plan *plan,
                                         bsi_reclaimed *out);

#endif
