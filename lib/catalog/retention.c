/* SPDX-License-Identifier: MIT */
/*
 * What rules of retention look at, and what they leave: pins, holds and marks.
 */
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog_int.h"
#include "catalog/numbers.h"
#include "catalog/table.h"
#include "text/json_read.h"

/* Run a statement that ends in "RETURNING 1"; BS_E_NOT_FOUND when it changed nothing. */
static bs_status run_found(bsi_sql *sql, const char *what, const char *id)
{
    bs_status status = bsi_sql_step(sql);

    if (status == BS_END) {
        char shown[128];
        status = bsi_fail(BS_LAYER_CALLER, BS_E_NOT_FOUND, "no %s '%s'", what,
                          bsi_printable(id, strlen(id), shown, sizeof(shown)));
    } else if (status == BS_OK) {
        status = bsi_sql_step(sql);
    }
    return bsi_sql_finish(sql, status);
}

static bs_status check_backup(bsi_db *db, const char *id)
{
    bsi_sql sql;

    bsi_sql_prepare(&sql, db, "SELECT 1 FROM backup WHERE id = ? AND NOT deleting");
    bsi_sql_text(&sql, id);
    return run_found(&sql, "backup", id);
}

/* --- Pins and holds --- */

static bs_status run_with_id(bsi_db *db, const char *text, const char *id)
{
    bsi_sql sql;

    bsi_sql_prepare(&sql, db, text);
    bsi_sql_text(&sql, id);
    return bsi_sql_run(&sql);
}

bs_status bsi_pins_remove_locked(bsi_db *db, const char *id)
{
    if (!id) {
        return bsi_db_exec(
            db, "DELETE FROM backup_pin WHERE backup_id NOT IN (SELECT id FROM backup);"
                "DELETE FROM backup_mark WHERE backup_id NOT IN (SELECT id FROM backup)");
    }
    BSI_TRY(run_with_id(db, "DELETE FROM backup_pin WHERE backup_id = ?", id));
    return run_with_id(db, "DELETE FROM backup_mark WHERE backup_id = ?", id);
}

bs_status bsi_pins_check_locked(bsi_db *db, const char *id, int64_t now_ns)
{
    bsi_row_pin row;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_table_select(&sql, db, &bsi_table_pin,
                     "WHERE backup_id = ? AND (until IS NULL OR until > ?)");
    bsi_sql_text(&sql, id);
    bsi_sql_int(&sql, now_ns);
    status = bsi_table_next(&sql, &bsi_table_pin, &row);
    if (status == BS_OK) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_NEEDED,
                          "backup '%s' is kept by a %s, '%s', which must be taken away first", id,
                          row.kind, row.reason);
        bsi_table_dispose_row(&bsi_table_pin, &row);
    }
    return bsi_sql_finish(&sql, status);
}

bs_status bsi_catalog_check_pins(bsi_catalog *catalog, const char *id, int64_t now_ns)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = bsi_pins_check_locked(catalog->db, id, now_ns);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

static bs_status put_pin_locked(bsi_db *db, const bsi_row_pin *row)
{
    BSI_TRY(check_backup(db, row->backup_id));
    BSI_TRY(run_with_id(db, "DELETE FROM backup_mark WHERE backup_id = ?", row->backup_id));
    return bsi_table_insert(db, &bsi_table_pin, "INSERT OR REPLACE", row);
}

bs_status bsi_catalog_put_pin(bsi_catalog *catalog, const bsi_row_pin *row)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, put_pin_locked(catalog->db, row));
}

static bs_status remove_pin_locked(bsi_db *db, const char *id, const char *kind)
{
    bsi_sql sql;

    bsi_sql_prepare(&sql, db,
                    "DELETE FROM backup_pin WHERE backup_id = ? AND kind = ? RETURNING 1");
    bsi_sql_text(&sql, id);
    bsi_sql_text(&sql, kind);
    return run_found(&sql, kind, id);
}

bs_status bsi_catalog_remove_pin(bsi_catalog *catalog, const char *id, const char *kind)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, remove_pin_locked(catalog->db, id, kind));
}

