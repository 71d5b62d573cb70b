/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <string.h>

#include "repo/key_file.h"
#include "support/hex.h"
#include "text/base64.h"

enum { ROOM = 4096 };

/* Costs next to nothing. */
static const bsi_scrypt_cost cheap = {.log_n = 1, .r = 1, .p = 1};

/* A key file of restic 0.14, and the master key that an independent reader found in it. */
static const char written[] =
    "{\"created\":\"2026-11-23T00:49:33.589985003Z\",\"username\":\"root\",\"hostname\":"
    "\"fixture-host\",\"kdf\":\"scrypt\",\"N\":32768,\"r\":8,\"p\":6,\"salt\":\"+omtGXD22"
    "EFFwK0pisuC6gauR2ISwgZ1naWOGT/Lwyvx8OyvB1zTV/dze/LOQG8v3le98+bzZN5AjxJAv2Xb4g==\",\""
    "data\":\"lH/Ed1TWY7H5OKwZqy1I/mvdWzELQg+nu/ghk6cY0YFrru6w4MhN+P3yKqudkvYEp9H2zL1zK2i"
    "aotdpBFNQZ4ouFqt5bnno70pVu0ZOIh0WJChLAyrTMopdCU8R46O6uA/JRBHABUpQFSAadygtIHvWBHCCh4s"
    "2MPU8C12r9W5x0pL7ZfjTvyCs8Wy7sHbSWorw/qx5976KeYz7tddaUA==\"}";
static const char master_hex[] = "8c611f40fb951f7832bec4127d91e96f7dcd522addd5af0fc598db0ffb94eef2"
                                 "fe6df27fd87e28ce9cbf2b896ae03c9f21510c06e4f05c0f7807730b2878ac0f";

static bsi_secret *secret_of(const char *text)
{
    bsi_secret *secret = NULL;

    assert_ok(bsi_secret_copy(text, strlen(text), &secret));
    return secret;
}

static void a_password_opens_what_restic_wrote(void **state)
{
    bsi_secret *password = secret_of("fixture-password");
    bsi_secret *master = NULL;

    (void)state;
    assert_ok(bsi_repo_key_file_open(bsi_slice_of(written), password, NULL, &master));
    assert_hex(bsi_secret_view(master), bsi_secret_size(master), master_hex);
    bsi_secret_free(master);
    bsi_secret_free(password);
}

static void make_file(const bsi_secret *master, const bsi_secret *password, bsi_buf *out)
{
    const bsi_repo_key_info info = {
        .created = {1600000000, 120000000, 7200},
        .username = bsi_slice_of("<me>"),
        .hostname = bsi_slice_of("here"),
        .cost = cheap,
    };

    bsi_buf_init(out, BSI_REPO_KEY_FILE_MAX);
    assert_ok(bsi_repo_key_file_write(master, password, &info, NULL, out));
}

static void assert_opens(const bsi_buf *file, const bsi_secret *password, const bsi_secret *master)
{
    bsi_secret *opened = NULL;

    assert_ok(bsi_repo_key_file_open(bsi_buf_slice(file), password, NULL, &opened));
    assert_int_equal(bsi_secret_size(opened), bsi_secret_size(master));
    assert_memory_equal(bsi_secret_view(opened), bsi_secret_view(master), bsi_secret_size(opened));
    bsi_secret_free(opened);
}

static void a_new_key_file_is_opened_by_its_password_alone(void **state)
{
    bsi_secret *password = secret_of("right");
    bsi_secret *wrong = secret_of("wrong");
    bsi_secret *master = NULL;
    bsi_secret *opened = NULL;
    bsi_buf file;

    (void)state;
    assert_ok(bsi_repo_master_key_new(&master));
    make_file(master, password, &file);
    assert_opens(&file, password, master);
    assert_status(bsi_repo_key_file_open(bsi_buf_slice(&file), wrong, NULL, &opened), BS_E_KEY);
    assert_status(bsi_repo_key_file_open(bsi_buf_slice(&file), NULL, NULL, &opened), BS_E_KEY);
    assert_null(opened);
    bsi_buf_dispose(&file);
    bsi_secret_free(master);
    bsi_secret_free(wrong);
    bsi_secret_free(password);
}

static void an_empty_password_is_one(void **state)
{
    bsi_secret *master = NULL;
    bsi_buf file;

    (void)state;
    assert_ok(bsi_repo_master_key_new(&master));
    make_file(master, NULL, &file);
    assert_opens(&file, NULL, master);
    bsi_buf_dispose(&file);
    bsi_secret_free(master);
}

/* The members, their order and their escapes; salt and data are as long as they must be. */
static void a_key_file_is_written_as_restic_does(void **state)
{
    static const char head[] = "{\"created\":\"2020-09-13T14:26:40.12+02:00\","
                               "\"username\":\"\\u003cme\\u003e\",\"hostname\":\"here\","
                               "\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\"";
    static const char middle[] = "==\",\"data\":\"";
    bsi_secret *master = NULL;
    bsi_buf file;

    (void)state;
    assert_ok(bsi_repo_master_key_new(&master));
    make_file(master, NULL, &file);
    assert_int_equal(file.size, strlen(head) + 86 + strlen(middle) + 216 + 2);
    assert_memory_equal(file.data, head, strlen(head));
    assert_memory_equal(file.data + strlen(head) + 86, middle, strlen(middle));
    assert_memory_equal(file.data + file.size - 2, "\"}", 2);
    bsi_buf_dispose(&file);
    bsi_secret_free(master);
}

