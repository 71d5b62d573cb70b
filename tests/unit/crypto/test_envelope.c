/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "os/fault.h"
#include "os/random.h"
#include "support/envelope_fields.h"
#include "support/forge_envelope.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"
#define OTHER_ID "01890a5d-ac96-774b-bcce-b302099a8058"

enum {
    SEGMENT = BSI_ENVELOPE_SEGMENT_SIZE,
    TAG = BSI_ENVELOPE_TAG_SIZE,
    STORED_SEGMENT = SEGMENT + TAG,
};

static bsi_secret *data_key;

static int setup(void **state)
{
    (void)state;
    return bsi_secret_random(32, &data_key) == BS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    bsi_secret_free(data_key);
    data_key = NULL;
    return 0;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A whole object without its signature; freed with free(). */
static uint8_t *seal_all(const bsi_envelope *envelope, const uint8_t *plain, size_t size,
                         size_t *size_out)
{
    uint8_t *stored = malloc((size_t)bsi_envelope_stored_size(envelope, size));
    size_t at = 0;
    uint64_t index = 0;
    uint8_t *out = stored + HEADER;

    assert_non_null(stored);
    memcpy(stored, bsi_envelope_header(envelope), HEADER);
    do {
        const size_t part = min_size(size - at, SEGMENT);

        assert_ok(bsi_envelope_seal(envelope, index++, at + part == size, plain + at, part, out));
        at += part;
        out += part + TAG;
    } while (at < size);
    *size_out = (size_t)(out - stored);
    return stored;
}

/* Read a stored object as a reader does: by nothing but its bytes. */
static bs_status unseal_all(const uint8_t *stored, size_t size, bsi_envelope_kind kind,
                            uint8_t *plain)
{
    bsi_envelope *envelope = NULL;
    uint64_t left = 0;
    bs_status status = BS_OK;

    if (size < HEADER) {
        return BS_E_CORRUPT;
    }
    status = bsi_envelope_open(data_key, kind, ID, stored, &envelope);
    if (status == BS_OK) {
        status = bsi_envelope_plain_size(envelope, size, &left);
    }
    stored += HEADER;
    for (uint64_t i = 0; status == BS_OK && (left > 0 || i == 0); i++) {
        const size_t part = min_size((size_t)left, bsi_envelope_segment_size(envelope));

        left -= part;
        status = bsi_envelope_unseal(envelope, i, left == 0, stored, part, plain);
        stored += part + TAG;
        plain += part;
    }
    bsi_envelope_free(envelope);
    return status;
}

static uint8_t *make_plain(size_t size)
{
    uint8_t *plain = malloc(size > 0 ? size : 1);

    assert_non_null(plain);
    for (size_t i = 0; i < size; i++) {
        plain[i] = (uint8_t)(i * 7 + i / 251);
    }
    return plain;
}

static void what_goes_in_comes_out(void **state)
{
    static const size_t sizes[] = {0,       1,           100,         SEGMENT - 1,
                                   SEGMENT, SEGMENT + 1, 3 * SEGMENT, 3 * SEGMENT + 17};

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(sizes); i++) {
        bsi_envelope *envelope = NULL;
        uint8_t *plain = make_plain(sizes[i]);
        uint8_t *back = make_plain(sizes[i]);
        uint64_t told = 1;
        size_t size = 0;
        uint8_t *stored = NULL;

        assert_ok(bsi_envelope_create(data_key, BSI_ENVELOPE_CONTAINER, ID, &envelope));
        stored = seal_all(envelope, plain, sizes[i], &size);
        assert_int_equal(size, bsi_envelope_stored_size(envelope, sizes[i]));
        assert_ok(bsi_envelope_plain_size(envelope, size, &told));
        assert_int_equal(told, sizes[i]);
        memset(back, 0, sizes[i]);
        assert_ok(unseal_all(stored, size, BSI_ENVELOPE_CONTAINER, back));
        assert_memory_equal(back, plain, sizes[i]);
        bsi_envelope_free(envelope);
        free(stored);
        free(back);
        free(plain);
    }
}

/* A small object of one segment, and room to change it in. */
enum { SMALL = 40, SMALL_STORED = HEADER + SMALL + TAG };

