/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "conformance/cipher_suite.h"
#include "support/crypto_keys.h"

static bsi_secret *secret_of(const char *text)
{
    bsi_secret *secret = NULL;

    assert_ok(bsi_secret_copy(text, strlen(text), &secret));
    return secret;
}

static bsi_secret *new_passphrase(void)
{
    static unsigned count;
    char text[32];

    (void)snprintf(text, sizeof(text), "correct horse %u", count++);
    return secret_of(text);
}

static bsi_secret *new_raw_key(void)
{
    bsi_secret *text = NULL;

    assert_ok(bsi_key_raw_generate(&text));
    return text;
}

/* Two keys in turn, for making one takes long: one made before, and one of this run's own. */
static struct {
    bool own_is_last;
    bsi_secret *own_text;
    bsi_buf own_public;
} rsa;

static bsi_secret *new_rsa_key(void)
{
    bsi_secret *copy = NULL;

    if (!rsa.own_text) {
        rsa.own_is_last = true;
        bsi_buf_init(&rsa.own_public, 4096);
        assert_ok(bsi_key_rsa_generate(3072, NULL, &rsa.own_text, &rsa.own_public));
    }
    rsa.own_is_last = !rsa.own_is_last;
    if (!rsa.own_is_last) {
        return secret_of(TEST_RSA_PRIVATE);
    }
    assert_ok(bsi_secret_copy(bsi_secret_view(rsa.own_text), bsi_secret_size(rsa.own_text), &copy));
    return copy;
}

static bsi_secret *public_half(void)
{
    bsi_secret *text = NULL;

    if (!rsa.own_is_last) {
        return secret_of(TEST_RSA_PUBLIC);
    }
    assert_ok(bsi_secret_copy(rsa.own_public.data, rsa.own_public.size, &text));
    return text;
}

static const cipher_subject subjects[] = {
    {
        .driver = &bsi_cipher_driver_passphrase,
        .new_text = new_passphrase,
        .binds = true,
        .takes_chance = true,
        .costly = 36,
        .step = 1,
        .body_size = 116,
        .body_size_min = 116,
        .body_size_max = 116,
    },
    {
        .driver = &bsi_cipher_driver_raw,
        .new_text = new_raw_key,
        .tells_fingerprint = true,
        .binds = true,
        .takes_chance = true,
        .step = 1,
        .body_size = 96,
        .body_size_min = 96,
        .body_size_max = 96,
    },
    {
        .driver = &bsi_cipher_driver_rsa,
        .new_text = new_rsa_key,
        .other_text = public_half,
        .tells_fingerprint = true,
        .step = 7,
        .body_size = 16 + 3072 / 8,
        .body_size_min = 16 + 3072 / 8,
        .body_size_max = 16 + 16384 / 8,
    },
};

/* Runs the suite on the kind named, or on all. */
int main(int argc, char **argv)
{
    int failed = 0;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(subjects); i++) {
        if (argc < 2 || strcmp(argv[1], subjects[i].driver->name) == 0) {
            failed += cipher_suite_run(&subjects[i]);
        }
    }
    return failed;
}
