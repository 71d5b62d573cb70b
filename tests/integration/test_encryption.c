/* SPDX-License-Identifier: MIT */
/*
 * Encrypted backups through the public functions: who can read what, what a
 * request must bring, what builds on what, and the keys of backups that are there.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "engine_fixture.h"
#include "support/compare.h"
#include "support/crypto_keys.h"
#include "support/tree.h"

#define RAW_A "bsvc-key-1 aa0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define RAW_B "bsvc-key-1 bb0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static const char *const own_recipient[] = {TEST_RSA_PUBLIC, NULL};

static void put_file(const engine_fixture *engine, const char *name, size_t size, uint64_t seed)
{
    char *path = NULL;

    (void)mkdir(engine->source, 0700);
    assert_true(asprintf(&path, "%s/%s", engine->source, name) > 0);
    tree_write(path, size, seed);
    free(path);
}

static bs_backup_options aes(const engine_fixture *engine, const char *name, const char *key)
{
    bs_backup_options options = engine_options(engine, name);

    options.encryption = BS_ENCRYPTION_AES256;
    options.encryption_key = key;
    options.compression = BS_COMPRESSION_TAR_ZST;
    return options;
}

static bs_backup_options rsa(const engine_fixture *engine, const char *name)
{
    bs_backup_options options = engine_options(engine, name);

    options.encryption = BS_ENCRYPTION_RSA;
    options.recipients = own_recipient;
    options.compression = BS_COMPRESSION_TAR_ZST;
    return options;
}

/* With these settings instead, as pairs of name and value, ended by NULL. */
static void reopen_with(engine_fixture *engine, const char *const *settings)
{
    engine_close(engine);
    bs_config_free(engine->config);
    engine->config = NULL;
    assert_ok(bs_config_new(&engine->config));
    for (; settings && settings[0]; settings += 2) {
        assert_ok(bs_config_set(engine->config, settings[0], settings[1]));
    }
    engine_open(engine);
}

static void reopen(engine_fixture *engine)
{
    reopen_with(engine, NULL);
}

static void assert_note(engine_fixture *engine, const char *id, bs_backup_type type,
                        const char *words)
{
    bs_backup_info *info = engine_get(engine, id);

    assert_int_equal(info->backup_type, type);
    if (!strstr(info->note, words)) {
        fail_msg("'%s' is not in '%s'", words, info->note);
    }
    bs_backup_info_free(info);
}

static int take_nothing(void *user, const void *data, size_t size)
{
    (void)user;
    (void)data;
    (void)size;
    return 0;
}

static bs_status read_file(engine_fixture *engine, const char *id, const char *name)
{
    char path[600];

    (void)snprintf(path, sizeof(path), "%s/%s", engine->source, name);
    return bs_backup_read(engine->service, id, path, take_nothing, NULL);
}

static bs_status restore_with(engine_fixture *engine, const char *id, const char *key)
{
    bs_restore_options options = BS_RESTORE_OPTIONS_INIT;
    char restore_id[BS_ID_SIZE];

    options.backup_id = id;
    options.restore_path = engine->target;
    options.strip_source = true;
    options.encryption_key = key;
    BSI_TRY(bs_restore_start(engine->service, &options, restore_id));
    return bs_restore_wait(engine->service, restore_id, BS_FOREVER);
}

static bs_verify_info *verify(engine_fixture *engine, const char *id, bs_status expected)
{
    bs_verify_info *info = NULL;
    char verify_id[BS_ID_SIZE];

    assert_ok(bs_verify_start(engine->service, id, verify_id));
    assert_status(bs_verify_wait(engine->service, verify_id, BS_FOREVER), expected);
    assert_ok(bs_verify_get(engine->service, verify_id, &info));
    return info;
}

/* --- Requests --- */

static void refuse(engine_fixture *engine, const bs_backup_options *options, bs_status code,
                   const char *words)
{
    char id[BS_ID_SIZE];

    assert_status(bs_backup_start(engine->service, options, id), code);
    if (!strstr(bs_error_last()->message, words)) {
        fail_msg("'%s' is not in '%s'", words, bs_error_last()->message);
    }
    assert_null(strstr(bs_error_last()->message, "PRIVATE"));
}

