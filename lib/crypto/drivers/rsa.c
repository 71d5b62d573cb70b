/* SPDX-License-Identifier: MIT */
/*
 * RSA keys in PEM, with OAEP (RFC 8017, 7.1) over SHA-256, for the mask too.
 * OAEP has no room for authenticated data besides; the key set's own
 * authenticator binds a slot to its backup.
 *
 *     body: fingerprint 16 | data key under OAEP, as long as the modulus
 *
 * A private key lies in libcrypto's own memory, which is wiped when it is freed.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/cipher_int.h"
#include "crypto/libcrypto_int.h"
#include "crypto/pem_int.h"
#include "hash/sha256.h"

enum {
    BITS_MIN = 3072,
    BITS_MAX = 16384,     /* The most that libcrypto works with. */
    EXPONENT_MIN = 65537, /* SP 800-56B, 6.2. */
    EXPONENT_BITS_MAX = 64,
    PEM_MAX = 64 * 1024,
    LABEL_MAX = 40, /* Of PEM: "ENCRYPTED PRIVATE KEY" and such. */
};

static const char pem_begin[] = "-----BEGIN ";
static const char pem_dashes[] = "-----";

typedef struct rsa_key {
    bsi_key base;
    EVP_PKEY *pkey;
    uint8_t fingerprint[BSI_FINGERPRINT_BYTES];
} rsa_key;

/* What PEM calls the things that a key is taken from. */
typedef enum pem_content { PEM_PUBLIC, PEM_CERTIFICATE, PEM_PRIVATE } pem_content;

static const struct {
    const char *label;
    pem_content content;
} pem_labels[] = {
    {"PUBLIC KEY", PEM_PUBLIC},       {"RSA PUBLIC KEY", PEM_PUBLIC},
    {"CERTIFICATE", PEM_CERTIFICATE}, {"PRIVATE KEY", PEM_PRIVATE},
    {"RSA PRIVATE KEY", PEM_PRIVATE}, {"ENCRYPTED PRIVATE KEY", PEM_PRIVATE},
};

static bs_status refuse(const char *text)
{
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID, "%s", text);
}

static bsi_slice from(bsi_slice text, size_t at)
{
    return (bsi_slice){text.data + at, text.size - at};
}

static bsi_slice without_space(bsi_slice text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.data[0]) && text.data[0] != '\0') {
        text = from(text, 1);
    }
    return text;
}

static bool begins_with(bsi_slice text, const char *with)
{
    return text.size >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

/* Where `what` first stands in the text; its size when nowhere. */
static size_t find(bsi_slice text, const char *what)
{
    const char *at = text.data ? memmem(text.data, text.size, what, strlen(what)) : NULL;

    return at ? (size_t)(at - text.data) : text.size;
}

bool bsi_key_text_is_pem(bsi_slice text)
{
    return begins_with(without_space(text), pem_begin);
}

/* One block, and nothing but white space around it; its label. */
static bs_status check_block(bsi_slice pem, char label[LABEL_MAX + 1])
{
    bsi_slice rest = without_space(pem);
    char end[LABEL_MAX + 32];
    size_t size = 0;

    if (!begins_with(rest, pem_begin)) {
        return refuse("no key in PEM: '-----BEGIN ' does not come first");
    }
    rest = from(rest, strlen(pem_begin));
    size = find(rest, pem_dashes);
    if (size == rest.size || size == 0 || size > LABEL_MAX) {
        return refuse("the key in PEM is cut short or damaged");
    }
    memcpy(label, rest.data, size);
    label[size] = '\0';
    (void)snprintf(end, sizeof(end), "\n-----END %s-----", label);
    size = find(rest, end);
    if (size == rest.size) {
        return refuse("the key in PEM is cut short or damaged");
    }
    rest = without_space(from(rest, size + strlen(end)));
    if (find(rest, pem_begin) != rest.size) {
        return refuse("more than one key in one PEM file");
    }
    return rest.size == 0 ? BS_OK : refuse("something follows the key in PEM");
}

static bs_status content_of(const char *label, pem_content *out)
{
    char printed[4 * LABEL_MAX + 1];

    for (size_t i = 0; i < BSI_ARRAY_SIZE(pem_labels); i++) {
        if (strcmp(label, pem_labels[i].label) == 0) {
            *out = pem_labels[i].content;
            return BS_OK;
        }
    }
    return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID,
                    "'%s' is not an RSA key; wanted is a public key, certificate or private key",
                    bsi_printable(label, strlen(label), printed, sizeof(printed)));
}

static bool is_encrypted(bsi_slice pem)
{
    return find(pem, "-----BEGIN ENCRYPTED ") != pem.size || find(pem, "4,ENCRYPTED") != pem.size;
}

