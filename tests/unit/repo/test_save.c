/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "os/thread.h"
#include "repo/index_file.h"
#include "repo/index_load.h"
#include "repo/reader.h"
#include "repo/save.h"
#include "storage/decorators/faulty.h"

enum {
    TARGET = 20000,
    SIZE_MAX_EACH = 3000,
    SOME = 60,
    THREADS = 3,
};

typedef struct fixture {
    bsi_storage *faulty;
    bsi_repo *repo;
    bsi_repo_index *index;
    bsi_pool *pool;
    bsi_repo_writer *writer;
    bsi_cancel cancel;
    bs_call call;
} fixture;

static void begin(fixture *self, unsigned threads)
{
    static const bsi_save_options options = {.pack_target = TARGET};

    assert_ok(bsi_repo_index_new(&self->index));
    assert_ok(bsi_repo_index_load(self->repo, NULL, NULL, self->index));
    assert_ok(bsi_pool_new(threads, &self->pool));
    assert_ok(bsi_repo_writer_new(self->repo, self->index, self->pool, &self->call, &options,
                                  &self->writer));
}

static void end(fixture *self)
{
    bsi_repo_writer_free(self->writer);
    bsi_pool_free(self->pool);
    bsi_repo_index_free(self->index);
    self->writer = NULL;
    self->pool = NULL;
    self->index = NULL;
}

static int setup(void **state)
{
    static const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};
    fixture *self = calloc(1, sizeof(*self));
    bsi_repo_place place = {.folder = ""};
    bsi_storage *inner = NULL;

    assert_non_null(self);
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &inner));
    assert_ok(bsi_storage_faulty_new(inner, &self->faulty));
    place.storage = self->faulty;
    assert_ok(bsi_repo_init(&place, NULL, &cheap, NULL, &self->repo));
    bsi_storage_unref(inner);
    self->call.cancel = &self->cancel;
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;

    end(self);
    bsi_repo_close(self->repo);
    bsi_storage_unref(self->faulty);
    free(self);
    return 0;
}

/* --- Blobs of a number: their bytes, ids and types follow from it --- */

static bsi_blob_type type_of(uint64_t number)
{
    return number % 4 == 0 ? BSI_BLOB_TREE : BSI_BLOB_DATA;
}

static size_t make(uint64_t number, uint8_t out[SIZE_MAX_EACH])
{
    const size_t size = 8 + (size_t)(number * 7919 % (SIZE_MAX_EACH - 8));
    uint64_t seed = number + 1;

    bsi_put_le64(out, number);
    for (size_t i = 8; i < size; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = number % 3 == 0 ? (uint8_t)(i / 100) : (uint8_t)(seed >> 56);
    }
    return size;
}

static bsi_digest id_of(uint64_t number)
{
    uint8_t bytes[SIZE_MAX_EACH];
    bsi_digest id;

    bsi_sha256_of(bytes, make(number, bytes), &id);
    return id;
}

static bs_status save(fixture *self, uint64_t number, bool *is_new)
{
    uint8_t bytes[SIZE_MAX_EACH];
    const size_t size = make(number, bytes);
    const bsi_digest expected = id_of(number);
    bsi_digest id;

    BSI_TRY(bsi_repo_writer_save(self->writer, type_of(number), bytes, size, &id, is_new));
    assert_true(bsi_digest_equal(&id, &expected));
    return BS_OK;
}

/* An item with its bytes, counted when it is done. */
typedef struct work_item {
    bsi_save_item item;
    uint64_t number;
    uint8_t bytes[SIZE_MAX_EACH];
    atomic_uint *done;
} work_item;

static void note_done(bsi_save_item *item)
{
    work_item *self = (work_item *)(void *)item;

    atomic_fetch_add(self->done, 1);
}