static void a_request_needs_keys_of_its_encryption(void **state)
{
    static const char *const privates[] = {TEST_RSA_PRIVATE, NULL};
    static const char *const twice[] = {TEST_RSA_PUBLIC, TEST_RSA_PUBLIC, NULL};
    static const char *const phrase[] = {"canary pass phrase", NULL};
    static const char *const none[] = {NULL};
    engine_fixture *engine = *state;
    bs_backup_options options = aes(engine, "job", NULL);

    put_file(engine, "a", 10, 1);
    refuse(engine, &options, BS_E_KEY, "set ENCRYPTION_KEY");
    options.encryption_key = TEST_RSA_PUBLIC;
    refuse(engine, &options, BS_E_INVALID, "aes256 takes a pass phrase or a raw key");
    options.encryption_key = "";
    refuse(engine, &options, BS_E_INVALID, "encryption_key: the key is empty");
    options.encryption_key = "keyring:none";
    refuse(engine, &options, BS_E_NOT_FOUND, "no entry 'none'");
    options.encryption_key = RAW_A;
    options.recipients = own_recipient;
    refuse(engine, &options, BS_E_INVALID, "recipients: only rsa");
    options = rsa(engine, "job");
    options.recipients = none;
    refuse(engine, &options, BS_E_INVALID, "recipients: rsa needs");
    options.recipients = privates;
    refuse(engine, &options, BS_E_INVALID, "recipients[0]: this is a private key");
    options.recipients = twice;
    refuse(engine, &options, BS_E_INVALID, "recipients[1]: the same key is given twice");
    options.recipients = phrase;
    refuse(engine, &options, BS_E_INVALID, "recipients[0]: takes a public key");
    assert_null(strstr(bs_error_last()->message, "canary"));
    options.recipients = NULL;
    options.encryption_key = RAW_A;
    refuse(engine, &options, BS_E_INVALID, "encryption_key: takes a public key");
    options = aes(engine, "job", RAW_A);
    options.backup_type = BS_BACKUP_MIRROR;
    options.compression = BS_COMPRESSION_DEFAULT;
    refuse(engine, &options, BS_E_INVALID, "a mirror is a plain tree");
    options.backup_type = BS_BACKUP_FULL;
    options.encryption = BS_ENCRYPTION_NONE;
    refuse(engine, &options, BS_E_INVALID, "must be aes256 or rsa");
    options.encryption = (bs_encryption)7;
    refuse(engine, &options, BS_E_INVALID, "not the number 7");
}

static void settings_forbid_encryption_or_ask_for_it(void **state)
{
    static const char *const forbidden[] = {"ENCRYPTION_ENABLED", "false", NULL};
    static const char *const usual[] = {"DEFAULT_ENCRYPTION", "aes256", "ENCRYPTION_KEY",
                                        "a long enough phrase", NULL};
    engine_fixture *engine = *state;
    bs_backup_options options = aes(engine, "job", RAW_A);
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];

    put_file(engine, "a", 10, 1);
    reopen_with(engine, forbidden);
    refuse(engine, &options, BS_E_INVALID, "ENCRYPTION_ENABLED forbids it");
    options = engine_options(engine, "job");
    engine_backup(engine, &options, BS_OK, id);
    reopen_with(engine, usual);
    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    assert_int_equal(info->encryption, BS_ENCRYPTION_AES256);
    bs_backup_info_free(info);
    options.backup_type = BS_BACKUP_MIRROR;
    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    assert_int_equal(info->encryption, BS_ENCRYPTION_NONE);
    bs_backup_info_free(info);
}

/* --- Reading --- */

static void only_the_right_key_reads(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = aes(engine, "job", RAW_A);
    bs_verify_info *info = NULL;
    char id[BS_ID_SIZE];

    tree_build(engine->source, 0);
    assert_true(bs_backup_start(engine->service, &options, id) == BS_OK);
    assert_true(bs_backup_wait(engine->service, id, BS_FOREVER) >= 0);
    assert_status(restore_with(engine, id, RAW_B), BS_E_KEY);
    assert_non_null(strstr(bs_error_last()->message, "none of the known keys opens backup"));
    assert_null(strstr(bs_error_last()->message, "bb0102"));
    assert_int_not_equal(access(engine->target, F_OK), 0); /* Nothing was put in place. */
    assert_status(restore_with(engine, id, TEST_RSA_PUBLIC), BS_E_KEY);
    assert_status(restore_with(engine, id, NULL), BS_E_KEY);
    info = verify(engine, id, BS_PARTIAL);
    assert_true(info->is_locked);
    assert_int_equal(info->files_processed, 0);
    bs_verify_info_free(info);
    assert_ok(bs_key_unlock(engine->service, RAW_A, NULL));
    engine_restore(engine, id);
    assert_true(compare_trees(engine->source, engine->target, COMPARE_NO_TOP));
}

