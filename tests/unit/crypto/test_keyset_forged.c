/* SPDX-License-Identifier: MIT */
/*
 * Stored key sets that are damaged, or changed by somebody without the key, or
 * with it.
 */
#include "keyset_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/endian.h"

/* In slots that the key does not open as well: a cost of scrypt that is absurd is damage here. */
static void every_changed_bit_and_every_cut_is_damage(void **state)
{
    bsi_keyset *keyset = make_raw(ID);
    bsi_buf stored;

    (void)state;
    assert_ok(bsi_keyset_add(keyset, made.passphrase, "phrase", &cheap, NULL));
    encode(keyset, &stored);
    for (size_t i = 0; i < 8 * stored.size; i++) {
        bs_status status = BS_OK;

        stored.data[i / 8] ^= (uint8_t)(1u << i % 8);
        status = read_with(stored.data, stored.size, made.raw);
        assert_true(status == BS_E_CORRUPT || status == BS_E_VERSION);
        stored.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t size = 0; size < stored.size; size++) {
        uint8_t *cut = malloc(size > 0 ? size : 1);

        assert_non_null(cut);
        memcpy(cut, stored.data, size);
        assert_int_equal(read_with(cut, size, made.raw), BS_E_CORRUPT);
        assert_int_equal(!strstr(bs_error_last()->message, "no key set has its size"),
                         size >= HEAD + TAIL);
        free(cut);
    }
    assert_int_equal(read_with(stored.data, stored.size, made.raw), BS_OK);
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
}

static void there_is_a_most_that_a_key_set_has(void **state)
{
    static const uint8_t zeros[BSI_KEYSET_MAX + 1];
    bsi_keyset *parsed = NULL;

    (void)state;
    assert_status(bsi_keyset_parse(zeros, BSI_KEYSET_MAX, &parsed), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "its first bytes"));
    assert_status(bsi_keyset_parse(zeros, BSI_KEYSET_MAX + 1, &parsed), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "no key set has its size"));
}

/*
 * Two slots, so that a key still fits when a bit of one is changed; but both
 * belong to an id.
 */
static void every_forged_bit_is_noticed(void **state)
{
    bsi_keyset *keyset = make_raw(ID);
    bsi_buf stored;

    (void)state;
    assert_ok(bsi_keyset_add(keyset, made.raw, "second", NULL, NULL));
    encode(keyset, &stored);
    for (size_t i = 0; i < 8 * (stored.size - BSI_SHA256_SIZE); i++) {
        bs_status status = BS_OK;

        stored.data[i / 8] ^= (uint8_t)(1u << i % 8);
        fix_checksum(&stored);
        status = read_with(stored.data, stored.size, made.raw);
        assert_true(status == BS_E_CORRUPT || status == BS_E_VERSION || status == BS_E_LIMIT ||
                    (status == BS_E_KEY && i / 8 >= AT_ID && i / 8 < AT_SALT));
        stored.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
}

/* Slots of one backup's set in another's, as somebody would do who has no key. */
static void slots_do_not_move_between_backups(void **state)
{
    const size_t slot_at = HEAD + public_part.size;
    bsi_keyset *a = NULL;
    bsi_keyset *b = NULL;
    bsi_buf stored_a;
    bsi_buf stored_b;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bsi_key *key = i == 0 ? made.raw : made.rsa;

        assert_ok(bsi_keyset_create(ID, &key, 1, NULL, &a));
        assert_ok(bsi_keyset_publish(a, public_part, NULL));
        assert_ok(bsi_keyset_create(OTHER_ID, &key, 1, NULL, &b));
        assert_ok(bsi_keyset_publish(b, public_part, NULL));
        encode(a, &stored_a);
        encode(b, &stored_b);
        assert_int_equal(stored_a.size, stored_b.size);
        memcpy(stored_a.data + slot_at, stored_b.data + slot_at, stored_a.size - TAIL - slot_at);
        fix_checksum(&stored_a);
        /* A raw key's slot knows its backup; an RSA key's gives a data key that is not this one's.
         */
        assert_int_equal(read_with(stored_a.data, stored_a.size, key),
                         i == 0 ? BS_E_KEY : BS_E_CORRUPT);
        bsi_buf_dispose(&stored_a);
        bsi_buf_dispose(&stored_b);
        bsi_keyset_free(a);
        bsi_keyset_free(b);
    }
}

