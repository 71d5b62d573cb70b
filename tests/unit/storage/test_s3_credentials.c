/* SPDX-License-Identifier: MIT */
/*
 * Against the server of tests/support/s3_hostile.py, which starts this program. It answers
 * for a container and a machine too, and takes buckets whose names are those of access keys
 * from these only.
 */
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "os/process.h"
#include "storage/decorators/retry.h"
#include "storage/storage.h"

enum { SETTINGS_MAX = 8 };

static bs_status open_at(const char *bucket, const bsi_setting *more, size_t count,
                         bsi_storage **out)
{
    bsi_setting settings[SETTINGS_MAX] = {{"endpoint", bsi_environment("BSI_S3_ENDPOINT")},
                                          {"bucket", bucket}};

    assert_true(count + 2 <= SETTINGS_MAX);
    for (size_t i = 0; i < count; i++) {
        settings[i + 2] = more[i];
    }
    return bsi_storage_open("s3", settings, count + 2, NULL, out);
}

static void each_place_is_looked_at(void **state)
{
    static const struct {
        const char *bucket;
        bsi_setting settings[3];
        size_t count;
    } cases[] = {
        {"AKIASET",
         {{"credentials", "settings"}, {"access_key_id", "AKIASET"}, {"secret_access_key", "s"}},
         3},
        {"AKIASET", {{"access_key_id", "AKIASET"}, {"secret_access_key", "s"}}, 2},
        {"AKIAFILE", {{"credentials", "file"}}, 1},
        {"AKIAOTHER", {{"credentials", "file"}, {"profile", "other"}}, 2},
        {"AKIAFILE", {{"credentials", "auto"}}, 1},
        {"AKIACONTAINER2", {{"credentials", "container"}}, 1},
        {"AKIAMACHINE2", {{"credentials", "machine"}}, 1},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_storage *storage = NULL;

        print_message("# %s\n", cases[i].bucket);
        assert_ok(open_at(cases[i].bucket, cases[i].settings, cases[i].count, &storage));
        bsi_storage_unref(storage);
    }
}

static void what_is_missing_is_named(void **state)
{
    static const struct {
        bsi_setting settings[2];
        size_t count;
        bs_status expected;
        const char *words;
    } cases[] = {
        {{{"credentials", "settings"}}, 1, BS_E_NOT_FOUND, "neither access_key_id nor"},
        {{{"credentials", "environment"}}, 1, BS_E_NOT_FOUND, "neither AWS_ACCESS_KEY_ID nor"},
        {{{"credentials", "file"}, {"profile", "no\n"}},
         2,
         BS_E_NOT_FOUND,
         "there is no profile 'no\\x0a' of the shared credentials file"},
        {{{"credentials", "file"}, {"profile", "half"}},
         2,
         BS_E_INVALID,
         "the secret access key from profile 'half'"},
        {{{"credentials", "settings"}, {"access_key_id", "AKIASET"}},
         2,
         BS_E_INVALID,
         "the secret access key from the settings"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_storage *storage = NULL;

        assert_status(open_at("bucket", cases[i].settings, cases[i].count, &storage),
                      cases[i].expected);
        if (!strstr(bs_error_last()->message, cases[i].words)) {
            print_error("%s\n", bs_error_last()->message);
        }
        assert_non_null(strstr(bs_error_last()->message, cases[i].words));
        assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
    }
}

/* The server gives a machine's credentials once with a minute left, from then on with an hour. */
static void what_the_service_takes_no_more_is_asked_for_anew(void **state)
{
    static const bsi_backoff_policy quick = {.base_ms = 1, .cap_ms = 1, .total_ms = 600000};
    const bsi_setting settings[] = {{"credentials", "machine"}, {"prefix", "put.expired.2"}};
    bsi_storage *bare = NULL;
    bsi_storage *storage = NULL;

    (void)state;
    assert_ok(open_at("bucket", settings, BSI_ARRAY_SIZE(settings), &bare));
    assert_ok(bsi_storage_retry_new(bare, &quick, &storage));
    assert_status(bsi_storage_put(bare, NULL, "k", "x", 1), BS_E_ACCESS);
    assert_int_equal(bs_error_last()->retry, BS_RETRY_SAFE);
    assert_ok(bsi_storage_put(storage, NULL, "k", "x", 1));
    bsi_storage_unref(storage);
    bsi_storage_unref(bare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_place_is_looked_at),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(what_the_service_takes_no_more_is_asked_for_anew),
    };

    return cmocka_run_group_tests_name("storage/s3_credentials", tests, NULL, NULL);
}
