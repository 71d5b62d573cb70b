/* SPDX-License-Identifier: MIT */
/* The file: whose it is, whether it is whole, and what is left of it after a fault. */
#include "fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "version1.h"

static const char *file_of(void **state, char out[512])
{
    (void)snprintf(out, 512, "%s/" BSI_CATALOG_FILE, ((fixture *)*state)->path);
    return out;
}

static void close_catalog(void **state)
{
    fixture *fix = *state;

    bsi_catalog_close(fix->catalog);
    fix->catalog = NULL;
}

static bs_status open_again(void **state)
{
    fixture *fix = *state;

    return bsi_catalog_open(fix->path, &fix->catalog);
}

static void change_file(void **state, const char *sql)
{
    char path[512];
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(file_of(state, path), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void start_anew(void **state)
{
    (void)teardown(state);
    assert_int_equal(setup(state), 0);
}

static void only_the_owner_may_read_the_file(void **state)
{
    char path[512];
    struct stat info;

    assert_int_equal(stat(file_of(state, path), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
    bsi_catalog *catalog = NULL;

    (void)state;
    assert_status(bsi_catalog_open("/nowhere/at/all", &catalog), BS_E_NOT_FOUND);
    assert_null(catalog);
    assert_int_equal(bs_error_last()->layer, BS_LAYER_CATALOG);
}

static void a_newer_version_is_refused(void **state)
{
    close_catalog(state);
    change_file(state, "PRAGMA user_version = 999");
    assert_status(open_again(state), BS_E_VERSION);
    assert_non_null(strstr(bs_error_last()->message, "newer version"));
}

static void a_catalogue_of_version_1_is_brought_up_to_date(void **state)
{
    const bsi_row_schedule schedule = {.id = "s", .name = "nightly"};
    bsi_row_backup *rows = NULL;
    size_t count = 0;
    char path[512];

    close_catalog(state);
    assert_int_equal(unlink(file_of(state, path)), 0);
    change_file(state, version1_sql);
    assert_ok(open_again(state));
    assert_ok(bsi_catalog_list_backups(catalog_of(state), NULL, &rows, &count, NULL));
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].name, "docs");
    bsi_row_backups_free(rows, count);
    assert_ok(bsi_catalog_add_schedule(catalog_of(state), &schedule));
    reopen(state);
}

static void damage_to_a_catalogue_of_version_1_is_seen(void **state)
{
    char path[512];

    close_catalog(state);
    assert_int_equal(unlink(file_of(state, path)), 0);
    change_file(state, version1_sql);
    change_file(state, "UPDATE backup SET name = 'other'");
    assert_status(open_again(state), BS_E_CORRUPT);
}

static void a_foreign_database_is_refused_by_name(void **state)
{
    close_catalog(state);
    change_file(state, "PRAGMA application_id = 1");
    assert_status(open_again(state), BS_E_INVALID);
    assert_non_null(strstr(bs_error_last()->message, BSI_CATALOG_FILE));
}

static void a_foreign_file_is_refused_and_left_alone(void **state)
{
    char path[512];
    char text[8] = "";
    FILE *file = NULL;

    close_catalog(state);
    file = fopen(file_of(state, path), "we");
    assert_non_null(file);
    assert_true(fputs("my text", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_status(open_again(state), BS_E_INVALID);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, 7, file), 7);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, "my text");
}

static void an_empty_file_is_damaged(void **state)
{
    char path[512];

    close_catalog(state);
    assert_int_equal(truncate(file_of(state, path), 0), 0);
    assert_status(open_again(state), BS_E_CORRUPT);
}

static void a_catalogue_set_aside_makes_room_for_a_new_one(void **state)
{
    fixture *fix = *state;
    bsi_row_backup *rows = NULL;
    size_t count = 0;

    add(state, 1);
    close_catalog(state);
    assert_ok(bsi_catalog_move_aside(fix->path));
    assert_ok(bsi_catalog_move_aside(fix->path));
    assert_ok(open_again(state));
    assert_ok(bsi_catalog_list_backups(fix->catalog, NULL, &rows, &count, NULL));
    assert_int_equal(count, 0);
    bsi_row_backups_free(rows, count);
}

static void a_changed_table_or_row_is_damage(void **state)
{
    static const char *const changes[] = {
        "UPDATE backup SET name = 'other'",
        "UPDATE backup SET seq = 5",
        "DROP INDEX backup_by_name",
        "ALTER TABLE job RENAME COLUMN target TO aim",
        "DELETE FROM meta",
    };

    for (size_t i = 0; i < BSI_ARRAY_SIZE(changes); i++) {
        print_message("# change: %s\n", changes[i]);
        start_anew(state);
        add(state, 1);
        close_catalog(state);
        change_file(state, changes[i]);
        assert_status(open_again(state), BS_E_CORRUPT);
        assert_non_null(strstr(bs_error_last()->message, "rebuilt"));
    }
}

static void another_program_in_the_middle_of_a_change_is_told_of(void **state)
{
    char path[512];
    char id[BS_ID_SIZE];
    const bsi_row_backup row = backup_row(id_of(2, id));
    sqlite3 *db = NULL;

    add(state, 1);
    assert_int_equal(sqlite3_open(file_of(state, path), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_status(bsi_catalog_add_backup(catalog_of(state), &row, NULL), BS_E_BUSY);
    assert_non_null(strstr(bs_error_last()->message, "another program"));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
}

static uint8_t *load_file(const char *path, size_t *size_out)
{
    FILE *file = fopen(path, "re");
    uint8_t *bytes = NULL;
    struct stat info;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    bytes = malloc((size_t)info.st_size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)info.st_size, file), info.st_size);
    assert_int_equal(fclose(file), 0);
    *size_out = (size_t)info.st_size;
    return bytes;
}

static void store_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* True when the catalogue tells exactly what was put into it. */
static void assert_two_backups(bsi_catalog *catalog)
{
    char id[BS_ID_SIZE];
    bsi_row_backup *rows = NULL;
    size_t count = 0;

    assert_ok(bsi_catalog_list_backups(catalog, &(bsi_backup_filter){.name = "docs"}, &rows, &count,
                                       NULL));
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].id, id_of(2, id));
    assert_string_equal(rows[1].id, id_of(1, id));
    assert_string_equal(rows[1].source_paths, "[\"/a\"]");
    bsi_row_backups_free(rows, count);
}

