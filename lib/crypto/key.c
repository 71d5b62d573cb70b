/* SPDX-License-Identifier: MIT */
/*
 * Keys over their drivers: the registry, the references, and what the drivers
 * have in common.
 */
#include "crypto/key.h"

#include <string.h>

#include "base/alloc.h"
#include "crypto/cipher_int.h"
#include "crypto/derive_int.h"
#include "crypto/gcm_int.h"
#include "hash/sha256.h"
#include "os/random.h"

static const bsi_cipher_driver *const drivers[] = {
    &bsi_cipher_driver_passphrase,
    &bsi_cipher_driver_raw,
    &bsi_cipher_driver_rsa,
};

static const uint8_t zero_nonce[BSI_GCM_NONCE_SIZE];

_Static_assert((int)BSI_WRAP_SALT_SIZE == (int)BSI_SALT_SIZE, "HKDF takes a slot's salt");
_Static_assert((int)BSI_DATA_KEY_SIZE == (int)BSI_DERIVED_SIZE, "a data key is a key of AES-256");

const bsi_cipher_driver *bsi_cipher_driver_of(unsigned kind)
{
    for (size_t i = 0; i < BSI_ARRAY_SIZE(drivers); i++) {
        if ((unsigned)drivers[i]->kind == kind) {
            return drivers[i];
        }
    }
    return NULL;
}

static bs_status key_open(const bsi_cipher_driver *driver, bsi_slice text,
                          const bsi_secret *passphrase, bsi_key **out)
{
    bsi_key *key = bsi_calloc(1, driver->self_size);
    bs_status status = BS_OK;

    if (!key) {
        return BS_E_NOMEM;
    }
    key->driver = driver;
    atomic_init(&key->refs, 1);
    status = driver->open(key, text, passphrase);
    if (status < 0) {
        bsi_key_unref(key);
        return status;
    }
    *out = key;
    return BS_OK;
}

bs_status bsi_key_from_passphrase(bsi_slice passphrase, bsi_key **out)
{
    return key_open(&bsi_cipher_driver_passphrase, passphrase, NULL, out);
}

bs_status bsi_key_from_raw(bsi_slice text, bsi_key **out)
{
    return key_open(&bsi_cipher_driver_raw, text, NULL, out);
}

bs_status bsi_key_from_pem(bsi_slice pem, const bsi_secret *passphrase, bsi_key **out)
{
    return key_open(&bsi_cipher_driver_rsa, pem, passphrase, out);
}

bsi_key *bsi_key_ref(bsi_key *key)
{
    atomic_fetch_add(&key->refs, 1);
    return key;
}

void bsi_key_unref(bsi_key *key)
{
    if (key && atomic_fetch_sub(&key->refs, 1) == 1) {
        key->driver->close(key);
        bsi_free(key);
    }
}

bsi_key_kind bsi_key_kind_of(const bsi_key *key)
{
    return key->driver->kind;
}

const char *bsi_key_kind_name(bsi_key_kind kind)
{
    const bsi_cipher_driver *driver = bsi_cipher_driver_of((unsigned)kind);

    return driver ? driver->name : "unknown";
}

const bsi_secret *bsi_key_phrase(const bsi_key *key)
{
    return key->driver->phrase ? key->driver->phrase(key) : NULL;
}

bool bsi_key_can_open(const bsi_key *key)
{
    return key->can_open;
}

void bsi_key_fingerprint(const bsi_key *key, char out[BSI_FINGERPRINT_SIZE])
{
    memcpy(out, key->fingerprint, BSI_FINGERPRINT_SIZE);
}

bs_status bsi_key_public_pem(const bsi_key *key, bsi_buf *out)
{
    return key->driver->public_pem
               ? key->driver->public_pem(key, out)
               : bsi_fail(BS_LAYER_CRYPTO, BS_E_UNSUPPORTED, "only RSA keys have a public half");
}

void bsi_fingerprint_format(const uint8_t bytes[BSI_FINGERPRINT_BYTES],
                            char out[BSI_FINGERPRINT_SIZE])
{
    bsi_digest digest = {{0}};
    char text[2 * BSI_SHA256_SIZE + 1];

    memcpy(digest.bytes, bytes, BSI_FINGERPRINT_BYTES);
    bsi_digest_format(&digest, text);
    memcpy(out, text, BSI_FINGERPRINT_SIZE - 1);
    out[BSI_FINGERPRINT_SIZE - 1] = '\0';
}

/* Where in a slot the salt begins, and behind it the wrapped key. */
static size_t wrap_at(const bsi_slot_frame *frame)
{
    return frame->size - BSI_WRAP_SIZE;
}

static bsi_gcm_bound wrap_bound(const bsi_slot_frame *frame)
{
    const char *bytes = (const char *)frame->bytes;

    return (bsi_gcm_bound){
        .nonce = zero_nonce,
        .first = {(const char *)frame->owner, BSI_SLOT_OWNER_SIZE},
        .second = {bytes, wrap_at(frame) + BSI_WRAP_SALT_SIZE},
    };
}

bs_status bsi_wrap_data_key(const bsi_secret *key, const char *info, const bsi_slot_frame *frame,
                            const bsi_secret *data_key)
{
    uint8_t *salt = frame->bytes + wrap_at(frame);
    const bsi_gcm_bound bound = wrap_bound(frame);
    bsi_secret *wrapping = NULL;
    bs_status status = bsi_random(salt, BSI_WRAP_SALT_SIZE);

    BSI_CHECK(bsi_secret_is_intact(data_key));
    if (status == BS_OK) {
        status = bsi_hkdf_secret(key, salt, info, &wrapping);
    }
    if (status == BS_OK) {
        status = bsi_gcm_seal(wrapping, &bound, bsi_secret_view(data_key), BSI_DATA_KEY_SIZE,
                              salt + BSI_WRAP_SALT_SIZE);
    }
    bsi_secret_free(wrapping);
    return status;
}

bs_status bsi_unwrap_data_key(const bsi_secret *key, const char *info, const bsi_slot_frame *frame,
                              bsi_secret **data_key_out)
{
    const uint8_t *salt = frame->bytes + wrap_at(frame);
    const bsi_gcm_bound bound = wrap_bound(frame);
    bsi_secret *wrapping = NULL;
    bsi_secret *data_key = NULL;
    bs_status status = bsi_hkdf_secret(key, salt, info, &wrapping);

    if (status == BS_OK) {
        status = bsi_secret_new(BSI_DATA_KEY_SIZE, &data_key);
    }
    if (status == BS_OK) {
        status = bsi_gcm_open(wrapping, &bound, salt + BSI_WRAP_SALT_SIZE, BSI_DATA_KEY_SIZE,
                              bsi_secret_bytes(data_key));
    }
    bsi_secret_free(wrapping);
    if (status == BS_E_CORRUPT) {
        status = bsi_fail(BS_LAYER_CRYPTO, BS_E_KEY, "the key does not fit the slot");
    }
    if (status < 0) {
        bsi_secret_free(data_key);
        return status;
    }
    *data_key_out = data_key;
    return BS_OK;
}
