/* SPDX-License-Identifier: MIT */
/*
 * libcrypto shared with the program: its queue of errors is left alone, its
 * memory may run out, and keys are used by many threads at once.
 */
#include "support/test.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/box.h"
#include "crypto/envelope.h"
#include "crypto/keyset.h"
#include "hash/sha256.h"
#include "os/thread.h"
#include "support/crypto_keys.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"

/* libcrypto's allocations that still succeed before one fails; below 0: all do. */
static atomic_long left_to_succeed = -1;
static atomic_bool has_failed;

static bool must_fail(void)
{
    bool fails = false;

    if (atomic_load(&left_to_succeed) >= 0) {
        fails = atomic_fetch_sub(&left_to_succeed, 1) == 0;
    }
    if (fails) {
        atomic_store(&has_failed, true);
    }
    return fails;
}

static void *failing_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return must_fail() ? NULL : malloc(size);
}

static void *failing_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return must_fail() ? NULL : realloc(old, size);
}

static void plain_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

typedef struct keys {
    bsi_key *raw;
    bsi_key *passphrase;
    bsi_key *rsa;
    bsi_signer *signer;
} keys;

static keys made; /* By the group's setup; shared by all tests. */

static int group_setup(void **state)
{
    bsi_secret *seed = NULL;

    (void)state;
    assert_ok(bsi_key_from_raw(bsi_slice_of("bsvc-key-1 0000000000000000000000000000000000000000000"
                                            "000000000000000000001"),
                               &made.raw));
    assert_ok(bsi_key_from_passphrase(bsi_slice_of("correct horse"), &made.passphrase));
    assert_ok(bsi_key_from_pem(bsi_slice_of(TEST_RSA_PRIVATE), NULL, &made.rsa));
    assert_ok(bsi_secret_random(BSI_SIGN_KEY_SIZE, &seed));
    assert_ok(bsi_signer_new(seed, &made.signer));
    bsi_secret_free(seed);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    bsi_key_unref(made.raw);
    bsi_key_unref(made.passphrase);
    bsi_key_unref(made.rsa);
    bsi_signer_free(made.signer);
    return 0;
}

/* Keys of all kinds through a set and back, an envelope with a segment, a signature. */
static bs_status open_again(bsi_keyset *keyset, bsi_key *key)
{
    bsi_keyset *again = NULL;
    bsi_buf stored;
    bs_status status = BS_OK;

    bsi_buf_init(&stored, BSI_KEYSET_MAX);
    status = bsi_keyset_encode(keyset, &stored);
    if (status == BS_OK) {
        status = bsi_keyset_parse(stored.data, stored.size, &again);
    }
    if (status == BS_OK) {
        status = bsi_keyset_open(again, &key, 1);
    }
    bsi_keyset_free(again);
    bsi_buf_dispose(&stored);
    return status;
}

static bs_status seal_some(const bsi_secret *data_key)
{
    char plain[100] = "plain";
    unsigned char sealed[sizeof(plain) + BSI_ENVELOPE_TAG_SIZE];
    bsi_envelope *envelope = NULL;
    bsi_envelope *again = NULL;
    bs_status status = bsi_envelope_create(data_key, BSI_ENVELOPE_CONTAINER, ID, &envelope);

    if (status == BS_OK) {
        status = bsi_envelope_seal(envelope, 0, true, plain, sizeof(plain), sealed);
    }
    if (status == BS_OK) {
        status = bsi_envelope_open(data_key, BSI_ENVELOPE_CONTAINER, ID,
                                   bsi_envelope_header(envelope), &again);
    }
    if (status == BS_OK) {
        status = bsi_envelope_unseal(again, 0, true, sealed, sizeof(plain), plain);
    }
    bsi_envelope_free(envelope);
    bsi_envelope_free(again);
    return status;
}

