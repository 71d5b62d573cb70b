/* SPDX-License-Identifier: MIT */
/*
 * What programs of other releases and careless ones may hand in: smaller and
 * larger options structs, and NULL for what must be there.
 */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <backupsvc.h>

#include "archive/archive.h"
#include "storage/storage.h"
#include "support/tempdir.h"

typedef struct fixture {
    test_dir *dir;
    bs_service *service;
} fixture;

static int setup(void **state)
{
    fixture *self = calloc(1, sizeof(*self));
    bs_service_options options = BS_SERVICE_OPTIONS_INIT;
    char path[300];
    void *dir = NULL;

    if (!self || test_dir_setup(&dir) != 0) {
        return -1;
    }
    self->dir = dir;
    (void)snprintf(path, sizeof(path), "%s/state", self->dir->path);
    options.state_path = path;
    *state = self;
    return bs_service_open(&options, &self->service) == BS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *self = *state;
    void *dir = self->dir;

    bs_service_close(self->service);
    free(self);
    return test_dir_teardown(&dir);
}

/* --- Sizes --- */

/* Every options struct, called with its first `size` bytes and a tail behind it. */
typedef bs_status (*call_with)(fixture *self, const void *options);

static bs_status call_open(fixture *self, const void *options)
{
    bs_service *service = NULL;
    const bs_status status = bs_service_open(options, &service);

    (void)self;
    bs_service_close(service);
    return status;
}

static bs_status call_backup(fixture *self, const void *options)
{
    char id[BS_ID_SIZE];

    return bs_backup_start(self->service, options, id);
}

static bs_status call_list(fixture *self, const void *options)
{
    bs_backup_page *page = NULL;
    const bs_status status = bs_backup_list(self->service, options, &page);

    bs_backup_page_free(page);
    return status;
}

static bs_status call_restore(fixture *self, const void *options)
{
    char id[BS_ID_SIZE];

    return bs_restore_start(self->service, options, id);
}

static bs_status call_drill(fixture *self, const void *options)
{
    char id[BS_ID_SIZE];

    return bs_drill_start(self->service, options, id);
}

static bs_status call_list_drills(fixture *self, const void *options)
{
    bs_drill_page *page = NULL;
    const bs_status status = bs_drill_list(self->service, options, &page);

    bs_drill_page_free(page);
    return status;
}

static bs_status call_history(fixture *self, const void *options)
{
    bs_stats_history_info *history = NULL;
    const bs_status status = bs_stats_history(self->service, options, &history);

    bs_stats_history_info_free(history);
    return status;
}

/* `good` is what a call with a well-sized struct of zeros answers. */
static void check_sizes(fixture *self, size_t size, call_with call, bs_status good)
{
    union {
        size_t struct_size;
        unsigned char bytes[512];
    } options;

    assert_true(size + 16 <= sizeof(options));
    memset(&options, 0, sizeof(options));
    options.struct_size = size;
    assert_int_equal(call(self, &options), good);
    options.struct_size = size + 16;
    assert_int_equal(call(self, &options), good);
    options.bytes[size + 15] = 1;
    assert_int_equal(call(self, &options), BS_E_UNSUPPORTED);
    options.bytes[size + 15] = 0;
    options.struct_size = sizeof(size_t);
    assert_int_equal(call(self, &options), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, "struct_size"));
    options.struct_size = 0;
    assert_int_equal(call(self, &options), BS_E_INVALID);
}

