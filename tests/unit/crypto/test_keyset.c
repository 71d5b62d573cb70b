/* SPDX-License-Identifier: MIT */
#include "keyset_fixture.h"

#include <errno.h>
#include <stdlib.h>

static void each_key_opens_what_all_closed(void **state)
{
    bsi_key *const closing[] = {made.passphrase, made.raw, made.rsa_public};
    bsi_key *const opening[] = {made.passphrase, made.raw, made.rsa};
    bsi_keyset *keyset = NULL;

    (void)state;
    assert_ok(bsi_keyset_create(ID, closing, 3, &cheap, &keyset));
    assert_ok(bsi_keyset_publish(keyset, public_part, NULL));
    for (size_t i = 0; i < 3; i++) {
        bsi_keyset *again = NULL;

        assert_ok(reopen(keyset, opening[i], &again));
        assert_string_equal(bsi_keyset_id(again), ID);
        assert_true(bsi_slice_equal(bsi_keyset_public(again), public_part));
        assert_int_equal(bsi_keyset_slots(again), 3);
        assert_memory_equal(bsi_secret_view(bsi_keyset_data_key(again)),
                            bsi_secret_view(bsi_keyset_data_key(keyset)), BSI_DATA_KEY_SIZE);
        bsi_keyset_free(again);
    }
    bsi_keyset_free(keyset);
}

static void the_public_half_closes_and_does_not_open(void **state)
{
    bsi_keyset *keyset = NULL;
    bsi_keyset *again = NULL;

    (void)state;
    assert_ok(bsi_keyset_create(ID, &made.rsa_public, 1, NULL, &keyset));
    assert_status(reopen(keyset, made.rsa_public, &again), BS_E_KEY);
    assert_null(again);
    bsi_keyset_free(keyset);
}

static void a_new_set_is_open_and_has_an_empty_object(void **state)
{
    bsi_keyset *keyset = NULL;

    (void)state;
    assert_ok(bsi_keyset_create(ID, &made.raw, 1, NULL, &keyset));
    assert_true(bsi_keyset_is_open(keyset));
    assert_true(bsi_slice_is(bsi_keyset_public(keyset), "{}"));
    assert_null(bsi_keyset_signer(keyset));
    assert_string_equal(bsi_keyset_slot(keyset, 0)->label, "");
    assert_int_equal(bsi_keyset_slot(keyset, 0)->number, 1);
    bsi_keyset_free(keyset);
}

static void what_can_not_be_a_set_is_not_made(void **state)
{
    bsi_key *many[BSI_KEYSET_SLOTS_MAX + 1];
    bsi_keyset_cost cost = {.log_n = 14};
    bsi_keyset *keyset = NULL;

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(many); i++) {
        many[i] = made.raw;
    }
    assert_status(bsi_keyset_create(ID, NULL, 0, NULL, &keyset), BS_E_INVALID);
    assert_status(bsi_keyset_create("no id", &made.raw, 1, NULL, &keyset), BS_E_INVALID);
    assert_status(bsi_keyset_create(ID, many, BSI_ARRAY_SIZE(many), NULL, &keyset), BS_E_LIMIT);
    assert_status(bsi_keyset_create(ID, &made.passphrase, 1, &cost, &keyset), BS_E_INVALID);
    cost.log_n = 21;
    assert_status(bsi_keyset_create(ID, &made.passphrase, 1, &cost, &keyset), BS_E_INVALID);
    assert_null(keyset);
    assert_ok(bsi_keyset_create(ID, many, BSI_KEYSET_SLOTS_MAX, NULL, &keyset));
    bsi_keyset_free(keyset);
}

static void two_sets_have_nothing_in_common(void **state)
{
    bsi_keyset *a = make_raw(ID);
    bsi_keyset *b = make_raw(ID);
    bsi_buf stored_a;
    bsi_buf stored_b;

    (void)state;
    assert_memory_not_equal(bsi_secret_view(bsi_keyset_data_key(a)),
                            bsi_secret_view(bsi_keyset_data_key(b)), BSI_DATA_KEY_SIZE);
    encode(a, &stored_a);
    encode(b, &stored_b);
    assert_memory_not_equal(stored_a.data + AT_SALT, stored_b.data + AT_SALT, 32);
    bsi_buf_dispose(&stored_a);
    bsi_buf_dispose(&stored_b);
    bsi_keyset_free(a);
    bsi_keyset_free(b);
}

static void a_key_that_does_not_fit_is_told_from_damage(void **state)
{
    bsi_key *const two[] = {made.passphrase, made.raw};
    bsi_keyset *keyset = NULL;
    bsi_key *other = NULL;
    bsi_buf stored;

    (void)state;
    assert_ok(bsi_keyset_create(ID, two, 2, &cheap, &keyset));
    encode(keyset, &stored);
    assert_ok(bsi_key_from_passphrase(bsi_slice_of("wrong horse"), &other));
    assert_int_equal(read_with(stored.data, stored.size, other), BS_E_KEY);
    assert_non_null(strstr(bs_error_last()->message, "its slots are for: passphrase, raw "));
    assert_null(strstr(bs_error_last()->message, "horse"));
    assert_int_equal(read_with(stored.data, stored.size, made.rsa), BS_E_KEY);
    bsi_key_unref(other);
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
}

