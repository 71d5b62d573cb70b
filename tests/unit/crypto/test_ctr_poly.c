/* SPDX-License-Identifier: MIT */
/*
 * Vectors that the restic program accepts: a repository with this master key was
 * opened, checked and continued by its versions 0.14, 0.18 and 0.19. `r` has all
 * the bits that Poly1305 leaves out.
 */
#include "support/test.h"

#include <string.h>

#include "crypto/ctr_poly.h"
#include "support/hex.h"

enum { LONG = 512, ROOM = LONG + BSI_CTR_POLY_OVERHEAD };

#define KEY                                                            \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" \
    "202122232425262728292a2b2c2d2e2ff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define IV "404142434445464748494a4b4c4d4e4f"

/* Of the bytes 00 to ff, twice. */
static const char long_sealed[] =
    IV "a37fdd3c935fbce89b7268cc8156bf58a0640c80bcfb725693f0a7d54c4b4b2ec55181c889c58123c5e094e5"
       "68db135c82c533318f25d02a680e2a5add3dba5990b6ca69cfbffc316d0f4148a34dc1c869f35146650265d9"
       "c6bd8a02c77304bbeeda36ae7acd7dbf10e0c37ba4d1f578b01a2d8720f2166eeba944de18eba89c1a794741"
       "25cfe5073b6681a6d7659caea88e7377726759249bfd45a3d2b9f6c001c1e511df4f27a17c3e75a28b92aa77"
       "6bb9a171dd8d167b25f7e6fb19204be8fa8b051079a97fcd76ed6e1676ead001eeb769376f8731aa6b548100"
       "a9355922b933032b02443ea29d08b9133b4b95398e953727a9d98d9f3913b95b2c634df0edec6036ce86af63"
       "070ae83ad67ecaaa8285fa303c410a51a4131a929e7092daf056eef97563e7091c0d81db1cbdbd8fcbbf9d41"
       "77c1fda79aa0993494efda9c873c7a2e99316fc1ed1d874fa152a7c0dc72e589965a61dc544faa0e091978f2"
       "fb09cd65103a96b114c7497088846c151a43a8dc2ab38546c0340c6cf605260d3244d4f3f0c600198ef4ec7d"
       "7e894feedbbbaa935e98617c6ed2e6f851dd02b7c287174088b7a6ba7acc8b31859a145a402208b314ff9806"
       "102a7b8c5e580287331d639192656928c8320d077bd855820188a2fcaf2563d6850c0dcd880b206b794ba73d"
       "21502ec4fa50e0046d65cef2cb07972a1a874594a85ab0946cfdbf0a3815c02c57f48e3b1cdcb2a79d837cf3";

static const struct {
    const char *plain;
    const char *sealed;
} cases[] = {
    {"", IV "859469c07743c7e45b318d151d3d87e9"},
    {"61", IV "c288dc76b1669ae3e45997b8242ab2c107"},
    {"72657374696320656e76656c6f7065207465737420766563746f72",
     IV "d11bac4bfe399a8afd0d07abe22bd477c4106de788980122ff86cf4349f1f82067634be18f96ad484fdf0a"},
};

static bsi_secret *key_of(const char *hex)
{
    uint8_t bytes[BSI_CTR_POLY_KEY_SIZE];
    bsi_secret *key = NULL;

    assert_int_equal(hex_bytes(hex, bytes, sizeof(bytes)), sizeof(bytes));
    assert_ok(bsi_secret_copy(bytes, sizeof(bytes), &key));
    return key;
}

static void check(const bsi_secret *key, const uint8_t *plain, size_t size, const char *sealed)
{
    uint8_t iv[BSI_CTR_POLY_IV_SIZE];
    uint8_t out[ROOM];

    (void)hex_bytes(IV, iv, sizeof(iv));
    assert_ok(bsi_ctr_poly_seal_iv(key, iv, plain, size, out));
    assert_hex(out, size + BSI_CTR_POLY_OVERHEAD, sealed);
    assert_ok(
        bsi_ctr_poly_open(key, out, size + BSI_CTR_POLY_OVERHEAD, out + BSI_CTR_POLY_IV_SIZE));
    assert_memory_equal(out + BSI_CTR_POLY_IV_SIZE, plain, size);
}

static void the_vectors_come_out_both_ways(void **state)
{
    bsi_secret *key = key_of(KEY);
    uint8_t plain[LONG] = {0};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        check(key, plain, hex_bytes(cases[i].plain, plain, sizeof(plain)), cases[i].sealed);
    }
    for (size_t i = 0; i < LONG; i++) {
        plain[i] = (uint8_t)i;
    }
    check(key, plain, LONG, long_sealed);
    bsi_secret_free(key);
}

