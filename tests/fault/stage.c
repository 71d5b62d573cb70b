/* SPDX-License-Identifier: MIT */
/*
 * The stage itself: directories, trees, the storage and its copy.
 */
#include "stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/random.h"
#include "stage_int.h"
#include "support/tree.h"

enum { LARGE = 1536 * 1024, NEW = 700000, SPARSE = 4 * 1024 * 1024 };

/* --- Set up --- */

static void report(void *user, bsi_slice path, const bs_error *error)
{
    test_stage *stage = user;

    (void)path;
    stage->warnings++;
    stage->last_warning = *error;
    if (error->layer == BS_LAYER_SOURCE) {
        stage->source_blamed = true;
    }
}

static void name_place(const test_stage *stage, const char *name, char out[STAGE_PATH_SIZE])
{
    const int size = snprintf(out, STAGE_PATH_SIZE, "%s/%s", stage->dir->path, name);

    assert_true(size > 0 && size < STAGE_PATH_SIZE);
}

int stage_setup(void **state)
{
    test_stage *stage = calloc(1, sizeof(*stage));
    void *dir = NULL;

    test_dir_in_memory();
    assert_non_null(stage);
    assert_int_equal(test_dir_setup(&dir), 0);
    stage->dir = dir;
    name_place(stage, "source", stage->source);
    name_place(stage, "old", stage->old_source);
    name_place(stage, "storage", stage->storage);
    name_place(stage, "pristine", stage->pristine);
    name_place(stage, "bases", stage->bases);
    name_place(stage, "pristine bases", stage->pristine_bases);
    name_place(stage, "out", stage->out);
    name_place(stage, "look", stage->look);
    assert_ok(bsi_pool_new(0, &stage->env.pool));
    stage->env.temp_dir = stage->dir->fd;
    stage->warn = (bsi_warn){report, stage};
    stage->env.warn = &stage->warn;
    stage->env.progress = &stage->progress;
    *state = stage;
    return 0;
}

void stage_note(test_stage *stage, const char *trouble, uint64_t at)
{
    (void)snprintf(stage->place, sizeof(stage->place), "%s, %s at %llu", stage->scenario->name,
                   trouble, (unsigned long long)at);
}

int stage_teardown(void **state)
{
    test_stage *stage = *state;
    void *dir = stage->dir;

    if (stage->backup_count > 0) {
        print_error("it was in: %s\n", stage->place);
    }
    bsi_fault_set(NULL);
    bsi_alloc_fail_after(-1);
    stage_close(stage);
    stage_end(stage);
    bsi_pool_free(stage->env.pool);
    (void)test_dir_teardown(&dir);
    free(stage);
    return 0;
}

static const char *chosen = "";

void stage_choose(const char *part)
{
    chosen = part;
}

bool stage_wants(const test_scenario *scenario)
{
    return strstr(scenario->name, chosen) != NULL;
}

uint64_t stage_stride(const test_scenario *scenario)
{
    const char *full = getenv("BSI_TESTS_FULL");

    return full && strcmp(full, "1") == 0 ? 1 : scenario->stride;
}

unsigned stage_open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir)) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

/* --- Trees --- */

static const char *below(const test_stage *stage, const char *name, char out[2 * STAGE_PATH_SIZE])
{
    (void)snprintf(out, (size_t)2 * STAGE_PATH_SIZE, "%s/%s", stage->source, name);
    return out;
}

static void put(const test_stage *stage, const char *name, size_t size, uint64_t seed)
{
    char path[2 * STAGE_PATH_SIZE];

    tree_write(below(stage, name, path), size, seed);
}

static void put_sparse(const test_stage *stage, const char *name)
{
    char path[2 * STAGE_PATH_SIZE];
    const int fd = open(below(stage, name, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "island", 6, SPARSE / 2), 6);
    assert_int_equal(ftruncate(fd, SPARSE), 0);
    assert_int_equal(close(fd), 0);
}

/*
 * Bytes by chance cost bzip2 and LZMA so much that sweeps would last for nothing else. They have
 * one block less than the others to be hit in.
 */
static size_t size_of(const test_stage *stage, size_t size)
{
    const char *container = stage->scenario->container;
    const bool slow = strcmp(container, "tar.bz2") == 0 || strcmp(container, "7z") == 0;

    return slow ? size / 16 : size;
}

