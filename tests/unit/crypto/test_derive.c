/* SPDX-License-Identifier: MIT */
/*
 * The vectors of RFC 5869, appendix A, RFC 4231, section 4, and RFC 7914,
 * section 12. Longer outputs are cut at 32 bytes, which HKDF's expansion and
 * scrypt's last step make first. HMAC pads a short salt with zeros and hashes a
 * long one, so each salt has an equal of 32 bytes.
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/derive_int.h"
#include "hash/sha256.h"
#include "support/hex.h"

static int teardown(void **state)
{
    (void)state;
    bsi_alloc_fail_after(-1);
    return 0;
}

static bsi_secret *secret_of(const void *bytes, size_t size)
{
    bsi_secret *secret = NULL;

    assert_ok(bsi_secret_copy(bytes, size, &secret));
    return secret;
}

static void fill_counting(uint8_t *out, uint8_t from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(from + i);
    }
}

static void check_hkdf(const uint8_t *key, size_t key_size, const uint8_t salt[BSI_SALT_SIZE],
                       const char *info, const char *expected)
{
    bsi_secret *secret = secret_of(key, key_size);
    bsi_secret *derived = NULL;
    uint8_t out[BSI_DERIVED_SIZE];

    assert_ok(bsi_hkdf(secret, salt, info, out));
    assert_hex(out, sizeof(out), expected);
    assert_ok(bsi_hkdf_secret(secret, salt, info, &derived));
    assert_hex(bsi_secret_view(derived), bsi_secret_size(derived), expected);
    bsi_secret_free(derived);
    bsi_secret_free(secret);
}

static void hkdf_gives_what_the_standard_says(void **state)
{
    uint8_t key[80];
    uint8_t bytes[80];
    uint8_t salt[BSI_SALT_SIZE] = {0};
    char info[81] = "";
    bsi_digest digest;

    (void)state;
    memset(key, 0x0b, 22); /* A.1 */
    fill_counting(salt, 0, 13);
    fill_counting((uint8_t *)info, 0xf0, 10);
    check_hkdf(key, 22, salt, info,
               "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");

    fill_counting(key, 0, 80); /* A.2 */
    fill_counting(bytes, 0x60, 80);
    bsi_sha256_of(bytes, 80, &digest);
    fill_counting((uint8_t *)info, 0xb0, 80);
    check_hkdf(key, 80, digest.bytes, info,
               "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c");

    memset(key, 0x0b, 22); /* A.3 */
    memset(salt, 0, sizeof(salt));
    check_hkdf(key, 22, salt, "",
               "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

static void hmac_gives_what_the_standard_says(void **state)
{
    static const struct {
        const char *key;
        const char *data;
        const char *mac;
    } cases[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {"0102030405060708090a0b0c0d0e0f10111213141516171819",
         "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
         "cdcdcdcdcdcd",
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        uint8_t key[64];
        uint8_t data[64];
        uint8_t mac[BSI_DERIVED_SIZE];
        bsi_secret *secret = secret_of(key, hex_bytes(cases[i].key, key, sizeof(key)));

        assert_ok(bsi_hmac(secret, data, hex_bytes(cases[i].data, data, sizeof(data)), mac));
        assert_hex(mac, sizeof(mac), cases[i].mac);
        bsi_secret_free(secret);
    }
}

static void check_scrypt(const char *passphrase, const char *salt, unsigned log_n, unsigned p,
                         const char *expected)
{
    const bsi_scrypt_cost cost = {.log_n = log_n, .r = 8, .p = p};
    bsi_secret *secret = secret_of(passphrase, strlen(passphrase));
    bsi_secret *derived = NULL;

    assert_ok(bsi_scrypt(secret, bsi_slice_of(salt), &cost, strlen(expected) / 2, &derived));
    assert_hex(bsi_secret_view(derived), bsi_secret_size(derived), expected);
    bsi_secret_free(derived);
    bsi_secret_free(secret);
}

static void scrypt_gives_what_the_standard_says(void **state)
{
    (void)state;
    check_scrypt("password", "NaCl", 10, 16,
                 "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162");
    check_scrypt("pleaseletmein", "SodiumChloride", 14, 1,
                 "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
    if (getenv("BSI_TESTS_FULL")) { /* 1 GiB: also the most that is allowed. */
        check_scrypt("pleaseletmein", "SodiumChloride", 20, 1,
                     "2101cb9b6a511aaeaddbbe09cf70f881ec568d574a2ffd4dabe5ee9820adaa47");
    }
}

/* RFC 7914, 12: the first vector, whose pass phrase is empty. */
static void scrypt_takes_an_empty_pass_phrase_and_gives_any_size(void **state)
{
    const bsi_scrypt_cost cost = {.log_n = 4, .r = 1, .p = 1};
    bsi_secret *derived = NULL;

    (void)state;
    assert_ok(bsi_scrypt(NULL, bsi_slice_of(""), &cost, 64, &derived));
    assert_hex(bsi_secret_view(derived), bsi_secret_size(derived),
               "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
               "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
    bsi_secret_free(derived);
}

/* An allocation would turn the answer into BS_E_NOMEM. */
static void an_absurd_cost_is_refused_before_anything_is_done(void **state)
{
    static const struct {
        bsi_scrypt_cost cost;
        bs_status status;
    } cases[] = {
        {{40, 8, 1}, BS_E_LIMIT},      {{21, 8, 1}, BS_E_LIMIT},     {{20, 9, 1}, BS_E_LIMIT},
        {{255, 255, 255}, BS_E_LIMIT}, {{20, 8, 9}, BS_E_LIMIT},     {{17, 8, 65}, BS_E_LIMIT},
        {{41, 1000, 1}, BS_E_LIMIT},   {{17, 70000, 1}, BS_E_LIMIT}, {{1, 1, 70000}, BS_E_LIMIT},
        {{0, 8, 1}, BS_E_CORRUPT},     {{17, 0, 1}, BS_E_CORRUPT},   {{17, 8, 0}, BS_E_CORRUPT},
        {{16, 1, 1}, BS_E_CORRUPT},
    };
    bsi_secret *secret = secret_of("x", 1);
    bsi_secret *derived = NULL;
    uint64_t work = 0;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_alloc_fail_after(0);
        assert_status(
            bsi_scrypt(secret, bsi_slice_of("salt"), &cases[i].cost, BSI_DERIVED_SIZE, &derived),
            cases[i].status);
        bsi_alloc_fail_after(-1);
        assert_null(derived);
    }
    assert_status(bsi_scrypt_check(&cases[0].cost, &work), BS_E_LIMIT);
    assert_non_null(strstr(bs_error_last()->message, "N=2^40, r=8, p=1"));
    bsi_secret_free(secret);
}

static void a_cost_that_is_allowed_tells_its_work(void **state)
{
    const bsi_scrypt_cost usual = {.log_n = 17, .r = 8, .p = 1};
    const bsi_scrypt_cost largest = {.log_n = 20, .r = 8, .p = 8};
    uint64_t work = 0;

    (void)state;
    assert_ok(bsi_scrypt_check(&usual, &work));
    assert_int_equal(work, 1 << 20);
    assert_ok(bsi_scrypt_check(&largest, &work));
    assert_int_equal(work, BSI_SCRYPT_WORK_MAX);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hkdf_gives_what_the_standard_says),
        TEST(hmac_gives_what_the_standard_says),
        TEST(scrypt_gives_what_the_standard_says),
        TEST(scrypt_takes_an_empty_pass_phrase_and_gives_any_size),
        TEST(an_absurd_cost_is_refused_before_anything_is_done),
        TEST(a_cost_that_is_allowed_tells_its_work),
    };

    return cmocka_run_group_tests_name("crypto/derive", tests, NULL, NULL);
}