static void a_slot_can_not_go_unnoticed(void **state)
{
    bsi_keyset *keyset = make_raw(ID);
    bsi_buf stored;
    size_t slot = 0;

    (void)state;
    encode(keyset, &stored);
    slot = stored.size - HEAD - public_part.size - TAIL;
    bsi_buf_dispose(&stored);
    assert_ok(bsi_keyset_add(keyset, made.raw, "", NULL, NULL));
    encode(keyset, &stored);
    memmove(stored.data + stored.size - TAIL - slot, stored.data + stored.size - TAIL, TAIL);
    stored.size -= slot;
    stored.data[AT_SLOTS] = 1;
    fix_checksum(&stored);
    assert_int_equal(read_with(stored.data, stored.size, made.raw), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "without its key"));
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
}

/* A later version's slot behind ours: a kind, a label, a body that mean nothing here. */
static void append_unknown_slot(bsi_buf *stored, uint32_t number)
{
    uint8_t slot[8 + 3 + 21] = {0};
    uint8_t tail[TAIL];

    bsi_put_le32(slot, number);
    slot[4] = 77;
    slot[5] = 3;
    bsi_put_le16(slot + 6, 21);
    memcpy(slot + 8, "new", 3);
    memset(slot + 11, 0xee, 21);
    stored->size -= TAIL;
    memcpy(tail, stored->data + stored->size, TAIL);
    assert_ok(bsi_buf_append(stored, slot, sizeof(slot)));
    assert_ok(bsi_buf_append(stored, tail, sizeof(tail)));
    stored->data[AT_SLOTS]++;
    bsi_put_le32(stored->data + AT_NEXT, number + 1);
}

static void slots_of_unknown_kinds_are_kept_and_authenticated(void **state)
{
    bsi_keyset *keyset = make_raw(ID);
    bsi_keyset *again = NULL;
    bsi_buf stored;
    bsi_buf encoded;

    (void)state;
    encode(keyset, &stored);
    append_unknown_slot(&stored, 9);
    fix_checksum(&stored);
    assert_int_equal(read_with(stored.data, stored.size, made.raw), BS_E_CORRUPT);
    fix_mac(&stored, bsi_keyset_data_key(keyset));
    assert_ok(bsi_keyset_parse(stored.data, stored.size, &again));
    assert_ok(bsi_keyset_open(again, &made.raw, 1));
    assert_int_equal(bsi_keyset_slots(again), 2);
    assert_string_equal(bsi_key_kind_name(bsi_keyset_slot(again, 1)->kind), "unknown");
    assert_string_equal(bsi_keyset_slot(again, 1)->label, "new");
    assert_status(bsi_keyset_remove(again, 1), BS_E_NEEDED); /* Nobody here could open it. */
    encode(again, &encoded);
    assert_int_equal(encoded.size, stored.size);
    assert_memory_equal(encoded.data, stored.data, stored.size);
    assert_ok(bsi_keyset_remove(again, 9));
    bsi_buf_dispose(&encoded);
    bsi_keyset_free(again);
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
}

/* What a set's maker could write who has its key, and must not. */
static void structure_is_checked_before_anything_else(void **state)
{
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
        bs_status status;
    } cases[] = {
        {"version", AT_VERSION, 2, BS_E_VERSION},
        {"suite", AT_SUITE, 2, BS_E_VERSION},
        {"no slots", AT_SLOTS, 0, BS_E_CORRUPT},
        {"a slot too many", AT_SLOTS, 3, BS_E_CORRUPT},
        {"a slot too few", AT_SLOTS, 1, BS_E_CORRUPT},
        {"more slots than there may be", AT_SLOTS, 65, BS_E_CORRUPT},
        {"unknown flags", AT_FLAGS, 2, BS_E_CORRUPT},
        {"a signature that is not there", AT_FLAGS, 1, BS_E_CORRUPT},
        {"public part too long", AT_PUBLIC_SIZE + 3, 1, BS_E_CORRUPT},
        {"public part too short", AT_PUBLIC_SIZE, 6, BS_E_CORRUPT},
        {"next number given already", AT_NEXT, 2, BS_E_CORRUPT},
        {"number twice", HEAD + 7, 2, BS_E_CORRUPT},
        {"number 0xff000001", HEAD + 7 + 3, 0xff, BS_E_CORRUPT},
        {"label beyond its most", HEAD + 7 + 5, 65, BS_E_CORRUPT},
        {"body size", HEAD + 7 + 6, 95, BS_E_CORRUPT},
        {"body beyond the end", HEAD + 7 + 7, 0xff, BS_E_CORRUPT},
    };
    (void)state;
    bsi_keyset *keyset = make_raw(ID);
    bsi_buf stored;

    assert_int_equal(public_part.size, 7);
    assert_ok(bsi_keyset_add(keyset, made.raw, "", NULL, NULL));
    encode(keyset, &stored);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        const uint8_t good = stored.data[cases[i].at];
        bsi_keyset *parsed = NULL;

        print_message("# %s\n", cases[i].what);
        stored.data[cases[i].at] = cases[i].value;
        fix_mac(&stored, bsi_keyset_data_key(keyset));
        assert_status(bsi_keyset_parse(stored.data, stored.size, &parsed), cases[i].status);
        assert_null(parsed);
        stored.data[cases[i].at] = good;
    }
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
}

