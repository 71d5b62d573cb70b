/* SPDX-License-Identifier: MIT */
#include "number_model.h"

#include <sqlite3.h>

#include "os/time.h"

#define HOUR_NS (INT64_C(3600) * 1000000000)
#define START_SEC INT64_C(1700000000)

/* A generator of numbers that are the same each time. */
static uint64_t chance_state;

static uint32_t chance(uint32_t below)
{
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance_state >> 33) % below;
}

static const char *const names[] = {"docs", "home", "caf\xc3\xa9", "it's", "db"};
static const char *const types[] = {"full", "incremental", "differential", "mirror"};
static const char *const storages[] = {"local", "s3"};
static const char *const compressions[] = {"zip", "tar.zst"};

static int64_t now_ns(void)
{
    const bsi_time now = bsi_now();

    return now.sec * 1000000000 + now.nsec;
}

/* --- A history of chance --- */

static model_backup *pick(model *m, bool (*fits)(const model_backup *))
{
    const size_t first = m->backups_count > 0 ? chance((uint32_t)m->backups_count) : 0;

    for (size_t i = 0; i < m->backups_count; i++) {
        model_backup *one = &m->backups[(first + i) % m->backups_count];
        if (one->there && fits(one)) {
            return one;
        }
    }
    return NULL;
}

static bool under_way(const model_backup *one)
{
    return one->row.status == BSI_ROW_PENDING || one->row.status == BSI_ROW_RUNNING;
}

static bool over(const model_backup *one)
{
    return !under_way(one) && !one->row.deleting;
}

static bool being_removed(const model_backup *one)
{
    return one->row.deleting;
}

static bool interrupted(const model_backup *one)
{
    return one->row.status == BSI_ROW_FAILED && one->row.error_code == BS_E_INTERRUPTED &&
           !one->row.deleting;
}

static model_backup *new_backup(model *m)
{
    model_backup *one = &m->backups[m->backups_count];
    const uint32_t type = chance(4);

    assert_true(m->backups_count < MODEL_MAX);
    *one = (model_backup){.there = true};
    one->row = backup_row(id_of((unsigned)m->backups_count++, one->id));
    one->row.name = names[chance(5)];
    one->row.backup_type = types[type];
    one->row.form = type == 3 ? "mirror" : "archive";
    one->row.storage = storages[chance(2)];
    one->row.compression = compressions[chance(2)];
    one->row.status = BSI_ROW_PENDING;
    one->row.created_at = now_ns();
    return one;
}

static void begin_backup(model *m, bsi_catalog *catalog)
{
    model_backup *one = new_backup(m);

    assert_ok(bsi_catalog_add_backup(catalog, &one->row, &one->row.seq));
}

static void fill_end(bsi_row_backup *row, bsi_row_status status)
{
    row->status = status;
    row->completed_at = now_ns();
    row->bytes_processed = chance(1000000);
    row->total_bytes = row->bytes_processed;
    row->files_processed = chance(100);
    row->usage.cpu_ns = chance(1000000000);
    row->usage.peak_memory = chance(1000000000);
    row->usage.bytes_sent = chance(2) * chance(1000);
    row->usage.bytes_received = chance(2) * chance(1000);
    if (status == BSI_ROW_FAILED) {
        row->error_code = chance(2) ? BS_E_IO : BS_E_NO_SPACE;
        row->error_layer = chance(2) ? BS_LAYER_STORAGE : BS_LAYER_SOURCE;
        return;
    }
    row->error_code = BS_OK;
    row->error_layer = BS_LAYER_SYSTEM;
    if (status != BSI_ROW_CANCELLED) {
        row->bytes_deduplicated = row->bytes_processed / (1 + chance(5));
        row->container_size = chance(100000);
        row->manifest_size = chance(1000);
        row->bytes_stored = row->container_size + row->manifest_size;
    }
}

static void go_on(model *m, bsi_catalog *catalog)
{
    model_backup *one = pick(m, under_way);

    if (!one) {
        return;
    }
    if (one->row.status == BSI_ROW_PENDING && chance(10) > 0) {
        one->row.status = BSI_ROW_RUNNING;
        one->row.started_at = now_ns();
        assert_ok(bsi_catalog_update_backup(catalog, &one->row, NULL, 0));
        return;
    }
    fill_end(&one->row, (bsi_row_status)(BSI_ROW_COMPLETED + (int)chance(4)));
    if (chance(8) == 0) {
        one->row.backup_type = "full"; /* An incremental that found no base. */
        one->row.form = "archive";
    }
    assert_ok(bsi_catalog_update_backup(catalog, &one->row, NULL, 0));
    model_ended(m, "backup", &one->row);
}

