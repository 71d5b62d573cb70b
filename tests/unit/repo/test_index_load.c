/* SPDX-License-Identifier: MIT */
/*
 * Packs and indexes that the restic program wrote, beside what an independent
 * reader has found in them; and indexes that are damaged.
 */
#include "blobs.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "repo/index_file.h"
#include "repo/index_load.h"
#include "repo/index_read.h"
#include "repo/json_parts.h"
#include "repo/pack.h"
#include "repo/reader.h"
#include "support/restic.h"

enum { ROOM = 1024 * 1024, TYPE_TREE = 1, THREADS = 3, ROUNDS = 10 };

static const char *data_folder;
static bsi_pool *pool;

/* --- What restic wrote --- */

typedef struct fixture {
    bsi_repo *repo;
    bsi_repo_index *index;
    bsi_blob_reader *reader;
    size_t loaded; /* Packs whose header was there. */
    size_t trees;
} fixture;

static void open_fixture(fixture *self, const char *name)
{
    bsi_storage *storage = restic_load(data_folder, name);
    bsi_secret *password = restic_password();
    const bsi_repo_place place = {.storage = storage, .folder = ""};

    *self = (fixture){0};
    print_message("# %s\n", name);
    assert_ok(bsi_repo_open(&place, NULL, password, &self->repo));
    assert_ok(bsi_repo_index_new(&self->index));
    assert_ok(bsi_repo_index_load(self->repo, NULL, NULL, self->index));
    assert_ok(bsi_blob_reader_new(self->repo, self->index, &self->reader));
    bsi_secret_free(password);
    bsi_storage_unref(storage);
}

static void close_fixture(fixture *self)
{
    bsi_blob_reader_free(self->reader);
    bsi_repo_index_free(self->index);
    bsi_repo_close(self->repo);
}

static bsi_digest id_of(const char *hex)
{
    bsi_digest id;

    assert_ok(bsi_digest_parse(hex, strlen(hex), &id));
    return id;
}

static bs_status write_again(void *user, const bsi_digest *pack, const bsi_blob_list *blobs)
{
    return bsi_index_writer_add(user, pack, blobs);
}

/* The file's text, what was expected written compactly, and the file written again, are the same.
 */
static void check_index(void *user, const char *id, bsi_slice expected)
{
    const fixture *self = user;
    const bsi_digest digest = id_of(id);
    const uint32_t version = bsi_repo_config_of(self->repo)->version;
    bsi_index_writer writer;
    bsi_buf text;

    bsi_buf_init(&text, ROOM);
    bsi_index_writer_init(&writer);
    assert_ok(bsi_repo_load(self->repo, NULL, BSI_REPO_INDEX, &digest, &text));
    assert_ok(bsi_index_parse(expected, version, write_again, &writer));
    assert_ok(bsi_index_writer_finish(&writer));
    assert_int_equal(writer.text.size, text.size);
    assert_memory_equal(writer.text.data, text.data, text.size);
    bsi_index_writer_clear(&writer);
    assert_ok(
        bsi_index_parse((bsi_slice){(char *)text.data, text.size}, version, write_again, &writer));
    assert_ok(bsi_index_writer_finish(&writer));
    assert_int_equal(writer.text.size, text.size);
    assert_memory_equal(writer.text.data, text.data, text.size);
    bsi_index_writer_dispose(&writer);
    bsi_buf_dispose(&text);
}

/* A pack as the expected objects tell of it. */
typedef struct expected_pack {
    uint32_t size;
    bsi_blob_list blobs;
    bsi_blob blob; /* The present one. */
    bsi_buf scratch;
} expected_pack;

static bs_status entry_member(bsi_json_reader *json, bsi_slice key, void *user)
{
    expected_pack *pack = user;
    uint32_t type = 0;

    if (bsi_slice_is(key, "type")) {
        BSI_TRY(bsi_json_read_u32(json, &type));
        pack->blob.type = type & TYPE_TREE ? BSI_BLOB_TREE : BSI_BLOB_DATA;
        return BS_OK;
    }
    if (bsi_slice_is(key, "offset")) {
        return bsi_json_read_u32(json, &pack->blob.offset);
    }
    if (bsi_slice_is(key, "length")) {
        return bsi_json_read_u32(json, &pack->blob.size);
    }
    if (bsi_slice_is(key, "uncompressed_length")) {
        return bsi_json_read_u32(json, &pack->blob.plain_size);
    }
    return bsi_json_read_digest(json, &pack->scratch, &pack->blob.id);
}

