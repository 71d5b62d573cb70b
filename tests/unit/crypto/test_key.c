/* SPDX-License-Identifier: MIT */
/*
 * What becomes a key and what does not. The bad keys come from the openssl
 * program, and from numbers that it would not make a key of.
 */
#include "support/test.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/key.h"
#include "support/crypto_keys.h"
#include "support/tempdir.h"

enum { FILE_MAX = 16384 };

static test_dir *dir;

/* Files of all kinds, from the one good key in private.pem. */
static const char make_files[] =
    "exec 2>/dev/null && "
    "openssl req -x509 -new -key private.pem -subj /CN=test -days 2 "
    "-out certificate.pem && "
    "openssl rsa -in private.pem -traditional -out pkcs1.pem && "
    "openssl rsa -in private.pem -RSAPublicKey_out -out pkcs1-public.pem && "
    "openssl pkcs8 -topk8 -in private.pem -passout pass:sesame -v2 aes-256-cbc "
    "-out encrypted.pem && "
    "openssl rsa -in private.pem -traditional -aes128 -passout pass:sesame "
    "-out encrypted-pkcs1.pem && "
    "openssl ecparam -name prime256v1 -genkey -out ec-with-parameters.pem && "
    "openssl ecparam -name prime256v1 -genkey -noout -out ec-sec1.pem && "
    "openssl pkcs8 -topk8 -nocrypt -in ec-sec1.pem -out ec.pem && "
    "openssl pkey -in ec.pem -pubout -out ec-public.pem && "
    "openssl req -x509 -new -key ec.pem -subj /CN=test -days 2 -out ec-certificate.pem && "
    "openssl genpkey -algorithm ed25519 -out ed25519.pem && "
    "openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:3072 -out pss.pem && "
    "openssl genrsa -out rsa1024.pem 1024 && "
    "openssl genrsa -out rsa2048.pem 2048 && "
    "openssl genrsa -3 -out exponent3.pem 3072";

static int group_setup(void **state)
{
    char command[sizeof(make_files) + 512];
    char path[512];
    FILE *file = NULL;

    if (test_dir_setup((void **)&dir) != 0) {
        return -1;
    }
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/private.pem", dir->path);
    file = fopen(path, "we");
    if (!file || fputs(TEST_RSA_PRIVATE, file) < 0 || fclose(file) != 0) {
        return -1;
    }
    (void)snprintf(command, sizeof(command), "cd '%s' && { %s; } >/dev/null", dir->path,
                   make_files);
    return system(command); /* NOLINT(cert-env33-c,concurrency-mt-unsafe) */
}

static int group_teardown(void **state)
{
    (void)state;
    return test_dir_teardown((void **)&dir);
}

static int teardown(void **state)
{
    (void)state;
    bsi_alloc_fail_after(-1);
    return 0;
}

/* The content of a file made above; in a buffer of this file's. */
static bsi_slice content_of(const char *name)
{
    static char content[FILE_MAX];
    char path[512];
    size_t size = 0;
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    file = fopen(path, "re");
    assert_non_null(file);
    size = fread(content, 1, sizeof(content), file);
    assert_int_equal(fclose(file), 0);
    assert_in_range(size, 1, sizeof(content) - 1);
    return (bsi_slice){content, size};
}

/* Refused for a reason that the text tells. */
static void assert_refused(bsi_slice pem, const bsi_secret *passphrase, bs_status status,
                           const char *reason)
{
    bsi_key *key = NULL;

    assert_status(bsi_key_from_pem(pem, passphrase, &key), status);
    assert_null(key);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CRYPTO);
    if (!strstr(bs_error_last()->message, reason)) {
        fail_msg("'%s' does not say '%s'", bs_error_last()->message, reason);
    }
}

static void check_good(bsi_slice pem, const bsi_secret *passphrase, bool can_open)
{
    char fingerprint[BSI_FINGERPRINT_SIZE];
    char expected[BSI_FINGERPRINT_SIZE];
    bsi_key *reference = NULL;
    bsi_key *key = NULL;

    assert_ok(bsi_key_from_pem(pem, passphrase, &key));
    assert_ok(bsi_key_from_pem(bsi_slice_of(TEST_RSA_PUBLIC), NULL, &reference));
    assert_int_equal(bsi_key_kind_of(key), BSI_KEY_RSA);
    assert_int_equal(bsi_key_can_open(key), can_open);
    assert_int_equal(bsi_key_can_open(reference), false);
    bsi_key_fingerprint(key, fingerprint);
    bsi_key_fingerprint(reference, expected);
    assert_string_equal(fingerprint, expected);
    assert_true(bsi_key_text_is_pem(pem));
    assert_false(bsi_key_text_is_raw(pem));
    bsi_key_unref(reference);
    bsi_key_unref(key);
}

