/* SPDX-License-Identifier: MIT */
/*
 * Makes a repository large for the figures of performance.md:
 *     bench-large DIRECTORY [BLOBS [BLOBS-OF-A-PACK]]
 * The one in the directory, which the pass phrase in ENCRYPTION_KEY opens, gets index files as
 * restic writes them that tell of so many blobs, packs that are as long as they say and hold
 * nothing, and a snapshot of "/made" whose trees are real and need nine packs of ten. So all can
 * be read of it but the content of files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "made.h"
#include "repo/index_file.h"
#include "repo/pack.h"
#include "repo/save.h"
#include "repo/snapshot.h"
#include "repo/tree.h"

enum {
    UNNEEDED_OF = 10, /* One pack of so many is needed by nobody. */
    FILE_BLOBS = 200,
    FOLDER_FILES = 50,
    NAME_SIZE = 24,
    TREE_TEXT_MAX = 512 * 1024 * 1024,
    THREADS = 2,
};

typedef struct maker {
    const char *directory;
    uint64_t blobs;
    uint64_t per_pack;
    bsi_repo *repo;
    bsi_index_writer file;
    bsi_blob_list list;
    bsi_repo_writer *writer;
    bsi_tree_writer root;
    bsi_buf text;   /* Of a folder. */
    uint64_t files; /* In trees so far. */
} maker;

/* --- Packs and their index --- */

static bs_status failed(const char *path)
{
    return bsi_fail(BS_LAYER_STORAGE, BS_E_IO, "'%s' cannot be made: errno %d", path, errno);
}

