/* SPDX-License-Identifier: MIT */
#ifndef BSI_CRYPTO_LIBCRYPTO_INT_H
#define BSI_CRYPTO_LIBCRYPTO_INT_H

#include "base/error.h"

/*
 * libcrypto as this library uses it: a context of its own, which neither the
 * program's configuration nor its providers reach, with the algorithms fetched
 * once. The types are libcrypto's own (OSSL_LIB_CTX and so on).
 */
typedef struct bsi_libcrypto {
    struct ossl_lib_ctx_st *context;
    struct evp_cipher_st *aes_256_gcm;
    struct evp_cipher_st *aes_256_ctr;
    struct evp_cipher_st *aes_128_ecb;
    struct evp_cipher_st *aes_256_ecb;
    struct evp_mac_st *hmac;
    struct evp_mac_st *poly1305;
    struct evp_kdf_st *hkdf;
    struct evp_kdf_st *scrypt;
    struct evp_kdf_st *pbkdf2;
} bsi_libcrypto;

/* Made at the first call that succeeds; it stays until the process ends. Any thread. */
BS_NODISCARD bs_status bsi_libcrypto_get(const bsi_libcrypto **out);

/*
 * libcrypto's errors queue up on the thread, where the program would find them. A function that
 * calls libcrypto marks the queue before, and cuts it there after.
 */
void bsi_libcrypto_mark(void);
void bsi_libcrypto_cut(void);

/* What a call that failed for no reason of the data's reports: no memory, or BS_E_INTERNAL. */
bs_status bsi_libcrypto_fail(const char *doing);

#endif