static void a_changed_byte_gives_an_error_or_makes_no_difference(void **state)
{
    const bool full = getenv("BSI_TESTS_FULL") != NULL;
    const size_t stride = full ? 13 : 53;
    const size_t stride_of_zeros = full ? 997 : 4999; /* Most of a page is empty. */
    fixture *fix = *state;
    char path[512];
    size_t size = 0;
    uint8_t *bytes = NULL;
    size_t refused = 0;

    add(state, 1);
    add(state, 2);
    close_catalog(state);
    bytes = load_file(file_of(state, path), &size);
    for (size_t at = 0; at < size; at++) {
        if (at % (bytes[at] == 0 ? stride_of_zeros : stride) != 0) {
            continue;
        }
        bytes[at] ^= 0x41;
        store_file(path, bytes, size);
        bytes[at] ^= 0x41;
        if (open_again(state) == BS_OK) {
            assert_two_backups(fix->catalog);
            close_catalog(state);
        } else {
            fix->catalog = NULL;
            refused++;
        }
    }
    assert_true(refused > 50);
    free(bytes);
}

static void a_file_cut_short_is_refused_unless_nothing_is_lost(void **state)
{
    fixture *fix = *state;
    char path[512];
    size_t size = 0;
    uint8_t *bytes = NULL;

    add(state, 1);
    add(state, 2);
    close_catalog(state);
    bytes = load_file(file_of(state, path), &size);
    for (size_t cut = 0; cut < size; cut += 1024) {
        const bool inside_last_page = cut > size - 4096; /* It may be empty. */
        store_file(path, bytes, cut);
        if (open_again(state) == BS_OK) {
            assert_true(inside_last_page);
            assert_two_backups(fix->catalog);
            close_catalog(state);
        }
        fix->catalog = NULL;
    }
    free(bytes);
}

typedef bs_status (*change_cb)(bsi_catalog *catalog);

static bs_status change_add(bsi_catalog *catalog)
{
    char id[BS_ID_SIZE];
    const bsi_row_backup row = backup_row(id_of(3, id));

    return bsi_catalog_add_backup(catalog, &row, NULL);
}

static bs_status change_update(bsi_catalog *catalog)
{
    char id[BS_ID_SIZE];
    char needed[BS_ID_SIZE];
    const char *const needs[] = {id_of(2, needed)};
    bsi_row_backup row = backup_row(id_of(1, id));

    row.name = "changed";
    return bsi_catalog_update_backup(catalog, &row, needs, 1);
}

static bs_status change_remove(bsi_catalog *catalog)
{
    char id[BS_ID_SIZE];

    return bsi_catalog_remove_backup(catalog, id_of(1, id));
}

/* What the catalogue holds, as one text. */
static void describe(bsi_catalog *catalog, char out[512])
{
    bsi_row_backup *rows = NULL;
    size_t count = 0;
    size_t used = 0;

    assert_ok(bsi_catalog_list_backups(catalog, NULL, &rows, &count, NULL));
    for (size_t i = 0; i < count; i++) {
        bsi_id *needs = NULL;
        size_t needs_count = 0;
        assert_ok(bsi_catalog_needs(catalog, rows[i].id, &needs, &needs_count));
        used += (size_t)snprintf(out + used, 512 - used, "%s %s %zu\n", rows[i].id, rows[i].name,
                                 needs_count);
        bsi_free(needs);
    }
    bsi_row_backups_free(rows, count);
}

