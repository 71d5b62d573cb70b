/* SPDX-License-Identifier: MIT */
/*
 * The token of a service account was put together by hand and signed by openssl.
 */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/google_auth.h"
#include "support/crypto_keys.h"
#include "text/json_write.h"

enum { NOW = 1700000000, FILE_SIZE = 64 * 1024 };

#define EMAIL "backup@example.iam.gserviceaccount.com"

static const char assertion[] =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJiYWNrdXBAZXhh"
    "bXBsZS5pYW0uZ3NlcnZpY2VhY2NvdW50LmNvbSIsInNjb3BlIjoiaHR0cHM6Ly93d3cuZ29vZ2xlYXBp"
    "cy5jb20vYXV0aC9kZXZzdG9yYWdlLnJlYWRfd3JpdGUiLCJhdWQiOiJodHRwczovL29hdXRoMi5nb29n"
    "bGVhcGlzLmNvbS90b2tlbiIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwfQ.VssvXNn3d"
    "lEf2DSiLvfhZTmiLqsjgZelpLXSXuXtaLSN1AQhFYF-VBXaWAzgI6P7v2t_Sm6iS8IQAdKczhZKXGwsZ"
    "Ix6BuHJlDNjRrEtKAfLu1XKNeDiIoIVGa3yyYr1elLpALb8SUTbw4caRR2JjgmXp1DPPtoqWSihHLtox"
    "DCJyGKRg-1GrtCStyVs47A4GVVcGo08Gex4zAUodl0YlBflzqi5BKIF0lOgYnwPlxiPcsSR-IbFC_I51"
    "kgtMHzTPAS3XjG_qqeDWgXl97O8DSk0am78uiHZ0i6uLbsTn9ATnIQQdm2JJFsX6y8tKOp6mm807xMPq"
    "oX_2CTw8vYLC1KVx4ApAIW5ikxz2Vmhv5uX1TVWLax7j3yPzh_6gMBKwN05jrn2EOs05n4TSkFPvXELI"
    "XB95DT5Bb3VD7qfCd5ykss79vxHDDCyjrRhc39uPSsSSrDN_ACuo2KebZepqWSGByFcxr8KkKvlkNWYF"
    "KLi9J86N9mzcYwnO0ldhB1k";

/* A file with credentials: names and values, ended by NULL. */
static void make_file(const char *const *members, bsi_buf *out)
{
    bsi_json_writer writer;

    bsi_buf_init(out, FILE_SIZE);
    bsi_json_writer_init(&writer, out, BSI_JSON_INDENTED);
    bsi_json_begin_object(&writer);
    for (; *members; members += 2) {
        bsi_json_put_text(&writer, members[0], members[1]);
    }
    bsi_json_end_object(&writer);
    assert_ok(bsi_json_writer_finish(&writer));
}

static bs_status parse(const char *const *members, bsi_google_account **out)
{
    bsi_buf file;
    bs_status status = BS_OK;

    make_file(members, &file);
    status = bsi_google_account_parse(bsi_buf_slice(&file), out);
    bsi_buf_dispose(&file);
    return status;
}

static bsi_google_account *service_account(void)
{
    static const char *const members[] = {"type",
                                          "service_account",
                                          "project_id",
                                          "example",
                                          "private_key_id",
                                          "key-1",
                                          "private_key",
                                          TEST_RSA_PRIVATE,
                                          "client_email",
                                          EMAIL,
                                          "client_id",
                                          "1234",
                                          "token_uri",
                                          "https://oauth2.googleapis.com/token",
                                          NULL};
    bsi_google_account *account = NULL;

    assert_ok(parse(members, &account));
    return account;
}

static bsi_google_account *user(void)
{
    static const char *const members[] = {"type",          "authorized_user", "client_id",
                                          "id.apps",       "client_secret",   "s/e=c&ret",
                                          "refresh_token", "1//to+ken",       NULL};
    bsi_google_account *account = NULL;

    assert_ok(parse(members, &account));
    return account;
}

static void a_service_account_signs_for_an_hour(void **state)
{
    bsi_google_account *account = service_account();
    bsi_buf out;

    (void)state;
    bsi_buf_init(&out, 4096);
    assert_ok(bsi_buf_append_byte(&out, '>'));
    assert_ok(bsi_google_assertion(account, NOW, &out));
    assert_int_equal(out.size, strlen(assertion) + 1);
    assert_memory_equal(out.data + 1, assertion, strlen(assertion));
    bsi_buf_dispose(&out);
    bsi_google_account_free(account);
}