static void mark(model *m, bsi_catalog *catalog)
{
    model_backup *one = pick(m, over);

    if (one) {
        assert_ok(bsi_catalog_mark_deleting(catalog, one->id, now_ns()));
        one->row.deleting = true;
    }
}

static void remove_marked(model *m, bsi_catalog *catalog)
{
    model_backup *one = pick(m, being_removed);

    if (one) {
        assert_ok(bsi_catalog_remove_backup(catalog, one->id));
        model_removed(m, one, now_ns());
    }
}

/* The process died: what was under way has failed; some of it turns out to be complete. */
static void die(model *m, void **state)
{
    const int64_t now = now_ns();

    reopen(state);
    assert_ok(bsi_catalog_mark_interrupted(catalog_of(state), now, NULL));
    for (size_t i = 0; i < m->backups_count; i++) {
        bsi_row_backup *row = &m->backups[i].row;
        if (m->backups[i].there && under_way(&m->backups[i])) {
            row->status = BSI_ROW_FAILED;
            row->completed_at = now;
            row->error_code = BS_E_INTERRUPTED;
            row->error_layer = BS_LAYER_SYSTEM;
            row->error_message = bs_status_text(BS_E_INTERRUPTED);
            model_ended(m, "backup", row);
        }
    }
}

static void adopt(model *m, bsi_catalog *catalog)
{
    model_backup *one = pick(m, interrupted);

    if (one) {
        fill_end(&one->row, BSI_ROW_COMPLETED);
        one->row.completed_at -= HOUR_NS;
        one->row.error_message = "";
        assert_ok(bsi_catalog_update_backup(catalog, &one->row, NULL, 0));
        model_ended(m, "backup", &one->row);
    }
}

/* A verification or restore of a backup, or of one that has gone meanwhile. */
static void run_job(model *m, bsi_catalog *catalog)
{
    static unsigned number = 0x80000000;
    static char ids[MODEL_MAX][BS_ID_SIZE];
    static size_t used;
    const model_backup *about = pick(m, over);
    char *id = ids[used++ % MODEL_MAX];
    bsi_row_job row = {.id = id_of(number++, id), .kind = chance(2) ? "verify" : "restore"};
    bsi_row_backup run = {.id = id, .form = ""};

    row.backup_id = about ? about->id : "gone";
    row.status = BSI_ROW_RUNNING;
    row.started_at = now_ns() - chance(1000000);
    row.created_at = row.started_at;
    assert_ok(bsi_catalog_add_job(catalog, &row));
    row.status = (bsi_row_status)(BSI_ROW_COMPLETED + (int)chance(4));
    row.completed_at = now_ns();
    row.bytes_processed = chance(1000);
    row.usage.cpu_ns = chance(1000000);
    row.error_code = row.status == BSI_ROW_FAILED ? BS_E_CORRUPT : BS_OK;
    row.error_layer = BS_LAYER_STORAGE;
    assert_ok(bsi_catalog_update_job(catalog, &row));
    assert_ok(bsi_catalog_update_job(catalog, &row)); /* Counts no more. */
    run.status = row.status;
    run.started_at = row.started_at;
    run.completed_at = row.completed_at;
    run.bytes_processed = row.bytes_processed;
    run.usage.cpu_ns = row.usage.cpu_ns;
    run.error_code = row.error_code;
    run.error_layer = row.error_layer;
    if (about) {
        run.backup_type = about->row.backup_type;
        run.storage = about->row.storage;
        run.compression = about->row.compression;
        run.encryption = about->row.encryption;
    }
    model_ended(m, row.kind, &run);
}

/* Half an hour a step; now and then it goes back by two days. */
static void set_clock(unsigned step)
{
    bsi_clock_shift(0);
    bsi_clock_shift(START_SEC + (int64_t)step * 1800 - (chance(40) == 0 ? 172800 : 0) -
                    bsi_now().sec);
}

static void live(model *m, void **state, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        const uint32_t what = chance(100);
        set_clock(i);
        if (what < 30) {
            begin_backup(m, catalog_of(state));
        } else if (what < 75) {
            go_on(m, catalog_of(state));
        } else if (what < 82) {
            mark(m, catalog_of(state));
        } else if (what < 88) {
            remove_marked(m, catalog_of(state));
        } else if (what < 90) {
            die(m, state);
        } else if (what < 93) {
            adopt(m, catalog_of(state));
        } else {
            run_job(m, catalog_of(state));
        }
        if (i % 50 == 49) {
            model_compare(m, catalog_of(state));
        }
    }
}

static model *new_model(uint64_t seed)
{
    model *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    chance_state = seed;
    return m;
}

