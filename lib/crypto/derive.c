/* SPDX-License-Identifier: MIT */
/*
 * HKDF, HMAC and scrypt over libcrypto.
 */
#include "crypto/derive_int.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <string.h>

#include "crypto/libcrypto_int.h"

#define SCRYPT_MEMORY_MAX ((uint64_t)1 << 30)

enum {
    SCRYPT_BLOCK = 128,             /* Bytes of memory for each unit of N * r. */
    SCRYPT_OWN_ROOM = 16 * 1048576, /* Besides those, for what it keeps of each r and p. */
};

static char digest_name[] = "SHA256"; /* OSSL_PARAM does not know const. */

/* Reading only: libcrypto's parameters take pointers without const for reading and writing alike.
 */
static OSSL_PARAM bytes_param(const char *name, const void *data, size_t size)
{
    union {
        const void *in;
        void *out;
    } pointer = {.in = data};

    return OSSL_PARAM_construct_octet_string(name, pointer.out, size);
}

/* Run a key derivation of the library once. */
static bs_status derive(EVP_KDF *algorithm, const OSSL_PARAM *params, const char *doing,
                        uint8_t *out, size_t size)
{
    bs_status status = BS_OK;
    EVP_KDF_CTX *context = NULL;

    bsi_libcrypto_mark();
    context = EVP_KDF_CTX_new(algorithm);
    if (!context || EVP_KDF_derive(context, out, size, params) != 1) {
        status = bsi_libcrypto_fail(doing);
        bsi_wipe(out, size);
    }
    EVP_KDF_CTX_free(context);
    bsi_libcrypto_cut();
    return status;
}

bs_status bsi_hkdf(const bsi_secret *key, const uint8_t salt[BSI_SALT_SIZE], const char *info,
                   uint8_t out[BSI_DERIVED_SIZE])
{
    const bsi_libcrypto *library = NULL;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest_name, 0),
        bytes_param(OSSL_KDF_PARAM_KEY, bsi_secret_view(key), bsi_secret_size(key)),
        bytes_param(OSSL_KDF_PARAM_SALT, salt, BSI_SALT_SIZE),
        bytes_param(OSSL_KDF_PARAM_INFO, info, strlen(info)),
        OSSL_PARAM_construct_end(),
    };

    BSI_CHECK(bsi_secret_is_intact(key));
    BSI_TRY(bsi_libcrypto_get(&library));
    return derive(library->hkdf, params, "HKDF", out, BSI_DERIVED_SIZE);
}

bs_status bsi_hkdf_secret(const bsi_secret *key, const uint8_t salt[BSI_SALT_SIZE],
                          const char *info, bsi_secret **out)
{
    bsi_secret *derived = NULL;
    bs_status status = bsi_secret_new(BSI_DERIVED_SIZE, &derived);

    if (status == BS_OK) {
        status = bsi_hkdf(key, salt, info, bsi_secret_bytes(derived));
    }
    if (status < 0) {
        bsi_secret_free(derived);
        return status;
    }
    *out = derived;
    return BS_OK;
}

bs_status bsi_hmac(const bsi_secret *key, const void *data, size_t size,
                   uint8_t out[BSI_DERIVED_SIZE])
{
    const bsi_libcrypto *library = NULL;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC_CTX *context = NULL;
    bs_status status = BS_OK;
    size_t used = 0;

    BSI_CHECK(bsi_secret_is_intact(key));
    BSI_TRY(bsi_libcrypto_get(&library));
    bsi_libcrypto_mark();
    context = EVP_MAC_CTX_new(library->hmac);
    if (!context ||
        EVP_MAC_init(context, bsi_secret_view(key), bsi_secret_size(key), params) != 1 ||
        EVP_MAC_update(context, data, size) != 1 ||
        EVP_MAC_final(context, out, &used, BSI_DERIVED_SIZE) != 1 || used != BSI_DERIVED_SIZE) {
        status = bsi_libcrypto_fail("HMAC");
    }
    EVP_MAC_CTX_free(context);
    bsi_libcrypto_cut();
    return status;
}

/* RFC 7914, 2: N is a power of two, above 1 and below 2^(16 r). */
bs_status bsi_scrypt_check(const bsi_scrypt_cost *cost, uint64_t *work_out)
{
    uint64_t memory = 0;

    if (cost->log_n == 0 || cost->r == 0 || cost->p == 0 || cost->log_n >= 16 * cost->r) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "no cost for scrypt: N=2^%u, r=%u, p=%u",
                        cost->log_n, cost->r, cost->p);
    }
    if (cost->log_n > 40 || cost->r > UINT16_MAX || cost->p > UINT16_MAX) {
        memory = UINT64_MAX;
    } else {
        memory = (SCRYPT_BLOCK * (uint64_t)cost->r) << cost->log_n;
        *work_out = memory / SCRYPT_BLOCK * cost->p;
    }
    if (memory > SCRYPT_MEMORY_MAX || *work_out > BSI_SCRYPT_WORK_MAX) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_LIMIT,
                        "a pass phrase's slot asks scrypt for N=2^%u, r=%u, p=%u; at most 1 GiB "
                        "of memory and 64 times the usual time are allowed",
                        cost->log_n, cost->r, cost->p);
    }
    return BS_OK;
}

#ifdef BSI_TESTING
static atomic_uint_least64_t scrypt_runs;

uint64_t bsi_scrypt_runs(void)
{
    return atomic_load(&scrypt_runs);
}
#endif

bs_status bsi_scrypt(const bsi_secret *passphrase, bsi_slice salt, const bsi_scrypt_cost *cost,
                     size_t size, bsi_secret **out)
{
    const bsi_libcrypto *library = NULL;
    bsi_secret *derived = NULL;
    uint64_t work = 0;
    uint64_t memory_max = SCRYPT_MEMORY_MAX + SCRYPT_OWN_ROOM;
    uint64_t n = 0;
    uint32_t r = cost->r;
    uint32_t p = cost->p;
    bs_status status = BS_OK;
    const OSSL_PARAM params[] = {
        bytes_param(OSSL_KDF_PARAM_PASSWORD, passphrase ? bsi_secret_view(passphrase) : NULL,
                    passphrase ? bsi_secret_size(passphrase) : 0),
        bytes_param(OSSL_KDF_PARAM_SALT, salt.data, salt.size),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory_max),
        OSSL_PARAM_construct_end(),
    };

    BSI_CHECK(!passphrase || bsi_secret_is_intact(passphrase));
    BSI_TRY(bsi_scrypt_check(cost, &work));
    BSI_TRY(bsi_libcrypto_get(&library));
    BSI_TRY(bsi_secret_new(size, &derived));
#ifdef BSI_TESTING
    atomic_fetch_add(&scrypt_runs, 1);
#endif
    n = (uint64_t)1 << cost->log_n;
    status = derive(library->scrypt, params, "scrypt", bsi_secret_bytes(derived), size);
    if (status < 0) {
        bsi_secret_free(derived);
        return status;
    }
    *out = derived;
    return BS_OK;
}
