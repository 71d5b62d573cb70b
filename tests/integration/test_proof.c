/* SPDX-License-Identifier: MIT */
/*
 * BACKUP_VERIFICATION_ENABLED, on a storage that damages what it is given.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine_fixture.h"
#include "storage/drivers/drivers.h"
#include "support/crypto_keys.h"
#include "support/tree.h"

/* --- The storage: "mem", with one bit of one object wrong --- */

typedef struct rot {
    const char *part;       /* Stands in the keys of objects that are damaged; NULL: none are. */
    void *upload;           /* The one that is to be. */
    void *storage;          /* The driver's own, of the one that is open. */
    engine_fixture *cancel; /* When something is read, its newest backup is cancelled. */
} rot;

static rot state_of_rot;
static const bs_storage_ops *sound;

static bs_status rot_open(void *self, const bs_call *call, const bs_storage_settings *settings)
{
    state_of_rot.storage = self;
    return sound->open(self, call, settings);
}

static bs_status rot_begin(void *self, const bs_call *call, const char *key,
                           const bs_storage_put_options *options, void **upload_out)
{
    const bs_status status = sound->put_begin(self, call, key, options, upload_out);

    if (status >= 0 && state_of_rot.part && strstr(key, state_of_rot.part)) {
        state_of_rot.upload = *upload_out;
    }
    return status;
}

static bs_status rot_write(void *self, const bs_call *call, void *upload, const void *data,
                           size_t size)
{
    uint8_t *copy = NULL;
    bs_status status = BS_OK;

    if (upload != state_of_rot.upload || size < 100) {
        return sound->put_write(self, call, upload, data, size);
    }
    state_of_rot.upload = NULL;
    copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    copy[size / 2] ^= 0x10;
    status = sound->put_write(self, call, upload, copy, size);
    free(copy);
    return status;
}

static void cancel_newest(bs_service *service)
{
    bs_backup_page *page = NULL;

    assert_ok(bs_backup_list(service, NULL, &page));
    assert_ok(bs_backup_cancel(service, page->items[0]->id));
    bs_backup_page_free(page);
}

static bs_status rot_read(void *self, const bs_call *call, const char *key, uint64_t offset,
                          void *buf, size_t size)
{
    if (state_of_rot.cancel) {
        cancel_newest(state_of_rot.cancel->service);
    }
    return sound->read(self, call, key, offset, buf, size);
}

static bs_status count_object(void *user, const char *key, const bs_storage_object *object)
{
    (void)key;
    (void)object;
    ++*(size_t *)user;
    return BS_OK;
}

static size_t count_objects(void)
{
    size_t count = 0;

    assert_ok(sound->list(state_of_rot.storage, NULL, "", count_object, &count));
    return count;
}

static bs_storage_ops rot_ops;
static const bs_storage_driver rot_driver = {
    .struct_size = sizeof(bs_storage_driver),
    .scheme = "rot",
    .help = "Objects in memory, of which some are damaged.",
    .ops = &rot_ops,
};

static int register_rot(void **state)
{
    (void)state;
    sound = bsi_storage_driver_mem.ops;
    rot_ops = *sound;
    rot_ops.open = rot_open;
    rot_ops.put_begin = rot_begin;
    rot_ops.put_write = rot_write;
    rot_ops.read = rot_read;
    return bs_storage_driver_register(&rot_driver) == BS_OK ? 0 : -1;
}

/* --- The cases --- */

static int setup(void **state)
{
    state_of_rot = (rot){.part = NULL};
    if (engine_setup(state) != 0) {
        return -1;
    }
    engine_fixture *engine = *state;
    return bs_service_add_storage(engine->service, "rot", "rot", NULL) == BS_OK ? 0 : -1;
}

static void write_source(const engine_fixture *engine, const char *name, uint64_t seed)
{
    char path[400];

    (void)snprintf(path, sizeof(path), "%s/%s", engine->source, name);
    tree_write(path, 300000, seed);
}

static bs_backup_options begin(engine_fixture *engine, bs_backup_type type)
{
    bs_backup_options options = engine_options(engine, "home");

    options.storage = "rot";
    options.backup_type = type;
    options.allow_empty_mirror = true;
    assert_int_equal(mkdir(engine->source, 0755), 0);
    write_source(engine, "one", 1);
    return options;
}

/* The catalogue says failed, and nobody can be misled by the storage. */
static void check_gone(engine_fixture *engine, const char *id)
{
    bs_backup_info *info = engine_get(engine, id);
    bs_rebuild_report report;

    assert_int_equal(info->status, BS_STATE_FAILED);
    assert_int_equal(info->error.code, BS_E_CORRUPT);
    assert_int_equal(info->error.layer, BS_LAYER_STORAGE);
    assert_non_null(strstr(info->error.message, "what was written is damaged"));
    bs_backup_info_free(info);
    assert_int_equal(count_objects(), 0);
    assert_ok(bs_catalog_rebuild(engine->service, &report));
    assert_int_equal(report.backups, 0);
}

static void what_is_damaged_as_it_is_written_is_no_backup(void **state)
{
    static const bs_compression containers[] = {BS_COMPRESSION_ZIP, BS_COMPRESSION_NONE,
                                                BS_COMPRESSION_TAR_ZST, BS_COMPRESSION_7Z};
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, BS_BACKUP_FULL);
    char id[BS_ID_SIZE];

    for (size_t i = 0; i < sizeof(containers) / sizeof(containers[0]); i++) {
        options.compression = containers[i];
        state_of_rot.part = "-full-"; /* Container and manifest, each by itself. */
        engine_backup(engine, &options, BS_E_CORRUPT, id);
        check_gone(engine, id);
        state_of_rot.part = ".manifest";
        engine_backup(engine, &options, BS_E_CORRUPT, id);
        check_gone(engine, id);
    }
    state_of_rot.part = NULL;
    engine_backup(engine, &options, BS_OK, id);
    assert_int_equal(count_objects(), 2);
}

