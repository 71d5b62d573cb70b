/* SPDX-License-Identifier: MIT */
#include "fixture.h"

static bsi_row_backup full_row(const char *id)
{
    return (bsi_row_backup){
        .id = id,
        .name = "caf\xc3\xa9 'x'; --",
        .backup_type = "incremental",
        .requested_type = "differential",
        .form = "repository",
        .storage = "s3",
        .compression = "tar.zst",
        .compression_level = -7,
        .encryption = "aes256",
        .status = BSI_ROW_COMPLETED_WITH_WARNINGS,
        .created_at = 1,
        .started_at = 2,
        .completed_at = INT64_MAX,
        .expires_at = -4,
        .source_paths = "[]",
        .options = "{\"a\":1}",
        .metadata = "{\"b\":2}",
        .container_key = "k/1",
        .manifest_key = "k/2",
        .container_size = 5,
        .manifest_size = 6,
        .manifest_sha256 = "ab",
        .bytes_processed = 7,
        .files_processed = 8,
        .total_bytes = INT64_MAX,
        .total_files = 10,
        .bytes_stored = 11,
        .bytes_deduplicated = 12,
        .base_id = "base",
        .base_note = "note",
        .error_code = BS_E_IO,
        .error_layer = BS_LAYER_TARGET,
        .error_message = "message",
        .retention_days = UINT32_MAX,
    };
}

static void assert_same(const bsi_row_backup *a, const bsi_row_backup *b)
{
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->backup_type, b->backup_type);
    assert_string_equal(a->requested_type, b->requested_type);
    assert_string_equal(a->form, b->form);
    assert_string_equal(a->storage, b->storage);
    assert_string_equal(a->compression, b->compression);
    assert_int_equal(a->compression_level, b->compression_level);
    assert_string_equal(a->encryption, b->encryption);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->created_at, b->created_at);
    assert_int_equal(a->started_at, b->started_at);
    assert_int_equal(a->completed_at, b->completed_at);
    assert_int_equal(a->expires_at, b->expires_at);
    assert_string_equal(a->source_paths, b->source_paths);
    assert_string_equal(a->options, b->options);
    assert_string_equal(a->metadata, b->metadata);
    assert_string_equal(a->container_key, b->container_key);
    assert_string_equal(a->manifest_key, b->manifest_key);
    assert_int_equal(a->container_size, b->container_size);
    assert_int_equal(a->manifest_size, b->manifest_size);
    assert_string_equal(a->manifest_sha256, b->manifest_sha256);
    assert_int_equal(a->bytes_processed, b->bytes_processed);
    assert_int_equal(a->files_processed, b->files_processed);
    assert_int_equal(a->total_bytes, b->total_bytes);
    assert_int_equal(a->total_files, b->total_files);
    assert_int_equal(a->bytes_stored, b->bytes_stored);
    assert_int_equal(a->bytes_deduplicated, b->bytes_deduplicated);
    assert_string_equal(a->base_id, b->base_id);
    assert_string_equal(a->base_note, b->base_note);
    assert_int_equal(a->error_code, b->error_code);
    assert_int_equal(a->error_layer, b->error_layer);
    assert_string_equal(a->error_message, b->error_message);
    assert_int_equal(a->retention_days, b->retention_days);
}

static void every_member_of_a_backup_is_kept(void **state)
{
    char id[BS_ID_SIZE];
    const bsi_row_backup row = full_row(id_of(1, id));
    bsi_row_backup back;
    int64_t seq = 0;

    assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, &seq));
    assert_int_equal(seq, 1);
    reopen(state);
    assert_ok(bsi_catalog_get_backup(catalog_of(state), id, &back));
    assert_same(&back, &row);
    assert_int_equal(back.seq, 1);
    assert_false(back.deleting);
    bsi_row_backup_dispose(&back);
}

