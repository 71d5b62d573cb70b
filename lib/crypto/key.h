/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_KEY_H
#define BSI_CRYPTO_KEY_H

#include "base/buffer.h"
#include "base/slice.h"
#include "crypto/secret.h"

/*
 * What opens or closes a backup: a pass phrase, a raw key, or an RSA key. Each
 * kind is a driver of the cipher family (crypto/drivers): it wraps a backup's
 * data key into a slot and unwraps it again.
 *
 * A pass phrase remembers what scrypt made of it, so that many slots with the
 * same salt cost one derivation.
 *
 * Thread-safety: any thread on the same key. Failures carry layer CRYPTO.
 */
typedef struct bsi_key bsi_key;

typedef enum bsi_key_kind {
    BSI_KEY_PASSPHRASE = 1,
    BSI_KEY_RAW = 2, /* 32 bytes of chance, kept in a file. */
    BSI_KEY_RSA = 3,
} bsi_key_kind;

/* Any bytes but none at all: empty is BS_E_INVALID. With its own reference. */
BS_NODISCARD bs_status bsi_key_from_passphrase(bsi_slice passphrase, bsi_key **out);

/* The content of a raw key file: see bsi_key_raw_format(). */
BS_NODISCARD bs_status bsi_key_from_raw(bsi_slice text, bsi_key **out);

/*
 * PEM: a public key, a certificate, or a private key (`passphrase` for an encrypted one; may be
 * NULL). Refused with a text that says which: anything but RSA, less than 3072 bits, an exponent
 * that is even or below 65537, an encrypted key without or with a wrong pass phrase, rubbish
 * around the key, more than one key.
 */
BS_NODISCARD bs_status bsi_key_from_pem(bsi_slice pem, const bsi_secret *passphrase, bsi_key **out);

/* Whether bytes look like PEM, or like a raw key file, rather than a pass phrase. */
bool bsi_key_text_is_pem(bsi_slice text);
bool bsi_key_text_is_raw(bsi_slice text);

/* The text of a new raw key file: one line, "bsvc-key-1 " and 64 hex digits. */
BS_NODISCARD bs_status bsi_key_raw_generate(bsi_secret **text_out);

/*
 * A new RSA key of `bits`, a multiple of 8 from 3072 to 8192: the private half in PEM (PKCS #8;
 * encrypted under `passphrase`, with scrypt and AES-256-CBC, unless that is NULL) and the
 * public half (SubjectPublicKeyInfo), with line ends. Takes up to some seconds.
 */
BS_NODISCARD bs_status bsi_key_rsa_generate(unsigned bits, const bsi_secret *passphrase,
                                            bsi_secret **private_out, bsi_buf *public_out);

bsi_key *bsi_key_ref(bsi_key *key);
void bsi_key_unref(bsi_key *key); /* The last one wipes. NULL is ignored. */

bsi_key_kind bsi_key_kind_of(const bsi_key *key);
/* Such as "passphrase", "raw", "rsa". */
const char *bsi_key_kind_name(bsi_key_kind kind);
/* The pass phrase itself, borrowed from the key. NULL: it is of another kind. */
const bsi_secret *bsi_key_phrase(const bsi_key *key);
/* False for an RSA key of which only the public half is known. */
bool bsi_key_can_open(const bsi_key *key);

/*
 * What tells keys of chance apart: the first 16 bytes of the SHA-256 of an RSA key's
 * SubjectPublicKeyInfo, or of HKDF(raw key, "bsvc1 fingerprint"), as 32 hex digits; "" for pass
 * phrases, of which nothing may be told.
 */
enum { BSI_FINGERPRINT_SIZE = 33 };
void bsi_key_fingerprint(const bsi_key *key, char out[BSI_FINGERPRINT_SIZE]);

/* Append the public half of an RSA key in PEM (SubjectPublicKeyInfo). Others: BS_E_UNSUPPORTED. */
BS_NODISCARD bs_status bsi_key_public_pem(const bsi_key *key, bsi_buf *out);

#endif
