/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_KEYSET_INT_H
#define BSI_CRYPTO_KEYSET_INT_H

#include "crypto/derive_int.h"
#include "crypto/keyset.h"
#include "crypto/slot_int.h"
#include "hash/sha256.h"
#include "os/random.h"

/*
 * The stored form of a key set, integers little-endian:
 *
 *      0  magic 8
 *      8  version 1 | suite 1 | number of slots 1 | flags 1
 *     12  size of the public part 4
 *     16  id 16
 *     32  salt 32
 *     64  commitment 32
 *     96  number of the next slot 4
 *    100  public part | signer's key 32 and signature 64, if flagged | slots
 *         HMAC of all so far 32 | SHA-256 of all so far 32
 */
enum {
    BSI_KEYSET_AT_VERSION = 8,
    BSI_KEYSET_AT_SUITE = 9,
    BSI_KEYSET_AT_SLOTS = 10,
    BSI_KEYSET_AT_FLAGS = 11,
    BSI_KEYSET_AT_PUBLIC_SIZE = 12,
    BSI_KEYSET_AT_ID = 16,
    BSI_KEYSET_AT_SALT = 32,
    BSI_KEYSET_AT_COMMIT = 64,
    BSI_KEYSET_AT_NEXT = 96,
    BSI_KEYSET_HEAD_SIZE = 100,
    BSI_KEYSET_TAIL_SIZE = BSI_DERIVED_SIZE + BSI_SHA256_SIZE,

    BSI_KEYSET_SIGNED_SIZE = BSI_SIGN_KEY_SIZE + BSI_SIGNATURE_SIZE,

    BSI_KEYSET_VERSION = 1,
    BSI_KEYSET_FLAG_SIGNED = 1,
};

extern const uint8_t bsi_keyset_magic[BSI_KEYSET_AT_VERSION];

/* AES-256-GCM, HKDF and HMAC with SHA-256: the one suite there is. */
enum { BSI_SUITE_AES_256_GCM = 1 };

struct bsi_keyset {
    uint8_t head[BSI_KEYSET_HEAD_SIZE]; /* As stored, but for what encoding fills in. */
    char id[BS_ID_SIZE];
    bsi_buf public_part;
    bool is_signed;
    bsi_public_key signer; /* Of the public part, when `is_signed`. */
    uint8_t signature[BSI_SIGNATURE_SIZE];
    bsi_slot slots[BSI_KEYSET_SLOTS_MAX]; /* In the order of their numbers. */
    size_t slot_count;
    uint32_t next_number;
    bsi_secret *data_key;          /* NULL while it is not open. */
    uint8_t mac[BSI_DERIVED_SIZE]; /* As it was stored, to be checked when it is opened. */
};

/* An empty key set; freed with bsi_keyset_free(). NULL: no memory. */
bsi_keyset *bsi_keyset_new(void);

/* BS_E_CORRUPT when the signature is not the signer's. */
BS_NODISCARD bs_status bsi_keyset_check_signature(const bsi_keyset *keyset);

/* BS_E_LIMIT when scrypt would have to work too long for all slots, one after the other. */
BS_NODISCARD bs_status bsi_keyset_check_work(const bsi_keyset *keyset);

#endif
