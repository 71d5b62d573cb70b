/* SPDX-License-Identifier: MIT */
/*
 * What every kind of key must do: wrap a data key so that this key alone gives
 * it back, whatever is done to the slot meanwhile.
 */
#include "support/test.h"

#include "conformance/cipher_suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "os/fault.h"
#include "os/thread.h"

enum { HEAD = 11, ROOM = 4096 };

static const uint8_t owner[BSI_SLOT_OWNER_SIZE] = "whose slot it is";
static const bsi_keyset_cost cheap = {.log_n = 15};

/* A slot in memory of exactly its size, for the address sanitizer to watch. */
typedef struct slot {
    uint8_t owner[BSI_SLOT_OWNER_SIZE];
    bsi_slot_frame frame;
} slot;

static const cipher_subject *subject_of(void **state)
{
    return *state;
}

static bsi_key *open_text(const bsi_cipher_driver *driver, bsi_secret *text)
{
    const bsi_slice slice = {(const char *)bsi_secret_view(text), bsi_secret_size(text)};
    bsi_key *key = NULL;

    switch (driver->kind) {
    case BSI_KEY_PASSPHRASE:
        assert_ok(bsi_key_from_passphrase(slice, &key));
        break;
    case BSI_KEY_RAW:
        assert_ok(bsi_key_from_raw(slice, &key));
        break;
    case BSI_KEY_RSA:
        assert_ok(bsi_key_from_pem(slice, NULL, &key));
        break;
    }
    bsi_secret_free(text);
    return key;
}

static bsi_key *new_key(const cipher_subject *subject)
{
    return open_text(subject->driver, subject->new_text());
}

static bsi_secret *new_data_key(void)
{
    bsi_secret *data_key = NULL;

    assert_ok(bsi_secret_random(BSI_DATA_KEY_SIZE, &data_key));
    return data_key;
}

static void slot_init(slot *self, const bsi_key *key)
{
    memcpy(self->owner, owner, sizeof(owner));
    self->frame = (bsi_slot_frame){
        .owner = self->owner,
        .head = HEAD,
        .size = HEAD + key->driver->body_size(key),
    };
    self->frame.bytes = malloc(self->frame.size);
    assert_non_null(self->frame.bytes);
    memset(self->frame.bytes, 0x33, self->frame.size);
}

static void slot_dispose(slot *self)
{
    free(self->frame.bytes);
}

static bs_status wrap(bsi_key *key, slot *self, const bsi_secret *data_key)
{
    return key->driver->wrap(key, &self->frame, &cheap, data_key);
}

/* What unwrapping gives, and that a data key comes exactly with success. */
static bs_status unwrap(bsi_key *key, const slot *self, const bsi_secret *expected)
{
    bsi_secret *data_key = NULL;
    const bs_status status = key->driver->unwrap(key, &self->frame, &data_key);

    assert_true((status == BS_OK) == (data_key != NULL));
    if (data_key && expected) {
        assert_int_equal(bsi_secret_size(data_key), BSI_DATA_KEY_SIZE);
        assert_memory_equal(bsi_secret_view(data_key), bsi_secret_view(expected),
                            BSI_DATA_KEY_SIZE);
    }
    bsi_secret_free(data_key);
    return status;
}

static bs_status check(const bsi_cipher_driver *driver, const void *body, size_t size)
{
    bsi_slot_facts facts = {0};

    return driver->check((bsi_slice){body, size}, &facts);
}

static void the_registry_knows_it(void **state)
{
    const bsi_cipher_driver *driver = subject_of(state)->driver;

    assert_ptr_equal(bsi_cipher_driver_of((unsigned)driver->kind), driver);
    assert_string_equal(bsi_key_kind_name(driver->kind), driver->name);
    assert_null(bsi_cipher_driver_of(0));
    assert_null(bsi_cipher_driver_of(255));
}

static void what_is_wrapped_comes_out(void **state)
{
    const cipher_subject *subject = subject_of(state);
    bsi_key *key = new_key(subject);
    bsi_secret *data_key = new_data_key();
    bsi_slot_facts facts = {0};
    slot made;

    slot_init(&made, key);
    assert_int_equal(made.frame.size - HEAD, subject->body_size);
    assert_ok(wrap(key, &made, data_key));
    for (size_t i = 0; i < HEAD; i++) {
        assert_int_equal(made.frame.bytes[i], 0x33); /* What stands in front is not its own. */
    }
    assert_ok(subject->driver->check(
        (bsi_slice){(const char *)made.frame.bytes + HEAD, made.frame.size - HEAD}, &facts));
    assert_string_equal(facts.fingerprint, key->fingerprint);
    assert_int_equal(strlen(facts.fingerprint),
                     subject->tells_fingerprint ? BSI_FINGERPRINT_SIZE - 1 : 0);
    assert_true(bsi_key_can_open(key));
    assert_ok(unwrap(key, &made, data_key));
    slot_dispose(&made);
    bsi_secret_free(data_key);
    bsi_key_unref(key);
}