static void make_small(uint8_t out[SMALL_STORED])
{
    bsi_envelope *envelope = NULL;
    uint8_t *plain = make_plain(SMALL);
    uint8_t *stored = NULL;
    size_t size = 0;

    assert_ok(bsi_envelope_create(data_key, BSI_ENVELOPE_CONTAINER, ID, &envelope));
    stored = seal_all(envelope, plain, SMALL, &size);
    assert_int_equal(size, SMALL_STORED);
    memcpy(out, stored, SMALL_STORED);
    bsi_envelope_free(envelope);
    free(stored);
    free(plain);
}

static bool is_refusal(bs_status status)
{
    return status == BS_E_CORRUPT || status == BS_E_VERSION;
}

static void every_changed_bit_is_noticed(void **state)
{
    uint8_t stored[SMALL_STORED];
    uint8_t back[SMALL];

    (void)state;
    make_small(stored);
    for (size_t i = 0; i < 8 * sizeof(stored); i++) {
        stored[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_true(is_refusal(unseal_all(stored, sizeof(stored), BSI_ENVELOPE_CONTAINER, back)));
        stored[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_ok(unseal_all(stored, sizeof(stored), BSI_ENVELOPE_CONTAINER, back));
}

static void every_cut_is_noticed(void **state)
{
    uint8_t stored[SMALL_STORED];
    uint8_t back[SMALL];

    (void)state;
    make_small(stored);
    for (size_t size = 0; size < sizeof(stored); size++) {
        uint8_t *cut = malloc(size > 0 ? size : 1);

        assert_non_null(cut);
        memcpy(cut, stored, size);
        assert_int_equal(unseal_all(cut, size, BSI_ENVELOPE_CONTAINER, back), BS_E_CORRUPT);
        free(cut);
    }
}

/* An object of three segments and a bit, as its pieces. */
enum { PIECES = 4, LAST = 17, LARGE = 3 * SEGMENT + LAST, LARGE_STORED = HEADER + LARGE + 4 * TAG };

static uint8_t *make_large(const bsi_secret *key, const char *id)
{
    bsi_envelope *envelope = NULL;
    uint8_t *plain = make_plain(LARGE);
    uint8_t *stored = NULL;
    size_t size = 0;

    assert_ok(bsi_envelope_create(key, BSI_ENVELOPE_CONTAINER, id, &envelope));
    stored = seal_all(envelope, plain, LARGE, &size);
    assert_int_equal(size, LARGE_STORED);
    bsi_envelope_free(envelope);
    free(plain);
    return stored;
}

/* Put an object together from pieces of others: rows of {object, piece}, ended by {NULL, 0}. */
typedef struct piece {
    const uint8_t *of;
    size_t number;
} piece;

static bs_status unseal_pieces(const uint8_t *header, const piece *pieces)
{
    uint8_t *object = malloc(HEADER + 8 * STORED_SEGMENT);
    uint8_t *back = malloc(8 * STORED_SEGMENT);
    size_t size = HEADER;
    bs_status status = BS_OK;

    assert_non_null(object);
    assert_non_null(back);
    memcpy(object, header, HEADER);
    for (; pieces->of; pieces++) {
        const size_t part = pieces->number == PIECES - 1 ? LAST + TAG : STORED_SEGMENT;

        memcpy(object + size, pieces->of + HEADER + pieces->number * STORED_SEGMENT, part);
        size += part;
    }
    status = unseal_all(object, size, BSI_ENVELOPE_CONTAINER, back);
    free(back);
    free(object);
    return status;
}

static void segments_stay_in_their_place(void **state)
{
    uint8_t *a = make_large(data_key, ID);
    const piece whole[] = {{a, 0}, {a, 1}, {a, 2}, {a, 3}, {NULL, 0}};
    const piece swapped[] = {{a, 1}, {a, 0}, {a, 2}, {a, 3}, {NULL, 0}};
    const piece without_middle[] = {{a, 0}, {a, 2}, {a, 3}, {NULL, 0}};
    const piece without_first[] = {{a, 1}, {a, 2}, {a, 3}, {NULL, 0}};
    const piece without_last[] = {{a, 0}, {a, 1}, {a, 2}, {NULL, 0}};
    const piece doubled[] = {{a, 0}, {a, 1}, {a, 1}, {a, 2}, {a, 3}, {NULL, 0}};
    const piece only_last[] = {{a, 3}, {NULL, 0}};
    const piece grown[] = {{a, 0}, {a, 1}, {a, 2}, {a, 0}, {a, 3}, {NULL, 0}};

    (void)state;
    assert_ok(unseal_pieces(a, whole));
    assert_int_equal(unseal_pieces(a, swapped), BS_E_CORRUPT);
    assert_int_equal(unseal_pieces(a, without_middle), BS_E_CORRUPT);
    assert_int_equal(unseal_pieces(a, without_first), BS_E_CORRUPT);
    assert_int_equal(unseal_pieces(a, without_last), BS_E_CORRUPT);
    assert_int_equal(unseal_pieces(a, doubled), BS_E_CORRUPT);
    assert_int_equal(unseal_pieces(a, only_last), BS_E_CORRUPT);
    assert_int_equal(unseal_pieces(a, grown), BS_E_CORRUPT);
    free(a);
}

/* `b` is another object of the same backup, with the same plain bytes. */
static void segments_stay_in_their_object(void **state)
{
    uint8_t *a = make_large(data_key, ID);
    uint8_t *b = make_large(data_key, ID);
    const piece all_of_b[] = {{b, 0}, {b, 1}, {b, 2}, {b, 3}, {NULL, 0}};

    (void)state;
    assert_int_equal(unseal_pieces(a, all_of_b), BS_E_CORRUPT);
    for (size_t i = 0; i < PIECES; i++) {
        piece mixed[] = {{a, 0}, {a, 1}, {a, 2}, {a, 3}, {NULL, 0}};

        mixed[i].of = b;
        assert_int_equal(unseal_pieces(a, mixed), BS_E_CORRUPT);
    }
    free(a);
    free(b);
}

static void an_object_opens_only_as_what_it_is(void **state)
{
    uint8_t stored[SMALL_STORED];
    bsi_envelope *envelope = NULL;
    bsi_secret *other_key = NULL;

    (void)state;
    make_small(stored);
    assert_ok(bsi_secret_random(32, &other_key));
    assert_status(bsi_envelope_open(data_key, BSI_ENVELOPE_MANIFEST, ID, stored, &envelope),
                  BS_E_CORRUPT);
    assert_string_equal(bs_error_last()->message, "a container stands where a manifest should");
    assert_status(bsi_envelope_open(data_key, BSI_ENVELOPE_CONTAINER, OTHER_ID, stored, &envelope),
                  BS_E_CORRUPT);
    assert_string_equal(bs_error_last()->message, "of backup " ID ", not of " OTHER_ID);
    assert_status(bsi_envelope_open(other_key, BSI_ENVELOPE_CONTAINER, ID, stored, &envelope),
                  BS_E_CORRUPT);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CRYPTO);
    assert_null(envelope);
    bsi_secret_free(other_key);
}

/* Somebody who changes the kind in the header has no MAC for it, and other keys come out. */
static void the_kind_is_part_of_the_keys(void **state)
{
    uint8_t stored[SMALL_STORED];
    bsi_envelope *envelope = NULL;

    (void)state;
    make_small(stored);
    stored[AT_KIND] = BSI_ENVELOPE_MANIFEST;
    assert_status(bsi_envelope_open(data_key, BSI_ENVELOPE_MANIFEST, ID, stored, &envelope),
                  BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "another key"));
}

static void newer_versions_are_told_from_damage(void **state)
{
    uint8_t stored[SMALL_STORED];
    bsi_envelope *envelope = NULL;

    (void)state;
    make_small(stored);
    stored[AT_VERSION] = 2;
    assert_status(bsi_envelope_open(data_key, BSI_ENVELOPE_CONTAINER, ID, stored, &envelope),
                  BS_E_VERSION);
    make_small(stored);
    stored[AT_SUITE] = 7;
    assert_status(bsi_envelope_open(data_key, BSI_ENVELOPE_CONTAINER, ID, stored, &envelope),
                  BS_E_VERSION);
    memset(stored, 0, sizeof(stored));
    assert_status(bsi_envelope_open(data_key, BSI_ENVELOPE_CONTAINER, ID, stored, &envelope),
                  BS_E_CORRUPT);
}

/* All else in an object is made of the lie: no other check stands behind that for it. */
static void one_wrong_thing_under_a_right_hmac_is_noticed(void **state)
{
    uint8_t *plain = make_plain(LARGE);
    uint8_t *back = malloc(LARGE);
    uint8_t *like = make_large(data_key, ID);
    const forge_lie *lie = NULL;
    bsi_buf object;

    (void)state;
    assert_non_null(back);
    for (size_t i = 0; (lie = forge_lie_at(i)) != NULL; i++) {
        bs_status status = BS_OK;

        print_message("# %s\n", lie->what);
        bsi_buf_init(&object, (size_t)2 * LARGE);
        forge_envelope(lie, data_key, like, plain, LARGE, &object);
        memset(back, 0, LARGE);
        status = unseal_all(object.data, object.size, BSI_ENVELOPE_CONTAINER, back);
        if (lie->refusal) {
            assert_true(is_refusal(status));
            assert_non_null(strstr(bs_error_last()->message, lie->refusal));
        } else {
            assert_ok(status);
            assert_memory_equal(back, plain, LARGE);
        }
        bsi_buf_dispose(&object);
    }
    free(like);
    free(back);
    free(plain);
}

/* Neither objects nor segments of one object with the same plain bytes show that. */
static void no_two_segments_are_alike(void **state)
{
    /* Each byte of the counter, up to its most. */
    static const uint64_t numbers[] = {0, 1, 1 << 8, 1 << 16, 1 << 24, (1 << 30) - 1};
    enum { SEGMENTS = BSI_ARRAY_SIZE(numbers) };
    static const uint8_t zeros[SEGMENT];
    uint8_t *sealed = malloc(2 * SEGMENTS * STORED_SEGMENT);

    (void)state;
    assert_non_null(sealed);
    for (size_t object = 0; object < 2; object++) {
        bsi_envelope *envelope = NULL;

        assert_ok(bsi_envelope_create(data_key, BSI_ENVELOPE_CONTAINER, ID, &envelope));
        for (size_t i = 0; i < SEGMENTS; i++) {
            assert_ok(bsi_envelope_seal(envelope, numbers[i], false, zeros, SEGMENT,
                                        sealed + (object * SEGMENTS + i) * STORED_SEGMENT));
        }
        bsi_envelope_free(envelope);
    }
    /* The plain bytes are zeros: what lies here is the key stream, and none comes twice. */
    for (size_t i = 0; i < 2 * SEGMENTS; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(sealed + i * STORED_SEGMENT, sealed + j * STORED_SEGMENT, 16);
        }
    }
    free(sealed);
}

