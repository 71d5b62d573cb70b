/* SPDX-License-Identifier: MIT */
#include "fixture.h"

static void every_member_of_a_job_is_kept(void **state)
{
    bsi_row_job row = {.id = "abcd1234",
                       .kind = "restore",
                       .backup_id = "b",
                       .status = BSI_ROW_RUNNING,
                       .target = "/t",
                       .options = "{}",
                       .result = "{}",
                       .created_at = 1,
                       .started_at = 2,
                       .completed_at = 3,
                       .bytes_processed = 4,
                       .files_processed = 5,
                       .total_bytes = 6,
                       .total_files = 7,
                       .error_code = BS_E_ACCESS,
                       .error_layer = BS_LAYER_TARGET,
                       .error_message = "no"};
    bsi_row_job back;
    char id[BS_ID_SIZE];

    assert_ok(bsi_catalog_add_job(catalog_of(state), &row));
    row.status = BSI_ROW_CANCELLED;
    assert_ok(bsi_catalog_update_job(catalog_of(state), &row));
    assert_ok(bsi_catalog_get_job(catalog_of(state), row.id, &back));
    assert_string_equal(back.kind, row.kind);
    assert_string_equal(back.backup_id, row.backup_id);
    assert_int_equal(back.status, BSI_ROW_CANCELLED);
    assert_string_equal(back.target, row.target);
    assert_string_equal(back.result, row.result);
    assert_int_equal(back.completed_at, 3);
    assert_int_equal(back.total_files, 7);
    assert_int_equal(back.error_code, BS_E_ACCESS);
    assert_int_equal(back.error_layer, BS_LAYER_TARGET);
    assert_string_equal(back.error_message, "no");
    bsi_row_job_dispose(&back);
    assert_ok(bsi_catalog_resolve_job(catalog_of(state), "abcd", id));
    assert_string_equal(id, "abcd1234");
    assert_ok(bsi_catalog_remove_job(catalog_of(state), row.id));
    assert_status(bsi_catalog_get_job(catalog_of(state), row.id, &back), BS_E_NOT_FOUND);
    assert_status(bsi_catalog_update_job(catalog_of(state), &row), BS_E_NOT_FOUND);
}

static void jobs_are_filtered_and_newest_first(void **state)
{
    const bsi_row_job rows[] = {
        {.id = "a", .kind = "verify", .status = BSI_ROW_COMPLETED, .created_at = 1},
        {.id = "b", .kind = "restore", .status = BSI_ROW_FAILED, .created_at = 2},
        {.id = "c", .kind = "restore", .status = BSI_ROW_COMPLETED, .created_at = 3},
    };
    const bsi_job_filter filter = {.kind = "restore", .limit = 1};
    bsi_row_job *found = NULL;
    size_t count = 0;
    uint64_t total = 0;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(rows); i++) {
        assert_ok(bsi_catalog_add_job(catalog_of(state), &rows[i]));
    }
    assert_ok(bsi_catalog_list_jobs(catalog_of(state), &filter, &found, &count, &total));
    assert_int_equal(count, 1);
    assert_int_equal(total, 2);
    assert_string_equal(found[0].id, "c");
    bsi_row_jobs_free(found, count);
    assert_ok(bsi_catalog_list_jobs(catalog_of(state), NULL, &found, &count, NULL));
    assert_int_equal(count, 3);
    bsi_row_jobs_free(found, count);
}

static void warnings_come_back_in_order_with_any_path(void **state)
{
    const bsi_row_warning rows[] = {
        {BS_E_ACCESS, BS_LAYER_SOURCE, {"a\0\xff", 3}, "first", NULL},
        {BS_E_IO, BS_LAYER_SOURCE, {"", 0}, "second", NULL},
    };
    bsi_row_warning *found = NULL;
    size_t count = 0;
    uint64_t total = 0;

    assert_ok(bsi_catalog_add_warnings(catalog_of(state), "j", rows, 2));
    assert_ok(bsi_catalog_add_warnings(catalog_of(state), "j", rows, 1));
    assert_ok(bsi_catalog_add_warnings(catalog_of(state), "other", rows, 1));
    assert_ok(bsi_catalog_list_warnings(catalog_of(state), "j", 0, 0, &found, &count, &total));
    assert_int_equal(count, 3);
    assert_int_equal(total, 3);
    assert_int_equal(found[0].code, BS_E_ACCESS);
    assert_int_equal(found[0].path.size, 3);
    assert_memory_equal(found[0].path.data, "a\0\xff", 3);
    assert_string_equal(found[1].message, "second");
    assert_int_equal(found[1].path.size, 0);
    bsi_row_warnings_free(found, count);
    assert_ok(bsi_catalog_list_warnings(catalog_of(state), "none", 0, 0, &found, &count, &total));
    assert_int_equal(count + total, 0);
    bsi_row_warnings_free(found, count);
}

