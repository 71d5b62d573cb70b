/* SPDX-License-Identifier: MIT */
/*
 * A member made by an independent program (hashlib's PBKDF2 and HMAC, AES in
 * ECB mode of Python's cryptography), and what is written and read back.
 */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "crypto/winzip.h"
#include "hash/sha256.h"
#include "support/hex.h"

#define PHRASE "correct horse"
#define HEAD "000102030405060708090a0b0c0d0e0f2d15"
#define FIRST_32 "95e74c95887f92fe4cac06d573b3d7e64e880bf0c7c602c117cd60c5d97c871c"
#define LAST_16 "1d39a285db3ae820721ba07dee97080c"
#define ALL_SHA256 "43b4aef2fe57ec190fc48c6e597f7cfa062c37fc0894ecd9499af5b4ded8475c"

enum { SIZE = 5000, DATA_KEY = 32 };

static const char id[] = "01938a5c-0000-7000-8000-000000000001";

static void fill(uint8_t plain[SIZE])
{
    for (size_t i = 0; i < SIZE; i++) {
        plain[i] = (uint8_t)(i * 7);
    }
}

static bsi_secret *secret_of(const void *bytes, size_t size)
{
    bsi_secret *secret = NULL;

    assert_ok(bsi_secret_copy(bytes, size, &secret));
    return secret;
}

static bsi_winzip *winzip_of(const char *phrase)
{
    bsi_secret *secret = secret_of(phrase, strlen(phrase));
    bsi_winzip *winzip = NULL;

    assert_ok(bsi_winzip_new(secret, &winzip));
    bsi_secret_free(secret);
    return winzip;
}

static void a_known_member_is_what_an_independent_program_makes(void **state)
{
    bsi_winzip *winzip = winzip_of(PHRASE);
    uint8_t head[BSI_WINZIP_HEAD_SIZE];
    uint8_t bytes[SIZE];
    bsi_digest digest;

    (void)state;
    fill(bytes);
    assert_int_equal(hex_bytes(HEAD, head, sizeof(head)), sizeof(head));
    assert_ok(bsi_winzip_open(winzip, head));
    assert_ok(bsi_winzip_decrypt(winzip, 0, bytes, SIZE));
    assert_hex(bytes, 32, FIRST_32);
    assert_hex(bytes + SIZE - 16, 16, LAST_16);
    bsi_sha256_of(bytes, SIZE, &digest);
    assert_hex(digest.bytes, sizeof(digest.bytes), ALL_SHA256);
    bsi_winzip_free(winzip);
}

static void members_are_read_from_anywhere(void **state)
{
    static const size_t places[] = {0, 1, 15, 16, 17, 4095, 4096, 4097, 4999};
    bsi_winzip *winzip = winzip_of(PHRASE);
    uint8_t head[BSI_WINZIP_HEAD_SIZE];
    uint8_t tail[BSI_WINZIP_TAIL_SIZE];
    static uint8_t plain[SIZE];
    static uint8_t sealed[SIZE];
    static uint8_t part[SIZE];

    (void)state;
    fill(plain);
    assert_ok(bsi_winzip_begin(winzip, head));
    assert_ok(bsi_winzip_encrypt(winzip, plain, 7, sealed));
    assert_ok(bsi_winzip_encrypt(winzip, plain + 7, SIZE - 7, sealed + 7));
    assert_ok(bsi_winzip_end(winzip, tail));
    assert_ok(bsi_winzip_open(winzip, head));
    for (size_t i = 0; i < BSI_ARRAY_SIZE(places); i++) {
        const size_t size = SIZE - places[i];
        memcpy(part, sealed + places[i], size);
        assert_ok(bsi_winzip_decrypt(winzip, places[i], part, size));
        assert_memory_equal(part, plain + places[i], size);
    }
    bsi_winzip_free(winzip);
}

static void no_two_members_have_the_same_keys(void **state)
{
    bsi_winzip *winzip = winzip_of(PHRASE);
    uint8_t one[BSI_WINZIP_HEAD_SIZE];
    uint8_t other[BSI_WINZIP_HEAD_SIZE];

    (void)state;
    assert_ok(bsi_winzip_begin(winzip, one));
    assert_ok(bsi_winzip_begin(winzip, other));
    assert_memory_not_equal(one, other, 16);
    bsi_winzip_free(winzip);
}

static void another_pass_phrase_is_noticed(void **state)
{
    bsi_winzip *winzip = winzip_of("another");
    uint8_t head[BSI_WINZIP_HEAD_SIZE];

    (void)state;
    assert_int_equal(hex_bytes(HEAD, head, sizeof(head)), sizeof(head));
    assert_status(bsi_winzip_open(winzip, head), BS_E_CORRUPT);
    bsi_winzip_free(winzip);
}

