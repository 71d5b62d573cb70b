/* SPDX-License-Identifier: MIT */
#include "remote_cases.h"

#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/reclaim.h"
#include "engine/service.h"
#include "os/process.h"
#include "remote_fixture.h"
#include "storage/storage.h"
#include "support/compare.h"
#include "support/proxy.h"
#include "support/tree.h"

enum {
    SAME = COMPARE_NO_SOCKETS | COMPARE_NO_TOP,
    SAME_SNAPSHOT = SAME | COMPARE_NO_HOLES, /* Snapshots do not know them. */
    BIG = 12 * 1024 * 1024,                  /* More than two parts. */
    ADDRESS_SIZE = 512,
    PREFIX_SIZE = 32,
    ALL_CLIENTS = 1000000, /* As many as may come. */
};

#define LONG_AFTER (INT64_MAX / 2)

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

/* --- What happens to the server while a backup runs --- */

static const char *const forms[] = {"archive", "repository", "mirror"};

static bs_backup_options options_of(const engine_fixture *engine, size_t form)
{
    bs_backup_options options = engine_options(engine, "home");

    options.storage = REMOTE_NAME;
    if (strcmp(forms[form], "archive") == 0) {
        options.compression = BS_COMPRESSION_TAR_ZST;
    } else if (strcmp(forms[form], "repository") == 0) {
        options.form = BS_FORM_REPOSITORY;
        options.compression = BS_COMPRESSION_ZSTD;
    } else {
        options.backup_type = BS_BACKUP_MIRROR;
    }
    return options;
}

/* The storage, reached through a proxy: its variable names that one while it is added. */
static test_proxy *add_behind_proxy(engine_fixture *engine, const char *prefix)
{
    static const char host[] = "127.0.0.1:";
    char direct[ADDRESS_SIZE];
    char behind[ADDRESS_SIZE];
    const char *port = NULL;
    char *rest = NULL;
    test_proxy *proxy = NULL;

    (void)snprintf(direct, sizeof(direct), "%s", bsi_environment(present_storage->address));
    port = strstr(direct, host);
    assert_non_null(port);
    port += strlen(host);
    proxy = test_proxy_start((uint16_t)strtoul(port, &rest, 10));
    assert_non_null(proxy);
    (void)snprintf(behind, sizeof(behind), "%.*s%u%s", (int)(port - direct), direct,
                   test_proxy_port(proxy), rest);
    assert_int_equal(setenv(present_storage->address, behind, 1), 0);
    remote_add(engine, prefix);
    assert_int_equal(setenv(present_storage->address, direct, 1), 0);
    return proxy;
}

/* What is there when the collector has been, long after: also of uploads nothing is left. */
static size_t objects_after_collector(engine_fixture *engine, const char *name)
{
    bsi_storage *storage = NULL;
    bsi_reclaimed reclaimed = {0};
    size_t count = 0;

    assert_ok(bsi_reclaim(engine->service, LONG_AFTER, &reclaimed));
    reclaimed = (bsi_reclaimed){0};
    assert_ok(bsi_reclaim(engine->service, LONG_AFTER, &reclaimed));
    assert_int_equal(reclaimed.objects, 0);
    assert_ok(bsi_service_storage(engine->service, name, &storage));
    count = remote_count_objects(storage);
    bsi_storage_unref(storage);
    return count;
}

/* What it would find in the repository that no index knows. */
static uint64_t packs_unknown(engine_fixture *engine)
{
    bs_prune_options options = BS_PRUNE_OPTIONS_INIT;
    bs_prune_info *info = NULL;
    char id[BS_ID_SIZE];
    uint64_t unknown = 0;

    options.storage = REMOTE_NAME;
    options.dry_run = true;
    assert_ok(bs_prune_start(engine->service, &options, id));
    assert_ok(bs_prune_wait(engine->service, id, BS_FOREVER));
    assert_ok(bs_prune_get(engine->service, id, &info));
    unknown = info->packs_unknown;
    bs_prune_info_free(info);
    return unknown;
}

/* As much as there is of the same backup where nothing went wrong. */
static void assert_no_orphans(engine_fixture *engine, const bs_backup_options *options)
{
    bs_backup_options plain = *options;
    char id[BS_ID_SIZE];

    if (options->form == BS_FORM_REPOSITORY) {
        assert_int_equal(packs_unknown(engine), 0);
        return;
    }
    plain.storage = "plain";
    assert_ok(bs_service_add_storage(engine->service, plain.storage, present_storage->driver,
                                     present_storage->settings("plain")));
    engine_backup(engine, &plain, BS_OK, id);
    assert_int_equal(objects_after_collector(engine, REMOTE_NAME),
                     objects_after_collector(engine, plain.storage));
    assert_ok(bs_backup_delete(engine->service, id, false, NULL));
}

/* One after the other, each with a service of its own. */
static void with_each_form(engine_fixture *engine, const char *prefix,
                           void (*check)(engine_fixture *, const bs_backup_options *, test_proxy *))
{
    fill(engine, 0);
    for (size_t form = 0; form < BSI_ARRAY_SIZE(forms); form++) {
        const bs_backup_options options = options_of(engine, form);
        char below[PREFIX_SIZE];
        test_proxy *proxy = NULL;

        print_message("# %s\n", forms[form]);
        (void)snprintf(below, sizeof(below), "%s/%s", prefix, forms[form]);
        proxy = add_behind_proxy(engine, below);
        check(engine, &options, proxy);
        engine_close(engine);
        test_proxy_stop(proxy);
        tree_remove(engine->state);
        engine_open(engine);
    }
}

static void assert_goes_on(engine_fixture *engine, const bs_backup_options *options,
                           test_proxy *proxy)
{
    char id[BS_ID_SIZE];

    test_proxy_replace(proxy, BIG / 2, 3, NULL);
    engine_backup(engine, options, BS_OK, id);
    assert_true(test_proxy_has_cut(proxy));
    assert_int_equal(test_proxy_replaced(proxy), 0);
    engine_restore(engine, id);
    assert_trees_equal(engine->source, engine->target, SAME_SNAPSHOT);
}

static void a_server_that_was_away_is_gone_on_with(void **state)
{
    with_each_form(*state, "away", assert_goes_on);
}

static void assert_ends_and_can_be_repeated(engine_fixture *engine,
                                            const bs_backup_options *options, test_proxy *proxy)
{
    char failed[BS_ID_SIZE];
    char id[BS_ID_SIZE];

    test_proxy_replace(proxy, BIG / 2, ALL_CLIENTS, present_storage->forbidden);
    engine_backup(engine, options, BS_E_ACCESS, failed);
    print_message("# %s\n", bs_error_last()->message);
    assert_true(test_proxy_has_cut(proxy));
    assert_non_null(strstr(bs_error_last()->message, present_storage->told));
    test_proxy_cut(proxy, TEST_PROXY_UP, TEST_PROXY_NEVER);
    engine_backup(engine, options, BS_OK, id);
    engine_restore(engine, id);
    assert_trees_equal(engine->source, engine->target, SAME_SNAPSHOT);
    assert_no_orphans(engine, options);
}

static void credentials_that_are_revoked_end_the_backup(void **state)
{
    with_each_form(*state, "revoked", assert_ends_and_can_be_repeated);
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

    const struct CMUnitTest troubles[] = {
        TEST(a_server_that_was_away_is_gone_on_with),
        TEST(credentials_that_are_revoked_end_the_backup),
    };

    present_storage = storage;
    return cmocka_run_group_tests_name("in the middle", troubles, NULL, NULL) +
           cmocka_run_group_tests_name(storage->driver, tests, NULL, NULL);
}