/* Bytes of a container as they come. */
typedef struct taken {
    unsigned char bytes[65536];
    size_t size;
} taken;

static int take(void *user, const void *data, size_t size)
{
    taken *self = user;

    if (size > sizeof(self->bytes) - self->size) {
        return 1;
    }
    memcpy(self->bytes + self->size, data, size);
    self->size += size;
    return 0;
}

static void a_download_is_the_plain_container_in_any_range(void **state)
{
    static taken whole;
    static taken part;
    engine_fixture *engine = *state;
    bs_backup_options options = aes(engine, "job", RAW_A);
    char id[BS_ID_SIZE];

    options.compression = BS_COMPRESSION_NONE;
    put_file(engine, "a", 30000, 1);
    engine_backup(engine, &options, BS_OK, id);
    assert_status(bs_backup_download(engine->service, id, 0, UINT64_MAX, take, &whole), BS_E_KEY);
    assert_ok(bs_key_unlock(engine->service, RAW_A, NULL));
    whole.size = 0;
    assert_ok(bs_backup_download(engine->service, id, 0, UINT64_MAX, take, &whole));
    assert_in_range(whole.size, 30000, 60000);
    assert_memory_equal(whole.bytes + 257, "ustar", 5);
    for (size_t offset = 0; offset < whole.size; offset += 4999) {
        part.size = 0;
        assert_ok(bs_backup_download(engine->service, id, offset, 7000, take, &part));
        assert_int_equal(part.size, whole.size - offset < 7000 ? whole.size - offset : 7000);
        assert_memory_equal(part.bytes, whole.bytes + offset, part.size);
    }
    assert_status(bs_backup_download(engine->service, id, whole.size + 1, 1, take, &part),
                  BS_E_RANGE);
}

/* --- What builds on what --- */

static void one_key_restores_a_whole_chain(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = aes(engine, "job", RAW_A);
    char id[BS_ID_SIZE];

    put_file(engine, "a", 1000, 1);
    engine_backup(engine, &options, BS_OK, id);
    put_file(engine, "b", 1000, 2);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    engine_backup(engine, &options, BS_OK, id);
    assert_note(engine, id, BS_BACKUP_INCREMENTAL, "");
    options.encryption_key = RAW_B;
    engine_backup(engine, &options, BS_OK, id);
    assert_note(engine, id, BS_BACKUP_FULL, "it is encrypted for other keys");
    options.encryption = BS_ENCRYPTION_NONE;
    options.encryption_key = NULL;
    engine_backup(engine, &options, BS_OK, id);
    assert_note(engine, id, BS_BACKUP_FULL, "its encryption is aes256, not none");
    options = aes(engine, "job", RAW_B);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    engine_backup(engine, &options, BS_OK, id);
    assert_note(engine, id, BS_BACKUP_FULL, "its encryption is none, not aes256");
    options.backup_type = BS_BACKUP_DIFFERENTIAL;
    engine_backup(engine, &options, BS_OK, id);
    assert_note(engine, id, BS_BACKUP_DIFFERENTIAL, "");
    assert_ok(restore_with(engine, id, RAW_B));
}

static void a_machine_that_only_writes_builds_on_its_own_copies(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = rsa(engine, "job");
    char command[700];
    char id[BS_ID_SIZE];

    put_file(engine, "a", 1000, 1);
    engine_backup(engine, &options, BS_OK, id);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    put_file(engine, "b", 1000, 2);
    engine_backup(engine, &options, BS_OK, id);
    assert_note(engine, id, BS_BACKUP_INCREMENTAL, "");
    assert_status(read_file(engine, id, "a"), BS_E_KEY);
    assert_status(read_file(engine, id, "b"), BS_E_KEY);
    assert_ok(restore_with(engine, id, TEST_RSA_PRIVATE));
    reopen(engine);
    (void)snprintf(command, sizeof(command), "rm -rf '%s/bases'", engine->state);
    assert_int_equal(system(command), 0);
    engine_backup(engine, &options, BS_OK, id);
    assert_note(engine, id, BS_BACKUP_FULL, "cannot be used");
}