static void a_sealed_pass_phrase_opens_only_for_its_backup(void **state)
{
    static const uint8_t key_bytes[DATA_KEY] = {1};
    static const uint8_t other_bytes[DATA_KEY] = {2};
    bsi_secret *key = secret_of(key_bytes, DATA_KEY);
    bsi_secret *other = secret_of(other_bytes, DATA_KEY);
    bsi_secret *phrase = secret_of(PHRASE, strlen(PHRASE));
    bsi_secret *out = NULL;
    uint8_t sealed[BSI_WINZIP_SEALED_SIZE];

    (void)state;
    assert_ok(bsi_winzip_seal(phrase, key, id, sealed));
    assert_ok(bsi_winzip_unseal(sealed, key, id, &out));
    assert_int_equal(bsi_secret_size(out), strlen(PHRASE));
    assert_memory_equal(bsi_secret_view(out), PHRASE, strlen(PHRASE));
    bsi_secret_free(out);
    assert_status(bsi_winzip_unseal(sealed, other, id, &out), BS_E_CORRUPT);
    assert_status(bsi_winzip_unseal(sealed, key, "another backup", &out), BS_E_CORRUPT);
    for (size_t i = 0; i < sizeof(sealed); i++) {
        sealed[i] ^= 1;
        assert_status(bsi_winzip_unseal(sealed, key, id, &out), BS_E_CORRUPT);
        sealed[i] ^= 1;
    }
    bsi_secret_free(phrase);
    bsi_secret_free(other);
    bsi_secret_free(key);
}

static void only_pass_phrases_that_programs_agree_on_are_taken(void **state)
{
    static const struct {
        const char *phrase;
        bs_status status;
    } cases[] = {
        {"a", BS_OK},
        {" ~", BS_OK},
        {"gr\xc3\xbcn", BS_E_KEY},
        {"tab\t", BS_E_KEY},
    };
    char longest[BSI_WINZIP_PHRASE_MAX + 1];
    const bsi_secret *phrase = NULL;
    bsi_key *key = NULL;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        assert_ok(bsi_key_from_passphrase(bsi_slice_of(cases[i].phrase), &key));
        assert_status(bsi_winzip_phrase(key, &phrase), cases[i].status);
        bsi_key_unref(key);
    }
    memset(longest, 'x', sizeof(longest));
    for (size_t more = 0; more <= 1; more++) {
        assert_ok(
            bsi_key_from_passphrase((bsi_slice){longest, BSI_WINZIP_PHRASE_MAX + more}, &key));
        assert_status(bsi_winzip_phrase(key, &phrase), more ? BS_E_KEY : BS_OK);
        bsi_key_unref(key);
    }
}

static int teardown(void **state)
{
    (void)state;
    bsi_alloc_fail_after(-1);
    return 0;
}

static void survives_running_out_of_memory(void **state)
{
    static const uint8_t key_bytes[DATA_KEY] = {1};
    bsi_secret *key = secret_of(key_bytes, DATA_KEY);
    bsi_secret *phrase = secret_of(PHRASE, strlen(PHRASE));
    bsi_secret *out = NULL;
    bsi_winzip *winzip = NULL;
    uint8_t sealed[BSI_WINZIP_SEALED_SIZE];
    bs_status status = BS_E_NOMEM;

    (void)state;
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_winzip_new(phrase, &winzip);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || (status == BS_E_NOMEM && !winzip));
    }
    bsi_winzip_free(winzip);
    status = BS_E_NOMEM;
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_winzip_seal(phrase, key, id, sealed);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    status = BS_E_NOMEM;
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_winzip_unseal(sealed, key, id, &out);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || (status == BS_E_NOMEM && !out));
    }
    bsi_secret_free(out);
    bsi_secret_free(phrase);
    bsi_secret_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_member_is_what_an_independent_program_makes),
        cmocka_unit_test(members_are_read_from_anywhere),
        cmocka_unit_test(no_two_members_have_the_same_keys),
        cmocka_unit_test(another_pass_phrase_is_noticed),
        cmocka_unit_test(a_sealed_pass_phrase_opens_only_for_its_backup),
        cmocka_unit_test(only_pass_phrases_that_programs_agree_on_are_taken),
        cmocka_unit_test_teardown(survives_running_out_of_memory, teardown),
    };

    return cmocka_run_group_tests_name("crypto/winzip", tests, NULL, NULL);
}