/* Numbers below `count` go through the pool. */
static work_item *submit_all(fixture *self, uint64_t count, atomic_uint *done)
{
    work_item *items = calloc(count, sizeof(*items));

    assert_non_null(items);
    for (uint64_t i = 0; i < count; i++) {
        items[i] = (work_item){.item = {.type = type_of(i), .done = note_done}, .number = i};
        items[i].done = done;
        items[i].item.plain = items[i].bytes;
        items[i].item.size = make(i, items[i].bytes);
        bsi_repo_writer_submit(self->writer, &items[i].item);
    }
    return items;
}

/* --- What lies on the storage, as somebody new finds it --- */

typedef struct found {
    bsi_repo_index *index;
    bsi_blob_reader *reader;
    bsi_repo_index_stats stats;
} found;

static void look(fixture *self, found *out)
{
    assert_ok(bsi_repo_index_new(&out->index));
    assert_ok(bsi_repo_index_load(self->repo, NULL, NULL, out->index));
    assert_ok(bsi_blob_reader_new(self->repo, out->index, &out->reader));
    bsi_repo_index_get_stats(out->index, &out->stats);
}

static void look_away(found *self)
{
    bsi_blob_reader_free(self->reader);
    bsi_repo_index_free(self->index);
}

static bs_status read_back(found *self, uint64_t number)
{
    uint8_t bytes[SIZE_MAX_EACH];
    const size_t size = make(number, bytes);
    const bsi_digest id = id_of(number);
    bsi_slice plain = {0};

    BSI_TRY(bsi_blob_reader_read(self->reader, NULL, type_of(number), &id, &plain));
    assert_int_equal(plain.size, size);
    assert_memory_equal(plain.data, bytes, size);
    return BS_OK;
}

/* Each number below `count` once, in packs of one type each, none larger than it must be. */
static void assert_stored(fixture *self, uint64_t count)
{
    bsi_blob_list blobs = {0};
    found seen = {0};

    look(self, &seen);
    assert_int_equal(seen.stats.blobs, count);
    for (uint64_t i = 0; i < count; i++) {
        assert_ok(read_back(&seen, i));
    }
    for (uint32_t i = 0; i < bsi_repo_index_pack_end(seen.index); i++) {
        bsi_digest id;
        assert_ok(bsi_repo_index_pack(seen.index, i, &id, &blobs));
        for (size_t at = 0; at < blobs.count; at++) {
            assert_int_equal(blobs.items[at].type, blobs.items[0].type);
            assert_true(blobs.items[at].offset < TARGET);
        }
    }
    bsi_blob_list_dispose(&blobs);
    look_away(&seen);
}

static void assert_pack_files(fixture *self, uint64_t count)
{
    bsi_repo_files files = {0};

    assert_ok(bsi_repo_list(self->repo, NULL, BSI_REPO_PACKS, &files));
    assert_int_equal(files.count, count);
    bsi_repo_files_dispose(&files);
}

/* --- Tests --- */

static void check_storing(fixture *self, unsigned threads)
{
    atomic_uint done = 0;
    bsi_save_stats stats;
    work_item *items = NULL;

    begin(self, threads);
    items = submit_all(self, SOME, &done);
    assert_ok(bsi_repo_writer_finish(self->writer));
    assert_int_equal(done, SOME);
    for (uint64_t i = 0; i < SOME; i++) {
        const bsi_digest id = id_of(i);
        assert_ok(items[i].item.status);
        assert_true(items[i].item.is_new && items[i].item.stored_size > 0);
        assert_true(bsi_digest_equal(&items[i].item.id, &id));
    }
    bsi_repo_writer_stats(self->writer, &stats);
    assert_int_equal(stats.data_blobs + stats.tree_blobs, SOME);
    assert_int_equal(stats.tree_blobs, SOME / 4);
    assert_true(stats.packs >= 3);
    assert_int_equal(stats.index_files, 1);
    assert_stored(self, SOME);
    assert_pack_files(self, stats.packs);
    free(items);
}

