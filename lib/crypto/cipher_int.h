/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_CIPHER_INT_H
#define BSI_CRYPTO_CIPHER_INT_H

#include <stdatomic.h>

#include "base/slice.h"
#include "crypto/key.h"
#include "crypto/keyset.h"

/*
 * The vtable of the kinds of keys. A driver turns a text (a pass phrase, a key
 * file, PEM) into a key, and a data key into the body of a slot and back.
 *
 * The core allocates `self_size` zeroed bytes that begin with a bsi_key, fills
 * `driver` and `refs`, and calls open(); close() comes last, also after an
 * open() that failed. wrap() and unwrap() come from any thread, several at once.
 */
typedef struct bsi_cipher_driver bsi_cipher_driver;

struct bsi_key {
    const bsi_cipher_driver *driver;
    atomic_uint refs;
    bool can_open;                          /* Set by open(). */
    char fingerprint[BSI_FINGERPRINT_SIZE]; /* Set by open(); "" where nothing may be told. */
};

/*
 * A slot in its stored form: `head` bytes that say whose and of what kind it is, and the body.
 * A wrapped key is bound to `owner` and to everything in front of it where the cipher can do so.
 */
enum { BSI_SLOT_OWNER_SIZE = 16 };
typedef struct bsi_slot_frame {
    const uint8_t *owner; /* BSI_SLOT_OWNER_SIZE bytes: the backup's id, or what a box is. */
    uint8_t *bytes;
    size_t head;
    size_t size;
} bsi_slot_frame;

/* What a body tells without a key. */
typedef struct bsi_slot_facts {
    char fingerprint[BSI_FINGERPRINT_SIZE];
    uint64_t work; /* Of a slow derivation: N * r * p of scrypt; 0: none. */
    bsi_slice
        shared; /* Bodies with these bytes alike share one derivation. Points into the body. */
} bsi_slot_facts;

struct bsi_cipher_driver {
    bsi_key_kind kind;
    const char *name;
    size_t self_size;

    bs_status (*open)(bsi_key *self, bsi_slice text, const bsi_secret *passphrase);
    void (*close)(bsi_key *self);

    /* Bytes of the body that wrap() makes. */
    size_t (*body_size)(const bsi_key *self);

    /* Whether a stored body can be one: sizes and limits, before anything is done with it. */
    bs_status (*check)(bsi_slice body, bsi_slot_facts *out);

    /* Fill the body, whose size is in the frame; what stands in front of it is final. */
    bs_status (*wrap)(bsi_key *self, const bsi_slot_frame *frame, const bsi_keyset_cost *cost,
                      const bsi_secret *data_key);

    /* A body that check() let pass. BS_E_KEY when the key does not fit, whatever the reason. */
    bs_status (*unwrap)(bsi_key *self, const bsi_slot_frame *frame, bsi_secret **data_key_out);

    /* The pass phrase itself, borrowed. NULL: keys of this kind are none. */
    const bsi_secret *(*phrase)(const bsi_key *self);

    /* Append the public half in PEM. NULL: keys of this kind have none. */
    bs_status (*public_pem)(const bsi_key *self, bsi_buf *out);
};

extern const bsi_cipher_driver bsi_cipher_driver_passphrase;
extern const bsi_cipher_driver bsi_cipher_driver_raw;
extern const bsi_cipher_driver bsi_cipher_driver_rsa;

/* NULL: this library does not know the kind. */
const bsi_cipher_driver *bsi_cipher_driver_of(unsigned kind);

/*
 * The wrapping that pass phrases and raw keys have in common. The last bytes of a body are
 * a salt and the data key under AES-256-GCM with HKDF(key, salt, info); everything in front of
 * that is authenticated. The key is used once, for the salt is new: so the nonce is zeros.
 */
enum {
    BSI_WRAP_SALT_SIZE = 32,
    BSI_WRAP_SIZE = BSI_WRAP_SALT_SIZE + BSI_DATA_KEY_SIZE + 16,
};
BS_NODISCARD bs_status bsi_wrap_data_key(const bsi_secret *key, const char *info,
                                         const bsi_slot_frame *frame, const bsi_secret *data_key);
/* BS_E_KEY when it does not fit. */
BS_NODISCARD bs_status bsi_unwrap_data_key(const bsi_secret *key, const char *info,
                                           const bsi_slot_frame *frame, bsi_secret **data_key_out);

/* As hex digits what of a fingerprint's bytes is told. */
enum { BSI_FINGERPRINT_BYTES = (BSI_FINGERPRINT_SIZE - 1) / 2 };
void bsi_fingerprint_format(const uint8_t bytes[BSI_FINGERPRINT_BYTES],
                            char out[BSI_FINGERPRINT_SIZE]);

#endif
