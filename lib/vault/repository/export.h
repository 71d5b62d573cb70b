/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_EXPORT_H
#define BSI_VAULT_REPOSITORY_EXPORT_H

#include "archive/archive.h"
#include "vault/vault.h"

/* How a snapshot becomes a container. Everything is borrowed. */
typedef struct bsi_export_plan {
    const char *manifest_key;
    const bsi_archive_driver *driver; /* Whose containers can be written as a stream. */
    int level;                        /* 0: the driver's own. */
    const char *const *paths;         /* As those of a restore, ended by NULL; NULL: all. */
} bsi_export_plan;

/*
 * Write a snapshot as a container, without anything on a disk but lists that outgrow memory.
 * `data` gets the bytes in order, on one thread at a time. What the container does not keep is
 * left out as in backups. Something that is damaged ends it, with the path in the record:
 * BS_E_CORRUPT or BS_E_MISSING. BS_E_NOT_FOUND, layer CALLER: nothing is called as a path says.
 */
BS_NODISCARD bs_status bsi_repository_export(const bsi_vault_env *env, const bsi_export_plan *plan,
                                             bsi_bytes_cb data, void *user);

#endif
