/* SPDX-License-Identifier: MIT */
/*
 * Keys in PEM, decoded by libcrypto in its own context.
 */
#include "crypto/pem_int.h"

#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <string.h>

int bsi_pem_passphrase(char *buf, int size, int writing, void *user)
{
    const bsi_secret *passphrase = user;

    (void)writing;
    if (!passphrase || bsi_secret_size(passphrase) > (size_t)size) {
        return -1;
    }
    memcpy(buf, bsi_secret_view(passphrase), bsi_secret_size(passphrase));
    return (int)bsi_secret_size(passphrase);
}

struct evp_pkey_st *bsi_pem_decode(const bsi_libcrypto *library, bsi_slice pem, int selection,
                                   const bsi_secret *passphrase)
{
    union {
        const bsi_secret *in;
        void *out;
    } user = {.in = passphrase};
    const unsigned char *at = (const unsigned char *)pem.data;
    size_t left = pem.size;
    EVP_PKEY *pkey = NULL;
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&pkey, "PEM", NULL, NULL, selection, library->context, NULL);

    if (decoder && OSSL_DECODER_CTX_set_pem_password_cb(decoder, bsi_pem_passphrase, user.out)) {
        (void)OSSL_DECODER_from_data(decoder, &at, &left); /* The key is there, or it is not. */
    }
    OSSL_DECODER_CTX_free(decoder);
    return pkey;
}
