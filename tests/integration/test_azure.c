/* SPDX-License-Identifier: MIT */
/*
 * Backups of every form in a container, and what is refused. Started by
 * tests/support/azure_server.py, beside a server.
 */
#include "support/test.h"

#include <backupsvc.h>
#include <string.h>

#include "os/process.h"
#include "remote_cases.h"
#include "support/tree.h"

#define WRONG_KEY "Y2FuYXJ5LTU1MjEtd3Jvbmctc2VjcmV0"

static const char *const *settings_below(const char *prefix)
{
    static const char *settings[] = {"connection_string",
                                     "env:BSI_AZURE_CONNECTION_STRING",
                                     "container",
                                     NULL,
                                     "prefix",
                                     NULL,
                                     "block_size_mib",
                                     "5",
                                     NULL};

    settings[3] = bsi_environment("BSI_AZURE_CONTAINER");
    settings[5] = prefix;
    return settings;
}

static const char *const *with_signature(const char *reference, const char *prefix)
{
    static const char *settings[] = {"endpoint", NULL,     "container", NULL, "sas_token",
                                     NULL,       "prefix", NULL,        NULL};

    settings[1] = bsi_environment("BSI_AZURE_ENDPOINT");
    settings[3] = bsi_environment("BSI_AZURE_CONTAINER");
    settings[5] = reference;
    settings[7] = prefix;
    return settings;
}

static void assert_refused(engine_fixture *engine, const char *const *settings, bs_status expected,
                           const char *words)
{
    const char *message = NULL;

    assert_status(bs_service_add_storage(engine->service, "wrong", "azure_blob", settings),
                  expected);
    message = bs_error_last()->message;
    print_message("# %s\n", message);
    assert_non_null(strstr(message, words));
    assert_non_null(strstr(message, "azure_blob"));
    assert_null(strstr(message, WRONG_KEY));
    assert_null(strstr(message, bsi_environment("BSI_AZURE_KEY")));
    assert_null(strstr(message, "sig="));
}

static void a_wrong_key_is_told_without_it(void **state)
{
    const char *const settings[] = {"endpoint",    bsi_environment("BSI_AZURE_ENDPOINT"),
                                    "container",   bsi_environment("BSI_AZURE_CONTAINER"),
                                    "account",     bsi_environment("BSI_AZURE_ACCOUNT"),
                                    "account_key", "Y2FuYXJ5LTU1MjEtd3Jvbmctc2VjcmV0",
                                    NULL};

    assert_refused(*state, settings, BS_E_ACCESS, "not that of the account");
}

static void a_wrong_container_is_told_by_its_name(void **state)
{
    const char *const settings[] = {"connection_string", "env:BSI_AZURE_CONNECTION_STRING",
                                    "container", "missing", NULL};

    assert_refused(*state, settings, BS_E_INVALID, "container 'missing' at '127.0.0.1:");
    assert_non_null(strstr(bs_error_last()->message, "create the container"));
}

static void a_signature_that_is_over_is_told(void **state)
{
    assert_refused(*state, with_signature("env:BSI_AZURE_OLD_SAS", "old"), BS_E_ACCESS,
                   "the server answers 403");
}

static void a_signature_for_all_is_as_good_as_the_key(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    assert_ok(bs_service_add_storage(engine->service, "signed", "azure_blob",
                                     with_signature("env:BSI_AZURE_SAS", "signed")));
    tree_build(engine->source, 0);
    options.storage = "signed";
    engine_backup(engine, &options, BS_OK, id);
    engine_restore(engine, id);
    assert_ok(bs_backup_delete(engine->service, id, false, NULL));
}

/* What was stored with the key can be restored, and is not removed. */
static void a_signature_for_reading_restores_and_changes_nothing(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "home");
    char kept[BS_ID_SIZE];
    char refused[BS_ID_SIZE];

    remote_add(engine, "reading");
    tree_build(engine->source, 0);
    options.storage = REMOTE_NAME;
    engine_backup(engine, &options, BS_OK, kept);
    engine_close(engine);
    tree_remove(engine->state);
    engine_open(engine);
    assert_ok(bs_service_add_storage(engine->service, REMOTE_NAME, "azure_blob",
                                     with_signature("env:BSI_AZURE_READ_SAS", "reading")));
    assert_ok(bs_catalog_rebuild(engine->service, NULL));
    engine_backup(engine, &options, BS_E_ACCESS, refused);
    assert_non_null(strstr(bs_error_last()->message, "the server answers 403"));
    engine_restore(engine, kept);
    assert_status(bs_backup_delete(engine->service, kept, false, NULL), BS_E_ACCESS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)

int main(void)
{
    static const remote_storage storage = {
        "azure_blob", settings_below, "BSI_AZURE_CONNECTION_STRING",
        REMOTE_FORBIDDEN("<Error><Code>AuthenticationFailed</Code><Message>gone</Message></Error>"),
        "AuthenticationFailed"};
    const struct CMUnitTest tests[] = {
        TEST(a_wrong_key_is_told_without_it),
        TEST(a_wrong_container_is_told_by_its_name),
        TEST(a_signature_that_is_over_is_told),
        TEST(a_signature_for_all_is_as_good_as_the_key),
        TEST(a_signature_for_reading_restores_and_changes_nothing),
    };

    return remote_run(&storage) +
           cmocka_run_group_tests_name("azure_blob refused", tests, NULL, NULL);
}
