/* SPDX-License-Identifier: MIT */
/* Backups into a repository under a storage that fails, without memory, and of what changes. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/random.h"
#include "repo/index_load.h"
#include "repo/reader.h"
#include "repo/snapshot.h"
#include "repo/tree.h"
#include "storage/decorators/faulty.h"
#include "support/tempdir.h"
#include "support/tree.h"
#include "vault/repository/backup.h"

enum { MIB = 1024 * 1024 };

typedef struct fixture {
    test_dir *dir;
    char source[300];
    bsi_storage *faulty;
    bsi_vault_env env;
    bsi_progress progress;
    bsi_warn warn;
    atomic_uint warnings;
    bsi_cancel cancel;
    bs_call call;
    uint64_t max_file_size;
    bool skip_special;
} fixture;

static void count_warning(void *user, bsi_slice path, const bs_error *error)
{
    fixture *self = user;

    print_message("# warning: %.*s: %s\n", (int)path.size, path.data, error->message);
    atomic_fetch_add(&self->warnings, 1);
}

static void new_storage(fixture *self)
{
    bsi_storage *inner = NULL;

    bsi_storage_unref(self->faulty);
    assert_ok(bsi_storage_open("mem", NULL, 0, NULL, &inner));
    assert_ok(bsi_storage_faulty_new(inner, &self->faulty));
    bsi_storage_unref(inner);
    self->env.storage = self->faulty;
}

static int setup(void **state)
{
    fixture *self = calloc(1, sizeof(*self));
    void *dir = NULL;

    assert_non_null(self);
    assert_int_equal(test_dir_setup(&dir), 0);
    self->dir = dir;
    (void)snprintf(self->source, sizeof(self->source), "%s/source", self->dir->path);
    assert_int_equal(mkdir(self->source, 0755), 0);
    self->warn = (bsi_warn){count_warning, self};
    self->call.cancel = &self->cancel;
    self->env = (bsi_vault_env){.temp_dir = self->dir->fd,
                                .warn = &self->warn,
                                .progress = &self->progress,
                                .call = &self->call};
    assert_ok(bsi_pool_new(2, &self->env.pool));
    new_storage(self);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    fixture *self = *state;
    void *dir = self->dir;

    bsi_alloc_fail_after(-1);
    bsi_pool_free(self->env.pool);
    bsi_storage_unref(self->faulty);
    tree_remove(self->source);
    (void)test_dir_teardown(&dir);
    free(self);
    return 0;
}

static const char *at(const fixture *self, const char *name)
{
    static char path[600];

    (void)snprintf(path, sizeof(path), "%s/%s", self->source, name);
    return path;
}

static bs_status back_up(fixture *self, const char *base, bsi_backup_result *out)
{
    const char *const roots[] = {self->source, NULL};
    char id[BS_ID_SIZE];
    const bsi_backup_plan plan = {.id = id,
                                  .name = "home",
                                  .kind = base ? BSI_KIND_INCREMENTAL : BSI_KIND_FULL,
                                  .compression = "zstd",
                                  .created_at = bsi_now(),
                                  .started_at = bsi_now(),
                                  .note = "",
                                  .metadata = "{}",
                                  .options = "{}",
                                  .source_paths = roots,
                                  .walk = {.roots = roots, .root_count = 1},
                                  .base_manifest_key = base,
                                  .cost = {.log_n = 1},
                                  .skip_special = self->skip_special,
                                  .max_file_size = self->max_file_size};

    assert_ok(bsi_new_id(id));
    atomic_store(&self->warnings, 0);
    *out = (bsi_backup_result){0};
    return bsi_repository_form_backup(&self->env, &plan, out);
}

/* --- What lies on the storage --- */

typedef struct found {
    bsi_repo *repo;
    bsi_repo_index *index;
    bsi_blob_reader *reader;
    uint64_t files;
    uint64_t bytes;
} found;

static void look(fixture *self, found *out)
{
    const bsi_repo_place place = {.storage = self->faulty, .folder = ""};

    *out = (found){.files = 0};
    assert_ok(bsi_repo_open(&place, NULL, NULL, &out->repo));
    assert_ok(bsi_repo_index_new(&out->index));
    assert_ok(bsi_repo_index_load(out->repo, NULL, NULL, out->index));
    assert_ok(bsi_blob_reader_new(out->repo, out->index, &out->reader));
}

static void look_away(found *self)
{
    bsi_blob_reader_free(self->reader);
    bsi_repo_index_free(self->index);
    bsi_repo_close(self->repo);
}

