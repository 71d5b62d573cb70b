/* SPDX-License-Identifier: MIT */
/*
 * What a service keeps of keys, through the public functions: the settings' key,
 * the keyring, its master key, signers, new keys in files.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine_fixture.h"
#include "support/crypto_keys.h"

#define CANARY "canary-pass-phrase-7f3a"

/* A file with text in it below the test's directory; its name with "file:" in front. */
static const char *key_file(const engine_fixture *engine, const char *name, const char *text)
{
    static char reference[400];
    FILE *file = NULL;

    (void)snprintf(reference, sizeof(reference), "file:%s/%s", engine->dir->path, name);
    (void)unlink(reference + 5);
    file = fopen(reference + 5, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    assert_int_equal(fclose(file), 0);
    return reference;
}

static const char *new_raw_key(const engine_fixture *engine, const char *name)
{
    static char reference[400];
    bs_key_options options = BS_KEY_OPTIONS_INIT;

    (void)snprintf(reference, sizeof(reference), "file:%s/%s", engine->dir->path, name);
    options.kind = BS_KEY_RAW;
    options.path = reference + 5;
    assert_ok(bs_key_generate(&options, NULL));
    return reference;
}

/* Open with settings given as pairs of name and value, ended by NULL. */
static bs_status open_with(engine_fixture *engine, const char *const *settings,
                           bs_master_key_cb callback, void *user)
{
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    bs_config *config = NULL;
    bs_status status = BS_OK;

    assert_ok(bs_config_new(&config));
    for (; settings && settings[0]; settings += 2) {
        assert_ok(bs_config_set(config, settings[0], settings[1]));
    }
    options.state_path = engine->state;
    options.config = config;
    options.master_key_cb = callback;
    options.master_key_user = user;
    status = bs_service_open(&options, &engine->service);
    bs_config_free(config);
    return status;
}

/* Anew, with a raw key in a file as ENCRYPTION_KEY_FILE. */
static void open_with_key(engine_fixture *engine, const char *reference)
{
    const char *const settings[] = {"ENCRYPTION_KEY_FILE", reference + 5, NULL};

    engine_close(engine);
    assert_ok(open_with(engine, settings, NULL, NULL));
}

static bs_keyring_info *list(engine_fixture *engine)
{
    bs_keyring_info *info = NULL;

    assert_ok(bs_keyring_list(engine->service, &info));
    return info;
}

static void the_keyring_keeps_what_is_put_there(void **state)
{
    engine_fixture *engine = *state;
    bs_keyring_info *info = NULL;
    char master[400];
    char *json = NULL;

    (void)snprintf(master, sizeof(master), "%s", new_raw_key(engine, "master"));
    open_with_key(engine, master);
    assert_ok(bs_keyring_add(engine->service, "nightly", CANARY, NULL));
    assert_ok(bs_keyring_add(engine->service, "mine", TEST_RSA_PRIVATE, NULL));
    assert_ok(bs_keyring_add(engine->service, "theirs", TEST_RSA_PUBLIC, NULL));
    assert_status(bs_keyring_add(engine->service, "mine", "x", NULL), BS_E_EXISTS);
    assert_status(bs_keyring_add(engine->service, "no/name", "x", NULL), BS_E_INVALID);
    open_with_key(engine, master);
    info = list(engine);
    assert_int_equal(info->entries_count, 3);
    assert_string_equal(info->entries[0].name, "nightly");
    assert_int_equal(info->entries[0].kind, BS_KEY_PASSPHRASE);
    assert_string_equal(info->entries[0].fingerprint, "");
    assert_true(info->entries[1].can_open);
    assert_false(info->entries[2].can_open);
    assert_string_equal(info->entries[1].fingerprint, info->entries[2].fingerprint);
    assert_int_equal(strlen(info->signing_key), 64); /* The audit log is signed. */
    assert_ok(bs_keyring_info_to_json(info, &json));
    assert_non_null(strstr(json, "\"name\":\"nightly\",\"kind\":\"passphrase\""));
    assert_null(strstr(json, CANARY));
    bs_free(json);
    bs_keyring_info_free(info);
    assert_ok(bs_keyring_remove(engine->service, "mine"));
    assert_status(bs_keyring_remove(engine->service, "mine"), BS_E_NOT_FOUND);
    info = list(engine);
    assert_int_equal(info->entries_count, 2);
    bs_keyring_info_free(info);
}

static void without_a_master_key_there_is_no_keyring(void **state)
{
    engine_fixture *engine = *state;
    bs_keyring_info *info = NULL;
    char master[400];

    assert_status(bs_keyring_add(engine->service, "a", CANARY, NULL), BS_E_KEY);
    assert_non_null(strstr(bs_error_last()->message, "set ENCRYPTION_KEY"));
    assert_null(strstr(bs_error_last()->message, CANARY));
    info = list(engine);
    assert_int_equal(info->entries_count, 0);
    bs_keyring_info_free(info);
    (void)snprintf(master, sizeof(master), "%s", new_raw_key(engine, "master"));
    open_with_key(engine, master);
    assert_ok(bs_keyring_add(engine->service, "a", CANARY, NULL));
    engine_close(engine);
    engine_open(engine);
    assert_status(bs_keyring_list(engine->service, &info), BS_E_KEY);
    open_with_key(engine, new_raw_key(engine, "other"));
    assert_status(bs_keyring_list(engine->service, &info), BS_E_KEY);
    assert_non_null(strstr(bs_error_last()->message, "another ENCRYPTION_KEY"));
    assert_status(bs_keyring_add(engine->service, "b", "x", NULL), BS_E_KEY);
}

static void a_rotated_keyring_wants_the_new_master_key(void **state)
{
    engine_fixture *engine = *state;
    bs_keyring_info *info = NULL;
    char old[400];
    char fresh[400];

    (void)snprintf(old, sizeof(old), "%s", new_raw_key(engine, "old"));
    (void)snprintf(fresh, sizeof(fresh), "%s", new_raw_key(engine, "fresh"));
    open_with_key(engine, old);
    assert_ok(bs_keyring_add(engine->service, "a", CANARY, NULL));
    assert_status(bs_keyring_rotate(engine->service, TEST_RSA_PUBLIC), BS_E_KEY);
    assert_ok(bs_keyring_rotate(engine->service, fresh));
    assert_ok(bs_keyring_add(engine->service, "b", "x", NULL));
    open_with_key(engine, old);
    assert_status(bs_keyring_list(engine->service, &info), BS_E_KEY);
    open_with_key(engine, fresh);
    info = list(engine);
    assert_int_equal(info->entries_count, 2);
    bs_keyring_info_free(info);
}

/* --- The program's own master key --- */

typedef struct vault_of_program {
    const char *key;
    unsigned asked;
} vault_of_program;

static int give_master(void *user, void *buf, size_t size, size_t *size_out)
{
    vault_of_program *self = user;

    self->asked++;
    if (!self->key || strlen(self->key) > size) {
        return 1;
    }
    memcpy(buf, self->key, strlen(self->key));
    *size_out = strlen(self->key);
    return 0;
}

static void the_program_can_give_the_master_key(void **state)
{
    static const char key[] =
        "bsvc-key-1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    engine_fixture *engine = *state;
    vault_of_program program = {0};
    bs_keyring_info *info = NULL;

    engine_close(engine);
    assert_ok(open_with(engine, NULL, give_master, &program));
    assert_int_equal(program.asked, 0);
    assert_status(bs_keyring_add(engine->service, "a", CANARY, NULL), BS_E_CALLBACK);
    program.key = key;
    assert_ok(bs_keyring_add(engine->service, "a", CANARY, NULL));
    assert_int_equal(program.asked, 2);
    info = list(engine);
    assert_int_equal(info->entries_count, 1);
    assert_int_equal(program.asked, 2);
    bs_keyring_info_free(info);
}

/* --- Settings --- */

static void the_settings_key_is_checked_when_the_service_opens(void **state)
{
    engine_fixture *engine = *state;
    char path[400];

    engine_close(engine);
    (void)snprintf(path, sizeof(path), "%s", key_file(engine, "short", "0123456789a\n"));
    {
        const char *const settings[] = {"ENCRYPTION_KEY_FILE", path + 5, NULL};
        assert_status(open_with(engine, settings, NULL, NULL), BS_E_INVALID);
        assert_non_null(strstr(bs_error_last()->message, "ENCRYPTION_KEY_FILE: "));
        assert_non_null(strstr(bs_error_last()->message, "at least 12"));
        assert_null(strstr(bs_error_last()->message, "0123456789a"));
    }
    {
        const char *const settings[] = {"ENCRYPTION_KEY", "file:/none/such", NULL};
        assert_status(open_with(engine, settings, NULL, NULL), BS_E_NOT_FOUND);
        assert_non_null(strstr(bs_error_last()->message, "ENCRYPTION_KEY: "));
    }
    (void)snprintf(path, sizeof(path), "%s", key_file(engine, "rsa", TEST_RSA_PRIVATE));
    {
        const char *const settings[] = {"ENCRYPTION_KEY", path, NULL};
        assert_status(open_with(engine, settings, NULL, NULL), BS_E_INVALID);
        assert_non_null(strstr(bs_error_last()->message, "no RSA"));
    }
    {
        const char *const settings[] = {"ENCRYPTION_KEY", "a long enough phrase",
                                        "ENCRYPTION_KEY_FILE", path + 5, NULL};
        assert_status(open_with(engine, settings, NULL, NULL), BS_E_INVALID);
        assert_non_null(strstr(bs_error_last()->message, "only one of the two"));
    }
    {
        const char *const settings[] = {"ENCRYPTION_KEY", "your_encryption_key", NULL};
        assert_ok(open_with(engine, settings, NULL, NULL));
        assert_status(bs_keyring_add(engine->service, "a", "x", NULL), BS_E_KEY);
    }
}

static void short_keys_are_refused_by_the_setting(void **state)
{
    bs_config *config = NULL;

    (void)state;
    assert_ok(bs_config_new(&config));
    assert_status(bs_config_set(config, "ENCRYPTION_KEY", "0123456789a"), BS_E_INVALID);
    assert_null(strstr(bs_error_last()->message, "0123456789a"));
    assert_ok(bs_config_set(config, "ENCRYPTION_KEY", "0123456789ab"));
    assert_string_equal(bs_config_get(config, "ENCRYPTION_KEY"), "0123456789ab");
    assert_ok(bs_config_set(config, "ENCRYPTION_KEY", "file:/k"));
    assert_ok(bs_config_set(config, "ENCRYPTION_KEY", "your_encryption_key"));
    assert_null(bs_config_get(config, "ENCRYPTION_KEY"));
    bs_config_free(config);
}

/* --- Unlocking --- */

static void only_keys_that_open_can_be_unlocked(void **state)
{
    engine_fixture *engine = *state;

    assert_ok(bs_key_unlock(engine->service, "a pass phrase", NULL));
    assert_ok(bs_key_unlock(engine->service, TEST_RSA_PRIVATE, NULL));
    assert_status(bs_key_unlock(engine->service, TEST_RSA_PUBLIC, NULL), BS_E_KEY);
    assert_non_null(strstr(bs_error_last()->message, "private key is needed"));
    assert_status(bs_key_unlock(engine->service, "keyring:none", NULL), BS_E_NOT_FOUND);
    assert_status(bs_key_unlock(engine->service, "", NULL), BS_E_INVALID);
    assert_status(bs_key_unlock(engine->service, "-----BEGIN NONSENSE", NULL), BS_E_INVALID);
}

static void encrypted_keys_want_their_own_pass_phrase(void **state)
{
    engine_fixture *engine = *state;
    bs_key_options options = BS_KEY_OPTIONS_INIT;
    char fingerprint[BS_FINGERPRINT_SIZE] = "";
    char reference[400];
    char phrase[400];
    bs_keyring_info *info = NULL;

    (void)snprintf(reference, sizeof(reference), "file:%s/rsa", engine->dir->path);
    (void)snprintf(phrase, sizeof(phrase), "%s", key_file(engine, "phrase", CANARY "\n"));
    options.kind = BS_KEY_RSA;
    options.path = reference + 5;
    options.bits = 3072;
    options.passphrase = phrase;
    assert_ok(bs_key_generate(&options, fingerprint));
    assert_int_equal(strlen(fingerprint), BS_FINGERPRINT_SIZE - 1);
    assert_status(bs_key_generate(&options, NULL), BS_E_EXISTS);
    assert_status(bs_key_unlock(engine->service, reference, NULL), BS_E_KEY);
    assert_status(bs_key_unlock(engine->service, reference, "not this one"), BS_E_KEY);
    assert_null(strstr(bs_error_last()->message, "not this one"));
    assert_ok(bs_key_unlock(engine->service, reference, phrase));
    open_with_key(engine, new_raw_key(engine, "master"));
    assert_ok(bs_keyring_add(engine->service, "rsa", reference, phrase));
    info = list(engine);
    assert_true(info->entries[0].can_open);
    assert_string_equal(info->entries[0].fingerprint, fingerprint);
    bs_keyring_info_free(info);
}

static void new_keys_are_whole_and_private(void **state)
{
    engine_fixture *engine = *state;
    bs_key_options options = BS_KEY_OPTIONS_INIT;
    char path[400];
    struct stat info;

    (void)snprintf(path, sizeof(path), "%s/made", engine->dir->path);
    assert_status(bs_key_generate(&options, NULL), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "kind: takes raw or rsa"));
    assert_non_null(strstr(bs_error_last()->message, "path: is missing"));
    options.kind = BS_KEY_RAW;
    options.path = path;
    options.bits = 4096;
    assert_status(bs_key_generate(&options, NULL), BS_E_INVALID);
    options.bits = 0;
    assert_ok(bs_key_generate(&options, NULL));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_status(bs_key_generate(&options, NULL), BS_E_EXISTS);
    options.path = "/none/such/folder/key";
    assert_status(bs_key_generate(&options, NULL), BS_E_NOT_FOUND);
}

