/* SPDX-License-Identifier: MIT */
#include "fixture.h"

static void pin(void **state, unsigned number, const char *kind, int64_t until)
{
    char id[BS_ID_SIZE];
    const bsi_row_pin row = {.backup_id = id_of(number, id),
                             .kind = kind,
                             .reason = "audit '26; --",
                             .until = until,
                             .created_at = 5};

    assert_ok(bsi_catalog_put_pin(catalog_of(state), &row));
}

static void mark(void **state, unsigned number)
{
    char id[BS_ID_SIZE];
    const bsi_row_mark row = {
        .backup_id = id_of(number, id), .marked_at = 10, .remove_after = 20 + number};

    assert_ok(bsi_catalog_put_marks(catalog_of(state), &row, 1));
}

static bool is_marked(void **state, unsigned number)
{
    char id[BS_ID_SIZE];
    bsi_row_mark row;

    assert_ok(bsi_catalog_get_mark(catalog_of(state), id_of(number, id), &row));
    assert_null(row.backup_id);
    assert_true(row.marked_at == 0 || row.remove_after == 20 + number);
    return row.marked_at != 0;
}

static size_t count_pins(void **state, unsigned number)
{
    char id[BS_ID_SIZE];
    bsi_row_pin *rows = NULL;
    size_t count = 0;

    assert_ok(bsi_catalog_list_pins(catalog_of(state), id_of(number, id), &rows, &count));
    bsi_row_pins_free(rows, count);
    return count;
}

static bs_status mark_deleting(void **state, unsigned number, int64_t now)
{
    char id[BS_ID_SIZE];

    return bsi_catalog_mark_deleting(catalog_of(state), id_of(number, id), now);
}

static void every_member_of_a_pin_is_kept(void **state)
{
    char id[BS_ID_SIZE];
    bsi_row_pin *rows = NULL;
    size_t count = 0;

    add(state, 1);
    pin(state, 1, "pin", 0);
    pin(state, 1, "hold", 99);
    reopen(state);
    assert_ok(bsi_catalog_list_pins(catalog_of(state), id_of(1, id), &rows, &count));
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].backup_id, id);
    assert_string_equal(rows[0].kind, "hold");
    assert_int_equal(rows[0].until, 99);
    assert_string_equal(rows[1].kind, "pin");
    assert_string_equal(rows[1].reason, "audit '26; --");
    assert_int_equal(rows[1].until, 0);
    assert_int_equal(rows[1].created_at, 5);
    bsi_row_pins_free(rows, count);
}

static void there_is_one_pin_of_each_kind(void **state)
{
    char id[BS_ID_SIZE];

    add(state, 1);
    pin(state, 1, "pin", 0);
    pin(state, 1, "pin", 7);
    pin(state, 1, "hold", 0);
    assert_int_equal(count_pins(state, 1), 2);
    assert_ok(bsi_catalog_remove_pin(catalog_of(state), id_of(1, id), "pin"));
    assert_status(bsi_catalog_remove_pin(catalog_of(state), id, "pin"), BS_E_NOT_FOUND);
    assert_int_equal(count_pins(state, 1), 1);
}

static void a_pin_keeps_from_removal_until_it_is_over(void **state)
{
    add(state, 1);
    pin(state, 1, "pin", 100);
    assert_status(mark_deleting(state, 1, 99), BS_E_NEEDED);
    assert_non_null(strstr(bs_error_last()->message, "by a pin, 'audit '26; --'"));
    pin(state, 1, "hold", 0);
    assert_status(mark_deleting(state, 1, 100), BS_E_NEEDED);
    assert_non_null(strstr(bs_error_last()->message, "by a hold"));
    pin(state, 1, "hold", 100);
    assert_ok(mark_deleting(state, 1, 100));
}

static void only_what_is_there_is_pinned_or_marked(void **state)
{
    const bsi_row_pin row = {.backup_id = "none", .kind = "pin"};
    char id[BS_ID_SIZE];
    const bsi_row_mark marks[] = {
        {.backup_id = "none", .marked_at = 10, .remove_after = 20},
        {.backup_id = id_of(1, id), .marked_at = 10, .remove_after = 21},
    };

    assert_status(bsi_catalog_put_pin(catalog_of(state), &row), BS_E_NOT_FOUND);
    add(state, 1);
    assert_ok(bsi_catalog_put_marks(catalog_of(state), marks, 2));
    assert_true(is_marked(state, 1));
    assert_status(bsi_catalog_remove_mark(catalog_of(state), "none"), BS_E_NOT_FOUND);
    assert_ok(mark_deleting(state, 1, 1));
    assert_status(bsi_catalog_put_pin(catalog_of(state),
                                      &(bsi_row_pin){.backup_id = id_of(1, id), .kind = "pin"}),
                  BS_E_NOT_FOUND);
}

