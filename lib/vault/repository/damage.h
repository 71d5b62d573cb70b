/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_DAMAGE_H
#define BSI_VAULT_REPOSITORY_DAMAGE_H

#include "vault/draft.h"
#include "vault/vault.h"

/*
 * What a verification finds: damaged objects, and the files that each costs.
 * They come in any order, and are told object by object. One thread at a time.
 */
typedef struct bsi_damage bsi_damage;

BS_NODISCARD bs_status bsi_damage_new(int temp_dir, bsi_damage **out);
void bsi_damage_free(bsi_damage *damage); /* NULL is ignored. */

/* An object and what is wrong with it; of one that is known already the first message counts. */
BS_NODISCARD bs_status bsi_damage_object(bsi_damage *damage, const char *key, const char *message,
                                         uint32_t *number_out);

/* A file that an object costs. */
BS_NODISCARD bs_status bsi_damage_lost(bsi_damage *damage, uint32_t number, bsi_slice path);

/* Tell all of it. Nothing is added any more then. */
BS_NODISCARD bs_status bsi_damage_tell(bsi_damage *damage, const bsi_damage_sink *sink);

#endif
