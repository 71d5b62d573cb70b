/* SPDX-License-Identifier: MIT */
/*
 * Backups that become snapshots of a repository, from requests to the catalogue.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine_fixture.h"
#include "repo/repository.h"
#include "support/compare.h"
#include "support/tree.h"

#define PHRASE "a pass phrase for tests"
#define OTHER_PHRASE "another pass phrase for tests"

/* The storage "local" gets a repository whose pass phrase costs nothing to try. */
static void make_repository(const engine_fixture *engine, const char *phrase)
{
    const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};
    bsi_setting setting = {"path", NULL};
    bsi_repo_place place = {.folder = ""};
    bsi_secret *secret = NULL;
    bsi_repo *repo = NULL;
    char path[400];

    (void)snprintf(path, sizeof(path), "%s/storage", engine->state);
    setting.value = path;
    assert_ok(bsi_storage_open("local", &setting, 1, NULL, &place.storage));
    if (phrase) {
        assert_ok(bsi_secret_copy(phrase, strlen(phrase), &secret));
    }
    assert_ok(bsi_repo_init(&place, NULL, &cheap, secret, &repo));
    bsi_repo_close(repo);
    bsi_secret_free(secret);
    bsi_storage_unref(place.storage);
}

static int setup(void **state)
{
    const int result = engine_setup(state);

    if (result == 0) {
        make_repository(*state, NULL);
        tree_build(((engine_fixture *)*state)->source, TREE_SMALL);
    }
    return result;
}

static bs_backup_options repository_options(const engine_fixture *engine)
{
    bs_backup_options options = engine_options(engine, "daily");

    options.form = BS_FORM_REPOSITORY;
    return options;
}

