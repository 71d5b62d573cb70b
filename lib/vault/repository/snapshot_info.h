/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_SNAPSHOT_INFO_H
#define BSI_VAULT_REPOSITORY_SNAPSHOT_INFO_H

#include "repo/snapshot_load.h"
#include "vault/repository/session.h"

/*
 * Snapshots as backups. The key of a snapshot's file is that of the backup's
 * manifest, and of its container.
 */
#define BSI_SNAPSHOT_KEY_PREFIX "snapshots/"
#define BSI_REPOSITORY_CONFIG_KEY "config" /* What a scan reports a repository by. */
enum { BSI_SNAPSHOT_KEY_SIZE = sizeof(BSI_SNAPSHOT_KEY_PREFIX) + 2 * BSI_SHA256_SIZE };

/* Whether a key on a storage is that of a snapshot at its root. */
bool bsi_is_snapshot_key(const char *key);

/* BS_E_NOT_FOUND, layer CALLER, for the key of anything else. */
BS_NODISCARD bs_status bsi_snapshot_id_of_key(const char *key, bsi_digest *out);

/* How what lies in a repository is encrypted, by what has opened it. */
bsi_encryption bsi_session_encryption(const bsi_repo_session *session);
/* What the containers of its snapshots are called. */
const char *bsi_session_compression(const bsi_repo_session *session);

/*
 * What a snapshot says of its backup. One that restic made has no id of ours, no name and no kind:
 * its id is made of the snapshot's, its name of a tag or the host's name, and it is full when it
 * has no parent. `size` is that of its file. On success it is disposed of with
 * bsi_manifest_info_dispose().
 */
BS_NODISCARD bs_status bsi_snapshot_info(const bsi_repo_session *session,
                                         const bsi_snapshot *snapshot, const bsi_repo_file *file,
                                         bsi_manifest_info *out);

#endif
