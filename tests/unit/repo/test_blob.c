/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "compress/zstd_frame.h"
#include "repo/blob.h"

enum { MIB = 1024 * 1024, ROOM = 64 * MIB, SMALL = 1000 };

typedef struct fixture {
    bsi_secret *key;
    bsi_blob_sealer *sealer;
    bsi_buf sealed;
} fixture;

static void open_version(fixture *self, uint32_t version, bool store_data)
{
    bsi_blob_options options = {.key = self->key,
                                .version = version,
                                .level = BSI_ZSTD_FRAME_LEVEL_DEFAULT,
                                .store_data = store_data};

    bsi_blob_sealer_free(self->sealer);
    self->sealer = NULL;
    assert_ok(bsi_blob_sealer_new(&options, &self->sealer));
    bsi_buf_clear(&self->sealed);
}

static int setup(void **state)
{
    fixture *self = calloc(1, sizeof(*self));

    assert_non_null(self);
    assert_ok(bsi_secret_random(BSI_CTR_POLY_KEY_SIZE, &self->key));
    bsi_buf_init(&self->sealed, ROOM);
    open_version(self, 2, false);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;

    bsi_blob_sealer_free(self->sealer);
    bsi_secret_free(self->key);
    bsi_buf_dispose(&self->sealed);
    free(self);
    return 0;
}

static bsi_blob blob_of(bsi_blob_type type, const void *plain, size_t size)
{
    bsi_blob blob = {.type = type};

    bsi_sha256_of(plain, size, &blob.id);
    return blob;
}

/* Sealed behind what is there, and opened again. */
static bsi_blob check_round(fixture *self, bsi_blob_type type, const void *plain, size_t size)
{
    const size_t before = self->sealed.size;
    bsi_blob blob = blob_of(type, plain, size);
    bsi_slice opened = {0};

    assert_ok(bsi_blob_seal(self->sealer, &blob, plain, size, &self->sealed));
    assert_int_equal(self->sealed.size - before, blob.size);
    assert_int_equal(bsi_blob_plain_size(&blob), size);
    assert_ok(bsi_blob_check(&blob, 2));
    assert_ok(bsi_blob_open(self->sealer, &blob, self->sealed.data + before, &opened));
    assert_int_equal(opened.size, size);
    assert_true(size == 0 || memcmp(opened.data, plain, size) == 0);
    return blob;
}

static uint8_t *random_bytes(size_t size)
{
    uint8_t *bytes = malloc(size);
    uint64_t seed = 88172645463325252u;

    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        bytes[i] = (uint8_t)(seed >> 32);
    }
    return bytes;
}

static void what_was_sealed_opens_again(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 255, 256, 511, 65792, 524288, 8 * MIB};
    uint8_t *bytes = calloc(1, 8 * MIB);

    assert_non_null(bytes);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(sizes); i++) {
        (void)check_round(*state, BSI_BLOB_DATA, bytes, sizes[i]);
        (void)check_round(*state, BSI_BLOB_TREE, bytes, sizes[i]);
    }
    free(bytes);
}

static void data_that_does_not_compress_is_stored_as_it_is(void **state)
{
    uint8_t *bytes = random_bytes(MIB);
    const bsi_blob data = check_round(*state, BSI_BLOB_DATA, bytes, MIB);
    const bsi_blob tree = check_round(*state, BSI_BLOB_TREE, bytes, MIB);

    assert_int_equal(data.plain_size, 0);
    assert_int_equal(data.size, MIB + BSI_CTR_POLY_OVERHEAD);
    assert_int_equal(tree.plain_size, MIB);
    free(bytes);
}

static void version_1_and_those_who_ask_for_it_have_plain_data(void **state)
{
    static const uint8_t zeros[SMALL];
    bsi_blob blob;

    open_version(*state, 1, false);
    blob = check_round(*state, BSI_BLOB_TREE, zeros, SMALL);
    assert_int_equal(blob.plain_size, 0);
    assert_int_equal(blob.size, SMALL + BSI_CTR_POLY_OVERHEAD);
    open_version(*state, 2, true);
    assert_int_equal(check_round(*state, BSI_BLOB_DATA, zeros, SMALL).plain_size, 0);
    assert_int_equal(check_round(*state, BSI_BLOB_TREE, zeros, SMALL).plain_size, SMALL);
}

/* Sealed by hand, whatever it is. */
static bs_status open_sealed(fixture *self, const bsi_blob *blob, const void *body, size_t size)
{
    uint8_t *sealed = malloc(size + BSI_CTR_POLY_OVERHEAD);
    bsi_slice opened = {0};
    bs_status status = BS_OK;

    assert_non_null(sealed);
    assert_ok(bsi_ctr_poly_seal(self->key, body, size, sealed));
    status = bsi_blob_open(self->sealer, blob, sealed, &opened);
    free(sealed);
    return status;
}

static void each_changed_or_missing_byte_is_found_and_named(void **state)
{
    static const char plain[] = "some text, some text, some text, some text";
    fixture *self = *state;
    bsi_blob blob = blob_of(BSI_BLOB_TREE, plain, sizeof(plain));
    char id[2 * BSI_SHA256_SIZE + 1];
    bsi_slice opened = {0};

    bsi_digest_format(&blob.id, id);
    assert_ok(bsi_blob_seal(self->sealer, &blob, plain, sizeof(plain), &self->sealed));
    for (size_t i = 0; i < blob.size; i++) {
        self->sealed.data[i] ^= 1;
        assert_status(bsi_blob_open(self->sealer, &blob, self->sealed.data, &opened), BS_E_CORRUPT);
        self->sealed.data[i] ^= 1;
        assert_non_null(strstr(bs_error_last()->message, "tree blob"));
        assert_non_null(strstr(bs_error_last()->message, id));
    }
    for (bsi_blob cut = blob; cut.size-- > 0;) {
        assert_status(bsi_blob_open(self->sealer, &cut, self->sealed.data, &opened), BS_E_CORRUPT);
    }
    assert_ok(bsi_blob_open(self->sealer, &blob, self->sealed.data, &opened));
}

