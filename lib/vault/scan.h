/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_SCAN_H
#define BSI_VAULT_SCAN_H

#include "vault/draft.h"
#include "vault/id_set.h"
#include "vault/links.h"
#include "vault/manifest.h"

/*
 * The first half of a backup: walk the sources beside the base's manifest, both
 * in the same order, and note for each entry what is to be done. Nothing is
 * opened but directories; memory does not depend on the size of the tree.
 */

/* Kinds of records that a scan leaves in its draft, in the order of paths. */
enum {
    BSI_SCAN_KEEP = 1, /* bytes: a whole line of the base's manifest that is true again.
                          a: 1 for a file; b: bytes of the file. */
    BSI_SCAN_STORE,    /* bytes: the path of something new or changed. group: its hard links. */
    BSI_SCAN_COMPARE,  /* bytes: a bsi_scan_known, then a path: a file whose size is the base's. */
    BSI_SCAN_LINK,     /* bytes: the path of a further name in `group`. */
    BSI_SCAN_GONE,     /* bytes: the path of a file that only the base has. */
};

/* What the base knows of a file that may have been changed. */
typedef struct bsi_scan_known {
    bsi_digest sha256;
    bool sparse;
    bsi_digest extents; /* Of the list of its extents. */
    char stored_in[BS_ID_SIZE];
    bsi_locator locator;
} bsi_scan_known;

/* Whether the plan wants what a walk has found; a file that is too large is reported. */
bool bsi_scan_is_wanted(const bsi_vault_env *env, const bsi_backup_plan *plan,
                        const bsi_walk_item *item);

/* Whether a file with the known digest has the shape of the base's too. */
bool bsi_scan_same_shape(const bsi_scan_known *known, const bsi_entry *entry);

typedef struct bsi_scan {
    bsi_draft *draft;
    bsi_links *links;
    bsi_id_set needs; /* Backups whose containers hold what is kept. */
    bsi_time began;
    uint64_t entries;
    uint64_t files;
    uint64_t bytes;
    bsi_file_changes changes;
    uint64_t files_before; /* Files of the base in all. */
} bsi_scan;

void bsi_scan_dispose(bsi_scan *scan);

/* Reads the sources of `plan`; `base` may be NULL. `want_gone`: note what vanished too. */
BS_NODISCARD bs_status bsi_scan_run(const bsi_vault_env *env, const bsi_backup_plan *plan,
                                    bsi_manifest_reader *base, bool want_gone, bsi_scan *out);

#endif