static bs_status list_pins_locked(bsi_db *db, const char *rest, const char *key,
                                  bsi_row_pin **rows_out, size_t *count_out)
{
    void *rows = NULL;
    bsi_sql sql;

    bsi_table_select(&sql, db, &bsi_table_pin, rest);
    bsi_sql_text(&sql, key);
    BSI_TRY(bsi_table_all(&sql, &bsi_table_pin, &rows, count_out));
    *rows_out = rows;
    return BS_OK;
}

bs_status bsi_catalog_list_pins(bsi_catalog *catalog, const char *id, bsi_row_pin **rows_out,
                                size_t *count_out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status =
        list_pins_locked(catalog->db, "WHERE backup_id = ? ORDER BY kind", id, rows_out, count_out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

/* --- Marks --- */

static bs_status put_marks_locked(bsi_db *db, const bsi_row_mark *rows, size_t count)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < count && status == BS_OK; i++) {
        status = check_backup(db, rows[i].backup_id);
        if (status == BS_OK) {
            status = bsi_table_insert(db, &bsi_table_mark, "INSERT OR IGNORE", &rows[i]);
        }
        status = status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    return status;
}

bs_status bsi_catalog_put_marks(bsi_catalog *catalog, const bsi_row_mark *rows, size_t count)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, put_marks_locked(catalog->db, rows, count));
}

static bs_status remove_mark_locked(bsi_db *db, const char *id)
{
    bsi_sql sql;

    bsi_sql_prepare(&sql, db, "DELETE FROM backup_mark WHERE backup_id = ? RETURNING 1");
    bsi_sql_text(&sql, id);
    return run_found(&sql, "backup that is marked for removal", id);
}

bs_status bsi_catalog_remove_mark(bsi_catalog *catalog, const char *id)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, remove_mark_locked(catalog->db, id));
}

