/* SPDX-License-Identifier: MIT */
/*
 * Ed25519 over libcrypto.
 */
#include "crypto/sign.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "crypto/libcrypto_int.h"
#include "hash/sha256.h"

enum { MESSAGE_MAX = 4096 }; /* With its context. */

static const char algorithm[] = "ED25519";

_Static_assert((int)BSI_SIGN_KEY_SIZE == (int)BSI_SHA256_SIZE,
               "a public key is written as a digest is");

struct bsi_signer {
    EVP_PKEY *pkey;
    bsi_public_key public_key;
};

bs_status bsi_signer_new(const bsi_secret *seed, bsi_signer **out)
{
    const bsi_libcrypto *library = NULL;
    bsi_signer *signer = NULL;
    size_t size = BSI_SIGN_KEY_SIZE;
    bs_status status = BS_OK;

    BSI_CHECK(bsi_secret_size(seed) == BSI_SIGN_KEY_SIZE && bsi_secret_is_intact(seed));
    BSI_TRY(bsi_libcrypto_get(&library));
    signer = bsi_calloc(1, sizeof(*signer));
    if (!signer) {
        return BS_E_NOMEM;
    }
    bsi_libcrypto_mark();
    signer->pkey = EVP_PKEY_new_raw_private_key_ex(library->context, algorithm, NULL,
                                                   bsi_secret_view(seed), BSI_SIGN_KEY_SIZE);
    if (!signer->pkey ||
        EVP_PKEY_get_raw_public_key(signer->pkey, signer->public_key.bytes, &size) != 1) {
        status = bsi_libcrypto_fail("Ed25519");
        bsi_signer_free(signer);
        signer = NULL;
    }
    bsi_libcrypto_cut();
    *out = signer;
    return status;
}

void bsi_signer_free(bsi_signer *signer)
{
    if (signer) {
        EVP_PKEY_free(signer->pkey);
        bsi_free(signer);
    }
}

const bsi_public_key *bsi_signer_public(const bsi_signer *signer)
{
    return &signer->public_key;
}

static bs_status in_context(bsi_buf *out, const char *context, const void *message, size_t size)
{
    BSI_TRY(bsi_buf_append(out, context, strlen(context) + 1));
    return bsi_buf_append(out, message, size);
}

static bs_status sign_bytes(const bsi_libcrypto *library, const bsi_signer *signer,
                            const bsi_buf *bytes, unsigned char *out)
{
    size_t size = BSI_SIGNATURE_SIZE;
    bs_status status = BS_OK;
    EVP_MD_CTX *context = NULL;

    bsi_libcrypto_mark();
    context = EVP_MD_CTX_new();
    if (!context ||
        EVP_DigestSignInit_ex(context, NULL, NULL, library->context, NULL, signer->pkey, NULL) !=
            1 ||
        EVP_DigestSign(context, out, &size, bytes->data, bytes->size) != 1 ||
        size != BSI_SIGNATURE_SIZE) {
        status = bsi_libcrypto_fail("Ed25519");
    }
    EVP_MD_CTX_free(context);
    bsi_libcrypto_cut();
    return status;
}

bs_status bsi_sign(const bsi_signer *signer, const char *context, const void *message, size_t size,
                   unsigned char out[BSI_SIGNATURE_SIZE])
{
    const bsi_libcrypto *library = NULL;
    bsi_buf bytes;
    bs_status status = BS_OK;

    BSI_TRY(bsi_libcrypto_get(&library));
    bsi_buf_init(&bytes, MESSAGE_MAX);
    status = in_context(&bytes, context, message, size);
    if (status == BS_OK) {
        status = sign_bytes(library, signer, &bytes, out);
    }
    bsi_buf_dispose(&bytes);
    return status;
}

static bs_status check_bytes(const bsi_libcrypto *library, const bsi_public_key *key,
                             const bsi_buf *bytes, const unsigned char *signature)
{
    EVP_PKEY *pkey = NULL;
    EVP_MD_CTX *context = NULL;
    bs_status status = BS_OK;

    bsi_libcrypto_mark();
    pkey = EVP_PKEY_new_raw_public_key_ex(library->context, algorithm, NULL, key->bytes,
                                          BSI_SIGN_KEY_SIZE);
    context = EVP_MD_CTX_new();
    if (!pkey || !context ||
        EVP_DigestVerifyInit_ex(context, NULL, NULL, library->context, NULL, pkey, NULL) != 1) {
        status = bsi_libcrypto_fail("Ed25519");
    } else if (EVP_DigestVerify(context, signature, BSI_SIGNATURE_SIZE, bytes->data, bytes->size) !=
               1) {
        status = bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT,
                          "the signature does not fit: changed after it was signed");
    }
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    bsi_libcrypto_cut();
    return status;
}

bs_status bsi_sign_check(const bsi_public_key *key, const char *context, const void *message,
                         size_t size, const unsigned char signature[BSI_SIGNATURE_SIZE])
{
    const bsi_libcrypto *library = NULL;
    bsi_buf bytes;
    bs_status status = BS_OK;

    BSI_TRY(bsi_libcrypto_get(&library));
    bsi_buf_init(&bytes, MESSAGE_MAX);
    status = in_context(&bytes, context, message, size);
    if (status == BS_OK) {
        status = check_bytes(library, key, &bytes, signature);
    }
    bsi_buf_dispose(&bytes);
    return status;
}

void bsi_public_key_format(const bsi_public_key *key, char out[2 * BSI_SIGN_KEY_SIZE + 1])
{
    bsi_digest bytes;

    memcpy(bytes.bytes, key->bytes, sizeof(bytes.bytes));
    bsi_digest_format(&bytes, out);
}

bs_status bsi_public_key_parse(const char *text, bsi_public_key *out)
{
    bsi_digest bytes;

    if (bsi_digest_parse(text, strlen(text), &bytes) < 0) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID,
                        "a public key for signatures is %d lower-case hex digits",
                        2 * BSI_SIGN_KEY_SIZE);
    }
    memcpy(out->bytes, bytes.bytes, sizeof(out->bytes));
    return BS_OK;
}
