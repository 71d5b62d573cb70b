/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_DERIVE_INT_H
#define BSI_CRYPTO_DERIVE_INT_H

#include "base/slice.h"
#include "crypto/hmac.h"
#include "crypto/scrypt.h"

/* Keys and authenticators from secrets. Any thread. */
enum {
    BSI_DERIVED_SIZE = BSI_HMAC_SIZE, /* Of every key and authenticator here. */
    BSI_SALT_SIZE = 32,
};

/* HKDF-SHA256 (RFC 5869) of a secret; `info` is text without its NUL. */
BS_NODISCARD bs_status bsi_hkdf(const bsi_secret *key, const uint8_t salt[BSI_SALT_SIZE],
                                const char *info, uint8_t out[BSI_DERIVED_SIZE]);
/* The same into a new secret. */
BS_NODISCARD bs_status bsi_hkdf_secret(const bsi_secret *key, const uint8_t salt[BSI_SALT_SIZE],
                                       const char *info, bsi_secret **out);

#endif