static void rsa_keys_come_in_many_forms(void **state)
{
    bsi_secret *passphrase = NULL;

    (void)state;
    assert_ok(bsi_secret_copy("sesame", 6, &passphrase));
    check_good(bsi_slice_of(TEST_RSA_PRIVATE), NULL, true);
    check_good(bsi_slice_of(TEST_RSA_PRIVATE), passphrase, true); /* Not needed, not asked. */
    check_good(content_of("pkcs1.pem"), NULL, true);
    check_good(content_of("pkcs1-public.pem"), NULL, false);
    check_good(content_of("certificate.pem"), NULL, false);
    check_good(content_of("encrypted.pem"), passphrase, true);
    check_good(content_of("encrypted-pkcs1.pem"), passphrase, true);
    bsi_secret_free(passphrase);
}

/* As openssl computes it: of the public key in DER. */
static void a_fingerprint_is_what_other_programs_compute(void **state)
{
    char command[1024];
    char digest[128] = "";
    char fingerprint[BSI_FINGERPRINT_SIZE];
    bsi_key *key = NULL;
    FILE *pipe = NULL;

    (void)state;
    (void)snprintf(command, sizeof(command),
                   "openssl pkey -in '%s/private.pem' -pubout -outform DER | sha256sum", dir->path);
    pipe = popen(command, "re"); /* NOLINT(cert-env33-c) */
    assert_non_null(pipe);
    assert_non_null(fgets(digest, sizeof(digest), pipe));
    assert_int_equal(pclose(pipe), 0);
    assert_ok(bsi_key_from_pem(bsi_slice_of(TEST_RSA_PUBLIC), NULL, &key));
    bsi_key_fingerprint(key, fingerprint);
    assert_memory_equal(fingerprint, digest, BSI_FINGERPRINT_SIZE - 1);
    bsi_key_unref(key);
}

static void a_public_half_is_written_and_read_again(void **state)
{
    bsi_key *key = NULL;
    bsi_buf pem;

    (void)state;
    bsi_buf_init(&pem, 10000);
    assert_ok(bsi_key_from_pem(bsi_slice_of(TEST_RSA_PRIVATE), NULL, &key));
    assert_ok(bsi_key_public_pem(key, &pem));
    assert_true(bsi_slice_is(bsi_buf_slice(&pem), TEST_RSA_PUBLIC));
    check_good(bsi_buf_slice(&pem), NULL, false);
    bsi_key_unref(key);
    assert_ok(bsi_key_from_passphrase(bsi_slice_of("sesame"), &key));
    assert_status(bsi_key_public_pem(key, &pem), BS_E_UNSUPPORTED);
    bsi_key_unref(key);
    bsi_buf_dispose(&pem);
}

static void keys_that_are_not_rsa_are_refused(void **state)
{
    (void)state;
    assert_refused(content_of("ec.pem"), NULL, BS_E_INVALID, "not an RSA key");
    assert_refused(content_of("ec-sec1.pem"), NULL, BS_E_INVALID, "not an RSA key");
    assert_refused(content_of("ec-public.pem"), NULL, BS_E_INVALID, "not an RSA key");
    assert_refused(content_of("ec-certificate.pem"), NULL, BS_E_INVALID, "not an RSA key");
    assert_refused(content_of("ec-with-parameters.pem"), NULL, BS_E_INVALID, "more than one");
    assert_refused(content_of("ed25519.pem"), NULL, BS_E_INVALID, "not an RSA key");
    assert_refused(content_of("pss.pem"), NULL, BS_E_INVALID, "not an RSA key");
}

static void short_keys_are_refused(void **state)
{
    (void)state;
    assert_refused(content_of("rsa1024.pem"), NULL, BS_E_INVALID, "1024 bits");
    assert_refused(content_of("rsa2048.pem"), NULL, BS_E_INVALID, "2048 bits");
    assert_refused(content_of("exponent3.pem"), NULL, BS_E_INVALID, "exponent");
}

