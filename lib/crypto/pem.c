/* SPDX-License-Identifier: MIT */
/*
 * Keys in PEM, decoded by libcrypto in its own context, and written.
 */
#include "crypto/pem_int.h"

#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
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

bs_status bsi_pem_write_public(const struct evp_pkey_st *pkey, bsi_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const char *text = NULL;
    long size = 0;
    bs_status status = BS_OK;

    if (bio && PEM_write_bio_PUBKEY(bio, pkey) == 1) {
        size = BIO_get_mem_data(bio, &text);
    }
    status = size > 0 ? bsi_buf_append(out, text, (size_t)size)
                      : bsi_libcrypto_fail("writing a public key");
    BIO_free(bio);
    return status;
}
