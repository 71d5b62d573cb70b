/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "compress/zstd_frame.h"
#include "repo/pack.h"
#include "repo/reader.h"
#include "storage/decorators/faulty.h"

enum { ROOM = 1024 * 1024 };

typedef struct fixture {
    bsi_storage *faulty;
    bsi_repo *repo;
    bsi_repo_index *index;
    bsi_blob_sealer *sealer;
    bsi_pack_writer *writer;
    bsi_blob_reader *reader;
    bsi_buf sealed;
} fixture;

static int setup(void **state)
{
    static const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};
    bsi_repo_place place = {.folder = ""};
    bsi_blob_options options = {.version = 2, .level = BSI_ZSTD_FRAME_LEVEL_DEFAULT};
    fixture *self = calloc(1, sizeof(*self));
    bsi_storage *inner = NULL;

    assert_non_null(self);
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &inner));
    assert_ok(bsi_storage_faulty_new(inner, &self->faulty));
    bsi_storage_unref(inner);
    place.storage = self->faulty;
    assert_ok(bsi_repo_init(&place, NULL, &cheap, NULL, &self->repo));
    options.key = bsi_repo_master_key(self->repo);
    assert_ok(bsi_repo_index_new(&self->index));
    assert_ok(bsi_blob_sealer_new(&options, &self->sealer));
    assert_ok(bsi_pack_writer_new(ROOM, &self->writer));
    assert_ok(bsi_blob_reader_new(self->repo, self->index, &self->reader));
    bsi_buf_init(&self->sealed, ROOM);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;

    bsi_blob_reader_free(self->reader);
    bsi_pack_writer_free(self->writer);
    bsi_blob_sealer_free(self->sealer);
    bsi_repo_index_free(self->index);
    bsi_repo_close(self->repo);
    bsi_storage_unref(self->faulty);
    bsi_buf_dispose(&self->sealed);
    free(self);
    return 0;
}

static bsi_digest id_of(const char *text)
{
    bsi_digest id;

    bsi_sha256_of(text, strlen(text), &id);
    return id;
}

/* A pack of two texts on the storage and in the index; its key is put into `key`. */
static void store_pack(fixture *self, const char *first, const char *second,
                       char key[BSI_REPO_KEY_SIZE])
{
    const char *const texts[] = {first, second};
    bsi_slice bytes;

    bsi_pack_writer_clear(self->writer);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        bsi_blob blob = {.id = id_of(texts[i]), .type = BSI_BLOB_DATA};
        bsi_buf_clear(&self->sealed);
        assert_ok(bsi_blob_seal(self->sealer, &blob, texts[i], strlen(texts[i]), &self->sealed));
        assert_ok(bsi_pack_writer_add(self->writer, &blob, self->sealed.data));
    }
    assert_ok(bsi_pack_writer_finish(self->writer, bsi_repo_master_key(self->repo)));
    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, bsi_pack_writer_id(self->writer), key);
    bytes = bsi_pack_writer_bytes(self->writer);
    assert_ok(bsi_storage_put(bsi_repo_storage(self->repo), NULL, key, bytes.data, bytes.size));
    assert_ok(bsi_repo_index_add(self->index, bsi_pack_writer_id(self->writer),
                                 bsi_pack_writer_blobs(self->writer)));
}

static bs_status read_text(fixture *self, const char *text)
{
    const bsi_digest id = id_of(text);
    bsi_slice plain = {0};
    const bs_status status = bsi_blob_reader_read(self->reader, NULL, BSI_BLOB_DATA, &id, &plain);

    assert_true(status < 0 || bsi_slice_is(plain, text));
    return status;
}

static void blobs_are_read_from_their_packs(void **state)
{
    char key[BSI_REPO_KEY_SIZE];

    store_pack(*state, "one", "two", key);
    store_pack(*state, "three", "four", key);
    assert_ok(read_text(*state, "four"));
    assert_ok(read_text(*state, "one"));
    assert_ok(read_text(*state, "two"));
    assert_ok(read_text(*state, "three"));
    assert_status(read_text(*state, "five"), BS_E_MISSING);
    assert_non_null(strstr(bs_error_last()->message, "data blob"));
}

