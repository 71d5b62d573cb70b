/* SPDX-License-Identifier: MIT */
/*
 * AES-256-CTR and Poly1305-AES over libcrypto, which has no Poly1305-AES as
 * such: its Poly1305 takes `r` and the encrypted nonce as one key, which is
 * good for one message. No schedule of a key outlives a call, as in gcm.c: it
 * is overwritten with that of a key of zeros.
 */
#include "crypto/ctr_poly.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/libcrypto_int.h"
#include "os/random.h"

enum {
    ENCRYPT_SIZE = 32,
    K_SIZE = 16,
    R_SIZE = 16,
    BLOCK_SIZE = 16,
    MAC_KEY_SIZE = R_SIZE + BLOCK_SIZE,
};

struct bsi_ctr_poly {
    EVP_CIPHER_CTX *aes_256_ctr;
    EVP_CIPHER_CTX *aes_128_ecb;
    EVP_MAC_CTX *poly1305;
};

static const uint8_t zeros[ENCRYPT_SIZE];

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

/* --- Contexts --- */

static void contexts_dispose(bsi_ctr_poly *self)
{
    EVP_CIPHER_CTX_free(self->aes_256_ctr);
    EVP_CIPHER_CTX_free(self->aes_128_ecb);
    EVP_MAC_CTX_free(self->poly1305);
}

static bs_status contexts_init(bsi_ctr_poly *self)
{
    const bsi_libcrypto *library = NULL;
    bs_status status = BS_OK;

    *self = (bsi_ctr_poly){0};
    BSI_TRY(bsi_libcrypto_get(&library));
    bsi_libcrypto_mark();
    self->aes_256_ctr = EVP_CIPHER_CTX_new();
    self->aes_128_ecb = EVP_CIPHER_CTX_new();
    self->poly1305 = EVP_MAC_CTX_new(library->poly1305);
    if (!self->aes_256_ctr || !self->aes_128_ecb || !self->poly1305 ||
        !EVP_EncryptInit_ex2(self->aes_256_ctr, library->aes_256_ctr, NULL, NULL, NULL) ||
        !EVP_EncryptInit_ex2(self->aes_128_ecb, library->aes_128_ecb, NULL, NULL, NULL) ||
        !EVP_CIPHER_CTX_set_padding(self->aes_128_ecb, 0)) {
        status = bsi_libcrypto_fail("AES-256-CTR with Poly1305");
        contexts_dispose(self);
    }
    bsi_libcrypto_cut();
    return status;
}

bs_status bsi_ctr_poly_new(bsi_ctr_poly **out)
{
    bsi_ctr_poly *self = bsi_alloc(sizeof(*self));
    bs_status status = self ? contexts_init(self) : BS_E_NOMEM;

    if (status < 0) {
        bsi_free(self);
        return status;
    }
    *out = self;
    return BS_OK;
}

void bsi_ctr_poly_free(bsi_ctr_poly *self)
{
    if (self) {
        contexts_dispose(self);
        bsi_free(self);
    }
}

/* --- Messages --- */

/* One run of a cipher over `size` bytes, in place or from elsewhere. */
static bool run_cipher(EVP_CIPHER_CTX *context, const uint8_t *key, const uint8_t *iv,
                       const void *in, size_t size, uint8_t *out)
{
    int used = 0;
    const bool good = EVP_EncryptInit_ex2(context, NULL, key, iv, NULL) &&
                      EVP_EncryptUpdate(context, out, &used, in, (int)size) && (size_t)used == size;

    return EVP_EncryptInit_ex2(context, NULL, zeros, iv ? zeros : NULL, NULL) && good;
}

/* Its state is wiped by libcrypto when the tag is made. */
static bool run_poly1305(EVP_MAC_CTX *context, const uint8_t mac_key[MAC_KEY_SIZE],
                         const uint8_t *data, size_t size, uint8_t tag[BSI_CTR_POLY_TAG_SIZE])
{
    size_t used = 0;

    return EVP_MAC_init(context, mac_key, MAC_KEY_SIZE, NULL) == 1 &&
           (size == 0 || EVP_MAC_update(context, data, size) == 1) &&
           EVP_MAC_final(context, tag, &used, BSI_CTR_POLY_TAG_SIZE) == 1 &&
           used == BSI_CTR_POLY_TAG_SIZE;
}

