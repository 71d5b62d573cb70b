/* SPDX-License-Identifier: MIT */
/*
 * Backups of every form on a bucket, through the public functions. Started by
 * tests/support/s3_server.py, beside a server.
 */
#include "support/test.h"

#include <backupsvc.h>
#include <string.h>

#include "os/process.h"
#include "remote_cases.h"

static const char *const *settings_below(const char *prefix)
{
    static const char *settings[] = {"endpoint",
                                     NULL,
                                     "bucket",
                                     NULL,
                                     "prefix",
                                     NULL,
                                     "part_size_mib",
                                     "5",
                                     "access_key_id",
                                     NULL,
                                     "secret_access_key",
                                     "env:AWS_SECRET_ACCESS_KEY",
                                     NULL};

    settings[1] = bsi_environment("BSI_S3_ENDPOINT");
    settings[3] = bsi_environment("BSI_S3_BUCKET");
    settings[5] = prefix;
    settings[9] = bsi_environment("AWS_ACCESS_KEY_ID");
    return settings;
}

static void wrong_credentials_are_told_without_them(void **state)
{
    engine_fixture *engine = *state;
    const char *const settings[] = {"endpoint",
                                    bsi_environment("BSI_S3_ENDPOINT"),
                                    "bucket",
                                    bsi_environment("BSI_S3_BUCKET"),
                                    "access_key_id",
                                    bsi_environment("AWS_ACCESS_KEY_ID"),
                                    "secret_access_key",
                                    "canary-5521-wrong-secret",
                                    NULL};

    assert_status(bs_service_add_storage(engine->service, "wrong", "s3", settings), BS_E_ACCESS);
    assert_non_null(strstr(bs_error_last()->message, "SignatureDoesNotMatch"));
    assert_null(strstr(bs_error_last()->message, "canary"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)

int main(void)
{
    static const remote_storage storage = {"s3", settings_below, "BSI_S3_ENDPOINT",
                                           REMOTE_FORBIDDEN("<Error><Code>InvalidAccessKeyId</Code>"
                                                            "<Message>gone</Message></Error>"),
                                           "InvalidAccessKeyId"};
    const struct CMUnitTest tests[] = {
        TEST(wrong_credentials_are_told_without_them),
    };

    return remote_run(&storage) + cmocka_run_group_tests_name("s3 refused", tests, NULL, NULL);
}