static bs_status entry(bsi_json_reader *json, void *user)
{
    expected_pack *pack = user;

    pack->blob = (bsi_blob){0};
    BSI_TRY(bsi_json_each_member(json, entry_member, pack));
    return bsi_blob_list_add(&pack->blobs, &pack->blob);
}

static bs_status pack_member(bsi_json_reader *json, bsi_slice key, void *user)
{
    expected_pack *pack = user;

    return bsi_slice_is(key, "size") ? bsi_json_read_u32(json, &pack->size)
                                     : bsi_json_each_item(json, entry, pack);
}

/* The header, where the pack is there, and the index, tell of the same blobs; all can be read. */
static void check_pack_blobs(fixture *self, const bsi_digest *id, const bsi_blob_list *expected)
{
    char key[BSI_REPO_KEY_SIZE];
    const bsi_pack_object pack = {bsi_repo_storage(self->repo), key, *id};
    bsi_blob_list found = {0};
    bsi_slice plain = {0};
    bs_status status = BS_OK;

    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, id, key);
    status = bsi_pack_load_header(&pack, NULL, bsi_repo_master_key(self->repo),
                                  bsi_repo_config_of(self->repo)->version, &found);
    assert_true(status == BS_OK || status == BS_E_MISSING);
    if (status == BS_OK) {
        self->loaded++;
        assert_same_blobs(&found, expected);
    }
    for (size_t i = 0; i < expected->count && status == BS_OK; i++) {
        assert_ok(bsi_blob_reader_read(self->reader, NULL, expected->items[i].type,
                                       &expected->items[i].id, &plain));
    }
    bsi_blob_list_dispose(&found);
}

static void check_in_index(fixture *self, const bsi_digest *id, const bsi_blob_list *expected)
{
    bsi_blob_list found = {0};
    size_t matches = 0;

    for (uint32_t i = 0; i < bsi_repo_index_pack_end(self->index); i++) {
        bsi_digest other;
        assert_ok(bsi_repo_index_pack(self->index, i, &other, &found));
        if (bsi_digest_equal(&other, id)) {
            assert_same_blobs(&found, expected);
            matches++;
        }
    }
    assert_int_equal(matches, 1);
    bsi_blob_list_dispose(&found);
}

static void check_pack(void *user, const char *id, bsi_slice expected)
{
    const bsi_digest digest = id_of(id);
    expected_pack pack = {0};
    bsi_json_reader json;

    bsi_buf_init(&pack.scratch, ROOM);
    bsi_json_init(&json, expected.data, expected.size, BS_LAYER_STORAGE, BS_E_CORRUPT);
    assert_ok(bsi_json_each_member(&json, pack_member, &pack));
    assert_int_equal(bsi_pack_size(&pack.blobs), pack.size);
    check_pack_blobs(user, &digest, &pack.blobs);
    check_in_index(user, &digest, &pack.blobs);
    bsi_blob_list_dispose(&pack.blobs);
    bsi_buf_dispose(&pack.scratch);
}

static void check_tree(void *user, const char *id, bsi_slice expected)
{
    fixture *self = user;
    const bsi_digest digest = id_of(id);
    bsi_slice plain = {0};

    assert_ok(bsi_blob_reader_read(self->reader, NULL, BSI_BLOB_TREE, &digest, &plain));
    assert_int_equal(plain.size, expected.size);
    assert_memory_equal(plain.data, expected.data, plain.size);
    self->trees++;
}

static void what_restic_wrote_is_read_and_written_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < RESTIC_REPOSITORIES; i++) {
        const char *name = restic_repositories[i];
        fixture self;
        open_fixture(&self, name);
        assert_true(restic_expected(data_folder, name, "indexes", check_index, &self) >= 2);
        assert_true(restic_expected(data_folder, name, "packs", check_pack, &self) >= 4);
        assert_true(restic_expected(data_folder, name, "trees", check_tree, &self) > 10);
        assert_true(self.loaded >= 2 && self.trees > 10);
        close_fixture(&self);
    }
}

/* --- Damage --- */

static bsi_repo *new_repo(void)
{
    static const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};
    bsi_repo_place place = {.folder = "in/a"};
    bsi_repo *repo = NULL;

    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &place.storage));
    assert_ok(bsi_repo_init(&place, NULL, &cheap, NULL, &repo));
    bsi_storage_unref(place.storage);
    return repo;
}

