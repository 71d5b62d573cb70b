/* SPDX-License-Identifier: MIT */
/* What storages of every type take as settings, and what backups do there. */
#include "support/test.h"

#include <backupsvc.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/service.h"
#include "engine_fixture.h"
#include "os/fault.h"
#include "os/time.h"
#include "repo/repository.h"
#include "support/tree.h"

#define SECOND INT64_C(1000000000)
#define PHRASE "a pass phrase for tests"

static int setup(void **state)
{
    const int failed = engine_setup(state);

    if (failed == 0) {
        tree_build(((engine_fixture *)*state)->source, TREE_SMALL);
    }
    return failed;
}

static int teardown(void **state)
{
    bsi_clock_leap(false);
    return engine_teardown(state);
}

/* A storage that is kept, with one setting besides its path. */
static bs_status add(engine_fixture *engine, const char *key, const char *value)
{
    char path[320];
    const char *const settings[] = {"path", path, key, value, NULL};

    (void)snprintf(path, sizeof(path), "%s/kept", engine->dir->path);
    return bs_storage_add(engine->service, "kept", "local", settings);
}

static void add_again(engine_fixture *engine, const char *key, const char *value)
{
    assert_ok(bs_storage_remove(engine->service, "kept", true));
    assert_ok(add(engine, key, value));
}

static bs_backup_options options_there(const engine_fixture *engine)
{
    bs_backup_options options = engine_options(engine, "home");

    options.storage = "kept";
    return options;
}

static void back_up(engine_fixture *engine, char id[BS_ID_SIZE])
{
    const bs_backup_options options = options_there(engine);

    engine_backup(engine, &options, BS_OK, id);
}

static void assert_refused(bs_status status, const char *setting)
{
    assert_status(status, BS_E_READ_ONLY);
    print_message("# %s\n", bs_error_last()->message);
    assert_non_null(strstr(bs_error_last()->message, "'kept'"));
    assert_non_null(strstr(bs_error_last()->message, setting));
}

static const char *setting_of(bs_storage_list_info *list, const char *key)
{
    for (size_t i = 0; i < list->storages_count; i++) {
        const char *const *pair = list->storages[i].settings;
        for (; pair[0]; pair += 2) {
            if (strcmp(list->storages[i].name, "kept") == 0 && strcmp(pair[0], key) == 0) {
                return pair[1];
            }
        }
    }
    return "";
}

static void assert_kept(engine_fixture *engine, const char *key, const char *value)
{
    bs_storage_list_info *list = NULL;

    assert_ok(bs_storage_list(engine->service, &list));
    assert_string_equal(setting_of(list, key), value);
    bs_storage_list_free(list);
}

static bs_status count_one(void *user, const char *key, const bs_storage_object *object)
{
    (void)key;
    (void)object;
    (*(size_t *)user)++;
    return BS_OK;
}

static size_t count_below(engine_fixture *engine, const char *prefix)
{
    bsi_storage *storage = NULL;
    size_t count = 0;

    assert_ok(bsi_service_storage(engine->service, "kept", &storage));
    assert_ok(bsi_storage_list(storage, NULL, prefix, count_one, &count));
    bsi_storage_unref(storage);
    return count;
}

/* --- Append-only --- */

static void backups_come_and_stay_where_nothing_is_removed(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_info *info = NULL;
    char ids[2][BS_ID_SIZE];
    bs_backup_options options = options_there(engine);

    assert_ok(add(engine, "append_only", "true"));
    back_up(engine, ids[0]);
    options.backup_type = BS_BACKUP_INCREMENTAL;
    engine_backup(engine, &options, BS_OK, ids[1]);
    assert_refused(bs_backup_delete(engine->service, ids[1], false, NULL), "append_only");
    info = engine_get(engine, ids[1]);
    assert_int_equal(info->status, BS_STATE_COMPLETED);
    bs_backup_info_free(info);
    engine_restore(engine, ids[1]);
    /* Once they may be removed they can. */
    add_again(engine, "append_only", "false");
    assert_ok(bs_backup_delete(engine->service, ids[1], false, NULL));
}

