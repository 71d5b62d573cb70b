/* SPDX-License-Identifier: MIT */
/*
 * Rows of schedules and of their runs. A schedule's row and the runs that it
 * tells of change together; whoever changes one says which state he has seen.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog_int.h"
#include "catalog/table.h"

static bs_status get_locked(bsi_db *db, const char *id, bsi_row_schedule *out)
{
    bsi_sql sql;

    bsi_table_select(&sql, db, &bsi_table_schedule, "WHERE id = ?");
    bsi_sql_text(&sql, id);
    return bsi_table_one(&sql, &bsi_table_schedule, "schedule", id, out);
}

static bs_status fail_taken(const char *name)
{
    char shown[160];

    return bsi_fail(BS_LAYER_CALLER, BS_E_EXISTS, "there is a schedule '%s' already",
                    bsi_printable(name, strlen(name), shown, sizeof(shown)));
}

/* --- Runs --- */

/* Runs that are new get the numbers behind the last one. */
static bs_status put_runs_locked(bsi_db *db, const char *id, const bsi_row_run *runs, size_t count)
{
    bsi_sql sql;
    int64_t last = 0;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db,
                    "SELECT coalesce(max(number), 0) FROM schedule_run WHERE schedule_id = ?");
    bsi_sql_text(&sql, id);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        last = bsi_sql_get_int(&sql, 0);
    }
    status = bsi_sql_finish(&sql, status);
    for (size_t i = 0; i < count && status == BS_OK; i++) {
        bsi_row_run run = runs[i];

        run.schedule_id = id;
        run.number = run.number > 0 ? run.number : ++last;
        status = bsi_table_insert(db, &bsi_table_run, "INSERT OR REPLACE", &run);
    }
    return status;
}

/* Only the newest are kept, and those that have not ended. */
static bs_status drop_old_runs_locked(bsi_db *db, const char *id)
{
    bsi_sql sql;

    bsi_sql_prepare(&sql, db,
                    "DELETE FROM schedule_run WHERE schedule_id = ?1"
                    " AND status NOT IN ('pending', 'running') AND number <="
                    " (SELECT max(number) FROM schedule_run WHERE schedule_id = ?1) - ?2");
    bsi_sql_text(&sql, id);
    bsi_sql_int(&sql, BSI_CATALOG_RUNS_MAX);
    return bsi_sql_run(&sql);
}

/* `text` says which rows; it takes the two texts, then limit and offset where it has them. */
static bs_status select_runs(bsi_catalog *catalog, const char *text, const char *id, uint32_t limit,
                             uint64_t offset, bsi_row_run **rows_out, size_t *count_out)
{
    const bool all = limit == 0 || limit > BSI_CATALOG_LIST_MAX;
    void *rows = NULL;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_table_select(&sql, catalog->db, &bsi_table_run, text);
    bsi_sql_text(&sql, id);
    bsi_sql_int(&sql, all ? BSI_CATALOG_LIST_MAX : limit);
    bsi_sql_int(&sql, offset > INT64_MAX ? INT64_MAX : (int64_t)offset);
    status = bsi_table_all(&sql, &bsi_table_run, &rows, count_out);
    bsi_mutex_unlock(&catalog->lock);
    if (status == BS_OK) {
        *rows_out = rows;
    }
    return status;
}

bs_status bsi_catalog_list_runs(bsi_catalog *catalog, const char *schedule_id, uint32_t limit,
                                uint64_t offset, bsi_row_run **rows_out, size_t *count_out)
{
    return select_runs(catalog, "WHERE schedule_id = ?1 ORDER BY number DESC LIMIT ?2 OFFSET ?3",
                       schedule_id, limit, offset, rows_out, count_out);
}

bs_status bsi_catalog_find_runs(bsi_catalog *catalog, const char *job_id, bsi_row_run **rows_out,
                                size_t *count_out)
{
    return select_runs(catalog,
                       "WHERE CASE WHEN ?1 = '' THEN status IN ('pending', 'running')"
                       " ELSE job_id = ?1 END ORDER BY schedule_id, number LIMIT ?2 OFFSET ?3",
                       job_id, 0, 0, rows_out, count_out);
}

/* --- Schedules --- */

bs_status bsi_catalog_add_schedule(bsi_catalog *catalog, const bsi_row_schedule *row)
{
    bs_status status = bsi_catalog_begin(catalog);

    if (status < 0) {
        return status;
    }
    status =
        bsi_catalog_end(catalog, bsi_table_insert(catalog->db, &bsi_table_schedule, "INSERT", row));
    return status == BS_E_EXISTS ? fail_taken(row->name) : status;
}