/* The tag of a ciphertext under its IV. */
static bool authenticate(bsi_ctr_poly *self, const bsi_secret *key, const uint8_t *iv,
                         const uint8_t *data, size_t size, uint8_t tag[BSI_CTR_POLY_TAG_SIZE])
{
    uint8_t mac_key[MAC_KEY_SIZE];
    bool good = false;

    memcpy(mac_key, r_of(key), R_SIZE);
    good = run_cipher(self->aes_128_ecb, k_of(key), NULL, iv, BLOCK_SIZE, mac_key + R_SIZE) &&
           run_poly1305(self->poly1305, mac_key, data, size, tag);
    bsi_wipe(mac_key, sizeof(mac_key));
    return good;
}

static bs_status seal_iv(bsi_ctr_poly *self, const bsi_secret *key, const uint8_t *iv,
                         const void *plain, size_t size, uint8_t *out)
{
    uint8_t *const body = out + BSI_CTR_POLY_IV_SIZE;
    bs_status status = BS_OK;

    BSI_TRY(check_arguments(key, size));
    BSI_CHECK(!is_zero(iv, BSI_CTR_POLY_IV_SIZE));
    memcpy(out, iv, BSI_CTR_POLY_IV_SIZE);
    bsi_libcrypto_mark();
    if ((size > 0 && !run_cipher(self->aes_256_ctr, encrypt_key(key), out, plain, size, body)) ||
        !authenticate(self, key, out, body, size, body + size)) {
        status = bsi_libcrypto_fail("AES-256-CTR with Poly1305");
    }
    bsi_libcrypto_cut();
    return status;
}

bs_status bsi_ctr_poly_seal_with(bsi_ctr_poly *self, const bsi_secret *key, const void *plain,
                                 size_t size, uint8_t *out)
{
    uint8_t iv[BSI_CTR_POLY_IV_SIZE];

    BSI_TRY(bsi_random(iv, sizeof(iv)));
    return seal_iv(self, key, iv, plain, size, out);
}

static bs_status not_authentic(void)
{
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "the tag of Poly1305-AES does not fit");
}

bs_status bsi_ctr_poly_open_with(bsi_ctr_poly *self, const bsi_secret *key, const uint8_t *sealed,
                                 size_t size, uint8_t *out)
{
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
    bsi_libcrypto_mark();
    if (!authenticate(self, key, sealed, body, size, tag)) {
        status = bsi_libcrypto_fail("Poly1305-AES");
    } else if (!bsi_secret_equal(tag, body + size, sizeof(tag))) {
        status = not_authentic();
    } else if (size > 0 &&
               !run_cipher(self->aes_256_ctr, encrypt_key(key), sealed, body, size, out)) {
        status = bsi_libcrypto_fail("AES-256-CTR");
    }
    bsi_libcrypto_cut();
    return status;
}

/* --- One message, with contexts of its own --- */

bs_status bsi_ctr_poly_seal_iv(const bsi_secret *key, const uint8_t iv[BSI_CTR_POLY_IV_SIZE],
                               const void *plain, size_t size, uint8_t *out)
{
    bsi_ctr_poly self;
    bs_status status = BS_OK;

    BSI_TRY(contexts_init(&self));
    status = seal_iv(&self, key, iv, plain, size, out);
    contexts_dispose(&self);
    return status;
}

bs_status bsi_ctr_poly_seal(const bsi_secret *key, const void *plain, size_t size, uint8_t *out)
{
    uint8_t iv[BSI_CTR_POLY_IV_SIZE];

    BSI_TRY(bsi_random(iv, sizeof(iv)));
    return bsi_ctr_poly_seal_iv(key, iv, plain, size, out);
}

bs_status bsi_ctr_poly_open(const bsi_secret *key, const uint8_t *sealed, size_t size, uint8_t *out)
{
    bsi_ctr_poly self;
    bs_status status = BS_OK;

    BSI_TRY(contexts_init(&self));
    status = bsi_ctr_poly_open_with(&self, key, sealed, size, out);
    contexts_dispose(&self);
    return status;
}
