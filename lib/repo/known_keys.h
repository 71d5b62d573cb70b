/* SPDX-License-Identifier: MIT */
#ifndef BSI_REPO_KNOWN_KEYS_H
#define BSI_REPO_KNOWN_KEYS_H

#include <stdbool.h>

#include "base/slice.h"
#include "crypto/scrypt.h"

/*
 * What scrypt has made of passwords that opened something, so that it need not
 * be made again: of one password, salt and cost it is always the same. Nothing
 * else is remembered. Who opens a key file reads and decrypts it each time; so
 * one that was removed or changed opens as little as without this.
 *
 * The keys lie in one secret and are wiped with it. Passwords are not kept, only
 * what HMAC makes of them under a key of chance. Any thread.
 */
typedef struct bsi_known_keys bsi_known_keys;

enum {
    BSI_KNOWN_KEYS_MAX = 16, /* One more takes the place of the oldest. */
    BSI_KNOWN_KEY_SIZE = 64, /* Of each derived key. */
    BSI_KNOWN_SALT_SIZE = 64,
};

BS_NODISCARD bs_status bsi_known_keys_new(bsi_known_keys **out);
/* NULL is ignored; the error record is left alone. */
void bsi_known_keys_free(bsi_known_keys *self);

/* What a key is derived from. All is borrowed. */
typedef struct bsi_known_from {
    const bsi_secret *password; /* NULL: the empty one. */
    bsi_slice salt;             /* BSI_KNOWN_SALT_SIZE bytes. */
    bsi_scrypt_cost cost;
} bsi_known_from;

/* A copy of the key. BS_E_KEY: it is not known. */
BS_NODISCARD bs_status bsi_known_keys_get(bsi_known_keys *self, const bsi_known_from *from,
                                          bsi_secret **out);
/* Remember a key of BSI_KNOWN_KEY_SIZE bytes; one that is known stays as it is. */
BS_NODISCARD bs_status bsi_known_keys_put(bsi_known_keys *self, const bsi_known_from *from,
                                          const bsi_secret *key);
/* Whether any key of this password is known. */
bool bsi_known_keys_has(bsi_known_keys *self, const bsi_secret *password);

#endif
