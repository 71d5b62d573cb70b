/* SPDX-License-Identifier: MIT */
/*
 * The cases 13 to 16 of "The Galois/Counter Mode of Operation" (McGrew, Viega),
 * by which NIST chose the mode of SP 800-38D; and what happens to what was
 * changed.
 */
#include "support/test.h"

#include <string.h>

#include "crypto/gcm_int.h"
#include "support/hex.h"

enum { ROOM = 128 };

#define ZEROS_16 "00000000000000000000000000000000"
#define KEY_15 "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define PLAIN_16                                                         \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c" \
    "3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define SEALED_16                                                        \
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8c" \
    "b08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"

static const struct {
    const char *key;
    const char *nonce;
    const char *plain;
    const char *bound;
    const char *sealed;
    const char *tag;
} cases[] = {
    {ZEROS_16 ZEROS_16, "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {ZEROS_16 ZEROS_16, "000000000000000000000000", ZEROS_16, "",
     "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {KEY_15, "cafebabefacedbaddecaf888", PLAIN_16 "1aafd255", "", SEALED_16 "898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {KEY_15, "cafebabefacedbaddecaf888", PLAIN_16, "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     SEALED_16, "76fc6ece0f4e1768cddf8853bb2d551b"},
};

/* One case as bytes. */
typedef struct message {
    bsi_secret *key;
    uint8_t nonce[BSI_GCM_NONCE_SIZE];
    uint8_t plain[ROOM];
    size_t size;
    uint8_t bound_bytes[ROOM];
    size_t bound_size;
    bsi_gcm_bound bound;
    uint8_t sealed[ROOM];
} message;

/* `split` of the authenticated bytes come as their first part. */
static void message_init(message *self, size_t number, size_t split)
{
    uint8_t key[32];
    const char *bytes = (const char *)self->bound_bytes;

    assert_int_equal(hex_bytes(cases[number].key, key, sizeof(key)), sizeof(key));
    assert_ok(bsi_secret_copy(key, sizeof(key), &self->key));
    assert_int_equal(hex_bytes(cases[number].nonce, self->nonce, sizeof(self->nonce)),
                     sizeof(self->nonce));
    self->size = hex_bytes(cases[number].plain, self->plain, ROOM);
    self->bound_size = hex_bytes(cases[number].bound, self->bound_bytes, ROOM);
    split = split < self->bound_size ? split : self->bound_size;
    self->bound = (bsi_gcm_bound){
        .nonce = self->nonce,
        .first = {bytes, split},
        .second = {bytes + split, self->bound_size - split},
    };
}

static void sealing_gives_what_the_standard_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        for (size_t split = 0; split <= 20; split += 5) {
            message made;
            uint8_t back[ROOM];

            message_init(&made, i, split);
            assert_ok(bsi_gcm_seal(made.key, &made.bound, made.plain, made.size, made.sealed));
            assert_hex(made.sealed, made.size, cases[i].sealed);
            assert_hex(made.sealed + made.size, BSI_GCM_TAG_SIZE, cases[i].tag);
            assert_ok(bsi_gcm_open(made.key, &made.bound, made.sealed, made.size, back));
            assert_memory_equal(back, made.plain, made.size);
            bsi_secret_free(made.key);
        }
    }
}

static void assert_refused(const message *made)
{
    static const uint8_t zeros[ROOM];
    uint8_t back[ROOM];

    memset(back, 0x77, sizeof(back));
    assert_status(bsi_gcm_open(made->key, &made->bound, made->sealed, made->size, back),
                  BS_E_CORRUPT);
    assert_memory_equal(back, zeros, made->size); /* Nothing that is not authentic comes out. */
}

/* Flip each bit of some bytes, and back. */
static void try_bits(message *made, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < 8 * size; i++) {
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_refused(made);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}

static void every_changed_bit_is_noticed(void **state)
{
    message made;
    uint8_t back[ROOM];

    (void)state;
    message_init(&made, 3, 7);
    assert_ok(bsi_gcm_seal(made.key, &made.bound, made.plain, made.size, made.sealed));
    try_bits(&made, made.sealed, made.size + BSI_GCM_TAG_SIZE);
    try_bits(&made, made.nonce, sizeof(made.nonce));
    try_bits(&made, made.bound_bytes, made.bound_size);
    try_bits(&made, bsi_secret_bytes(made.key), bsi_secret_size(made.key));
    assert_ok(bsi_gcm_open(made.key, &made.bound, made.sealed, made.size, back));
    bsi_secret_free(made.key);
}

static void only_keys_of_32_bytes_are_taken(void **state)
{
    message made;
    bsi_secret *shorter = NULL;

    (void)state;
    message_init(&made, 0, 0);
    assert_ok(bsi_secret_random(16, &shorter));
    assert_status(bsi_gcm_seal(shorter, &made.bound, made.plain, 0, made.sealed), BS_E_INTERNAL);
    assert_status(bsi_gcm_open(shorter, &made.bound, made.sealed, 0, made.plain), BS_E_INTERNAL);
    bsi_secret_free(shorter);
    bsi_secret_free(made.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealing_gives_what_the_standard_says),
        cmocka_unit_test(every_changed_bit_is_noticed),
        cmocka_unit_test(only_keys_of_32_bytes_are_taken),
    };

    return cmocka_run_group_tests_name("crypto/gcm", tests, NULL, NULL);
}