static void sizes_that_can_not_be_are_refused(void **state)
{
    bsi_envelope *envelope = NULL;
    uint64_t plain = 0;

    (void)state;
    assert_ok(bsi_envelope_create(data_key, BSI_ENVELOPE_MANIFEST, ID, &envelope));
    assert_int_equal(bsi_envelope_segment_size(envelope), SEGMENT);
    assert_status(bsi_envelope_plain_size(envelope, 0, &plain), BS_E_CORRUPT);
    assert_status(bsi_envelope_plain_size(envelope, HEADER + TAG - 1, &plain), BS_E_CORRUPT);
    assert_string_equal(bs_error_last()->message, "the encrypted object is cut short");
    assert_ok(bsi_envelope_plain_size(envelope, HEADER + TAG, &plain));
    assert_int_equal(plain, 0);
    for (size_t i = 1; i <= TAG; i++) { /* A whole segment and an empty one, or less than that. */
        assert_status(bsi_envelope_plain_size(envelope, HEADER + STORED_SEGMENT + i, &plain),
                      BS_E_CORRUPT);
    }
    assert_ok(bsi_envelope_plain_size(envelope, HEADER + STORED_SEGMENT + TAG + 1, &plain));
    assert_int_equal(plain, SEGMENT + 1);
    assert_ok(bsi_envelope_plain_size(
        envelope, bsi_envelope_stored_size(envelope, BSI_ENVELOPE_MAX), &plain));
    assert_int_equal(plain, BSI_ENVELOPE_MAX);
    assert_status(bsi_envelope_plain_size(
                      envelope, bsi_envelope_stored_size(envelope, BSI_ENVELOPE_MAX + 1), &plain),
                  BS_E_CORRUPT);
    assert_status(bsi_envelope_plain_size(envelope, UINT64_MAX, &plain), BS_E_CORRUPT);
    bsi_envelope_free(envelope);
}

