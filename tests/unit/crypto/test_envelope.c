/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "crypto/envelope.h"
#include "os/fault.h"
#include "os/random.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"
#define OTHER_ID "01890a5d-ac96-774b-bcce-b302099a8058"

enum {
    SEGMENT = BSI_ENVELOPE_SEGMENT_SIZE,
    TAG = BSI_ENVELOPE_TAG_SIZE,
    STORED_SEGMENT = SEGMENT + TAG,
    HEADER = BSI_ENVELOPE_HEADER_SIZE,
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
        const size_t part = min_size((size_t)left, SEGMENT);

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_goes_in_comes_out),
    };

    return cmocka_run_group_tests_name("crypto/envelope", tests, NULL, NULL);
}
