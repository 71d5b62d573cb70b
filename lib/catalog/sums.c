/* SPDX-License-Identifier: MIT */
/*
 * Reads the sums; makes them anew from the rows, and compares.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "catalog/catalog_int.h"
#include "catalog/number_rows.h"

enum { SUMS_TEXT_MAX = 8192 };

/* --- Reading --- */

/* "SELECT key, ... CAST(total(number) AS INTEGER), ... FROM table rest". */
static bs_status sums_text(bsi_buf *text, const bsi_table *table, const char *const *keys,
                           const char *rest)
{
    size_t at = 0;
    bs_status status = bsi_buf_append_text(text, "SELECT ");

    for (; keys[at] && status == BS_OK; at++) {
        status = bsi_buf_append_format(text, "%s%s", at > 0 ? ", " : "", keys[at]);
    }
    /* total() does not overflow; sums beyond 2^63 are cut there. */
    for (; at < table->count && status == BS_OK; at++) {
        status =
            bsi_buf_append_format(text, ", CAST(total(%s) AS INTEGER)", table->columns[at].name);
    }
    if (status == BS_OK) {
        status = bsi_buf_append_format(text, " FROM %s %s", table->name, rest);
    }
    return status == BS_OK ? bsi_buf_append_byte(text, 0) : status;
}

/* The keys are expressions, as many as the table has, ended by NULL. */
static void select_sums(bsi_sql *sql, bsi_db *db, const bsi_table *table, const char *const *keys,
                        const char *rest)
{
    bsi_buf text;
    bs_status status = BS_OK;

    bsi_buf_init(&text, SUMS_TEXT_MAX);
    status = sums_text(&text, table, keys, rest);
    if (status == BS_OK) {
        bsi_sql_prepare(sql, db, (const char *)text.data);
    } else {
        *sql = (bsi_sql){.db = db, .status = status};
    }
    bsi_buf_dispose(&text);
}