static void structs_of_other_releases_are_taken_where_they_can_be(void **state)
{
    fixture *self = *state;
    char original[300];
    char path[300];

    (void)snprintf(path, sizeof(path), "%s", self->dir->path);
    assert_non_null(getcwd(original, sizeof(original)));
    assert_int_equal(chdir(path), 0); /* The default state directory is ./backups. */
    check_sizes(self, sizeof(bs_service_options), call_open, BS_OK);
    assert_int_equal(chdir(original), 0);
    check_sizes(self, sizeof(bs_backup_options), call_backup, BS_E_INVALID);
    check_sizes(self, sizeof(bs_backup_filter), call_list, BS_OK);
    check_sizes(self, sizeof(bs_restore_options), call_restore, BS_E_INVALID);
    check_sizes(self, sizeof(bs_drill_options), call_drill, BS_E_INVALID);
    check_sizes(self, sizeof(bs_drill_filter), call_list_drills, BS_OK);
    check_sizes(self, sizeof(bs_stats_history_options), call_history, BS_OK);
}

static void macros_and_functions_initialise_alike(void **state)
{
    const bs_service_options service = BS_SERVICE_OPTIONS_INIT;
    const bs_backup_options backup = BS_BACKUP_OPTIONS_INIT;
    const bs_backup_filter filter = BS_BACKUP_FILTER_INIT;
    const bs_restore_options restore = BS_RESTORE_OPTIONS_INIT;
    const bs_drill_options drill = BS_DRILL_OPTIONS_INIT;
    const bs_drill_filter drills = BS_DRILL_FILTER_INIT;
    const bs_stats_history_options history = BS_STATS_HISTORY_OPTIONS_INIT;
    union {
        bs_service_options service;
        bs_backup_options backup;
        bs_backup_filter filter;
        bs_restore_options restore;
        bs_drill_options drill;
        bs_drill_filter drills;
        bs_stats_history_options history;
    } made;

    (void)state;
    memset(&made, 0xff, sizeof(made));
    bs_service_options_init(&made.service, sizeof(made.service));
    assert_int_equal(made.service.struct_size, service.struct_size);
    assert_null(made.service.state_path);
    assert_false(made.service.replace_damaged);
    memset(&made, 0xff, sizeof(made));
    bs_backup_options_init(&made.backup, sizeof(made.backup));
    assert_int_equal(made.backup.struct_size, backup.struct_size);
    assert_null(made.backup.name);
    assert_int_equal(made.backup.backup_type, backup.backup_type);
    assert_false(made.backup.allow_empty_mirror);
    memset(&made, 0xff, sizeof(made));
    bs_backup_filter_init(&made.filter, sizeof(made.filter));
    assert_int_equal(made.filter.struct_size, filter.struct_size);
    assert_int_equal(made.filter.limit, 0);
    memset(&made, 0xff, sizeof(made));
    bs_restore_options_init(&made.restore, sizeof(made.restore));
    assert_int_equal(made.restore.struct_size, restore.struct_size);
    assert_false(made.restore.strip_source);
    memset(&made, 0xff, sizeof(made));
    bs_drill_options_init(&made.drill, sizeof(made.drill));
    assert_int_equal(made.drill.struct_size, drill.struct_size);
    assert_null(made.drill.scratch_path);
    memset(&made, 0xff, sizeof(made));
    bs_drill_filter_init(&made.drills, sizeof(made.drills));
    assert_int_equal(made.drills.struct_size, drills.struct_size);
    assert_int_equal(made.drills.offset, 0);
    memset(&made, 0xff, sizeof(made));
    bs_stats_history_options_init(&made.history, sizeof(made.history));
    assert_int_equal(made.history.struct_size, history.struct_size);
    assert_int_equal(made.history.days, 0);
    bs_backup_options_init(NULL, 0);
}

/* --- NULL --- */

static int no_entry(void *user, const bs_entry *entry)
{
    (void)user;
    (void)entry;
    return 0;
}

static int no_data(void *user, const void *data, size_t size)
{
    (void)user;
    (void)data;
    (void)size;
    return 0;
}

/* Evaluates to whether the call was refused with the argument's name. */
#define assert_refuses(call, argument)                                                    \
    do {                                                                                  \
        assert_int_equal(call, BS_E_INVALID);                                             \
        assert_int_equal(bs_error_last()->layer, BS_LAYER_CALLER);                        \
        assert_non_null(strstr(bs_error_last()->message, argument ": must not be NULL")); \
    } while (0)

