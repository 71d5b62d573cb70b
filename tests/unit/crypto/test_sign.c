/* SPDX-License-Identifier: MIT */
/*
 * The vectors of RFC 8032, section 7.1. What is signed here begins with a
 * context and a NUL; so does "TEST 1024" when what stands before its first NUL
 * is taken as the context.
 */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "crypto/sign.h"
#include "os/fault.h"
#include "support/hex.h"

enum { MESSAGE_SIZE = 1023 };

static const char message_1024[] =
    "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50"
    "f8f54e9f77b1e355f6c50544e23fb1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb"
    "26c81b37c93a1b270b20329d658675fc6ea534e0810a4432826bf58c941efb65d57a338bbd2e26640f89"
    "ffbc1a858efcb8550ee3a5e1998bd177e93a7363c344fe6b199ee5d02e82d522c4feba15452f80288a82"
    "1a579116ec6dad2b3b310da903401aa62100ab5d1a36553e06203b33890cc9b832f79ef80560ccb9a39c"
    "e767967ed628c6ad573cb116dbefefd75499da96bd68a8a97b928a8bbc103b6621fcde2beca1231d206b"
    "e6cd9ec7aff6f6c94fcd7204ed3455c68c83f4a41da4af2b74ef5c53f1d8ac70bdcb7ed185ce81bd8435"
    "9d44254d95629e9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2d17ba70eb6248e594e1a2297acbbb39d"
    "502f1a8c6eb6f1ce22b3de1a1f40cc24554119a831a9aad6079cad88425de6bde1a9187ebb6092cf67bf"
    "2b13fd65f27088d78b7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63bcbcc2732e694"
    "85bbc9c90bfbd62481d9089beccf80cfe2df16a2cf65bd92dd597b0707e0917af48bbb75fed413d238f5"
    "555a7a569d80c3414a8d0859dc65a46128bab27af87a71314f318c782b23ebfe808b82b0ce26401d2e22"
    "f04d83d1255dc51addd3b75a2b1ae0784504df543af8969be3ea7082ff7fc9888c144da2af58429ec960"
    "31dbcad3dad9af0dcbaaaf268cb8fcffead94f3c7ca495e056a9b47acdb751fb73e666c6c655ade82972"
    "97d07ad1ba5e43f1bca32301651339e22904cc8c42f58c30c04aafdb038dda0847dd988dcda6f3bfd15c"
    "4b4c4525004aa06eeff8ca61783aacec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34df"
    "f7310fdc82aebfd904b01e1dc54b2927094b2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a6504"
    "0cf9bfd4aca7984a74d37145986780fc0b16ac451649de6188a7dbdf191f64b5fc5e2ab47b57f7f7276c"
    "d419c17a3ca8e1b939ae49e488acba6b965610b5480109c8b17b80e1b7b750dfc7598d5d5011fd2dcc56"
    "00a32ef5b52a1ecc820e308aa342721aac0943bf6686b64b2579376504ccc493d97e6aed3fb0f9cd71a4"
    "3dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5fb93246f6b1116398a346f1a641f3b041e989"
    "f7914f90cc2c7fff357876e506b50d334ba77c225bc307ba537152f3f1610e4eafe595f6d9d90d11faa9"
    "33a15ef1369546868a7f3a45a96768d40fd9d03412c091c6315cf4fde7cb68606937380db2eaaa707b4c"
    "4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c0618983f8741c5ef68d3a101e8a3b8ca"
    "c60c905c15fc910840b94c00a0b9d0";

static const char seed_1024[] = "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5";

static int teardown(void **state)
{
    (void)state;
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    return 0;
}

static bsi_signer *signer_of(const char *seed_hex)
{
    uint8_t bytes[BSI_SIGN_KEY_SIZE];
    bsi_secret *seed = NULL;
    bsi_signer *signer = NULL;

    assert_int_equal(hex_bytes(seed_hex, bytes, sizeof(bytes)), sizeof(bytes));
    assert_ok(bsi_secret_copy(bytes, sizeof(bytes), &seed));
    assert_ok(bsi_signer_new(seed, &signer));
    bsi_secret_free(seed);
    return signer;
}