static EVP_PKEY *decode_certificate(const bsi_libcrypto *library, bsi_slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    X509 *certificate = X509_new_ex(library->context, NULL);
    EVP_PKEY *pkey = NULL;

    if (bio && certificate && PEM_read_bio_X509(bio, &certificate, bsi_pem_passphrase, NULL)) {
        pkey = X509_get_pubkey(certificate);
    }
    X509_free(certificate);
    BIO_free(bio);
    return pkey;
}

static bs_status decode(const bsi_libcrypto *library, bsi_slice pem, const bsi_secret *passphrase,
                        rsa_key *key)
{
    char label[LABEL_MAX + 1];
    pem_content content = PEM_PUBLIC;
    int selection = 0;

    if (pem.size > PEM_MAX) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID, "a key in PEM has at most %d bytes",
                        PEM_MAX);
    }
    BSI_TRY(check_block(pem, label));
    BSI_TRY(content_of(label, &content));
    if (is_encrypted(pem) && !passphrase) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                        "the private key is encrypted, and its pass phrase was not given");
    }
    selection = content == PEM_PRIVATE ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    key->pkey = content == PEM_CERTIFICATE ? decode_certificate(library, pem)
                                           : bsi_pem_decode(library, pem, selection, passphrase);
    if (!key->pkey && is_encrypted(pem)) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY,
                        "the pass phrase of the private key is wrong, or the key is damaged");
    }
    key->base.can_open = content == PEM_PRIVATE;
    return key->pkey ? BS_OK : refuse("the key in PEM is damaged, or of a kind that is not known");
}

static bs_status check_exponent(const EVP_PKEY *pkey)
{
    BIGNUM *exponent = NULL;
    bool good = false;

    if (!EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent)) {
        return bsi_libcrypto_fail("reading an RSA key");
    }
    good = BN_is_odd(exponent) && BN_num_bits(exponent) <= EXPONENT_BITS_MAX &&
           BN_get_word(exponent) >= EXPONENT_MIN;
    BN_free(exponent);
    return good ? BS_OK : refuse("the RSA key's exponent is not odd and at least 65537");
}

/* The checks of SP 800-56B, and of a private key that it belongs to the public one. */
static bs_status check_numbers(const bsi_libcrypto *library, const rsa_key *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(library->context, key->pkey, NULL);
    bs_status status = BS_OK;

    if (!context) {
        return bsi_libcrypto_fail("checking an RSA key");
    }
    if (EVP_PKEY_public_check(context) != 1 ||
        (key->base.can_open && EVP_PKEY_pairwise_check(context) != 1)) {
        status = refuse("the RSA key is damaged: its numbers are not those of a key");
    }
    EVP_PKEY_CTX_free(context);
    return status;
}

static bs_status check_key(const bsi_libcrypto *library, const rsa_key *key)
{
    const int bits = EVP_PKEY_get_bits(key->pkey);

    if (!EVP_PKEY_is_a(key->pkey, "RSA")) {
        return refuse("not an RSA key; other kinds can not decrypt");
    }
    if (bits < BITS_MIN || bits > BITS_MAX) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_INVALID,
                        "the RSA key has %d bits; wanted are %d to %d", bits, BITS_MIN, BITS_MAX);
    }
    BSI_TRY(check_exponent(key->pkey));
    return check_numbers(library, key);
}

static bs_status take_fingerprint(rsa_key *key)
{
    unsigned char *der = NULL;
    const int size = i2d_PUBKEY(key->pkey, &der);
    bsi_digest digest;

    if (size <= 0) {
        return bsi_libcrypto_fail("reading an RSA key");
    }
    bsi_sha256_of(der, (size_t)size, &digest);
    OPENSSL_free(der);
    memcpy(key->fingerprint, digest.bytes, sizeof(key->fingerprint));
    bsi_fingerprint_format(key->fingerprint, key->base.fingerprint);
    return BS_OK;
}

static bs_status rsa_open(bsi_key *self, bsi_slice text, const bsi_secret *passphrase)
{
    rsa_key *key = (rsa_key *)self;
    const bsi_libcrypto *library = NULL;
    bs_status status = bsi_libcrypto_get(&library);

    if (status < 0) {
        return status;
    }
    bsi_libcrypto_mark();
    status = decode(library, text, passphrase, key);
    if (status == BS_OK) {
        status = check_key(library, key);
    }
    if (status == BS_OK) {
        status = take_fingerprint(key);
    }
    bsi_libcrypto_cut();
    return status;
}

static void rsa_close(bsi_key *self)
{
    EVP_PKEY_free(((rsa_key *)self)->pkey);
}

static size_t modulus_size(const rsa_key *key)
{
    return (size_t)EVP_PKEY_get_size(key->pkey);
}

static size_t rsa_body_size(const bsi_key *self)
{
    return BSI_FINGERPRINT_BYTES + modulus_size((const rsa_key *)self);
}

