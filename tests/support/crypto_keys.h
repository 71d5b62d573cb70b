/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_CRYPTO_KEYS_H
#define TESTS_SUPPORT_CRYPTO_KEYS_H

/* An RSA key of 3072 bits and its public half, in PEM. */
extern const char TEST_RSA_PRIVATE[];
extern const char TEST_RSA_PUBLIC[];

#endif