static void removing_needs_no_key(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = rsa(engine, "job");
    char command[1300];
    char id[BS_ID_SIZE];
    uint64_t removed = 0;

    put_file(engine, "a", 1000, 1);
    engine_backup(engine, &options, BS_OK, id);
    options = aes(engine, "other", RAW_A);
    engine_backup(engine, &options, BS_OK, id);
    reopen(engine);
    assert_ok(bs_backup_delete(engine->service, "latest:job", false, &removed));
    assert_ok(bs_backup_delete(engine->service, "latest:other", false, &removed));
    (void)snprintf(command, sizeof(command), "test -z \"$(find '%s/storage' '%s/bases' -type f)\"",
                   engine->state, engine->state);
    assert_int_equal(system(command), 0);
}

static void a_catalogue_is_made_anew_without_keys_and_better_with_them(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = aes(engine, "job", RAW_A);
    bs_rebuild_report report = {0};
    bs_backup_info *before = NULL;
    bs_backup_info *after = NULL;
    char id[BS_ID_SIZE];

    put_file(engine, "a", 1000, 1);
    options.metadata = "{\"k\":1}";
    engine_backup(engine, &options, BS_OK, id);
    before = engine_get(engine, id);
    reopen(engine);
    assert_ok(bs_catalog_rebuild(engine->service, &report));
    assert_int_equal(report.backups, 1);
    assert_int_equal(report.locked, 1);
    assert_int_equal(report.unreadable, 0);
    after = engine_get(engine, id);
    assert_string_equal(after->name, "job");
    assert_int_equal(after->encryption, BS_ENCRYPTION_AES256);
    assert_int_equal(after->backup_size, before->backup_size);
    assert_string_equal(after->created_at, before->created_at);
    assert_non_null(strstr(after->note, "without its key"));
    bs_backup_info_free(after);
    assert_ok(bs_key_unlock(engine->service, RAW_A, NULL));
    assert_ok(bs_catalog_rebuild(engine->service, &report));
    assert_int_equal(report.locked, 0);
    after = engine_get(engine, id);
    assert_string_equal(after->metadata, before->metadata);
    assert_string_equal(after->source_paths[0], engine->source);
    assert_int_equal(after->files_processed, before->files_processed);
    assert_string_equal(after->note, before->note);
    bs_backup_info_free(after);
    bs_backup_info_free(before);
    assert_ok(read_file(engine, id, "a"));
}

/* --- Signatures --- */

static void a_verification_says_whose_the_backup_is(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = rsa(engine, "job");
    bs_keyring_info *keys = NULL;
    bs_verify_info *info = NULL;
    char command[1300];
    char signer[BS_SIGNER_SIZE];
    char id[BS_ID_SIZE];

    put_file(engine, "a", 1000, 1);
    engine_backup(engine, &options, BS_OK, id);
    assert_ok(bs_key_unlock(engine->service, TEST_RSA_PRIVATE, NULL));
    assert_ok(bs_keyring_list(engine->service, &keys));
    memcpy(signer, keys->signing_key, sizeof(signer));
    bs_keyring_info_free(keys);
    info = verify(engine, id, BS_OK);
    assert_string_equal(info->signer, signer);
    assert_string_equal(info->signer_name, "this service");
    bs_verify_info_free(info);

    /* Another machine has the storage and the private key, but not this service's state. */
    engine_close(engine);
    (void)snprintf(command, sizeof(command), "rm '%s/signing.key' '%s/signers'", engine->state,
                   engine->state);
    assert_int_equal(system(command), 0);
    engine_open(engine);
    assert_ok(bs_key_unlock(engine->service, TEST_RSA_PRIVATE, NULL));
    info = verify(engine, id, BS_PARTIAL);
    assert_string_equal(info->signer, signer);
    assert_string_equal(info->signer_name, "");
    bs_verify_info_free(info);
    assert_ok(bs_signer_trust(engine->service, signer, "the old machine"));
    info = verify(engine, id, BS_OK);
    assert_string_equal(info->signer_name, "the old machine");
    bs_verify_info_free(info);
}

/* --- Keys of backups that are there --- */

