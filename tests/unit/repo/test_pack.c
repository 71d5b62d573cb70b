/* SPDX-License-Identifier: MIT */
#include "blobs.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "compress/zstd_frame.h"
#include "repo/pack.h"
#include "support/hex.h"

enum {
    TARGET = 1000,
    ROOM = 1024 * 1024,
    LENGTH = 4,
    HEADER_MAX = 4096,
};

/* 64 digits each. */
#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

typedef struct fixture {
    bsi_secret *key;
    bsi_blob_sealer *sealer;
    bsi_pack_writer *writer;
    bsi_storage *storage;
    bsi_buf sealed;
    bsi_blob_list blobs; /* As they were read. */
} fixture;

static int setup(void **state)
{
    fixture *self = calloc(1, sizeof(*self));
    bsi_blob_options options = {.version = 2, .level = BSI_ZSTD_FRAME_LEVEL_DEFAULT};

    assert_non_null(self);
    assert_ok(bsi_secret_random(BSI_CTR_POLY_KEY_SIZE, &self->key));
    options.key = self->key;
    assert_ok(bsi_blob_sealer_new(&options, &self->sealer));
    assert_ok(bsi_pack_writer_new(TARGET, &self->writer));
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &self->storage));
    bsi_buf_init(&self->sealed, ROOM);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;

    bsi_storage_unref(self->storage);
    bsi_pack_writer_free(self->writer);
    bsi_blob_sealer_free(self->sealer);
    bsi_secret_free(self->key);
    bsi_buf_dispose(&self->sealed);
    bsi_blob_list_dispose(&self->blobs);
    free(self);
    return 0;
}

static void add_text(fixture *self, bsi_blob_type type, const char *text)
{
    bsi_blob blob = {.type = type};

    bsi_sha256_of(text, strlen(text), &blob.id);
    bsi_buf_clear(&self->sealed);
    assert_ok(bsi_blob_seal(self->sealer, &blob, text, strlen(text), &self->sealed));
    assert_ok(bsi_pack_writer_add(self->writer, &blob, self->sealed.data));
}

static void finish(fixture *self)
{
    assert_ok(bsi_pack_writer_finish(self->writer, self->key));
}

/* The bytes lie under "pack", and are read as the pack of the writer's id. */
static bs_status load(fixture *self, const void *bytes, size_t size)
{
    const bsi_pack_object pack = {self->storage, "pack", *bsi_pack_writer_id(self->writer)};

    assert_ok(bsi_storage_put(self->storage, NULL, "pack", bytes, size));
    bsi_blob_list_clear(&self->blobs);
    return bsi_pack_load_header(&pack, NULL, self->key, 2, &self->blobs);
}

static void a_pack_lists_what_was_put_into_it(void **state)
{
    fixture *self = *state;
    const bsi_blob_list *blobs = bsi_pack_writer_blobs(self->writer);
    bsi_digest digest;
    bsi_slice bytes;
    bsi_slice plain = {0};

    add_text(self, BSI_BLOB_DATA, "one");
    add_text(self, BSI_BLOB_DATA, "two, two, two, two, two, two, two, two, two, two, two, two");
    add_text(self, BSI_BLOB_DATA, "");
    finish(self);
    bytes = bsi_pack_writer_bytes(self->writer);
    assert_int_equal(bytes.size, bsi_pack_size(blobs));
    bsi_sha256_of(bytes.data, bytes.size, &digest);
    assert_true(bsi_digest_equal(&digest, bsi_pack_writer_id(self->writer)));
    assert_ok(load(self, bytes.data, bytes.size));
    assert_same_blobs(&self->blobs, blobs);
    assert_int_equal(blobs->items[0].plain_size, 0);
    assert_int_equal(blobs->items[1].offset, blobs->items[0].size);
    assert_int_equal(blobs->items[1].plain_size, 58);
    assert_ok(
        bsi_blob_open(self->sealer, &blobs->items[1], bytes.data + blobs->items[1].offset, &plain));
    assert_memory_equal(plain.data, "two, two", 8);
}