/* The object of the pack of that key, cut or changed; NULL: it is gone. */
static void replace(fixture *self, const char *key, const void *bytes, size_t size)
{
    bsi_storage *storage = bsi_repo_storage(self->repo);

    if (bytes) {
        assert_ok(bsi_storage_put(storage, NULL, key, bytes, size));
    } else {
        assert_ok(bsi_storage_remove(storage, NULL, key));
    }
}

static void damage_names_the_pack(void **state)
{
    fixture *self = *state;
    char key[BSI_REPO_KEY_SIZE];
    uint8_t zeros[1000] = {0};
    const char *id = key + sizeof("data/00/") - 1;

    store_pack(self, "one", "two", key);
    replace(self, key, zeros, sizeof(zeros));
    assert_status(read_text(self, "one"), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, id));
    assert_non_null(strstr(bs_error_last()->message, "data blob"));
    replace(self, key, zeros, 40);
    assert_status(read_text(self, "two"), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, id));
    replace(self, key, NULL, 0);
    assert_status(read_text(self, "two"), BS_E_MISSING);
    assert_non_null(strstr(bs_error_last()->message, id));
}

static void another_copy_is_read_instead(void **state)
{
    fixture *self = *state;
    char first[BSI_REPO_KEY_SIZE];
    char second[BSI_REPO_KEY_SIZE];
    uint8_t zeros[1000] = {0};

    store_pack(self, "one", "two", first);
    store_pack(self, "three", "one", second);
    replace(self, first, zeros, sizeof(zeros));
    assert_ok(read_text(self, "one"));
    assert_status(read_text(self, "two"), BS_E_CORRUPT);
    replace(self, first, NULL, 0);
    assert_ok(read_text(self, "one"));
    replace(self, second, zeros, sizeof(zeros));
    assert_status(read_text(self, "one"), BS_E_MISSING);
    assert_non_null(strstr(bs_error_last()->message, first + sizeof("data/00/") - 1));
}

/* What an index says of sizes is checked before memory is asked for. */
static void a_place_that_cannot_be_is_refused(void **state)
{
    fixture *self = *state;
    bsi_blob_place place = {.blob = {.size = UINT32_MAX}};
    bsi_slice plain = {0};

    bsi_alloc_fail_after(0);
    assert_status(bsi_blob_reader_read_at(self->reader, NULL, &place, &plain), BS_E_LIMIT);
    place.blob.size = 10;
    assert_status(bsi_blob_reader_read_at(self->reader, NULL, &place, &plain), BS_E_CORRUPT);
    bsi_alloc_fail_after(-1);
}

static void missing_memory_is_told(void **state)
{
    fixture *self = *state;
    char key[BSI_REPO_KEY_SIZE];
    bs_status status = BS_E_NOMEM;

    store_pack(self, "one", "one, one, one, one, one, one, one, one, one, one, one, one", key);
    for (long n = 0; status == BS_E_NOMEM; n++) {
        bsi_blob_reader *reader = NULL;
        bsi_alloc_fail_after(n);
        status = bsi_blob_reader_new(self->repo, self->index, &reader);
        if (status == BS_OK) {
            bsi_blob_reader_free(self->reader);
            self->reader = reader;
            status = read_text(self, "one, one, one, one, one, one, one, one, one, one, one, one");
        }
        bsi_alloc_fail_after(-1);
    }
    assert_ok(status);
}

/* --- In blocks --- */

enum { PIECE = 100 * 1000, PIECES = 45 };

static size_t make_piece(uint32_t number, uint8_t out[PIECE])
{
    uint32_t seed = number + 1;

    for (size_t i = 0; i < PIECE; i++) {
        seed = seed * 1664525 + 1013904223;
        out[i] = (uint8_t)(seed >> 24);
    }
    return number % 2 == 0 ? PIECE : 1000;
}

