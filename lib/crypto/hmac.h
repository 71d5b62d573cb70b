/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_HMAC_H
#define BSI_CRYPTO_HMAC_H

#include "crypto/secret.h"

enum { BSI_HMAC_SIZE = 32 };

/* HMAC-SHA256 (RFC 2104). Any thread. */
BS_NODISCARD bs_status bsi_hmac(const bsi_secret *key, const void *data, size_t size,
                                uint8_t out[BSI_HMAC_SIZE]);

#endif
