/* SPDX-License-Identifier: MIT */
#ifndef BSI_HASH_SHA256_H
#define BSI_HASH_SHA256_H

#include "base/error.h"

/* SHA-256 (FIPS 180-4). One thread at a time per object. */
#define BSI_SHA256_SIZE 32

typedef struct bsi_digest {
    uint8_t bytes[BSI_SHA256_SIZE];
} bsi_digest;

typedef struct bsi_sha256 bsi_sha256;

BS_NODISCARD bs_status bsi_sha256_new(bsi_sha256 **out);
void bsi_sha256_free(bsi_sha256 *hash);
/* Begin anew; a fresh object has begun. */
void bsi_sha256_reset(bsi_sha256 *hash);
void bsi_sha256_update(bsi_sha256 *hash, const void *data, size_t size);
/* The digest of all that came since the beginning; then as after a reset. */
void bsi_sha256_finish(bsi_sha256 *hash, bsi_digest *out);

/* The digest of all that came so far, to which more may be added. */
void bsi_sha256_peek(const bsi_sha256 *hash, bsi_digest *out);

/* In one go. */
void bsi_sha256_of(const void *data, size_t size, bsi_digest *out);

bool bsi_digest_equal(const bsi_digest *a, const bsi_digest *b);
/* 64 lower-case hex digits and a NUL; and back (BS_E_INVALID, text of exactly 64 digits). */
void bsi_digest_format(const bsi_digest *digest, char out[2 * BSI_SHA256_SIZE + 1]);
BS_NODISCARD bs_status bsi_digest_parse(const char *text, size_t size, bsi_digest *out);

#endif