/* Some megabytes of pieces in one pack; its end, behind some byte, is cut off. */
static void store_pieces(fixture *self, size_t cut_at)
{
    static uint8_t bytes[PIECE];
    char key[BSI_REPO_KEY_SIZE];
    bsi_slice pack;

    for (uint32_t i = 0; i < PIECES; i++) {
        const size_t size = make_piece(i, bytes);
        bsi_blob blob = {.type = BSI_BLOB_TREE};
        bsi_sha256_of(bytes, size, &blob.id);
        bsi_buf_clear(&self->sealed);
        assert_ok(bsi_blob_seal(self->sealer, &blob, bytes, size, &self->sealed));
        assert_ok(bsi_pack_writer_add(self->writer, &blob, self->sealed.data));
    }
    assert_ok(bsi_pack_writer_finish(self->writer, bsi_repo_master_key(self->repo)));
    pack = bsi_pack_writer_bytes(self->writer);
    assert_true(pack.size > 2 * ROOM && cut_at < pack.size);
    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, bsi_pack_writer_id(self->writer), key);
    assert_ok(bsi_storage_put(self->faulty, NULL, key, pack.data, cut_at ? cut_at : pack.size));
    assert_ok(bsi_repo_index_add(self->index, bsi_pack_writer_id(self->writer),
                                 bsi_pack_writer_blobs(self->writer)));
}

static bs_status read_piece(fixture *self, uint32_t number)
{
    static uint8_t bytes[PIECE];
    const size_t size = make_piece(number, bytes);
    bsi_slice plain = {0};
    bsi_digest id;

    bsi_sha256_of(bytes, size, &id);
    BSI_TRY(bsi_blob_reader_read(self->reader, NULL, BSI_BLOB_TREE, &id, &plain));
    assert_int_equal(plain.size, size);
    assert_memory_equal(plain.data, bytes, size);
    return BS_OK;
}

static void in_blocks_a_pack_is_read_in_few_goes(void **state)
{
    const bsi_faulty_plan counts = {.op_mask = BSI_FAULTY_READ};
    fixture *self = *state;

    store_pieces(self, 0);
    assert_ok(bsi_blob_reader_use_blocks(self->reader));
    bsi_storage_faulty_set(self->faulty, &counts);
    for (uint32_t i = PIECES; i-- > 0;) {
        assert_ok(read_piece(self, i));
    }
    assert_true(bsi_storage_faulty_count(self->faulty) <= 3);
    for (uint32_t i = 0; i < PIECES; i++) {
        assert_ok(read_piece(self, i));
    }
    assert_true(bsi_storage_faulty_count(self->faulty) <= 3);
}

static void in_blocks_a_cut_pack_gives_what_it_has(void **state)
{
    fixture *self = *state;
    uint32_t whole = 0;

    store_pieces(self, ROOM + ROOM / 2);
    assert_ok(bsi_blob_reader_use_blocks(self->reader));
    while (whole < PIECES && read_piece(self, whole) == BS_OK) {
        whole++;
    }
    /* Of 101 000 bytes for each two. */
    assert_in_range(whole, 2 * (ROOM + ROOM / 2) / 102000 - 2, 2 * (ROOM + ROOM / 2) / 101000 + 1);
    assert_status(read_piece(self, PIECES - 1), BS_E_CORRUPT);
}

/* More packs than blocks are kept. */
static void old_blocks_make_room_for_new_ones(void **state)
{
    enum { MANY = 100 };
    fixture *self = *state;
    char text[16];

    assert_ok(bsi_blob_reader_use_blocks(self->reader));
    for (int i = 0; i < MANY; i++) {
        char key[BSI_REPO_KEY_SIZE];
        (void)snprintf(text, sizeof(text), "text %d", i);
        store_pack(self, text, "the same", key);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            (void)snprintf(text, sizeof(text), "text %d", i);
            assert_ok(read_text(self, text));
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(blobs_are_read_from_their_packs),
        TEST(damage_names_the_pack),
        TEST(another_copy_is_read_instead),
        TEST(a_place_that_cannot_be_is_refused),
        TEST(missing_memory_is_told),
        TEST(in_blocks_a_pack_is_read_in_few_goes),
        TEST(in_blocks_a_cut_pack_gives_what_it_has),
        TEST(old_blocks_make_room_for_new_ones),
    };

    return cmocka_run_group_tests_name("repo/reader", tests, NULL, NULL);
}
