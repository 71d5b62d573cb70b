/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "net/azure_connection.h"

#define SECRET "c2VjcmV0LWNhbmFyeQ=="

static void an_account_with_its_key_is_told(void **state)
{
    bsi_azure_texts texts;

    (void)state;
    assert_ok(bsi_azure_connection_parse(
        bsi_slice_of("DefaultEndpointsProtocol=https;AccountName=mine;AccountKey=" SECRET
                     ";EndpointSuffix=core.example.org"),
        &texts));
    assert_true(bsi_slice_is(texts.account, "mine"));
    assert_true(bsi_slice_is(texts.key, SECRET));
    assert_true(bsi_slice_is(texts.protocol, "https"));
    assert_true(bsi_slice_is(texts.suffix, "core.example.org"));
    assert_int_equal(texts.sas.size + texts.endpoint.size, 0);
}

static void endpoints_of_other_services_are_passed_over(void **state)
{
    bsi_azure_texts texts;

    (void)state;
    assert_ok(bsi_azure_connection_parse(
        bsi_slice_of(";blobendpoint=https://mine.blob.example.org/;QueueEndpoint=https://q;"
                     "BlobSecondaryEndpoint=https://second;;TableEndpoint=https://t;"
                     "SharedAccessSignature=sv=2021-12-02&sig=a%3D;"),
        &texts));
    assert_true(bsi_slice_is(texts.endpoint, "https://mine.blob.example.org/"));
    assert_true(bsi_slice_is(texts.sas, "sv=2021-12-02&sig=a%3D"));
    assert_int_equal(texts.account.size + texts.key.size, 0);
}

static void the_emulator_has_an_account_that_everybody_knows(void **state)
{
    bsi_azure_texts texts;

    (void)state;
    assert_ok(bsi_azure_connection_parse(bsi_slice_of("UseDevelopmentStorage=true"), &texts));
    assert_true(bsi_slice_is(texts.account, "devstoreaccount1"));
    assert_true(bsi_slice_is(texts.endpoint, "http://127.0.0.1:10000/devstoreaccount1"));
    assert_int_equal(texts.key.size, 88);
}

static void what_is_none_is_refused_without_showing_it(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"", "neither an AccountName nor"},
        {"AccountKey=" SECRET, "neither an AccountName nor"},
        {SECRET, "not known"},
        {"AccountName", "takes NAME=VALUE"},
        {"AccountName=a;AccountName=b;AccountKey=" SECRET, "twice"},
        {"AccountName=;AccountKey=" SECRET, "without a value"},
        {"AccountName=a;Key=" SECRET, "not known"},
        {"Endpoint=a;Account=" SECRET, "not known"},
        {"UseDevelopmentStorage=yes", "UseDevelopmentStorage"},
        {"UseDevelopmentStorage=true;AccountName=a;AccountKey=" SECRET, "the emulator and"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_azure_texts texts;

        print_message("# %s\n", cases[i].text);
        assert_status(bsi_azure_connection_parse(bsi_slice_of(cases[i].text), &texts),
                      BS_E_INVALID);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
        assert_non_null(strstr(bs_error_last()->message, cases[i].words));
        assert_null(strstr(bs_error_last()->message, SECRET));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_with_its_key_is_told),
        cmocka_unit_test(endpoints_of_other_services_are_passed_over),
        cmocka_unit_test(the_emulator_has_an_account_that_everybody_knows),
        cmocka_unit_test(what_is_none_is_refused_without_showing_it),
    };

    return cmocka_run_group_tests_name("net/azure_connection", tests, NULL, NULL);
}