static void sums_follow_any_history(void **state)
{
    model *m = new_model(1);

    live(m, state, getenv("BSI_TESTS_FULL") ? 3000 : 250);
    reopen(state);
    model_compare(m, catalog_of(state));
    free(m);
}

/* --- Rebuilding --- */

static bsi_backup_import import_of(const model_backup *backup)
{
    bsi_backup_import item = {.row = backup->row};

    item.row.seq = 0;
    item.row.deleting = false;
    item.row.usage.cpu_ns = 0;
    item.row.usage.peak_memory = 0;
    item.row.usage.bytes_sent = 0;
    item.row.usage.bytes_received = 0;
    return item;
}

static bool is_good(const model_backup *one)
{
    return one->there && bsi_row_is_completed(one->row.status);
}

/* One that nobody knew: it ended after all others. */
static void find_unknown(model *m, bsi_backup_import *out)
{
    model_backup *unknown = new_backup(m);

    unknown->row.started_at = unknown->row.created_at;
    fill_end(&unknown->row, BSI_ROW_COMPLETED);
    unknown->row.completed_at += (int64_t)m->backups_count * 24 * HOUR_NS;
    unknown->row.usage.cpu_ns = 0;
    unknown->row.usage.bytes_sent = 0;
    unknown->row.usage.bytes_received = 0;
    *out = import_of(unknown);
    model_ended(m, "backup", &unknown->row);
}

/* Completed ones are found again, but for some whose objects are gone. */
static void rebuild(model *m, bsi_catalog *catalog)
{
    bsi_backup_import *items = calloc(MODEL_MAX, sizeof(*items));
    size_t count = 0;

    assert_non_null(items);
    for (size_t i = 0; i < m->backups_count; i++) {
        model_backup *one = &m->backups[i];
        if (is_good(one) && chance(6) > 0) {
            items[count++] = import_of(one);
            one->row.deleting = false;
        }
    }
    find_unknown(m, &items[count++]);
    for (size_t i = 0; i < m->backups_count; i++) {
        model_backup *one = &m->backups[i];
        bool found = false;
        for (size_t j = 0; j < count; j++) {
            found = found || strcmp(items[j].row.id, one->id) == 0;
        }
        if (one->there && !found) {
            model_removed(m, one, now_ns());
        }
    }
    assert_ok(bsi_catalog_replace_backups(catalog, items, count));
    free(items);
}

/* Rows have new numbers, in the same order; the model tells by them which run was the last. */
static void take_numbers(model *m, bsi_catalog *catalog)
{
    for (size_t i = 0; i < m->backups_count; i++) {
        model_backup *one = &m->backups[i];
        bsi_row_backup row;
        if (!one->there) {
            continue;
        }
        assert_ok(bsi_catalog_get_backup(catalog, one->id, &row));
        assert_int_equal(row.usage.cpu_ns, one->row.usage.cpu_ns);
        one->row.seq = row.seq;
        bsi_row_backup_dispose(&row);
    }
    for (size_t i = 0; i < m->runs_count; i++) {
        bsi_row_backup *run = &m->runs[i].row;
        if (strcmp(run->id, m->backups[m->backups_count - 1].id) == 0) {
            run->seq = m->backups[m->backups_count - 1].row.seq;
        }
    }
}

static void a_rebuilt_list_keeps_what_was_counted(void **state)
{
    model *m = new_model(7);

    for (unsigned i = 0; i < 4; i++) {
        live(m, state, 50);
        rebuild(m, catalog_of(state));
        take_numbers(m, catalog_of(state));
        model_compare(m, catalog_of(state));
    }
    free(m);
}

/* --- By themselves --- */

static void wrong_sums_are_found_and_mended_by_a_rebuild(void **state)
{
    bsi_backup_import item = {.row = backup_row("00000001-0000-7000-8000-000000000000")};
    sqlite3 *db = NULL;
    char path[512];

    add(state, 1);
    assert_ok(bsi_catalog_check_numbers(catalog_of(state)));
    (void)snprintf(path, sizeof(path), "%s/%s", ((fixture *)*state)->path, BSI_CATALOG_FILE);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM held", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_status(bsi_catalog_check_numbers(catalog_of(state)), BS_E_CORRUPT);
    assert_ok(bsi_catalog_replace_backups(catalog_of(state), &item, 1));
    assert_ok(bsi_catalog_check_numbers(catalog_of(state)));
}

static bsi_row_name only_name(void **state)
{
    bsi_row_name *rows = NULL;
    bsi_row_name out = {0};
    size_t count = 0;
    uint64_t total = 0;

    assert_ok(bsi_catalog_list_names(catalog_of(state), 10, &rows, &count, &total));
    assert_int_equal(count, 1);
    out = rows[0];
    out.name = "";
    out.last_run_status = "";
    bsi_row_names_free(rows, count);
    return out;
}