static void blobs_are_stored_and_found_again(void **state)
{
    check_storing(*state, THREADS);
}

static void without_threads_it_works_as_well(void **state)
{
    check_storing(*state, 0);
}

static void what_is_there_is_not_stored_again(void **state)
{
    fixture *self = *state;
    bool is_new = false;
    bsi_save_stats stats;

    begin(self, THREADS);
    for (uint64_t i = 0; i < SOME; i++) {
        assert_ok(save(self, i, &is_new));
        assert_true(is_new);
        assert_ok(save(self, i / 2, &is_new));
        assert_false(is_new);
    }
    assert_ok(bsi_repo_writer_finish(self->writer));
    end(self);
    begin(self, THREADS);
    for (uint64_t i = 0; i < SOME; i++) {
        assert_ok(save(self, i, &is_new));
        assert_false(is_new);
    }
    assert_ok(bsi_repo_writer_finish(self->writer));
    bsi_repo_writer_stats(self->writer, &stats);
    assert_int_equal(stats.packs + stats.index_files + stats.sealed_bytes, 0);
    assert_stored(self, SOME);
}

static void tasks_store_without_waiting(void **state)
{
    fixture *self = *state;
    bool is_room = false;

    begin(self, THREADS);
    for (uint64_t i = 0; i < SOME; i++) {
        uint8_t bytes[SIZE_MAX_EACH];
        const bsi_digest id = id_of(i);
        bsi_save_item item = {.type = type_of(i), .plain = bytes, .size = make(i, bytes)};
        assert_ok(bsi_repo_writer_put(self->writer, &item));
        assert_true(item.is_new && item.stored_size > 0);
        assert_true(bsi_digest_equal(&item.id, &id));
        assert_ok(bsi_repo_writer_put(self->writer, &item));
        assert_true(!item.is_new && item.stored_size == 0);
        while (!is_room) {
            assert_ok(bsi_repo_writer_wait(self->writer, 1000, &is_room));
        }
        is_room = false;
    }
    assert_ok(bsi_repo_writer_finish(self->writer));
    assert_stored(self, SOME);
    bsi_cancel_request(&self->cancel);
    assert_status(bsi_repo_writer_wait(self->writer, 1000, &is_room), BS_E_CANCELLED);
}

static void a_writer_goes_on_after_it_was_finished(void **state)
{
    fixture *self = *state;

    begin(self, THREADS);
    assert_ok(bsi_repo_writer_finish(self->writer));
    for (uint64_t i = 0; i < SOME; i++) {
        assert_ok(save(self, i, NULL));
        if (i % 20 == 0) {
            assert_ok(bsi_repo_writer_finish(self->writer));
        }
    }
    assert_ok(bsi_repo_writer_finish(self->writer));
    assert_stored(self, SOME);
}

/* Several threads store the same blobs: each is stored once. */
typedef struct crowd {
    fixture *fixture;
    atomic_uint news;
} crowd;

static void store_same(void *user)
{
    crowd *self = user;

    for (uint64_t i = 0; i < SOME; i++) {
        bool is_new = false;
        assert_ok(save(self->fixture, i, &is_new));
        atomic_fetch_add(&self->news, is_new);
    }
}

static void of_several_threads_one_stores_a_blob(void **state)
{
    crowd self = {.fixture = *state};
    bsi_thread threads[THREADS];

    begin(*state, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        assert_ok(bsi_thread_start(&threads[i], "crowd", store_same, &self));
    }
    for (size_t i = 0; i < THREADS; i++) {
        bsi_thread_join(threads[i]);
    }
    assert_ok(bsi_repo_writer_finish(self.fixture->writer));
    assert_int_equal(self.news, SOME);
    assert_stored(*state, SOME);
}