static void an_update_writes_every_member_but_the_number(void **state)
{
    char id[BS_ID_SIZE];
    bsi_row_backup row = full_row(id_of(1, id));
    bsi_row_backup back;

    add(state, 1);
    row.seq = 99;
    row.deleting = true;
    assert_ok(bsi_catalog_update_backup(catalog_of(state), &row, NULL, 0));
    assert_ok(bsi_catalog_get_backup(catalog_of(state), id, &back));
    assert_same(&back, &row);
    assert_int_equal(back.seq, 1);
    assert_false(back.deleting);
    bsi_row_backup_dispose(&back);
}

static void an_id_is_given_only_once(void **state)
{
    char id[BS_ID_SIZE];
    const bsi_row_backup row = backup_row(id_of(1, id));

    add(state, 1);
    assert_status(bsi_catalog_add_backup(catalog_of(state), &row, NULL), BS_E_EXISTS);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CATALOG);
}

static void what_is_not_there_is_not_found(void **state)
{
    const bsi_row_backup row = backup_row("none");
    bsi_row_backup back;

    assert_status(bsi_catalog_get_backup(catalog_of(state), "none", &back), BS_E_NOT_FOUND);
    assert_status(bsi_catalog_update_backup(catalog_of(state), &row, NULL, 0), BS_E_NOT_FOUND);
    assert_status(bsi_catalog_mark_deleting(catalog_of(state), "none", 1), BS_E_NOT_FOUND);
    assert_ok(bsi_catalog_remove_backup(catalog_of(state), "none"));
}

static void texts_that_are_not_utf8_and_sizes_too_large_are_refused(void **state)
{
    char id[BS_ID_SIZE];
    bsi_row_backup row = backup_row(id_of(1, id));
    bsi_row_backup back;

    row.name = "\xff";
    assert_status(bsi_catalog_add_backup(catalog_of(state), &row, NULL), BS_E_INVALID);
    row.name = "x";
    row.total_bytes = UINT64_MAX;
    assert_status(bsi_catalog_add_backup(catalog_of(state), &row, NULL), BS_E_INVALID);
    assert_status(bsi_catalog_get_backup(catalog_of(state), id, &back), BS_E_NOT_FOUND);
}

static void numbers_grow_even_when_the_last_backup_is_removed(void **state)
{
    char id[BS_ID_SIZE];
    const bsi_row_backup row = backup_row("00000003-x");
    int64_t seq = 0;

    add(state, 1);
    add(state, 2);
    assert_ok(bsi_catalog_remove_backup(catalog_of(state), id_of(2, id)));
    reopen(state);
    assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, &seq));
    assert_int_equal(seq, 3);
}

static size_t count_listed(void **state, const bsi_backup_filter *filter, uint64_t *total_out)
{
    bsi_row_backup *rows = NULL;
    size_t count = 0;

    assert_ok(bsi_catalog_list_backups(catalog_of(state), filter, &rows, &count, total_out));
    bsi_row_backups_free(rows, count);
    return count;
}

