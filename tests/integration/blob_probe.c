/* SPDX-License-Identifier: MIT */
/*
 * Blobs of a repository from the command line, for tests beside the restic program:
 *
 *     blob_probe PATH init VERSION
 *     blob_probe PATH store THREADS FILE...
 *     blob_probe PATH read
 *
 * `init` makes a repository whose key costs nothing to open. `store` makes a snapshot of regular
 * files, as one directory, and prints its id and how many blobs were new, of data and of trees, and
 * how many packs that made. `read` reads every pack's header and every blob, compares them with the
 * index, and prints how many packs and blobs there are. The pass phrase is in RESTIC_PASSWORD.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunk/chunker.h"
#include "repo/index_load.h"
#include "repo/pack.h"
#include "repo/reader.h"
#include "repo/save.h"
#include "repo/snapshot.h"
#include "repo/tree.h"

enum { FILE_MAX = 128 * 1024 * 1024, TREE_MAX = 1024 * 1024, CHUNKS_MAX = 256 };

typedef struct probe {
    bsi_repo *repo;
    bsi_repo_index *index;
    bsi_pool *pool;
    bsi_repo_writer *writer;
    bsi_chunker chunker;
    bsi_buf tree;
    bsi_tree_writer nodes;
} probe;

/* --- Storing --- */

typedef struct stored_file {
    uint8_t *bytes;
    size_t size;
    bsi_digest ids[CHUNKS_MAX];
    size_t count;
    bsi_latch latch;
} stored_file;

typedef struct chunk_item {
    bsi_save_item item; /* First: the one is found by the other. */
    bsi_latch *latch;
} chunk_item;

static bs_status read_file(const char *path, stored_file *file)
{
    FILE *stream = fopen(path, "re");

    file->bytes = malloc(FILE_MAX);
    if (!stream || !file->bytes) {
        return bsi_fail(BS_LAYER_SOURCE, BS_E_IO, "'%s' can not be read", path);
    }
    file->size = fread(file->bytes, 1, FILE_MAX, stream);
    (void)fclose(stream);
    return BS_OK;
}

static void note_done(bsi_save_item *item)
{
    bsi_latch_done(((chunk_item *)(void *)item)->latch);
}

static bs_status store_chunks(probe *self, stored_file *file, chunk_item *items)
{
    bs_status status = BS_OK;
    size_t at = 0;

    while (at < file->size && file->count < CHUNKS_MAX) {
        const size_t left = file->size - at;
        const size_t cut = bsi_chunk_length(&self->chunker, file->bytes + at, left, 0);
        chunk_item *chunk = &items[file->count++];

        chunk->latch = &file->latch;
        chunk->item = (bsi_save_item){.type = BSI_BLOB_DATA,
                                      .plain = file->bytes + at,
                                      .size = cut > 0 ? cut : left,
                                      .done = note_done};
        at += chunk->item.size;
        bsi_latch_add(&file->latch);
        bsi_repo_writer_submit(self->writer, &chunk->item);
    }
    bsi_latch_wait(&file->latch, 0);
    for (size_t i = 0; i < file->count && status == BS_OK; i++) {
        file->ids[i] = items[i].item.id;
        status = items[i].item.status;
    }
    return status;
}

static bs_status add_node(probe *self, const char *path, const stored_file *file)
{
    const char *slash = strrchr(path, '/');
    const bsi_go_time time = {1600000000, 5, 0};
    const bsi_node node = {.name = bsi_slice_of(slash ? slash + 1 : path),
                           .type = BSI_NODE_FILE,
                           .mode = bsi_go_mode_from_stat(0100644),
                           .mtime = time,
                           .atime = time,
                           .ctime = time,
                           .size = file->size,
                           .links = 1,
                           .content = file->ids,
                           .content_count = file->count,
                           .has_content = true};

    return bsi_tree_writer_add(&self->nodes, &node);
}