bs_status bsi_catalog_get_mark(bsi_catalog *catalog, const char *id, bsi_row_mark *out)
{
    bsi_row_mark row = {.backup_id = NULL};
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_table_select(&sql, catalog->db, &bsi_table_mark, "WHERE backup_id = ?");
    bsi_sql_text(&sql, id);
    status = bsi_table_next(&sql, &bsi_table_mark, &row);
    *out = (bsi_row_mark){.marked_at = row.marked_at, .remove_after = row.remove_after};
    if (status == BS_OK) {
        bsi_table_dispose_row(&bsi_table_mark, &row);
    }
    status = bsi_sql_finish(&sql, status);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

/* --- Series --- */

void bsi_series_dispose(bsi_series *series)
{
    for (size_t i = 0; i < series->storage_count; i++) {
        bsi_free(series->storages[i].name);
        bsi_free(series->storages[i].options);
    }
    bsi_free(series->storages);
    bsi_free(series->items);
    bsi_table_free_rows(&bsi_table_need, series->needs, series->need_count);
    bsi_row_pins_free(series->pins, series->pin_count);
    bsi_row_marks_free(series->marks, series->mark_count);
    *series = (bsi_series){.items = NULL};
}

static void copy_id(const char *id, bsi_id *out)
{
    memset(out, 0, sizeof(*out));
    memcpy(out->text, id, strnlen(id, BS_ID_SIZE - 1));
}

/* Rows come by storage: it is the last one, or a new one. */
static bs_status take_storage(bsi_series *series, const char *name)
{
    bsi_series_storage *larger = NULL;

    if (series->storage_count > 0 &&
        strcmp(series->storages[series->storage_count - 1].name, name) == 0) {
        return BS_OK;
    }
    larger = bsi_realloc_array(series->storages, series->storage_count + 1, sizeof(*larger));
    if (!larger) {
        return BS_E_NOMEM;
    }
    series->storages = larger;
    larger[series->storage_count] = (bsi_series_storage){.name = bsi_strdup(name)};
    if (!larger[series->storage_count].name) {
        return BS_E_NOMEM;
    }
    series->storage_count++;
    return BS_OK;
}

/* Whether a request has rules; one that cannot be read may have some. */
static bool has_rules(const char *options)
{
    bsi_json_reader json;
    bsi_slice key;
    bs_status status = BS_OK;

    bsi_json_init(&json, options, strlen(options), BS_LAYER_CATALOG, BS_E_CORRUPT);
    status = bsi_json_enter_object(&json);
    while (status == BS_OK) {
        status = bsi_json_next_key(&json, &key);
        if (status == BS_OK && bsi_slice_is(key, "retention")) {
            return true;
        }
        if (status == BS_OK) {
            status = bsi_json_skip(&json);
        }
    }
    return status < 0;
}

/* Rows come newest first. */
static bs_status take_rules(bsi_series_storage *storage, const bsi_row_backup *row)
{
    if (storage->options ||
        (row->status != BSI_ROW_COMPLETED && row->status != BSI_ROW_COMPLETED_WITH_WARNINGS) ||
        !has_rules(row->options)) {
        return BS_OK;
    }
    storage->options = bsi_strdup(row->options);
    return storage->options ? BS_OK : BS_E_NOMEM;
}

static bs_status take_item(bsi_series *series, const bsi_row_backup *row, size_t *capacity)
{
    bsi_series_item *item = NULL;

    BSI_TRY(take_storage(series, row->storage));
    BSI_TRY(take_rules(&series->storages[series->storage_count - 1], row));
    if (series->count == *capacity) {
        const size_t more = *capacity > 0 ? 2 * *capacity : 32;
        bsi_series_item *larger = bsi_realloc_array(series->items, more, sizeof(*larger));
        if (!larger) {
            return BS_E_NOMEM;
        }
        series->items = larger;
        *capacity = more;
    }
    item = &series->items[series->count++];
    *item = (bsi_series_item){
        .storage = series->storage_count - 1,
        .status = row->status,
        .seq = row->seq,
        .created_at = row->created_at,
        .expires_at = row->expires_at,
        .size = bsi_backup_size(row),
        .freed = bsi_backup_freed(row),
    };
    copy_id(row->id, &item->id);
    copy_id(row->base_id, &item->base_id);
    return BS_OK;
}

static bs_status load_items(bsi_db *db, const char *name, bsi_series *out)
{
    bsi_row_backup row;
    size_t capacity = 0;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_table_select(&sql, db, &bsi_table_backup,
                     "WHERE name = ? AND NOT deleting ORDER BY storage, seq DESC");
    bsi_sql_text(&sql, name);
    while (status == BS_OK) {
        status = bsi_table_next(&sql, &bsi_table_backup, &row);
        if (status == BS_OK) {
            status = take_item(out, &row, &capacity);
            bsi_row_backup_dispose(&row);
        }
    }
    return bsi_sql_finish(&sql, status);
}

#define OF_NAME "WHERE backup_id IN (SELECT id FROM backup WHERE name = ?)"

static bs_status load_locked(bsi_db *db, const char *name, bsi_series *out)
{
    void *rows = NULL;
    bsi_sql sql;

    BSI_TRY(load_items(db, name, out));
    bsi_table_select(&sql, db, &bsi_table_need,
                     "WHERE needs_id IN (SELECT id FROM backup WHERE name = ?)"
                     " AND backup_id IN (SELECT id FROM backup WHERE NOT deleting)");
    bsi_sql_text(&sql, name);
    BSI_TRY(bsi_table_all(&sql, &bsi_table_need, &rows, &out->need_count));
    out->needs = rows;
    BSI_TRY(list_pins_locked(db, OF_NAME, name, &out->pins, &out->pin_count));
    bsi_table_select(&sql, db, &bsi_table_mark, OF_NAME);
    bsi_sql_text(&sql, name);
    BSI_TRY(bsi_table_all(&sql, &bsi_table_mark, &rows, &out->mark_count));
    out->marks = rows;
    return BS_OK;
}

bs_status bsi_catalog_load_series(bsi_catalog *catalog, const char *name, bsi_series *out)
{
    bsi_series series = {.items = NULL};
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = load_locked(catalog->db, name, &series);
    bsi_mutex_unlock(&catalog->lock);
    if (status < 0) {
        bsi_series_dispose(&series);
        return status;
    }
    *out = series;
    return BS_OK;
}

bs_status bsi_catalog_next_name(bsi_catalog *catalog, const char *after, char **name_out)
{
    bsi_slice name;
    char *copy = NULL;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_sql_prepare(&sql, catalog->db,
                    "SELECT name FROM backup WHERE name > ? ORDER BY name LIMIT 1");
    bsi_sql_text(&sql, after);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        name = bsi_sql_get_bytes(&sql, 0);
        copy = bsi_strndup(name.data, name.size);
    }
    status = bsi_sql_finish(&sql, status == BS_OK && !copy ? BS_E_NOMEM : status);
    bsi_mutex_unlock(&catalog->lock);
    if (status < 0) {
        bsi_free(copy);
        return status;
    }
    if (!copy) {
        return BS_END;
    }
    *name_out = copy;
    return BS_OK;
}