static void a_list_is_filtered_and_newest_first(void **state)
{
    bsi_row_backup *rows = NULL;
    size_t count = 0;
    uint64_t total = 0;
    char id[BS_ID_SIZE];

    for (unsigned i = 1; i <= 6; i++) {
        bsi_row_backup row = backup_row(id_of(i, id));
        row.name = i % 2 ? "odd" : "even";
        row.backup_type = i > 3 ? "incremental" : "full";
        row.form = i == 1 ? "mirror" : "archive";
        row.storage = i == 2 ? "s3" : "local";
        row.status = i == 6 ? BSI_ROW_FAILED : BSI_ROW_COMPLETED;
        row.created_at = i * 100;
        assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
    }
    assert_int_equal(count_listed(state, NULL, &total), 6);
    assert_int_equal(total, 6);
    assert_int_equal(count_listed(state, &(bsi_backup_filter){.name = "odd"}, NULL), 3);
    assert_int_equal(count_listed(state, &(bsi_backup_filter){.backup_type = "full"}, NULL), 3);
    assert_int_equal(count_listed(state, &(bsi_backup_filter){.form = "mirror"}, NULL), 1);
    assert_int_equal(count_listed(state, &(bsi_backup_filter){.storage = "s3"}, NULL), 1);
    assert_int_equal(count_listed(state, &(bsi_backup_filter){.status = BSI_ROW_FAILED}, NULL), 1);
    assert_int_equal(
        count_listed(state, &(bsi_backup_filter){.since_ns = 200, .until_ns = 400}, NULL), 2);
    assert_ok(bsi_catalog_list_backups(
        catalog_of(state), &(bsi_backup_filter){.limit = 2, .offset = 1}, &rows, &count, &total));
    assert_int_equal(count, 2);
    assert_int_equal(total, 6);
    assert_string_equal(rows[0].id, id_of(5, id));
    assert_string_equal(rows[1].id, id_of(4, id));
    bsi_row_backups_free(rows, count);
}

static void a_base_is_the_last_of_its_form_that_completed(void **state)
{
    static const struct {
        const char *type;
        const char *form;
        bsi_row_status status;
    } rows[] = {
        {"full", "archive", BSI_ROW_COMPLETED},
        {"full", "archive", BSI_ROW_COMPLETED_WITH_WARNINGS},
        {"incremental", "archive", BSI_ROW_COMPLETED},
        {"full", "repository", BSI_ROW_COMPLETED},
        {"full", "archive", BSI_ROW_FAILED},
        {"full", "archive", BSI_ROW_RUNNING},
    };
    bsi_row_backup base;
    char id[BS_ID_SIZE];

    for (unsigned i = 0; i < BSI_ARRAY_SIZE(rows); i++) {
        bsi_row_backup row = backup_row(id_of(i + 1, id));
        row.backup_type = rows[i].type;
        row.form = rows[i].form;
        row.status = rows[i].status;
        assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
    }
    assert_ok(bsi_catalog_last_base(catalog_of(state), "docs", "local", "archive", false, &base));
    assert_string_equal(base.id, id_of(3, id));
    bsi_row_backup_dispose(&base);
    assert_ok(bsi_catalog_last_base(catalog_of(state), "docs", "local", "archive", true, &base));
    assert_string_equal(base.id, id_of(2, id));
    bsi_row_backup_dispose(&base);
    assert_ok(bsi_catalog_mark_deleting(catalog_of(state), id, 1));
    assert_ok(bsi_catalog_last_base(catalog_of(state), "docs", "local", "archive", true, &base));
    assert_string_equal(base.id, id_of(1, id));
    bsi_row_backup_dispose(&base);
    assert_status(bsi_catalog_last_base(catalog_of(state), "docs", "s3", "archive", true, &base),
                  BS_E_NOT_FOUND);
    assert_ok(
        bsi_catalog_last_base(catalog_of(state), "docs", "local", "repository", false, &base));
    assert_string_equal(base.id, id_of(4, id));
    bsi_row_backup_dispose(&base);
}

