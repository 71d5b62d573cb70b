/* SPDX-License-Identifier: MIT */
/* Content of any length, cut and stored by several threads. */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "repo/index_load.h"
#include "repo/reader.h"
#include "storage/decorators/faulty.h"
#include "vault/repository/chunks.h"

enum { THREADS = 2, MIB = 1024 * 1024 };
#define POLYNOMIAL UINT64_C(0x3da3358b4dc173)

typedef struct fixture {
    bsi_storage *faulty;
    bsi_vault_env env;
    bsi_repo_session session;
    bsi_repo_writer *writer;
    bsi_chunker chunker;
    bsi_chunks *chunks;
    bsi_chunk_result result;
    bsi_cancel cancel;
    bs_call call;
} fixture;

static int setup(void **state)
{
    static const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1},
                                           .polynomial = POLYNOMIAL};
    fixture *self = calloc(1, sizeof(*self));
    bsi_repo_place place = {.folder = ""};
    bsi_storage *inner = NULL;

    assert_non_null(self);
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &inner));
    assert_ok(bsi_storage_faulty_new(inner, &self->faulty));
    bsi_storage_unref(inner);
    place.storage = self->faulty;
    self->call.cancel = &self->cancel;
    self->env = (bsi_vault_env){.storage = self->faulty, .call = &self->call};
    self->session.env = &self->env;
    assert_ok(bsi_pool_new(THREADS, &self->env.pool));
    assert_ok(bsi_repo_init(&place, NULL, &cheap, NULL, &self->session.repo));
    assert_ok(bsi_repo_index_new(&self->session.index));
    assert_ok(bsi_repo_writer_new(self->session.repo, self->session.index, self->env.pool,
                                  &self->call, NULL, &self->writer));
    assert_ok(bsi_chunker_init(&self->chunker, POLYNOMIAL));
    assert_ok(bsi_chunks_new(&self->session, &self->chunker, self->writer, &self->chunks));
    bsi_buf_init(&self->result.ids, (size_t)64 * MIB);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;

    bsi_chunks_free(self->chunks);
    bsi_repo_writer_free(self->writer);
    bsi_pool_free(self->env.pool);
    bsi_repo_index_free(self->session.index);
    bsi_repo_close(self->session.repo);
    bsi_storage_unref(self->faulty);
    bsi_buf_dispose(&self->result.ids);
    free(self);
    return 0;
}

/* --- Sources --- */

/* Bytes in memory, which may have a hole, and may fail. */
typedef struct source {
    const uint8_t *bytes;
    size_t size;
    size_t hole_begin;
    size_t hole_end;
    size_t fails_at; /* 0: never. */
    size_t at;
    size_t skipped;
} source;

static bs_status read_source(void *user, const bs_call *call, void *buf, size_t size,
                             size_t *got_out)
{
    source *self = user;
    const size_t end = self->fails_at > 0 ? self->fails_at : self->size;

    (void)call;
    *got_out = bsi_min_size(size, end - self->at);
    memcpy(buf, self->bytes + self->at, *got_out);
    self->at += *got_out;
    if (self->fails_at > 0 && self->at == self->fails_at) {
        return bsi_fail(BS_LAYER_SOURCE, BS_E_IO, "a bad sector");
    }
    return BS_OK;
}

static uint64_t hole_of_source(void *user)
{
    const source *self = user;

    return self->at >= self->hole_begin && self->at < self->hole_end ? self->hole_end - self->at
                                                                     : 0;
}

static void skip_in_source(void *user, uint64_t size)
{
    source *self = user;

    self->at += size;
    self->skipped += size;
}

static uint8_t *make_noise(size_t size)
{
    uint8_t *bytes = malloc(size);
    uint64_t seed = 1;

    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[i] = (uint8_t)(seed >> 56);
    }
    return bytes;
}

static bs_status store(fixture *self, source *from, bool tells_holes)
{
    const bsi_chunk_source reading = {.user = from,
                                      .read = read_source,
                                      .hole = tells_holes ? hole_of_source : NULL,
                                      .skip = skip_in_source};

    return bsi_chunks_store(self->chunks, &reading, &self->result);
}

/* What was stored is the first `size` bytes, in the chunks in which they would be cut at once. */
static void assert_chunks(fixture *self, const uint8_t *bytes, size_t size)
{
    const bsi_digest *ids = (const bsi_digest *)(const void *)self->result.ids.data;
    bsi_blob_reader *reader = NULL;
    size_t count = 0;

    assert_int_equal(self->result.size, size);
    assert_ok(bsi_repo_writer_finish(self->writer));
    assert_ok(bsi_blob_reader_new(self->session.repo, self->session.index, &reader));
    for (size_t at = 0; at < size; count++) {
        const size_t cut = bsi_chunk_length(&self->chunker, bytes + at, size - at, 0);
        const size_t length = cut > 0 ? cut : size - at;
        bsi_slice plain = {0};
        assert_in_range(count, 0, self->result.ids.size / sizeof(*ids) - 1);
        assert_ok(bsi_blob_reader_read(reader, NULL, BSI_BLOB_DATA, &ids[count], &plain));
        assert_int_equal(plain.size, length);
        assert_memory_equal(plain.data, bytes + at, length);
        at += length;
    }
    assert_int_equal(self->result.ids.size, count * sizeof(*ids));
    bsi_blob_reader_free(reader);
}

