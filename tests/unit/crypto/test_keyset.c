/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "base/alloc.h"
#include "crypto/keyset.h"
#include "os/fault.h"
#include "support/crypto_keys.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"

static const bsi_keyset_cost cheap = {.log_n = 15};
static const bsi_slice public_part = {"{\"a\":1}", 7};

/* One of each kind. */
typedef struct keys {
    bsi_key *passphrase;
    bsi_key *raw;
    bsi_key *rsa;
    bsi_key *rsa_public;
} keys;

static int setup(void **state)
{
    static keys made;
    bsi_secret *text = NULL;

    made = (keys){0};
    if (bsi_key_from_passphrase(bsi_slice_of("correct horse"), &made.passphrase) < 0 ||
        bsi_key_raw_generate(&text) < 0 ||
        bsi_key_from_raw((bsi_slice){(const char *)bsi_secret_view(text), bsi_secret_size(text)},
                         &made.raw) < 0 ||
        bsi_key_from_pem(bsi_slice_of(TEST_RSA_PRIVATE), NULL, &made.rsa) < 0 ||
        bsi_key_from_pem(bsi_slice_of(TEST_RSA_PUBLIC), NULL, &made.rsa_public) < 0) {
        print_error("%s\n", bs_error_last()->message);
        return -1;
    }
    bsi_secret_free(text);
    *state = &made;
    return 0;
}

static int teardown(void **state)
{
    keys *made = *state;

    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    bsi_key_unref(made->passphrase);
    bsi_key_unref(made->raw);
    bsi_key_unref(made->rsa);
    bsi_key_unref(made->rsa_public);
    return 0;
}

/* Store, read back and open with one key. */
static bs_status reopen(bsi_keyset *keyset, bsi_key *key, bsi_keyset **out)
{
    bsi_buf stored;
    bs_status status = BS_OK;

    bsi_buf_init(&stored, BSI_KEYSET_MAX);
    assert_ok(bsi_keyset_encode(keyset, &stored));
    assert_ok(bsi_keyset_parse(stored.data, stored.size, out));
    bsi_buf_dispose(&stored);
    status = bsi_keyset_open(*out, &key, 1);
    if (status < 0) {
        bsi_keyset_free(*out);
        *out = NULL;
    }
    return status;
}

static void each_key_opens_what_all_closed(void **state)
{
    const keys *made = *state;
    bsi_key *const closing[] = {made->passphrase, made->raw, made->rsa_public};
    bsi_key *const opening[] = {made->passphrase, made->raw, made->rsa};
    bsi_keyset *keyset = NULL;

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
    const keys *made = *state;
    bsi_keyset *keyset = NULL;
    bsi_keyset *again = NULL;

    assert_ok(bsi_keyset_create(ID, &made->rsa_public, 1, NULL, &keyset));
    assert_status(reopen(keyset, made->rsa_public, &again), BS_E_KEY);
    assert_null(again);
    bsi_keyset_free(keyset);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_key_opens_what_all_closed),
        TEST(the_public_half_closes_and_does_not_open),
    };

    return cmocka_run_group_tests_name("crypto/keyset", tests, NULL, NULL);
}
