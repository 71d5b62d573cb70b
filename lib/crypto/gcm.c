/* SPDX-License-Identifier: MIT */
/*
 * AES-256-GCM over libcrypto. Each call has a context of its own: making it and
 * its key schedule takes 0.4 us, next to 15 us for a segment of 64 KiB, and so
 * no schedule of a key outlives the call.
 */
#include "crypto/gcm_int.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "crypto/libcrypto_int.h"

enum { AES_256_KEY_SIZE = 32 };

/* A context that has seen key, nonce and what is authenticated besides; NULL: libcrypto failed. */
static EVP_CIPHER_CTX *begin(const bsi_libcrypto *library, const bsi_secret *key,
                             const bsi_gcm_bound *bound, int encrypt)
{
    const bsi_slice parts[] = {bound->first, bound->second};
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int used = 0;
    int good = context && EVP_CipherInit_ex2(context, library->aes_256_gcm, bsi_secret_view(key),
                                             bound->nonce, encrypt, NULL);

    for (size_t i = 0; good && i < BSI_ARRAY_SIZE(parts); i++) {
        good = parts[i].size == 0 ||
               EVP_CipherUpdate(context, NULL, &used, (const unsigned char *)parts[i].data,
                                (int)parts[i].size);
    }
    if (!good) {
        EVP_CIPHER_CTX_free(context);
        return NULL;
    }
    return context;
}

static bool runs(EVP_CIPHER_CTX *context, const void *in, size_t size, unsigned char *out)
{
    int used = 0;

    return size == 0 ||
           (EVP_CipherUpdate(context, out, &used, in, (int)size) && (size_t)used == size);
}

static bs_status check_arguments(const bsi_secret *key, const bsi_gcm_bound *bound, size_t size)
{
    BSI_CHECK(bsi_secret_size(key) == AES_256_KEY_SIZE);
    BSI_CHECK(bsi_secret_is_intact(key));
    BSI_CHECK(size <= INT_MAX && bound->first.size <= INT_MAX && bound->second.size <= INT_MAX);
    return BS_OK;
}

bs_status bsi_gcm_seal(const bsi_secret *key, const bsi_gcm_bound *bound, const void *plain,
                       size_t size, uint8_t *out)
{
    const bsi_libcrypto *library = NULL;
    EVP_CIPHER_CTX *context = NULL;
    uint8_t none[BSI_GCM_TAG_SIZE];
    int used = 0;
    bs_status status = BS_OK;

    BSI_TRY(check_arguments(key, bound, size));
    BSI_TRY(bsi_libcrypto_get(&library));
    bsi_libcrypto_mark();
    context = begin(library, key, bound, 1);
    if (!context || !runs(context, plain, size, out) || !EVP_CipherFinal_ex(context, none, &used) ||
        used != 0 ||
        !EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, BSI_GCM_TAG_SIZE, out + size)) {
        status = bsi_libcrypto_fail("AES-256-GCM");
    }
    EVP_CIPHER_CTX_free(context);
    bsi_libcrypto_cut();
    return status;
}

bs_status bsi_gcm_open(const bsi_secret *key, const bsi_gcm_bound *bound, const uint8_t *sealed,
                       size_t size, void *plain)
{
    const bsi_libcrypto *library = NULL;
    EVP_CIPHER_CTX *context = NULL;
    uint8_t tag[BSI_GCM_TAG_SIZE];
    uint8_t none[BSI_GCM_TAG_SIZE];
    int used = 0;
    bs_status status = BS_OK;

    BSI_TRY(check_arguments(key, bound, size));
    BSI_TRY(bsi_libcrypto_get(&library));
    memcpy(tag, sealed + size, sizeof(tag));
    bsi_libcrypto_mark();
    context = begin(library, key, bound, 0);
    if (!context || !EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) ||
        !runs(context, sealed, size, plain)) {
        status = bsi_libcrypto_fail("AES-256-GCM");
    } else if (!EVP_CipherFinal_ex(context, none, &used) || used != 0) {
        status = bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "the tag of AES-256-GCM does not fit");
    }
    if (status < 0 && size > 0) {
        bsi_wipe(plain, size); /* Nobody sees bytes that are not authentic. */
    }
    EVP_CIPHER_CTX_free(context);
    bsi_libcrypto_cut();
    return status;
}
