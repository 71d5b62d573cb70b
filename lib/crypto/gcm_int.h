/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_GCM_INT_H
#define BSI_CRYPTO_GCM_INT_H

#include "base/slice.h"
#include "crypto/secret.h"

/*
 * AES-256-GCM (SP 800-38D) in one go, with tags of 16 bytes. The caller sees to
 * it that no nonce is used twice with a key. Any thread.
 */
enum { BSI_GCM_NONCE_SIZE = 12, BSI_GCM_TAG_SIZE = 16 };

/* What a message is bound to besides its key: its nonce, and authenticated bytes in two parts. */
typedef struct bsi_gcm_bound {
    const uint8_t *nonce;
    bsi_slice first;
    bsi_slice second;
} bsi_gcm_bound;

/* `out` gets size + BSI_GCM_TAG_SIZE bytes. */
BS_NODISCARD bs_status bsi_gcm_seal(const bsi_secret *key, const bsi_gcm_bound *bound,
                                    const void *plain, size_t size, uint8_t *out);

/*
 * `size` is that of the plain bytes; the tag lies behind as many in `sealed`. BS_E_CORRUPT, with
 * zeros in `plain`, when they are not what was sealed with this key and this bound.
 */
BS_NODISCARD bs_status bsi_gcm_open(const bsi_secret *key, const bsi_gcm_bound *bound,
                                    const uint8_t *sealed, size_t size, void *plain);

#endif
