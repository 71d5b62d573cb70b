/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_SCRYPT_H
#define BSI_CRYPTO_SCRYPT_H

#include "base/slice.h"
#include "crypto/secret.h"

/* What scrypt (RFC 7914) costs: 128 * 2^log_n * r bytes of memory, and that p times in time. */
typedef struct bsi_scrypt_cost {
    unsigned log_n;
    unsigned r;
    unsigned p;
} bsi_scrypt_cost;

/* 2^log_n * r * p; BS_E_LIMIT beyond 1 GiB of memory or BSI_SCRYPT_WORK_MAX. */
#define BSI_SCRYPT_WORK_MAX ((uint64_t)1 << 26)
BS_NODISCARD bs_status bsi_scrypt_check(const bsi_scrypt_cost *cost, uint64_t *work_out);

/*
 * `size` bytes from a pass phrase; NULL is the empty one. Refuses what
 * bsi_scrypt_check() does, before any memory is asked for. Any thread.
 */
BS_NODISCARD bs_status bsi_scrypt(const bsi_secret *passphrase, bsi_slice salt,
                                  const bsi_scrypt_cost *cost, size_t size, bsi_secret **out);

#ifdef BSI_TESTING
/* How often it has run in this process. */
uint64_t bsi_scrypt_runs(void);
#endif

#endif