static void any_of_the_keys_offered_may_fit(void **state)
{
    bsi_key *const offered[] = {made.rsa_public, made.rsa, made.raw};
    bsi_keyset *keyset = make_raw(ID);
    bsi_keyset *again = NULL;
    bsi_buf stored;

    (void)state;
    encode(keyset, &stored);
    assert_ok(bsi_keyset_parse(stored.data, stored.size, &again));
    assert_null(bsi_keyset_data_key(again));
    assert_status(bsi_keyset_open(again, NULL, 0), BS_E_KEY);
    assert_status(bsi_keyset_open(again, offered, 2), BS_E_KEY);
    assert_ok(bsi_keyset_open(again, offered, 3));
    assert_ok(bsi_keyset_open(again, NULL, 0)); /* It is open already. */
    bsi_keyset_free(again);
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
}

static void slots_come_and_go(void **state)
{
    bsi_keyset *keyset = make_raw(ID);
    bsi_keyset *again = NULL;
    uint32_t number = 0;

    (void)state;
    assert_ok(bsi_keyset_add(keyset, made.passphrase, "Zoë's laptop", &cheap, &number));
    assert_int_equal(number, 2);
    assert_ok(bsi_keyset_remove(keyset, 1));
    assert_status(bsi_keyset_remove(keyset, 1), BS_E_NOT_FOUND);
    assert_status(bsi_keyset_remove(keyset, 2), BS_E_NEEDED);
    assert_status(reopen(keyset, made.raw, &again), BS_E_KEY);
    assert_ok(reopen(keyset, made.passphrase, &again));
    assert_int_equal(bsi_keyset_slots(again), 1);
    assert_string_equal(bsi_keyset_slot(again, 0)->label, "Zoë's laptop");
    assert_int_equal(bsi_keyset_slot(again, 0)->kind, BSI_KEY_PASSPHRASE);
    assert_string_equal(bsi_keyset_slot(again, 0)->fingerprint, "");
    assert_ok(bsi_keyset_add(again, made.rsa_public, NULL, NULL, &number));
    assert_int_equal(number, 3); /* 1 is not given again. */
    assert_int_equal(strlen(bsi_keyset_slot(again, 1)->fingerprint), BSI_FINGERPRINT_SIZE - 1);
    bsi_keyset_free(again);
    bsi_keyset_free(keyset);
}

static void a_set_that_is_not_open_does_not_change(void **state)
{
    bsi_keyset *keyset = make_raw(ID);
    bsi_keyset *closed = NULL;
    bsi_buf stored;

    (void)state;
    encode(keyset, &stored);
    assert_ok(bsi_keyset_parse(stored.data, stored.size, &closed));
    assert_status(bsi_keyset_add(closed, made.raw, "", NULL, NULL), BS_E_KEY);
    assert_status(bsi_keyset_remove(closed, 1), BS_E_KEY);
    assert_status(bsi_keyset_publish(closed, public_part, NULL), BS_E_KEY);
    assert_status(bsi_keyset_encode(closed, &stored), BS_E_KEY);
    bsi_keyset_free(closed);
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
}

static void labels_are_short_texts_that_can_be_printed(void **state)
{
    static const char *const bad[] = {"\x1b[31m", "a\nb", "\x7f", "\xc2\x9b", "\xff", "\xc3"};
    (void)state;
    bsi_keyset *keyset = make_raw(ID);
    char label[66];

    for (size_t i = 0; i < BSI_ARRAY_SIZE(bad); i++) {
        assert_status(bsi_keyset_add(keyset, made.raw, bad[i], NULL, NULL), BS_E_INVALID);
    }
    memset(label, 'x', 65);
    label[65] = '\0';
    assert_status(bsi_keyset_add(keyset, made.raw, label, NULL, NULL), BS_E_INVALID);
    label[64] = '\0';
    assert_ok(bsi_keyset_add(keyset, made.raw, label, NULL, NULL));
    assert_int_equal(bsi_keyset_slots(keyset), 2);
    bsi_keyset_free(keyset);
}

static void a_shared_salt_shares_the_derivation_and_not_the_wrapping(void **state)
{
    enum { SLOT = 8 + 116, SALTS = 8 + 4 };
    static const unsigned char salt[32] = "one for all";
    const bsi_keyset_cost cost = {.log_n = 15, .salt = salt};
    (void)state;
    bsi_key *const twice[] = {made.passphrase, made.passphrase};
    bsi_keyset *keyset = NULL;
    const uint8_t *slots = NULL;
    bsi_buf stored;

    assert_ok(bsi_keyset_create(ID, twice, 2, &cost, &keyset));
    encode(keyset, &stored);
    slots = stored.data + HEAD + 2; /* Behind "{}". */
    assert_memory_equal(slots + SALTS, salt, sizeof(salt));
    assert_memory_equal(slots + SLOT + SALTS, salt, sizeof(salt));
    assert_memory_not_equal(slots + SALTS + 32, slots + SLOT + SALTS + 32, 32);
    assert_memory_not_equal(slots + SALTS + 64, slots + SLOT + SALTS + 64, 48);
    assert_int_equal(read_with(stored.data, stored.size, made.passphrase), BS_OK);
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
}

