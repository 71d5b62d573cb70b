/* SPDX-License-Identifier: MIT */
#include "fixture.h"

static bs_status put(void **state, unsigned number, const char *storage, bsi_row_status status)
{
    char id[BS_ID_SIZE];
    const bsi_row_copy row = {.backup_id = id_of(number, id),
                              .storage = storage,
                              .number = 99, /* Not looked at. */
                              .status = status,
                              .completed_at = status == BSI_ROW_COMPLETED ? 7 : 0,
                              .error_code = status == BSI_ROW_FAILED ? BS_E_IO : BS_OK,
                              .error_layer = BS_LAYER_STORAGE,
                              .error_message = status == BSI_ROW_FAILED ? "it's gone" : ""};

    return bsi_catalog_put_copy(catalog_of(state), &row);
}

static void want(void **state, unsigned number, const char *storage)
{
    char id[BS_ID_SIZE];

    assert_ok(bsi_catalog_want_copy(catalog_of(state), id_of(number, id), storage));
}

/* "away completed, far pending" */
static void assert_copies(void **state, unsigned number, const char *expected)
{
    char id[BS_ID_SIZE];
    char text[256] = "";
    bsi_row_copy *rows = NULL;
    size_t count = 0;
    size_t used = 0;

    assert_ok(bsi_catalog_list_copies(catalog_of(state), id_of(number, id), &rows, &count));
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(rows[i].backup_id, id);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s", i > 0 ? ", " : "",
                                 rows[i].storage, bsi_row_status_name(rows[i].status));
    }
    bsi_row_copies_free(rows, count);
    assert_string_equal(text, expected);
}

static void every_member_is_kept(void **state)
{
    char id[BS_ID_SIZE];
    bsi_row_copy *rows = NULL;
    size_t count = 0;

    add(state, 1);
    assert_ok(put(state, 1, "far", BSI_ROW_COMPLETED));
    assert_ok(put(state, 1, "away", BSI_ROW_FAILED));
    reopen(state);
    assert_ok(bsi_catalog_list_copies(catalog_of(state), id_of(1, id), &rows, &count));
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].storage, "far");
    assert_int_equal(rows[0].number, 1);
    assert_int_equal(rows[0].completed_at, 7);
    assert_int_equal(rows[0].error_code, BS_OK);
    assert_string_equal(rows[1].storage, "away");
    assert_int_equal(rows[1].number, 2);
    assert_int_equal(rows[1].error_code, BS_E_IO);
    assert_int_equal(rows[1].error_layer, BS_LAYER_STORAGE);
    assert_string_equal(rows[1].error_message, "it's gone");
    bsi_row_copies_free(rows, count);
}

static void a_copy_keeps_its_place(void **state)
{
    add(state, 1);
    want(state, 1, "far");
    want(state, 1, "away");
    assert_ok(put(state, 1, "far", BSI_ROW_COMPLETED));
    assert_copies(state, 1, "far completed, away pending");
    want(state, 1, "far");
    assert_copies(state, 1, "far completed, away pending");
    assert_int_equal(put(state, 2, "far", BSI_ROW_PENDING), BS_E_NOT_FOUND);
}

static void those_that_are_lacking_come_in_order(void **state)
{
    char id[BS_ID_SIZE];
    bsi_row_backup row = {0};
    bsi_id *ids = NULL;
    size_t count = 0;

    for (unsigned i = 1; i <= 6; i++) {
        row = backup_row(id_of(7 - i, id));
        row.status = i == 6 ? BSI_ROW_FAILED : BSI_ROW_COMPLETED;
        row.storage = i == 5 ? "disk" : "local";
        assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
        want(state, 7 - i, "away");
    }
    assert_ok(put(state, 5, "away", BSI_ROW_COMPLETED));
    assert_ok(put(state, 4, "away", BSI_ROW_FAILED));
    assert_ok(bsi_catalog_mark_deleting(catalog_of(state), id_of(3, id), 1));
    assert_ok(bsi_catalog_lacking_copies(catalog_of(state), "docs", "local", "away", &ids, &count));
    assert_int_equal(count, 2);
    assert_string_equal(ids[0].text, id_of(6, id));
    assert_string_equal(ids[1].text, id_of(4, id));
    bsi_free(ids);
    assert_ok(bsi_catalog_lacking_copies(catalog_of(state), "docs", "local", "far", &ids, &count));
    assert_int_equal(count, 0);
    bsi_free(ids);
}

static void copies_go_with_their_backup_or_storage(void **state)
{
    char id[BS_ID_SIZE];
    uint64_t count = 0;

    add(state, 1);
    add(state, 2);
    for (unsigned i = 1; i <= 2; i++) {
        assert_ok(put(state, i, "away", BSI_ROW_COMPLETED));
        assert_ok(put(state, i, "far", BSI_ROW_COMPLETED));
        want(state, i, "later");
    }
    assert_ok(bsi_catalog_remove_copy(catalog_of(state), id_of(1, id), "far"));
    assert_ok(bsi_catalog_remove_copy(catalog_of(state), id_of(1, id), "far"));
    assert_copies(state, 1, "away completed, later pending");
    assert_ok(bsi_catalog_count_copies(catalog_of(state), "away", &count));
    assert_int_equal(count, 2);
    assert_ok(bsi_catalog_count_copies(catalog_of(state), "later", &count));
    assert_int_equal(count, 0);
    assert_ok(bsi_catalog_remove_backup(catalog_of(state), id_of(1, id)));
    assert_copies(state, 1, "");
    assert_ok(bsi_catalog_forget_copies(catalog_of(state), "away"));
    assert_copies(state, 2, "far completed, later pending");
}

static void an_import_brings_its_own(void **state)
{
    char id[BS_ID_SIZE];
    bsi_row_copy copies[] = {{.storage = "far", .status = BSI_ROW_COMPLETED},
                             {.storage = "away", .status = BSI_ROW_PENDING}};
    const bsi_backup_import item = {
        .row = backup_row(id_of(1, id)), .copies = copies, .copies_count = 2};

    add(state, 1);
    want(state, 1, "old");
    assert_ok(bsi_catalog_replace_backups(catalog_of(state), &item, 1));
    assert_copies(state, 1, "far completed, away pending");
}

static void what_is_needed_is_found_through_others(void **state)
{
    char ids[5][BS_ID_SIZE];
    bsi_id *found = NULL;
    size_t count = 0;

    for (unsigned i = 1; i <= 4; i++) {
        const char *need = id_of(i - 1, ids[i - 1]);
        bsi_row_backup row = backup_row(id_of(i, ids[i]));
        row.status = BSI_ROW_RUNNING;
        assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
        row.status = BSI_ROW_COMPLETED;
        assert_ok(bsi_catalog_update_backup(catalog_of(state), &row, &need, i > 1 ? 1 : 0));
    }
    assert_ok(bsi_catalog_all_needs(catalog_of(state), ids[4], &found, &count));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(found[i].text, ids[i + 1]);
    }
    bsi_free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_member_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_keeps_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(those_that_are_lacking_come_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_go_with_their_backup_or_storage, setup, teardown),
        cmocka_unit_test_setup_teardown(an_import_brings_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_needed_is_found_through_others, setup, teardown),
    };

    return cmocka_run_group_tests_name("catalog/copies", tests, NULL, NULL);
}