/* A public key of any numbers, in PEM. */
static bsi_slice pem_of_numbers(const BIGNUM *n, const BIGNUM *e)
{
    static char pem[FILE_MAX];
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIO *bio = BIO_new(BIO_s_mem());
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;
    int size = 0;

    assert_true(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n));
    assert_true(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e));
    params = OSSL_PARAM_BLD_to_param(build);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params), 1);
    assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
    size = BIO_read(bio, pem, sizeof(pem));
    assert_true(size > 0);
    OSSL_PARAM_BLD_free(build);
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    return (bsi_slice){pem, (size_t)size};
}

static BIGNUM *good_modulus(void)
{
    BIO *bio = BIO_new_mem_buf(TEST_RSA_PUBLIC, -1);
    EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIGNUM *n = NULL;

    assert_int_equal(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n), 1);
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    return n;
}

static void odd_exponents_from_65537_on_are_taken_and_others_not(void **state)
{
    static const struct {
        const char *hex;
        bool good;
    } cases[] = {
        {"1", false},
        {"3", false},
        {"ffff", false},
        {"10000", false},
        {"10001", true},
        {"10002", false},
        {"10003", true},
        {"ffffffffffffffff", true},
        {"10000000000000001", false},
    };
    BIGNUM *n = good_modulus();

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        BIGNUM *e = NULL;
        bsi_key *key = NULL;

        assert_true(BN_hex2bn(&e, cases[i].hex) > 0);
        if (cases[i].good) {
            assert_ok(bsi_key_from_pem(pem_of_numbers(n, e), NULL, &key));
        } else {
            assert_refused(pem_of_numbers(n, e), NULL, BS_E_INVALID, "exponent");
        }
        bsi_key_unref(key);
        BN_free(e);
    }
    BN_free(n);
}

static void moduli_that_are_none_are_refused(void **state)
{
    BIGNUM *n = good_modulus();
    BIGNUM *e = BN_new();

    (void)state;
    assert_true(BN_set_word(e, 65537));
    assert_true(BN_add_word(n, 1));
    assert_refused(pem_of_numbers(n, e), NULL, BS_E_INVALID, "damaged"); /* Even. */
    assert_true(BN_one(n) && BN_lshift(n, n, 3100) && BN_sub_word(n, 1));
    assert_refused(pem_of_numbers(n, e), NULL, BS_E_INVALID, "damaged"); /* With small factors. */
    assert_true(BN_one(n) && BN_lshift(n, n, 16384) && BN_add_word(n, 1));
    assert_refused(pem_of_numbers(n, e), NULL, BS_E_INVALID, "16385 bits");
    BN_free(n);
    BN_free(e);
}

static void encrypted_keys_want_their_pass_phrase(void **state)
{
    static const char *const names[] = {"encrypted.pem", "encrypted-pkcs1.pem"};
    bsi_secret *wrong = NULL;
    bsi_secret *very_long = NULL;

    (void)state;
    assert_ok(bsi_secret_copy("sesam", 5, &wrong));
    assert_ok(bsi_secret_new(100000, &very_long));
    for (size_t i = 0; i < BSI_ARRAY_SIZE(names); i++) {
        assert_refused(content_of(names[i]), NULL, BS_E_KEY, "was not given");
        assert_refused(content_of(names[i]), wrong, BS_E_KEY, "wrong");
        assert_refused(content_of(names[i]), very_long, BS_E_KEY, "wrong");
    }
    bsi_secret_free(wrong);
    bsi_secret_free(very_long);
}

static void a_cut_key_is_refused(void **state)
{
    static const char *const names[] = {"private.pem", "certificate.pem", "pkcs1-public.pem"};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(names); i++) {
        const bsi_slice whole = content_of(names[i]);

        for (size_t size = 0; size + 1 < whole.size; size++) { /* The last line feed may go. */
            char *cut = malloc(size > 0 ? size : 1);
            bsi_key *key = NULL;

            assert_non_null(cut);
            memcpy(cut, whole.data, size);
            assert_int_equal(bsi_key_from_pem((bsi_slice){cut, size}, NULL, &key), BS_E_INVALID);
            assert_null(key);
            free(cut);
        }
    }
}