static void a_reference_is_an_id_a_beginning_or_the_latest(void **state)
{
    char id[BS_ID_SIZE];
    char found[BS_ID_SIZE];
    bsi_row_backup failed = backup_row("0000abcd-0000-7000-8000-000000000000");

    add(state, 0x1234abcd);
    add(state, 0x1234abce);
    add(state, 0xf0000000);
    failed.status = BSI_ROW_FAILED;
    assert_ok(bsi_catalog_add_backup(catalog_of(state), &failed, NULL));
    assert_ok(bsi_catalog_resolve_backup(catalog_of(state), id_of(0x1234abcd, id), found));
    assert_string_equal(found, id);
    assert_ok(bsi_catalog_resolve_backup(catalog_of(state), "F000", found));
    assert_string_equal(found, id_of(0xf0000000, id));
    assert_ok(bsi_catalog_resolve_backup(catalog_of(state), "latest:docs", found));
    assert_string_equal(found, id);
    assert_status(bsi_catalog_resolve_backup(catalog_of(state), "1234ab", found), BS_E_AMBIGUOUS);
    assert_non_null(strstr(bs_error_last()->message, "1234abcd-"));
    assert_non_null(strstr(bs_error_last()->message, "1234abce-"));
    assert_status(bsi_catalog_resolve_backup(catalog_of(state), "9999", found), BS_E_NOT_FOUND);
    assert_status(bsi_catalog_resolve_backup(catalog_of(state), "latest:x", found), BS_E_NOT_FOUND);
    assert_status(bsi_catalog_resolve_backup(catalog_of(state), "123", found), BS_E_INVALID);
    assert_status(bsi_catalog_resolve_backup(catalog_of(state), "1234%", found), BS_E_INVALID);
    assert_status(bsi_catalog_resolve_backup(catalog_of(state), "", found), BS_E_INVALID);
}

/* A verification of a backup; the number is also its time. */
static void verify(void **state, unsigned number, const char *backup_id, bsi_row_status status)
{
    char id[BS_ID_SIZE];
    const bsi_row_job row = {.id = id_of(number, id),
                             .kind = "verify",
                             .backup_id = backup_id,
                             .status = status,
                             .created_at = number};

    assert_ok(bsi_catalog_add_job(catalog_of(state), &row));
}

static void the_stalest_is_what_was_verified_longest_ago(void **state)
{
    static const bsi_row_status ends[] = {BSI_ROW_COMPLETED, BSI_ROW_FAILED, BSI_ROW_RUNNING};
    const unsigned count = BSI_ARRAY_SIZE(ends);
    bsi_row_backup other = backup_row("eeeeeeee-0000-7000-8000-000000000000");
    char id[BS_ID_SIZE];
    char found[BS_ID_SIZE];

    other.name = "other";
    assert_ok(bsi_catalog_add_backup(catalog_of(state), &other, NULL));
    for (unsigned i = 0; i < count; i++) {
        add(state, 0x11110000 + i);
    }
    for (unsigned turn = 0; turn < 2 * count; turn++) {
        assert_ok(bsi_catalog_resolve_backup(catalog_of(state), "stalest:docs", found));
        assert_string_equal(found, id_of(0x11110000 + turn % count, id));
        verify(state, 2 * turn + 1, found, ends[turn % count]);
        verify(state, 2 * turn + 2, id_of(0x11110000, id), BSI_ROW_CANCELLED);
    }
    assert_ok(bsi_catalog_resolve_backup(catalog_of(state), "stalest:", found));
    assert_string_equal(found, other.id);
    assert_ok(bsi_catalog_mark_deleting(catalog_of(state), other.id, 1));
    assert_ok(bsi_catalog_resolve_backup(catalog_of(state), "stalest:", found));
    assert_string_equal(found, id_of(0x11110000, id));
    assert_status(bsi_catalog_resolve_backup(catalog_of(state), "stalest:other", found),
                  BS_E_NOT_FOUND);
}

static void many_candidates_are_named_five_at_most(void **state)
{
    char found[BS_ID_SIZE];

    for (unsigned i = 0; i < 8; i++) {
        add(state, 0xaaaa0000 + i);
    }
    assert_status(bsi_catalog_resolve_backup(catalog_of(state), "aaaa", found), BS_E_AMBIGUOUS);
    assert_non_null(strstr(bs_error_last()->message, "aaaa0004-"));
    assert_null(strstr(bs_error_last()->message, "aaaa0005-"));
    assert_non_null(strstr(bs_error_last()->message, "and others"));
}

static void set_needs(void **state, unsigned number, unsigned needed)
{
    char id[BS_ID_SIZE];
    char needed_id[BS_ID_SIZE];
    const char *const needs[] = {id_of(needed, needed_id)};
    const bsi_row_backup row = backup_row(id_of(number, id));

    assert_ok(bsi_catalog_update_backup(catalog_of(state), &row, needs, 1));
}