static void public_keys_are_those_of_the_standard(void **state)
{
    static const struct {
        const char *seed;
        const char *key;
    } cases[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"},
        {seed_1024, "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_signer *signer = signer_of(cases[i].seed);
        bsi_public_key parsed;
        char text[2 * BSI_SIGN_KEY_SIZE + 1];

        bsi_public_key_format(bsi_signer_public(signer), text);
        assert_string_equal(text, cases[i].key);
        assert_ok(bsi_public_key_parse(text, &parsed));
        assert_memory_equal(parsed.bytes, bsi_signer_public(signer)->bytes, sizeof(parsed.bytes));
        bsi_signer_free(signer);
    }
    bsi_signer_free(NULL);
}

static void signatures_are_those_of_the_standard(void **state)
{
    uint8_t message[MESSAGE_SIZE];
    uint8_t signature[BSI_SIGNATURE_SIZE];
    bsi_signer *signer = signer_of(seed_1024);
    size_t context_size = 0;

    (void)state;
    assert_int_equal(hex_bytes(message_1024, message, sizeof(message)), sizeof(message));
    context_size = strlen((const char *)message);
    assert_true(context_size < sizeof(message) - 1);
    assert_ok(bsi_sign(signer, (const char *)message, message + context_size + 1,
                       sizeof(message) - context_size - 1, signature));
    assert_hex(signature, sizeof(signature),
               "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350"
               "aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03");
    assert_ok(bsi_sign_check(bsi_signer_public(signer), (const char *)message,
                             message + context_size + 1, sizeof(message) - context_size - 1,
                             signature));
    bsi_signer_free(signer);
}

static void every_changed_bit_is_noticed(void **state)
{
    bsi_signer *signer = signer_of(seed_1024);
    bsi_public_key key = *bsi_signer_public(signer);
    uint8_t signature[BSI_SIGNATURE_SIZE];
    char message[] = "what was signed";

    (void)state;
    assert_ok(bsi_sign(signer, "test", message, sizeof(message), signature));
    for (size_t i = 0; i < 8 * sizeof(signature); i++) {
        signature[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_status(bsi_sign_check(&key, "test", message, sizeof(message), signature),
                      BS_E_CORRUPT);
        signature[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t i = 0; i < 8 * sizeof(message); i++) {
        message[i / 8] = (char)(message[i / 8] ^ 1 << i % 8);
        assert_status(bsi_sign_check(&key, "test", message, sizeof(message), signature),
                      BS_E_CORRUPT);
        message[i / 8] = (char)(message[i / 8] ^ 1 << i % 8);
    }
    for (size_t i = 0; i < 8 * sizeof(key.bytes); i++) {
        key.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_status(bsi_sign_check(&key, "test", message, sizeof(message), signature),
                      BS_E_CORRUPT);
        key.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_ok(bsi_sign_check(&key, "test", message, sizeof(message), signature));
    bsi_signer_free(signer);
}

static void a_signature_for_one_purpose_is_none_for_another(void **state)
{
    bsi_signer *signer = signer_of(seed_1024);
    uint8_t signature[BSI_SIGNATURE_SIZE];

    (void)state;
    assert_ok(bsi_sign(signer, "a", "bc", 2, signature));
    assert_status(bsi_sign_check(bsi_signer_public(signer), "b", "bc", 2, signature), BS_E_CORRUPT);
    assert_status(bsi_sign_check(bsi_signer_public(signer), "ab", "c", 1, signature), BS_E_CORRUPT);
    assert_ok(bsi_sign_check(bsi_signer_public(signer), "a", "bc", 2, signature));
    bsi_signer_free(signer);
}

static void other_text_is_no_public_key(void **state)
{
    bsi_public_key key = {{1}};

    (void)state;
    assert_status(bsi_public_key_parse("", &key), BS_E_INVALID);
    assert_status(bsi_public_key_parse("12", &key), BS_E_INVALID);
    assert_status(bsi_public_key_parse(
                      "278117FC144C72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e", &key),
                  BS_E_INVALID);
    assert_int_equal(key.bytes[0], 1);
}

static void messages_are_short(void **state)
{
    static const uint8_t message[5000];
    bsi_signer *signer = signer_of(seed_1024);
    uint8_t signature[BSI_SIGNATURE_SIZE] = {0};

    (void)state;
    assert_status(bsi_sign(signer, "test", message, sizeof(message), signature), BS_E_LIMIT);
    assert_status(
        bsi_sign_check(bsi_signer_public(signer), "test", message, sizeof(message), signature),
        BS_E_LIMIT);
    bsi_signer_free(signer);
}

static void no_memory_is_reported(void **state)
{
    uint8_t signature[BSI_SIGNATURE_SIZE];
    bsi_signer *signer = signer_of(seed_1024);
    bsi_signer *none = NULL;
    bsi_secret *seed = NULL;

    (void)state;
    assert_ok(bsi_secret_random(BSI_SIGN_KEY_SIZE, &seed));
    bsi_alloc_fail_after(0);
    assert_status(bsi_signer_new(seed, &none), BS_E_NOMEM);
    assert_null(none);
    bsi_alloc_fail_after(0);
    assert_status(bsi_sign(signer, "a", "b", 1, signature), BS_E_NOMEM);
    bsi_alloc_fail_after(-1);
    assert_ok(bsi_sign(signer, "a", "b", 1, signature));
    bsi_alloc_fail_after(0);
    assert_status(bsi_sign_check(bsi_signer_public(signer), "a", "b", 1, signature), BS_E_NOMEM);
    bsi_secret_free(seed);
    bsi_signer_free(signer);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(public_keys_are_those_of_the_standard),
        TEST(signatures_are_those_of_the_standard),
        TEST(every_changed_bit_is_noticed),
        TEST(a_signature_for_one_purpose_is_none_for_another),
        TEST(other_text_is_no_public_key),
        TEST(messages_are_short),
        TEST(no_memory_is_reported),
    };

    return cmocka_run_group_tests_name("crypto/sign", tests, NULL, NULL);
}
