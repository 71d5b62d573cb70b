/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "crypto/key.h"

static bsi_slice slice_of(const bsi_secret *secret)
{
    return (bsi_slice){(const char *)bsi_secret_view(secret), bsi_secret_size(secret)};
}

static bsi_secret *secret_of(const char *text)
{
    bsi_secret *secret = NULL;

    assert_ok(bsi_secret_copy(text, strlen(text), &secret));
    return secret;
}

static void both_halves_are_the_same_key(void **state)
{
    char fingerprint[BSI_FINGERPRINT_SIZE];
    char other[BSI_FINGERPRINT_SIZE];
    bsi_secret *text = NULL;
    bsi_key *whole = NULL;
    bsi_key *half = NULL;
    bsi_buf public_text;

    (void)state;
    bsi_buf_init(&public_text, 65536);
    assert_ok(bsi_key_rsa_generate(3072, NULL, &text, &public_text));
    assert_ok(bsi_key_from_pem(slice_of(text), NULL, &whole));
    assert_ok(bsi_key_from_pem((bsi_slice){(const char *)public_text.data, public_text.size}, NULL,
                               &half));
    assert_true(bsi_key_can_open(whole));
    assert_false(bsi_key_can_open(half));
    bsi_key_fingerprint(whole, fingerprint);
    bsi_key_fingerprint(half, other);
    assert_string_equal(fingerprint, other);
    bsi_key_unref(whole);
    bsi_key_unref(half);
    bsi_secret_free(text);
    bsi_buf_dispose(&public_text);
}

static void an_encrypted_half_opens_with_its_pass_phrase_only(void **state)
{
    bsi_secret *right = secret_of("correct horse");
    bsi_secret *wrong = secret_of("battery staple");
    bsi_secret *text = NULL;
    bsi_key *key = NULL;
    bsi_buf public_text;

    (void)state;
    bsi_buf_init(&public_text, 65536);
    assert_ok(bsi_key_rsa_generate(3072, right, &text, &public_text));
    assert_status(bsi_key_from_pem(slice_of(text), NULL, &key), BS_E_KEY);
    assert_status(bsi_key_from_pem(slice_of(text), wrong, &key), BS_E_KEY);
    assert_ok(bsi_key_from_pem(slice_of(text), right, &key));
    bsi_key_unref(key);
    bsi_secret_free(text);
    bsi_secret_free(right);
    bsi_secret_free(wrong);
    bsi_buf_dispose(&public_text);
}

static void sizes_that_are_refused_name_those_that_are_not(void **state)
{
    static const unsigned sizes[] = {0, 1024, 2048, 3071, 3073, 16384};
    bsi_secret *text = NULL;
    bsi_buf public_text;

    (void)state;
    bsi_buf_init(&public_text, 65536);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_status(bsi_key_rsa_generate(sizes[i], NULL, &text, &public_text), BS_E_INVALID);
        assert_non_null(strstr(bs_error_last()->message, "3072 to 8192"));
    }
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_halves_are_the_same_key),
        cmocka_unit_test(an_encrypted_half_opens_with_its_pass_phrase_only),
        cmocka_unit_test(sizes_that_are_refused_name_those_that_are_not),
    };

    return cmocka_run_group_tests_name("crypto/generate", tests, NULL, NULL);
}