static void a_data_key_in_hand_opens_its_own_set_only(void **state)
{
    bsi_keyset *keyset = make_raw(ID);
    bsi_keyset *other = make_raw(ID);
    bsi_keyset *again = NULL;
    bsi_buf stored;

    (void)state;
    encode(keyset, &stored);
    assert_ok(bsi_keyset_parse(stored.data, stored.size, &again));
    assert_status(bsi_keyset_unlock(again, bsi_keyset_data_key(other)), BS_E_CORRUPT);
    assert_false(bsi_keyset_is_open(again));
    assert_ok(bsi_keyset_unlock(again, bsi_keyset_data_key(keyset)));
    assert_ok(bsi_keyset_unlock(again, bsi_keyset_data_key(keyset)));
    assert_true(bsi_keyset_is_open(again));
    bsi_keyset_free(again);
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
    bsi_keyset_free(other);
}

static void the_public_part_has_a_most(void **state)
{
    char *text = calloc(1, BSI_KEYSET_PUBLIC_MAX + 1);
    bsi_keyset *keyset = make_raw(ID);
    bsi_buf stored;

    (void)state;
    assert_non_null(text);
    assert_status(bsi_keyset_publish(keyset, (bsi_slice){text, BSI_KEYSET_PUBLIC_MAX + 1}, NULL),
                  BS_E_LIMIT);
    assert_true(bsi_slice_equal(bsi_keyset_public(keyset), public_part));
    assert_ok(bsi_keyset_publish(keyset, (bsi_slice){text, BSI_KEYSET_PUBLIC_MAX}, NULL));
    encode(keyset, &stored);
    assert_int_equal(read_with(stored.data, stored.size, made.raw), BS_OK);
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
    free(text);
}

/* Make, store, read, open, change: everything in turn; frees what it made. */
static bs_status do_much(const bsi_signer *signer)
{
    bsi_keyset *keyset = NULL;
    bsi_keyset *again = NULL;
    bsi_buf stored;
    bs_status status = bsi_keyset_create(ID, &made.raw, 1, NULL, &keyset);

    bsi_buf_init(&stored, ROOM);
    if (status == BS_OK) {
        status = bsi_keyset_publish(keyset, public_part, signer);
    }
    if (status == BS_OK) {
        status = bsi_keyset_encode(keyset, &stored);
        assert_true(status == BS_OK || stored.size == 0);
    }
    if (status == BS_OK) {
        status = bsi_keyset_parse(stored.data, stored.size, &again);
    }
    if (status == BS_OK) {
        status = bsi_keyset_open(again, &made.raw, 1);
    }
    if (status == BS_OK) {
        status = bsi_keyset_add(again, made.rsa_public, "", NULL, NULL);
        assert_int_equal(bsi_keyset_slots(again), status == BS_OK ? 2 : 1);
    }
    bsi_buf_dispose(&stored);
    bsi_keyset_free(keyset);
    bsi_keyset_free(again);
    return status;
}

static void no_memory_is_reported(void **state)
{
    bsi_signer *signer = make_signer();
    bs_status status = BS_E_NOMEM;
    long n = 0;

    (void)state;
    for (; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = do_much(signer);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    assert_true(n > 10);
    bsi_alloc_fail_after(-1);
    bsi_signer_free(signer);
}

/* Among them each call for random bytes: without chance there is no key. */
static void each_failing_call_is_reported(void **state)
{
    bsi_fault_plan plan = {.os_code = EIO};
    bsi_signer *signer = make_signer();
    bs_status status = BS_E_IO;

    (void)state;
    for (plan.at = 1; status != BS_OK; plan.at++) {
        bsi_fault_set(&plan);
        status = do_much(signer);
        assert_true(status == BS_OK || status == BS_E_IO);
    }
    assert_true(plan.at > 10);
    bsi_fault_set(NULL);
    bsi_signer_free(signer);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_key_opens_what_all_closed),
        TEST(the_public_half_closes_and_does_not_open),
        TEST(a_new_set_is_open_and_has_an_empty_object),
        TEST(what_can_not_be_a_set_is_not_made),
        TEST(two_sets_have_nothing_in_common),
        TEST(a_key_that_does_not_fit_is_told_from_damage),
        TEST(any_of_the_keys_offered_may_fit),
        TEST(slots_come_and_go),
        TEST(a_set_that_is_not_open_does_not_change),
        TEST(labels_are_short_texts_that_can_be_printed),
        TEST(a_shared_salt_shares_the_derivation_and_not_the_wrapping),
        TEST(a_data_key_in_hand_opens_its_own_set_only),
        TEST(the_public_part_has_a_most),
        TEST(no_memory_is_reported),
        TEST(each_failing_call_is_reported),
    };

    return cmocka_run_group_tests_name("crypto/keyset", tests, group_setup, group_teardown);
}
