/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/box.h"
#include "hash/sha256.h"
#include "os/fault.h"
#include "support/crypto_keys.h"

#define DOCUMENT "a keyring of some length"

enum { SIZE = sizeof(DOCUMENT) - 1, ROOM = 4096 };

static bsi_key *raw_key(void)
{
    bsi_secret *text = NULL;
    bsi_key *key = NULL;

    assert_ok(bsi_key_raw_generate(&text));
    assert_ok(bsi_key_from_raw(
        (bsi_slice){(const char *)bsi_secret_view(text), bsi_secret_size(text)}, &key));
    bsi_secret_free(text);
    return key;
}

static int setup(void **state)
{
    *state = raw_key();
    return 0;
}

static int teardown(void **state)
{
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    bsi_key_unref(*state);
    return 0;
}

static void seal(bsi_key *key, bsi_buf *out)
{
    bsi_buf_init(out, ROOM);
    assert_ok(bsi_box_seal(key, "keyring", DOCUMENT, SIZE, out));
}

static void assert_opens(bsi_key *key, const bsi_buf *box)
{
    bsi_secret *back = NULL;

    assert_ok(bsi_box_open(key, "keyring", box->data, box->size, &back));
    assert_int_equal(bsi_secret_size(back), SIZE);
    assert_memory_equal(bsi_secret_view(back), DOCUMENT, SIZE);
    bsi_secret_free(back);
}

static bs_status open_status(bsi_key *key, const char *purpose, const void *box, size_t size)
{
    bsi_secret *back = NULL;
    const bs_status status = bsi_box_open(key, purpose, box, size, &back);

    assert_true((status == BS_OK) == (back != NULL));
    bsi_secret_free(back);
    return status;
}

static void what_goes_in_comes_out(void **state)
{
    bsi_key *passphrase = NULL;
    bsi_key *rsa = NULL;
    bsi_buf box;

    assert_ok(bsi_key_from_passphrase(bsi_slice_of("correct horse"), &passphrase));
    assert_ok(bsi_key_from_pem(bsi_slice_of(TEST_RSA_PRIVATE), NULL, &rsa));
    for (size_t i = 0; i < 3; i++) {
        bsi_key *const keys[] = {*state, passphrase, rsa};

        seal(keys[i], &box);
        assert_opens(keys[i], &box);
        bsi_buf_dispose(&box);
    }
    bsi_key_unref(passphrase);
    bsi_key_unref(rsa);
}

static void a_box_is_appended(void **state)
{
    bsi_secret *back = NULL;
    bsi_buf box;

    bsi_buf_init(&box, ROOM);
    assert_ok(bsi_buf_append_text(&box, "before"));
    assert_ok(bsi_box_seal(*state, "keyring", DOCUMENT, SIZE, &box));
    assert_memory_equal(box.data, "before", 6);
    assert_ok(bsi_box_open(*state, "keyring", box.data + 6, box.size - 6, &back));
    bsi_secret_free(back);
    bsi_buf_dispose(&box);
}

static void another_key_or_purpose_does_not_open(void **state)
{
    bsi_key *other = raw_key();
    bsi_key *passphrase = NULL;
    bsi_buf box;

    assert_ok(bsi_key_from_passphrase(bsi_slice_of("correct horse"), &passphrase));
    seal(*state, &box);
    assert_status(open_status(other, "keyring", box.data, box.size), BS_E_KEY);
    assert_status(open_status(passphrase, "keyring", box.data, box.size), BS_E_KEY);
    assert_status(open_status(*state, "signing key", box.data, box.size), BS_E_CORRUPT);
    assert_string_equal(bs_error_last()->message, "a keyring stands where a signing key should");
    bsi_buf_dispose(&box);
    bsi_key_unref(passphrase);
    bsi_key_unref(other);
}