static bs_status do_much(void)
{
    static const unsigned char salt[32] = "one derivation for all";
    const bsi_keyset_cost cost = {.log_n = 15, .salt = salt};
    bsi_key *const all[] = {made.raw, made.passphrase, made.rsa};
    bsi_keyset *keyset = NULL;
    bs_status status = bsi_keyset_create(ID, all, 3, &cost, &keyset);

    if (status == BS_OK) {
        status = bsi_keyset_publish(keyset, bsi_slice_of("{}"), made.signer);
    }
    for (size_t i = 0; status == BS_OK && i < 3; i++) {
        status = open_again(keyset, all[i]);
    }
    if (status == BS_OK) {
        status = seal_some(bsi_keyset_data_key(keyset));
    }
    bsi_keyset_free(keyset);
    return status;
}

static void the_programs_errors_stay_and_ours_do_not(void **state)
{
    bsi_key *none = NULL;
    unsigned long code = 0;

    (void)state;
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 42);
    code = ERR_peek_error();
    assert_ok(do_much());
    assert_int_equal(
        bsi_key_from_pem(
            bsi_slice_of("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), NULL,
            &none),
        BS_E_INVALID);
    assert_int_equal(ERR_peek_last_error(), code);
    assert_int_equal(ERR_get_error(), code);
    assert_int_equal(ERR_get_error(), 0);
}

/* What nobody made: a signature, a segment, an envelope of another key, an RSA key's slot. */
static void assert_all_refused(const bsi_secret *data_key, const bsi_buf *forged_set)
{
    static const unsigned char signature[BSI_SIGNATURE_SIZE] = {1};
    char plain[100] = "plain";
    unsigned char sealed[sizeof(plain) + BSI_ENVELOPE_TAG_SIZE] = {1};
    bsi_envelope *envelope = NULL;
    bsi_envelope *other = NULL;
    bsi_keyset *keyset = NULL;
    bsi_secret *other_key = NULL;

    assert_true(bsi_sign_check(bsi_signer_public(made.signer), "a", "b", 1, signature) < 0);
    if (bsi_envelope_create(data_key, BSI_ENVELOPE_CONTAINER, ID, &envelope) == BS_OK) {
        assert_true(bsi_envelope_unseal(envelope, 0, true, sealed, sizeof(plain), plain) < 0);
        assert_ok(bsi_secret_random(BSI_DATA_KEY_SIZE, &other_key));
        assert_true(bsi_envelope_open(other_key, BSI_ENVELOPE_CONTAINER, ID,
                                      bsi_envelope_header(envelope), &other) < 0);
    }
    if (bsi_keyset_parse(forged_set->data, forged_set->size, &keyset) == BS_OK) {
        assert_true(bsi_keyset_open(keyset, &made.rsa, 1) < 0);
    }
    bsi_keyset_free(keyset);
    bsi_secret_free(other_key);
    bsi_envelope_free(envelope);
}

/* A set whose one slot is changed, with a checksum that fits. */
static void make_forged_set(bsi_buf *out)
{
    bsi_keyset *keyset = NULL;
    bsi_digest digest;

    bsi_buf_init(out, BSI_KEYSET_MAX);
    assert_ok(bsi_keyset_create(ID, &made.rsa, 1, NULL, &keyset));
    assert_ok(bsi_keyset_encode(keyset, out));
    out->data[out->size - 100] ^= 1;
    bsi_sha256_of(out->data, out->size - BSI_SHA256_SIZE, &digest);
    memcpy(out->data + out->size - BSI_SHA256_SIZE, digest.bytes, BSI_SHA256_SIZE);
    bsi_keyset_free(keyset);
}

/*
 * Each allocation of libcrypto's fails once. It does not always tell, so the
 * failure may be called one of key or data; but nothing fits that does not fit,
 * and a run that succeeds has done all of its work.
 */
static void libcrypto_may_run_out_of_memory(void **state)
{
    bool reached_the_end = false;
    long failures = 0;

    (void)state;
    assert_ok(do_much());
    for (long n = 0; !reached_the_end; n++) {
        bs_status status = BS_OK;

        atomic_store(&has_failed, false);
        atomic_store(&left_to_succeed, n);
        status = do_much();
        atomic_store(&left_to_succeed, -1);
        reached_the_end = !atomic_load(&has_failed);
        failures += status < 0;
    }
    assert_true(failures > 50);
    /* A failure halfway leaves an RSA key's blinding wrong, which libcrypto renews after 32 uses.
     */
    for (int i = 0; i < 32 && do_much() != BS_OK; i++) {
    }
    assert_ok(do_much());
}