/* Do the change in a child that is killed at its n-th file call; true: it got through. */
static bool killed_at(const char *path, change_cb change, uint64_t n)
{
    const bsi_fault_plan plan = {.at = n};
    int info = 0;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        bsi_catalog *catalog = NULL;
        if (bsi_catalog_open(path, &catalog) != BS_OK) {
            _exit(2);
        }
        bsi_fault_set(&plan);
        _exit(change(catalog) == BS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &info, 0), child);
    assert_true(WIFSIGNALED(info) || (WIFEXITED(info) && WEXITSTATUS(info) == 0));
    return WIFEXITED(info);
}

static void kill_everywhere(void **state, change_cb change)
{
    fixture *fix = *state;
    char before[512] = "";
    char after[512] = "";
    bool through = false;
    uint64_t n = 1;

    for (; !through; n++) {
        char now[512] = "";
        start_anew(state);
        fix = *state;
        add(state, 1);
        add(state, 2);
        describe(fix->catalog, before);
        close_catalog(state);
        through = killed_at(fix->path, change, n);
        assert_ok(open_again(state));
        describe(fix->catalog, now);
        if (strcmp(now, before) != 0) {
            if (after[0] == '\0') {
                memcpy(after, now, sizeof(after));
            }
            assert_string_equal(now, after);
        }
    }
    assert_true(n > 5);
    assert_true(after[0] != '\0');
}

static void a_kill_anywhere_leaves_the_old_or_the_new_row(void **state)
{
    kill_everywhere(state, change_add);
    kill_everywhere(state, change_update);
    kill_everywhere(state, change_remove);
}

static void a_kill_while_it_is_made_does_no_harm(void **state)
{
    fixture *fix = *state;
    bool through = false;

    for (uint64_t n = 1; !through; n++) {
        const bsi_fault_plan plan = {.at = n};
        int info = 0;
        pid_t child = -1;

        close_catalog(state);
        assert_ok(bsi_catalog_move_aside(fix->path));
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            bsi_fault_set(&plan);
            _exit(bsi_catalog_open(fix->path, &fix->catalog) == BS_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &info, 0), child);
        through = WIFEXITED(info);
        assert_true(!through || WEXITSTATUS(info) == 0);
        assert_ok(open_again(state));
    }
}

static void a_failing_file_call_is_told_and_changes_nothing(void **state)
{
    static const int codes[] = {EIO, ENOSPC};
    fixture *fix = *state;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(codes); i++) {
        bs_status status = BS_E_IO;
        uint64_t n = 1;

        for (; status != BS_OK; n++) {
            const bsi_fault_plan plan = {
                .op_mask = 1u << BSI_OS_WRITE, .at = n, .os_code = codes[i]};
            char before[512] = "";
            char now[512] = "";

            describe(fix->catalog, before);
            bsi_fault_set(&plan);
            status = change_add(fix->catalog);
            bsi_fault_set(NULL);
            if (status != BS_OK) {
                assert_true(status == BS_E_IO || status == BS_E_NO_SPACE);
                assert_int_equal(bs_error_last()->layer, BS_LAYER_CATALOG);
                describe(fix->catalog, now);
                assert_string_equal(now, before);
            }
        }
        assert_true(n > 3);
        assert_ok(bsi_catalog_remove_backup(fix->catalog, "00000003-0000-7000-8000-000000000000"));
    }
}

static void short_transfers_make_no_difference(void **state)
{
    const bsi_fault_plan plan = {.short_io = true};
    fixture *fix = *state;

    bsi_fault_set(&plan);
    assert_ok(change_add(fix->catalog));
    bsi_fault_set(NULL);
    reopen(state);
}

static void a_directory_that_cannot_be_written_is_read_only(void **state)
{
    const bsi_fault_plan plan = {
        .op_mask = 1u << BSI_OS_WRITE, .at = 1, .os_code = EROFS, .forever = true};
    fixture *fix = *state;

    close_catalog(state);
    bsi_fault_set(&plan);
    assert_status(open_again(state), BS_E_READ_ONLY);
    bsi_fault_set(NULL);
    fix->catalog = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(only_the_owner_may_read_the_file),
        TEST(a_directory_that_is_not_there_is_an_error),
        TEST(a_newer_version_is_refused),
        TEST(a_catalogue_of_version_1_is_brought_up_to_date),
        TEST(damage_to_a_catalogue_of_version_1_is_seen),
        TEST(a_foreign_database_is_refused_by_name),
        TEST(a_foreign_file_is_refused_and_left_alone),
        TEST(an_empty_file_is_damaged),
        TEST(a_catalogue_set_aside_makes_room_for_a_new_one),
        TEST(a_changed_table_or_row_is_damage),
        TEST(another_program_in_the_middle_of_a_change_is_told_of),
        TEST(a_changed_byte_gives_an_error_or_makes_no_difference),
        TEST(a_file_cut_short_is_refused_unless_nothing_is_lost),
        TEST(a_kill_anywhere_leaves_the_old_or_the_new_row),
        TEST(a_kill_while_it_is_made_does_no_harm),
        TEST(a_failing_file_call_is_told_and_changes_nothing),
        TEST(short_transfers_make_no_difference),
        TEST(a_directory_that_cannot_be_written_is_read_only),
    };

    return cmocka_run_group_tests_name("catalog/catalog", tests, NULL, NULL);
}