static void a_mirror_is_refused_where_nothing_is_replaced(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = options_there(engine);
    char id[BS_ID_SIZE];

    options.backup_type = BS_BACKUP_MIRROR;
    options.compression = BS_COMPRESSION_NONE;
    assert_ok(add(engine, "append_only", "true"));
    assert_refused(bs_backup_start(engine->service, &options, id), "append_only");
    assert_non_null(strstr(bs_error_last()->message, "mirror"));
}

/* A storage that keeps everything is a reason of its own, also before it is opened. */
static void retention_keeps_what_its_storage_keeps(void **state)
{
    engine_fixture *engine = *state;
    bs_retention_options rules = BS_RETENTION_OPTIONS_INIT;
    bs_retention_report *report = NULL;
    char ids[2][BS_ID_SIZE];

    assert_ok(add(engine, "append_only", "true"));
    back_up(engine, ids[0]);
    back_up(engine, ids[1]);
    rules.keep_last = 1;
    for (int i = 0; i < 2; i++) {
        assert_ok(bs_retention_apply(engine->service, &rules, &report));
        assert_int_equal(report->kept, 2);
        assert_int_equal(report->failed, 0);
        assert_int_equal(report->items[1]->kept_by, BS_KEPT_BY_STORAGE);
        assert_int_equal(report->items[1]->action, BS_RETENTION_KEEP);
        bs_retention_report_free(report);
        engine_close(engine);
        engine_open(engine);
    }
    assert_string_equal(bs_kept_by_name(BS_KEPT_BY_STORAGE), "storage");
    add_again(engine, "append_only", "false");
    assert_ok(bs_retention_apply(engine->service, &rules, &report));
    assert_int_equal(report->marked, 1);
    bs_retention_report_free(report);
}

/* Locks come and go, snapshots come and stay. */
static void repositories_work_where_nothing_is_removed(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = options_there(engine);
    bs_prune_options prune = BS_PRUNE_OPTIONS_INIT;
    char ids[2][BS_ID_SIZE];
    char job[BS_ID_SIZE];

    assert_ok(add(engine, "append_only", "true"));
    options.form = BS_FORM_REPOSITORY;
    options.compression = BS_COMPRESSION_ZSTD;
    options.encryption = BS_ENCRYPTION_AES256;
    options.encryption_key = PHRASE;
    engine_backup(engine, &options, BS_OK, ids[0]);
    engine_backup(engine, &options, BS_OK, ids[1]);
    assert_int_equal(count_below(engine, "locks"), 0);
    assert_int_equal(count_below(engine, "snapshots"), 2);
    assert_refused(bs_backup_delete(engine->service, ids[0], false, NULL), "append_only");
    prune.storage = "kept";
    assert_refused(bs_prune_start(engine->service, &prune, job), "append_only");
    assert_int_equal(count_below(engine, "snapshots"), 2);
}

/* --- What is done to whole repositories --- */

/* That the empty pass phrase opens, and that costs little to open. */
static void make_repository(engine_fixture *engine, const char *storage)
{
    const bsi_repo_options cheap = {.cost = {.log_n = 1, .r = 1, .p = 1}};
    bsi_repo_place place = {.folder = ""};
    bsi_repo *repo = NULL;

    assert_ok(bsi_service_storage(engine->service, storage, &place.storage));
    assert_ok(bsi_repo_init(&place, NULL, &cheap, NULL, &repo));
    bsi_repo_close(repo);
    bsi_storage_unref(place.storage);
}

static void back_up_into_repository(engine_fixture *engine, const char *storage)
{
    bs_backup_options options = engine_options(engine, "home");
    char id[BS_ID_SIZE];

    make_repository(engine, storage);
    options.storage = storage;
    options.form = BS_FORM_REPOSITORY;
    engine_backup(engine, &options, BS_OK, id);
}

