/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_CTR_POLY_H
#define BSI_CRYPTO_CTR_POLY_H

#include "crypto/secret.h"

/*
 * AES-256 in counter mode with the authenticator Poly1305-AES (Bernstein, 2005)
 * over the ciphertext: how repositories of restic's format encrypt everything.
 *
 *     sealed: IV 16 | ciphertext | tag 16
 *     key:    AES-256 key 32 | AES-128 key `k` 16 | Poly1305's `r` 16
 *
 * The IV is the first counter block, big-endian over all 16 bytes, and the
 * nonce of the authenticator. `r` may have any bits: those that Poly1305 does
 * not use are left out. Any thread.
 */
enum {
    BSI_CTR_POLY_KEY_SIZE = 64,
    BSI_CTR_POLY_IV_SIZE = 16,
    BSI_CTR_POLY_TAG_SIZE = 16,
    BSI_CTR_POLY_OVERHEAD = BSI_CTR_POLY_IV_SIZE + BSI_CTR_POLY_TAG_SIZE,
};

/* A part of the key that is all zeros is none: BS_E_KEY. */
BS_NODISCARD bs_status bsi_ctr_poly_check_key(const bsi_secret *key);

/*
 * Encrypt under a new IV into `out`, which has room for `size` and the
 * overhead. `plain` is elsewhere, or just where the ciphertext comes to lie. At
 * most INT_MAX bytes; `plain` may be NULL when `size` is 0.
 */
BS_NODISCARD bs_status bsi_ctr_poly_seal(const bsi_secret *key, const void *plain, size_t size,
                                         uint8_t *out);

/* The same under an IV of the caller's, who never gives one twice. */
BS_NODISCARD bs_status bsi_ctr_poly_seal_iv(const bsi_secret *key,
                                            const uint8_t iv[BSI_CTR_POLY_IV_SIZE],
                                            const void *plain, size_t size, uint8_t *out);

/*
 * Check and decrypt `size` sealed bytes into `out`, `size` less the overhead;
 * `out` is elsewhere, or just where the ciphertext lies. Nothing is written
 * when the tag does not fit: BS_E_CORRUPT of layer CRYPTO, as for fewer bytes
 * than the overhead.
 */
BS_NODISCARD bs_status bsi_ctr_poly_open(const bsi_secret *key, const uint8_t *sealed, size_t size,
                                         uint8_t *out);

/*
 * The same for many messages, with contexts of libcrypto that are made once.
 * One thread at a time; nothing of a key stays in them between calls.
 */
typedef struct bsi_ctr_poly bsi_ctr_poly;

BS_NODISCARD bs_status bsi_ctr_poly_new(bsi_ctr_poly **out);
void bsi_ctr_poly_free(bsi_ctr_poly *self); /* NULL is ignored. */

BS_NODISCARD bs_status bsi_ctr_poly_seal_with(bsi_ctr_poly *self, const bsi_secret *key,
                                              const void *plain, size_t size, uint8_t *out);
BS_NODISCARD bs_status bsi_ctr_poly_open_with(bsi_ctr_poly *self, const bsi_secret *key,
                                              const uint8_t *sealed, size_t size, uint8_t *out);

#endif
