/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_REPOSITORY_RECORD_H
#define BSI_VAULT_REPOSITORY_RECORD_H

#include "vault/manifest.h"
#include "vault/warn_log.h"

/*
 * What a snapshot of ours tells beyond restic's members: the first line of a
 * manifest, and the warnings. It stands in the snapshot's text as one member
 * more, which restic passes over:
 *
 *     "backupsvc":{"info":{"manifest":1, ...},"warnings":[{"warning":{...}}, ...]}
 *
 * A snapshot without it is one that restic made, or made anew. The container it
 * tells of is BSI_RECORD_CONTAINER: a snapshot cannot tell its own name.
 */
#define BSI_RECORD_CONTAINER "snapshots"

/* Bytes of it that warnings may take; those that come later are only counted. */
enum { BSI_RECORD_WARNINGS_MAX = 4 * 1024 * 1024 };

/* Append the member with a comma in front, as `others` of a snapshot have it. */
BS_NODISCARD bs_status bsi_record_write(bsi_buf *out, const bsi_manifest_info *info,
                                        bsi_draft *warnings);

/*
 * What the members of a snapshot that restic does not know tell of a backup of ours. BS_END:
 * nothing, and there is no error record. Anything that is not as it was written is BS_E_CORRUPT of
 * layer STORAGE. On BS_OK `out` is disposed of by the caller.
 */
BS_NODISCARD bs_status bsi_record_parse(bsi_slice others, bsi_manifest_info *out);

/* The warnings among the same members, to `warn`. BS_END: there is no record. */
BS_NODISCARD bs_status bsi_record_warnings(bsi_slice others, const bsi_warn *warn);

#endif
