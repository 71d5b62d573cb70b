/* SPDX-License-Identifier: MIT */
/*
 * New RSA keys in PEM. What libcrypto writes of the private half goes through
 * its secure memory, where the program has that, and is wiped.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "crypto/key.h"
#include "crypto/libcrypto_int.h"
#include "crypto/pem_int.h"

enum {
    BITS_MIN = 3072,
    BITS_MAX = 8192,
    SCRYPT_N = 1 << 14, /* Readers of PEM allow libcrypto less than 32 MiB: this takes half. */
    SCRYPT_R = 8,
    SCRYPT_P = 5,          /* Time instead of memory. */
    PASSPHRASE_MAX = 1024, /* What libcrypto has room for when it reads the key again. */
};

static EVP_PKEY *make(const bsi_libcrypto *library, unsigned bits)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(library->context, "RSA", NULL);
    EVP_PKEY *pkey = NULL;

    if (context && EVP_PKEY_keygen_init(context) == 1 &&
        EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)bits) == 1) {
        (void)EVP_PKEY_generate(context, &pkey); /* The key is there, or it is not. */
    }
    EVP_PKEY_CTX_free(context);
    return pkey;
}

/* NULL: no memory. */
static X509_SIG *seal(const bsi_libcrypto *library, PKCS8_PRIV_KEY_INFO *info,
                      const bsi_secret *passphrase)
{
    X509_ALGOR *scheme =
        PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
    X509_SIG *sealed = NULL;

    if (scheme) {
        sealed = PKCS8_set0_pbe_ex((const char *)bsi_secret_view(passphrase),
                                   (int)bsi_secret_size(passphrase), info, scheme, library->context,
                                   NULL);
    }
    if (!sealed) {
        X509_ALGOR_free(scheme);
    }
    return sealed;
}

static bool write_private(const bsi_libcrypto *library, const EVP_PKEY *pkey,
                          const bsi_secret *passphrase, BIO *bio)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    X509_SIG *sealed = info && passphrase ? seal(library, info, passphrase) : NULL;
    bool done = false;

    if (sealed) {
        done = PEM_write_bio_PKCS8(bio, sealed) == 1;
    } else if (info && !passphrase) {
        done = PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, info) == 1;
    }
    X509_SIG_free(sealed);
    PKCS8_PRIV_KEY_INFO_free(info);
    return done;
}

static bs_status take_private(const bsi_libcrypto *library, const EVP_PKEY *pkey,
                              const bsi_secret *passphrase, bsi_secret **out)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    const char *text = NULL;
    long size = 0;
    bs_status status = BS_OK;

    if (bio && write_private(library, pkey, passphrase, bio)) {
        size = BIO_get_mem_data(bio, &text);
    }
    status = size > 0 ? bsi_secret_copy(text, (size_t)size, out)
                      : bsi_libcrypto_fail("writing a private key");
    BIO_free(bio);
    return status;
}

static bs_status generate(const bsi_libcrypto *library, unsigned bits, const bsi_secret *passphrase,
                          bsi_secret **private_out, bsi_buf *public_out)
{
    EVP_PKEY *pkey = make(library, bits);
    bsi_secret *secret = NULL;
    bs_status status = pkey ? take_private(library, pkey, passphrase, &secret)
                            : bsi_libcrypto_fail("making an RSA key");

    if (status >= 0) {
        status = bsi_pem_write_public(pkey, public_out);
    }
    EVP_PKEY_free(pkey);
    if (status < 0) {
        bsi_secret_free(secret);
        return status;
    }
    *private_out = secret;
    return BS_OK;
}

bs_status bsi_key_rsa_generate(unsigned bits, const bsi_secret *passphrase,
                               bsi_secret **private_out, bsi_buf *public_out)
{
    const bsi_libcrypto *library = NULL;
    bs_status status = BS_OK;

    if (bits < BITS_MIN || bits > BITS_MAX || bits % 8 != 0) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID,
                        "an RSA key has %d to %d bits, a multiple of 8; not %u", BITS_MIN, BITS_MAX,
                        bits);
    }
    if (passphrase && bsi_secret_size(passphrase) > PASSPHRASE_MAX) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID,
                        "the pass phrase of an RSA key has at most %d bytes", PASSPHRASE_MAX);
    }
    BSI_TRY(bsi_libcrypto_get(&library));
    bsi_libcrypto_mark();
    status = generate(library, bits, passphrase, private_out, public_out);
    bsi_libcrypto_cut();
    return status;
}