static void a_writer_is_used_again_and_again(void **state)
{
    fixture *self = *state;
    bsi_digest first;
    bsi_slice bytes;

    assert_true(bsi_pack_writer_is_empty(self->writer));
    add_text(self, BSI_BLOB_DATA, "one");
    finish(self);
    first = *bsi_pack_writer_id(self->writer);
    bsi_pack_writer_clear(self->writer);
    assert_true(bsi_pack_writer_is_empty(self->writer));
    add_text(self, BSI_BLOB_TREE, "{}");
    finish(self);
    bytes = bsi_pack_writer_bytes(self->writer);
    assert_false(bsi_digest_equal(&first, bsi_pack_writer_id(self->writer)));
    assert_ok(load(self, bytes.data, bytes.size));
    assert_int_equal(self->blobs.count, 1);
    assert_int_equal(self->blobs.items[0].type, BSI_BLOB_TREE);
}

static void a_pack_is_full_at_its_target(void **state)
{
    static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    fixture *self = *state;
    size_t count = 0;

    while (!bsi_pack_writer_is_full(self->writer)) {
        add_text(self, BSI_BLOB_DATA, text);
        count++;
    }
    assert_int_equal(count, (TARGET + 67) / 68);
}

/* All headers from here on are made by hand. */

static bs_status parse(fixture *self, const char *hex, uint64_t stored, uint32_t version)
{
    uint8_t header[HEADER_MAX];
    const size_t size = hex_bytes(hex, header, sizeof(header));

    return bsi_pack_parse_header((bsi_slice){(const char *)header, size}, stored, version,
                                 &self->blobs);
}

static void the_four_types_of_entries_are_read(void **state)
{
    fixture *self = *state;

    assert_ok(parse(self,
                    "00"
                    "21000000" ID_A "01"
                    "22000000" ID_B "02"
                    "23000000"
                    "00010000" ID_A "03"
                    "24000000"
                    "00000100" ID_B,
                    0x21 + 0x22 + 0x23 + 0x24, 2));
    assert_int_equal(self->blobs.count, 4);
    assert_int_equal(self->blobs.items[0].type, BSI_BLOB_DATA);
    assert_int_equal(self->blobs.items[0].plain_size, 0);
    assert_int_equal(self->blobs.items[1].type, BSI_BLOB_TREE);
    assert_int_equal(self->blobs.items[1].offset, 0x21);
    assert_int_equal(self->blobs.items[1].id.bytes[31], 0xbb);
    assert_int_equal(self->blobs.items[2].type, BSI_BLOB_DATA);
    assert_int_equal(self->blobs.items[2].plain_size, 0x100);
    assert_int_equal(self->blobs.items[3].type, BSI_BLOB_TREE);
    assert_int_equal(self->blobs.items[3].plain_size, 0x10000);
    assert_int_equal(self->blobs.items[3].offset, 0x21 + 0x22 + 0x23);
    assert_int_equal(self->blobs.items[3].size, 0x24);
}

static void a_header_that_lies_is_refused(void **state)
{
    static const struct {
        const char *hex;
        uint64_t stored;
        uint32_t version;
        bs_status status;
    } cases[] = {
        {"00"
         "21000000" ID_A,
         0x21, 1, BS_OK},
        {"00"
         "21000000" ID_A,
         0x20, 1, BS_E_CORRUPT},
        {"00"
         "21000000" ID_A,
         0x22, 1, BS_E_CORRUPT},
        {"00"
         "21000000" ID_A "00"
         "21000000" ID_A,
         0x21, 2, BS_E_CORRUPT},
        {"", 0, 2, BS_OK},
        {"", 1, 2, BS_E_CORRUPT},
        {"04"
         "21000000" ID_A,
         0x21, 2, BS_E_CORRUPT},
        {"ff"
         "21000000" ID_A,
         0x21, 2, BS_E_CORRUPT},
        {"02"
         "21000000"
         "01000000" ID_A,
         0x21, 2, BS_OK},
        {"02"
         "21000000"
         "01000000" ID_A,
         0x21, 1, BS_E_CORRUPT},
        {"02"
         "21000000"
         "00000000" ID_A,
         0x21, 2, BS_E_CORRUPT},
        {"02"
         "21000000" ID_A,
         0x21, 2, BS_E_CORRUPT},
        {"00"
         "1f000000" ID_A,
         0x1f, 2, BS_E_CORRUPT},
        {"00"
         "ffffffff" ID_A,
         UINT32_MAX, 2, BS_E_LIMIT},
        {"02"
         "21000000"
         "ffffffff" ID_A,
         0x21, 2, BS_E_LIMIT},
        {"00"
         "21000000" ID_A,
         UINT64_C(0x100000021), 2, BS_E_LIMIT},
        {"00"
         "21000000"
         "aaaa",
         0x21, 2, BS_E_CORRUPT},
    };
    fixture *self = *state;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        print_message("# %s\n", cases[i].hex);
        bsi_blob_list_clear(&self->blobs);
        assert_status(parse(self, cases[i].hex, cases[i].stored, cases[i].version),
                      cases[i].status);
        assert_true(cases[i].status == BS_OK || self->blobs.count == 0);
    }
}

