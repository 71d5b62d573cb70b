/* SPDX-License-Identifier: MIT */
/*
 * Rows of copies: on which other storages backups lie, or should.
 */
#include "catalog/catalog_int.h"
#include "catalog/table.h"

static bs_status check_backup(bsi_db *db, const char *id)
{
    bsi_row_backup row;

    BSI_TRY(bsi_backup_get_locked(db, id, &row));
    bsi_row_backup_dispose(&row);
    return BS_OK;
}

/* That of the copy on this storage; of a new one, behind all others. */
static bs_status find_number(bsi_db *db, const bsi_row_copy *row, int64_t *out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db,
                    "SELECT coalesce((SELECT number FROM backup_copy WHERE backup_id = ?1"
                    " AND storage = ?2), (SELECT 1 + coalesce(max(number), 0) FROM backup_copy"
                    " WHERE backup_id = ?1))");
    bsi_sql_text(&sql, row->backup_id);
    bsi_sql_text(&sql, row->storage);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        *out = bsi_sql_get_int(&sql, 0);
    }
    return bsi_sql_finish(&sql, status);
}

/* `verb` says what becomes of one that is there. */
static bs_status put_locked(bsi_db *db, const bsi_row_copy *row, const char *verb)
{
    bsi_row_copy copy = *row;

    BSI_TRY(check_backup(db, row->backup_id));
    BSI_TRY(find_number(db, row, &copy.number));
    return bsi_table_insert(db, &bsi_table_copy, verb, &copy);
}

bs_status bsi_catalog_put_copy(bsi_catalog *catalog, const bsi_row_copy *row)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, put_locked(catalog->db, row, "INSERT OR REPLACE"));
}

bs_status bsi_catalog_want_copy(bsi_catalog *catalog, const char *id, const char *storage)
{
    const bsi_row_copy row = {.backup_id = id, .storage = storage, .status = BSI_ROW_PENDING};

    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, put_locked(catalog->db, &row, "INSERT OR IGNORE"));
}

bs_status bsi_copies_import_locked(bsi_db *db, const bsi_backup_import *item)
{
    bs_status status = BS_OK;

    for (size_t i = 0; i < item->copies_count && status >= 0; i++) {
        bsi_row_copy row = item->copies[i];
        row.backup_id = item->row.id;
        status = put_locked(db, &row, "INSERT OR REPLACE");
    }
    return status;
}

/* A statement with one or two texts (NULL: one) that gives no rows. */
static bs_status run_with(bsi_db *db, const char *text, const char *first, const char *second)
{
    bsi_sql sql;

    bsi_sql_prepare(&sql, db, text);
    bsi_sql_text(&sql, first);
    if (second) {
        bsi_sql_text(&sql, second);
    }
    return bsi_sql_run(&sql);
}

bs_status bsi_copies_remove_locked(bsi_db *db, const char *id)
{
    return run_with(db, "DELETE FROM backup_copy WHERE backup_id = ?", id, NULL);
}

bs_status bsi_catalog_remove_copy(bsi_catalog *catalog, const char *id, const char *storage)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog,
                           run_with(catalog->db,
                                    "DELETE FROM backup_copy WHERE backup_id = ? AND storage = ?",
                                    id, storage));
}

bs_status bsi_catalog_forget_copies(bsi_catalog *catalog, const char *storage)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(
        catalog, run_with(catalog->db, "DELETE FROM backup_copy WHERE storage = ?", storage, NULL));
}

bs_status bsi_catalog_list_copies(bsi_catalog *catalog, const char *id, bsi_row_copy **rows_out,
                                  size_t *count_out)
{
    void *rows = NULL;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_table_select(&sql, catalog->db, &bsi_table_copy, "WHERE backup_id = ? ORDER BY number");
    bsi_sql_text(&sql, id);
    status = bsi_table_all(&sql, &bsi_table_copy, &rows, count_out);
    bsi_mutex_unlock(&catalog->lock);
    BSI_TRY(status);
    *rows_out = rows;
    return BS_OK;
}

bs_status bsi_catalog_lacking_copies(bsi_catalog *catalog, const char *name, const char *storage,
                                     const char *to, bsi_id **ids_out, size_t *count_out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_sql_prepare(&sql, catalog->db,
                    "SELECT id FROM backup WHERE name = ?1 AND storage = ?2 AND NOT deleting"
                    " AND status IN ('completed', 'completed_with_warnings')"
                    " AND id IN (SELECT backup_id FROM backup_copy WHERE storage = ?3"
                    " AND status <> 'completed') ORDER BY seq");
    bsi_sql_text(&sql, name);
    bsi_sql_text(&sql, storage);
    bsi_sql_text(&sql, to);
    status = bsi_sql_all_ids(&sql, ids_out, count_out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

bs_status bsi_catalog_count_copies(bsi_catalog *catalog, const char *storage, uint64_t *count_out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_sql_prepare(&sql, catalog->db,
                    "SELECT count(*) FROM backup_copy WHERE storage = ?"
                    " AND status = 'completed'");
    bsi_sql_text(&sql, storage);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        *count_out = (uint64_t)bsi_sql_get_int(&sql, 0);
    }
    status = bsi_sql_finish(&sql, status);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}
