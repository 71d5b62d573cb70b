/* SPDX-License-Identifier: MIT */
/*
 * The context, and libcrypto's errors.
 *
 * The context is never freed. Other threads, and libcrypto's own exit handler,
 * may use it until the last moment, and there is no order among them to hold to.
 * A program that unloads this library and loads it again leaves one behind;
 * libcrypto itself is never unloaded. OPENSSL_cleanup() is the program's.
 */
#include "crypto/libcrypto_int.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/alloc.h"
#include "os/thread.h"

static bsi_mutex making = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(const bsi_libcrypto *) made;

static void discard(bsi_libcrypto *library)
{
    if (!library) {
        return;
    }
    EVP_CIPHER_free(library->aes_256_gcm);
    EVP_CIPHER_free(library->aes_256_ctr);
    EVP_CIPHER_free(library->aes_128_ecb);
    EVP_CIPHER_free(library->aes_256_ecb);
    EVP_MAC_free(library->hmac);
    EVP_MAC_free(library->poly1305);
    EVP_KDF_free(library->hkdf);
    EVP_KDF_free(library->scrypt);
    EVP_KDF_free(library->pbkdf2);
    OSSL_LIB_CTX_free(library->context);
    bsi_free(library);
}

static bool has_all(const bsi_libcrypto *library)
{
    return library->aes_256_gcm && library->aes_256_ctr && library->aes_128_ecb &&
           library->aes_256_ecb && library->hmac && library->poly1305 && library->hkdf &&
           library->scrypt && library->pbkdf2;
}

static bs_status make(const bsi_libcrypto **out)
{
    bsi_libcrypto *library = bsi_calloc(1, sizeof(*library));

    if (!library) {
        return BS_E_NOMEM;
    }
    library->context = OSSL_LIB_CTX_new();
    if (library->context && OSSL_PROVIDER_load(library->context, "default")) {
        library->aes_256_gcm = EVP_CIPHER_fetch(library->context, "AES-256-GCM", NULL);
        library->aes_256_ctr = EVP_CIPHER_fetch(library->context, "AES-256-CTR", NULL);
        library->aes_128_ecb = EVP_CIPHER_fetch(library->context, "AES-128-ECB", NULL);
        library->aes_256_ecb = EVP_CIPHER_fetch(library->context, "AES-256-ECB", NULL);
        library->hmac = EVP_MAC_fetch(library->context, "HMAC", NULL);
        library->poly1305 = EVP_MAC_fetch(library->context, "POLY1305", NULL);
        library->hkdf = EVP_KDF_fetch(library->context, "HKDF", NULL);
        library->scrypt = EVP_KDF_fetch(library->context, "SCRYPT", NULL);
        library->pbkdf2 = EVP_KDF_fetch(library->context, "PBKDF2", NULL);
    }
    if (!has_all(library)) {
        const bs_status status = bsi_libcrypto_fail("loading libcrypto's algorithms");
        discard(library);
        return status;
    }
    *out = library;
    return BS_OK;
}

bs_status bsi_libcrypto_get(const bsi_libcrypto **out)
{
    const bsi_libcrypto *library = atomic_load(&made);
    bs_status status = BS_OK;

    if (!library) {
        /* No pthread_once(): a failure for want of memory must not be for ever. */
        bsi_mutex_lock(&making);
        library = atomic_load(&made);
        if (!library) {
            bsi_libcrypto_mark();
            status = make(&library);
            bsi_libcrypto_cut();
            atomic_store(&made, library);
        }
        bsi_mutex_unlock(&making);
    }
    *out = library;
    return status;
}

void bsi_libcrypto_mark(void)
{
    (void)ERR_set_mark();
}

void bsi_libcrypto_cut(void)
{
    (void)ERR_pop_to_mark();
}

bs_status bsi_libcrypto_fail(const char *doing)
{
    const unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);

    if (code == 0 || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) {
        return bsi_fail(BS_LAYER_SYSTEM, BS_E_NOMEM, "out of memory for %s", doing);
    }
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_INTERNAL, "%s: libcrypto says %s", doing,
                    reason ? reason : "nothing more");
}