/* By somebody who has the key and lets the set open under another one too. */
static void a_commitment_to_another_key_is_noticed(void **state)
{
    bsi_keyset *keyset = make_raw(ID);
    bsi_buf stored;

    (void)state;
    encode(keyset, &stored);
    stored.data[AT_COMMIT] ^= 1;
    fix_mac(&stored, bsi_keyset_data_key(keyset));
    assert_int_equal(read_with(stored.data, stored.size, made.raw), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "not that of this key set"));
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
}

static void an_absurd_cost_of_scrypt_is_refused(void **state)
{
    enum { AT_COST = HEAD + 7 + 8 };
    static const struct {
        uint8_t log_n;
        uint8_t r;
        uint8_t p;
    } cases[] = {{40, 8, 1}, {255, 255, 255}, {21, 8, 1}, {20, 8, 9}};
    (void)state;
    bsi_keyset *keyset = NULL;
    bsi_buf stored;

    assert_ok(bsi_keyset_create(ID, &made.passphrase, 1, &cheap, &keyset));
    assert_ok(bsi_keyset_publish(keyset, public_part, NULL));
    encode(keyset, &stored);
    assert_int_equal(stored.data[AT_COST], 15);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        char asked[64];

        stored.data[AT_COST] = cases[i].log_n;
        stored.data[AT_COST + 1] = cases[i].r;
        stored.data[AT_COST + 2] = cases[i].p;
        fix_mac(&stored, bsi_keyset_data_key(keyset));
        assert_int_equal(read_with(stored.data, stored.size, made.passphrase), BS_E_LIMIT);
        (void)snprintf(asked, sizeof(asked), "N=2^%u, r=%u, p=%u", cases[i].log_n, cases[i].r,
                       cases[i].p);
        assert_non_null(strstr(bs_error_last()->message, asked));
    }
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
}

/* Many slots that each ask for what is allowed keep nobody busy for long either. */
static void all_slots_together_have_a_cost_too(void **state)
{
    static const unsigned char salt[32] = "shared by these";
    const bsi_keyset_cost dear = {.log_n = 20, .salt = salt};
    bsi_keyset *keyset = make_raw(ID);
    bsi_buf stored;
    size_t slot_at = 0;
    size_t slot = 0;

    (void)state;
    encode(keyset, &stored);
    slot_at = stored.size - TAIL;
    bsi_buf_dispose(&stored);
    assert_ok(bsi_keyset_add(keyset, made.passphrase, "", &cheap, NULL));
    encode(keyset, &stored);
    slot = stored.size - TAIL - slot_at;
    for (uint32_t i = 0; i < 20; i++) { /* The same slot again, with other numbers and salts. */
        uint8_t copy[512];

        assert_true(slot + TAIL <= sizeof(copy));
        memcpy(copy, stored.data + slot_at, slot);
        bsi_put_le32(copy, 3 + i);
        copy[8] = 19;
        copy[8 + 4] = (uint8_t)i;
        memcpy(copy + slot, stored.data + stored.size - TAIL, TAIL);
        stored.size -= TAIL;
        assert_ok(bsi_buf_append(&stored, copy, slot + TAIL));
    }
    stored.data[AT_SLOTS] = 22;
    bsi_put_le32(stored.data + AT_NEXT, 100);
    fix_mac(&stored, bsi_keyset_data_key(keyset));
    assert_int_equal(read_with(stored.data, stored.size, made.raw), BS_E_LIMIT);
    assert_non_null(strstr(bs_error_last()->message, "share a salt"));
    if (getenv("BSI_TESTS_FULL")) { /* 1 GiB: with one salt it is one derivation. */
        for (int i = 0; i < 12; i++) {
            assert_ok(bsi_keyset_add(keyset, made.passphrase, "", &dear, NULL));
        }
    }
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
}

