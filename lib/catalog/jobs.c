/* SPDX-License-Identifier: MIT */
/*
 * Rows of restores, verifications and other jobs that are no backups.
 */
#include "catalog/catalog_int.h"
#include "catalog/number_rows.h"
#include "catalog/table.h"

static bs_status get_locked(bsi_db *db, const char *id, bsi_row_job *out)
{
    bsi_sql sql;

    bsi_table_select(&sql, db, &bsi_table_job, "WHERE id = ?");
    bsi_sql_text(&sql, id);
    return bsi_table_one(&sql, &bsi_table_job, "job", id, out);
}

bs_status bsi_job_add_locked(bsi_db *db, const bsi_row_job *row)
{
    BSI_TRY(bsi_table_insert(db, &bsi_table_job, "INSERT", row));
    return bsi_numbers_job_locked(db, NULL, row);
}

bs_status bsi_catalog_add_job(bsi_catalog *catalog, const bsi_row_job *row)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, bsi_job_add_locked(catalog->db, row));
}

bs_status bsi_job_update_locked(bsi_db *db, const bsi_row_job *row)
{
    bsi_row_job old;
    bs_status status = get_locked(db, row->id, &old);

    if (status < 0) {
        return status;
    }
    status = bsi_table_update(db, &bsi_table_job, row);
    if (status >= 0) {
        status = bsi_numbers_job_locked(db, &old, row);
    }
    bsi_row_job_dispose(&old);
    return status;
}

bs_status bsi_catalog_update_job(bsi_catalog *catalog, const bsi_row_job *row)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, bsi_job_update_locked(catalog->db, row));
}

bs_status bsi_catalog_get_job(bsi_catalog *catalog, const char *id, bsi_row_job *out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = get_locked(catalog->db, id, out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

static bs_status remove_locked(bsi_db *db, const char *id)
{
    bsi_sql sql;

    BSI_TRY(bsi_warnings_remove_locked(db, id));
    bsi_sql_prepare(&sql, db, "DELETE FROM job WHERE id = ?");
    bsi_sql_text(&sql, id);
    return bsi_sql_run(&sql);
}

bs_status bsi_catalog_remove_job(bsi_catalog *catalog, const char *id)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, remove_locked(catalog->db, id));
}

#define FILTER                                                     \
    "WHERE (?1 = '' OR kind = ?1) AND (?2 = '' OR backup_id = ?2)" \
    " AND (?3 = '' OR status = ?3) "

static void bind_filter(bsi_sql *sql, const bsi_job_filter *filter)
{
    bsi_sql_text(sql, filter->kind);
    bsi_sql_text(sql, filter->backup_id);
    bsi_sql_text(sql, bsi_row_status_name(filter->status));
}

static bs_status count_locked(bsi_db *db, const bsi_job_filter *filter, uint64_t *out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db, "SELECT count(*) FROM job " FILTER);
    bind_filter(&sql, filter);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        *out = (uint64_t)bsi_sql_get_int(&sql, 0);
    }
    return bsi_sql_finish(&sql, status);
}

static bs_status list_locked(bsi_db *db, const bsi_job_filter *filter, bsi_row_job **rows_out,
                             size_t *count_out)
{
    const bool all = filter->limit == 0 || filter->limit > BSI_CATALOG_LIST_MAX;
    void *rows = NULL;
    bsi_sql sql;

    bsi_table_select(&sql, db, &bsi_table_job,
                     FILTER "ORDER BY created_at DESC, id DESC LIMIT ?4 OFFSET ?5");
    bind_filter(&sql, filter);
    bsi_sql_int(&sql, all ? BSI_CATALOG_LIST_MAX : filter->limit);
    bsi_sql_int(&sql, filter->offset > INT64_MAX ? INT64_MAX : (int64_t)filter->offset);
    BSI_TRY(bsi_table_all(&sql, &bsi_table_job, &rows, count_out));
    *rows_out = rows;
    return BS_OK;
}

bs_status bsi_catalog_list_jobs(bsi_catalog *catalog, const bsi_job_filter *filter,
                                bsi_row_job **rows_out, size_t *count_out, uint64_t *total_out)
{
    static const bsi_job_filter any = {.kind = NULL};
    const bsi_job_filter *chosen = filter ? filter : &any;
    uint64_t total = 0;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = total_out ? count_locked(catalog->db, chosen, &total) : BS_OK;
    if (status == BS_OK) {
        status = list_locked(catalog->db, chosen, rows_out, count_out);
    }
    bsi_mutex_unlock(&catalog->lock);
    if (status == BS_OK && total_out) {
        *total_out = total;
    }
    return status;
}