static void no_two_slots_are_alike(void **state)
{
    bsi_key *key = new_key(subject_of(state));
    bsi_secret *data_key = new_data_key();
    slot a;
    slot b;

    slot_init(&a, key);
    slot_init(&b, key);
    assert_ok(wrap(key, &a, data_key));
    assert_ok(wrap(key, &b, data_key));
    assert_memory_not_equal(a.frame.bytes + a.frame.size - 48, b.frame.bytes + b.frame.size - 48,
                            48);
    slot_dispose(&a);
    slot_dispose(&b);
    bsi_secret_free(data_key);
    bsi_key_unref(key);
}

static void another_key_does_not_fit(void **state)
{
    bsi_key *key = new_key(subject_of(state));
    bsi_key *other = new_key(subject_of(state));
    bsi_secret *data_key = new_data_key();
    slot made;

    slot_init(&made, key);
    assert_ok(wrap(key, &made, data_key));
    assert_int_equal(unwrap(other, &made, NULL), BS_E_KEY);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CRYPTO);
    assert_ok(unwrap(key, &made, data_key));
    slot_dispose(&made);
    bsi_secret_free(data_key);
    bsi_key_unref(other);
    bsi_key_unref(key);
}

static void what_only_closes_makes_what_the_whole_key_opens(void **state)
{
    const cipher_subject *subject = subject_of(state);
    bsi_key *key = new_key(subject);
    bsi_key *closing = NULL;
    bsi_secret *data_key = new_data_key();
    slot made;

    if (subject->other_text) {
        closing = open_text(subject->driver, subject->other_text());
        assert_false(bsi_key_can_open(closing));
        assert_string_equal(closing->fingerprint, key->fingerprint);
        slot_init(&made, closing);
        assert_ok(wrap(closing, &made, data_key));
        assert_ok(unwrap(key, &made, data_key));
        slot_dispose(&made);
    }
    bsi_secret_free(data_key);
    bsi_key_unref(closing);
    bsi_key_unref(key);
}

/* Bits of the body whose change costs a derivation are tried once a byte. */
static size_t next_bit(const cipher_subject *subject, size_t bit)
{
    if (getenv("BSI_TESTS_FULL")) {
        return bit + 1;
    }
    return bit + (bit < 8 * subject->costly ? 29 : subject->step);
}

/* Refused by check(), or by unwrap() as a key that does not fit; never a data key. */
static void every_changed_bit_of_the_body_is_noticed(void **state)
{
    const cipher_subject *subject = subject_of(state);
    bsi_key *key = new_key(subject);
    bsi_secret *data_key = new_data_key();
    const size_t first = subject->tells_fingerprint ? 8 * BSI_FINGERPRINT_BYTES : 0;
    slot made;

    slot_init(&made, key);
    assert_ok(wrap(key, &made, data_key));
    for (size_t bit = first; bit < 8 * subject->body_size; bit = next_bit(subject, bit)) {
        uint8_t *byte = made.frame.bytes + HEAD + bit / 8;

        *byte ^= (uint8_t)(1u << bit % 8);
        if (check(subject->driver, made.frame.bytes + HEAD, subject->body_size) == BS_OK) {
            assert_int_equal(unwrap(key, &made, NULL), BS_E_KEY);
        }
        *byte ^= (uint8_t)(1u << bit % 8);
    }
    assert_ok(unwrap(key, &made, data_key));
    slot_dispose(&made);
    bsi_secret_free(data_key);
    bsi_key_unref(key);
}