/* As many as restic has in one file go into the first; each pack is in one file. */
static void large_indexes_are_split(void **state)
{
    enum { MANY = BSI_INDEX_FILE_BLOBS + 2000 };
    fixture *self = *state;
    bsi_save_stats stats;
    found seen = {0};

    begin(self, THREADS);
    for (uint32_t i = 0; i < MANY; i++) {
        uint8_t bytes[4];
        bsi_digest id;
        bsi_put_le32(bytes, i);
        assert_ok(
            bsi_repo_writer_save(self->writer, BSI_BLOB_DATA, bytes, sizeof(bytes), &id, NULL));
    }
    assert_ok(bsi_repo_writer_finish(self->writer));
    bsi_repo_writer_stats(self->writer, &stats);
    assert_int_equal(stats.index_files, 2);
    look(self, &seen);
    assert_int_equal(seen.stats.blobs, MANY);
    assert_int_equal(seen.stats.packs, stats.packs);
    look_away(&seen);
}

static bool claims(fixture *self, uint64_t number)
{
    const bsi_digest id = id_of(number);
    bsi_claim answer = BSI_CLAIM_PENDING;

    assert_ok(bsi_repo_index_claim(self->index, type_of(number), &id, &answer));
    return answer == BSI_CLAIM_MINE;
}

static bool is_known(bsi_repo_index *index, uint64_t number)
{
    const bsi_digest id = id_of(number);

    return bsi_repo_index_has(index, type_of(number), &id) == BS_OK;
}

/*
 * Nobody is left with a claim on what was not stored; what the index on the storage tells of
 * can be read; and the next run stores the rest.
 */
static void check_aftermath(fixture *self)
{
    found seen = {0};

    bsi_repo_writer_free(self->writer);
    self->writer = NULL;
    bsi_storage_faulty_set(self->faulty, NULL);
    atomic_store(&self->cancel.requested, false);
    look(self, &seen);
    for (uint64_t i = 0; i < SOME; i++) {
        if (is_known(seen.index, i)) {
            assert_ok(read_back(&seen, i));
        } else if (!is_known(self->index, i)) {
            assert_true(claims(self, i));
        }
    }
    look_away(&seen);
    end(self);
    begin(self, THREADS);
    for (uint64_t i = 0; i < SOME; i++) {
        assert_ok(save(self, i, NULL));
    }
    assert_ok(bsi_repo_writer_finish(self->writer));
    end(self);
}

static void a_failing_storage_is_told_and_survived(void **state)
{
    static const uint32_t ops[] = {BSI_FAULTY_BEGIN, BSI_FAULTY_WRITE, BSI_FAULTY_COMMIT};
    uint64_t failures = 0;

    for (uint64_t at = 1; at <= 6; at++) {
        for (size_t i = 0; i < BSI_ARRAY_SIZE(ops); i++) {
            const bsi_faulty_plan plan = {.op_mask = ops[i], .at = at, .code = BS_E_NO_SPACE};
            atomic_uint done = 0;
            work_item *items = NULL;
            fixture *self = NULL;
            bs_status status = BS_OK;

            assert_int_equal(teardown(state), 0);
            assert_int_equal(setup(state), 0);
            self = *state;
            begin(self, THREADS);
            bsi_storage_faulty_set(self->faulty, &plan);
            items = submit_all(self, SOME, &done);
            status = bsi_repo_writer_finish(self->writer);
            assert_int_equal(done, SOME);
            assert_true(status == BS_OK || status == BS_E_NO_SPACE);
            if (status < 0) {
                assert_status(save(self, SOME, NULL), BS_E_NO_SPACE);
                assert_status(bsi_repo_writer_finish(self->writer), BS_E_NO_SPACE);
                failures++;
            }
            check_aftermath(self);
            assert_stored(self, SOME);
            free(items);
        }
    }
    assert_true(failures > 9);
}

