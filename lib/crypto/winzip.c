/* SPDX-License-Identifier: MIT */
/*
 * AE-2 over libcrypto. It has no counter mode with a little-endian counter: so
 * counters are encrypted in runs of blocks, and what comes out is put over the
 * bytes here.
 */
#include "crypto/winzip.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/endian.h"
#include "crypto/libcrypto_int.h"
#include "os/random.h"

enum {
    SALT_SIZE = 16,
    VERIFIER_SIZE = 2,
    KEY_SIZE = 32,
    DERIVED_SIZE = 2 * KEY_SIZE + VERIFIER_SIZE, /* For AES, for the HMAC, the verifier. */
    ROUNDS = 1000,
    BLOCK = 16,
    RUN = 256 * BLOCK,
    MAC_SIZE = 20, /* Of which the first half is written. */
};

_Static_assert(SALT_SIZE + VERIFIER_SIZE == BSI_WINZIP_HEAD_SIZE, "what a member begins with");

struct bsi_winzip {
    const bsi_libcrypto *library;
    bsi_secret *phrase;
    bsi_secret *derived; /* Of the present member. */
    bsi_secret *run;     /* What its counters became. */
    EVP_CIPHER_CTX *cipher;
    EVP_MAC_CTX *mac;
    uint64_t at; /* Bytes written of it. */
};

static bs_status make_contexts(bsi_winzip *winzip)
{
    bs_status status = BS_OK;

    bsi_libcrypto_mark();
    winzip->cipher = EVP_CIPHER_CTX_new();
    winzip->mac = EVP_MAC_CTX_new(winzip->library->hmac);
    if (!winzip->cipher || !winzip->mac) {
        status = bsi_libcrypto_fail("AES-256 and HMAC-SHA1");
    }
    bsi_libcrypto_cut();
    return status;
}

static bs_status prepare(bsi_winzip *winzip, const bsi_secret *phrase)
{
    BSI_TRY(bsi_libcrypto_get(&winzip->library));
    BSI_TRY(bsi_secret_copy(bsi_secret_view(phrase), bsi_secret_size(phrase), &winzip->phrase));
    BSI_TRY(bsi_secret_new(DERIVED_SIZE, &winzip->derived));
    BSI_TRY(bsi_secret_new(RUN, &winzip->run));
    return make_contexts(winzip);
}

bs_status bsi_winzip_new(const bsi_secret *phrase, bsi_winzip **out)
{
    bsi_winzip *winzip = bsi_calloc(1, sizeof(*winzip));
    bs_status status = winzip ? prepare(winzip, phrase) : BS_E_NOMEM;

    if (status < 0) {
        bsi_winzip_free(winzip);
        return status;
    }
    *out = winzip;
    return BS_OK;
}

void bsi_winzip_free(bsi_winzip *winzip)
{
    if (winzip) {
        EVP_CIPHER_CTX_free(winzip->cipher);
        EVP_MAC_CTX_free(winzip->mac);
        bsi_secret_free(winzip->run);
        bsi_secret_free(winzip->derived);
        bsi_secret_free(winzip->phrase);
        bsi_free(winzip);
    }
}

/* --- Keys --- */

static bool derives(const bsi_winzip *winzip, const uint8_t salt[SALT_SIZE])
{
    static char digest[] = "SHA1"; /* OSSL_PARAM does not know const. */
    uint8_t salt_copy[SALT_SIZE];
    unsigned rounds = ROUNDS;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, bsi_secret_bytes(winzip->phrase),
                                          bsi_secret_size(winzip->phrase)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt_copy, SALT_SIZE),
        OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &rounds),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(winzip->library->pbkdf2);
    bool good = false;

    memcpy(salt_copy, salt, SALT_SIZE);
    good = context &&
           EVP_KDF_derive(context, bsi_secret_bytes(winzip->derived), DERIVED_SIZE, params) == 1;
    EVP_KDF_CTX_free(context);
    return good;
}

static bool takes_keys(const bsi_winzip *winzip)
{
    static char digest[] = "SHA1";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    const uint8_t *keys = bsi_secret_view(winzip->derived);

    return EVP_EncryptInit_ex2(winzip->cipher, winzip->library->aes_256_ecb, keys, NULL, NULL) &&
           EVP_CIPHER_CTX_set_padding(winzip->cipher, 0) &&
           EVP_MAC_init(winzip->mac, keys + KEY_SIZE, KEY_SIZE, params) == 1;
}

