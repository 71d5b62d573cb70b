/* SPDX-License-Identifier: MIT */
/*
 * The signature is openssl's own: openssl dgst -sha256 -sign, with the key of the tests.
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/rsa_sign.h"
#include "support/crypto_keys.h"
#include "text/base64.h"

static const char message[] = "what is signed";
static const char signature[] =
    "1cneQwNh9IASu9RzJmQSyGuZSkkjjbCv6NctUYKlfWKPIHP6kEFj7QuNJjOsiNzDawqst9I6Hj45sXbu"
    "FZcDoHytqjaNBGYg0FQCskFxJgyrbMksiZagmbcCG0U94fHEPoHoGGKA+RSWyZciV59p5DGhWpyMPWE9"
    "0y+9seXQP8FgB48TjAM1Qm23GrehWxcPZMCLYgUYLDKBYgGYKAQWPEAfiaeoEw/TCV/wZCpRJDG2oQWY"
    "AYYIvr+rnEF0su+Eu65bOekiyv6vECWhee2Y0KQ3camxpy9gI4zW7eJ+mIO0lKVLKS4kIVI1r1OPDGnO"
    "4F0L6CZjd7rMjb7LYCVN9uqoP3WE/j1DPr8hlxxunTyhcoocA/NFDPzOHyuMTXvWvz1afOhWSxba+DLY"
    "sJ/noipkAkv5Oswv9cc3OImNrQBJfH2Hrtxow+l7YRpUrUuObdh6Ppr5+5JM+grvuTdTiCnGS5CE34/V"
    "wvIPNTgrr9C3TqnY3EV8ShSrpgr8KO1x";

/* 1024 bits. */
static const char small_key[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                                "MIICXAIBAAKBgQDLkpVdSdgN7Kr3BNXz5IBnGXWQoqybrxPc7b0b14/JJtkCLE0T\n"
                                "IyT+T/PHdjMHFPr/dlYA/InZYYHKezzBuLCB2FeA5EwKN6c3x6PAyrN/v86Xixbs\n"
                                "5GTyABuoQxbDuoEV5SAAQztv5KV+iDCFt5jrBVZ2Z5N+GM5xIPXYuMZPKQIDAQAB\n"
                                "AoGAJVib7ERazZsodi697YNzBvcFuWYOknUZCMPYmJ4AM9/bmel0rlkZNUqHp4UI\n"
                                "sXjo3yrfdkjeJTIdNH9NUyDFyIiR/QpaZkXNA1teFzXqfKZbcc9JCuCXVhCIfzb1\n"
                                "tGuI7D9mTfBonPrjPmA1UAZ+KKaCpbD3nXsMeG1iZPtcFt0CQQDrZYrdRKyxHgby\n"
                                "AYoSCrmxWMxud/vMieNZMCRicrgk+k9DvPdywT1nXNRHhUHgl041uWhoV/rK4zFO\n"
                                "FSgr7oSLAkEA3WP4MShFLxTYVa1mvF7gZg45F+saBnSFEAIG1ozDsgekk6mnjmUW\n"
                                "iv3Q8+qFJe8K25hH5kra85jbwIGL/wMNmwJBAIDnKhPg93BGMSd1EFaw6N7k8Y3M\n"
                                "xmZLW+QLKOGAULZvG9jMMfT1PNrNSrGfl2OVd46T6Ui6ZOuVXfqUO1tTUeECQHeS\n"
                                "OsYx/cvD8mOz17z9cS0tmWB1tgSugf93WMIgHMHWpuipxLl/l4FSPLzAeVFXngGk\n"
                                "aZDT9RWEBYwfa8E7oOkCQHZgwLWPD35gnXH+CMGN6Lk5F7Kaya0CkKAUN2/oz43I\n"
                                "JP0dnSJNnUI/ae78XNMFa5qf4XpgHRcTlv6xxaERVuE=\n"
                                "-----END RSA PRIVATE KEY-----\n";
static const char other_kind[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIAq+/sL/y/HIL8pMH22hnLeBM8qUTiY+/75J4JBHxMZn\n"
    "-----END PRIVATE KEY-----\n";

static void a_signature_is_the_one_of_openssl(void **state)
{
    bsi_rsa_signer *signer = NULL;
    bsi_buf bytes;
    bsi_buf text;

    (void)state;
    bsi_buf_init(&bytes, 1024);
    bsi_buf_init(&text, 1024);
    assert_ok(bsi_rsa_signer_new(bsi_slice_of(TEST_RSA_PRIVATE), &signer));
    for (int round = 0; round < 2; round++) {
        assert_ok(bsi_rsa_sign(signer, message, strlen(message), &bytes));
    }
    assert_int_equal(bytes.size, 2 * 384);
    assert_memory_equal(bytes.data, bytes.data + 384, 384);
    assert_ok(bsi_base64_encode(bytes.data, 384, &text));
    assert_int_equal(text.size, strlen(signature));
    assert_memory_equal(text.data, signature, text.size);
    bsi_rsa_signer_free(signer);
    bsi_rsa_signer_free(NULL);
    bsi_buf_dispose(&bytes);
    bsi_buf_dispose(&text);
}

static void what_is_no_private_rsa_key_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "a pass phrase",
        TEST_RSA_PUBLIC,
        small_key,
        other_kind,
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        bsi_rsa_signer *signer = NULL;

        assert_status(bsi_rsa_signer_new(bsi_slice_of(texts[i]), &signer), BS_E_INVALID);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_CRYPTO);
        assert_null(signer);
    }
}