static bs_status rsa_check(bsi_slice body, bsi_slot_facts *out)
{
    if (body.size < BSI_FINGERPRINT_BYTES + BITS_MIN / 8 ||
        body.size > BSI_FINGERPRINT_BYTES + BITS_MAX / 8) {
        return bsi_fail(BS_LAYER_CRYPTO, BS_E_CORRUPT, "no slot of an RSA key");
    }
    bsi_fingerprint_format((const uint8_t *)body.data, out->fingerprint);
    return BS_OK;
}

/* Either of EVP_PKEY_encrypt_init_ex() and EVP_PKEY_decrypt_init_ex(). */
typedef int (*init_function)(EVP_PKEY_CTX *context, const OSSL_PARAM params[]);

/* NULL: libcrypto failed. */
static EVP_PKEY_CTX *begin_oaep(const bsi_libcrypto *library, const rsa_key *key,
                                init_function init)
{
    static char mode[] = OSSL_PKEY_RSA_PAD_MODE_OAEP;
    static char digest[] = "SHA256";
    static char label[] = "bsvc1 file-key";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, mode, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, digest, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, label,
                                          sizeof(label) - 1),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(library->context, key->pkey, NULL);

    if (!context || init(context, params) != 1) {
        EVP_PKEY_CTX_free(context);
        return NULL;
    }
    return context;
}

static bs_status rsa_wrap(bsi_key *self, const bsi_slot_frame *frame, const bsi_keyset_cost *cost,
                          const bsi_secret *data_key)
{
    const rsa_key *key = (const rsa_key *)self;
    const bsi_libcrypto *library = NULL;
    uint8_t *body = frame->bytes + frame->head;
    EVP_PKEY_CTX *context = NULL;
    size_t size = modulus_size(key);
    bs_status status = BS_OK;

    (void)cost;
    BSI_CHECK(bsi_secret_is_intact(data_key));
    BSI_TRY(bsi_libcrypto_get(&library));
    memcpy(body, key->fingerprint, sizeof(key->fingerprint));
    bsi_libcrypto_mark();
    context = begin_oaep(library, key, EVP_PKEY_encrypt_init_ex);
    if (!context ||
        EVP_PKEY_encrypt(context, body + BSI_FINGERPRINT_BYTES, &size, bsi_secret_view(data_key),
                         bsi_secret_size(data_key)) != 1 ||
        size != modulus_size(key)) {
        status = bsi_libcrypto_fail("RSA-OAEP");
    }
    EVP_PKEY_CTX_free(context);
    bsi_libcrypto_cut();
    return status;
}

/* Into `plain`, which has room for a modulus. One error for whatever does not fit. */
static bs_status decrypt(const bsi_libcrypto *library, const rsa_key *key, const uint8_t *in,
                         size_t in_size, bsi_secret *plain)
{
    EVP_PKEY_CTX *context = NULL;
    size_t size = bsi_secret_size(plain);
    bs_status status = BS_OK;

    bsi_libcrypto_mark();
    context = begin_oaep(library, key, EVP_PKEY_decrypt_init_ex);
    if (!context) {
        status = bsi_libcrypto_fail("RSA-OAEP");
    } else if (EVP_PKEY_decrypt(context, bsi_secret_bytes(plain), &size, in, in_size) != 1 ||
               size != BSI_DATA_KEY_SIZE) {
        status = bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "the key does not fit the slot");
    }
    EVP_PKEY_CTX_free(context);
    bsi_libcrypto_cut();
    return status;
}

static bs_status rsa_unwrap(bsi_key *self, const bsi_slot_frame *frame, bsi_secret **data_key_out)
{
    const rsa_key *key = (const rsa_key *)self;
    const bsi_libcrypto *library = NULL;
    const size_t skip = frame->head + BSI_FINGERPRINT_BYTES;
    bsi_secret *plain = NULL;
    bs_status status = bsi_libcrypto_get(&library);

    if (status == BS_OK) {
        status = bsi_secret_new(modulus_size(key), &plain);
    }
    if (status == BS_OK) {
        status = decrypt(library, key, frame->bytes + skip, frame->size - skip, plain);
    }
    if (status == BS_OK) {
        status = bsi_secret_copy(bsi_secret_view(plain), BSI_DATA_KEY_SIZE, data_key_out);
    }
    bsi_secret_free(plain);
    return status;
}

static bs_status rsa_public_pem(const bsi_key *self, bsi_buf *out)
{
    bs_status status = BS_OK;

    bsi_libcrypto_mark();
    status = bsi_pem_write_public(((const rsa_key *)self)->pkey, out);
    bsi_libcrypto_cut();
    return status;
}

const bsi_cipher_driver bsi_cipher_driver_rsa = {
    .kind = BSI_KEY_RSA,
    .name = "rsa",
    .self_size = sizeof(rsa_key),
    .open = rsa_open,
    .close = rsa_close,
    .body_size = rsa_body_size,
    .check = rsa_check,
    .wrap = rsa_wrap,
    .unwrap = rsa_unwrap,
    .public_pem = rsa_public_pem,
};