static void build_source(const test_stage *stage)
{
    char path[2 * STAGE_PATH_SIZE];
    char other[2 * STAGE_PATH_SIZE];

    assert_int_equal(mkdir(stage->source, 0755), 0);
    assert_int_equal(mkdir(below(stage, "docs", path), 0750), 0);
    assert_int_equal(mkdir(below(stage, "docs/empty", path), 0700), 0);
    assert_int_equal(mkdir(below(stage, "pictures", path), 0755), 0);
    put(stage, "docs/letter", 3000, 1);
    put(stage, "docs/gone soon", 500, 2);
    put(stage, "docs/nothing", 0, 3);
    put(stage, "pictures/large", size_of(stage, LARGE), 4);
    put_sparse(stage, "pictures/sparse");
    put(stage, "hard", 1000, 5);
    assert_int_equal(link(below(stage, "hard", path), below(stage, "pictures/hard too", other)), 0);
    assert_int_equal(symlink("docs/letter", below(stage, "way", path)), 0);
    assert_int_equal(mkfifo(below(stage, "docs/fifo", path), 0600), 0);
    assert_int_equal(chmod(below(stage, "docs/letter", path), 0640), 0);
    if (setxattr(path, "user.color", "blue", 4, 0) != 0) {
        assert_int_equal(errno, EOPNOTSUPP);
    }
}

static void change_source(const test_stage *stage)
{
    char path[2 * STAGE_PATH_SIZE];
    char other[2 * STAGE_PATH_SIZE];

    assert_int_equal(unlink(below(stage, "docs/gone soon", path)), 0);
    put(stage, "docs/letter", 4000, 6);
    assert_int_equal(mkdir(below(stage, "new", path), 0755), 0);
    put(stage, "new/file", size_of(stage, NEW), 7);
    assert_int_equal(rename(below(stage, "docs/nothing", path), below(stage, "new/name", other)),
                     0);
    assert_int_equal(unlink(below(stage, "way", path)), 0);
    put(stage, "way", 10, 8);
}

/* --- The storage --- */

static void open_storage(const char *path, bool sweep, bsi_storage **out)
{
    const bsi_setting settings[] = {{"path", path}, {"sweep", sweep ? "true" : "false"}};

    assert_null(*out);
    assert_ok(bsi_storage_open("local", settings, 2, NULL, out));
}

void stage_open(test_stage *stage, bool sweep)
{
    open_storage(stage->storage, sweep, &stage->env.storage);
    if (stage->scenario->encryption == BSI_ENCRYPTION_RSA) {
        open_storage(stage->bases, sweep, &stage->env.bases);
    }
}

void stage_close(test_stage *stage)
{
    bsi_storage_unref(stage->env.storage);
    bsi_storage_unref(stage->env.bases);
    stage->env.storage = NULL;
    stage->env.bases = NULL;
}

void stage_sweep(test_stage *stage)
{
    stage_close(stage);
    stage_open(stage, true);
    stage->swept = true;
}

void stage_drop_cached(test_stage *stage)
{
    stage_close(stage);
    stage_open(stage, false);
}

/* --- The scenario --- */

static bs_status back_up(test_stage *stage, bsi_backup_kind kind, const char *base,
                         bsi_backup_result *result)
{
    const test_scenario *scenario = stage->scenario;
    const char *const roots[] = {stage->source, NULL};
    bsi_vault_env env = stage->env;
    bsi_backup_plan plan = {
        .id = stage->run_id,
        .name = "home",
        .kind = kind,
        .compression = scenario->container,
        .created_at = bsi_now(),
        .started_at = bsi_now(),
        .retention_days = 30,
        .note = "",
        .metadata = "{}",
        .options = "{}",
        .source_paths = roots,
        .walk = {.roots = roots, .root_count = 1},
        .base_manifest_key = base,
        .allow_empty_mirror = true,
    };

    test_seal_plan(&stage->seal, &plan);
    test_seal_lend(&stage->seal, scenario->encryption != BSI_ENCRYPTION_RSA, &env);
    return bsi_vault_find(scenario->form)->backup(&env, &plan, result);
}

bs_status stage_restore(test_stage *stage, const char *manifest_key, const char *path)
{
    const bool superuser = geteuid() == 0;
    const bsi_restore_plan plan = {
        .manifest_key = manifest_key,
        .restore_path = path,
        .target = {.permissions = true,
                   .ownership = superuser,
                   .privileged = superuser,
                   .overwrite = true,
                   .short_id = "0000abcd"},
        .verify = true,
        .strip_source = true,
    };
    bsi_restore_result result = {0};

    return bsi_vault_find(stage->scenario->form)->restore(&stage->env, &plan, &result);
}

