/* SPDX-License-Identifier: MIT */
#include "fixture.h"

static void put(void **state, unsigned number, const char *name, bool proven, const char *scratch)
{
    char id[BS_ID_SIZE];
    const bsi_row_job job = {
        .id = id_of(number, id), .kind = "drill", .status = BSI_ROW_RUNNING, .created_at = number};
    const bsi_row_drill row = {.job_id = id,
                               .name = name,
                               .backup_id = "b",
                               .scratch = scratch,
                               .proven = proven,
                               .proven_at = proven ? number : 0,
                               .files = 1,
                               .bytes = 2,
                               .files_wrong = 3,
                               .duration = 4,
                               .backup_files = 5,
                               .backup_bytes = 6};

    assert_ok(bsi_catalog_add_drill(catalog_of(state), &job, &row));
}

/* Ids of the rows that a filter finds, by their numbers: "3 1 ". */
static void assert_found(void **state, const bsi_drill_filter *filter, const char *expected,
                         uint64_t total)
{
    bsi_row_drill *rows = NULL;
    char text[64] = "";
    size_t count = 0;
    uint64_t found = 0;

    assert_ok(bsi_catalog_list_drills(catalog_of(state), filter, &rows, &count, &found));
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%c ", rows[i].job_id[7]);
    }
    bsi_row_drills_free(rows, count);
    assert_string_equal(text, expected);
    assert_int_equal(found, total);
}

static void both_rows_are_kept(void **state)
{
    char id[BS_ID_SIZE];
    bsi_row_drill row;
    bsi_row_job job;

    put(state, 1, "home", true, "/s");
    reopen(state);
    assert_ok(bsi_catalog_get_job(catalog_of(state), id_of(1, id), &job));
    assert_ok(bsi_catalog_get_drill(catalog_of(state), id, &row));
    assert_string_equal(row.name, "home");
    assert_string_equal(row.backup_id, "b");
    assert_string_equal(row.scratch, "/s");
    assert_true(row.proven);
    assert_int_equal(row.proven_at, 1);
    assert_int_equal(row.files, 1);
    assert_int_equal(row.bytes, 2);
    assert_int_equal(row.files_wrong, 3);
    assert_int_equal(row.duration, 4);
    assert_int_equal(row.backup_files, 5);
    assert_int_equal(row.backup_bytes, 6);
    row.files = 7;
    job.status = BSI_ROW_COMPLETED;
    assert_ok(bsi_catalog_update_drill(catalog_of(state), &job, &row));
    bsi_row_drill_dispose(&row);
    bsi_row_job_dispose(&job);
    assert_ok(bsi_catalog_get_drill(catalog_of(state), id, &row));
    assert_int_equal(row.files, 7);
    bsi_row_drill_dispose(&row);
    assert_ok(bsi_catalog_clear_scratch(catalog_of(state), id));
    assert_ok(bsi_catalog_get_drill(catalog_of(state), id, &row));
    assert_string_equal(row.scratch, "");
    assert_int_equal(row.files, 7);
    bsi_row_drill_dispose(&row);
    assert_ok(bsi_catalog_remove_job(catalog_of(state), id));
    assert_status(bsi_catalog_get_drill(catalog_of(state), id, &row), BS_E_NOT_FOUND);
}

static void neither_row_is_kept_without_the_other(void **state)
{
    const bsi_row_drill row = {.job_id = "other"};
    const bsi_row_job job = {.id = "job", .kind = "drill", .status = BSI_ROW_PENDING};
    bsi_row_job found;

    assert_true(bsi_catalog_add_drill(catalog_of(state), &job, &row) < 0);
    assert_status(bsi_catalog_get_job(catalog_of(state), "job", &found), BS_E_NOT_FOUND);
    put(state, 1, "home", false, "");
    assert_status(bsi_catalog_update_drill(catalog_of(state), &job, &row), BS_E_NOT_FOUND);
    assert_status(bsi_catalog_clear_scratch(catalog_of(state), "job"), BS_E_NOT_FOUND);
}

static void drills_are_filtered_and_newest_first(void **state)
{
    put(state, 1, "home", true, "");
    put(state, 3, "home", false, "/s");
    put(state, 2, "work", true, "/s");
    put(state, 4, "home", true, "");
    assert_found(state, &(bsi_drill_filter){.name = NULL}, "4 3 2 1 ", 4);
    assert_found(state, &(bsi_drill_filter){.name = "home"}, "4 3 1 ", 3);
    assert_found(state, &(bsi_drill_filter){.name = "home", .proven = true}, "4 1 ", 2);
    assert_found(state, &(bsi_drill_filter){.scratch = true}, "3 2 ", 2);
    assert_found(state, &(bsi_drill_filter){.limit = 2, .offset = 1}, "3 2 ", 4);
    assert_found(state, &(bsi_drill_filter){.name = "none"}, "", 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_rows_are_kept),
        TEST(neither_row_is_kept_without_the_other),
        TEST(drills_are_filtered_and_newest_first),
    };

    return cmocka_run_group_tests_name("catalog/drills", tests, NULL, NULL);
}