static void add_file(const engine_fixture *engine, const char *name)
{
    char path[400];
    FILE *file = NULL;

    (void)snprintf(path, sizeof(path), "%s/%s", engine->source, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(name, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A backup of the type, as it has run and on what. */
static void back_up(engine_fixture *engine, bs_backup_type type, bs_backup_type as,
                    const char *base, char id_out[BS_ID_SIZE])
{
    bs_backup_options options = repository_options(engine);
    bs_backup_info *info = NULL;

    options.backup_type = type;
    engine_backup(engine, &options, BS_OK, id_out);
    info = engine_get(engine, id_out);
    assert_int_equal(info->backup_type, as);
    assert_int_equal(info->form, BS_FORM_REPOSITORY);
    assert_int_equal(info->compression, BS_COMPRESSION_ZSTD);
    assert_string_equal(info->base_id, base);
    bs_backup_info_free(info);
}

static void assert_restores(engine_fixture *engine, const char *id)
{
    engine_restore(engine, id);
    assert_trees_equal(engine->source, engine->target, COMPARE_NO_HOLES);
}

/* --- Kinds --- */

static void each_kind_builds_on_what_it_should(void **state)
{
    engine_fixture *engine = *state;
    char first[BS_ID_SIZE];
    char second[BS_ID_SIZE];
    char third[BS_ID_SIZE];

    back_up(engine, BS_BACKUP_DEFAULT, BS_BACKUP_FULL, "", first);
    add_file(engine, "later");
    back_up(engine, BS_BACKUP_DEFAULT, BS_BACKUP_INCREMENTAL, first, second);
    back_up(engine, BS_BACKUP_INCREMENTAL, BS_BACKUP_INCREMENTAL, second, third);
    back_up(engine, BS_BACKUP_DIFFERENTIAL, BS_BACKUP_DIFFERENTIAL, first, third);
    back_up(engine, BS_BACKUP_FULL, BS_BACKUP_FULL, "", second);
    assert_restores(engine, third);
}

/* What archives of the name there are makes no difference. */
static void a_snapshot_builds_on_no_archive(void **state)
{
    engine_fixture *engine = *state;
    const bs_backup_options archive = engine_options(engine, "daily");
    char id[BS_ID_SIZE];

    engine_backup(engine, &archive, BS_OK, id);
    back_up(engine, BS_BACKUP_DEFAULT, BS_BACKUP_FULL, "", id);
}

static void nothing_needs_what_it_was_built_on(void **state)
{
    engine_fixture *engine = *state;
    char first[BS_ID_SIZE];
    char second[BS_ID_SIZE];
    uint64_t removed = 0;

    back_up(engine, BS_BACKUP_DEFAULT, BS_BACKUP_FULL, "", first);
    add_file(engine, "later");
    back_up(engine, BS_BACKUP_DEFAULT, BS_BACKUP_INCREMENTAL, first, second);
    assert_ok(bs_backup_delete(engine->service, first, false, &removed));
    assert_int_equal(removed, 1);
    assert_restores(engine, second);
}

/* --- Requests --- */

static void refuse(engine_fixture *engine, const bs_backup_options *options, const char *words)
{
    char id[BS_ID_SIZE];

    assert_true(bs_backup_start(engine->service, options, id) < 0);
    if (!strstr(bs_error_last()->message, words)) {
        fail_msg("'%s' is not in '%s'", words, bs_error_last()->message);
    }
}

static void requests_that_a_repository_cannot_meet_are_refused(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = repository_options(engine);

    options.compression = BS_COMPRESSION_ZIP;
    refuse(engine, &options, "compression: a repository takes none or zstd, not zip");
    options.compression = BS_COMPRESSION_ZSTD;
    options.compression_level = 20;
    refuse(engine, &options, "compression_level: zstd takes 1 to 19, not 20");
    options.compression_level = 0;
    options.backup_type = BS_BACKUP_MIRROR;
    refuse(engine, &options, "form: a mirror backup has the form mirror");
    options.backup_type = BS_BACKUP_DEFAULT;
    options.encryption = BS_ENCRYPTION_RSA;
    options.encryption_key = "a pass phrase";
    refuse(engine, &options, "encryption_key: takes a public key");
    options.encryption = BS_ENCRYPTION_AES256;
    options.encryption_key =
        "bsvc-key-1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    refuse(engine, &options, "encryption_key: a repository is opened with a pass phrase");
    options = engine_options(engine, "daily");
    options.form = BS_FORM_ARCHIVE;
    options.compression = BS_COMPRESSION_ZSTD;
    refuse(engine, &options, "compression: zstd is for the form repository");
}

static void zstd_alone_means_a_repository(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = engine_options(engine, "daily");
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];

    options.compression = BS_COMPRESSION_ZSTD;
    engine_backup(engine, &options, BS_OK, id);
    info = engine_get(engine, id);
    assert_int_equal(info->form, BS_FORM_REPOSITORY);
    bs_backup_info_free(info);
}

/* --- Looking at them --- */

static int take_nothing(void *user, const void *data, size_t size)
{
    (void)user;
    (void)data;
    (void)size;
    return 0;
}

static void there_is_no_container_to_download(void **state)
{
    engine_fixture *engine = *state;
    char id[BS_ID_SIZE];

    back_up(engine, BS_BACKUP_DEFAULT, BS_BACKUP_FULL, "", id);
    assert_status(bs_backup_download(engine->service, id, 0, UINT64_MAX, take_nothing, NULL),
                  BS_E_UNSUPPORTED);
    assert_non_null(strstr(bs_error_last()->message, "repository"));
}

static void a_drill_proves_it(void **state)
{
    engine_fixture *engine = *state;
    bs_drill_options options = BS_DRILL_OPTIONS_INIT;
    bs_drill_info *info = NULL;
    char backup_id[BS_ID_SIZE];
    char id[BS_ID_SIZE];

    back_up(engine, BS_BACKUP_DEFAULT, BS_BACKUP_FULL, "", backup_id);
    options.backup_id = backup_id;
    assert_ok(bs_drill_start(engine->service, &options, id));
    assert_ok(bs_drill_wait(engine->service, id, BS_FOREVER));
    assert_ok(bs_drill_get(engine->service, id, &info));
    assert_true(info->proven);
    assert_true(info->files_restored > 0);
    assert_int_equal(info->files_wrong, 0);
    bs_drill_info_free(info);
}

/* --- Keys --- */

static void with_phrase(engine_fixture *engine)
{
    engine_close(engine);
    engine->config = NULL;
    assert_ok(bs_config_new(&engine->config));
    assert_ok(bs_config_set(engine->config, "ENCRYPTION_KEY", PHRASE));
    engine_open(engine);
}

static int setup_encrypted(void **state)
{
    const int result = engine_setup(state);

    if (result == 0) {
        make_repository(*state, PHRASE);
        tree_build(((engine_fixture *)*state)->source, TREE_SMALL);
    }
    return result;
}

/* The request's key opens it, and the service need not know it. */
static void back_up_with(engine_fixture *engine, const char *phrase, bs_status expected,
                         char id_out[BS_ID_SIZE])
{
    bs_backup_options options = repository_options(engine);

    options.encryption = BS_ENCRYPTION_AES256;
    options.encryption_key = phrase;
    engine_backup(engine, &options, expected, id_out);
}

static void reading_needs_the_pass_phrase(void **state)
{
    engine_fixture *engine = *state;
    bs_restore_options options = BS_RESTORE_OPTIONS_INIT;
    char id[BS_ID_SIZE];
    char restore_id[BS_ID_SIZE];
    char path[400];

    back_up_with(engine, PHRASE, BS_OK, id);
    back_up_with(engine, OTHER_PHRASE, BS_E_KEY, restore_id);
    (void)snprintf(path, sizeof(path), "%s/a", engine->source);
    assert_status(bs_backup_read(engine->service, id, path, take_nothing, NULL), BS_E_KEY);
    options.backup_id = id;
    options.restore_path = engine->target;
    options.strip_source = true;
    options.privileged = true;
    assert_ok(bs_restore_start(engine->service, &options, restore_id));
    assert_status(bs_restore_wait(engine->service, restore_id, BS_FOREVER), BS_E_KEY);
    tree_remove(engine->target);
    options.encryption_key = PHRASE;
    assert_ok(bs_restore_start(engine->service, &options, restore_id));
    assert_true(bs_restore_wait(engine->service, restore_id, BS_FOREVER) >= 0);
    assert_trees_equal(engine->source, engine->target, COMPARE_NO_HOLES);
}

/* Whatever a service does with a repository, it pays for the pass phrase once. */
static void the_key_is_derived_once(void **state)
{
    engine_fixture *engine = *state;
    bs_check_options check = BS_CHECK_OPTIONS_INIT;
    bs_prune_options prune = BS_PRUNE_OPTIONS_INIT;
    uint64_t before = 0;
    char id[BS_ID_SIZE];
    char job[BS_ID_SIZE];

    with_phrase(engine);
    before = bsi_scrypt_runs();
    back_up_with(engine, NULL, BS_OK, id);
    back_up_with(engine, NULL, BS_OK, id);
    assert_restores(engine, id);
    assert_ok(bs_check_start(engine->service, &check, job));
    assert_ok(bs_check_wait(engine->service, job, BS_FOREVER));
    assert_ok(bs_prune_start(engine->service, &prune, job));
    assert_ok(bs_prune_wait(engine->service, job, BS_FOREVER));
    assert_int_equal(bsi_scrypt_runs() - before, 1);
    back_up_with(engine, OTHER_PHRASE, BS_E_KEY, id);
    engine_close(engine);
    engine_open(engine);
    before = bsi_scrypt_runs();
    back_up_with(engine, NULL, BS_OK, id);
    assert_int_equal(bsi_scrypt_runs() - before, 1);
}

/* Its slots are those of the repository. */
static void a_snapshot_has_no_keys_of_its_own(void **state)
{
    engine_fixture *engine = *state;
    bs_slots_info *info = NULL;
    char id[BS_ID_SIZE];

    back_up_with(engine, PHRASE, BS_OK, id);
    assert_status(bs_backup_slots(engine->service, id, &info), BS_E_NOT_FOUND);
    assert_non_null(strstr(bs_error_last()->message, "repository"));
}

/* --- The catalogue --- */

static char *describe(engine_fixture *engine, const char *id)
{
    bs_backup_info *info = engine_get(engine, id);
    char *json = NULL;

    info->usage = (bs_usage){0};
    assert_ok(bs_backup_info_to_json(info, &json));
    bs_backup_info_free(info);
    return json;
}

static void forget_catalogue(engine_fixture *engine)
{
    char path[400];

    engine_close(engine);
    (void)snprintf(path, sizeof(path), "%s/catalog.sqlite", engine->state);
    assert_int_equal(unlink(path), 0);
    engine_open(engine);
}

static void the_catalogue_is_made_again_from_the_repository(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = repository_options(engine);
    bs_pin_options pin = BS_PIN_OPTIONS_INIT;
    bs_rebuild_report report;
    char ids[2][BS_ID_SIZE];
    char *before[2];

    options.metadata = "{\"ticket\":7}";
    options.keep_daily = 3;
    engine_backup(engine, &options, BS_OK, ids[0]);
    pin.reason = "the year's end";
    assert_ok(bs_backup_pin(engine->service, ids[0], &pin)); /* Or the next one marks it. */
    options.compression_level = 9;
    engine_backup(engine, &options, BS_OK, ids[1]);
    for (size_t i = 0; i < 2; i++) {
        before[i] = describe(engine, ids[i]);
    }
    forget_catalogue(engine);
    assert_ok(bs_catalog_rebuild(engine->service, &report));
    assert_int_equal(report.backups, 2);
    assert_int_equal(report.unreadable + report.locked, 0);
    for (size_t i = 0; i < 2; i++) {
        char *after = describe(engine, ids[i]);
        assert_string_equal(after, before[i]);
        bs_free(after);
        bs_free(before[i]);
    }
}

static void what_is_known_of_a_locked_repository_stays(void **state)
{
    engine_fixture *engine = *state;
    bs_rebuild_report report;
    char id[BS_ID_SIZE];
    char *before = NULL;
    char *after = NULL;

    back_up_with(engine, PHRASE, BS_OK, id);
    before = describe(engine, id);
    assert_ok(bs_catalog_rebuild(engine->service, &report));
    assert_int_equal(report.backups, 1);
    assert_int_equal(report.locked, 1);
    after = describe(engine, id);
    assert_string_equal(after, before);
    bs_free(after);
    with_phrase(engine);
    assert_ok(bs_catalog_rebuild(engine->service, &report));
    assert_int_equal(report.locked, 0);
    after = describe(engine, id);
    assert_string_equal(after, before);
    bs_free(after);
    bs_free(before);
}

/* --- Retention --- */

static void retention_forgets_snapshots_one_by_one(void **state)
{
    engine_fixture *engine = *state;
    bs_retention_options options = BS_RETENTION_OPTIONS_INIT;
    bs_retention_report *report = NULL;
    bs_snapshot_page *page = NULL;
    char ids[3][BS_ID_SIZE];

    engine_close(engine);
    assert_ok(bs_config_new(&engine->config));
    assert_ok(bs_config_set(engine->config, "RETENTION_GRACE_HOURS", "0"));
    engine_open(engine);
    back_up(engine, BS_BACKUP_DEFAULT, BS_BACKUP_FULL, "", ids[0]);
    back_up(engine, BS_BACKUP_DEFAULT, BS_BACKUP_INCREMENTAL, ids[0], ids[1]);
    back_up(engine, BS_BACKUP_DEFAULT, BS_BACKUP_INCREMENTAL, ids[1], ids[2]);
    options.name = "daily";
    options.keep_last = 1;
    assert_ok(bs_retention_apply(engine->service, &options, &report));
    assert_int_equal(report->removed, 2);
    assert_int_equal(report->kept, 1);
    assert_true(report->removed_bytes < 20000); /* The snapshots, but not what they refer to. */
    bs_retention_report_free(report);
    assert_ok(bs_snapshot_list(engine->service, NULL, &page));
    assert_int_equal(page->count, 1);
    assert_string_equal(page->items[0].backup_id, ids[2]);
    bs_snapshot_page_free(page);
    assert_restores(engine, ids[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_kind_builds_on_what_it_should, setup, engine_teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_builds_on_no_archive, setup, engine_teardown),
        cmocka_unit_test_setup_teardown(nothing_needs_what_it_was_built_on, setup, engine_teardown),
        cmocka_unit_test_setup_teardown(requests_that_a_repository_cannot_meet_are_refused, setup,
                                        engine_teardown),
        cmocka_unit_test_setup_teardown(zstd_alone_means_a_repository, setup, engine_teardown),
        cmocka_unit_test_setup_teardown(there_is_no_container_to_download, setup, engine_teardown),
        cmocka_unit_test_setup_teardown(a_drill_proves_it, setup, engine_teardown),
        cmocka_unit_test_setup_teardown(reading_needs_the_pass_phrase, setup_encrypted,
                                        engine_teardown),
        cmocka_unit_test_setup_teardown(the_key_is_derived_once, setup_encrypted, engine_teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_has_no_keys_of_its_own, setup_encrypted,
                                        engine_teardown),
        cmocka_unit_test_setup_teardown(the_catalogue_is_made_again_from_the_repository, setup,
                                        engine_teardown),
        cmocka_unit_test_setup_teardown(what_is_known_of_a_locked_repository_stays, setup_encrypted,
                                        engine_teardown),
        cmocka_unit_test_setup_teardown(retention_forgets_snapshots_one_by_one, setup,
                                        engine_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
