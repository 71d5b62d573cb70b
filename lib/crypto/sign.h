/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_SIGN_H
#define BSI_CRYPTO_SIGN_H

#include "crypto/secret.h"

/*
 * Ed25519 (RFC 8032): who wrote this. Messages are short: digests with a
 * context in front, so that a signature for one purpose is none for another.
 * Any thread on the same signer.
 */
enum { BSI_SIGN_KEY_SIZE = 32, BSI_SIGNATURE_SIZE = 64 };

typedef struct bsi_public_key {
    unsigned char bytes[BSI_SIGN_KEY_SIZE];
} bsi_public_key;

typedef struct bsi_signer bsi_signer;

/* From 32 secret bytes, copied. */
BS_NODISCARD bs_status bsi_signer_new(const bsi_secret *seed, bsi_signer **out);
void bsi_signer_free(bsi_signer *signer); /* NULL is ignored. */
const bsi_public_key *bsi_signer_public(const bsi_signer *signer);

/* Over `context`, a NUL, and the message. */
BS_NODISCARD bs_status bsi_sign(const bsi_signer *signer, const char *context, const void *message,
                                size_t size, unsigned char out[BSI_SIGNATURE_SIZE]);
/* BS_E_CORRUPT when it is not that key's signature. */
BS_NODISCARD bs_status bsi_sign_check(const bsi_public_key *key, const char *context,
                                      const void *message, size_t size,
                                      const unsigned char signature[BSI_SIGNATURE_SIZE]);

/* 64 lower-case hex digits and a NUL; and back. */
void bsi_public_key_format(const bsi_public_key *key, char out[2 * BSI_SIGN_KEY_SIZE + 1]);
BS_NODISCARD bs_status bsi_public_key_parse(const char *text, bsi_public_key *out);

#endif