#define SALT \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define COST "\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,"

static void what_is_no_key_file_is_refused(void **state)
{
    static const struct {
        const char *json;
        bs_status status;
    } cases[] = {
        {"", BS_E_CORRUPT},
        {"{}", BS_E_CORRUPT},
        {"[1]", BS_E_CORRUPT},
        {"{" COST "\"salt\":\"AAAA\",\"data\":\"AAAA\"}", BS_E_CORRUPT},
        {"{" COST "\"salt\":\"!\",\"data\":\"AAAA\"}", BS_E_CORRUPT},
        {"{" COST "\"salt\":\"" SALT "\"}", BS_E_CORRUPT},
        {"{" COST "\"salt\":\"" SALT "\",\"data\":\"AAAA\"}", BS_E_CORRUPT},
        {"{" COST "\"salt\":\"" SALT "\",\"data\":\"" SALT "\"}", BS_E_KEY},
        {"{" COST "\"salt\":\"" SALT "\",\"data\":\"" SALT "\"} {}", BS_E_CORRUPT},
        {"{\"kdf\":\"pbkdf2\"}", BS_E_CORRUPT},
        {"{\"kdf\":\"scrypt\",\"N\":3}", BS_E_CORRUPT},
        {"{\"kdf\":\"scrypt\",\"N\":0}", BS_E_CORRUPT},
        {"{\"kdf\":\"scrypt\",\"N\":-2}", BS_E_CORRUPT},
        {"{\"kdf\":\"scrypt\",\"r\":1,\"p\":1,\"salt\":\"" SALT "\"}", BS_E_CORRUPT},
        {"{\"kdf\":\"scrypt\",\"N\":1073741824,\"r\":8,\"p\":1,\"salt\":\"" SALT "\"}", BS_E_LIMIT},
        {"{\"kdf\":\"scrypt\",\"N\":2,\"r\":18446744073709551615,\"p\":1,\"salt\":\"" SALT "\"}",
         BS_E_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(cases); i++) {
        bsi_secret *master = NULL;
        print_message("# %s\n", cases[i].json);
        assert_status(bsi_repo_key_file_open(bsi_slice_of(cases[i].json), NULL, NULL, &master),
                      cases[i].status);
        assert_null(master);
    }
}

/* A key file whose envelope is authentic, around a text that is not a master key's. */
static bs_status open_around(const char *text)
{
    const uint8_t zeros[BSI_REPO_SALT_SIZE] = {0};
    const bsi_slice salt = {(const char *)zeros, sizeof(zeros)};
    bsi_secret *user = NULL;
    bsi_secret *master = NULL;
    uint8_t sealed[ROOM];
    bsi_buf file;
    bs_status status = BS_OK;

    bsi_buf_init(&file, ROOM);
    assert_ok(bsi_scrypt(NULL, salt, &cheap, BSI_CTR_POLY_KEY_SIZE, &user));
    assert_ok(bsi_ctr_poly_seal(user, text, strlen(text), sealed));
    assert_ok(bsi_buf_append_text(&file, "{" COST "\"salt\":\"" SALT "\",\"data\":\""));
    assert_ok(bsi_base64_encode(sealed, strlen(text) + BSI_CTR_POLY_OVERHEAD, &file));
    assert_ok(bsi_buf_append_text(&file, "\"}"));
    status = bsi_repo_key_file_open(bsi_buf_slice(&file), NULL, NULL, &master);
    bsi_buf_dispose(&file);
    bsi_secret_free(user);
    bsi_secret_free(master);
    return status;
}

#define ZEROS_16 "AAAAAAAAAAAAAAAAAAAAAA=="
#define ONES_16 "AQEBAQEBAQEBAQEBAQEBAQ=="
#define ONES_32 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static void a_master_key_must_be_whole(void **state)
{
    (void)state;
    assert_ok(open_around("{\"new\":{}, \"mac\":{\"r\":\"" ONES_16 "\",\"x\":1,\"k\":\"" ONES_16
                          "\"},\"encrypt\":\"" ONES_32 "\"}"));
    assert_status(open_around("{}"), BS_E_CORRUPT);
    assert_status(open_around("{\"mac\":{\"r\":\"" ONES_16 "\"},\"encrypt\":\"" ONES_32 "\"}"),
                  BS_E_CORRUPT);
    assert_status(open_around("{\"encrypt\":\"" ONES_16 "\"}"), BS_E_CORRUPT);
    assert_status(open_around("{\"mac\":{\"r\":\"" ONES_16 "\",\"k\":\"" ZEROS_16
                              "\"},\"encrypt\":\"" ONES_32 "\"}"),
                  BS_E_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_opens_what_restic_wrote),
        cmocka_unit_test(a_new_key_file_is_opened_by_its_password_alone),
        cmocka_unit_test(an_empty_password_is_one),
        cmocka_unit_test(a_key_file_is_written_as_restic_does),
        cmocka_unit_test(what_is_no_key_file_is_refused),
        cmocka_unit_test(a_master_key_must_be_whole),
    };

    return cmocka_run_group_tests_name("repo/key_file", tests, NULL, NULL);
}