static void a_mark_stays_as_it_was_first_made(void **state)
{
    char id[BS_ID_SIZE];
    const bsi_row_mark later = {.backup_id = id_of(1, id), .marked_at = 50, .remove_after = 60};

    add(state, 1);
    assert_false(is_marked(state, 1));
    mark(state, 1);
    assert_ok(bsi_catalog_put_marks(catalog_of(state), &later, 1));
    reopen(state);
    assert_true(is_marked(state, 1));
    assert_ok(bsi_catalog_remove_mark(catalog_of(state), id));
    assert_false(is_marked(state, 1));
}

static void a_pin_takes_the_mark_away(void **state)
{
    add(state, 1);
    mark(state, 1);
    pin(state, 1, "hold", 0);
    assert_false(is_marked(state, 1));
}

static void a_marked_backup_is_no_base(void **state)
{
    bsi_row_backup base;
    char id[BS_ID_SIZE];

    add(state, 1);
    add(state, 2);
    mark(state, 2);
    assert_ok(bsi_catalog_last_base(catalog_of(state), "docs", "local", "archive", false, &base));
    assert_string_equal(base.id, id_of(1, id));
    bsi_row_backup_dispose(&base);
    mark(state, 1);
    assert_status(
        bsi_catalog_last_base(catalog_of(state), "docs", "local", "archive", false, &base),
        BS_E_NOT_FOUND);
}

static void the_last_good_one_does_not_expire(void **state)
{
    char id[BS_ID_SIZE];
    bsi_row_backup row = backup_row(id_of(2, id));
    bsi_catalog *catalog = catalog_of(state);

    add(state, 1);
    row.storage = "s3";
    assert_ok(bsi_catalog_add_backup(catalog, &row, NULL));
    row.id = id_of(3, id);
    row.storage = "local";
    row.status = BSI_ROW_FAILED;
    assert_ok(bsi_catalog_add_backup(catalog, &row, NULL));
    assert_status(bsi_catalog_mark_expired(catalog, id_of(1, id), 1), BS_E_NEEDED);
    assert_non_null(strstr(bs_error_last()->message, "the last good one of 'docs'"));
    assert_ok(bsi_catalog_mark_expired(catalog, id_of(3, id), 1));
    add(state, 4);
    assert_ok(bsi_catalog_mark_expired(catalog, id_of(1, id), 1));
    assert_status(bsi_catalog_mark_expired(catalog, id_of(4, id), 1), BS_E_NEEDED);
}

static void pins_and_marks_go_with_their_backup(void **state)
{
    char ids[2][BS_ID_SIZE];
    const bsi_backup_import items[] = {{.row = backup_row(id_of(2, ids[0]))}};

    for (unsigned i = 1; i <= 3; i++) {
        add(state, i);
        pin(state, i, "pin", 0);
        mark(state, i);
    }
    assert_ok(bsi_catalog_remove_backup(catalog_of(state), id_of(1, ids[1])));
    assert_int_equal(count_pins(state, 1), 0);
    assert_false(is_marked(state, 1));
    assert_ok(bsi_catalog_replace_backups(catalog_of(state), items, 1));
    assert_int_equal(count_pins(state, 2), 1);
    assert_true(is_marked(state, 2));
    assert_int_equal(count_pins(state, 3), 0);
    assert_false(is_marked(state, 3));
}

static void set_needs(void **state, unsigned number, const char *name, unsigned needed)
{
    char id[BS_ID_SIZE];
    char needed_id[BS_ID_SIZE];
    const char *const needs[] = {id_of(needed, needed_id)};
    bsi_row_backup row = backup_row(id_of(number, id));

    row.name = name;
    assert_ok(bsi_catalog_update_backup(catalog_of(state), &row, needs, 1));
}