/* An index of one pack with one blob, both of these bytes. */
static bsi_digest save_index(bsi_repo *repo, uint8_t byte)
{
    bsi_index_writer writer;
    bsi_blob_list list = {0};
    bsi_blob blob = {.size = 100};
    bsi_digest id;

    memset(blob.id.bytes, byte, sizeof(blob.id.bytes));
    bsi_index_writer_init(&writer);
    assert_ok(bsi_blob_list_add(&list, &blob));
    assert_ok(bsi_index_writer_add(&writer, &blob.id, &list));
    assert_ok(bsi_index_writer_finish(&writer));
    assert_ok(bsi_repo_save(repo, NULL, BSI_REPO_INDEX,
                            (bsi_slice){(char *)writer.text.data, writer.text.size}, &id));
    bsi_index_writer_dispose(&writer);
    bsi_blob_list_dispose(&list);
    return id;
}

static uint64_t blobs_in(bsi_repo_index *index)
{
    bsi_repo_index_stats stats;

    bsi_repo_index_get_stats(index, &stats);
    return stats.blobs;
}

typedef struct damage {
    size_t count;
    char path[BSI_REPO_KEY_SIZE];
} damage;

static void note(void *user, bsi_slice path, const bs_error *error)
{
    damage *self = user;

    assert_int_equal(error->layer, BS_LAYER_STORAGE);
    assert_true(path.size < sizeof(self->path));
    memcpy(self->path, path.data, path.size);
    self->path[path.size] = '\0';
    self->count++;
}

static void check_damaged_with(bsi_repo *repo, bsi_pool *with, const char *key)
{
    damage noted = {0};
    const bsi_warn warn = {note, &noted};
    const bsi_index_load_options strict = {.pool = with};
    const bsi_index_load_options lenient = {.damaged = &warn, .pool = with};
    bsi_repo_index *index = NULL;

    assert_ok(bsi_repo_index_new(&index));
    assert_status(bsi_repo_index_load(repo, NULL, &strict, index), BS_E_CORRUPT);
    assert_non_null(strstr(bs_error_last()->message, "index"));
    assert_ok(bsi_repo_index_load(repo, NULL, &lenient, index));
    assert_int_equal(noted.count, 1);
    assert_string_equal(noted.path, key);
    assert_int_equal(blobs_in(index), 1);
    bsi_repo_index_free(index);
}

static void check_damaged(bsi_repo *repo, const char *key)
{
    check_damaged_with(repo, NULL, key);
    check_damaged_with(repo, pool, key);
}

static void each_changed_or_missing_byte_of_a_file_is_found(void **state)
{
    bsi_repo *repo = new_repo();
    bsi_storage *storage = bsi_repo_storage(repo);
    const bsi_digest damaged = save_index(repo, 2);
    char key[BSI_REPO_KEY_SIZE];
    bsi_buf bytes;

    (void)state;
    (void)save_index(repo, 1);
    bsi_buf_init(&bytes, ROOM);
    bsi_repo_object_key(repo, BSI_REPO_INDEX, &damaged, key);
    assert_ok(bsi_storage_load(storage, NULL, key, ROOM, &bytes));
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 4;
        assert_ok(bsi_storage_put(storage, NULL, key, bytes.data, bytes.size));
        check_damaged(repo, key);
        bytes.data[i] ^= 4;
        assert_ok(bsi_storage_put(storage, NULL, key, bytes.data, i));
        check_damaged(repo, key);
    }
    bsi_buf_dispose(&bytes);
    bsi_repo_close(repo);
}

static void a_text_that_is_no_index_is_named(void **state)
{
    bsi_repo *repo = new_repo();
    char key[BSI_REPO_KEY_SIZE];
    bsi_digest id;

    (void)state;
    (void)save_index(repo, 1);
    assert_ok(bsi_repo_save(repo, NULL, BSI_REPO_INDEX, bsi_slice_of("{\"packs\":[{}]}"), &id));
    bsi_repo_object_key(repo, BSI_REPO_INDEX, &id, key);
    check_damaged(repo, key);
    bsi_repo_close(repo);
}

static void miss_memory(const bsi_repo *repo, bsi_pool *with)
{
    const bsi_index_load_options options = {.pool = with};
    bs_status status = BS_E_NOMEM;

    for (long n = 0; status == BS_E_NOMEM; n++) {
        bsi_repo_index *index = NULL;
        assert_ok(bsi_repo_index_new(&index));
        bsi_alloc_fail_after(n);
        status = bsi_repo_index_load(repo, NULL, &options, index);
        bsi_alloc_fail_after(-1);
        assert_int_equal(blobs_in(index) == 2, status == BS_OK);
        bsi_repo_index_free(index);
    }
    assert_ok(status);
}

static void missing_memory_is_told(void **state)
{
    bsi_repo *repo = new_repo();

    (void)state;
    (void)save_index(repo, 1);
    (void)save_index(repo, 2);
    miss_memory(repo, NULL);
    miss_memory(repo, pool);
    bsi_repo_close(repo);
}

/* --- Several at a time --- */

