/* SPDX-License-Identifier: MIT */
#include "support/seal.h"

#include "support/crypto_keys.h"
#include "support/test.h"

static void make_signer(test_seal *out)
{
    bsi_secret *seed = NULL;

    assert_ok(bsi_secret_random(32, &seed));
    assert_ok(bsi_signer_new(seed, &out->signer));
    out->signer_key = *bsi_signer_public(out->signer);
    bsi_secret_free(seed);
}

void test_seal_passphrase(test_seal *out)
{
    *out = (test_seal){.encryption = BSI_ENCRYPTION_AES256};
    assert_ok(bsi_key_from_passphrase(bsi_slice_of("a horse, a staple"), &out->wrap_key));
    out->open_key = bsi_key_ref(out->wrap_key);
}

void test_seal_raw_key(test_seal *out)
{
    static const char raw[] =
        "bsvc-key-1 aa0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    *out = (test_seal){.encryption = BSI_ENCRYPTION_AES256};
    assert_ok(bsi_key_from_raw(bsi_slice_of(raw), &out->wrap_key));
    out->open_key = bsi_key_ref(out->wrap_key);
}

/* Libcrypto takes its time for the checks of a key: once in a process is enough. */
static bsi_key *key_of(const char *pem, bsi_key **known)
{
    if (!*known) {
        assert_ok(bsi_key_from_pem(bsi_slice_of(pem), NULL, known));
    }
    return bsi_key_ref(*known);
}

void test_seal_rsa(test_seal *out)
{
    static bsi_key *public_key;
    static bsi_key *private_key;

    *out = (test_seal){.encryption = BSI_ENCRYPTION_RSA};
    out->wrap_key = key_of(TEST_RSA_PUBLIC, &public_key);
    out->open_key = key_of(TEST_RSA_PRIVATE, &private_key);
    make_signer(out);
}

void test_seal_dispose(test_seal *seal)
{
    bsi_key_unref(seal->wrap_key);
    bsi_key_unref(seal->open_key);
    bsi_signer_free(seal->signer);
    *seal = (test_seal){0};
}

void test_seal_lend(test_seal *seal, bool keys, bsi_vault_env *env)
{
    env->keys = &seal->open_key;
    env->key_count = keys && seal->open_key ? 1 : 0;
    env->trusted = seal->signer ? &seal->signer_key : NULL;
    env->trusted_count = seal->signer ? 1 : 0;
}

void test_seal_plan(test_seal *seal, bsi_backup_plan *plan)
{
    static const unsigned char salt[32] = "one for all, so as to wait once";

    plan->encryption = seal->encryption;
    plan->winzip = seal->winzip;
    plan->wrap_keys = &seal->wrap_key;
    plan->wrap_count = seal->wrap_key ? 1 : 0;
    plan->cost = (bsi_keyset_cost){.log_n = 15, .salt = salt};
    plan->signer = seal->signer;
}