void stage_take_keys(test_stage *stage)
{
    if (stage->scenario->encryption == BSI_ENCRYPTION_AES256) {
        test_seal_raw_key(&stage->seal);
    } else if (stage->scenario->encryption == BSI_ENCRYPTION_RSA) {
        test_seal_rsa(&stage->seal);
    }
    test_seal_lend(&stage->seal, true, &stage->env);
}

static void keep(const char *text, char out[STAGE_KEY_SIZE])
{
    assert_true(strlen(text) < STAGE_KEY_SIZE);
    memcpy(out, text, strlen(text) + 1);
}

static const char *last_manifest(const test_stage *stage)
{
    return stage->backup_count > 0 ? stage->backups[stage->backup_count - 1].manifest_key : NULL;
}

static void add_backup(test_stage *stage, bsi_backup_kind kind, const char *tree)
{
    stage_backup *backup = &stage->backups[stage->backup_count];
    bsi_backup_result result = {0};
    const char *base = kind == BSI_KIND_FULL ? NULL : last_manifest(stage);

    assert_ok(bsi_new_id(stage->run_id));
    assert_ok(back_up(stage, kind, base, &result));
    memcpy(backup->id, stage->run_id, BS_ID_SIZE);
    keep(result.manifest_key, backup->manifest_key);
    keep(result.container_key, backup->container_key);
    (void)snprintf(backup->tree, sizeof(backup->tree), "%s", tree);
    bsi_backup_result_dispose(&result);
    stage->backup_count++;
}

/* The change of the source makes the earlier backups differ from it. */
void stage_begin(test_stage *stage, const test_scenario *scenario)
{
    const bool mirror = scenario->kind == BSI_KIND_MIRROR;

    stage->scenario = scenario;
    stage->backup_count = 0;
    stage_take_keys(stage);
    assert_int_equal(mkdir(stage->storage, 0700), 0);
    assert_int_equal(mkdir(stage->bases, 0700), 0);
    stage_open(stage, false);
    build_source(stage);
    add_backup(stage, mirror ? BSI_KIND_MIRROR : BSI_KIND_FULL, stage->old_source);
    assert_ok(stage_restore(stage, stage->backups[0].manifest_key, stage->old_source));
    assert_trees_equal(stage->source, stage->old_source, STAGE_LEFT_OUT);
    change_source(stage);
    if (scenario->deed != DEED_BACKUP && !mirror) {
        add_backup(stage, scenario->kind, stage->source);
    }
    stage_close(stage);
    tree_link(stage->storage, stage->pristine);
    tree_link(stage->bases, stage->pristine_bases);
}

void stage_end(test_stage *stage)
{
    tree_remove(stage->source);
    tree_remove(stage->old_source);
    tree_remove(stage->storage);
    tree_remove(stage->pristine);
    tree_remove(stage->bases);
    tree_remove(stage->pristine_bases);
    tree_remove(stage->out);
    tree_remove(stage->look);
    test_seal_dispose(&stage->seal);
    stage->backup_count = 0;
}

void stage_reset(test_stage *stage)
{
    stage_close(stage);
    tree_remove(stage->storage);
    tree_remove(stage->bases);
    tree_remove(stage->out);
    tree_link(stage->pristine, stage->storage);
    tree_link(stage->pristine_bases, stage->bases);
    stage->warnings = 0;
    stage->source_blamed = false;
    stage->swept = false;
    assert_ok(bsi_new_id(stage->run_id));
    stage_open(stage, false);
}

bs_status stage_act(test_stage *stage)
{
    const stage_backup *last = &stage->backups[stage->backup_count - 1];
    const test_scenario *scenario = stage->scenario;
    bsi_backup_result result = {0};
    bs_status status = BS_OK;

    switch (scenario->deed) {
    case DEED_BACKUP:
        status = back_up(stage, scenario->kind,
                         scenario->kind == BSI_KIND_FULL ? NULL : last->manifest_key, &result);
        bsi_backup_result_dispose(&result);
        return status;
    case DEED_REMOVE:
        return bsi_vault_find(scenario->form)
            ->remove(&stage->env, last->manifest_key, last->container_key);
    default:
        return stage_restore(stage, last->manifest_key, stage->out);
    }
}