static void a_signature_covers_the_public_part_and_not_the_slots(void **state)
{
    bsi_signer *signer = make_signer();
    bsi_keyset *keyset = make_raw(ID);
    bsi_keyset *again = NULL;
    bsi_buf stored;

    (void)state;
    assert_ok(bsi_keyset_publish(keyset, public_part, signer));
    assert_ok(reopen(keyset, made.raw, &again));
    assert_memory_equal(bsi_keyset_signer(again)->bytes, bsi_signer_public(signer)->bytes,
                        BSI_SIGN_KEY_SIZE);
    assert_ok(bsi_keyset_add(again, made.raw, "new", NULL, NULL)); /* Without the signer. */
    bsi_keyset_free(keyset);
    assert_ok(reopen(again, made.raw, &keyset));
    assert_non_null(bsi_keyset_signer(keyset));

    encode(keyset, &stored); /* Who has the key but not the signer's can not speak for it. */
    stored.data[HEAD + 1] ^= 1;
    fix_mac(&stored, bsi_keyset_data_key(keyset));
    assert_int_equal(read_with(stored.data, stored.size, made.raw), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "signature"));
    stored.data[HEAD + 1] ^= 1;
    stored.data[AT_FLAGS] |= 2; /* Nor promise what this version does not know. */
    fix_mac(&stored, bsi_keyset_data_key(keyset));
    assert_int_equal(read_with(stored.data, stored.size, made.raw), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "flags"));
    assert_ok(bsi_keyset_publish(keyset, public_part, NULL));
    assert_null(bsi_keyset_signer(keyset));
    bsi_buf_dispose(&stored);
    bsi_keyset_free(again);
    bsi_keyset_free(keyset);
    bsi_signer_free(signer);
}

/* A signed public part in the set of another backup, by somebody who has that one's key. */
static void a_signature_belongs_to_one_backup(void **state)
{
    bsi_signer *signer = make_signer();
    bsi_keyset *a = make_raw(ID);
    bsi_keyset *b = make_raw(ID);
    bsi_buf stored_a;
    bsi_buf stored_b;

    (void)state;
    assert_ok(bsi_keyset_publish(a, public_part, signer));
    assert_ok(bsi_keyset_publish(b, public_part, signer));
    encode(a, &stored_a);
    encode(b, &stored_b);
    memcpy(stored_a.data + HEAD + public_part.size, stored_b.data + HEAD + public_part.size,
           SIGNED);
    fix_mac(&stored_a, bsi_keyset_data_key(a));
    assert_int_equal(read_with(stored_a.data, stored_a.size, made.raw), BS_E_CORRUPT);
    bsi_buf_dispose(&stored_a);
    bsi_buf_dispose(&stored_b);
    bsi_keyset_free(a);
    bsi_keyset_free(b);
    bsi_signer_free(signer);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_changed_bit_and_every_cut_is_damage),
        TEST(there_is_a_most_that_a_key_set_has),
        TEST(every_forged_bit_is_noticed),
        TEST(slots_do_not_move_between_backups),
        TEST(a_slot_can_not_go_unnoticed),
        TEST(slots_of_unknown_kinds_are_kept_and_authenticated),
        TEST(structure_is_checked_before_anything_else),
        TEST(a_commitment_to_another_key_is_noticed),
        TEST(an_absurd_cost_of_scrypt_is_refused),
        TEST(all_slots_together_have_a_cost_too),
        TEST(a_signature_covers_the_public_part_and_not_the_slots),
        TEST(a_signature_belongs_to_one_backup),
    };

    return cmocka_run_group_tests_name("crypto/keyset_forged", tests, group_setup, group_teardown);
}