/* A byte of it is another: found out when it is read, or of no matter. */
static void a_damaged_key_is_refused_or_signs_as_the_whole_one(void **state)
{
    enum { STEP = 41 };
    const size_t size = strlen(TEST_RSA_PRIVATE);
    char *text = malloc(size);
    bsi_rsa_signer *signer = NULL;
    bsi_buf expected;
    bsi_buf bytes;

    (void)state;
    assert_non_null(text);
    bsi_buf_init(&expected, 1024);
    bsi_buf_init(&bytes, 1024);
    assert_ok(bsi_rsa_signer_new(bsi_slice_of(TEST_RSA_PRIVATE), &signer));
    assert_ok(bsi_rsa_sign(signer, message, strlen(message), &expected));
    bsi_rsa_signer_free(signer);
    for (size_t at = 0; at < size; at += STEP) {
        signer = NULL;
        memcpy(text, TEST_RSA_PRIVATE, size);
        text[at] = text[at] == 'A' ? 'B' : 'A';
        if (bsi_rsa_signer_new((bsi_slice){text, size}, &signer) == BS_OK) {
            bsi_buf_clear(&bytes);
            assert_ok(bsi_rsa_sign(signer, message, strlen(message), &bytes));
            assert_int_equal(bytes.size, expected.size);
            assert_memory_equal(bytes.data, expected.data, expected.size);
        } else {
            assert_int_equal(bs_error_last()->code, BS_E_INVALID);
        }
        bsi_rsa_signer_free(signer);
    }
    bsi_buf_dispose(&expected);
    bsi_buf_dispose(&bytes);
    free(text);
}

static void without_memory_nothing_is_left(void **state)
{
    bsi_rsa_signer *signer = NULL;
    bsi_buf bytes;
    long count = 0;
    bs_status status = BS_E_NOMEM;

    (void)state;
    bsi_buf_init(&bytes, 1024);
    for (; status == BS_E_NOMEM; count++) {
        bsi_alloc_fail_after(count);
        status = bsi_rsa_signer_new(bsi_slice_of(TEST_RSA_PRIVATE), &signer);
        if (status == BS_OK) {
            status = bsi_rsa_sign(signer, message, strlen(message), &bytes);
        }
        bsi_alloc_fail_after(-1);
        bsi_rsa_signer_free(signer);
        signer = NULL;
    }
    assert_ok(status);
    assert_true(count > 1);
    bsi_buf_dispose(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_is_the_one_of_openssl),
        cmocka_unit_test(what_is_no_private_rsa_key_is_refused),
        cmocka_unit_test(a_damaged_key_is_refused_or_signs_as_the_whole_one),
        cmocka_unit_test(without_memory_nothing_is_left),
    };

    return cmocka_run_group_tests_name("crypto/rsa_sign", tests, NULL, NULL);
}