static void assert_repairs_refused(engine_fixture *engine, const char *setting)
{
    static const bs_repair_part parts[] = {BS_REPAIR_INDEX, BS_REPAIR_PACKS, BS_REPAIR_SNAPSHOTS};
    bs_repair_options options = BS_REPAIR_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    options.storage = "kept";
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        options.part = parts[i];
        assert_refused(bs_repair_start(engine->service, &options, id), setting);
    }
    options.dry_run = true;
    assert_ok(bs_repair_start(engine->service, &options, id));
    assert_ok(bs_repair_wait(engine->service, id, BS_FOREVER));
}

static void assert_prune_refused(engine_fixture *engine, const char *setting)
{
    bs_prune_options options = BS_PRUNE_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    options.storage = "kept";
    assert_refused(bs_prune_start(engine->service, &options, id), setting);
    options.two_phases = true;
    assert_refused(bs_prune_start(engine->service, &options, id), setting);
    options.two_phases = false;
    options.dry_run = true;
    assert_ok(bs_prune_start(engine->service, &options, id));
    assert_ok(bs_prune_wait(engine->service, id, BS_FOREVER));
}

static void assert_checks(engine_fixture *engine)
{
    bs_check_options options = BS_CHECK_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    options.storage = "kept";
    assert_ok(bs_check_start(engine->service, &options, id));
    assert_ok(bs_check_wait(engine->service, id, BS_FOREVER));
}

static void assert_copies(engine_fixture *engine, const char *from, const char *into)
{
    bs_copy_options options = BS_COPY_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    make_repository(engine, into);
    options.storage = from;
    options.to = into;
    assert_ok(bs_copy_start(engine->service, &options, id));
    assert_ok(bs_copy_wait(engine->service, id, BS_FOREVER));
}

static void repositories_are_not_repaired_where_nothing_is_removed(void **state)
{
    engine_fixture *engine = *state;
    bs_repository_keys *keys = NULL;

    bsi_clock_leap(true);
    assert_ok(add(engine, "append_only", "true"));
    back_up_into_repository(engine, "kept");
    assert_checks(engine);
    assert_repairs_refused(engine, "append_only");
    assert_prune_refused(engine, "append_only");
    assert_refused(bs_repository_key_change(engine->service, "kept", PHRASE), "append_only");
    assert_refused(bs_repository_key_remove(engine->service, "kept", "0"), "append_only");
    assert_ok(bs_repository_key_list(engine->service, "kept", &keys));
    assert_int_equal(keys->count, 1);
    bs_repository_keys_free(keys);
}

static void repositories_take_copies_where_nothing_is_removed(void **state)
{
    engine_fixture *engine = *state;

    bsi_clock_leap(true);
    assert_ok(add(engine, "append_only", "true"));
    back_up_into_repository(engine, "local");
    assert_copies(engine, "local", "kept");
    assert_int_equal(count_below(engine, "snapshots"), 1);
}

static void a_read_only_repository_is_looked_at_and_not_changed(void **state)
{
    engine_fixture *engine = *state;
    bs_repository_options repository = BS_REPOSITORY_OPTIONS_INIT;
    bs_copy_options copy = BS_COPY_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    bsi_clock_leap(true);
    assert_ok(add(engine, "read_only", "false"));
    back_up_into_repository(engine, "kept");
    add_again(engine, "read_only", "true");
    assert_checks(engine);
    assert_repairs_refused(engine, "read_only");
    assert_prune_refused(engine, "read_only");
    assert_copies(engine, "kept", "local");
    copy.to = "kept";
    assert_refused(bs_copy_start(engine->service, &copy, id), "read_only");
    assert_refused(bs_repository_key_add(engine->service, "kept", PHRASE, NULL), "read_only");
    assert_refused(bs_repository_key_change(engine->service, "kept", PHRASE), "read_only");
    assert_refused(bs_repository_key_remove(engine->service, "kept", "0"), "read_only");
    repository.storage = "kept";
    assert_refused(bs_repository_init(engine->service, &repository, NULL), "read_only");
}