static void a_series_is_all_of_a_name(void **state)
{
    static const struct {
        const char *name;
        const char *storage;
        const char *form;
    } rows[] = {
        {"docs", "local", "archive"},   {"docs", "disk", "archive"}, {"docs", "local", "mirror"},
        {"others", "local", "archive"}, {"docs", "s3", "archive"},
    };
    bsi_series series;
    char id[BS_ID_SIZE];

    for (unsigned i = 0; i < BSI_ARRAY_SIZE(rows); i++) {
        bsi_row_backup row = backup_row(id_of(i + 1, id));
        row.name = rows[i].name;
        row.storage = rows[i].storage;
        row.form = rows[i].form;
        row.created_at = i + 100;
        row.expires_at = i + 200;
        row.container_size = 1000;
        row.total_bytes = 30000;
        row.manifest_size = i;
        row.base_id = "base";
        row.options = i < 2 ? "{\"a\":{},\"retention\":{\"keep_last\":1}}" : "{}";
        assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
    }
    assert_ok(mark_deleting(state, 5, 1));
    mark(state, 2);
    mark(state, 4);
    pin(state, 1, "pin", 0);
    pin(state, 4, "pin", 0);
    set_needs(state, 4, "others", 1);
    assert_ok(bsi_catalog_load_series(catalog_of(state), "docs", &series));
    assert_int_equal(series.count, 3);
    assert_string_equal(series.items[0].id.text, id_of(2, id));
    assert_string_equal(series.items[1].id.text, id_of(3, id));
    assert_string_equal(series.items[2].id.text, id_of(1, id));
    assert_int_equal(series.items[1].seq, 3);
    assert_int_equal(series.items[1].status, BSI_ROW_COMPLETED);
    assert_int_equal(series.items[1].created_at, 102);
    assert_int_equal(series.items[1].expires_at, 202);
    assert_int_equal(series.items[1].size, 30002);
    assert_int_equal(series.items[2].size, 1000);
    assert_string_equal(series.items[1].base_id.text, "base");
    assert_int_equal(series.storage_count, 2);
    assert_string_equal(series.storages[series.items[0].storage].name, "disk");
    assert_string_equal(series.storages[series.items[1].storage].name, "local");
    assert_non_null(series.storages[0].options);
    assert_string_equal(series.storages[1].options, "{\"a\":{},\"retention\":{\"keep_last\":1}}");
    assert_int_equal(series.need_count, 1);
    assert_string_equal(series.needs[0].backup_id, id_of(4, id));
    assert_string_equal(series.needs[0].needs_id, id_of(1, id));
    assert_int_equal(series.pin_count, 1);
    assert_int_equal(series.mark_count, 1);
    assert_string_equal(series.marks[0].backup_id, id_of(2, id));
    bsi_series_dispose(&series);
    assert_ok(bsi_catalog_load_series(catalog_of(state), "none", &series));
    assert_int_equal(series.count, 0);
    bsi_series_dispose(&series);
}

static void names_come_one_after_the_other(void **state)
{
    static const char *const names[] = {"b", "a", "B", "b", "a b"};
    static const char *const sorted[] = {"B", "a", "a b", "b"};
    char *name = bsi_strdup("");
    char *none = NULL;
    char id[BS_ID_SIZE];

    for (unsigned i = 0; i < BSI_ARRAY_SIZE(names); i++) {
        bsi_row_backup row = backup_row(id_of(i + 1, id));
        row.name = names[i];
        assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
    }
    for (size_t i = 0; i < BSI_ARRAY_SIZE(sorted); i++) {
        char *next = NULL;
        assert_ok(bsi_catalog_next_name(catalog_of(state), name, &next));
        assert_string_equal(next, sorted[i]);
        bsi_free(name);
        name = next;
    }
    none = name;
    assert_status(bsi_catalog_next_name(catalog_of(state), name, &none), BS_END);
    assert_ptr_equal(none, name); /* Behind the last one it is left alone. */
    bsi_free(name);
}