/* --- Signers --- */

/* How many are not the service's own; *at: where the last of them is. */
static size_t other_signers(const bs_keyring_info *info, size_t *at)
{
    size_t count = 0;

    for (size_t i = 0; i < info->signers_count; i++) {
        if (!info->signers[i].is_own) {
            *at = i;
            count++;
        }
    }
    return count;
}

static void signers_are_known_by_name_until_they_are_forgotten(void **state)
{
    static const char key[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    engine_fixture *engine = *state;
    bs_keyring_info *info = NULL;
    size_t other = 0;

    assert_status(bs_signer_trust(engine->service, "no key", "x"), BS_E_INVALID);
    assert_status(bs_signer_trust(engine->service, key, "two\nlines"), BS_E_INVALID);
    assert_status(bs_signer_forget(engine->service, key), BS_E_NOT_FOUND);
    assert_ok(bs_signer_trust(engine->service, key, "old name"));
    assert_ok(bs_signer_trust(engine->service, key, "the laptop"));
    engine_close(engine);
    engine_open(engine);
    info = list(engine);
    assert_int_equal(other_signers(info, &other), 1);
    assert_string_equal(info->signers[other].public_key, key);
    assert_string_equal(info->signers[other].name, "the laptop");
    bs_keyring_info_free(info);
    assert_ok(bs_signer_forget(engine->service, key));
    info = list(engine);
    assert_int_equal(other_signers(info, &other), 0);
    bs_keyring_info_free(info);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_keyring_keeps_what_is_put_there),
        TEST(without_a_master_key_there_is_no_keyring),
        TEST(a_rotated_keyring_wants_the_new_master_key),
        TEST(the_program_can_give_the_master_key),
        TEST(the_settings_key_is_checked_when_the_service_opens),
        TEST(short_keys_are_refused_by_the_setting),
        TEST(only_keys_that_open_can_be_unlocked),
        TEST(encrypted_keys_want_their_own_pass_phrase),
        TEST(new_keys_are_whole_and_private),
        TEST(signers_are_known_by_name_until_they_are_forgotten),
    };

    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