static void a_cancelled_run_leaves_what_it_has_stored(void **state)
{
    fixture *self = *state;
    bsi_save_stats stats = {0};
    found seen = {0};
    uint64_t number = 0;

    begin(self, THREADS);
    while (stats.packs < 2) {
        assert_ok(save(self, number++, NULL));
        bsi_repo_writer_stats(self->writer, &stats);
    }
    bsi_cancel_request(&self->cancel);
    assert_status(save(self, number, NULL), BS_E_CANCELLED);
    assert_status(bsi_repo_writer_finish(self->writer), BS_E_CANCELLED);
    bsi_repo_writer_free(self->writer);
    self->writer = NULL;
    look(self, &seen);
    assert_true(seen.stats.packs >= 2);
    look_away(&seen);
    check_aftermath(self);
}

static void remove_indexes(fixture *self)
{
    bsi_repo_files files = {0};

    assert_ok(bsi_repo_list(self->repo, NULL, BSI_REPO_INDEX, &files));
    for (size_t i = 0; i < files.count; i++) {
        assert_ok(bsi_repo_remove(self->repo, NULL, BSI_REPO_INDEX, &files.items[i].id));
    }
    bsi_repo_files_dispose(&files);
}

/* As by a run that was killed before it wrote an index; one pack is none, one was in an index. */
static void packs_of_a_killed_run_are_taken_in(void **state)
{
    fixture *self = *state;
    bsi_digest other = id_of(5);
    char key[BSI_REPO_KEY_SIZE];
    bsi_save_stats stats;
    uint64_t adopted = 0;
    uint64_t packs = 0;

    begin(self, THREADS);
    for (uint64_t i = 0; i < SOME; i++) {
        assert_ok(save(self, i, NULL));
    }
    assert_ok(bsi_repo_writer_finish(self->writer));
    bsi_repo_writer_stats(self->writer, &stats);
    packs = stats.packs;
    end(self);
    remove_indexes(self);
    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, &other, key);
    assert_ok(bsi_storage_put(self->faulty, NULL, key, key, sizeof(key)));
    begin(self, THREADS);
    assert_ok(bsi_repo_writer_adopt(self->writer, &adopted));
    assert_int_equal(adopted, packs);
    for (uint64_t i = 0; i < SOME; i++) {
        bool is_new = true;
        assert_ok(save(self, i, &is_new));
        assert_false(is_new);
    }
    assert_ok(bsi_repo_writer_adopt(self->writer, &adopted));
    assert_int_equal(adopted, 0);
    assert_ok(bsi_repo_writer_finish(self->writer));
    bsi_repo_writer_stats(self->writer, &stats);
    assert_int_equal(stats.packs, 0);
    assert_int_equal(stats.index_files, 1);
    assert_stored(self, SOME);
}

static void missing_memory_is_told_and_survived(void **state)
{
    bs_status status = BS_E_NOMEM;

    for (long n = 0; status == BS_E_NOMEM; n += 1 + n / 40) {
        fixture *self = NULL;
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
        self = *state;
        begin(self, 0);
        bsi_alloc_fail_after(n);
        status = BS_OK;
        for (uint64_t i = 0; status == BS_OK && i < SOME; i++) {
            status = save(self, i, NULL);
        }
        if (status == BS_OK) {
            status = bsi_repo_writer_finish(self->writer);
        }
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
        check_aftermath(self);
    }
    assert_ok(status);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(blobs_are_stored_and_found_again),
        TEST(without_threads_it_works_as_well),
        TEST(what_is_there_is_not_stored_again),
        TEST(tasks_store_without_waiting),
        TEST(a_writer_goes_on_after_it_was_finished),
        TEST(of_several_threads_one_stores_a_blob),
        TEST(large_indexes_are_split),
        TEST(a_failing_storage_is_told_and_survived),
        TEST(a_cancelled_run_leaves_what_it_has_stored),
        TEST(packs_of_a_killed_run_are_taken_in),
        TEST(missing_memory_is_told_and_survived),
    };

    return cmocka_run_group_tests_name("repo/save", tests, NULL, NULL);
}
