/* SPDX-License-Identifier: MIT */
/*
 * Rows of restore drills.
 */
#include "catalog/catalog_int.h"
#include "catalog/table.h"

static bs_status add_locked(bsi_db *db, const bsi_row_job *job, const bsi_row_drill *row)
{
    BSI_TRY(bsi_job_add_locked(db, job));
    return bsi_table_insert(db, &bsi_table_drill, "INSERT", row);
}

bs_status bsi_catalog_add_drill(bsi_catalog *catalog, const bsi_row_job *job,
                                const bsi_row_drill *row)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, add_locked(catalog->db, job, row));
}

static bs_status update_locked(bsi_db *db, const bsi_row_job *job, const bsi_row_drill *row)
{
    BSI_TRY(bsi_job_update_locked(db, job));
    return bsi_table_update(db, &bsi_table_drill, row);
}

bs_status bsi_catalog_update_drill(bsi_catalog *catalog, const bsi_row_job *job,
                                   const bsi_row_drill *row)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, update_locked(catalog->db, job, row));
}

static bs_status get_locked(bsi_db *db, const char *job_id, bsi_row_drill *out)
{
    bsi_sql sql;

    bsi_table_select(&sql, db, &bsi_table_drill, "WHERE job_id = ?");
    bsi_sql_text(&sql, job_id);
    return bsi_table_one(&sql, &bsi_table_drill, "drill", job_id, out);
}

bs_status bsi_catalog_get_drill(bsi_catalog *catalog, const char *job_id, bsi_row_drill *out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = get_locked(catalog->db, job_id, out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

#define FILTER                                                  \
    "WHERE (?1 = '' OR name = ?1) AND (NOT ?2 OR proven = ?2) " \
    "AND (NOT ?3 OR scratch <> '') "

static void bind_filter(bsi_sql *sql, const bsi_drill_filter *filter)
{
    bsi_sql_text(sql, filter->name);
    bsi_sql_int(sql, filter->proven);
    bsi_sql_int(sql, filter->scratch);
}

static bs_status count_locked(bsi_db *db, const bsi_drill_filter *filter, uint64_t *out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db, "SELECT count(*) FROM drill " FILTER);
    bind_filter(&sql, filter);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        *out = (uint64_t)bsi_sql_get_int(&sql, 0);
    }
    return bsi_sql_finish(&sql, status);
}

/* Ids grow with time. */
static bs_status list_locked(bsi_db *db, const bsi_drill_filter *filter, bsi_row_drill **rows_out,
                             size_t *count_out)
{
    const bool all = filter->limit == 0 || filter->limit > BSI_CATALOG_LIST_MAX;
    void *rows = NULL;
    bsi_sql sql;

    bsi_table_select(&sql, db, &bsi_table_drill, FILTER "ORDER BY job_id DESC LIMIT ?4 OFFSET ?5");
    bind_filter(&sql, filter);
    bsi_sql_int(&sql, all ? BSI_CATALOG_LIST_MAX : filter->limit);
    bsi_sql_int(&sql, filter->offset > INT64_MAX ? INT64_MAX : (int64_t)filter->offset);
    BSI_TRY(bsi_table_all(&sql, &bsi_table_drill, &rows, count_out));
    *rows_out = rows;
    return BS_OK;
}

bs_status bsi_catalog_list_drills(bsi_catalog *catalog, const bsi_drill_filter *filter,
                                  bsi_row_drill **rows_out, size_t *count_out, uint64_t *total_out)
{
    uint64_t total = 0;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = total_out ? count_locked(catalog->db, filter, &total) : BS_OK;
    if (status == BS_OK) {
        status = list_locked(catalog->db, filter, rows_out, count_out);
    }
    bsi_mutex_unlock(&catalog->lock);
    if (status == BS_OK && total_out) {
        *total_out = total;
    }
    return status;
}

static bs_status clear_locked(bsi_db *db, const char *job_id)
{
    bsi_row_drill row;
    bs_status status = get_locked(db, job_id, &row);

    if (status < 0) {
        return status;
    }
    row.scratch = "";
    status = bsi_table_update(db, &bsi_table_drill, &row);
    bsi_row_drill_dispose(&row);
    return status;
}

bs_status bsi_catalog_clear_scratch(bsi_catalog *catalog, const char *job_id)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, clear_locked(catalog->db, job_id));
}