static bs_status write_locked(bsi_db *db, const bsi_row_schedule *row, const bsi_row_run *runs,
                              size_t count)
{
    bsi_row_schedule copy = *row;
    bsi_row_schedule old;

    BSI_TRY(get_locked(db, row->id, &old));
    copy.revision = old.revision + 1;
    bsi_row_schedule_dispose(&old);
    if (copy.revision != row->revision + 1) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_CHANGED, "schedule %s was changed meanwhile",
                        row->id);
    }
    BSI_TRY(bsi_table_update(db, &bsi_table_schedule, &copy));
    if (count == 0) {
        return BS_OK;
    }
    BSI_TRY(put_runs_locked(db, row->id, runs, count));
    return drop_old_runs_locked(db, row->id);
}

bs_status bsi_catalog_write_schedule(bsi_catalog *catalog, const bsi_row_schedule *row,
                                     const bsi_row_run *runs, size_t count)
{
    bs_status status = bsi_catalog_begin(catalog);

    if (status < 0) {
        return status;
    }
    status = bsi_catalog_end(catalog, write_locked(catalog->db, row, runs, count));
    return status == BS_E_EXISTS ? fail_taken(row->name) : status;
}

bs_status bsi_catalog_get_schedule(bsi_catalog *catalog, const char *id, bsi_row_schedule *out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = get_locked(catalog->db, id, out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

bs_status bsi_catalog_remove_schedule(bsi_catalog *catalog, const char *id)
{
    bsi_sql sql;

    BSI_TRY(bsi_catalog_begin(catalog));
    bsi_sql_prepare(&sql, catalog->db, "DELETE FROM schedule WHERE id = ?");
    bsi_sql_text(&sql, id);
    return bsi_catalog_end(catalog, bsi_sql_run(&sql));
}

static bs_status list_locked(bsi_db *db, const bsi_schedule_filter *filter,
                             bsi_row_schedule **rows_out, size_t *count_out, uint64_t *total_out)
{
    const bool all = filter->limit == 0 || filter->limit > BSI_CATALOG_LIST_MAX;
    void *rows = NULL;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db,
                    "SELECT count(*) FROM schedule WHERE (?1 AND is_active) OR"
                    " (?2 AND NOT is_active)");
    bsi_sql_int(&sql, !filter->no_active);
    bsi_sql_int(&sql, !filter->no_inactive);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        *total_out = (uint64_t)bsi_sql_get_int(&sql, 0);
    }
    BSI_TRY(bsi_sql_finish(&sql, status));
    bsi_table_select(&sql, db, &bsi_table_schedule,
                     "WHERE (?1 AND is_active) OR (?2 AND NOT is_active)"
                     " ORDER BY name LIMIT ?3 OFFSET ?4");
    bsi_sql_int(&sql, !filter->no_active);
    bsi_sql_int(&sql, !filter->no_inactive);
    bsi_sql_int(&sql, all ? BSI_CATALOG_LIST_MAX : filter->limit);
    bsi_sql_int(&sql, filter->offset > INT64_MAX ? INT64_MAX : (int64_t)filter->offset);
    BSI_TRY(bsi_table_all(&sql, &bsi_table_schedule, &rows, count_out));
    *rows_out = rows;
    return BS_OK;
}

bs_status bsi_catalog_list_schedules(bsi_catalog *catalog, const bsi_schedule_filter *filter,
                                     bsi_row_schedule **rows_out, size_t *count_out,
                                     uint64_t *total_out)
{
    static const bsi_schedule_filter any = {.limit = 0};
    uint64_t total = 0;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = list_locked(catalog->db, filter ? filter : &any, rows_out, count_out, &total);
    bsi_mutex_unlock(&catalog->lock);
    if (status == BS_OK && total_out) {
        *total_out = total;
    }
    return status;
}

bs_status bsi_catalog_due_schedules(bsi_catalog *catalog, int64_t now_ns, bsi_id **ids_out,
                                    size_t *count_out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_sql_prepare(&sql, catalog->db,
                    "SELECT id FROM schedule WHERE is_active = 1 AND next_run_at <= ?"
                    " ORDER BY next_run_at, id");
    bsi_sql_int(&sql, now_ns);
    status = bsi_sql_all_ids(&sql, ids_out, count_out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

bs_status bsi_catalog_next_due(bsi_catalog *catalog, int64_t after_ns, int64_t *out)
{
    int64_t next = 0;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_sql_prepare(&sql, catalog->db,
                    "SELECT coalesce(min(next_run_at), 0) FROM schedule"
                    " WHERE is_active = 1 AND next_run_at > ?");
    bsi_sql_int(&sql, after_ns);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        next = bsi_sql_get_int(&sql, 0);
    }
    status = bsi_sql_finish(&sql, status);
    bsi_mutex_unlock(&catalog->lock);
    if (status == BS_OK) {
        *out = next;
    }
    return status;
}
