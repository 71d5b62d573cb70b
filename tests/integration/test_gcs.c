/* SPDX-License-Identifier: MIT */
/*
 * Backups of every form in a bucket of Google Cloud Storage, through the public functions.
 * Started by tests/support/gcs_stub.py, beside a server; prefixes tell it what to do wrong.
 */
#include "support/test.h"

#include <backupsvc.h>
#include <stdio.h>
#include <string.h>

#include "os/process.h"
#include "remote_cases.h"
#include "support/compare.h"
#include "support/tree.h"

enum {
    SAME = COMPARE_NO_SOCKETS | COMPARE_NO_TOP,
    BIG = 5 * 1024 * 1024 / 2, /* More than two chunks. */
    PATH_SIZE = 512,
};

/* As the account whose file has this name; borrowed until the next call. */
static const char *const *settings_as(const char *account, const char *bucket, const char *prefix,
                                      const char *chunk_size_mib)
{
    static char file[PATH_SIZE];
    static const char *settings[] = {
        "endpoint",       NULL, "bucket",           NULL, "prefix", NULL,
        "chunk_size_mib", NULL, "credentials_file", file, NULL};

    (void)snprintf(file, sizeof(file), "%s/%s.json", bsi_environment("BSI_GCS_FILES"), account);
    settings[1] = bsi_environment("BSI_GCS_ENDPOINT");
    settings[3] = bucket;
    settings[5] = prefix;
    settings[7] = chunk_size_mib;
    return settings;
}

static const char *const *settings_below(const char *prefix)
{
    return settings_as("service", "bucket", prefix, "5");
}

static bs_status add_as(engine_fixture *engine, const char *storage, const char *account,
                        const char *bucket, const char *prefix)
{
    return bs_service_add_storage(engine->service, storage, "google_cloud",
                                  settings_as(account, bucket, prefix, "1"));
}

/* A tree with one file that is larger than two chunks of an upload, and does not get smaller. */
static void fill(engine_fixture *engine)
{
    char path[320];

    tree_build(engine->source, TREE_SMALL);
    (void)snprintf(path, sizeof(path), "%s/big", engine->source);
    tree_write(path, BIG, 7);
}

static bs_backup_options options_for(engine_fixture *engine, const char *storage,
                                     bs_compression compression)
{
    bs_backup_options options = engine_options(engine, "home");

    options.storage = storage;
    options.compression = compression;
    return options;
}

static void assert_comes_back(engine_fixture *engine, const char *id)
{
    engine_restore(engine, id);
    assert_trees_equal(engine->source, engine->target, SAME);
}

static void assert_tells(const char *words)
{
    if (!strstr(bs_error_last()->message, words)) {
        print_error("%s\n", bs_error_last()->message);
    }
    assert_non_null(strstr(bs_error_last()->message, words));
    assert_null(strstr(bs_error_last()->message, "canary"));
}

/* The beginning of these is changed when all the rest has been sent. */
static void containers_that_are_patched_come_back(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = options_for(engine, "bucket", BS_COMPRESSION_7Z);
    char id[BS_ID_SIZE];

    assert_ok(add_as(engine, "bucket", "service", "bucket", "patched"));
    fill(engine);
    engine_backup(engine, &options, BS_OK, id);
    assert_comes_back(engine, id);
}

/* --- What does not --- */

static void what_is_wrong_is_told_when_it_is_added(void **state)
{
    static const struct {
        const char *account;
        const char *bucket;
        bs_status expected;
        const char *words;
    } cases[] = {
        {"wrong-key", "bucket", BS_E_ACCESS, "invalid_grant (Invalid JWT Signature.)"},
        {"user-revoked", "bucket", BS_E_ACCESS, "the login was revoked"},
        {"token-false", "bucket", BS_E_ACCESS, "401 authError"},
        {"token-clock", "bucket", BS_E_CLOCK, "the clocks differ too much"},
        {"service", "another", BS_E_INVALID, "bucket 'another' at '127.0.0.1:"},
        {"none", "bucket", BS_E_NOT_FOUND, "the credentials in credentials_file"},
    };
    engine_fixture *engine = *state;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        print_message("# %s, %s\n", cases[i].account, cases[i].bucket);
        assert_status(add_as(engine, "wrong", cases[i].account, cases[i].bucket, "wrong"),
                      cases[i].expected);
        assert_tells(cases[i].words);
    }
}