static void a_service_account_asks_with_what_it_signed(void **state)
{
    static const char end[] = "&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    bsi_google_account *account = service_account();
    char expected[2048];
    bsi_secret *form = NULL;
    const char *text = NULL;

    (void)state;
    assert_ok(bsi_google_request(account, NOW, &form));
    text = (const char *)bsi_secret_view(form);
    (void)snprintf(expected, sizeof(expected), "assertion=%s%s", assertion, end);
    assert_string_equal(text, expected);
    assert_int_equal(bsi_secret_size(form), strlen(text) + 1);
    bsi_secret_free(form);
    bsi_google_account_free(account);
}

static void a_user_asks_with_the_refresh_token(void **state)
{
    bsi_google_account *account = user();
    bsi_secret *form = NULL;

    (void)state;
    assert_string_equal(account->token_uri, "https://oauth2.googleapis.com/token");
    assert_ok(bsi_google_request(account, NOW, &form));
    assert_string_equal((const char *)bsi_secret_view(form),
                        "client_id=id.apps&client_secret=s%2Fe%3Dc%26ret&grant_type=refresh_token"
                        "&refresh_token=1%2F%2Fto%2Bken");
    bsi_secret_free(form);
    bsi_google_account_free(account);
}

static void files_that_cannot_be_right_are_refused(void **state)
{
    static const struct {
        const char *members[11];
        bs_status expected;
        const char *words;
    } cases[] = {
        {{NULL}, BS_E_INVALID, "'type' is missing"},
        {{"type", "external_account", NULL}, BS_E_UNSUPPORTED, "type 'external_account'"},
        {{"type", "a\nb", NULL}, BS_E_UNSUPPORTED, "type 'a\\x0ab'"},
        {{"type", "service_account", NULL}, BS_E_INVALID, "'client_email' is missing"},
        {{"type", "service_account", "client_email", "a b", NULL}, BS_E_INVALID, "'client_email'"},
        {{"type", "service_account", "client_email", EMAIL, NULL},
         BS_E_INVALID,
         "'private_key' is missing"},
        {{"type", "service_account", "client_email", EMAIL, "private_key", "canary", NULL},
         BS_E_INVALID,
         "not one of RSA in PEM"},
        {{"type", "service_account", "client_email", EMAIL, "private_key", TEST_RSA_PUBLIC, NULL},
         BS_E_INVALID,
         "the private key"},
        {{"type", "service_account", "token_uri", "http://example.org/token", NULL},
         BS_E_INVALID,
         "neither https: nor of this machine"},
        {{"type", "service_account", "token_uri", "http://127.0.0.1.example.org/", NULL},
         BS_E_INVALID,
         "neither https: nor of this machine"},
        {{"type", "authorized_user", NULL}, BS_E_INVALID, "'client_id' is missing"},
        {{"type", "authorized_user", "client_id", "i", "client_secret", "canary\n", NULL},
         BS_E_INVALID,
         "'client_secret'"},
        {{"type", "authorized_user", "client_id", "i", "client_secret", "s", NULL},
         BS_E_INVALID,
         "'refresh_token' is missing"},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_google_account *account = NULL;

        print_message("# %s\n", cases[i].words);
        assert_status(parse(cases[i].members, &account), cases[i].expected);
        assert_null(account);
        assert_non_null(strstr(bs_error_last()->message, cases[i].words));
        assert_null(strstr(bs_error_last()->message, "canary"));
    }
}

static void what_is_no_json_of_this_form_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{\"type\":\"authorized_user\"",
        "{\"type\":1}",
        "{\"type\":\"authorized_user\",\"type\":\"service_account\"}",
        "{\"type\":\"authorized_user\"} x",
        "<html>",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        bsi_google_account *account = NULL;

        assert_status(bsi_google_account_parse(bsi_slice_of(texts[i]), &account), BS_E_INVALID);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);
    }
}