bs_status bsi_catalog_status_by_tail(bsi_catalog *catalog, const char *name, const char *tail,
                                     bsi_row_status *out)
{
    char word[32] = "";
    bsi_slice found;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_sql_prepare(&sql, catalog->db,
                    "SELECT status FROM backup WHERE name = ?1 AND substr(id, -length(?2)) = ?2"
                    " ORDER BY status IN ('failed', 'cancelled') LIMIT 1");
    bsi_sql_text(&sql, name);
    bsi_sql_text(&sql, tail);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        found = bsi_sql_get_bytes(&sql, 0);
        memcpy(word, found.data, found.size < sizeof(word) ? found.size : 0);
    }
    *out = bsi_row_status_parse(word);
    status = bsi_sql_finish(&sql, status);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

/* --- Numbers --- */

static bs_status number_of(bsi_catalog *catalog, const char *text, int64_t number,
                           const char *parameter, int64_t *out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_sql_prepare(&sql, catalog->db, text);
    if (parameter) {
        bsi_sql_text(&sql, parameter);
    } else {
        bsi_sql_int(&sql, number);
    }
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        *out = bsi_sql_get_int(&sql, 0);
    }
    status = bsi_sql_finish(&sql, status);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

/* Two queries: an index answers each of them when all backups count. */
bs_status bsi_catalog_newest(bsi_catalog *catalog, int64_t after_seq, int64_t *ns_out)
{
    static const char *const all[] = {
        "SELECT coalesce(max(created_at), 0) FROM backup WHERE ?1 = 0",
        "SELECT coalesce(max(completed_at), 0) FROM backup WHERE ?1 = 0",
    };
    static const char *const some[] = {
        "SELECT coalesce(max(created_at), 0) FROM backup WHERE seq > ?1",
        "SELECT coalesce(max(completed_at), 0) FROM backup WHERE seq > ?1",
    };
    const char *const *texts = after_seq == 0 ? all : some;
    int64_t begun = 0;
    int64_t ended = 0;

    BSI_TRY(number_of(catalog, texts[0], after_seq, NULL, &begun));
    BSI_TRY(number_of(catalog, texts[1], after_seq, NULL, &ended));
    *ns_out = begun > ended ? begun : ended;
    return BS_OK;
}

bs_status bsi_catalog_last_seq(bsi_catalog *catalog, int64_t *seq_out)
{
    return number_of(catalog, "SELECT coalesce(max(seq), ?) FROM backup", 0, NULL, seq_out);
}

bs_status bsi_catalog_count_stored(bsi_catalog *catalog, const char *storage, uint64_t *count_out)
{
    int64_t count = 0;

    BSI_TRY(number_of(catalog,
                      "SELECT count(*) FROM backup WHERE storage = ? AND NOT deleting"
                      " AND status IN ('completed', 'completed_with_warnings')",
                      0, storage, &count));
    *count_out = (uint64_t)count;
    return BS_OK;
}

bs_status bsi_catalog_stored_bytes(bsi_catalog *catalog, const char *storage, uint64_t *bytes_out)
{
    int64_t bytes = 0;

    /* total() does not overflow; a sum beyond 2^63 is cut there. */
    BSI_TRY(number_of(catalog, "SELECT CAST(total(size) AS INTEGER) FROM held WHERE storage = ?", 0,
                      storage, &bytes));
    *bytes_out = (uint64_t)bytes;
    return BS_OK;
}