static int fail_in_the_middle(void *user, void *buf, size_t size, size_t *got_out)
{
    int *calls = user;

    if ((*calls)++ > 3) {
        return 1;
    }
    memset(buf, 'x', size);
    *got_out = size;
    return 0;
}

/* What a failure leaves behind cannot go, and keeps nothing else from working. */
static void a_failed_backup_harms_no_other(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = options_there(engine);
    char id[BS_ID_SIZE];
    int calls = 0;

    assert_ok(add(engine, "append_only", "true"));
    options.source_paths = NULL;
    options.source_callback = fail_in_the_middle;
    options.source_user = &calls;
    engine_backup(engine, &options, BS_E_CALLBACK, id);
    engine_close(engine);
    engine_open(engine);
    back_up(engine, id);
    engine_restore(engine, id);
}

/* --- Read-only --- */

static void from_a_read_only_storage_backups_are_read(void **state)
{
    engine_fixture *engine = *state;
    const bs_backup_options options = options_there(engine);
    bs_storage_check_info *check = NULL;
    char ids[2][BS_ID_SIZE];

    assert_ok(add(engine, "read_only", "false"));
    back_up(engine, ids[0]);
    add_again(engine, "read_only", "true");
    engine_restore(engine, ids[0]);
    assert_refused(bs_backup_start(engine->service, &options, ids[1]), "read_only");
    assert_refused(bs_backup_delete(engine->service, ids[0], false, NULL), "read_only");
    assert_ok(bs_storage_check(engine->service, "kept", &check));
    assert_true(check->is_good);
    bs_storage_check_free(check);
    engine_restore(engine, ids[0]);
}

/* --- Limits --- */

static void limits_are_kept_and_shown(void **state)
{
    engine_fixture *engine = *state;
    static const char *const limits[] = {"limit_upload", "08:00,1M 20:00,off", "limit_requests",
                                         "4", NULL};
    static const char *const later[] = {"limit_upload", "2M", NULL};

    assert_ok(add(engine, "limit_download", "3M"));
    assert_ok(bs_storage_limit(engine->service, "kept", limits));
    assert_kept(engine, "limit_upload", "08:00,1M 20:00,off");
    assert_kept(engine, "limit_download", "3M");
    assert_kept(engine, "limit_requests", "4");
    engine_close(engine);
    engine_open(engine);
    assert_ok(bs_storage_limit(engine->service, "kept", later));
    assert_kept(engine, "limit_upload", "2M");
    assert_kept(engine, "limit_download", "3M");
    assert_int_equal(bsi_service_storage_count(engine->service), 1); /* It needs no look at it. */
}

static void a_wrong_limit_changes_nothing(void **state)
{
    engine_fixture *engine = *state;
    static const char *const wrong[] = {"limit_upload", "1M", "limit_download", "fast", NULL};
    static const char *const other[] = {"path", "/elsewhere", NULL};
    static const char *const half[] = {"limit_upload", NULL};
    static const char *const none[] = {NULL};

    assert_ok(add(engine, "limit_upload", "3M"));
    assert_status(bs_storage_limit(engine->service, "kept", wrong), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "'limit_download'"));
    assert_status(bs_storage_limit(engine->service, "kept", other), BS_E_INVALID);
    assert_status(bs_storage_limit(engine->service, "kept", half), BS_E_INVALID);
    assert_status(bs_storage_limit(engine->service, "kept", none), BS_E_INVALID);
    assert_status(bs_storage_limit(engine->service, "kept", NULL), BS_E_INVALID);
    assert_status(bs_storage_limit(engine->service, NULL, wrong), BS_E_INVALID);
    assert_status(bs_storage_limit(NULL, "kept", wrong), BS_E_INVALID);
    assert_status(bs_storage_limit(engine->service, "none", half), BS_E_NOT_FOUND);
    assert_kept(engine, "limit_upload", "3M");
    assert_kept(engine, "limit_download", "");
}