static void one_key_and_nothing_else_is_taken(void **state)
{
    static const struct {
        const char *before;
        const char *after;
        const char *reason;
    } cases[] = {
        {"", TEST_RSA_PUBLIC, "more than one"},
        {"rubbish\n", "", "does not come first"},
        {"", "rubbish\n", "follows"},
        {"-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n", "",
         "more than one"},
    };
    static char text[FILE_MAX];

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        (void)snprintf(text, sizeof(text), "%s%s%s", cases[i].before, TEST_RSA_PUBLIC,
                       cases[i].after);
        assert_refused(bsi_slice_of(text), NULL, BS_E_INVALID, cases[i].reason);
    }
    (void)snprintf(text, sizeof(text), " \r\n\n%s\n \t\n", TEST_RSA_PUBLIC);
    check_good(bsi_slice_of(text), NULL, false);
}

static void rubbish_in_the_form_of_pem_is_refused(void **state)
{
    static const struct {
        const char *text;
        const char *reason;
    } cases[] = {
        {"", "does not come first"},
        {"-----BEGIN ", "cut short"},
        {"-----BEGIN -----\n-----END -----\n", "cut short"},
        {"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", "damaged"},
        {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "damaged"},
        {"-----BEGIN PUBLIC KEY-----\n%$!\n-----END PUBLIC KEY-----\n", "damaged"},
        {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cut short"},
        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "damaged"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "damaged"},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
         "'OPENSSH PRIVATE KEY' is not an RSA key"},
        {"-----BEGIN \x1b[31m-----\nAAAA\n-----END \x1b[31m-----\n", "'\\x1b[31m' is not"},
        {"-----BEGIN A VERY LONG NAME THAT NOBODY GIVES TO ANY KEY-----\n", "cut short"},
    };
    static char large[100000];

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        assert_refused(bsi_slice_of(cases[i].text), NULL, BS_E_INVALID, cases[i].reason);
    }
    assert_refused((bsi_slice){large, sizeof(large)}, NULL, BS_E_INVALID, "at most 65536 bytes");
}

/* A private key whose halves do not belong together. */
static void a_private_key_with_a_changed_number_is_refused(void **state)
{
    bsi_slice pem = content_of("private.pem");
    static char text[FILE_MAX];
    bsi_key *key = NULL;

    (void)state;
    memcpy(text, pem.data, pem.size);
    text[pem.size / 2] = text[pem.size / 2] == 'A' ? 'B' : 'A';
    assert_status(bsi_key_from_pem((bsi_slice){text, pem.size}, NULL, &key), BS_E_INVALID);
    assert_null(key);
}

static void raw_keys_are_one_line(void **state)
{
    static const char *const bad[] = {
        "",
        "bsvc-key-1 ",
        "bsvc-key-1 00112233445566778899aabbccddeeff00112233445566778899aabbccddee",
        "bsvc-key-1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0",
        "bsvc-key-1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n\n",
        " bsvc-key-1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "bsvc-key-1 00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff",
        "bsvc-key-2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    };
    static const char *const ends[] = {"", "\n", "\r\n"};
    bsi_key *key = NULL;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        assert_status(bsi_key_from_raw(bsi_slice_of(bad[i]), &key), BS_E_INVALID);
        assert_null(key);
        assert_null(strstr(bs_error_last()->message, "aabbcc")); /* No key in an error. */
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(ends); i++) {
        char fingerprint[BSI_FINGERPRINT_SIZE];
        char line[128];

        (void)snprintf(line, sizeof(line), "bsvc-key-1 %064d%s", 0, ends[i]);
        assert_true(bsi_key_text_is_raw(bsi_slice_of(line)));
        assert_false(bsi_key_text_is_pem(bsi_slice_of(line)));
        assert_ok(bsi_key_from_raw(bsi_slice_of(line), &key));
        bsi_key_fingerprint(key, fingerprint);
        /* HKDF-SHA256 of 32 zeros without a salt, "bsvc1 fingerprint"; from Python. */
        assert_string_equal(fingerprint, "d34c639b8890e6a38f7d893ad55f3bb0");
        bsi_key_unref(key);
        key = NULL;
    }
}