static void null_arguments_are_named(void **state)
{
    fixture *self = *state;
    bs_service *service = self->service;
    bs_backup_info *backup = NULL;
    bs_backup_options options = BS_BACKUP_OPTIONS_INIT;
    bs_restore_options restore = BS_RESTORE_OPTIONS_INIT;
    char id[BS_ID_SIZE];

    assert_refuses(bs_service_open(NULL, NULL), "out");
    assert_refuses(bs_service_add_storage(NULL, "a", "local", NULL), "service");
    assert_refuses(bs_service_add_storage(service, NULL, "local", NULL), "name");
    assert_refuses(bs_service_add_storage(service, "a", NULL, NULL), "driver");
    assert_refuses(bs_catalog_rebuild(NULL, NULL), "service");
    assert_refuses(bs_backup_start(NULL, &options, id), "service");
    assert_refuses(bs_backup_start(service, NULL, id), "options");
    assert_refuses(bs_backup_start(service, &options, NULL), "id_out");
    assert_refuses(bs_backup_get(service, NULL, &backup), "id");
    assert_refuses(bs_backup_get(service, "x", NULL), "out");
    assert_refuses(bs_backup_wait(service, NULL, 0), "id");
    assert_refuses(bs_backup_cancel(service, NULL), "id");
    assert_refuses(bs_backup_list(service, NULL, NULL), "out");
    assert_refuses(bs_backup_delete(service, NULL, false, NULL), "id");
    assert_refuses(bs_backup_entries(service, NULL, NULL, true, no_entry, NULL), "id");
    assert_refuses(bs_backup_entries(service, "x", NULL, true, NULL, NULL), "entry");
    assert_refuses(bs_backup_read(service, "x", NULL, no_data, NULL), "path");
    assert_refuses(bs_backup_read(service, "x", "y", NULL, NULL), "data");
    assert_refuses(bs_backup_download(service, "x", 0, 1, NULL, NULL), "data");
    assert_refuses(bs_backup_export(service, "x", NULL, NULL, NULL), "options");
    assert_refuses(bs_verify_start(service, NULL, id), "backup_id");
    assert_refuses(bs_verify_get(service, "x", NULL), "out");
    assert_refuses(bs_verify_wait(service, NULL, 0), "id");
    assert_refuses(bs_verify_cancel(NULL, "x"), "service");
    assert_refuses(bs_restore_start(service, NULL, id), "options");
    assert_refuses(bs_restore_start(service, &restore, NULL), "id_out");
    assert_refuses(bs_restore_get(service, "x", NULL), "out");
    assert_refuses(bs_restore_list(service, 0, 0, NULL), "out");
    assert_refuses(bs_drill_start(service, NULL, id), "options");
    assert_refuses(bs_drill_get(service, NULL, NULL), "id");
    assert_refuses(bs_drill_wait(service, NULL, 0), "id");
    assert_refuses(bs_drill_cancel(NULL, "x"), "service");
    assert_refuses(bs_drill_list(service, NULL, NULL), "out");
    assert_refuses(bs_drill_list_reports(service, NULL, NULL), "out");
    assert_refuses(bs_repository_init(service, NULL, NULL), "options");
    assert_refuses(bs_repository_key_list(service, NULL, NULL), "out");
    assert_refuses(bs_repository_key_add(service, NULL, NULL, NULL), "reference");
    assert_refuses(bs_repository_key_remove(service, NULL, NULL), "id");
    assert_refuses(bs_repository_key_change(service, NULL, NULL), "reference");
    assert_refuses(bs_repository_recipient_add(service, NULL, NULL, NULL), "reference");
    assert_refuses(bs_snapshot_list(service, NULL, NULL), "out");
    assert_refuses(bs_snapshot_diff(service, NULL, NULL, "b", NULL, NULL), "before");
    assert_refuses(bs_snapshot_diff(service, NULL, "a", NULL, NULL, NULL), "after");
    assert_refuses(bs_snapshot_diff(service, NULL, "a", "b", NULL, NULL), "difference");
    assert_refuses(bs_snapshot_find(service, NULL, NULL, NULL), "options");
    assert_refuses(bs_check_start(service, NULL, id), "options");
    assert_refuses(bs_check_get(service, "x", NULL), "out");
    assert_refuses(bs_check_wait(service, NULL, 0), "id");
    assert_refuses(bs_check_cancel(NULL, "x"), "service");
    assert_refuses(bs_prune_start(service, NULL, id), "options");
    assert_refuses(bs_prune_get(service, "x", NULL), "out");
    assert_refuses(bs_prune_wait(service, NULL, 0), "id");
    assert_refuses(bs_prune_cancel(NULL, "x"), "service");
    assert_refuses(bs_copy_start(service, NULL, id), "options");
    assert_refuses(bs_copy_get(service, "x", NULL), "out");
    assert_refuses(bs_copy_wait(service, NULL, 0), "id");
    assert_refuses(bs_copy_cancel(NULL, "x"), "service");
    assert_refuses(bs_replicate_start(service, NULL, id), "options");
    assert_refuses(bs_replicate_get(service, "x", NULL), "out");
    assert_refuses(bs_replicate_wait(service, NULL, 0), "id");
    assert_refuses(bs_replicate_cancel(NULL, "x"), "service");
    assert_refuses(bs_repair_start(service, NULL, id), "options");
    assert_refuses(bs_repair_get(service, "x", NULL), "out");
    assert_refuses(bs_repair_wait(service, NULL, 0), "id");
    assert_refuses(bs_repair_cancel(NULL, "x"), "service");
    assert_refuses(bs_subscribe(service, NULL, NULL), "out");
    assert_refuses(bs_subscription_next(NULL, 0, NULL), "subscription");
    assert_refuses(bs_stats(service, NULL), "out");
    assert_refuses(bs_stats_history(service, NULL, NULL), "out");
    assert_refuses(bs_metrics(service, NULL), "out");
    assert_refuses(bs_config_new(NULL), "out");
    assert_refuses(bs_config_set(NULL, "a", "b"), "config");
    assert_refuses(bs_config_load_file(NULL, "a"), "config");
    assert_refuses(bs_config_load_env(NULL), "config");
    assert_int_equal(bs_subscription_fd(NULL), -1);
    assert_null(bs_config_get(NULL, "PORT"));
}

