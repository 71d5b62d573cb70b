/* SPDX-License-Identifier: MIT */
#ifndef BSI_ENGINE_KEYRING_H
#define BSI_ENGINE_KEYRING_H

#include "crypto/key.h"

/*
 * The keyring: keys under names, in one file of the state directory, sealed
 * under the master key. What is here is a copy in memory of what the file held
 * when it was loaded; bsi_keyring_save() puts it in the file's place. One thread
 * at a time.
 */
enum {
    BSI_KEYRING_NAME_MAX = 64,
    BSI_KEYRING_ENTRIES_MAX = 1000,
};

#define BSI_KEYRING_FILE "keyring"

typedef struct bsi_ring_entry {
    char name[BSI_KEYRING_NAME_MAX + 1];
    int64_t added_at;       /* As rows hold times. */
    bsi_secret *content;    /* Pass phrase, raw key or PEM. */
    bsi_secret *passphrase; /* Of an encrypted PEM; NULL. */
    bsi_key *key;           /* What the content is. */
} bsi_ring_entry;

typedef struct bsi_keyring {
    bsi_ring_entry *entries; /* In the order in which they were added. */
    size_t count;
} bsi_keyring;

/* A zeroed one is empty. */
void bsi_keyring_dispose(bsi_keyring *ring);

/* Whether there is a file. */
BS_NODISCARD bs_status bsi_keyring_exists(int dir, bool *out);

/* Empty without a file. BS_E_KEY: the master key is another; BS_E_CORRUPT: it is damaged. */
BS_NODISCARD bs_status bsi_keyring_load(int dir, bsi_key *master, bsi_keyring *out);

/*
 * Seal it under `master` in a new file, read that back and open it, and only
 * then put it in the place of the old one: a crash leaves one of the two.
 */
BS_NODISCARD bs_status bsi_keyring_save(int dir, bsi_key *master, const bsi_keyring *ring);

/* NULL: there is no such entry. */
const bsi_ring_entry *bsi_keyring_find(const bsi_keyring *ring, const char *name);

/*
 * Add an entry, with copies of what is given. `passphrase` may be NULL. BS_E_EXISTS;
 * BS_E_INVALID: not a name, or no key that this library takes; BS_E_LIMIT: it is full.
 */
BS_NODISCARD bs_status bsi_keyring_add(bsi_keyring *ring, const char *name, int64_t added_at,
                                       const bsi_secret *content, const bsi_secret *passphrase);

/* BS_E_NOT_FOUND. */
BS_NODISCARD bs_status bsi_keyring_remove(bsi_keyring *ring, const char *name);

#endif
