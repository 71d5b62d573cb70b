/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CRYPTO_KEYSET_FIXTURE_H
#define TESTS_UNIT_CRYPTO_KEYSET_FIXTURE_H

#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "crypto/derive_int.h"
#include "crypto/keyset.h"
#include "hash/sha256.h"
#include "os/fault.h"
#include "support/crypto_keys.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"
#define OTHER_ID "01890a5d-ac96-774b-bcce-b302099a8058"

/* Where in a stored set things lie; the format's own page says the same. */
enum {
    AT_VERSION = 8,
    AT_SUITE = 9,
    AT_SLOTS = 10,
    AT_FLAGS = 11,
    AT_PUBLIC_SIZE = 12,
    AT_ID = 16,
    AT_SALT = 32,
    AT_COMMIT = 64,
    AT_NEXT = 96,
    HEAD = 100,
    MAC = 32,
    TAIL = MAC + BSI_SHA256_SIZE,
    SIGNED = BSI_SIGN_KEY_SIZE + BSI_SIGNATURE_SIZE,
    ROOM = BSI_KEYSET_MAX,
};

static const bsi_keyset_cost cheap = {.log_n = 15};
static const bsi_slice public_part = {"{\"a\":1}", 7};

/* One of each kind. */
typedef struct keys {
    bsi_key *passphrase;
    bsi_key *raw;
    bsi_key *rsa;
    bsi_key *rsa_public;
} keys;

static keys made;

static inline int group_setup(void **state)
{
    bsi_secret *text = NULL;

    (void)state;
    assert_ok(bsi_key_from_passphrase(bsi_slice_of("correct horse"), &made.passphrase));
    assert_ok(bsi_key_raw_generate(&text));
    assert_ok(bsi_key_from_raw(
        (bsi_slice){(const char *)bsi_secret_view(text), bsi_secret_size(text)}, &made.raw));
    assert_ok(bsi_key_from_pem(bsi_slice_of(TEST_RSA_PRIVATE), NULL, &made.rsa));
    assert_ok(bsi_key_from_pem(bsi_slice_of(TEST_RSA_PUBLIC), NULL, &made.rsa_public));
    bsi_secret_free(text);
    return 0;
}

static inline int group_teardown(void **state)
{
    (void)state;
    bsi_key_unref(made.passphrase);
    bsi_key_unref(made.raw);
    bsi_key_unref(made.rsa);
    bsi_key_unref(made.rsa_public);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    return 0;
}

static inline bsi_keyset *make_raw(const char *id)
{
    bsi_keyset *keyset = NULL;

    assert_ok(bsi_keyset_create(id, &made.raw, 1, NULL, &keyset));
    assert_ok(bsi_keyset_publish(keyset, public_part, NULL));
    return keyset;
}

static inline bsi_signer *make_signer(void)
{
    bsi_secret *seed = NULL;
    bsi_signer *signer = NULL;

    assert_ok(bsi_secret_random(BSI_SIGN_KEY_SIZE, &seed));
    assert_ok(bsi_signer_new(seed, &signer));
    bsi_secret_free(seed);
    return signer;
}

static inline void encode(bsi_keyset *keyset, bsi_buf *out)
{
    bsi_buf_init(out, ROOM);
    assert_ok(bsi_keyset_encode(keyset, out));
}

/* Parse and open stored bytes. */
static inline bs_status read_with(const void *data, size_t size, bsi_key *key)
{
    bsi_keyset *keyset = NULL;
    bs_status status = bsi_keyset_parse(data, size, &keyset);

    if (status == BS_OK) {
        status = bsi_keyset_open(keyset, &key, 1);
        assert_int_equal(bsi_keyset_is_open(keyset), status == BS_OK);
    }
    bsi_keyset_free(keyset);
    return status;
}

/* What anybody can do who changed a stored set. */
static inline void fix_checksum(bsi_buf *stored)
{
    bsi_digest digest;

    bsi_sha256_of(stored->data, stored->size - BSI_SHA256_SIZE, &digest);
    memcpy(stored->data + stored->size - BSI_SHA256_SIZE, digest.bytes, BSI_SHA256_SIZE);
}

/* What only those can do who have the data key. */
static inline void fix_mac(bsi_buf *stored, const bsi_secret *data_key)
{
    bsi_secret *key = NULL;

    assert_ok(bsi_hkdf_secret(data_key, stored->data + AT_SALT, "bsvc1 keyset", &key));
    assert_ok(bsi_hmac(key, stored->data, stored->size - TAIL, stored->data + stored->size - TAIL));
    bsi_secret_free(key);
    fix_checksum(stored);
}

/* Store, read back and open with one key. */
static inline bs_status reopen(bsi_keyset *keyset, bsi_key *key, bsi_keyset **out)
{
    bsi_buf stored;
    bs_status status = BS_OK;

    bsi_buf_init(&stored, BSI_KEYSET_MAX);
    assert_ok(bsi_keyset_encode(keyset, &stored));
    assert_ok(bsi_keyset_parse(stored.data, stored.size, out));
    bsi_buf_dispose(&stored);
    status = bsi_keyset_open(*out, &key, 1);
    if (status < 0) {
        bsi_keyset_free(*out);
        *out = NULL;
    }
    return status;
}

#endif
