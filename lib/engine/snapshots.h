/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_SNAPSHOTS_H
#define BSI_ENGINE_SNAPSHOTS_H

#include <backupsvc/snapshot.h>

#include "engine/info_parts.h"
#include "engine/repository.h"
#include "repo/tree.h"

/* Snapshots of repositories, whoever has made them; see backupsvc/snapshot.h. */

BS_NODISCARD bs_status bsi_snapshot_list(bs_service *service, const char *storage,
                                         bs_snapshot_page **out);
void bsi_snapshot_page_free(bs_snapshot_page *page);

/* The same of a repository that is open; `storage` as it was opened with. */
BS_NODISCARD bs_status bsi_snapshot_load_all(bs_service *service,
                                             const bsi_open_repository *repository,
                                             const char *storage, bs_snapshot_page **out);

/* By what a person calls it, in a repository that is open. */
BS_NODISCARD bs_status bsi_snapshot_resolve(bs_service *service,
                                            const bsi_open_repository *repository,
                                            const char *storage, const char *reference,
                                            bsi_digest *out);

BS_NODISCARD bs_status bsi_snapshot_diff(bs_service *service, const char *storage,
                                         const char *before, const char *after,
                                         bs_difference_cb difference, void *user);
BS_NODISCARD bs_status bsi_snapshot_find(bs_service *service, const bs_find_options *options,
                                         bs_find_cb match, void *user);

/* --- Copies --- */

#define BSI_JOB_KIND_COPY "copy"

BS_NODISCARD bs_status bsi_copy_start(bs_service *service, const bs_copy_options *options,
                                      char id_out[BS_ID_SIZE]);
BS_NODISCARD bs_status bsi_copy_get(bs_service *service, const char *reference, bs_copy_info **out);
void bsi_copy_info_free(bs_copy_info *info);

/* --- Nodes as callers see them --- */

/* Memory for one; zeroed, it is empty. */
typedef struct bsi_shown_node {
    bs_entry entry;
    bsi_info_names names;
    bsi_buf xattrs;
} bsi_shown_node;

/* `path` as trees have it, with a slash in front. Its entry borrows the node and the path. */
BS_NODISCARD bs_status bsi_snapshot_show_node(const bsi_node *node, bsi_slice path,
                                              bsi_shown_node *out);
void bsi_shown_node_dispose(bsi_shown_node *shown);

#endif
