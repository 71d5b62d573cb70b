/* SPDX-License-Identifier: MIT */
#include "remote_cases.h"

#include "support/test.h"

#include <stdio.h>

#include "base/error.h"
#include "support/compare.h"
#include "support/tree.h"

enum {
    SAME = COMPARE_NO_SOCKETS | COMPARE_NO_TOP,
    /* Snapshots know neither holes nor two names of one symbolic link. */
    SAME_SNAPSHOT = SAME | COMPARE_NO_HOLES | COMPARE_NO_HARD_LINKS,
    BIG = 12 * 1024 * 1024, /* More than two parts. */
};

static const remote_storage *present_storage;

void remote_add(engine_fixture *engine, const char *prefix)
{
    assert_ok(bs_service_add_storage(engine->service, REMOTE_NAME, present_storage->driver,
                                     present_storage->settings(prefix)));
}

/* A tree with one file that is larger than two parts of an upload, and does not get smaller. */
static void fill(engine_fixture *engine, unsigned flags)
{
    char path[320];

    tree_build(engine->source, flags);
    (void)snprintf(path, sizeof(path), "%s/big", engine->source);
    tree_write(path, BIG, 7);
}

static void assert_verifies(engine_fixture *engine, const char *id)
{
    char verify_id[BS_ID_SIZE];

    assert_ok(bs_verify_start(engine->service, id, verify_id));
    assert_ok(bs_verify_wait(engine->service, verify_id, BS_FOREVER));
}

static void archives_come_back(void **state)
{
    static const bs_backup_type types[] = {BS_BACKUP_FULL, BS_BACKUP_INCREMENTAL,
                                           BS_BACKUP_DIFFERENTIAL};
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char ids[BSI_ARRAY_SIZE(types)][BS_ID_SIZE];

    remote_add(engine, "archives");
    fill(engine, TREE_EVERYTHING & ~(unsigned)TREE_DEEP);
    options.storage = REMOTE_NAME;
    options.compression = BS_COMPRESSION_TAR_ZST;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(types); i++) {
        options.backup_type = types[i];
        engine_backup(engine, &options, BS_OK, ids[i]);
        assert_verifies(engine, ids[i]);
        engine_restore(engine, ids[i]);
        assert_trees_equal(engine->source, engine->target, SAME);
        tree_mutate(engine->source, i + 1, 20);
    }
}

static void repositories_come_back(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char ids[2][BS_ID_SIZE];

    remote_add(engine, "repository");
    fill(engine, TREE_EVERYTHING & ~(unsigned)TREE_DEEP);
    options.storage = REMOTE_NAME;
    options.form = BS_FORM_REPOSITORY;
    options.compression = BS_COMPRESSION_ZSTD;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(ids); i++) {
        engine_backup(engine, &options, BS_OK, ids[i]);
        assert_verifies(engine, ids[i]);
        engine_restore(engine, ids[i]);
        assert_trees_equal(engine->source, engine->target, SAME_SNAPSHOT);
        tree_mutate(engine->source, i + 1, 20);
    }
    assert_ok(bs_backup_delete(engine->service, ids[0], false, NULL));
    assert_verifies(engine, ids[1]);
}

static void mirrors_come_back(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "tree");
    char id[BS_ID_SIZE];

    remote_add(engine, "mirrors");
    fill(engine, 0);
    options.storage = REMOTE_NAME;
    options.backup_type = BS_BACKUP_MIRROR;
    options.allow_empty_mirror = true; /* A rename of a directory is most of this tree. */
    for (uint64_t round = 1; round <= 2; round++) {
        engine_backup(engine, &options, BS_OK, id);
        engine_restore(engine, id);
        assert_trees_equal(engine->source, engine->target, SAME);
        tree_mutate(engine->source, round, 10);
    }
}

static void a_catalogue_is_made_anew_from_the_storage(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    remote_add(engine, "rebuild");
    fill(engine, 0);
    options.storage = REMOTE_NAME;
    engine_backup(engine, &options, BS_OK, id);
    engine_close(engine);
    tree_remove(engine->state);
    engine_open(engine);
    remote_add(engine, "rebuild");
    assert_ok(bs_catalog_rebuild(engine->service, NULL));
    engine_restore(engine, id);
    assert_trees_equal(engine->source, engine->target, SAME);
}

static void what_is_deleted_is_gone_from_the_storage(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    remote_add(engine, "deleted");
    fill(engine, 0);
    options.storage = REMOTE_NAME;
    engine_backup(engine, &options, BS_OK, id);
    assert_ok(bs_backup_delete(engine->service, id, false, NULL));
    engine_close(engine);
    tree_remove(engine->state);
    engine_open(engine);
    remote_add(engine, "deleted");
    assert_ok(bs_catalog_rebuild(engine->service, NULL));
    assert_status(bs_backup_delete(engine->service, id, false, NULL), BS_E_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)

int remote_run(const remote_storage *storage)
{
    const struct CMUnitTest tests[] = {
        TEST(archives_come_back),
        TEST(repositories_come_back),
        TEST(mirrors_come_back),
        TEST(a_catalogue_is_made_anew_from_the_storage),
        TEST(what_is_deleted_is_gone_from_the_storage),
    };

    present_storage = storage;
    return cmocka_run_group_tests_name(storage->driver, tests, NULL, NULL);
}