static void a_slot_opens_in_its_own_place_only(void **state)
{
    const cipher_subject *subject = subject_of(state);
    const bs_status expected = subject->binds ? BS_E_KEY : BS_OK;
    bsi_key *key = new_key(subject);
    bsi_secret *data_key = new_data_key();
    slot made;

    slot_init(&made, key);
    assert_ok(wrap(key, &made, data_key));
    for (size_t i = 0; i < 8 * HEAD; i++) {
        made.frame.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_int_equal(unwrap(key, &made, data_key), expected);
        made.frame.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t i = 0; i < 8 * sizeof(made.owner); i++) {
        made.owner[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_int_equal(unwrap(key, &made, data_key), expected);
        made.owner[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    slot_dispose(&made);
    bsi_secret_free(data_key);
    bsi_key_unref(key);
}

/* Sizes between the least and the most that any key makes are another key's. */
static void bodies_of_impossible_sizes_are_refused(void **state)
{
    const cipher_subject *subject = subject_of(state);
    bsi_key *key = new_key(subject);
    bsi_secret *data_key = new_data_key();
    slot made;

    slot_init(&made, key);
    assert_ok(wrap(key, &made, data_key));
    for (size_t size = 0; size < ROOM; size++) {
        const bool good = size >= subject->body_size_min && size <= subject->body_size_max;
        uint8_t *body = calloc(1, size > 0 ? size : 1);

        assert_non_null(body);
        memcpy(body, made.frame.bytes + HEAD,
               size < subject->body_size ? size : subject->body_size);
        assert_int_equal(check(subject->driver, body, size), good ? BS_OK : BS_E_CORRUPT);
        free(body);
    }
    slot_dispose(&made);
    bsi_secret_free(data_key);
    bsi_key_unref(key);
}

/* A body that another key's size has, under this key's fingerprint. */
static void bodies_of_other_sizes_do_not_open(void **state)
{
    const cipher_subject *subject = subject_of(state);
    bsi_key *key = new_key(subject);
    bsi_secret *data_key = new_data_key();
    slot made;

    slot_init(&made, key);
    assert_ok(wrap(key, &made, data_key));
    for (size_t size = subject->body_size_min; size <= subject->body_size_max; size += 13) {
        slot other = made;

        other.frame.size = HEAD + size;
        other.frame.bytes = calloc(1, other.frame.size);
        assert_non_null(other.frame.bytes);
        memcpy(other.frame.bytes, made.frame.bytes,
               size < subject->body_size ? HEAD + size : made.frame.size);
        assert_int_equal(unwrap(key, &other, data_key),
                         size == subject->body_size ? BS_OK : BS_E_KEY);
        slot_dispose(&other);
    }
    slot_dispose(&made);
    bsi_secret_free(data_key);
    bsi_key_unref(key);
}

static void no_memory_is_reported(void **state)
{
    bsi_key *key = new_key(subject_of(state));
    bsi_secret *data_key = new_data_key();
    bs_status status = BS_E_NOMEM;
    slot made;

    slot_init(&made, key);
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = wrap(key, &made, data_key);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    status = BS_E_NOMEM;
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = unwrap(key, &made, data_key);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    slot_dispose(&made);
    bsi_secret_free(data_key);
    bsi_key_unref(key);
}

static void without_chance_nothing_is_wrapped(void **state)
{
    const bsi_fault_plan plan = {.op_mask = 1u << BSI_OS_RANDOM, .at = 1, .os_code = EIO};
    const cipher_subject *subject = subject_of(state);
    bsi_key *key = new_key(subject);
    bsi_secret *data_key = new_data_key();
    bs_status status = BS_OK;
    slot made;

    slot_init(&made, key);
    bsi_fault_set(&plan);
    status = wrap(key, &made, data_key);
    bsi_fault_set(NULL);
    assert_int_equal(status, subject->takes_chance ? BS_E_IO : BS_OK);
    slot_dispose(&made);
    bsi_secret_free(data_key);
    bsi_key_unref(key);
}

enum { THREADS = 4, ROUNDS = 5 };

typedef struct worker {
    bsi_thread thread;
    bsi_key *key;
    const bsi_secret *data_key;
    slot made;
    bs_status status;
} worker;

static void work(void *user)
{
    worker *self = user;

    for (int i = 0; self->status == BS_OK && i < ROUNDS; i++) {
        bsi_secret *data_key = NULL;

        self->status = wrap(self->key, &self->made, self->data_key);
        if (self->status == BS_OK) {
            self->status = self->key->driver->unwrap(self->key, &self->made.frame, &data_key);
        }
        bsi_secret_free(data_key);
    }
}

static void many_threads_use_one_key_at_once(void **state)
{
    bsi_key *key = new_key(subject_of(state));
    bsi_secret *data_key = new_data_key();
    worker workers[THREADS] = {0};

    for (size_t i = 0; i < THREADS; i++) {
        workers[i].key = bsi_key_ref(key);
        workers[i].data_key = data_key;
        slot_init(&workers[i].made, key);
        assert_ok(bsi_thread_start(&workers[i].thread, "keys", work, &workers[i]));
    }
    for (size_t i = 0; i < THREADS; i++) {
        bsi_thread_join(workers[i].thread);
        assert_int_equal(workers[i].status, BS_OK);
        slot_dispose(&workers[i].made);
        bsi_key_unref(workers[i].key);
    }
    bsi_secret_free(data_key);
    bsi_key_unref(key);
}

int cipher_suite_run(const cipher_subject *subject)
{
#define TEST(name) cmocka_unit_test_prestate(name, (void *)(uintptr_t)subject)
    const struct CMUnitTest tests[] = {
        TEST(the_registry_knows_it),
        TEST(what_is_wrapped_comes_out),
        TEST(no_two_slots_are_alike),
        TEST(another_key_does_not_fit),
        TEST(what_only_closes_makes_what_the_whole_key_opens),
        TEST(every_changed_bit_of_the_body_is_noticed),
        TEST(a_slot_opens_in_its_own_place_only),
        TEST(bodies_of_impossible_sizes_are_refused),
        TEST(bodies_of_other_sizes_do_not_open),
        TEST(no_memory_is_reported),
        TEST(without_chance_nothing_is_wrapped),
        TEST(many_threads_use_one_key_at_once),
    };

    return cmocka_run_group_tests_name(subject->driver->name, tests, NULL, NULL);
}
