/* SPDX-License-Identifier: MIT */
#ifndef BSI_VAULT_SAMPLE_H
#define BSI_VAULT_SAMPLE_H

#include "vault/vault.h"

/*
 * Some files of a backup by chance. Each file has a number, which its path and the
 * seed make; those with the smallest numbers are in the sample. So it is the same
 * in every pass over the manifest, and no list of it is kept.
 */
typedef struct bsi_sample {
    uint8_t seed[16];
    bool all;
    uint64_t limit; /* The largest number in the sample. */
    uint64_t files; /* How many there are in it, */
    uint64_t bytes; /* and their content. */
    uint64_t all_files;
    uint64_t all_bytes;
} bsi_sample;

/* How much of a backup to take; neither: all of it. */
typedef struct bsi_sample_size {
    uint64_t files;   /* So many, if there are as many. */
    unsigned percent; /* Or so many of each hundred, but one at least. */
} bsi_sample_size;

/* Choose: out->seed is given. Memory: 8 bytes for each file of the sample. */
BS_NODISCARD bs_status bsi_sample_choose(const bsi_vault_env *env, const char *manifest_key,
                                         const bsi_sample_size *size, bsi_sample *out);

/* Whether an entry is a file of the sample. */
bool bsi_sample_has(const bsi_sample *sample, const bsi_entry *entry);

#endif
