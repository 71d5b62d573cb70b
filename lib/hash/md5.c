/* SPDX-License-Identifier: MIT */
/*
 * MD5 over libcrypto's own functions, which cannot fail: see sha256.c.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "hash/md5.h"

#include <openssl/md5.h>

_Static_assert(BSI_MD5_SIZE == MD5_DIGEST_LENGTH, "a digest has the size MD5 gives");

/* The library's functions below always return 1. */
void bsi_md5_of(const void *data, size_t size, uint8_t out[BSI_MD5_SIZE])
{
    MD5_CTX context;

    (void)MD5_Init(&context);
    if (size > 0) {
        (void)MD5_Update(&context, data, size);
    }
    (void)MD5_Final(out, &context);
}
