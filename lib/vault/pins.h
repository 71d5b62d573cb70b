/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_PINS_H
#define BSI_VAULT_PINS_H

#include "vault/vault.h"

/*
 * What keeps a backup from being removed, as a small text beside its manifest,
 * so that it outlives the catalogue. What it says is the business of whoever
 * writes it; see docs/format/manifest.md.
 */
enum { BSI_PINS_SIZE_MAX = 64 * 1024 };

/* Replaces; an empty text removes. Durable when it returns. */
BS_NODISCARD bs_status bsi_vault_put_pins(const bsi_vault_env *env, const char *manifest_key,
                                          bsi_slice text);

/* Appended to `out`. BS_E_NOT_FOUND: there are none; BS_E_LIMIT: it is larger than they can be. */
BS_NODISCARD bs_status bsi_vault_load_pins(const bsi_vault_env *env, const char *manifest_key,
                                           bsi_buf *out);

#endif