static size_t count_snapshots(fixture *self)
{
    bsi_repo_files files = {0};
    size_t count = 0;
    found seen;

    look(self, &seen);
    assert_ok(bsi_repo_list(seen.repo, NULL, BSI_REPO_SNAPSHOTS, &files));
    count = files.count;
    bsi_repo_files_dispose(&files);
    assert_ok(bsi_repo_list(seen.repo, NULL, BSI_REPO_LOCKS, &files));
    assert_int_equal(files.count, 0);
    bsi_repo_files_dispose(&files);
    look_away(&seen);
    return count;
}

/* A file's blobs are there, and are its bytes now. */
static void check_file(found *self, const char *path, const bsi_node *node)
{
    FILE *file = fopen(path, "rb");
    uint64_t size = 0;

    assert_non_null(file);
    for (size_t i = 0; i < node->content_count; i++) {
        bsi_slice plain = {0};
        char *bytes = NULL;
        assert_ok(
            bsi_blob_reader_read(self->reader, NULL, BSI_BLOB_DATA, &node->content[i], &plain));
        bytes = malloc(plain.size);
        assert_non_null(bytes);
        assert_int_equal(fread(bytes, 1, plain.size, file), plain.size);
        assert_memory_equal(bytes, plain.data, plain.size);
        free(bytes);
        size += plain.size;
    }
    assert_int_equal(fgetc(file), EOF);
    (void)fclose(file);
    assert_int_equal(node->size, size);
    self->files++;
    self->bytes += size;
}

static void check_tree(found *self, const char *path, const bsi_digest *id)
{
    bsi_tree_reader reader;
    bsi_slice text = {0};
    bsi_node node;
    bsi_buf copy;

    bsi_buf_init(&copy, 16 * MIB);
    assert_ok(bsi_blob_reader_read(self->reader, NULL, BSI_BLOB_TREE, id, &text));
    assert_ok(bsi_buf_append(&copy, text.data, text.size));
    bsi_tree_reader_init(&reader, copy.data, copy.size);
    while (bsi_tree_reader_next(&reader, &node) == BS_OK) {
        char inner[1200];
        (void)snprintf(inner, sizeof(inner), "%s/%.*s", path, (int)node.name.size, node.name.data);
        if (node.type == BSI_NODE_DIR) {
            check_tree(self, inner, &node.subtree);
        } else if (node.type == BSI_NODE_FILE) {
            check_file(self, inner, &node);
        }
    }
    bsi_tree_reader_dispose(&reader);
    bsi_buf_dispose(&copy);
}

/* Everything that the snapshot tells of is there and right. */
static void check_snapshot(fixture *self, const bsi_backup_result *result)
{
    bsi_snapshot snapshot;
    bsi_digest id = result->manifest_sha256;
    bsi_buf text;
    found seen;

    look(self, &seen);
    bsi_buf_init(&text, BSI_SNAPSHOT_MAX);
    assert_ok(bsi_repo_load(seen.repo, NULL, BSI_REPO_SNAPSHOTS, &id, &text));
    assert_ok(bsi_snapshot_parse((bsi_slice){(const char *)text.data, text.size}, &snapshot));
    check_tree(&seen, "", &snapshot.tree.digest);
    assert_int_equal(seen.files, result->files);
    assert_int_equal(seen.bytes, result->bytes);
    bsi_snapshot_dispose(&snapshot);
    bsi_buf_dispose(&text);
    look_away(&seen);
}

/* --- Tests --- */

static void make_tree(const fixture *self)
{
    assert_int_equal(mkdir(at(self, "dir"), 0755), 0);
    assert_int_equal(mkdir(at(self, "dir/empty"), 0755), 0);
    tree_write(at(self, "dir/a"), 1000, 1);
    tree_write(at(self, "dir/b"), 700 * 1000, 2);
    tree_write(at(self, "large"), 9 * MIB + 1, 3);
    assert_int_equal(symlink("dir", at(self, "link")), 0);
}

static void a_backup_is_complete_and_counted(void **state)
{
    fixture *self = *state;
    bsi_backup_result result;

    make_tree(self);
    assert_ok(back_up(self, NULL, &result));
    assert_int_equal(result.files, 3);
    assert_int_equal(result.bytes, 1000 + 700 * 1000 + 9 * MIB + 1);
    assert_string_equal(result.container_key, result.manifest_key);
    assert_int_equal(result.needs_count, 0);
    assert_int_equal(atomic_load(&self->progress.files_done), 3);
    assert_int_equal(atomic_load(&self->progress.files_total), 3);
    assert_int_equal(atomic_load(&self->progress.bytes_done), result.bytes);
    assert_int_equal(atomic_load(&self->progress.bytes_total), result.bytes);
    check_snapshot(self, &result);
    bsi_backup_result_dispose(&result);
}