static void beyond_the_limit_warnings_are_only_counted(void **state)
{
    const size_t more = BSI_CATALOG_WARNINGS_MAX + 5;
    bsi_row_warning *rows = calloc(more, sizeof(*rows));
    bsi_row_warning *found = NULL;
    size_t count = 0;
    uint64_t total = 0;

    assert_non_null(rows);
    assert_ok(bsi_catalog_add_warnings(catalog_of(state), "j", rows, more));
    free(rows);
    assert_ok(bsi_catalog_list_warnings(catalog_of(state), "j", BSI_CATALOG_WARNINGS_MAX - 2, 9,
                                        &found, &count, &total));
    assert_int_equal(count, 2);
    assert_int_equal(total, more);
    bsi_row_warnings_free(found, count);
}

static void warnings_go_with_their_backup(void **state)
{
    const bsi_row_warning row = {.code = BS_E_IO, .message = "x"};
    bsi_row_warning *found = NULL;
    char id[BS_ID_SIZE];
    size_t count = 0;
    uint64_t total = 0;

    add(state, 1);
    assert_ok(bsi_catalog_add_warnings(catalog_of(state), id_of(1, id), &row, 1));
    assert_ok(bsi_catalog_remove_backup(catalog_of(state), id));
    assert_ok(bsi_catalog_list_warnings(catalog_of(state), id, 0, 0, &found, &count, &total));
    assert_int_equal(total, 0);
    bsi_row_warnings_free(found, count);
}

static void profiles_are_put_listed_and_removed(void **state)
{
    bsi_row_profile row = {.name = "b", .driver = "local", .settings = "{\"path\":\"/x\"}"};
    bsi_row_profile back;
    bsi_row_profile *rows = NULL;
    size_t count = 0;

    assert_ok(bsi_catalog_put_profile(catalog_of(state), &row));
    row.settings = "{}";
    assert_ok(bsi_catalog_put_profile(catalog_of(state), &row));
    row.name = "a";
    assert_ok(bsi_catalog_put_profile(catalog_of(state), &row));
    assert_ok(bsi_catalog_get_profile(catalog_of(state), "b", &back));
    assert_string_equal(back.settings, "{}");
    bsi_row_profile_dispose(&back);
    assert_ok(bsi_catalog_list_profiles(catalog_of(state), &rows, &count));
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].name, "a");
    bsi_row_profiles_free(rows, count);
    assert_ok(bsi_catalog_remove_profile(catalog_of(state), "b"));
    assert_ok(bsi_catalog_remove_profile(catalog_of(state), "b"));
    assert_status(bsi_catalog_get_profile(catalog_of(state), "b", &back), BS_E_NOT_FOUND);
}

static void values_are_set_replaced_and_removed(void **state)
{
    char *value = NULL;

    assert_status(bsi_catalog_get_meta(catalog_of(state), "seq", &value), BS_E_NOT_FOUND);
    assert_ok(bsi_catalog_set_meta(catalog_of(state), "k", "1"));
    assert_ok(bsi_catalog_set_meta(catalog_of(state), "k", "2"));
    assert_ok(bsi_catalog_get_meta(catalog_of(state), "k", &value));
    assert_string_equal(value, "2");
    bsi_free(value);
    assert_ok(bsi_catalog_set_meta(catalog_of(state), "k", NULL));
    assert_status(bsi_catalog_get_meta(catalog_of(state), "k", &value), BS_E_NOT_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_member_of_a_job_is_kept),
        TEST(jobs_are_filtered_and_newest_first),
        TEST(warnings_come_back_in_order_with_any_path),
        TEST(beyond_the_limit_warnings_are_only_counted),
        TEST(warnings_go_with_their_backup),
        TEST(profiles_are_put_listed_and_removed),
        TEST(values_are_set_replaced_and_removed),
    };

    return cmocka_run_group_tests_name("catalog/jobs", tests, NULL, NULL);
}