static void dependants_are_found_directly_and_through_others(void **state)
{
    char id[BS_ID_SIZE];
    bsi_id *ids = NULL;
    size_t count = 0;

    for (unsigned i = 1; i <= 4; i++) {
        add(state, i);
    }
    set_needs(state, 2, 1);
    set_needs(state, 3, 2);
    assert_ok(bsi_catalog_dependants(catalog_of(state), id_of(1, id), false, &ids, &count));
    assert_int_equal(count, 1);
    assert_string_equal(ids[0].text, id_of(2, id));
    bsi_free(ids);
    assert_ok(bsi_catalog_dependants(catalog_of(state), id_of(1, id), true, &ids, &count));
    assert_int_equal(count, 2);
    assert_string_equal(ids[0].text, id_of(3, id));
    bsi_free(ids);
    assert_ok(bsi_catalog_needs(catalog_of(state), id_of(3, id), &ids, &count));
    assert_int_equal(count, 1);
    assert_string_equal(ids[0].text, id_of(2, id));
    bsi_free(ids);
    assert_ok(bsi_catalog_dependants(catalog_of(state), id_of(4, id), true, &ids, &count));
    assert_int_equal(count, 0);
    bsi_free(ids);
}

static void a_backup_goes_only_after_what_needs_it(void **state)
{
    char id[BS_ID_SIZE];
    bsi_id *ids = NULL;
    size_t count = 0;

    add(state, 1);
    add(state, 2);
    set_needs(state, 2, 1);
    assert_status(bsi_catalog_mark_deleting(catalog_of(state), id_of(1, id), 1), BS_E_NEEDED);
    assert_non_null(strstr(bs_error_last()->message, "00000002-"));
    assert_ok(bsi_catalog_mark_deleting(catalog_of(state), id_of(2, id), 1));
    assert_ok(bsi_catalog_mark_deleting(catalog_of(state), id_of(1, id), 1));
    reopen(state);
    assert_ok(bsi_catalog_deleting(catalog_of(state), &ids, &count));
    assert_int_equal(count, 2);
    bsi_free(ids);
    assert_int_equal(count_listed(state, NULL, NULL), 0);
    assert_int_equal(count_listed(state, &(bsi_backup_filter){.deleting = true}, NULL), 2);
    assert_ok(bsi_catalog_remove_backup(catalog_of(state), id_of(2, id)));
    assert_ok(bsi_catalog_remove_backup(catalog_of(state), id_of(1, id)));
    assert_int_equal(count_listed(state, &(bsi_backup_filter){.deleting = true}, NULL), 0);
}

static void what_runs_and_what_it_builds_on_stays(void **state)
{
    char base[BS_ID_SIZE];
    char id[BS_ID_SIZE];
    bsi_row_backup row = backup_row(id_of(2, id));

    add(state, 1);
    row.status = BSI_ROW_RUNNING;
    row.base_id = id_of(1, base);
    assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
    assert_status(bsi_catalog_mark_deleting(catalog_of(state), base, 1), BS_E_NEEDED);
    assert_status(bsi_catalog_mark_deleting(catalog_of(state), id, 1), BS_E_BUSY);
}

