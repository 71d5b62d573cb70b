/* SPDX-License-Identifier: MIT */
/*
 * Snapshots from their files and back.
 */
#include "repo/snapshot_load.h"

bs_status bsi_snapshot_load(const bsi_repo *repo, const bs_call *call, const bsi_digest *id,
                            bsi_snapshot *out)
{
    char hex[2 * BSI_SHA256_SIZE + 1];
    bsi_buf json;
    bs_status status = BS_OK;

    bsi_buf_init(&json, BSI_SNAPSHOT_MAX);
    status = bsi_repo_load(repo, call, BSI_REPO_SNAPSHOTS, id, &json);
    if (status == BS_OK) {
        status = bsi_snapshot_parse(bsi_buf_slice(&json), out);
        if (status < 0) {
            bsi_digest_format(id, hex);
            status = bsi_fail_context(BS_LAYER_STORAGE, status, "snapshot %.8s", hex);
        }
    }
    bsi_buf_dispose(&json);
    return status;
}

bs_status bsi_snapshot_load_tree(const bsi_repo *repo, const bs_call *call, const bsi_digest *id,
                                 bsi_digest *tree_out)
{
    bsi_snapshot snapshot;

    BSI_TRY(bsi_snapshot_load(repo, call, id, &snapshot));
    *tree_out = snapshot.tree.digest;
    bsi_snapshot_dispose(&snapshot);
    return BS_OK;
}

bs_status bsi_snapshot_save(const bsi_repo *repo, const bs_call *call, const bsi_snapshot *snapshot,
                            bsi_digest *id_out)
{
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_SNAPSHOT_MAX);
    status = bsi_snapshot_write(snapshot, &text);
    if (status == BS_OK) {
        status = bsi_repo_save(repo, call, BSI_REPO_SNAPSHOTS, bsi_buf_slice(&text), id_out);
    }
    bsi_buf_dispose(&text);
    return status;
}