/* --- Tests --- */

static void content_is_cut_as_if_it_were_one_piece(void **state)
{
    static const size_t sizes[] = {0,
                                   1,
                                   BSI_CHUNK_MIN - 1,
                                   BSI_CHUNK_MIN,
                                   BSI_CHUNK_MIN + 1,
                                   BSI_CHUNK_BUFFER - 1,
                                   BSI_CHUNK_BUFFER,
                                   BSI_CHUNK_BUFFER + 1,
                                   2 * BSI_CHUNK_BUFFER,
                                   37 * MIB + 11};
    fixture *self = *state;
    uint8_t *noise = make_noise(37 * MIB + 11);
    uint64_t before = 0;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(sizes); i++) {
        source from = {.bytes = noise, .size = sizes[i]};
        assert_ok(store(self, &from, false));
        assert_ok(self->result.source);
        assert_true(self->result.new_bytes <= sizes[i]);
        before += self->result.new_bytes;
        assert_chunks(self, noise, sizes[i]);
    }
    assert_true(before >= 37 * MIB); /* Each end is a chunk of its own. */
    assert_ok(store(self, &(source){.bytes = noise, .size = 37 * MIB + 11}, false));
    assert_int_equal(self->result.new_bytes, 0);
    free(noise);
}

/* Nothing ever says where to cut: chunks are as long as they may be. */
static void chunks_of_the_longest_kind_fit(void **state)
{
    const size_t size = 3 * BSI_CHUNK_MAX + 5;
    fixture *self = *state;
    uint8_t *ones = malloc(size);

    assert_non_null(ones);
    memset(ones, 1, size);
    assert_ok(store(self, &(source){.bytes = ones, .size = size}, false));
    assert_int_equal(self->result.ids.size, 4 * sizeof(bsi_digest));
    assert_chunks(self, ones, size);
    free(ones);
}

static void holes_are_cut_like_the_zeros_they_are(void **state)
{
    static const struct {
        size_t begin;
        size_t end;
    } holes[] = {{0, 10 * MIB}, {1, 20 * MIB}, {5 * MIB + 3, 30 * MIB - 7}, {20 * MIB, 30 * MIB}};
    const size_t size = 30 * MIB;
    fixture *self = *state;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(holes); i++) {
        uint8_t *bytes = make_noise(size);
        source from = {
            .bytes = bytes, .size = size, .hole_begin = holes[i].begin, .hole_end = holes[i].end};
        memset(bytes + holes[i].begin, 0, holes[i].end - holes[i].begin);
        assert_ok(store(self, &from, true));
        if (holes[i].begin == 0) {
            assert_int_equal(from.skipped, 10 * MIB); /* Nothing of it was read. */
        }
        assert_chunks(self, bytes, size);
        free(bytes);
    }
}

static void what_came_before_a_failure_to_read_counts(void **state)
{
    fixture *self = *state;
    uint8_t *noise = make_noise(20 * MIB);
    source from = {.bytes = noise, .size = 20 * MIB, .fails_at = 12 * MIB + 3};

    assert_ok(store(self, &from, false));
    assert_int_equal(self->result.source, BS_E_IO);
    assert_string_equal(bs_error_last()->message, "a bad sector");
    assert_chunks(self, noise, from.fails_at);
    free(noise);
}

static void a_failing_storage_ends_it(void **state)
{
    const bsi_faulty_plan plan = {
        .op_mask = BSI_FAULTY_COMMIT, .at = 1, .code = BS_E_NO_SPACE, .forever = true};
    fixture *self = *state;
    uint8_t *noise = make_noise(100 * MIB);

    bsi_storage_faulty_set(self->faulty, &plan);
    assert_status(store(self, &(source){.bytes = noise, .size = 100 * MIB}, false), BS_E_NO_SPACE);
    assert_int_equal(bs_error_last()->code, BS_E_NO_SPACE);
    assert_status(store(self, &(source){.bytes = noise, .size = MIB}, false), BS_E_NO_SPACE);
    free(noise);
}

static void a_cancelled_call_ends_it(void **state)
{
    fixture *self = *state;
    uint8_t *noise = make_noise(MIB);

    bsi_cancel_request(&self->cancel);
    assert_status(store(self, &(source){.bytes = noise, .size = MIB}, false), BS_E_CANCELLED);
    free(noise);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(content_is_cut_as_if_it_were_one_piece),
        TEST(chunks_of_the_longest_kind_fit),
        TEST(holes_are_cut_like_the_zeros_they_are),
        TEST(what_came_before_a_failure_to_read_counts),
        TEST(a_failing_storage_ends_it),
        TEST(a_cancelled_call_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
