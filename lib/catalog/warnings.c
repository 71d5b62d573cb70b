/* SPDX-License-Identifier: MIT */
/*
 * What jobs survived: the first so many of each job, and how many there were.
 */
#include "base/alloc.h"
#include "catalog/catalog_int.h"
#include "catalog/table.h"

static bs_status count_of(bsi_db *db, const char *id, uint64_t *out)
{
    bsi_row_warning_count row;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_table_select(&sql, db, &bsi_table_warning_count, "WHERE job_id = ?");
    bsi_sql_text(&sql, id);
    status = bsi_table_next(&sql, &bsi_table_warning_count, &row);
    *out = 0;
    if (status == BS_OK) {
        *out = row.count;
        bsi_table_dispose_row(&bsi_table_warning_count, &row);
    }
    return bsi_sql_finish(&sql, status);
}

static bs_status add_locked(bsi_db *db, const char *id, const bsi_row_warning *rows, size_t count)
{
    bsi_row_warning_count total = {.job_id = id};
    bs_status status = count_of(db, id, &total.count);

    for (size_t i = 0; i < count && status == BS_OK; i++) {
        const bsi_row_stored_warning row = {
            .job_id = id, .number = total.count, .warning = rows[i]};

        if (total.count < BSI_CATALOG_WARNINGS_MAX) {
            status = bsi_table_insert(db, &bsi_table_warning, "INSERT", &row);
        }
        total.count++;
    }
    if (status < 0) {
        return status;
    }
    return bsi_table_insert(db, &bsi_table_warning_count, "INSERT OR REPLACE", &total);
}

bs_status bsi_catalog_add_warnings(bsi_catalog *catalog, const char *id,
                                   const bsi_row_warning *rows, size_t count)
{
    if (count == 0) {
        return BS_OK;
    }
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, add_locked(catalog->db, id, rows, count));
}

bs_status bsi_warnings_remove_locked(bsi_db *db, const char *id)
{
    bsi_sql sql;

    bsi_sql_prepare(&sql, db, "DELETE FROM warning WHERE job_id = ?");
    bsi_sql_text(&sql, id);
    BSI_TRY(bsi_sql_run(&sql));
    bsi_sql_prepare(&sql, db, "DELETE FROM warning_count WHERE job_id = ?");
    bsi_sql_text(&sql, id);
    return bsi_sql_run(&sql);
}

static bs_status list_locked(bsi_db *db, const char *id, uint64_t offset, uint32_t limit,
                             bsi_row_stored_warning **rows_out, size_t *count_out)
{
    void *rows = NULL;
    bsi_sql sql;

    bsi_table_select(&sql, db, &bsi_table_warning,
                     "WHERE job_id = ? ORDER BY number LIMIT ? OFFSET ?");
    bsi_sql_text(&sql, id);
    bsi_sql_int(&sql, limit == 0 || limit > BSI_CATALOG_LIST_MAX ? BSI_CATALOG_LIST_MAX : limit);
    bsi_sql_int(&sql, offset > INT64_MAX ? INT64_MAX : (int64_t)offset);
    BSI_TRY(bsi_table_all(&sql, &bsi_table_warning, &rows, count_out));
    *rows_out = rows;
    return BS_OK;
}

bs_status bsi_catalog_list_warnings(bsi_catalog *catalog, const char *id, uint64_t offset,
                                    uint32_t limit, bsi_row_warning **rows_out, size_t *count_out,
                                    uint64_t *total_out)
{
    bsi_row_stored_warning *stored = NULL;
    bsi_row_warning *rows = NULL;
    size_t count = 0;
    uint64_t total = 0;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = count_of(catalog->db, id, &total);
    if (status == BS_OK) {
        status = list_locked(catalog->db, id, offset, limit, &stored, &count);
    }
    bsi_mutex_unlock(&catalog->lock);
    if (status < 0) {
        return status;
    }
    rows = bsi_calloc(count, sizeof(*rows));
    if (!rows) {
        bsi_table_free_rows(&bsi_table_warning, stored, count);
        return BS_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] = stored[i].warning;
    }
    bsi_free(stored); /* The texts have moved. */
    *rows_out = rows;
    *count_out = count;
    if (total_out) {
        *total_out = total;
    }
    return BS_OK;
}