static void check_same_packs(bsi_repo_index *one, bsi_repo_index *other)
{
    bsi_blob_list lists[2] = {0};
    bsi_digest ids[2];

    assert_int_equal(bsi_repo_index_pack_end(one), bsi_repo_index_pack_end(other));
    for (uint32_t i = 0; i < bsi_repo_index_pack_end(one); i++) {
        const bs_status status = bsi_repo_index_pack(one, i, &ids[0], &lists[0]);
        assert_status(bsi_repo_index_pack(other, i, &ids[1], &lists[1]), status);
        assert_true(status != BS_OK || (bsi_digest_equal(&ids[0], &ids[1]) &&
                                        bsi_blob_list_equal(&lists[0], &lists[1])));
    }
    bsi_blob_list_dispose(&lists[0]);
    bsi_blob_list_dispose(&lists[1]);
}

/* A text of spaces, and what an index says of one blob of this byte. */
static void save_long_index(bsi_repo *repo, size_t spaces, char digit)
{
    char hex[2 * BSI_SHA256_SIZE + 1];
    bsi_digest id;
    bsi_buf text;

    memset(hex, digit, sizeof(hex) - 1);
    hex[sizeof(hex) - 1] = '\0';
    bsi_buf_init(&text, BSI_INDEX_FILE_MAX);
    assert_ok(bsi_buf_reserve(&text, spaces));
    memset(text.data, ' ', spaces);
    text.data[0] = '{';
    text.size = spaces;
    assert_ok(bsi_buf_append_format(&text,
                                    "\"packs\":[{\"id\":\"%s\",\"blobs\":[{\"id\":\"%s\","
                                    "\"type\":\"data\",\"offset\":0,\"length\":100}]}]}",
                                    hex, hex));
    assert_ok(bsi_repo_save(repo, NULL, BSI_REPO_INDEX, bsi_buf_slice(&text), &id));
    bsi_buf_dispose(&text);
}

/* Whichever was there first: the numbers follow from the names of the files. */
static void numbers_do_not_depend_on_who_is_first(void **state)
{
    const bsi_index_load_options options = {.pool = pool};
    bsi_repo *repo = new_repo();

    (void)state;
    for (uint8_t i = 1; i <= 3 * BSI_INDEX_READERS_MAX; i++) {
        (void)save_index(repo, i);
        save_long_index(repo, i % 4 == 0 ? ROOM : 1, (char)('0' + i % 10));
    }
    for (int round = 0; round < ROUNDS; round++) {
        bsi_repo_index *alone = NULL;
        bsi_repo_index *together = NULL;
        assert_ok(bsi_repo_index_new(&alone));
        assert_ok(bsi_repo_index_new(&together));
        assert_ok(bsi_repo_index_load(repo, NULL, NULL, alone));
        assert_ok(bsi_repo_index_load(repo, NULL, &options, together));
        assert_true(blobs_in(alone) > 3 * BSI_INDEX_READERS_MAX);
        check_same_packs(alone, together);
        bsi_repo_index_free(alone);
        bsi_repo_index_free(together);
    }
    bsi_repo_close(repo);
}

static void texts_that_are_long_are_read_all_the_same(void **state)
{
    const bsi_index_load_options options = {.pool = pool};
    bsi_repo *repo = new_repo();
    bsi_repo_index *index = NULL;

    (void)state;
    (void)save_index(repo, 1);
    save_long_index(repo, BSI_INDEX_TEXT_USUAL, 'a');
    save_long_index(repo, 1, 'b');
    assert_ok(bsi_repo_index_new(&index));
    assert_ok(bsi_repo_index_load(repo, NULL, &options, index));
    assert_int_equal(blobs_in(index), 3);
    bsi_repo_index_free(index);
    bsi_repo_close(repo);
}

static int start_pool(void **state)
{
    (void)state;
    return bsi_pool_new(THREADS, &pool) == BS_OK && bsi_pool_threads(pool) > 0 ? 0 : -1;
}

static int end_pool(void **state)
{
    (void)state;
    bsi_pool_free(pool);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_restic_wrote_is_read_and_written_again),
        cmocka_unit_test(each_changed_or_missing_byte_of_a_file_is_found),
        cmocka_unit_test(a_text_that_is_no_index_is_named),
        cmocka_unit_test(missing_memory_is_told),
        cmocka_unit_test(numbers_do_not_depend_on_who_is_first),
        cmocka_unit_test(texts_that_are_long_are_read_all_the_same),
    };

    if (argc != 2) {
        return 2;
    }
    data_folder = argv[1];
    return cmocka_run_group_tests_name("repo/index_load", tests, start_pool, end_pool);
}
