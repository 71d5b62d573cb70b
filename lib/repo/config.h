/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_CONFIG_H
#define BSI_REPO_CONFIG_H

#include "base/buffer.h"
#include "base/slice.h"
#include "hash/sha256.h"

/* What a repository says of itself, in its one file `config`. */
typedef struct bsi_repo_config {
    uint32_t version;    /* 1 or 2. */
    bsi_digest id;       /* Chance. */
    uint64_t polynomial; /* Of the chunker; see chunk/chunker.h. */
} bsi_repo_config;

enum {
    BSI_REPO_VERSION_MIN = 1,
    BSI_REPO_VERSION_MAX = 2, /* With compression. */
    BSI_REPO_CONFIG_MAX = 64 * 1024,
};

/* A new repository's, with an id and a polynomial of its own. */
BS_NODISCARD bs_status bsi_repo_config_new(uint32_t version, bsi_repo_config *out);

/* Append the JSON text, byte for byte as restic does. */
BS_NODISCARD bs_status bsi_repo_config_write(const bsi_repo_config *config, bsi_buf *out);

/*
 * Members that are not known are passed over. BS_E_VERSION of layer STORAGE
 * for a version above 2; BS_E_CORRUPT for all else that restic refuses, a
 * polynomial that is not irreducible among it.
 */
BS_NODISCARD bs_status bsi_repo_config_parse(bsi_slice json, bsi_repo_config *out);

#endif