static void every_changed_bit_and_every_cut_is_damage(void **state)
{
    bsi_buf box;

    seal(*state, &box);
    for (size_t i = 0; i < 8 * box.size; i++) {
        bs_status status = BS_OK;

        box.data[i / 8] ^= (uint8_t)(1u << i % 8);
        status = open_status(*state, "keyring", box.data, box.size);
        assert_true(status == BS_E_CORRUPT || status == BS_E_VERSION);
        box.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t size = 0; size < box.size; size++) {
        uint8_t *cut = malloc(size > 0 ? size : 1);

        assert_non_null(cut);
        memcpy(cut, box.data, size);
        assert_int_equal(open_status(*state, "keyring", cut, size), BS_E_CORRUPT);
        free(cut);
    }
    assert_opens(*state, &box);
    bsi_buf_dispose(&box);
}

/* The checksum keeps nobody off who computes it again. */
static void every_forged_bit_is_noticed(void **state)
{
    bsi_buf box;

    seal(*state, &box);
    for (size_t i = 0; i < 8 * (box.size - BSI_SHA256_SIZE); i++) {
        bs_status status = BS_OK;
        bsi_digest digest;

        box.data[i / 8] ^= (uint8_t)(1u << i % 8);
        bsi_sha256_of(box.data, box.size - BSI_SHA256_SIZE, &digest);
        memcpy(box.data + box.size - BSI_SHA256_SIZE, digest.bytes, BSI_SHA256_SIZE);
        status = open_status(*state, "keyring", box.data, box.size);
        assert_true(status == BS_E_CORRUPT || status == BS_E_VERSION || status == BS_E_KEY);
        box.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    bsi_buf_dispose(&box);
}

static void sizes_and_purposes_have_limits(void **state)
{
    static const uint8_t large[BSI_BOX_MAX + 1];
    char purpose[66];
    bsi_buf box;

    memset(purpose, 'p', 65);
    purpose[65] = '\0';
    bsi_buf_init(&box, 2 * (size_t)BSI_BOX_MAX);
    assert_status(bsi_box_seal(*state, "keyring", "", 0, &box), BS_E_LIMIT);
    assert_status(bsi_box_seal(*state, "keyring", large, sizeof(large), &box), BS_E_LIMIT);
    assert_status(bsi_box_seal(*state, purpose, "x", 1, &box), BS_E_INVALID);
    assert_int_equal(box.size, 0);
    assert_ok(bsi_box_seal(*state, "keyring", large, sizeof(large) - 1, &box));
    assert_int_equal(open_status(*state, "keyring", box.data, box.size), BS_OK);
    bsi_buf_dispose(&box);
}

static void no_memory_is_reported(void **state)
{
    bs_status status = BS_E_NOMEM;
    bsi_secret *back = NULL;
    bsi_buf box;

    bsi_buf_init(&box, ROOM);
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_box_seal(*state, "keyring", DOCUMENT, SIZE, &box);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || (status == BS_E_NOMEM && box.size == 0));
    }
    status = BS_E_NOMEM;
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_box_open(*state, "keyring", box.data, box.size, &back);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || (status == BS_E_NOMEM && !back));
    }
    bsi_secret_free(back);
    bsi_buf_dispose(&box);
}

static void each_failing_call_is_reported(void **state)
{
    bsi_fault_plan plan = {.os_code = ENOMEM};
    bs_status status = BS_E_NOMEM;
    bsi_buf box;

    bsi_buf_init(&box, ROOM);
    for (plan.at = 1; status != BS_OK; plan.at++) {
        bsi_fault_set(&plan);
        status = bsi_box_seal(*state, "keyring", DOCUMENT, SIZE, &box);
        bsi_fault_set(NULL);
        assert_true(status == BS_OK || (status == BS_E_NOMEM && box.size == 0));
    }
    assert_opens(*state, &box);
    bsi_buf_dispose(&box);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_goes_in_comes_out),
        TEST(a_box_is_appended),
        TEST(another_key_or_purpose_does_not_open),
        TEST(every_changed_bit_and_every_cut_is_damage),
        TEST(every_forged_bit_is_noticed),
        TEST(sizes_and_purposes_have_limits),
        TEST(no_memory_is_reported),
        TEST(each_failing_call_is_reported),
    };

    return cmocka_run_group_tests_name("crypto/box", tests, NULL, NULL);
}