/* What needs no parameters. */
static bs_status read_sums(bsi_catalog *catalog, const bsi_table *table, const char *const *keys,
                           const char *rest, void **rows_out, size_t *count_out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    select_sums(&sql, catalog->db, table, keys, rest);
    status = bsi_table_all_sums(&sql, table, rows_out, count_out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

bs_status bsi_catalog_sum_held(bsi_catalog *catalog, bsi_row_held **rows_out, size_t *count_out)
{
    static const char *const keys[] = {"''",         "backup_type", "storage", "compression",
                                       "encryption", "status",      NULL};
    void *rows = NULL;

    BSI_TRY(read_sums(catalog, &bsi_table_held, keys,
                      "GROUP BY 2, 3, 4, 5, 6 ORDER BY 2, 3, 4, 5, 6", &rows, count_out));
    *rows_out = rows;
    return BS_OK;
}

bs_status bsi_catalog_sum_held_names(bsi_catalog *catalog, bsi_row_held **rows_out,
                                     size_t *count_out)
{
    static const char *const keys[] = {"name", "backup_type", "''", "''", "''", "status", NULL};
    void *rows = NULL;

    BSI_TRY(read_sums(catalog, &bsi_table_held, keys, "GROUP BY 1, 2, 6 ORDER BY 1, 2, 6", &rows,
                      count_out));
    *rows_out = rows;
    return BS_OK;
}

static bs_status read_all(bsi_catalog *catalog, const bsi_table *table, const char *rest,
                          void **rows_out, size_t *count_out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_table_select(&sql, catalog->db, table, rest);
    status = bsi_table_all(&sql, table, rows_out, count_out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

bs_status bsi_catalog_sum_runs(bsi_catalog *catalog, bsi_row_total **rows_out, size_t *count_out)
{
    void *rows = NULL;

    BSI_TRY(read_all(catalog, &bsi_table_total, "ORDER BY 1, 2, 3, 4, 5, 6", &rows, count_out));
    *rows_out = rows;
    return BS_OK;
}

bs_status bsi_catalog_sum_durations(bsi_catalog *catalog, bsi_row_duration **rows_out,
                                    size_t *count_out)
{
    void *rows = NULL;

    BSI_TRY(read_all(catalog, &bsi_table_duration, "ORDER BY 1, 2, 3, 4", &rows, count_out));
    *rows_out = rows;
    return BS_OK;
}

bs_status bsi_catalog_sum_failures(bsi_catalog *catalog, bsi_row_failure **rows_out,
                                   size_t *count_out)
{
    void *rows = NULL;

    BSI_TRY(read_all(catalog, &bsi_table_failure, "ORDER BY 1, 2, 3", &rows, count_out));
    *rows_out = rows;
    return BS_OK;
}

bs_status bsi_catalog_sum_hours(bsi_catalog *catalog, const char *kind, int64_t from_hour,
                                int64_t hours, bsi_row_hour **rows_out, size_t *count_out)
{
    static const char *const keys[] = {"kind", "hour / ?3 * ?3", NULL};
    void *rows = NULL;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    select_sums(&sql, catalog->db, &bsi_table_hour, keys,
                "WHERE kind = ?1 AND hour >= ?2 GROUP BY hour / ?3 ORDER BY hour / ?3");
    bsi_sql_text(&sql, kind);
    bsi_sql_int(&sql, from_hour);
    bsi_sql_int(&sql, hours);
    status = bsi_table_all_sums(&sql, &bsi_table_hour, &rows, count_out);
    bsi_mutex_unlock(&catalog->lock);
    if (status == BS_OK) {
        *rows_out = rows;
    }
    return status;
}

static bs_status list_names_locked(bsi_db *db, uint32_t limit, bsi_row_name **rows_out,
                                   size_t *count_out, int64_t *total_out)
{
    void *rows = NULL;
    bsi_sql sql;

    BSI_TRY(bsi_sql_number(db, "SELECT count(*) FROM backup_name", total_out));
    bsi_table_select(&sql, db, &bsi_table_name, "ORDER BY rowid LIMIT ?");
    bsi_sql_int(&sql, limit);
    BSI_TRY(bsi_table_all(&sql, &bsi_table_name, &rows, count_out));
    *rows_out = rows;
    return BS_OK;
}

bs_status bsi_catalog_list_names(bsi_catalog *catalog, uint32_t limit, bsi_row_name **rows_out,
                                 size_t *count_out, uint64_t *total_out)
{
    int64_t total = 0;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = list_names_locked(catalog->db, limit, rows_out, count_out, &total);
    bsi_mutex_unlock(&catalog->lock);
    if (status == BS_OK) {
        *total_out = (uint64_t)total;
    }
    return status;
}

bs_status bsi_catalog_held_since(bsi_catalog *catalog, int64_t *oldest_out, int64_t *newest_out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_sql_prepare(&sql, catalog->db,
                    "SELECT coalesce(min(oldest_at), 0), coalesce(max(newest_at), 0)"
                    " FROM backup_name");
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        *oldest_out = bsi_sql_get_int(&sql, 0);
        *newest_out = bsi_sql_get_int(&sql, 1);
    }
    status = bsi_sql_finish(&sql, status);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

/* --- Making them anew --- */

static bs_status fill_backups(bsi_db *db)
{
    bsi_row_backup row;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_table_select(&sql, db, &bsi_table_backup, "ORDER BY seq");
    while (status == BS_OK) {
        status = bsi_table_next(&sql, &bsi_table_backup, &row);
        if (status != BS_OK) {
            break;
        }
        status = bsi_backup_changed_locked(db, NULL, &row);
        bsi_row_backup_dispose(&row);
    }
    return bsi_sql_finish(&sql, status);
}

static bs_status fill_jobs(bsi_db *db)
{
    bsi_row_job row;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_table_select(&sql, db, &bsi_table_job, "ORDER BY completed_at, id");
    while (status == BS_OK) {
        status = bsi_table_next(&sql, &bsi_table_job, &row);
        if (status == BS_OK) {
            status = bsi_numbers_job_locked(db, NULL, &row);
            bsi_row_job_dispose(&row);
        }
    }
    return bsi_sql_finish(&sql, status);
}

bs_status bsi_numbers_fill_locked(bsi_db *db)
{
    BSI_TRY(bsi_db_exec(db, "DELETE FROM held; DELETE FROM run_total; DELETE FROM run_hour;"
                            "DELETE FROM run_duration; DELETE FROM run_failure;"
                            "DELETE FROM backup_name; DELETE FROM backup_sample"));
    BSI_TRY(fill_backups(db));
    return fill_jobs(db);
}

/* --- Comparing --- */

#define COMPLETED "status IN ('completed', 'completed_with_warnings')"

/* Groups of rows that `held` has no equal row for. A double holds sums below 9e15 exactly; those
 * beyond are not compared. */
static const char wrong_groups[] =
    "SELECT count(*) FROM (SELECT name, backup_type, storage, compression, encryption,"
    " iif(deleting, 'deleting', status) AS word, count(*) AS backups,"
    " total(iif(good, bytes_processed, 0)) AS source,"
    " total(iif(good, files_processed, 0)) AS files,"
    " total(iif(good, manifest_size + iif(form = 'mirror', total_bytes, container_size), 0))"
    " AS size FROM (SELECT *, " COMPLETED " AS good FROM backup)"
    " GROUP BY 1, 2, 3, 4, 5, 6) AS made"
    " LEFT JOIN held AS kept ON made.name = kept.name AND made.backup_type = kept.backup_type"
    " AND made.storage = kept.storage AND made.compression = kept.compression"
    " AND made.encryption = kept.encryption AND made.word = kept.status"
    " WHERE made.backups IS NOT kept.backups"
    " OR (made.source < 9e15 AND CAST(made.source AS INTEGER) IS NOT kept.source_bytes)"
    " OR (made.files < 9e15 AND CAST(made.files AS INTEGER) IS NOT kept.files)"
    " OR (made.size < 9e15 AND CAST(made.size AS INTEGER) IS NOT kept.size)";

/* Backups that no group speaks of, or twice. */
static const char wrong_count[] =
    "SELECT (SELECT count(*) FROM backup) - (SELECT coalesce(sum(backups), 0) FROM held)";

/* Names whose row does not say what the rows of backups say; and rows in vain. */
static const char wrong_names[] =
    "SELECT count(*) FROM (SELECT name, count(*) FILTER (WHERE NOT deleting) AS backups,"
    " count(*) FILTER (WHERE NOT deleting AND " COMPLETED ") AS completed"
    " FROM backup GROUP BY name) AS made LEFT JOIN backup_name AS kept ON made.name = kept.name"
    " WHERE made.backups IS NOT kept.backups OR made.completed IS NOT kept.completed";

static const char wrong_names_count[] =
    "SELECT (SELECT count(*) FROM backup_name) - (SELECT count(DISTINCT name) FROM backup)";

/* Runs that the hours have and the totals not. */
static const char wrong_runs[] = "SELECT (SELECT coalesce(sum(runs), 0) FROM run_total)"
                                 " - (SELECT coalesce(sum(runs), 0) FROM run_hour)";

bs_status bsi_numbers_check_locked(bsi_db *db, const char **wrong_out)
{
    static const struct {
        const char *text;
        const char *what;
    } checks[] = {
        {wrong_groups, "what is held"},           {wrong_count, "how many backups are held"},
        {wrong_names, "what is held by name"},    {wrong_names_count, "which names there are"},
        {wrong_runs, "how many runs there were"},
    };
    bs_status status = BS_OK;

    *wrong_out = NULL;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(checks) && status == BS_OK && !*wrong_out; i++) {
        int64_t wrong = 0;
        status = bsi_sql_number(db, checks[i].text, &wrong);
        *wrong_out = wrong != 0 ? checks[i].what : NULL;
    }
    return status;
}

bs_status bsi_catalog_check_numbers(bsi_catalog *catalog)
{
    const char *wrong = NULL;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = bsi_numbers_check_locked(catalog->db, &wrong);
    bsi_mutex_unlock(&catalog->lock);
    if (status == BS_OK && wrong) {
        status = bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT,
                          "the catalogue's sums are wrong about %s: they can be rebuilt", wrong);
    }
    return status;
}