static void only_the_last_segment_may_be_short(void **state)
{
    static const uint8_t plain[SEGMENT];
    uint8_t *out = malloc(STORED_SEGMENT);
    bsi_envelope *envelope = NULL;

    (void)state;
    assert_non_null(out);
    assert_ok(bsi_envelope_create(data_key, BSI_ENVELOPE_MANIFEST, ID, &envelope));
    assert_status(bsi_envelope_seal(envelope, 0, false, plain, SEGMENT - 1, out), BS_E_INTERNAL);
    assert_status(bsi_envelope_seal(envelope, 0, false, plain, 0, out), BS_E_INTERNAL);
    assert_status(bsi_envelope_seal(envelope, 1, true, plain, 0, out), BS_E_INTERNAL);
    assert_status(bsi_envelope_seal(envelope, 0, true, plain, SEGMENT + 1, out), BS_E_INTERNAL);
    assert_ok(bsi_envelope_seal(envelope, 0, true, plain, 0, out));
    assert_status(bsi_envelope_unseal(envelope, 1, true, out, 0, NULL), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "the size it must have"));
    assert_status(bsi_envelope_unseal(envelope, 0, false, out, 0, NULL), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "the size it must have"));
    assert_ok(bsi_envelope_unseal(envelope, 0, true, out, 0, NULL));
    bsi_envelope_free(envelope);
    free(out);
}