static bs_status store_file(probe *self, const char *path)
{
    stored_file *file = calloc(1, sizeof(*file));
    chunk_item *items = calloc(CHUNKS_MAX, sizeof(*items));
    bs_status status = file && items ? read_file(path, file) : BS_E_NOMEM;

    if (status == BS_OK) {
        bsi_latch_init(&file->latch);
        status = store_chunks(self, file, items);
        bsi_latch_dispose(&file->latch);
    }
    if (status == BS_OK) {
        status = add_node(self, path, file);
    }
    if (file) {
        free(file->bytes);
    }
    free(file);
    free(items);
    return status;
}

static bs_status save_snapshot(probe *self, const bsi_digest *tree)
{
    const bsi_slice path = bsi_slice_of("/made/by/probe");
    const bsi_snapshot snapshot = {.time = {1600000000, 0, 0},
                                   .tree = {true, *tree},
                                   .paths = {&path, 1},
                                   .hostname = bsi_slice_of("probe"),
                                   .username = bsi_slice_of("nobody")};
    char digits[2 * BSI_SHA256_SIZE + 1];
    bsi_digest id;
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, BSI_SNAPSHOT_MAX);
    status = bsi_snapshot_write(&snapshot, &text);
    if (status == BS_OK) {
        status = bsi_repo_save(self->repo, NULL, BSI_REPO_SNAPSHOTS,
                               (bsi_slice){(char *)text.data, text.size}, &id);
    }
    if (status == BS_OK) {
        bsi_digest_format(&id, digits);
        (void)printf("%s", digits);
    }
    bsi_buf_dispose(&text);
    return status;
}

static bs_status store_files(probe *self, char **paths, size_t count)
{
    bsi_digest tree;

    BSI_TRY(bsi_chunker_init(&self->chunker, bsi_repo_config_of(self->repo)->polynomial));
    BSI_TRY(bsi_tree_writer_begin(&self->nodes, &self->tree));
    for (size_t i = 0; i < count; i++) {
        BSI_TRY(store_file(self, paths[i]));
    }
    BSI_TRY(bsi_tree_writer_finish(&self->nodes));
    BSI_TRY(bsi_repo_writer_save(self->writer, BSI_BLOB_TREE, self->tree.data, self->tree.size,
                                 &tree, NULL));
    BSI_TRY(bsi_repo_writer_finish(self->writer));
    return save_snapshot(self, &tree);
}

static bs_status store(probe *self, unsigned threads, char **paths, size_t count)
{
    const bsi_save_options options = {.pack_target = BSI_PACK_TARGET_MIN};
    bsi_save_stats stats;
    bs_status status = bsi_pool_new(threads, &self->pool);

    bsi_buf_init(&self->tree, TREE_MAX);
    if (status == BS_OK) {
        status =
            bsi_repo_writer_new(self->repo, self->index, self->pool, NULL, &options, &self->writer);
    }
    if (status == BS_OK) {
        status = store_files(self, paths, count);
        bsi_tree_writer_dispose(&self->nodes);
    }
    if (status == BS_OK) {
        bsi_repo_writer_stats(self->writer, &stats);
        (void)printf(" %llu %llu %llu\n", (unsigned long long)stats.data_blobs,
                     (unsigned long long)stats.tree_blobs, (unsigned long long)stats.packs);
    }
    bsi_repo_writer_free(self->writer);
    bsi_pool_free(self->pool);
    bsi_buf_dispose(&self->tree);
    return status;
}

/* --- Reading --- */

static bool are_same(const bsi_blob_list *a, const bsi_blob_list *b)
{
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++) {
        const bsi_blob *left = &a->items[i];
        const bsi_blob *right = &b->items[i];
        same = bsi_digest_equal(&left->id, &right->id) && left->type == right->type &&
               left->offset == right->offset && left->size == right->size &&
               left->plain_size == right->plain_size;
    }
    return same;
}