static void a_failed_header_leaves_the_list_as_it_was(void **state)
{
    fixture *self = *state;

    assert_ok(parse(self,
                    "00"
                    "21000000" ID_A,
                    0x21, 2));
    assert_status(parse(self,
                        "00"
                        "21000000" ID_A "07",
                        0x21, 2),
                  BS_E_CORRUPT);
    assert_int_equal(self->blobs.count, 1);
}

static void assert_named(const fixture *self)
{
    char id[2 * BSI_SHA256_SIZE + 1];

    bsi_digest_format(bsi_pack_writer_id(self->writer), id);
    assert_non_null(strstr(bs_error_last()->message, id));
}

/* Two blobs, and the bytes of a pack of them. */
static bsi_slice small_pack(fixture *self)
{
    add_text(self, BSI_BLOB_TREE, "some tree");
    add_text(self, BSI_BLOB_TREE, "another tree");
    finish(self);
    return bsi_pack_writer_bytes(self->writer);
}

static void each_flipped_bit_of_a_header_is_found(void **state)
{
    fixture *self = *state;
    const bsi_slice bytes = small_pack(self);
    const bsi_blob_list *blobs = bsi_pack_writer_blobs(self->writer);
    const size_t header = blobs->items[1].offset + blobs->items[1].size;
    uint8_t *copy = malloc(bytes.size);

    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.size);
    for (size_t bit = 8 * header; bit < 8 * bytes.size; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_status(load(self, copy, bytes.size), BS_E_CORRUPT);
        assert_named(self);
        assert_int_equal(self->blobs.count, 0);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_ok(load(self, copy, bytes.size));
    free(copy);
}

static void each_flipped_byte_of_a_blob_is_found(void **state)
{
    fixture *self = *state;
    const bsi_slice bytes = small_pack(self);
    const bsi_blob_list *blobs = bsi_pack_writer_blobs(self->writer);
    uint8_t *copy = malloc(bytes.size);
    bsi_slice plain = {0};

    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.size);
    for (size_t i = 0; i < blobs->count; i++) {
        const bsi_blob *blob = &blobs->items[i];
        for (size_t at = blob->offset; at < blob->offset + blob->size; at++) {
            copy[at] ^= 0x10;
            assert_status(bsi_blob_open(self->sealer, blob, copy + blob->offset, &plain),
                          BS_E_CORRUPT);
            copy[at] ^= 0x10;
        }
    }
    free(copy);
}

static void a_pack_cut_anywhere_is_refused(void **state)
{
    fixture *self = *state;
    const bsi_slice bytes = small_pack(self);

    for (size_t size = 0; size < bytes.size; size++) {
        assert_status(load(self, bytes.data, size), BS_E_CORRUPT);
        assert_named(self);
        assert_status(load(self, bytes.data + bytes.size - size, size), BS_E_CORRUPT);
    }
}

static void a_pack_that_is_not_there_is_missing(void **state)
{
    fixture *self = *state;
    bsi_pack_object pack = {.storage = self->storage, .key = "pack"};

    (void)small_pack(self);
    pack.id = *bsi_pack_writer_id(self->writer);
    assert_status(bsi_pack_load_header(&pack, NULL, self->key, 2, &self->blobs), BS_E_MISSING);
    assert_named(self);
}

/* A sealed header of anybody's who has the key, behind zeros. */
static bs_status load_forged(fixture *self, const char *hex, uint32_t stored)
{
    uint8_t header[HEADER_MAX];
    uint8_t *pack = calloc(1, stored + HEADER_MAX + BSI_CTR_POLY_OVERHEAD + LENGTH);
    const size_t size = hex_bytes(hex, header, sizeof(header));
    bs_status status = BS_OK;

    assert_non_null(pack);
    assert_ok(bsi_ctr_poly_seal(self->key, header, size, pack + stored));
    bsi_put_le32(pack + stored + size + BSI_CTR_POLY_OVERHEAD,
                 (uint32_t)size + BSI_CTR_POLY_OVERHEAD);
    status = load(self, pack, stored + size + BSI_CTR_POLY_OVERHEAD + LENGTH);
    free(pack);
    return status;
}