/* All of it is a hole: it takes no room on the disk. */
static bs_status make_pack(const maker *self, const bsi_digest *pack)
{
    char key[BSI_REPO_KEY_SIZE];
    char path[BSI_REPO_KEY_SIZE + 1024];
    char *name = NULL;
    int fd = -1;
    bs_status status = BS_OK;

    bsi_repo_object_key(self->repo, BSI_REPO_PACKS, pack, key);
    (void)snprintf(path, sizeof(path), "%s/%s", self->directory, key);
    name = strrchr(path, '/');
    *name = '\0';
    (void)mkdir(path, 0700); /* There already, or the file cannot be made. */
    *name = '/';
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)bsi_pack_size(&self->list)) < 0) {
        status = failed(path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static bs_status store_index(maker *self)
{
    bsi_digest id;

    BSI_TRY(bsi_index_writer_finish(&self->file));
    BSI_TRY(bsi_repo_save(self->repo, NULL, BSI_REPO_INDEX, bsi_buf_slice(&self->file.text), &id));
    bsi_index_writer_clear(&self->file);
    return BS_OK;
}

static bs_status add_pack(maker *self, uint64_t first)
{
    const bsi_digest pack = made_id(self->blobs + first);

    BSI_TRY(made_pack(first, self->per_pack, BSI_BLOB_DATA, &self->list));
    BSI_TRY(make_pack(self, &pack));
    return bsi_index_writer_add(&self->file, &pack, &self->list);
}

static bs_status make_packs(maker *self)
{
    bs_status status = BS_OK;

    for (uint64_t i = 0; status == BS_OK && i < self->blobs; i += self->per_pack) {
        status = add_pack(self, i);
        if (status == BS_OK && self->file.blobs >= BSI_INDEX_FILE_BLOBS) {
            status = store_index(self);
        }
    }
    return status == BS_OK && self->file.blobs > 0 ? store_index(self) : status;
}

/* --- A snapshot that needs them --- */

static bs_status add_file(maker *self, bsi_tree_writer *tree, const bsi_digest *content,
                          size_t count)
{
    char name[NAME_SIZE];
    const bsi_node node = {
        .name = {name, (size_t)snprintf(name, sizeof(name), "file-%010llu",
                                        (unsigned long long)self->files++)},
        .type = BSI_NODE_FILE,
        .mode = 0600,
        .size = (uint64_t)count * 2 * MADE_SIZE,
        .links = 1,
        .content = content,
        .content_count = count,
    };

    return bsi_tree_writer_add(tree, &node);
}

static bs_status add_folder(maker *self)
{
    bsi_node node = {.type = BSI_NODE_DIR, .mode = UINT32_C(1) << 31 | 0700, .has_subtree = true};
    char name[NAME_SIZE];

    node.name = (bsi_slice){name, (size_t)snprintf(name, sizeof(name), "folder-%010llu",
                                                   (unsigned long long)self->files)};
    BSI_TRY(bsi_repo_writer_save(self->writer, BSI_BLOB_TREE, self->text.data, self->text.size,
                                 &node.subtree, NULL));
    return bsi_tree_writer_add(&self->root, &node);
}

/* A folder of files that have the blobs from *next on. */
static bs_status fill_folder(maker *self, bsi_tree_writer *tree, uint64_t *next)
{
    static bsi_digest content[FILE_BLOBS];

    for (int i = 0; i < FOLDER_FILES && *next < self->blobs; i++) {
        size_t count = 0;
        for (; count < FILE_BLOBS && *next < self->blobs; ++*next) {
            content[count] = made_id(*next);
            count += *next / self->per_pack % UNNEEDED_OF > 0;
        }
        BSI_TRY(add_file(self, tree, content, count));
    }
    return BS_OK;
}

static bs_status make_folder(maker *self, uint64_t *next)
{
    bsi_tree_writer tree = {0};
    bs_status status = BS_OK;

    bsi_buf_clear(&self->text);
    status = bsi_tree_writer_begin(&tree, &self->text);
    if (status == BS_OK) {
        status = fill_folder(self, &tree, next);
    }
    if (status == BS_OK) {
        status = bsi_tree_writer_finish(&tree);
    }
    bsi_tree_writer_dispose(&tree);
    return status < 0 ? status : add_folder(self);
}

static bs_status make_trees(maker *self, bsi_buf *text, bsi_digest *root_out)
{
    BSI_TRY(bsi_tree_writer_begin(&self->root, text));
    for (uint64_t next = 0; next < self->blobs;) {
        BSI_TRY(make_folder(self, &next));
    }
    BSI_TRY(bsi_tree_writer_finish(&self->root));
    BSI_TRY(
        bsi_repo_writer_save(self->writer, BSI_BLOB_TREE, text->data, text->size, root_out, NULL));
    return bsi_repo_writer_finish(self->writer);
}

static bs_status make_snapshot(maker *self)
{
    const bsi_slice path = bsi_slice_of("/made");
    bsi_snapshot snapshot = {.time = bsi_go_time_now(),
                             .tree = {.given = true},
                             .paths = {&path, 1},
                             .hostname = bsi_slice_of("bench"),
                             .username = bsi_slice_of("bench")};
    bsi_digest id;
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, TREE_TEXT_MAX);
    status = make_trees(self, &text, &snapshot.tree.digest);
    bsi_buf_clear(&text);
    if (status == BS_OK) {
        status = bsi_snapshot_write(&snapshot, &text);
    }
    if (status == BS_OK) {
        status = bsi_repo_save(self->repo, NULL, BSI_REPO_SNAPSHOTS, bsi_buf_slice(&text), &id);
    }
    bsi_buf_dispose(&text);
    return status;
}

/* The writer has an index of its own: what the repository holds besides does not matter to it. */
static bs_status make_needs(maker *self)
{
    bsi_repo_index *index = NULL;
    bsi_pool *pool = NULL;
    bs_status status = bsi_repo_index_new(&index);

    if (status == BS_OK) {
        status = bsi_pool_new(THREADS, &pool);
    }
    if (status == BS_OK) {
        status = bsi_repo_writer_new(self->repo, index, pool, NULL, NULL, &self->writer);
    }
    if (status == BS_OK) {
        status = make_snapshot(self);
    }
    bsi_repo_writer_free(self->writer);
    bsi_pool_free(pool);
    bsi_repo_index_free(index);
    return status;
}

/* --- The program --- */

static bs_status open_repository(maker *self, const char *phrase)
{
    const bsi_setting setting = {"path", self->directory};
    bsi_repo_place place = {.folder = ""};
    bsi_secret *password = NULL;
    bs_status status = bsi_storage_open("local", &setting, 1, NULL, &place.storage);

    if (status == BS_OK) {
        status = bsi_secret_copy(phrase, strlen(phrase), &password);
    }
    if (status == BS_OK) {
        status = bsi_repo_open(&place, NULL, password, &self->repo);
    }
    bsi_secret_free(password);
    bsi_storage_unref(place.storage);
    return status;
}

static bs_status make(maker *self, const char *phrase)
{
    BSI_TRY(open_repository(self, phrase));
    BSI_TRY(make_packs(self));
    return make_needs(self);
}

int main(int argc, char **argv)
{
    const char *phrase = getenv("ENCRYPTION_KEY");
    maker self = {
        .directory = argc > 1 ? argv[1] : NULL,
        .blobs = argc > 2 ? strtoull(argv[2], NULL, 10) : MADE_BLOBS,
        .per_pack = argc > 3 ? strtoull(argv[3], NULL, 10) : MADE_PER_PACK,
    };
    bs_status status = BS_OK;

    if (!self.directory || !phrase || self.blobs == 0 || !made_fits(self.per_pack)) {
        (void)fprintf(stderr, "usage: ENCRYPTION_KEY=... %s DIRECTORY [BLOBS [BLOBS-OF-A-PACK]]\n",
                      argv[0]);
        return 2;
    }
    bsi_index_writer_init(&self.file);
    bsi_buf_init(&self.text, TREE_TEXT_MAX);
    status = make(&self, phrase);
    bsi_tree_writer_dispose(&self.root);
    bsi_buf_dispose(&self.text);
    bsi_blob_list_dispose(&self.list);
    bsi_index_writer_dispose(&self.file);
    bsi_repo_close(self.repo);
    if (status < 0) {
        (void)fprintf(stderr, "%s\n", bs_error_last()->message);
        return 1;
    }
    return 0;
}
