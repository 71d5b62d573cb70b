/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include "support/repo_model.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "repo/index_load.h"
#include "repo/reader.h"
#include "repo/snapshot_load.h"
#include "repo/tree.h"
#include "storage/decorators/faulty.h"
#include "support/index_memory.h"

enum { NAME_SIZE = 16, TREE_ROOM = 1024 * 1024, THREADS = 2 };

static const char even_folder[] = "even";

static void limit(const repo_model *self, bsi_repo_place *place)
{
    place->index_memory_most = self->index_memory_most;
    place->temp_dir = self->temp_dir;
}

void model_start(repo_model *self, uint32_t version)
{
    const bsi_repo_options options = {.version = version, .cost = {.log_n = 1, .r = 1, .p = 1}};
    bsi_repo_place place = {.folder = ""};
    bsi_storage *inner = NULL;

    *self = (repo_model){.temp_dir = -1};
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &inner));
    assert_ok(bsi_storage_faulty_new(inner, &self->faulty));
    bsi_storage_unref(inner);
    place.storage = self->faulty;
    self->index_memory_most = limit_index_memory(&self->temp_dir);
    limit(self, &place);
    assert_ok(bsi_repo_init(&place, NULL, &options, NULL, &self->repo));
    assert_ok(bsi_pool_new(THREADS, &self->pool));
}

void model_end(repo_model *self)
{
    bsi_pool_free(self->pool);
    bsi_repo_close(self->repo);
    bsi_storage_unref(self->faulty);
    if (self->temp_dir >= 0) {
        (void)close(self->temp_dir);
    }
}

int model_setup(void **state)
{
    repo_model *self = bsi_calloc(1, sizeof(*self));

    assert_non_null(self);
    model_start(self, 2);
    *state = self;
    return 0;
}

int model_teardown(void **state)
{
    model_end(*state);
    bsi_free(*state);
    return 0;
}

bsi_prune_options model_prune_options(const repo_model *self)
{
    return (bsi_prune_options){
        .unused = BSI_PRUNE_UNUSED_BYTES,
        .pack_target = MODEL_PACK_TARGET,
        .pool = self->pool,
    };
}

void model_reopen(repo_model *self)
{
    bsi_repo_place place = {.storage = self->faulty, .folder = ""};

    limit(self, &place);
    bsi_repo_close(self->repo);
    self->repo = NULL;
    assert_ok(bsi_repo_open(&place, NULL, NULL, &self->repo));
}

size_t model_content(uint32_t number, uint8_t out[MODEL_FILE_MAX])
{
    const size_t size = 100 + number * 131 % (MODEL_FILE_MAX - 100);
    uint64_t seed = number + 1;

    for (size_t i = 0; i < size; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = number % 3 == 0 ? (uint8_t)(i / 50) : (uint8_t)(seed >> 56);
    }
    bsi_put_le32(out, number);
    return size;
}

bsi_digest model_blob(uint32_t number)
{
    uint8_t bytes[MODEL_FILE_MAX];
    bsi_digest id;

    bsi_sha256_of(bytes, model_content(number, bytes), &id);
    return id;
}

/* --- Trees --- */

static void add_file(bsi_tree_writer *writer, uint32_t number)
{
    uint8_t bytes[MODEL_FILE_MAX];
    char name[NAME_SIZE];
    const bsi_digest content = model_blob(number);
    bsi_node node = {
        .type = BSI_NODE_FILE,
        .mode = 0644,
        .size = model_content(number, bytes),
        .content = &content,
        .content_count = 1,
    };

    (void)snprintf(name, sizeof(name), "f%08u", number);
    node.name = bsi_slice_of(name);
    assert_ok(bsi_tree_writer_add(writer, &node));
}

/* The files whose numbers are odd, or even. */
static void add_files(bsi_tree_writer *writer, model_files files, uint32_t odd)
{
    for (uint32_t i = 0; i < files.count; i++) {
        const uint32_t number = files.first + i * files.step;
        if (number % 2 == odd) {
            add_file(writer, number);
        }
    }
}