static void nothing_fits_for_want_of_memory(void **state)
{
    bool reached_the_end = false;
    bsi_secret *data_key = NULL;
    bsi_buf forged;

    (void)state;
    make_forged_set(&forged);
    assert_ok(bsi_secret_random(BSI_DATA_KEY_SIZE, &data_key));
    for (long n = 0; !reached_the_end; n++) {
        atomic_store(&has_failed, false);
        atomic_store(&left_to_succeed, n);
        assert_all_refused(data_key, &forged);
        atomic_store(&left_to_succeed, -1);
        reached_the_end = !atomic_load(&has_failed);
    }
    bsi_secret_free(data_key);
    bsi_buf_dispose(&forged);
}

enum { THREADS = 4, ROUNDS = 10 };

typedef struct worker {
    bsi_thread thread;
    bs_status status;
} worker;

static void work(void *user)
{
    worker *self = user;

    for (int i = 0; self->status == BS_OK && i < ROUNDS; i++) {
        self->status = do_much();
    }
}

static void keys_are_used_by_many_threads_at_once(void **state)
{
    worker workers[THREADS] = {0};

    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        assert_ok(bsi_thread_start(&workers[i].thread, "keys", work, &workers[i]));
    }
    for (size_t i = 0; i < THREADS; i++) {
        bsi_thread_join(workers[i].thread);
        assert_int_equal(workers[i].status, BS_OK);
    }
}

typedef struct sealer {
    bsi_thread thread;
    const bsi_envelope *envelope;
    uint64_t first;
    bs_status status;
} sealer;

static void seal_segments(void *user)
{
    sealer *self = user;
    uint8_t *plain = calloc(1, BSI_ENVELOPE_SEGMENT_SIZE);
    uint8_t *sealed = malloc(BSI_ENVELOPE_SEGMENT_SIZE + BSI_ENVELOPE_TAG_SIZE);

    for (uint64_t i = 0; self->status == BS_OK && i < ROUNDS; i++) {
        self->status = bsi_envelope_seal(self->envelope, self->first + i, false, plain,
                                         BSI_ENVELOPE_SEGMENT_SIZE, sealed);
        if (self->status == BS_OK) {
            self->status = bsi_envelope_unseal(self->envelope, self->first + i, false, sealed,
                                               BSI_ENVELOPE_SEGMENT_SIZE, plain);
        }
    }
    free(plain);
    free(sealed);
}

static void segments_of_one_envelope_are_sealed_by_many_threads_at_once(void **state)
{
    sealer sealers[THREADS] = {0};
    bsi_envelope *envelope = NULL;
    bsi_secret *data_key = NULL;

    (void)state;
    assert_ok(bsi_secret_random(BSI_DATA_KEY_SIZE, &data_key));
    assert_ok(bsi_envelope_create(data_key, BSI_ENVELOPE_CONTAINER, ID, &envelope));
    for (size_t i = 0; i < THREADS; i++) {
        sealers[i].envelope = envelope;
        sealers[i].first = i * ROUNDS;
        assert_ok(bsi_thread_start(&sealers[i].thread, "seal", seal_segments, &sealers[i]));
    }
    for (size_t i = 0; i < THREADS; i++) {
        bsi_thread_join(sealers[i].thread);
        assert_int_equal(sealers[i].status, BS_OK);
    }
    bsi_envelope_free(envelope);
    bsi_secret_free(data_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_programs_errors_stay_and_ours_do_not),
        cmocka_unit_test(libcrypto_may_run_out_of_memory),
        cmocka_unit_test(nothing_fits_for_want_of_memory),
        cmocka_unit_test(keys_are_used_by_many_threads_at_once),
        cmocka_unit_test(segments_of_one_envelope_are_sealed_by_many_threads_at_once),
    };

    /* Before libcrypto's first allocation, or not at all. */
    if (CRYPTO_set_mem_functions(failing_malloc, failing_realloc, plain_free) != 1) {
        return 1;
    }
    return cmocka_run_group_tests_name("crypto/libcrypto", tests, group_setup, group_teardown);
}
