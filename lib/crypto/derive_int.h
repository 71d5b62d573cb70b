/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_DERIVE_INT_H
#define BSI_CRYPTO_DERIVE_INT_H

#include "base/slice.h"
#include "crypto/hmac.h"

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

/* What scrypt (RFC 7914) costs: 128 * 2^log_n * r bytes of memory, and that p times in time. */
typedef struct bsi_scrypt_cost {
    unsigned log_n;
    unsigned r;
    unsigned p;
} bsi_scrypt_cost;

/* 2^log_n * r * p; BS_E_LIMIT beyond 1 GiB of memory or BSI_SCRYPT_WORK_MAX. */
#define BSI_SCRYPT_WORK_MAX ((uint64_t)1 << 26)
BS_NODISCARD bs_status bsi_scrypt_check(const bsi_scrypt_cost *cost, uint64_t *work_out);

/* Refuses what bsi_scrypt_check() does, before any memory is asked for. */
BS_NODISCARD bs_status bsi_scrypt(const bsi_secret *passphrase, bsi_slice salt,
                                  const bsi_scrypt_cost *cost, bsi_secret **out);

#endif