static void a_forged_header_is_checked_like_any_other(void **state)
{
    fixture *self = *state;

    (void)small_pack(self);
    assert_ok(load_forged(self,
                          "00"
                          "20000000" ID_A,
                          32));
    assert_status(load_forged(self,
                              "00"
                              "21000000" ID_A,
                              32),
                  BS_E_CORRUPT);
    assert_named(self);
    assert_status(load_forged(self,
                              "00"
                              "20000000" ID_A,
                              33),
                  BS_E_CORRUPT);
    assert_status(load_forged(self, "", 41), BS_E_CORRUPT);
}

/* The header is longer than what is read at first. */
static void a_long_header_is_read_as_a_whole(void **state)
{
    fixture *self = *state;
    bsi_pack_writer *writer = NULL;
    uint8_t sealed[BSI_CTR_POLY_OVERHEAD] = {0};

    assert_ok(bsi_pack_writer_new(ROOM, &writer));
    for (uint32_t i = 0; i < 2000; i++) {
        const bsi_blob blob = {
            .id = {{(uint8_t)i, (uint8_t)(i >> 8)}}, .type = BSI_BLOB_DATA, .size = sizeof(sealed)};
        assert_ok(bsi_pack_writer_add(writer, &blob, sealed));
    }
    bsi_pack_writer_free(self->writer);
    self->writer = writer;
    finish(self);
    assert_ok(load(self, bsi_pack_writer_bytes(writer).data, bsi_pack_writer_bytes(writer).size));
    assert_same_blobs(&self->blobs, bsi_pack_writer_blobs(writer));
}

static void missing_memory_leaves_a_pack_as_it_was(void **state)
{
    fixture *self = *state;
    bsi_blob blob = {.type = BSI_BLOB_DATA, .size = BSI_CTR_POLY_OVERHEAD};
    uint8_t sealed[BSI_CTR_POLY_OVERHEAD] = {0};
    bs_status status = BS_E_NOMEM;

    for (long n = 0; status == BS_E_NOMEM; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_pack_writer_add(self->writer, &blob, sealed);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || bsi_pack_writer_is_empty(self->writer));
    }
    assert_ok(status);
    status = BS_E_NOMEM;
    for (long n = 0; status == BS_E_NOMEM; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_pack_writer_finish(self->writer, self->key);
        bsi_alloc_fail_after(-1);
    }
    assert_ok(status);
    assert_int_equal(bsi_pack_writer_bytes(self->writer).size, BSI_PACK_SIZE_MIN + 32);
    status = BS_E_NOMEM;
    for (long n = 0; status == BS_E_NOMEM; n++) {
        const bsi_pack_object pack = {self->storage, "pack", *bsi_pack_writer_id(self->writer)};
        const bsi_slice bytes = bsi_pack_writer_bytes(self->writer);
        assert_ok(bsi_storage_put(self->storage, NULL, "pack", bytes.data, bytes.size));
        bsi_blob_list_dispose(&self->blobs);
        bsi_alloc_fail_after(n);
        status = bsi_pack_load_header(&pack, NULL, self->key, 2, &self->blobs);
        bsi_alloc_fail_after(-1);
        assert_int_equal(self->blobs.count, status == BS_OK);
    }
    assert_ok(status);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_pack_lists_what_was_put_into_it),
        TEST(a_writer_is_used_again_and_again),
        TEST(a_pack_is_full_at_its_target),
        TEST(the_four_types_of_entries_are_read),
        TEST(a_header_that_lies_is_refused),
        TEST(a_failed_header_leaves_the_list_as_it_was),
        TEST(each_flipped_bit_of_a_header_is_found),
        TEST(each_flipped_byte_of_a_blob_is_found),
        TEST(a_pack_cut_anywhere_is_refused),
        TEST(a_pack_that_is_not_there_is_missing),
        TEST(a_forged_header_is_checked_like_any_other),
        TEST(a_long_header_is_read_as_a_whole),
        TEST(missing_memory_leaves_a_pack_as_it_was),
    };

    return cmocka_run_group_tests_name("repo/pack", tests, NULL, NULL);
}