static void a_blob_that_is_another_one_is_refused(void **state)
{
    static const char plain[] = "plain";
    bsi_blob blob = blob_of(BSI_BLOB_DATA, plain, sizeof(plain));

    blob.size = sizeof(plain) + BSI_CTR_POLY_OVERHEAD;
    assert_ok(open_sealed(*state, &blob, plain, sizeof(plain)));
    assert_status(open_sealed(*state, &blob, "plaim", sizeof(plain)), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "digest"));
}

static void a_plain_size_that_lies_is_refused(void **state)
{
    static const char plain[SMALL];
    bsi_blob blob = blob_of(BSI_BLOB_DATA, plain, sizeof(plain));
    bsi_zstd_frames *frames = NULL;
    uint8_t frame[2 * SMALL];
    size_t size = 0;

    assert_ok(bsi_zstd_frames_new(BSI_ZSTD_FRAME_LEVEL_DEFAULT, &frames));
    assert_ok(bsi_zstd_frame_encode(frames, plain, sizeof(plain), frame, &size));
    bsi_zstd_frames_free(frames);
    blob.size = (uint32_t)size + BSI_CTR_POLY_OVERHEAD;
    blob.plain_size = SMALL;
    assert_ok(open_sealed(*state, &blob, frame, size));
    for (blob.plain_size = 0; blob.plain_size < SMALL; blob.plain_size++) {
        assert_status(open_sealed(*state, &blob, frame, size), BS_E_CORRUPT);
    }
    blob.plain_size = BSI_BLOB_DATA_MAX;
    assert_status(open_sealed(*state, &blob, frame, size), BS_E_CORRUPT);
}

/* No allocation succeeds, so the sizes must have been looked at first. */
static void too_large_a_blob_is_refused_before_memory_is_asked_for(void **state)
{
    static const bsi_blob cases[] = {
        {.size = 100, .plain_size = BSI_BLOB_DATA_MAX + 1},
        {.size = 100, .plain_size = UINT32_MAX},
        {.size = UINT32_MAX},
        {.size = UINT32_MAX, .plain_size = 1},
        {.size = BSI_BLOB_DATA_MAX + BSI_CTR_POLY_OVERHEAD + 1},
        {.type = BSI_BLOB_TREE, .size = 100, .plain_size = BSI_BLOB_TREE_MAX + 1},
    };
    fixture *self = *state;
    bsi_slice opened = {0};

    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_alloc_fail_after(0);
        assert_status(bsi_blob_open(self->sealer, &cases[i], self->sealed.data, &opened),
                      BS_E_LIMIT);
        bsi_alloc_fail_after(-1);
        assert_status(bsi_blob_check(&cases[i], 2), BS_E_LIMIT);
    }
}

static void version_1_has_no_compressed_blobs(void **state)
{
    const bsi_blob blob = {.size = 100, .plain_size = 200};

    (void)state;
    assert_ok(bsi_blob_check(&blob, 2));
    assert_status(bsi_blob_check(&blob, 1), BS_E_CORRUPT);
}

static void missing_memory_is_told_and_leaves_nothing(void **state)
{
    static const char plain[SMALL];
    fixture *self = *state;
    bs_status status = BS_E_NOMEM;
    long failures = 0;

    for (; status == BS_E_NOMEM; failures++) {
        bsi_blob blob = blob_of(BSI_BLOB_DATA, plain, sizeof(plain));
        bsi_slice opened = {0};
        open_version(self, 2, false);
        bsi_buf_dispose(&self->sealed);
        bsi_alloc_fail_after(failures);
        status = bsi_blob_seal(self->sealer, &blob, plain, sizeof(plain), &self->sealed);
        if (status == BS_OK) {
            status = bsi_blob_open(self->sealer, &blob, self->sealed.data, &opened);
        } else {
            assert_int_equal(self->sealed.size, 0);
        }
        bsi_alloc_fail_after(-1);
    }
    assert_ok(status);
    assert_true(failures > 4);
}

/* Once everything has been used, nothing more is asked for. */
static void blobs_cost_no_allocation(void **state)
{
    static const char plain[SMALL];
    fixture *self = *state;
    bsi_slice opened = {0};
    bsi_blob blob = check_round(self, BSI_BLOB_DATA, plain, sizeof(plain));

    bsi_buf_clear(&self->sealed);
    bsi_alloc_fail_after(0);
    assert_ok(bsi_blob_seal(self->sealer, &blob, plain, sizeof(plain), &self->sealed));
    assert_ok(bsi_blob_open(self->sealer, &blob, self->sealed.data, &opened));
    bsi_alloc_fail_after(-1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_sealed_opens_again),
        TEST(data_that_does_not_compress_is_stored_as_it_is),
        TEST(version_1_and_those_who_ask_for_it_have_plain_data),
        TEST(each_changed_or_missing_byte_is_found_and_named),
        TEST(a_blob_that_is_another_one_is_refused),
        TEST(a_plain_size_that_lies_is_refused),
        TEST(too_large_a_blob_is_refused_before_memory_is_asked_for),
        TEST(version_1_has_no_compressed_blobs),
        TEST(missing_memory_is_told_and_leaves_nothing),
        TEST(blobs_cost_no_allocation),
    };

    return cmocka_run_group_tests_name("repo/blob", tests, NULL, NULL);
}