static bs_status use_salt(bsi_winzip *winzip, const uint8_t salt[SALT_SIZE])
{
    bs_status status = BS_OK;

    BSI_CHECK(bsi_secret_is_intact(winzip->phrase));
    bsi_libcrypto_mark();
    if (!derives(winzip, salt) || !takes_keys(winzip)) {
        status = bsi_libcrypto_fail("the keys of a zip file's member");
    }
    bsi_libcrypto_cut();
    winzip->at = 0;
    return status;
}

static const uint8_t *verifier(const bsi_winzip *winzip)
{
    return bsi_secret_view(winzip->derived) + (size_t)2 * KEY_SIZE;
}

/* --- Bytes --- */

/* Encrypt `count` counters from that of block `first` on. */
static bool runs(const bsi_winzip *winzip, uint64_t first, size_t count)
{
    uint8_t *run = bsi_secret_bytes(winzip->run);
    int used = 0;

    for (size_t i = 0; i < count; i++) {
        bsi_put_le64(run + i * BLOCK, first + i + 1);
        bsi_put_le64(run + i * BLOCK + BLOCK / 2, 0);
    }
    return EVP_EncryptUpdate(winzip->cipher, run, &used, run, (int)(count * BLOCK)) &&
           (size_t)used == count * BLOCK;
}

/* `in` and `out` may be the same. */
static bool covers(const bsi_winzip *winzip, uint64_t at, const uint8_t *in, size_t size,
                   uint8_t *out)
{
    while (size > 0) {
        const size_t skip = (size_t)(at % BLOCK);
        const size_t part = bsi_min_size(size, RUN - skip);
        const uint8_t *run = bsi_secret_view(winzip->run) + skip;
        if (!runs(winzip, at / BLOCK, (skip + part + BLOCK - 1) / BLOCK)) {
            return false;
        }
        for (size_t i = 0; i < part; i++) {
            out[i] = in[i] ^ run[i];
        }
        at += part;
        in += part;
        out += part;
        size -= part;
    }
    return true;
}

/* --- Writing --- */

bs_status bsi_winzip_begin(bsi_winzip *winzip, uint8_t head[BSI_WINZIP_HEAD_SIZE])
{
    BSI_TRY(bsi_random(head, SALT_SIZE));
    BSI_TRY(use_salt(winzip, head));
    memcpy(head + SALT_SIZE, verifier(winzip), VERIFIER_SIZE);
    return BS_OK;
}

bs_status bsi_winzip_encrypt(bsi_winzip *winzip, const void *plain, size_t size, uint8_t *out)
{
    bs_status status = BS_OK;

    BSI_CHECK(bsi_secret_is_intact(winzip->run));
    bsi_libcrypto_mark();
    if (!covers(winzip, winzip->at, plain, size, out) ||
        EVP_MAC_update(winzip->mac, out, size) != 1) {
        status = bsi_libcrypto_fail("AES-256 and HMAC-SHA1");
    }
    bsi_libcrypto_cut();
    winzip->at += size;
    return status;
}

bs_status bsi_winzip_end(bsi_winzip *winzip, uint8_t tail[BSI_WINZIP_TAIL_SIZE])
{
    uint8_t mac[MAC_SIZE];
    size_t used = 0;
    bs_status status = BS_OK;

    bsi_libcrypto_mark();
    if (EVP_MAC_final(winzip->mac, mac, &used, sizeof(mac)) != 1 || used != sizeof(mac)) {
        status = bsi_libcrypto_fail("HMAC-SHA1");
    } else {
        memcpy(tail, mac, BSI_WINZIP_TAIL_SIZE);
    }
    bsi_libcrypto_cut();
    return status;
}

/* --- Reading --- */

bs_status bsi_winzip_open(bsi_winzip *winzip, const uint8_t head[BSI_WINZIP_HEAD_SIZE])
{
    BSI_TRY(use_salt(winzip, head));
    if (!bsi_secret_equal(head + SALT_SIZE, verifier(winzip), VERIFIER_SIZE)) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT,
                        "what stands before the content was changed, or is under another pass "
                        "phrase");
    }
    return BS_OK;
}

bs_status bsi_winzip_decrypt(bsi_winzip *winzip, uint64_t at, uint8_t *bytes, size_t size)
{
    bs_status status = BS_OK;

    BSI_CHECK(bsi_secret_is_intact(winzip->run));
    bsi_libcrypto_mark();
    if (!covers(winzip, at, bytes, size, bytes)) {
        status = bsi_libcrypto_fail("AES-256");
    }
    bsi_libcrypto_cut();
    return status;
}