static void a_token_comes_with_its_time(void **state)
{
    static const char text[] = "{\"access_token\":\"ya29.to\\u006ben\",\"token_type\":\"Bearer\","
                               "\"expires_in\":3599,\"scope\":[1,{}]}";
    bsi_secret *token = NULL;
    uint64_t lasts = 0;

    (void)state;
    assert_ok(bsi_google_token_parse(bsi_slice_of(text), &token, &lasts));
    assert_string_equal((const char *)bsi_secret_view(token), "ya29.token");
    assert_int_equal(lasts, 3599);
    bsi_secret_free(token);
}

static void answers_without_a_proper_token_are_none(void **state)
{
    static const char *const texts[] = {
        "",
        "<html><body>Please log in</body></html>",
        "{}",
        "[\"access_token\"]",
        "{\"access_token\":\"t\"}",
        "{\"access_token\":\"t\",\"expires_in\":0}",
        "{\"access_token\":\"t\",\"expires_in\":-1}",
        "{\"access_token\":\"t\",\"expires_in\":1.5}",
        "{\"access_token\":\"t\",\"expires_in\":18446744073709551615}",
        "{\"access_token\":\"t\",\"expires_in\":\"3600\"}",
        "{\"access_token\":\"\",\"expires_in\":3600}",
        "{\"access_token\":\"canary\\r\\nX: 1\",\"expires_in\":3600}",
        "{\"access_token\":\"t\",\"expires_in\":3600,\"access_token\":\"u\"}",
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts); i++) {
        bsi_secret *token = NULL;
        uint64_t lasts = 0;

        print_message("# %s\n", texts[i]);
        assert_status(bsi_google_token_parse(bsi_slice_of(texts[i]), &token, &lasts), BS_E_CORRUPT);
        assert_int_equal(bs_error_last()->layer, BS_LAYER_STORAGE);
        assert_null(strstr(bs_error_last()->message, "canary"));
        assert_null(token);
    }
}

static void a_refusal_tells_why(void **state)
{
    static const char text[] = "{\"error\":\"invalid_grant\","
                               "\"error_description\":\"Invalid JWT Signature.\"}";
    bsi_google_refusal refusal;

    (void)state;
    assert_ok(bsi_google_refusal_parse(bsi_slice_of(text), &refusal));
    assert_string_equal(refusal.code, "invalid_grant");
    assert_string_equal(refusal.message, "Invalid JWT Signature.");
    assert_ok(bsi_google_refusal_parse(bsi_slice_of("{\"error\":\"x\"}"), &refusal));
    assert_string_equal(refusal.message, "");
    assert_status(bsi_google_refusal_parse(bsi_slice_of("{}"), &refusal), BS_E_CORRUPT);
    assert_status(bsi_google_refusal_parse(bsi_slice_of("{\"error\":{}}"), &refusal), BS_E_CORRUPT);
    assert_status(bsi_google_refusal_parse(bsi_slice_of("<html>"), &refusal), BS_E_CORRUPT);
}

static void without_memory_nothing_is_left(void **state)
{
    bs_status status = BS_E_NOMEM;
    bsi_buf file;
    long count = 0;
    static const char *const members[] = {
        "type", "service_account", "client_email", EMAIL, "private_key", TEST_RSA_PRIVATE, NULL};

    (void)state;
    make_file(members, &file);
    for (; status == BS_E_NOMEM; count++) {
        bsi_google_account *account = NULL;
        bsi_secret *form = NULL;

        bsi_alloc_fail_after(count);
        status = bsi_google_account_parse(bsi_buf_slice(&file), &account);
        if (status == BS_OK) {
            status = bsi_google_request(account, NOW, &form);
        }
        bsi_alloc_fail_after(-1);
        bsi_secret_free(form);
        bsi_google_account_free(account);
    }
    assert_ok(status);
    assert_true(count > 5);
    bsi_buf_dispose(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_account_signs_for_an_hour),
        cmocka_unit_test(a_service_account_asks_with_what_it_signed),
        cmocka_unit_test(a_user_asks_with_the_refresh_token),
        cmocka_unit_test(files_that_cannot_be_right_are_refused),
        cmocka_unit_test(what_is_no_json_of_this_form_is_refused),
        cmocka_unit_test(a_token_comes_with_its_time),
        cmocka_unit_test(answers_without_a_proper_token_are_none),
        cmocka_unit_test(a_refusal_tells_why),
        cmocka_unit_test(without_memory_nothing_is_left),
    };

    return cmocka_run_group_tests_name("net/google_auth", tests, NULL, NULL);
}