static void there_is_a_most_that_one_object_holds(void **state)
{
    const uint64_t segments = BSI_ENVELOPE_MAX / SEGMENT;
    uint8_t *plain = make_plain(SEGMENT);
    uint8_t *out = malloc(STORED_SEGMENT);
    bsi_envelope *envelope = NULL;

    (void)state;
    assert_non_null(out);
    assert_ok(bsi_envelope_create(data_key, BSI_ENVELOPE_CONTAINER, ID, &envelope));
    assert_ok(bsi_envelope_seal(envelope, segments - 1, true, plain, SEGMENT, out));
    assert_ok(bsi_envelope_unseal(envelope, segments - 1, true, out, SEGMENT, plain));
    assert_status(bsi_envelope_seal(envelope, segments, true, plain, 1, out), BS_E_LIMIT);
    assert_status(bsi_envelope_seal(envelope, UINT64_MAX, true, plain, 1, out), BS_E_LIMIT);
    assert_status(bsi_envelope_unseal(envelope, segments, true, out, 1, plain), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "the size it must have"));
    bsi_envelope_free(envelope);
    free(out);
    free(plain);
}

static void no_memory_is_reported(void **state)
{
    bs_status status = BS_E_NOMEM;
    bsi_envelope *envelope = NULL;

    (void)state;
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_envelope_create(data_key, BSI_ENVELOPE_MANIFEST, ID, &envelope);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || (status == BS_E_NOMEM && !envelope));
    }
    status = BS_E_NOMEM;
    for (long n = 0; status != BS_OK; n++) {
        bsi_envelope *opened = NULL;

        bsi_alloc_fail_after(n);
        status = bsi_envelope_open(data_key, BSI_ENVELOPE_MANIFEST, ID,
                                   bsi_envelope_header(envelope), &opened);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || (status == BS_E_NOMEM && !opened));
        bsi_envelope_free(opened);
    }
    bsi_envelope_free(envelope);
}

static void each_failing_call_is_reported(void **state)
{
    bsi_fault_plan plan = {.os_code = ENOMEM};
    bsi_envelope *envelope = NULL;
    bs_status status = BS_E_NOMEM;

    (void)state;
    for (plan.at = 1; status != BS_OK; plan.at++) {
        bsi_fault_set(&plan);
        status = bsi_envelope_create(data_key, BSI_ENVELOPE_MANIFEST, ID, &envelope);
        bsi_fault_set(NULL);
        assert_true(status == BS_OK || (status == BS_E_NOMEM && !envelope));
    }
    assert_true(plan.at >= 4); /* Chance for the salt, pages for the keys. */
    bsi_envelope_free(envelope);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_goes_in_comes_out),
        TEST(every_changed_bit_is_noticed),
        TEST(every_cut_is_noticed),
        TEST(segments_stay_in_their_place),
        TEST(segments_stay_in_their_object),
        TEST(an_object_opens_only_as_what_it_is),
        TEST(the_kind_is_part_of_the_keys),
        TEST(newer_versions_are_told_from_damage),
        TEST(one_wrong_thing_under_a_right_hmac_is_noticed),
        TEST(no_two_segments_are_alike),
        TEST(sizes_that_can_not_be_are_refused),
        TEST(only_the_last_segment_may_be_short),
        TEST(there_is_a_most_that_one_object_holds),
        TEST(no_memory_is_reported),
        TEST(each_failing_call_is_reported),
    };

    return cmocka_run_group_tests_name("crypto/envelope", tests, NULL, NULL);
}
