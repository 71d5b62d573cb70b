/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_ARCHIVE_CONTAINERS_H
#define BSI_VAULT_ARCHIVE_CONTAINERS_H

#include "vault/content.h"

/*
 * The containers that a manifest names, opened when they are first needed: its
 * own, and those of the backups that it builds on. One thread at a time.
 */
typedef struct bsi_containers bsi_containers;

/* `info` is borrowed. */
BS_NODISCARD bs_status bsi_containers_new(const bsi_vault_env *env, const bsi_manifest_info *info,
                                          bsi_containers **out);
void bsi_containers_free(bsi_containers *containers);

/* Their files' bytes; valid as long as `containers`. */
bsi_content bsi_containers_content(bsi_containers *containers);

#endif