static void generated_raw_keys_are_keys_and_differ(void **state)
{
    bsi_secret *texts[2] = {NULL, NULL};
    char fingerprints[2][BSI_FINGERPRINT_SIZE];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bsi_key *key = NULL;

        assert_ok(bsi_key_raw_generate(&texts[i]));
        assert_int_equal(bsi_secret_view(texts[i])[bsi_secret_size(texts[i]) - 1], '\n');
        assert_ok(bsi_key_from_raw(
            (bsi_slice){(const char *)bsi_secret_view(texts[i]), bsi_secret_size(texts[i])}, &key));
        assert_int_equal(bsi_key_kind_of(key), BSI_KEY_RAW);
        assert_true(bsi_key_can_open(key));
        bsi_key_fingerprint(key, fingerprints[i]);
        assert_int_equal(strlen(fingerprints[i]), BSI_FINGERPRINT_SIZE - 1);
        bsi_key_unref(key);
    }
    assert_string_not_equal(fingerprints[0], fingerprints[1]);
    bsi_secret_free(texts[0]);
    bsi_secret_free(texts[1]);
}

static void a_pass_phrase_is_any_bytes_but_none(void **state)
{
    static const char bytes[] = "\0\xff\n";
    char fingerprint[BSI_FINGERPRINT_SIZE] = "x";
    bsi_key *key = NULL;

    (void)state;
    assert_status(bsi_key_from_passphrase((bsi_slice){"", 0}, &key), BS_E_INVALID);
    assert_null(key);
    assert_ok(bsi_key_from_passphrase((bsi_slice){bytes, 3}, &key));
    assert_int_equal(bsi_key_kind_of(key), BSI_KEY_PASSPHRASE);
    assert_true(bsi_key_can_open(key));
    bsi_key_fingerprint(key, fingerprint);
    assert_string_equal(fingerprint, "");
    assert_ptr_equal(bsi_key_ref(key), key);
    bsi_key_unref(key);
    bsi_key_unref(key);
    bsi_key_unref(NULL);
}

static void kinds_have_names(void **state)
{
    (void)state;
    assert_string_equal(bsi_key_kind_name(BSI_KEY_PASSPHRASE), "passphrase");
    assert_string_equal(bsi_key_kind_name(BSI_KEY_RAW), "raw");
    assert_string_equal(bsi_key_kind_name(BSI_KEY_RSA), "rsa");
    assert_string_equal(bsi_key_kind_name((bsi_key_kind)99), "unknown");
}

static void no_memory_is_reported(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < 3; kind++) {
        bs_status status = BS_E_NOMEM;

        for (long n = 0; status != BS_OK; n++) {
            char line[80];
            bsi_key *key = NULL;

            (void)snprintf(line, sizeof(line), "bsvc-key-1 %064d", 0);
            bsi_alloc_fail_after(n);
            status = kind == 0   ? bsi_key_from_passphrase(bsi_slice_of("x"), &key)
                     : kind == 1 ? bsi_key_from_raw(bsi_slice_of(line), &key)
                                 : bsi_key_from_pem(bsi_slice_of(TEST_RSA_PUBLIC), NULL, &key);
            bsi_alloc_fail_after(-1);
            assert_true(status == BS_OK || (status == BS_E_NOMEM && !key));
            bsi_key_unref(key);
        }
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rsa_keys_come_in_many_forms),
        TEST(a_fingerprint_is_what_other_programs_compute),
        TEST(a_public_half_is_written_and_read_again),
        TEST(keys_that_are_not_rsa_are_refused),
        TEST(short_keys_are_refused),
        TEST(odd_exponents_from_65537_on_are_taken_and_others_not),
        TEST(moduli_that_are_none_are_refused),
        TEST(encrypted_keys_want_their_pass_phrase),
        TEST(a_cut_key_is_refused),
        TEST(one_key_and_nothing_else_is_taken),
        TEST(rubbish_in_the_form_of_pem_is_refused),
        TEST(a_private_key_with_a_changed_number_is_refused),
        TEST(raw_keys_are_one_line),
        TEST(generated_raw_keys_are_keys_and_differ),
        TEST(a_pass_phrase_is_any_bytes_but_none),
        TEST(kinds_have_names),
        TEST(no_memory_is_reported),
    };

    return cmocka_run_group_tests_name("crypto/key", tests, group_setup, group_teardown);
}
