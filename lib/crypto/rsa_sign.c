/* SPDX-License-Identifier: MIT */
/*
 * RS256 over libcrypto.
 */
#include "crypto/rsa_sign.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/alloc.h"
#include "crypto/libcrypto_int.h"
#include "crypto/pem_int.h"

enum {
    BITS_MIN = 2048,
    BITS_MAX = 8192,
    PEM_MAX = 64 * 1024,
};

struct bsi_rsa_signer {
    EVP_PKEY *pkey;
};

static bs_status check_key(const EVP_PKEY *pkey)
{
    if (!pkey || !EVP_PKEY_is_a(pkey, "RSA")) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID,
                        "the private key is not one of RSA in PEM, or is encrypted or damaged");
    }
    if (EVP_PKEY_get_bits(pkey) < BITS_MIN || EVP_PKEY_get_bits(pkey) > BITS_MAX) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID,
                        "the RSA key has %d bits; wanted are %d to %d", EVP_PKEY_get_bits(pkey),
                        BITS_MIN, BITS_MAX);
    }
    return BS_OK;
}

/* Into the room behind `out`, which is large enough for a modulus. */
static bs_status sign_into(const bsi_libcrypto *library, const bsi_rsa_signer *signer,
                           const void *message, size_t size, bsi_buf *out)
{
    size_t written = (size_t)EVP_PKEY_get_size(signer->pkey);
    EVP_PKEY_CTX *options = NULL; /* Belongs to the next. */
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bs_status status = BS_OK;

    if (!context ||
        EVP_DigestSignInit_ex(context, &options, "SHA256", library->context, NULL, signer->pkey,
                              NULL) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PADDING) != 1 ||
        EVP_DigestSign(context, out->data + out->size, &written, message, size) != 1) {
        status = bsi_libcrypto_fail("RS256");
    } else {
        out->size += written;
    }
    EVP_MD_CTX_free(context);
    return status;
}

/* A damaged key can often be read all the same: its signature then does not hold. */
static bs_status prove(const bsi_libcrypto *library, const bsi_rsa_signer *signer)
{
    EVP_PKEY_CTX *options = NULL; /* Belongs to the next. */
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bs_status status = BS_OK;
    bsi_buf made;

    bsi_buf_init(&made, BITS_MAX / 8);
    status = bsi_buf_reserve(&made, (size_t)EVP_PKEY_get_size(signer->pkey));
    if (status == BS_OK &&
        (sign_into(library, signer, "", 0, &made) < 0 || !context ||
         EVP_DigestVerifyInit_ex(context, &options, "SHA256", library->context, NULL, signer->pkey,
                                 NULL) != 1 ||
         EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PADDING) != 1 ||
         EVP_DigestVerify(context, made.data, made.size, (const unsigned char *)"", 0) != 1)) {
        status = bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID,
                          "the private key is damaged: what it signs does not hold");
    }
    EVP_MD_CTX_free(context);
    bsi_buf_dispose(&made);
    return status;
}

bs_status bsi_rsa_signer_new(bsi_slice pem, bsi_rsa_signer **out)
{
    const bsi_libcrypto *library = NULL;
    bsi_rsa_signer *signer = NULL;
    bs_status status = bsi_libcrypto_get(&library);

    if (status < 0) {
        return status;
    }
    signer = bsi_calloc(1, sizeof(*signer));
    if (!signer) {
        return BS_E_NOMEM;
    }
    bsi_libcrypto_mark();
    signer->pkey =
        pem.size <= PEM_MAX ? bsi_pem_decode(library, pem, EVP_PKEY_KEYPAIR, NULL) : NULL;
    status = check_key(signer->pkey);
    if (status == BS_OK) {
        status = prove(library, signer);
    }
    bsi_libcrypto_cut();
    if (status < 0) {
        bsi_rsa_signer_free(signer);
        return status;
    }
    *out = signer;
    return BS_OK;
}

void bsi_rsa_signer_free(bsi_rsa_signer *signer)
{
    if (signer) {
        EVP_PKEY_free(signer->pkey);
        bsi_free(signer);
    }
}

bs_status bsi_rsa_sign(const bsi_rsa_signer *signer, const void *message, size_t size, bsi_buf *out)
{
    const bsi_libcrypto *library = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_libcrypto_get(&library));
    BSI_TRY(bsi_buf_reserve(out, (size_t)EVP_PKEY_get_size(signer->pkey)));
    bsi_libcrypto_mark();
    status = sign_into(library, signer, message, size, out);
    bsi_libcrypto_cut();
    return status;
}
