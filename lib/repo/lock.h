/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_LOCK_H
#define BSI_REPO_LOCK_H

#include "base/buffer.h"
#include "base/slice.h"
#include "repo/json_parts.h"

/* What the file of a lock says: who has locked the repository, and since when. */
typedef struct bsi_lock_info {
    bsi_go_time time;
    bool exclusive;
    bsi_slice hostname;
    bsi_slice username;
    uint32_t pid;
    uint32_t uid;
    uint32_t gid;
    bsi_slice table; /* Where pid counts, see bsi_identity; empty: not told, as by restic. */

    bsi_json_texts memory; /* Of one that was parsed: what the above points to. */
} bsi_lock_info;

enum { BSI_LOCK_MAX = 64 * 1024 }; /* Bytes of the text. */

/* Append the JSON text, byte for byte as restic does but for "table", which it passes over. */
BS_NODISCARD bs_status bsi_lock_info_write(const bsi_lock_info *info, bsi_buf *out);

/* BS_E_CORRUPT of layer STORAGE for what is no lock. On success the caller disposes of it. */
BS_NODISCARD bs_status bsi_lock_info_parse(bsi_slice json, bsi_lock_info *out);
void bsi_lock_info_dispose(bsi_lock_info *info);

#endif
