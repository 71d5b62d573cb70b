/* SPDX-License-Identifier: MIT */
/*
 * AES-256-CTR and Poly1305-AES over libcrypto, which has no Poly1305-AES as
 * such: its Poly1305 takes `r` and the encrypted nonce as one key, which is
 * good for one message. Each call has contexts of its own, as in gcm.c.
 */
#include "crypto/ctr_poly.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "crypto/libcrypto_int.h"
#include "os/random.h"

enum {
    ENCRYPT_SIZE = 32,
    K_SIZE = 16,
    R_SIZE = 16,
    BLOCK_SIZE = 16,
    MAC_KEY_SIZE = R_SIZE + BLOCK_SIZE,
};

static const uint8_t *encrypt_key(const bsi_secret *key)
{
    return bsi_secret_view(key);
}

static const uint8_t *k_of(const bsi_secret *key)
{
    return bsi_secret_view(key) + ENCRYPT_SIZE;
}

static const uint8_t *r_of(const bsi_secret *key)
{
    return bsi_secret_view(key) + ENCRYPT_SIZE + K_SIZE;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    static const uint8_t zeros[ENCRYPT_SIZE];

    return bsi_secret_equal(bytes, zeros, size);
}

static bs_status check_arguments(const bsi_secret *key, size_t size)
{
    BSI_CHECK(bsi_secret_size(key) == BSI_CTR_POLY_KEY_SIZE);
    BSI_CHECK(bsi_secret_is_intact(key));
    BSI_CHECK(size <= INT_MAX);
    return BS_OK;
}

bs_status bsi_ctr_poly_check_key(const bsi_secret *key)
{
    BSI_TRY(check_arguments(key, 0));
    if (is_zero(encrypt_key(key), ENCRYPT_SIZE) || is_zero(k_of(key), K_SIZE) ||
        is_zero(r_of(key), R_SIZE)) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "a key of nothing but zeros");
    }
    return BS_OK;
}

/* One run of a cipher over `size` bytes, in place or from elsewhere. */
static bool run_cipher(const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *iv,
                       const void *in, size_t size, uint8_t *out)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int used = 0;
    const bool good = context && EVP_EncryptInit_ex2(context, cipher, key, iv, NULL) &&
                      EVP_CIPHER_CTX_set_padding(context, 0) &&
                      EVP_EncryptUpdate(context, out, &used, in, (int)size) && (size_t)used == size;

    EVP_CIPHER_CTX_free(context);
    return good;
}

static bool run_poly1305(EVP_MAC *poly1305, const uint8_t mac_key[MAC_KEY_SIZE],
                         const uint8_t *data, size_t size, uint8_t tag[BSI_CTR_POLY_TAG_SIZE])
{
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(poly1305);
    size_t used = 0;
    const bool good = context && EVP_MAC_init(context, mac_key, MAC_KEY_SIZE, NULL) == 1 &&
                      (size == 0 || EVP_MAC_update(context, data, size) == 1) &&
                      EVP_MAC_final(context, tag, &used, BSI_CTR_POLY_TAG_SIZE) == 1 &&
                      used == BSI_CTR_POLY_TAG_SIZE;

    EVP_MAC_CTX_free(context);
    return good;
}

/* The tag of a ciphertext under its IV. */
static bool authenticate(const bsi_libcrypto *library, const bsi_secret *key, const uint8_t *iv,
                         const uint8_t *data, size_t size, uint8_t tag[BSI_CTR_POLY_TAG_SIZE])
{
    uint8_t mac_key[MAC_KEY_SIZE];
    bool good = false;

    memcpy(mac_key, r_of(key), R_SIZE);
    good = run_cipher(library->aes_128_ecb, k_of(key), NULL, iv, BLOCK_SIZE, mac_key + R_SIZE) &&
           run_poly1305(library->poly1305, mac_key, data, size, tag);
    bsi_wipe(mac_key, sizeof(mac_key));
    return good;
}

bs_status bsi_ctr_poly_seal_iv(const bsi_secret *key, const uint8_t iv[BSI_CTR_POLY_IV_SIZE],
                               const void *plain, size_t size, uint8_t *out)
{
    const bsi_libcrypto *library = NULL;
    uint8_t *const body = out + BSI_CTR_POLY_IV_SIZE;
    bs_status status = BS_OK;

    BSI_TRY(check_arguments(key, size));
    BSI_CHECK(!is_zero(iv, BSI_CTR_POLY_IV_SIZE));
    BSI_TRY(bsi_libcrypto_get(&library));
    memcpy(out, iv, BSI_CTR_POLY_IV_SIZE);
    bsi_libcrypto_mark();
    if ((size > 0 && !run_cipher(library->aes_256_ctr, encrypt_key(key), out, plain, size, body)) ||
        !authenticate(library, key, out, body, size, body + size)) {
        status = bsi_libcrypto_fail("AES-256-CTR with Poly1305");
    }
    bsi_libcrypto_cut();
    return status;
}

bs_status bsi_ctr_poly_seal(const bsi_secret *key, const void *plain, size_t size, uint8_t *out)
{
    uint8_t iv[BSI_CTR_POLY_IV_SIZE];

    BSI_TRY(bsi_random(iv, sizeof(iv)));
    return bsi_ctr_poly_seal_iv(key, iv, plain, size, out);
}

static bs_status not_authentic(void)
{
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "the tag of Poly1305-AES does not fit");
}

bs_status bsi_ctr_poly_open(const bsi_secret *key, const uint8_t *sealed, size_t size, uint8_t *out)
{
    const bsi_libcrypto *library = NULL;
    const uint8_t *const body = sealed + BSI_CTR_POLY_IV_SIZE;
    uint8_t tag[BSI_CTR_POLY_TAG_SIZE];
    bs_status status = BS_OK;

    BSI_TRY(check_arguments(key, size));
    if (size < BSI_CTR_POLY_OVERHEAD) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "%zu encrypted bytes, fewer than %d", size,
                        BSI_CTR_POLY_OVERHEAD);
    }
    size -= BSI_CTR_POLY_OVERHEAD;
    if (is_zero(sealed, BSI_CTR_POLY_IV_SIZE)) {
        return not_authentic();
    }
    BSI_TRY(bsi_libcrypto_get(&library));
    bsi_libcrypto_mark();
    if (!authenticate(library, key, sealed, body, size, tag)) {
        status = bsi_libcrypto_fail("Poly1305-AES");
    } else if (!bsi_secret_equal(tag, body + size, sizeof(tag))) {
        status = not_authentic();
    } else if (size > 0 &&
               !run_cipher(library->aes_256_ctr, encrypt_key(key), sealed, body, size, out)) {
        status = bsi_libcrypto_fail("AES-256-CTR");
    }
    bsi_libcrypto_cut();
    return status;
}