static void destructors_take_null_and_leave_the_record_alone(void **state)
{
    (void)state;
    assert_int_equal(bs_stats(NULL, NULL), BS_E_INVALID);
    bs_service_close(NULL);
    bs_config_free(NULL);
    bs_backup_info_free(NULL);
    bs_backup_page_free(NULL);
    bs_restore_info_free(NULL);
    bs_restore_page_free(NULL);
    bs_verify_info_free(NULL);
    bs_drill_info_free(NULL);
    bs_drill_page_free(NULL);
    bs_drill_reports_free(NULL);
    bs_drill_options_free(NULL);
    bs_repository_keys_free(NULL);
    bs_snapshot_page_free(NULL);
    bs_check_info_free(NULL);
    bs_prune_info_free(NULL);
    bs_repair_info_free(NULL);
    bs_copy_info_free(NULL);
    bs_replicate_info_free(NULL);
    bs_stats_info_free(NULL);
    bs_stats_history_info_free(NULL);
    bs_backup_options_free(NULL);
    bs_restore_options_free(NULL);
    bs_event_free(NULL);
    bs_unsubscribe(NULL);
    bs_free(NULL);
    assert_int_equal(bs_error_last()->code, BS_E_INVALID);
}

/* --- Promises --- */

static void values_of_status_codes_never_change(void **state)
{
    static const struct {
        bs_status status;
        int value;
        const char *name;
    } pinned[] = {
        {BS_OK, 0, "BS_OK"},
        {BS_END, 1, "BS_END"},
        {BS_PARTIAL, 2, "BS_PARTIAL"},
        {BS_E_INVALID, -1, "BS_E_INVALID"},
        {BS_E_UNSUPPORTED, -2, "BS_E_UNSUPPORTED"},
        {BS_E_NOT_FOUND, -3, "BS_E_NOT_FOUND"},
        {BS_E_EXISTS, -4, "BS_E_EXISTS"},
        {BS_E_BUSY, -5, "BS_E_BUSY"},
        {BS_E_NEEDED, -6, "BS_E_NEEDED"},
        {BS_E_AMBIGUOUS, -7, "BS_E_AMBIGUOUS"},
        {BS_E_CANCELLED, -20, "BS_E_CANCELLED"},
        {BS_E_TIMEOUT, -21, "BS_E_TIMEOUT"},
        {BS_E_NOMEM, -22, "BS_E_NOMEM"},
        {BS_E_INTERNAL, -23, "BS_E_INTERNAL"},
        {BS_E_CALLBACK, -24, "BS_E_CALLBACK"},
        {BS_E_COMMAND, -25, "BS_E_COMMAND"},
        {BS_E_INTERRUPTED, -26, "BS_E_INTERRUPTED"},
        {BS_E_CLOCK, -27, "BS_E_CLOCK"},
        {BS_E_IO, -40, "BS_E_IO"},
        {BS_E_NO_SPACE, -41, "BS_E_NO_SPACE"},
        {BS_E_ACCESS, -42, "BS_E_ACCESS"},
        {BS_E_READ_ONLY, -43, "BS_E_READ_ONLY"},
        {BS_E_CHANGED, -44, "BS_E_CHANGED"},
        {BS_E_LIMIT, -45, "BS_E_LIMIT"},
        {BS_E_CORRUPT, -60, "BS_E_CORRUPT"},
        {BS_E_RANGE, -61, "BS_E_RANGE"},
        {BS_E_VERSION, -62, "BS_E_VERSION"},
        {BS_E_MISSING, -63, "BS_E_MISSING"},
        {BS_E_KEY, -64, "BS_E_KEY"},
    };
    size_t known = 0;

    (void)state;
#define COUNT_STATUS(name, value, text, retry) known++;
    BS_STATUS_MAP(COUNT_STATUS)
#undef COUNT_STATUS
    assert_int_equal(known, sizeof(pinned) / sizeof(pinned[0]));
    for (size_t i = 0; i < known; i++) {
        assert_int_equal((int)pinned[i].status, pinned[i].value);
        assert_string_equal(bs_status_name(pinned[i].status), pinned[i].name);
    }
}

static bool has_word(const char *text, const char *word)
{
    const size_t size = strlen(word);

    while ((text = strstr(text, word)) != NULL) {
        if (text[size] == ' ' || text[size] == '\0') {
            return true;
        }
        text += size;
    }
    return false;
}

static void features_name_all_containers_and_storages(void **state)
{
    (void)state;
    assert_string_equal(bs_version(), "0.1.0");
    for (size_t i = 0; bsi_archive_at(i); i++) {
        assert_true(has_word(bs_features(), bsi_archive_name(bsi_archive_at(i))));
    }
    for (size_t i = 0; bsi_storage_driver_at(i); i++) {
        assert_true(has_word(bs_features(), bsi_storage_driver_at(i)->scheme));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(structs_of_other_releases_are_taken_where_they_can_be,
                                        setup, teardown),
        cmocka_unit_test(macros_and_functions_initialise_alike),
        cmocka_unit_test_setup_teardown(null_arguments_are_named, setup, teardown),
        cmocka_unit_test(destructors_take_null_and_leave_the_record_alone),
        cmocka_unit_test(values_of_status_codes_never_change),
        cmocka_unit_test(features_name_all_containers_and_storages),
    };

    return cmocka_run_group_tests_name("api/options", tests, NULL, NULL);
}