static bsi_digest write_even(model_files files, bsi_buf *out)
{
    bsi_tree_writer writer;
    bsi_digest id;

    bsi_buf_init(out, TREE_ROOM);
    assert_ok(bsi_tree_writer_begin(&writer, out));
    add_files(&writer, files, 0);
    assert_ok(bsi_tree_writer_finish(&writer));
    bsi_tree_writer_dispose(&writer);
    bsi_sha256_of(out->data, out->size, &id);
    return id;
}

static bsi_digest write_root(model_files files, const bsi_digest *even, bsi_buf *out)
{
    bsi_node folder = {.type = BSI_NODE_DIR, .subtree = *even, .has_subtree = true};
    bsi_tree_writer writer;
    bsi_digest id;

    folder.mode = bsi_go_mode_from_stat(0040755);
    folder.name = bsi_slice_of(even_folder);
    bsi_buf_init(out, TREE_ROOM);
    assert_ok(bsi_tree_writer_begin(&writer, out));
    assert_ok(bsi_tree_writer_add(&writer, &folder));
    add_files(&writer, files, 1);
    assert_ok(bsi_tree_writer_finish(&writer));
    bsi_tree_writer_dispose(&writer);
    bsi_sha256_of(out->data, out->size, &id);
    return id;
}

void model_trees(model_files files, bsi_digest out[2])
{
    bsi_buf even;
    bsi_buf root;

    out[1] = write_even(files, &even);
    out[0] = write_root(files, &out[1], &root);
    bsi_buf_dispose(&even);
    bsi_buf_dispose(&root);
}

bsi_digest model_tree(model_files files)
{
    bsi_digest trees[2];

    model_trees(files, trees);
    return trees[0];
}

/* --- Backing up --- */

static void save(bsi_repo_writer *writer, bsi_blob_type type, const void *plain, size_t size)
{
    bsi_digest id;

    assert_ok(bsi_repo_writer_save(writer, type, plain, size, &id, NULL));
}

static void save_all(bsi_repo_writer *writer, model_files files)
{
    uint8_t bytes[MODEL_FILE_MAX];
    bsi_buf even;
    bsi_buf root;
    const bsi_digest even_id = write_even(files, &even);

    for (uint32_t i = 0; i < files.count; i++) {
        save(writer, BSI_BLOB_DATA, bytes, model_content(files.first + i * files.step, bytes));
    }
    (void)write_root(files, &even_id, &root);
    save(writer, BSI_BLOB_TREE, even.data, even.size);
    save(writer, BSI_BLOB_TREE, root.data, root.size);
    bsi_buf_dispose(&even);
    bsi_buf_dispose(&root);
}

bsi_digest model_backup(repo_model *self, model_files files, bool blind)
{
    static const bsi_save_options options = {.pack_target = MODEL_PACK_TARGET};
    bsi_slice paths = bsi_slice_of("/model");
    bsi_snapshot snapshot = {.time = bsi_go_time_now(), .paths = {&paths, 1}};
    bsi_repo_index *index = NULL;
    bsi_repo_writer *writer = NULL;
    bsi_digest id;

    assert_ok(bsi_repo_index_new(&index));
    assert_ok(blind ? BS_OK : bsi_repo_index_load(self->repo, NULL, NULL, index));
    assert_ok(bsi_repo_writer_new(self->repo, index, self->pool, NULL, &options, &writer));
    save_all(writer, files);
    assert_ok(bsi_repo_writer_finish(writer));
    bsi_repo_writer_free(writer);
    bsi_repo_index_free(index);
    snapshot.tree = (bsi_snapshot_id){true, model_tree(files)};
    assert_ok(bsi_snapshot_save(self->repo, NULL, &snapshot, &id));
    return id;
}

void model_forget(repo_model *self, const bsi_digest *snapshot)
{
    assert_ok(bsi_repo_remove(self->repo, NULL, BSI_REPO_SNAPSHOTS, snapshot));
}

/* --- Looking --- */

