/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_SNAPSHOT_H
#define BSI_REPO_SNAPSHOT_H

#include "base/buffer.h"
#include "base/slice.h"
#include "hash/sha256.h"
#include "repo/go_text.h"
#include "repo/json_parts.h"

/*
 * A snapshot: which tree was backed up when, where and by whom, as JSON text.
 * A snapshot's id is that of its file, and nothing inside.
 */
enum { BSI_SNAPSHOT_MAX = 16 * 1024 * 1024 }; /* Bytes of the text. */

/* An id that may be missing. */
typedef struct bsi_snapshot_id {
    bool given;
    bsi_digest digest;
} bsi_snapshot_id;

typedef struct bsi_snapshot_texts {
    const bsi_slice *items;
    size_t count;
} bsi_snapshot_texts;

/* What the backup did, as restic tells since 0.17. Sizes are in bytes. */
typedef struct bsi_snapshot_summary {
    bsi_go_time backup_start;
    bsi_go_time backup_end;
    uint64_t files_new;
    uint64_t files_changed;
    uint64_t files_unmodified;
    uint64_t dirs_new;
    uint64_t dirs_changed;
    uint64_t dirs_unmodified;
    uint64_t data_blobs; /* New ones. */
    uint64_t tree_blobs; /* Likewise. */
    uint64_t data_added;
    uint64_t data_added_packed; /* What these take up. */
    uint64_t total_files_processed;
    uint64_t total_bytes_processed;
} bsi_snapshot_summary;

typedef struct bsi_snapshot {
    bsi_go_time time;
    bsi_snapshot_id parent; /* May be gone by now. */
    bsi_snapshot_id tree;
    bsi_snapshot_texts paths; /* Absolute. */
    bsi_slice hostname;
    bsi_slice username;
    uint32_t uid; /* Of who backed up. */
    uint32_t gid;
    bsi_snapshot_texts excludes;
    bsi_snapshot_texts tags;
    bsi_snapshot_id original; /* The first version of a snapshot that was changed since. */
    bsi_slice program_version;
    bool has_summary;
    bsi_snapshot_summary summary;
    bsi_slice others; /* Members that are not known, each with a comma in front, as JSON. */

    bsi_json_texts memory; /* Of one that was parsed: what the above points to. */
    bsi_buf lists[3];
    bsi_buf other_members;
} bsi_snapshot;

/* Append the JSON text, byte for byte as restic does since 0.17; `others` come last. */
BS_NODISCARD bs_status bsi_snapshot_write(const bsi_snapshot *snapshot, bsi_buf *out);

/*
 * Failures are BS_E_CORRUPT of layer STORAGE: what restic refuses, and a
 * snapshot without time or tree. On success it is disposed of by the caller.
 */
BS_NODISCARD bs_status bsi_snapshot_parse(bsi_slice json, bsi_snapshot *out);
void bsi_snapshot_dispose(bsi_snapshot *snapshot);

#endif