static void growth_is_the_slope_of_sizes_over_days(void **state)
{
    for (unsigned i = 0; i < 40; i++) {
        char id[BS_ID_SIZE];
        bsi_row_backup row = backup_row(id_of(i, id));
        row.completed_at = (int64_t)(i + 1) * 12 * HOUR_NS;
        row.started_at = row.completed_at - 1000000000;
        row.bytes_processed = 1000000 + (uint64_t)i * 500; /* 1000 a day. */
        row.bytes_stored = 10;
        assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
    }
    assert_in_range(only_name(state).source_growth, 999, 1001);
    assert_int_equal(only_name(state).samples, 40);
    assert_int_equal(only_name(state).duration_average, 1000000);
    assert_int_equal(only_name(state).duration_p95, 1000000);
    assert_int_equal(only_name(state).stored_bytes_average, 10);
    assert_int_equal(only_name(state).source_bytes_median, 1000000 + 24 * 500);
}

static void verify(void **state, const char *id, bsi_row_status status, int64_t at)
{
    bsi_row_job row = {.id = id, .kind = "verify", .status = status, .completed_at = at};
    char backup[BS_ID_SIZE];

    row.backup_id = id_of(1, backup);
    assert_ok(bsi_catalog_add_job(catalog_of(state), &row));
}

static void a_name_knows_its_last_verification(void **state)
{
    add(state, 1);
    assert_int_equal(only_name(state).verified_at, 0);
    verify(state, "a", BSI_ROW_COMPLETED, 100);
    assert_int_equal(only_name(state).verified_at, 100);
    assert_true(only_name(state).verified_good);
    verify(state, "b", BSI_ROW_FAILED, 200);
    assert_int_equal(only_name(state).verified_at, 200);
    assert_false(only_name(state).verified_good);
    verify(state, "c", BSI_ROW_CANCELLED, 300);
    assert_int_equal(only_name(state).verified_at, 200);
}

/* What a forged manifest may say. */
static void sizes_beyond_all_measure_are_cut(void **state)
{
    bsi_row_held *rows = NULL;
    size_t count = 0;

    for (unsigned i = 1; i <= 3; i++) {
        char id[BS_ID_SIZE];
        bsi_row_backup row = backup_row(id_of(i, id));
        row.bytes_processed = INT64_MAX;
        row.container_size = INT64_MAX - 10;
        row.manifest_size = 10;
        row.completed_at = INT64_MAX;
        row.started_at = 1;
        assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
    }
    assert_ok(bsi_catalog_sum_held(catalog_of(state), &rows, &count));
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].backups, 3);
    bsi_row_helds_free(rows, count);
    for (unsigned i = 1; i <= 2; i++) {
        char id[BS_ID_SIZE];
        assert_ok(bsi_catalog_remove_backup(catalog_of(state), id_of(i, id)));
    }
    assert_ok(bsi_catalog_sum_held(catalog_of(state), &rows, &count));
    assert_int_equal(rows[0].size, INT64_MAX);
    bsi_row_helds_free(rows, count);
    assert_ok(bsi_catalog_check_numbers(catalog_of(state)));
}

static void a_row_from_before_keeps_its_sum(void **state)
{
    char id[BS_ID_SIZE];
    bsi_row_backup row = backup_row(id_of(1, id));
    bsi_row_backup got;

    row.usage.cpu_ns = 5;
    row.usage.bytes_received = 7;
    assert_ok(bsi_catalog_add_backup(catalog_of(state), &row, NULL));
    reopen(state);
    assert_ok(bsi_catalog_get_backup(catalog_of(state), id, &got));
    assert_int_equal(got.usage.cpu_ns, 5);
    assert_int_equal(got.usage.peak_memory, 0);
    assert_int_equal(got.usage.bytes_sent, 0);
    assert_int_equal(got.usage.bytes_received, 7);
    bsi_row_backup_dispose(&got);
}

static int teardown_clock(void **state)
{
    bsi_clock_shift(0);
    return teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown_clock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sums_follow_any_history),
        TEST(a_rebuilt_list_keeps_what_was_counted),
        TEST(wrong_sums_are_found_and_mended_by_a_rebuild),
        TEST(growth_is_the_slope_of_sizes_over_days),
        TEST(a_name_knows_its_last_verification),
        TEST(sizes_beyond_all_measure_are_cut),
        TEST(a_row_from_before_keeps_its_sum),
    };

    return cmocka_run_group_tests_name("catalog/numbers", tests, NULL, NULL);
}