static void what_is_not_wanted_is_left_out(void **state)
{
    fixture *self = *state;
    bsi_backup_result result;

    make_tree(self);
    assert_int_equal(mkfifo(at(self, "fifo"), 0600), 0);
    self->skip_special = true;
    self->max_file_size = 800 * 1000;
    assert_status(back_up(self, NULL, &result), BS_PARTIAL);
    assert_int_equal(atomic_load(&self->warnings), 1);
    assert_int_equal(result.files, 2);
    check_snapshot(self, &result);
    bsi_backup_result_dispose(&result);
}

static void a_failing_storage_leaves_no_snapshot(void **state)
{
    fixture *self = *state;
    bsi_backup_result first;
    bs_status status = BS_E_NO_SPACE;
    uint64_t failures = 0;

    make_tree(self);
    assert_ok(back_up(self, NULL, &first));
    for (uint64_t n = 1; status == BS_E_NO_SPACE; n++) {
        const bsi_faulty_plan plan = {.op_mask = BSI_FAULTY_COMMIT, .at = n, .code = BS_E_NO_SPACE};
        const size_t before = count_snapshots(self);
        bsi_backup_result result;

        tree_write(at(self, "new"), 600 * 1000, 100 + n);
        bsi_storage_faulty_set(self->faulty, &plan);
        status = back_up(self, first.manifest_key, &result);
        bsi_storage_faulty_set(self->faulty, NULL);
        assert_int_equal(count_snapshots(self), before + (status >= 0));
        bsi_backup_result_dispose(&result);
        failures += status < 0;
        assert_ok(back_up(self, first.manifest_key, &result));
        check_snapshot(self, &result);
        bsi_backup_result_dispose(&result);
    }
    assert_ok(status);
    assert_int_equal(failures, 5); /* Lock, packs of data and of trees, index, snapshot. */
    bsi_backup_result_dispose(&first);
}

static void missing_memory_is_told_and_survived(void **state)
{
    fixture *self = *state;
    bsi_backup_result first;
    bs_status status = BS_E_NOMEM;

    make_tree(self);
    assert_ok(back_up(self, NULL, &first));
    for (long n = 0; status == BS_E_NOMEM; n += 1 + n / 3) {
        const size_t before = count_snapshots(self);
        bsi_backup_result result;

        bsi_alloc_fail_after(n);
        status = back_up(self, first.manifest_key, &result);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_E_NOMEM || status >= 0);
        bsi_backup_result_dispose(&result);
        assert_int_equal(count_snapshots(self), before + (status >= 0));
    }
    assert_ok(status);
    bsi_backup_result_dispose(&first);
}

static void a_cancelled_run_leaves_no_snapshot(void **state)
{
    fixture *self = *state;
    bsi_backup_result result;

    make_tree(self);
    assert_ok(back_up(self, NULL, &result));
    bsi_backup_result_dispose(&result);
    bsi_cancel_request(&self->cancel);
    assert_status(back_up(self, NULL, &result), BS_E_CANCELLED);
    assert_int_equal(count_snapshots(self), 1);
}

static void a_parent_whose_trees_are_gone_is_reported_and_read_past(void **state)
{
    fixture *self = *state;
    bsi_repo_files packs = {0};
    bsi_backup_result first;
    bsi_backup_result result;
    found seen;

    make_tree(self);
    assert_ok(back_up(self, NULL, &first));
    look(self, &seen);
    assert_ok(bsi_repo_list(seen.repo, NULL, BSI_REPO_PACKS, &packs));
    for (size_t i = 0; i < packs.count; i++) {
        assert_ok(bsi_repo_remove(seen.repo, NULL, BSI_REPO_PACKS, &packs.items[i].id));
    }
    bsi_repo_files_dispose(&packs);
    assert_ok(bsi_repo_list(seen.repo, NULL, BSI_REPO_INDEX, &packs));
    for (size_t i = 0; i < packs.count; i++) {
        assert_ok(bsi_repo_remove(seen.repo, NULL, BSI_REPO_INDEX, &packs.items[i].id));
    }
    bsi_repo_files_dispose(&packs);
    look_away(&seen);
    assert_status(back_up(self, first.manifest_key, &result), BS_PARTIAL);
    assert_int_equal(atomic_load(&self->warnings), 1);
    assert_int_equal(result.changes.added, 3);
    check_snapshot(self, &result);
    bsi_backup_result_dispose(&first);
    bsi_backup_result_dispose(&result);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_backup_is_complete_and_counted),
        TEST(what_is_not_wanted_is_left_out),
        TEST(a_failing_storage_leaves_no_snapshot),
        TEST(missing_memory_is_told_and_survived),
        TEST(a_cancelled_run_leaves_no_snapshot),
        TEST(a_parent_whose_trees_are_gone_is_reported_and_read_past),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