/* At a byte rate this low it would take weeks; nobody waits for it. */
static void a_job_that_waits_is_freed_by_a_higher_limit(void **state)
{
    engine_fixture *engine = *state;
    static const char *const slow[] = {"limit_upload", "1k", NULL};
    static const char *const off[] = {"limit_upload", "off", NULL};
    const bs_backup_options options = options_there(engine);
    char id[BS_ID_SIZE];

    assert_ok(add(engine, "limit_upload", "off"));
    assert_ok(bs_storage_limit(engine->service, "kept", slow));
    assert_ok(bs_backup_start(engine->service, &options, id));
    assert_ok(bs_storage_limit(engine->service, "kept", off));
    assert_ok(bs_backup_wait(engine->service, id, BS_FOREVER));
    engine_restore(engine, id);
}

static void a_job_that_waits_can_be_cancelled(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_options options = options_there(engine);
    static const char *const slow[] = {"limit_upload", "1k", NULL};
    char id[BS_ID_SIZE];
    engine_gate gate = {0};

    assert_ok(add(engine, "limit_upload", "off"));
    options.source_paths = NULL;
    options.source_callback = engine_slow_source;
    options.source_user = &gate;
    assert_ok(bs_storage_limit(engine->service, "kept", slow));
    assert_ok(bs_backup_start(engine->service, &options, id));
    assert_ok(bs_backup_cancel(engine->service, id));
    assert_status(bs_backup_wait(engine->service, id, BS_FOREVER), BS_E_CANCELLED);
}

static void the_limits_of_the_local_storage_last_until_it_is_closed(void **state)
{
    engine_fixture *engine = *state;
    static const char *const slow[] = {"limit_upload", "10k", NULL};
    const bs_backup_options options = engine_options(engine, "home");
    int64_t began = 0;
    char id[BS_ID_SIZE];

    assert_ok(bs_storage_limit(engine->service, "local", slow));
    began = bsi_monotonic_ns();
    bsi_clock_leap(true);
    engine_backup(engine, &options, BS_OK, id);
    engine_backup(engine, &options, BS_OK, id);
    bsi_clock_leap(false);
    assert_true(bsi_monotonic_ns() - began > SECOND / 2);
    engine_restore(engine, id);
}

/* --- The cache --- */

/* Files in the folder of its cache; 0 also without one. */
static size_t count_copies(const engine_fixture *engine)
{
    bsi_setting settings[] = {{"path", NULL}, {"create", "false"}};
    bsi_storage *store = NULL;
    size_t count = 0;
    char path[400];

    (void)snprintf(path, sizeof(path), "%s/cache/on-kept", engine->state);
    settings[0].value = path;
    if (bsi_storage_open("local", settings, 2, NULL, &store) == BS_OK) {
        assert_ok(bsi_storage_list(store, NULL, "", count_one, &count));
    }
    bsi_storage_unref(store);
    return count;
}

static void manifests_are_kept_near_by_until_the_storage_goes(void **state)
{
    engine_fixture *engine = *state;
    char id[BS_ID_SIZE];

    assert_ok(add(engine, "cache_size", "1MiB"));
    back_up(engine, id);
    engine_restore(engine, id);
    assert_int_equal(count_copies(engine), 1); /* Not the container. */
    engine_close(engine);
    engine_open(engine);
    engine_restore(engine, id);
    assert_int_equal(count_copies(engine), 1);
    assert_ok(bs_storage_remove(engine->service, "kept", true));
    assert_int_equal(count_copies(engine), 0);
    assert_ok(add(engine, "cache_size", "off"));
    engine_restore(engine, id);
    assert_int_equal(count_copies(engine), 0);
}