static bs_status check_header(const probe *self, const bsi_digest *id, const bsi_blob_list *blobs)
{
    char key[BSI_REPO_KEY_SIZE];
    const bsi_pack_object pack = {bsi_repo_storage(self->repo), key, *id};
    bsi_blob_list listed = {0};
    bs_status status = BS_OK;

    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, id, key);
    status = bsi_pack_load_header(&pack, NULL, bsi_repo_master_key(self->repo),
                                  bsi_repo_config_of(self->repo)->version, &listed);
    if (status == BS_OK && !are_same(&listed, blobs)) {
        status = bsi_fail(BS_LAYER_STORAGE, BS_E_CORRUPT, "'%s' is not as the index has it", key);
    }
    bsi_blob_list_dispose(&listed);
    return status;
}

static bs_status read_pack(const probe *self, bsi_blob_reader *reader, const bsi_digest *id,
                           const bsi_blob_list *blobs)
{
    bs_status status = check_header(self, id, blobs);

    for (size_t i = 0; status == BS_OK && i < blobs->count; i++) {
        const bsi_blob_place place = {.pack = *id, .blob = blobs->items[i]};
        bsi_slice plain = {0};
        status = bsi_blob_reader_read_at(reader, NULL, &place, &plain);
    }
    return status;
}

static bs_status read_all(const probe *self)
{
    const uint32_t end = bsi_repo_index_pack_end(self->index);
    bsi_repo_index_stats stats;
    bsi_blob_reader *reader = NULL;
    bsi_blob_list blobs = {0};
    bs_status status = bsi_blob_reader_new(self->repo, self->index, &reader);

    for (uint32_t i = 0; status == BS_OK && i < end; i++) {
        bsi_digest id;
        status = bsi_repo_index_pack(self->index, i, &id, &blobs);
        status = status == BS_OK ? read_pack(self, reader, &id, &blobs) : BS_OK;
    }
    bsi_repo_index_get_stats(self->index, &stats);
    (void)printf("%llu %llu\n", (unsigned long long)stats.packs, (unsigned long long)stats.blobs);
    bsi_blob_list_dispose(&blobs);
    bsi_blob_reader_free(reader);
    return status;
}

/* --- The command line --- */

/* Opened, or made when there is a version. */
static bs_status open_repo(const char *path, const char *version, bsi_repo **out)
{
    const bsi_setting setting = {"path", path};
    const char *password = getenv("RESTIC_PASSWORD");
    const bsi_repo_options cheap = {.version = version ? (uint32_t)strtoul(version, NULL, 10) : 0,
                                    .cost = {.log_n = 1, .r = 1, .p = 1}};
    bsi_repo_place place = {.folder = ""};
    bsi_secret *secret = NULL;
    bs_status status = BS_OK;

    BSI_TRY(bsi_storage_open("local", &setting, 1, NULL, &place.storage));
    if (password && *password) {
        status = bsi_secret_copy(password, strlen(password), &secret);
    }
    if (status == BS_OK) {
        status = version ? bsi_repo_init(&place, NULL, &cheap, secret, out)
                         : bsi_repo_open(&place, NULL, secret, out);
    }
    bsi_secret_free(secret);
    bsi_storage_unref(place.storage);
    return status;
}

static bs_status run(probe *self, int argc, char **argv)
{
    if (strcmp(argv[2], "init") == 0 && argc > 3) {
        return open_repo(argv[1], argv[3], &self->repo);
    }
    BSI_TRY(open_repo(argv[1], NULL, &self->repo));
    BSI_TRY(bsi_repo_index_new(&self->index));
    BSI_TRY(bsi_repo_index_load(self->repo, NULL, NULL, self->index));
    if (strcmp(argv[2], "store") == 0 && argc > 4) {
        return store(self, (unsigned)strtoul(argv[3], NULL, 10), argv + 4, (size_t)argc - 4);
    }
    return read_all(self);
}

int main(int argc, char **argv)
{
    probe self = {0};
    bs_status status = BS_OK;

    if (argc < 3) {
        return 2;
    }
    status = run(&self, argc, argv);
    if (status < 0) {
        (void)printf("%s: %s\n", bs_status_name(status), bs_error_last()->message);
    }
    bsi_repo_index_free(self.index);
    bsi_repo_close(self.repo);
    return status < 0 ? 1 : 0;
}