static size_t count_slots(engine_fixture *engine, const char *id)
{
    bs_slots_info *info = NULL;
    size_t count = 0;

    assert_ok(bs_backup_slots(engine->service, id, &info));
    count = info->slots_count;
    bs_slots_info_free(info);
    return count;
}

static void slots_come_and_go_over_a_whole_name(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = aes(engine, "job", RAW_A);
    bs_slot_options slot = BS_SLOT_OPTIONS_INIT;
    bs_slot_report report;
    bs_slots_info *info = NULL;
    char ids[2][BS_ID_SIZE];

    put_file(engine, "a", 1000, 1);
    engine_backup(engine, &options, BS_OK, ids[0]);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    engine_backup(engine, &options, BS_OK, ids[1]);
    slot.name = "job";
    slot.key = RAW_B;
    slot.label = "Anna's";
    assert_status(bs_backup_slot_add(engine->service, &slot, &report), BS_E_KEY);
    assert_int_equal(report.failed, 2);
    assert_ok(bs_key_unlock(engine->service, RAW_A, NULL));
    assert_ok(bs_backup_slot_add(engine->service, &slot, &report));
    assert_int_equal(report.changed, 2);
    assert_ok(bs_backup_slot_add(engine->service, &slot, &report));
    assert_int_equal(report.unchanged, 2);
    assert_ok(bs_backup_slots(engine->service, ids[0], &info));
    assert_int_equal(info->slots_count, 2);
    assert_int_equal(info->slots[1].kind, BS_KEY_RAW);
    assert_string_equal(info->slots[1].label, "Anna's");
    assert_int_equal(strlen(info->slots[1].fingerprint), BS_FINGERPRINT_SIZE - 1);
    bs_slots_info_free(info);
    slot = (bs_slot_options)BS_SLOT_OPTIONS_INIT;
    slot.name = "job";
    slot.old_key = RAW_A;
    reopen(engine); /* Forgets what was unlocked. */
    assert_status(bs_backup_slot_remove(engine->service, &slot, &report), BS_E_NEEDED);
    assert_int_equal(count_slots(engine, ids[0]), 2);
    assert_ok(bs_key_unlock(engine->service, RAW_B, NULL));
    assert_ok(bs_backup_slot_remove(engine->service, &slot, &report));
    assert_int_equal(report.changed, 2);
    assert_status(restore_with(engine, ids[1], RAW_A), BS_OK); /* RAW_B is unlocked. */
    reopen(engine);
    assert_status(restore_with(engine, ids[1], RAW_A), BS_E_KEY);
    assert_true(restore_with(engine, ids[1], RAW_B) >= 0);
}

static void the_last_slot_stays(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = aes(engine, "job", RAW_A);
    bs_slot_options slot = BS_SLOT_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    put_file(engine, "a", 1000, 1);
    engine_backup(engine, &options, BS_OK, id);
    assert_ok(bs_key_unlock(engine->service, RAW_A, NULL));
    slot.backup_id = id;
    slot.number = 1;
    assert_status(bs_backup_slot_remove(engine->service, &slot, NULL), BS_E_NEEDED);
    slot.number = 9;
    assert_status(bs_backup_slot_remove(engine->service, &slot, NULL), BS_E_NOT_FOUND);
    assert_int_equal(count_slots(engine, id), 1);
    assert_ok(read_file(engine, id, "a"));
}

static void a_key_takes_the_place_of_another(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = aes(engine, "job", RAW_A);
    bs_slot_options slot = BS_SLOT_OPTIONS_INIT;
    bs_slot_report report;
    char id[BS_ID_SIZE];

    put_file(engine, "a", 1000, 1);
    engine_backup(engine, &options, BS_OK, id);
    slot.backup_id = id;
    slot.old_key = RAW_A;
    slot.key = RAW_A;
    assert_ok(bs_backup_slot_change(engine->service, &slot, &report));
    assert_int_equal(report.unchanged, 1);
    slot.key = TEST_RSA_PUBLIC;
    assert_status(bs_backup_slot_change(engine->service, &slot, &report), BS_E_INVALID);
    slot.key = RAW_B;
    assert_ok(bs_backup_slot_change(engine->service, &slot, &report));
    assert_int_equal(report.changed, 1);
    assert_status(bs_backup_slot_change(engine->service, &slot, &report), BS_E_KEY);
    assert_ok(bs_key_unlock(engine->service, RAW_B, NULL));
    assert_ok(bs_backup_slot_change(engine->service, &slot, &report)); /* Done before. */
    assert_int_equal(report.unchanged, 1);
    assert_int_equal(count_slots(engine, id), 1);
}