static bs_status read_all(bsi_blob_reader *reader, model_files files)
{
    uint8_t bytes[MODEL_FILE_MAX];
    bsi_buf even;
    bsi_digest id = write_even(files, &even);
    bsi_slice plain = {0};
    bs_status status = BS_OK;

    bsi_buf_dispose(&even);
    BSI_TRY(bsi_blob_reader_read(reader, NULL, BSI_BLOB_TREE, &id, &plain));
    for (uint32_t i = 0; status == BS_OK && i < files.count; i++) {
        const uint32_t number = files.first + i * files.step;
        const size_t size = model_content(number, bytes);
        id = model_blob(number);
        status = bsi_blob_reader_read(reader, NULL, BSI_BLOB_DATA, &id, &plain);
        if (status == BS_OK) {
            assert_int_equal(plain.size, size);
            assert_memory_equal(plain.data, bytes, size);
        }
    }
    return status;
}

static void pass_over(void *user, bsi_slice subject, const bs_error *error)
{
    (void)user;
    (void)subject;
    (void)error;
}

bs_status model_restore(repo_model *self, const bsi_digest *snapshot, model_files files)
{
    const bsi_warn warn = {.report = pass_over};
    const bsi_index_load_options loading = {.damaged = &warn};
    const bsi_digest expected = model_tree(files);
    bsi_repo_index *index = NULL;
    bsi_blob_reader *reader = NULL;
    bsi_digest tree;
    bsi_slice plain = {0};
    bs_status status = BS_OK;

    BSI_TRY(bsi_snapshot_load_tree(self->repo, NULL, snapshot, &tree));
    assert_true(bsi_digest_equal(&tree, &expected));
    assert_ok(bsi_repo_index_new(&index));
    assert_ok(bsi_repo_index_load(self->repo, NULL, &loading, index));
    assert_ok(bsi_blob_reader_new(self->repo, index, &reader));
    status = bsi_blob_reader_read(reader, NULL, BSI_BLOB_TREE, &tree, &plain);
    if (status == BS_OK) {
        status = read_all(reader, files);
    }
    bsi_blob_reader_free(reader);
    bsi_repo_index_free(index);
    return status;
}

static void print_finding(void *user, const bsi_check_finding *finding)
{
    (void)user;
    if (!finding->is_note) {
        print_error("%.*s: %s\n", (int)finding->path.size,
                    finding->path.size > 0 ? finding->path.data : "", finding->text);
    }
}

bsi_check_report model_check(repo_model *self)
{
    const bsi_check_options options = {.read_data = true, .found = print_finding};
    bsi_check_report report;

    assert_ok(bsi_repo_check(self->repo, NULL, &options, &report));
    assert_int_equal(report.errors, 0);
    return report;
}

bsi_blob_place model_place(repo_model *self, bsi_blob_type type, const bsi_digest *id)
{
    bsi_repo_index *index = NULL;
    bsi_blob_place place = {0};

    assert_ok(bsi_repo_index_new(&index));
    assert_ok(bsi_repo_index_load(self->repo, NULL, NULL, index));
    assert_ok(bsi_repo_index_find(index, type, id, 0, &place));
    bsi_repo_index_free(index);
    return place;
}

bsi_digest model_pack(repo_model *self, uint32_t number)
{
    const bsi_digest id = model_blob(number);

    return model_place(self, BSI_BLOB_DATA, &id).pack;
}

size_t model_count(repo_model *self, bsi_repo_kind kind)
{
    bsi_repo_files files = {0};
    size_t count = 0;

    assert_ok(bsi_repo_list(self->repo, NULL, kind, &files));
    count = files.count;
    bsi_repo_files_dispose(&files);
    return count;
}

uint64_t model_bytes(repo_model *self, bsi_repo_kind kind)
{
    bsi_repo_files files = {0};
    uint64_t bytes = 0;

    assert_ok(bsi_repo_list(self->repo, NULL, kind, &files));
    for (size_t i = 0; i < files.count; i++) {
        bytes += files.items[i].size;
    }
    bsi_repo_files_dispose(&files);
    return bytes;
}