/* Whether the metrics have a line: a family's name without its prefix, labels and a value. */
static bool is_told(engine_fixture *engine, const char *line)
{
    char whole[200];
    char *text = NULL;
    bool found = false;

    (void)snprintf(whole, sizeof(whole), "\nbackupsvc_%s\n", line);
    assert_ok(bs_metrics(engine->service, &text));
    found = strstr(text, whole) != NULL;
    bs_free(text);
    return found;
}

static void metrics_tell_which_reads_had_a_copy(void **state)
{
    engine_fixture *engine = *state;
    char id[BS_ID_SIZE];

    assert_ok(add(engine, "cache_size", "1MiB"));
    back_up(engine, id);
    engine_restore(engine, id);
    engine_restore(engine, id);
    assert_true(is_told(engine, "storage_cache_reads_total{storage=\"kept\",outcome=\"miss\"} 1"));
    assert_false(is_told(engine, "storage_cache_reads_total{storage=\"kept\",outcome=\"hit\"} 0"));
    assert_true(is_told(engine, "storage_cache_objects{storage=\"kept\"} 1"));
    assert_false(is_told(engine, "storage_cache_bytes{storage=\"kept\"} 0"));
    assert_false(is_told(engine, "storage_cache_objects{storage=\"local\"} 0"));
}

/* One bit, where neither size nor time tell of it. */
static void damage_quietly(const engine_fixture *engine, const char *key)
{
    char path[800];
    struct stat before;
    struct timespec times[2];
    unsigned char byte = 0;
    int fd = -1;

    (void)snprintf(path, sizeof(path), "%s/kept/%s", engine->dir->path, key);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &before), 0);
    assert_int_equal(pread(fd, &byte, 1, before.st_size / 2), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, before.st_size / 2), 1);
    times[0] = before.st_atim;
    times[1] = before.st_mtim;
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(close(fd), 0);
}

static void a_verification_does_not_look_at_copies(void **state)
{
    engine_fixture *engine = *state;
    bs_backup_info *info = NULL;
    char id[BS_ID_SIZE];
    char job[BS_ID_SIZE];

    assert_ok(add(engine, "cache_size", "1MiB"));
    back_up(engine, id);
    engine_restore(engine, id);
    info = engine_get(engine, id);
    damage_quietly(engine, info->manifest_path);
    bs_backup_info_free(info);
    engine_restore(engine, id); /* From the copy. */
    assert_ok(bs_verify_start(engine->service, id, job));
    assert_true(bs_verify_wait(engine->service, job, BS_FOREVER) < 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(backups_come_and_stay_where_nothing_is_removed),
        TEST(a_mirror_is_refused_where_nothing_is_replaced),
        TEST(retention_keeps_what_its_storage_keeps),
        TEST(repositories_work_where_nothing_is_removed),
        TEST(repositories_are_not_repaired_where_nothing_is_removed),
        TEST(repositories_take_copies_where_nothing_is_removed),
        TEST(a_read_only_repository_is_looked_at_and_not_changed),
        TEST(a_failed_backup_harms_no_other),
        TEST(from_a_read_only_storage_backups_are_read),
        TEST(limits_are_kept_and_shown),
        TEST(a_wrong_limit_changes_nothing),
        TEST(a_job_that_waits_is_freed_by_a_higher_limit),
        TEST(a_job_that_waits_can_be_cancelled),
        TEST(the_limits_of_the_local_storage_last_until_it_is_closed),
        TEST(manifests_are_kept_near_by_until_the_storage_goes),
        TEST(metrics_tell_which_reads_had_a_copy),
        TEST(a_verification_does_not_look_at_copies),
    };

    return cmocka_run_group_tests_name("integration/storage_settings", tests, NULL, NULL);
}
