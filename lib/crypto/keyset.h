/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_KEYSET_H
#define BSI_CRYPTO_KEYSET_H

#include "base/buffer.h"
#include "crypto/key.h"
#include "crypto/sign.h"

/*
 * The keys of one encrypted backup: its random data key, wrapped once in each
 * of some slots, and what everybody may know of the backup. It is an object of
 * its own beside container and manifest, so that slots come and go without
 * touching those. docs/format/envelope.md describes it to the byte.
 *
 * All of it, slots and public part, is authenticated under the data key, which
 * says nothing to readers without a key. They have two things: a checksum over
 * the whole object, which finds damage, and where the writer signed it, an
 * Ed25519 signature over the public part. Slots can change without the signer.
 * One thread at a time.
 */
typedef struct bsi_keyset bsi_keyset;

enum {
    BSI_DATA_KEY_SIZE = 32,
    BSI_KEYSET_SLOTS_MAX = 64,
    BSI_KEYSET_PUBLIC_MAX = 16 * 1024 * 1024, /* Bytes; a chain of some 50 000 backups fits. */
    BSI_KEYSET_MAX = BSI_KEYSET_PUBLIC_MAX + 128 * 1024, /* Bytes of a whole object. */
};

/* Cost of scrypt for new slots: N = 2^log_n, r = 8, p = 1. Readers cap memory at 1 GiB. */
typedef struct bsi_keyset_cost {
    unsigned log_n;            /* 15 to 20; 0: 17. */
    const unsigned char *salt; /* 32 bytes that pass phrase slots share; NULL: new ones. */
} bsi_keyset_cost;

typedef struct bsi_slot_info {
    bsi_key_kind kind;
    char fingerprint[BSI_FINGERPRINT_SIZE];
    char label[65];  /* What its maker called it; printable; "". */
    uint32_t number; /* Given once and never again within its backup. */
} bsi_slot_info;

/*
 * A new key set of the backup `id` with a new data key and one slot for each of `keys` (1 to
 * BSI_KEYSET_SLOTS_MAX), open and with "{}" as its public part.
 */
BS_NODISCARD bs_status bsi_keyset_create(const char *id, bsi_key *const *keys, size_t count,
                                         const bsi_keyset_cost *cost, bsi_keyset **out);

/* Likewise with a data key that there is already, as one that lost its set has. */
BS_NODISCARD bs_status bsi_keyset_create_for(const char *id, const bsi_secret *data_key,
                                             bsi_key *const *keys, size_t count,
                                             const bsi_keyset_cost *cost, bsi_keyset **out);

/*
 * As stored: structure, limits, checksum and a signature that is there are
 * checked (BS_E_CORRUPT), authenticity is not before it is open.
 */
BS_NODISCARD bs_status bsi_keyset_parse(const void *data, size_t size, bsi_keyset **out);

/* NULL is ignored. */
void bsi_keyset_free(bsi_keyset *keyset);

/* The bytes to be stored; it must be open. */
BS_NODISCARD bs_status bsi_keyset_encode(bsi_keyset *keyset, bsi_buf *out);

/*
 * Find the data key with any of `keys` and check the whole set with it. None fits: BS_E_KEY.
 * One fits but the set is not what its maker wrote: BS_E_CORRUPT. All slots are tried alike.
 */
BS_NODISCARD bs_status bsi_keyset_open(bsi_keyset *keyset, bsi_key *const *keys, size_t count);
/* The same for who has the data key in hand: BS_E_CORRUPT when it is not this set's. */
BS_NODISCARD bs_status bsi_keyset_unlock(bsi_keyset *keyset, const bsi_secret *data_key);
bool bsi_keyset_is_open(const bsi_keyset *keyset);

/* Borrowed; NULL while it is not open. */
const bsi_secret *bsi_keyset_data_key(const bsi_keyset *keyset);

const char *bsi_keyset_id(const bsi_keyset *keyset);
bsi_slice bsi_keyset_public(const bsi_keyset *keyset);
size_t bsi_keyset_slots(const bsi_keyset *keyset);
const bsi_slot_info *bsi_keyset_slot(const bsi_keyset *keyset, size_t index);

/* Set the public part of an open set, and sign it with its id unless `signer` is NULL. */
BS_NODISCARD bs_status bsi_keyset_publish(bsi_keyset *keyset, bsi_slice public_part,
                                          const bsi_signer *signer);
/* Who signed the public part; NULL: nobody. Whether to trust the key is the caller's. */
const bsi_public_key *bsi_keyset_signer(const bsi_keyset *keyset);

/*
 * The slot that is `key`'s: one that it opens, or of a public key the one with its fingerprint.
 * BS_E_NOT_FOUND. The set may be closed or open.
 */
BS_NODISCARD bs_status bsi_keyset_find(const bsi_keyset *keyset, bsi_key *key,
                                       uint32_t *number_out);

/* Change slots of an open set; the caller encodes, stores and reads back. */
BS_NODISCARD bs_status bsi_keyset_add(bsi_keyset *keyset, bsi_key *key, const char *label,
                                      const bsi_keyset_cost *cost, uint32_t *number_out);
/* The last slot cannot go: BS_E_NEEDED. */
BS_NODISCARD bs_status bsi_keyset_remove(bsi_keyset *keyset, uint32_t number);

#endif