static void a_backup_is_found_by_the_end_of_its_id(void **state)
{
    static const struct {
        const char *id;
        bsi_row_status status;
    } rows[] = {
        {"1-0000000a", BSI_ROW_FAILED},
        {"2-0000000b", BSI_ROW_FAILED},
        {"3-0000000b", BSI_ROW_COMPLETED},
        {"4-0000000b", BSI_ROW_CANCELLED},
    };
    bsi_row_status found = BSI_ROW_NONE;
    bsi_catalog *catalog = catalog_of(state);

    for (size_t i = 0; i < BSI_ARRAY_SIZE(rows); i++) {
        bsi_row_backup row = backup_row(rows[i].id);
        row.status = rows[i].status;
        assert_ok(bsi_catalog_add_backup(catalog, &row, NULL));
    }
    assert_ok(bsi_catalog_status_by_tail(catalog, "docs", "0000000a", &found));
    assert_int_equal(found, BSI_ROW_FAILED);
    assert_ok(bsi_catalog_status_by_tail(catalog, "docs", "0000000b", &found));
    assert_int_equal(found, BSI_ROW_COMPLETED);
    assert_ok(bsi_catalog_status_by_tail(catalog, "docs", "0000000c", &found));
    assert_int_equal(found, BSI_ROW_NONE);
    assert_ok(bsi_catalog_status_by_tail(catalog, "other", "0000000b", &found));
    assert_int_equal(found, BSI_ROW_NONE);
}

static void the_newest_record_is_known(void **state)
{
    int64_t ns = 1;
    int64_t seq = 1;
    char id[BS_ID_SIZE];

    assert_ok(bsi_catalog_newest(catalog_of(state), 0, &ns));
    assert_int_equal(ns, 0);
    assert_ok(bsi_catalog_last_seq(catalog_of(state), &seq));
    assert_int_equal(seq, 0);
    for (unsigned i = 1; i <= 3; i++) {
        bsi_row_backup row = backup_row(id_of(i, id));
        row.created_at = i == 2 ? 900 : i;
        row.completed_at = i == 1 ? 1000 : 0;
        assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
    }
    assert_ok(bsi_catalog_newest(catalog_of(state), 0, &ns));
    assert_int_equal(ns, 1000);
    assert_ok(bsi_catalog_newest(catalog_of(state), 1, &ns));
    assert_int_equal(ns, 900);
    assert_ok(bsi_catalog_newest(catalog_of(state), 2, &ns));
    assert_int_equal(ns, 3);
    assert_ok(bsi_catalog_last_seq(catalog_of(state), &seq));
    assert_int_equal(seq, 3);
}

static void stored_bytes_are_those_of_one_storage(void **state)
{
    uint64_t bytes = 1;
    char id[BS_ID_SIZE];

    for (unsigned i = 1; i <= 4; i++) {
        bsi_row_backup row = backup_row(id_of(i, id));
        row.storage = i == 4 ? "s3" : "local";
        row.form = i == 3 ? "mirror" : "archive";
        row.container_size = 100 * i;
        row.manifest_size = i;
        row.total_bytes = 5000;
        assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
    }
    assert_ok(bsi_catalog_stored_bytes(catalog_of(state), "local", &bytes));
    assert_int_equal(bytes, 100 + 200 + 5000 + 1 + 2 + 3);
    assert_ok(bsi_catalog_stored_bytes(catalog_of(state), "none", &bytes));
    assert_int_equal(bytes, 0);
}

/* Fail the 1st allocation, then the 2nd, ... until the call needs no more. */
static void running_out_of_memory_gives_no_half_series(void **state)
{
    bsi_series series = {.count = 7};
    bs_status status = BS_E_NOMEM;

    add(state, 1);
    add(state, 2);
    set_needs(state, 2, "docs", 1);
    pin(state, 1, "pin", 0);
    mark(state, 2);
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_catalog_load_series(catalog_of(state), "docs", &series);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || (status == BS_E_NOMEM && series.count == 7));
    }
    assert_int_equal(series.count, 2);
    bsi_series_dispose(&series);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_member_of_a_pin_is_kept),
        TEST(there_is_one_pin_of_each_kind),
        TEST(a_pin_keeps_from_removal_until_it_is_over),
        TEST(only_what_is_there_is_pinned_or_marked),
        TEST(a_mark_stays_as_it_was_first_made),
        TEST(a_pin_takes_the_mark_away),
        TEST(a_marked_backup_is_no_base),
        TEST(the_last_good_one_does_not_expire),
        TEST(pins_and_marks_go_with_their_backup),
        TEST(a_series_is_all_of_a_name),
        TEST(names_come_one_after_the_other),
        TEST(a_backup_is_found_by_the_end_of_its_id),
        TEST(the_newest_record_is_known),
        TEST(stored_bytes_are_those_of_one_storage),
        TEST(running_out_of_memory_gives_no_half_series),
    };

    return cmocka_run_group_tests_name("catalog/retention", tests, NULL, NULL);
}