static void options_of_slots_are_checked(void **state)
{
    static const struct {
        bs_slot_options options;
        const char *words;
    } cases[] = {
        {{.key = RAW_A}, "backup_id, name: exactly one"},
        {{.key = RAW_A, .name = "a", .backup_id = "b"}, "backup_id, name: exactly one"},
        {{.name = "a"}, "key: is missing"},
        {{.name = "a", .key = RAW_A, .old_key = RAW_B}, "old_key, number: are not used"},
    };
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "plain");
    bs_slot_options slot = BS_SLOT_OPTIONS_INIT;
    bs_slots_info *info = NULL;
    char id[BS_ID_SIZE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        slot = cases[i].options;
        slot.struct_size = sizeof(slot);
        assert_status(bs_backup_slot_add(engine->service, &slot, NULL), BS_E_INVALID);
        assert_non_null(strstr(bs_error_last()->message, cases[i].words));
    }
    slot = (bs_slot_options){.struct_size = sizeof(slot), .name = "a", .number = 1};
    assert_status(bs_backup_slot_remove(engine->service, &slot, NULL), BS_E_INVALID);
    put_file(engine, "a", 10, 1);
    engine_backup(engine, &options, BS_OK, id);
    slot = (bs_slot_options){.struct_size = sizeof(slot), .backup_id = id, .key = RAW_A};
    assert_status(bs_backup_slot_add(engine->service, &slot, NULL), BS_E_NOT_FOUND);
    assert_status(bs_backup_slots(engine->service, id, &info), BS_E_NOT_FOUND);
    slot = (bs_slot_options){.struct_size = sizeof(slot), .name = "plain", .key = RAW_A};
    assert_status(bs_backup_slot_add(engine->service, &slot, NULL), BS_E_NOT_FOUND);
}

/* --- Secrets --- */

static void a_command_does_not_inherit_keys(void **state)
{
    static const char *const argv[] = {"env", NULL};
    static taken text;
    engine_fixture *engine = *state;
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    assert_int_equal(setenv("BSI_TEST_KEY", RAW_A, 1), 0);
    assert_int_equal(setenv("ENCRYPTION_KEY", "a secret that is inherited", 1), 0);
    assert_int_equal(setenv("BSI_TEST_OTHER", "seen", 1), 0);
    options.name = "job";
    options.source_command = argv;
    options.source_name = "out";
    options.encryption = BS_ENCRYPTION_AES256;
    options.encryption_key = "env:BSI_TEST_KEY";
    engine_backup(engine, &options, BS_OK, id);
    assert_ok(bs_key_unlock(engine->service, "env:BSI_TEST_KEY", NULL));
    text.size = 0;
    assert_ok(bs_backup_read(engine->service, id, "out", take, &text));
    assert_non_null(memmem(text.bytes, text.size, "BSI_TEST_OTHER=seen", 19));
    assert_null(memmem(text.bytes, text.size, "bsvc-key-1", 10));
    assert_null(memmem(text.bytes, text.size, "ENCRYPTION_KEY", 14));
    assert_int_equal(unsetenv("ENCRYPTION_KEY"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, engine_setup, engine_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_request_needs_keys_of_its_encryption),
        TEST(settings_forbid_encryption_or_ask_for_it),
        TEST(only_the_right_key_reads),
        TEST(a_download_is_the_plain_container_in_any_range),
        TEST(one_key_restores_a_whole_chain),
        TEST(a_machine_that_only_writes_builds_on_its_own_copies),
        TEST(removing_needs_no_key),
        TEST(a_catalogue_is_made_anew_without_keys_and_better_with_them),
        TEST(a_verification_says_whose_the_backup_is),
        TEST(slots_come_and_go_over_a_whole_name),
        TEST(the_last_slot_stays),
        TEST(a_key_takes_the_place_of_another),
        TEST(options_of_slots_are_checked),
        TEST(a_command_does_not_inherit_keys),
    };

    return cmocka_run_group_tests_name("encryption", tests, NULL, NULL);
}