/* Faults that pass: the backup does not know of them. */
static void backups_go_on_where_the_server_failed(void **state)
{
    static const char *const scripts[] = {
        "list.revoked.1", "put.revoked.1", "begin.revoked.1", "get.revoked.1",
        "chunk.reset.1",  "chunk.half.2",  "end.lost.1",      "put.lost.1",
    };
    engine_fixture *engine = *state;
    bs_backup_options options = options_for(engine, "bucket", BS_COMPRESSION_TAR_ZST);

    fill(engine);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(scripts); i++) {
        char id[BS_ID_SIZE];

        print_message("# %s\n", scripts[i]);
        options.storage = scripts[i];
        assert_ok(add_as(engine, scripts[i], "service", "bucket", scripts[i]));
        engine_backup(engine, &options, BS_OK, id);
        assert_comes_back(engine, id);
    }
}

/* Faults that do not: the backup fails with what they are, and the one before is as it was. */
static void backups_end_where_the_server_is_no_good(void **state)
{
    static const struct {
        const char *script;
        bs_status expected;
        const char *words;
    } cases[] = {
        {"begin.denied.1", BS_E_ACCESS, "403 forbidden"},
        {"chunk.denied.1", BS_E_ACCESS, "403 forbidden"},
        {"chunk.full.1", BS_E_NO_SPACE, "403 quotaExceeded"},
        {"end.less.1", BS_E_CORRUPT, "has lost "},
        {"end.gone.1", BS_E_IO, "has forgotten the upload"},
        {"end.sum.1", BS_E_IO, "another checksum"},
        {"end.size.1", BS_E_IO, "that were sent"},
        {"end.html.1", BS_E_CORRUPT, "storing object"},
    };
    engine_fixture *engine = *state;
    bs_backup_options options = options_for(engine, "bucket", BS_COMPRESSION_TAR_ZST);

    fill(engine);
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        char id[BS_ID_SIZE];

        print_message("# %s\n", cases[i].script);
        options.storage = cases[i].script;
        assert_ok(add_as(engine, cases[i].script, "service", "bucket", cases[i].script));
        engine_backup(engine, &options, cases[i].expected, id);
        assert_tells(cases[i].words);
        engine_backup(engine, &options, BS_OK, id); /* It happens once. */
        assert_comes_back(engine, id);
    }
}

/* The account is removed while a backup runs: no other token comes. */
static void an_account_that_is_removed_ends_the_backup(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = options_for(engine, "bucket", BS_COMPRESSION_TAR_ZST);
    char before[BS_ID_SIZE];
    char id[BS_ID_SIZE];

    fill(engine);
    assert_ok(add_as(engine, "bucket", "service", "bucket", "begin.removed.1"));
    assert_ok(add_as(engine, "going", "going", "bucket", "begin.removed.1/2"));
    options.storage = "going";
    engine_backup(engine, &options, BS_E_ACCESS, id);
    assert_tells("invalid_grant");
    options.storage = "bucket";
    engine_backup(engine, &options, BS_OK, before);
    assert_comes_back(engine, before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)

int main(void)
{
    static const remote_storage storage = {
        "google_cloud", settings_below, "BSI_GCS_ENDPOINT",
        REMOTE_FORBIDDEN("{\"error\":{\"code\":403,\"message\":\"gone\","
                         "\"errors\":[{\"reason\":\"forbidden\"}]}}"),
        "403 forbidden"};
    const struct CMUnitTest tests[] = {
        TEST(containers_that_are_patched_come_back),
        TEST(what_is_wrong_is_told_when_it_is_added),
        TEST(backups_go_on_where_the_server_failed),
        TEST(backups_end_where_the_server_is_no_good),
        TEST(an_account_that_is_removed_ends_the_backup),
    };

    return remote_run(&storage) +
           cmocka_run_group_tests_name("google_cloud faults", tests, NULL, NULL);
}