static void what_was_under_way_becomes_interrupted(void **state)
{
    char id[BS_ID_SIZE];
    bsi_row_backup row = backup_row(id_of(2, id));
    bsi_row_job job = {.id = "j", .kind = "restore", .status = BSI_ROW_PENDING};
    bsi_row_backup back;
    bsi_row_job job_back;
    uint64_t count = 0;

    add(state, 1);
    row.status = BSI_ROW_RUNNING;
    assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
    assert_ok(bsi_catalog_add_job(catalog_of(state), &job));
    assert_ok(bsi_catalog_mark_interrupted(catalog_of(state), 77, &count));
    assert_int_equal(count, 2);
    assert_ok(bsi_catalog_get_backup(catalog_of(state), id, &back));
    assert_int_equal(back.status, BSI_ROW_FAILED);
    assert_int_equal(back.error_code, BS_E_INTERRUPTED);
    assert_int_equal(back.completed_at, 77);
    bsi_row_backup_dispose(&back);
    assert_ok(bsi_catalog_get_job(catalog_of(state), "j", &job_back));
    assert_int_equal(job_back.status, BSI_ROW_FAILED);
    bsi_row_job_dispose(&job_back);
    assert_ok(bsi_catalog_mark_interrupted(catalog_of(state), 78, &count));
    assert_int_equal(count, 0);
}

static void a_rebuild_replaces_everything_or_nothing(void **state)
{
    char ids[3][BS_ID_SIZE];
    const char *const needs[] = {id_of(10, ids[0])};
    bsi_backup_import items[] = {
        {.row = backup_row(ids[0])},
        {.row = backup_row(id_of(11, ids[1])), .needs = needs, .needs_count = 1},
    };
    bsi_id *found = NULL;
    size_t count = 0;

    add(state, 1);
    assert_ok(bsi_catalog_replace_backups(catalog_of(state), items, 2));
    assert_int_equal(count_listed(state, NULL, NULL), 2);
    assert_ok(bsi_catalog_dependants(catalog_of(state), ids[0], false, &found, &count));
    assert_int_equal(count, 1);
    bsi_free(found);
    items[1].row.id = ids[0];
    assert_status(bsi_catalog_replace_backups(catalog_of(state), items, 2), BS_E_EXISTS);
    assert_int_equal(count_listed(state, NULL, NULL), 2);
}

/* Fail the 1st allocation, then the 2nd, ... until the call needs no more. */
static void running_out_of_memory_changes_nothing(void **state)
{
    char id[BS_ID_SIZE];
    const bsi_row_backup row = backup_row(id_of(2, id));
    bsi_row_backup *rows = NULL;
    size_t count = 0;
    bs_status status = BS_E_NOMEM;

    add(state, 1);
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_catalog_add_backup(catalog_of(state), &row, NULL);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
        assert_int_equal(count_listed(state, NULL, NULL), status == BS_OK ? 2 : 1);
    }
    status = BS_E_NOMEM;
    for (long n = 0; status != BS_OK; n++) {
        bsi_alloc_fail_after(n);
        status = bsi_catalog_list_backups(catalog_of(state), NULL, &rows, &count, NULL);
        bsi_alloc_fail_after(-1);
        assert_true(status == BS_OK || status == BS_E_NOMEM);
    }
    bsi_row_backups_free(rows, count);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_member_of_a_backup_is_kept),
        TEST(an_update_writes_every_member_but_the_number),
        TEST(an_id_is_given_only_once),
        TEST(what_is_not_there_is_not_found),
        TEST(texts_that_are_not_utf8_and_sizes_too_large_are_refused),
        TEST(numbers_grow_even_when_the_last_backup_is_removed),
        TEST(a_list_is_filtered_and_newest_first),
        TEST(a_base_is_the_last_of_its_form_that_completed),
        TEST(a_reference_is_an_id_a_beginning_or_the_latest),
        TEST(the_stalest_is_what_was_verified_longest_ago),
        TEST(many_candidates_are_named_five_at_most),
        TEST(dependants_are_found_directly_and_through_others),
        TEST(a_backup_goes_only_after_what_needs_it),
        TEST(what_runs_and_what_it_builds_on_stays),
        TEST(what_was_under_way_becomes_interrupted),
        TEST(a_rebuild_replaces_everything_or_nothing),
        TEST(running_out_of_memory_changes_nothing),
    };

    return cmocka_run_group_tests_name("catalog/backups", tests, NULL, NULL);
}