/* Here by a machine that cannot read what it writes. */
static void so_is_what_is_encrypted(void **state)
{
    static const char *const recipients[] = {TEST_RSA_PUBLIC, NULL};
    static const char *const parts[] = {".manifest", "-full-", ".keys"};
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, BS_BACKUP_FULL);
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];

    options.encryption = BS_ENCRYPTION_RSA;
    options.recipients = recipients;
    options.compression = BS_COMPRESSION_TAR_ZST;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        state_of_rot.part = parts[i];
        engine_backup(engine, &options, BS_E_CORRUPT, id);
        check_gone(engine, id);
    }
    state_of_rot.part = NULL;
    options.backup_type = BS_BACKUP_INCREMENTAL;
    for (size_t i = 0; i < 2; i++) {
        engine_backup(engine, &options, BS_OK, id);
        write_source(engine, "two", 2);
    }
    info = engine_get(engine, id);
    assert_int_equal(info->backup_type, BS_BACKUP_INCREMENTAL);
    bs_backup_info_free(info);
}

static void nothing_builds_on_what_was_damaged(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, BS_BACKUP_INCREMENTAL);
    bs_backup_info *info = NULL;
    char first[BS_ID_SIZE];
    char damaged[BS_ID_SIZE];
    char last[BS_ID_SIZE];

    engine_backup(engine, &options, BS_OK, first);
    write_source(engine, "two", 2);
    state_of_rot.part = "-incremental-";
    engine_backup(engine, &options, BS_E_CORRUPT, damaged);
    assert_int_equal(count_objects(), 2);
    state_of_rot.part = NULL;
    engine_backup(engine, &options, BS_OK, last);
    info = engine_get(engine, last);
    assert_string_equal(info->base_id, first);
    bs_backup_info_free(info);
}

static void only_what_the_run_has_written_is_read_again(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, BS_BACKUP_INCREMENTAL);
    bs_backup_info *info = NULL;
    char path[800];
    char id[BS_ID_SIZE];

    options.storage = "local";
    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    (void)snprintf(path, sizeof(path), "%s/storage/%s", engine->state, info->backup_file_path);
    bs_backup_info_free(info);
    assert_int_equal(truncate(path, 1000), 0);
    write_source(engine, "two", 2);
    engine_backup(engine, &options, BS_OK, id);
    assert_ok(bs_verify_start(engine->service, id, id));
    assert_status(bs_verify_wait(engine->service, id, BS_FOREVER), BS_E_CORRUPT);
}

static void it_can_be_switched_off(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, BS_BACKUP_FULL);
    char id[BS_ID_SIZE];

    engine_close(engine);
    assert_ok(bs_config_new(&engine->config));
    assert_ok(bs_config_set(engine->config, "BACKUP_VERIFICATION_ENABLED", "false"));
    engine_open(engine);
    assert_ok(bs_service_add_storage(engine->service, "rot", "rot", NULL));
    state_of_rot.part = "-full-";
    engine_backup(engine, &options, BS_OK, id);
    assert_ok(bs_verify_start(engine->service, id, id));
    assert_status(bs_verify_wait(engine->service, id, BS_FOREVER), BS_E_CORRUPT);
}

static void a_damaged_mirror_is_written_anew(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, BS_BACKUP_MIRROR);
    bs_backup_page *page = NULL;
    char id[BS_ID_SIZE];

    engine_backup(engine, &options, BS_OK, id);
    write_source(engine, "two", 2);
    state_of_rot.part = "/two";
    engine_backup(engine, &options, BS_E_CORRUPT, id);
    assert_int_equal(count_objects(), 2); /* The tree without a manifest. */
    assert_ok(bs_backup_list(engine->service, NULL, &page));
    assert_int_equal(page->count, 1); /* The first mirror is there no more. */
    assert_string_equal(page->items[0]->id, id);
    bs_backup_page_free(page);
    state_of_rot.part = NULL;
    engine_backup(engine, &options, BS_OK, id);
    assert_ok(bs_verify_start(engine->service, id, id));
    assert_ok(bs_verify_wait(engine->service, id, BS_FOREVER));
}

static void a_backup_can_be_cancelled_while_it_is_read_again(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = begin(engine, BS_BACKUP_FULL);
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];

    options.compression = BS_COMPRESSION_TAR_ZST; /* Nothing of it is read while it is written. */
    state_of_rot.cancel = engine;
    engine_backup(engine, &options, BS_E_CANCELLED, id);
    info = engine_get(engine, id);
    assert_int_equal(info->status, BS_STATE_CANCELLED);
    bs_backup_info_free(info);
    assert_int_equal(count_objects(), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, engine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_damaged_as_it_is_written_is_no_backup),
        CASE(so_is_what_is_encrypted),
        CASE(nothing_builds_on_what_was_damaged),
        CASE(only_what_the_run_has_written_is_read_again),
        CASE(it_can_be_switched_off),
        CASE(a_damaged_mirror_is_written_anew),
        CASE(a_backup_can_be_cancelled_while_it_is_read_again),
    };

    return cmocka_run_group_tests_name("integration/proof", tests, register_rot, NULL);
}