static void each_message_has_an_iv_of_its_own(void **state)
{
    bsi_secret *key = key_of(KEY);
    uint8_t first[BSI_CTR_POLY_OVERHEAD + 1];
    uint8_t second[BSI_CTR_POLY_OVERHEAD + 1];

    (void)state;
    first[BSI_CTR_POLY_IV_SIZE] = 'a';
    assert_ok(bsi_ctr_poly_seal(key, first + BSI_CTR_POLY_IV_SIZE, 1, first));
    assert_ok(bsi_ctr_poly_seal(key, "a", 1, second));
    assert_memory_not_equal(first, second, BSI_CTR_POLY_IV_SIZE);
    assert_ok(bsi_ctr_poly_open(key, first, sizeof(first), second));
    assert_int_equal(second[0], 'a');
    bsi_secret_free(key);
}

static void contexts_serve_many_messages_and_keys(void **state)
{
    bsi_secret *keys[2] = {key_of(KEY), NULL};
    bsi_ctr_poly *contexts = NULL;
    uint8_t sealed[ROOM];
    uint8_t plain[LONG];
    uint8_t long_bytes[ROOM];

    (void)state;
    assert_ok(bsi_secret_random(BSI_CTR_POLY_KEY_SIZE, &keys[1]));
    assert_ok(bsi_ctr_poly_new(&contexts));
    assert_int_equal(hex_bytes(long_sealed, long_bytes, sizeof(long_bytes)), ROOM);
    for (size_t size = 0; size < LONG; size += 5) {
        const bsi_secret *key = keys[size % 2];
        memset(plain, (int)(size & 0xff), size);
        assert_ok(bsi_ctr_poly_seal_with(contexts, key, plain, size, sealed));
        assert_status(bsi_ctr_poly_open_with(contexts, keys[1 - size % 2], sealed,
                                             size + BSI_CTR_POLY_OVERHEAD, plain),
                      BS_E_CORRUPT);
        assert_ok(bsi_ctr_poly_open(key, sealed, size + BSI_CTR_POLY_OVERHEAD, sealed));
        assert_memory_equal(sealed, plain, size);
        assert_ok(bsi_ctr_poly_open_with(contexts, keys[0], long_bytes, ROOM, plain));
        assert_int_equal(plain[LONG - 1], 0xff);
    }
    bsi_ctr_poly_free(contexts);
    bsi_secret_free(keys[0]);
    bsi_secret_free(keys[1]);
}

static void any_changed_bit_is_found_and_nothing_is_written(void **state)
{
    bsi_secret *key = key_of(KEY);
    uint8_t sealed[ROOM];
    uint8_t plain[ROOM] = "untouched";
    const size_t size = hex_bytes(cases[2].sealed, sealed, sizeof(sealed));

    (void)state;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_status(bsi_ctr_poly_open(key, sealed, size, plain), BS_E_CORRUPT);
        assert_string_equal((const char *)plain, "untouched");
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++) {
        assert_status(bsi_ctr_poly_open(key, sealed, cut, plain), BS_E_CORRUPT);
    }
    assert_ok(bsi_ctr_poly_open(key, sealed, size, plain));
    bsi_secret_free(key);
}

static void keys_of_zeros_are_refused(void **state)
{
    static const size_t parts[][2] = {{0, 32}, {32, 16}, {48, 16}};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(parts); i++) {
        bsi_secret *key = key_of(KEY);
        assert_ok(bsi_ctr_poly_check_key(key));
        memset(bsi_secret_bytes(key) + parts[i][0], 0, parts[i][1]);
        assert_status(bsi_ctr_poly_check_key(key), BS_E_KEY);
        bsi_secret_free(key);
    }
}

static void an_iv_of_zeros_is_not_accepted(void **state)
{
    bsi_secret *key = key_of(KEY);
    uint8_t sealed[BSI_CTR_POLY_OVERHEAD] = {0};
    /* AES-128 of the zero block under this key: the tag of no bytes under the zero IV. */
    uint8_t out[1];

    (void)state;
    (void)hex_bytes("ae3a71384013479e5a259218e4df8cbf", sealed + BSI_CTR_POLY_IV_SIZE, 16);
    assert_status(bsi_ctr_poly_open(key, sealed, sizeof(sealed), out), BS_E_CORRUPT);
    bsi_secret_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_come_out_both_ways),
        cmocka_unit_test(each_message_has_an_iv_of_its_own),
        cmocka_unit_test(contexts_serve_many_messages_and_keys),
        cmocka_unit_test(any_changed_bit_is_found_and_nothing_is_written),
        cmocka_unit_test(keys_of_zeros_are_refused),
        cmocka_unit_test(an_iv_of_zeros_is_not_accepted),
    };

    return cmocka_run_group_tests_name("crypto/ctr_poly", tests, NULL, NULL);
}
