/* SPDX-License-Identifier: MIT */
/*
 * Which backup needs which, removal in two steps, and what an end of the process left behind.
 */
#include "catalog/catalog_int.h"
#include "catalog/number_rows.h"
#include "catalog/table.h"

bs_status bsi_needs_replace_locked(bsi_db *db, const char *id, const char *const *needs,
                                   size_t count)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db, "DELETE FROM backup_need WHERE backup_id = ?");
    bsi_sql_text(&sql, id);
    status = bsi_sql_run(&sql);
    for (size_t i = 0; i < count && status == BS_OK; i++) {
        const bsi_row_need row = {.backup_id = id, .needs_id = needs[i]};
        status = bsi_table_insert(db, &bsi_table_need, "INSERT OR REPLACE", &row);
    }
    return status;
}

static bs_status ids_of(bsi_catalog *catalog, const char *text, const char *id, bsi_id **ids_out,
                        size_t *count_out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_sql_prepare(&sql, catalog->db, text);
    if (id) {
        bsi_sql_text(&sql, id);
    }
    status = bsi_sql_all_ids(&sql, ids_out, count_out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

bs_status bsi_catalog_dependants(bsi_catalog *catalog, const char *id, bool transitive,
                                 bsi_id **ids_out, size_t *count_out)
{
    return ids_of(catalog,
                  transitive ? "WITH RECURSIVE needing (id) AS ("
                               " SELECT backup_id FROM backup_need WHERE needs_id = ?1"
                               " UNION SELECT backup_id FROM backup_need JOIN needing"
                               " ON needs_id = needing.id)"
                               " SELECT id FROM backup WHERE id IN needing AND id <> ?1"
                               " ORDER BY seq DESC"
                             : "SELECT id FROM backup WHERE id IN"
                               " (SELECT backup_id FROM backup_need WHERE needs_id = ?1)"
                               " AND id <> ?1 ORDER BY seq DESC",
                  id, ids_out, count_out);
}

bs_status bsi_catalog_needs(bsi_catalog *catalog, const char *id, bsi_id **ids_out,
                            size_t *count_out)
{
    return ids_of(catalog, "SELECT needs_id FROM backup_need WHERE backup_id = ? ORDER BY needs_id",
                  id, ids_out, count_out);
}

bs_status bsi_catalog_all_needs(bsi_catalog *catalog, const char *id, bsi_id **ids_out,
                                size_t *count_out)
{
    return ids_of(catalog,
                  "WITH RECURSIVE needed (id) AS ("
                  " SELECT needs_id FROM backup_need WHERE backup_id = ?1"
                  " UNION SELECT needs_id FROM backup_need JOIN needed ON backup_id = needed.id)"
                  " SELECT id FROM backup WHERE id IN needed AND id <> ?1 AND NOT deleting"
                  " AND status IN ('completed', 'completed_with_warnings') ORDER BY seq",
                  id, ids_out, count_out);
}

bs_status bsi_catalog_deleting(bsi_catalog *catalog, bsi_id **ids_out, size_t *count_out)
{
    return ids_of(catalog, "SELECT id FROM backup WHERE deleting ORDER BY seq DESC", NULL, ids_out,
                  count_out);
}

static bs_status check_not_needed(bsi_db *db, const char *id)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db,
                    "SELECT id FROM backup WHERE NOT deleting AND id <> ?1 AND"
                    " (id IN (SELECT backup_id FROM backup_need WHERE needs_id = ?1)"
                    " OR (base_id = ?1 AND status IN ('pending', 'running')))"
                    " ORDER BY seq DESC LIMIT 1");
    bsi_sql_text(&sql, id);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        const bsi_slice by = bsi_sql_get_bytes(&sql, 0);
        status = bsi_fail(BS_LAYER_CALLER, BS_E_NEEDED, "backup '%s' is still needed by '%.*s'", id,
                          (int)by.size, by.data);
    }
    return bsi_sql_finish(&sql, status);
}

static bool is_under_way(bsi_row_status status)
{
    return status == BSI_ROW_PENDING || status == BSI_ROW_RUNNING;
}

/* Rows that failed hold nothing: they are never the last. */
static bs_status check_not_last(bsi_db *db, const bsi_row_backup *row)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    if (row->status != BSI_ROW_COMPLETED && row->status != BSI_ROW_COMPLETED_WITH_WARNINGS) {
        return BS_OK;
    }
    bsi_sql_prepare(&sql, db,
                    "SELECT 1 FROM backup WHERE name = ? AND storage = ? AND seq > ?"
                    " AND NOT deleting AND status IN ('completed', 'completed_with_warnings')"
                    " LIMIT 1");
    bsi_sql_text(&sql, row->name);
    bsi_sql_text(&sql, row->storage);
    bsi_sql_int(&sql, row->seq);
    status = bsi_sql_step(&sql);
    if (status == BS_END) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_NEEDED, "backup '%s' is the last good one of '%s'",
                          row->id, row->name);
    }
    return bsi_sql_finish(&sql, status);
}

static bs_status set_deleting(bsi_db *db, const bsi_row_backup *row)
{
    bsi_row_backup marked = *row;

    marked.deleting = true;
    BSI_TRY(bsi_table_update(db, &bsi_table_backup, &marked));
    return bsi_backup_changed_locked(db, row, &marked);
}

static bs_status mark_locked(bsi_db *db, const char *id, int64_t now_ns, bool expired)
{
    bsi_row_backup row;
    bs_status status = bsi_backup_get_locked(db, id, &row);

    if (status < 0) {
        return status;
    }
    if (is_under_way(row.status)) {
        status = bsi_fail(BS_LAYER_CALLER, BS_E_BUSY, "backup '%s' has not ended", row.id);
    } else {
        status = check_not_needed(db, row.id);
    }
    if (status == BS_OK) {
        status = bsi_pins_check_locked(db, row.id, now_ns);
    }
    if (status == BS_OK && expired) {
        status = check_not_last(db, &row);
    }
    if (status == BS_OK) {
        status = set_deleting(db, &row);
    }
    bsi_row_backup_dispose(&row);
    return status;
}

bs_status bsi_catalog_mark_deleting(bsi_catalog *catalog, const char *id, int64_t now_ns)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, mark_locked(catalog->db, id, now_ns, false));
}

bs_status bsi_catalog_mark_expired(bsi_catalog *catalog, const char *id, int64_t now_ns)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, mark_locked(catalog->db, id, now_ns, true));
}

static bs_status remove_locked(bsi_db *db, const char *id)
{
    bsi_sql sql;

    BSI_TRY(bsi_needs_replace_locked(db, id, NULL, 0));
    BSI_TRY(bsi_warnings_remove_locked(db, id));
    BSI_TRY(bsi_pins_remove_locked(db, id));
    BSI_TRY(bsi_copies_remove_locked(db, id));
    bsi_sql_prepare(&sql, db, "DELETE FROM backup WHERE id = ?");
    bsi_sql_text(&sql, id);
    return bsi_sql_run(&sql);
}

static bs_status remove_counted(bsi_db *db, const char *id)
{
    bsi_row_backup row;
    bs_status status = bsi_backup_get_locked(db, id, &row);

    if (status < 0) {
        return status == BS_E_NOT_FOUND ? BS_OK : status;
    }
    status = remove_locked(db, id);
    if (status >= 0) {
        status = bsi_backup_changed_locked(db, &row, NULL);
    }
    bsi_row_backup_dispose(&row);
    return status;
}

bs_status bsi_catalog_remove_backup(bsi_catalog *catalog, const char *id)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, remove_counted(catalog->db, id));
}

#define UNDER_WAY "WHERE status IN ('pending', 'running')"

static bs_status interrupt_backup(bsi_db *db, const bsi_row_backup *row, int64_t now_ns)
{
    bsi_row_backup failed = *row;

    failed.status = BSI_ROW_FAILED;
    failed.completed_at = now_ns;
    failed.error_code = BS_E_INTERRUPTED;
    failed.error_layer = BS_LAYER_SYSTEM;
    failed.error_message = bs_status_text(BS_E_INTERRUPTED);
    BSI_TRY(bsi_table_update(db, &bsi_table_backup, &failed));
    return bsi_backup_changed_locked(db, row, &failed);
}

static bs_status interrupt_backups(bsi_db *db, int64_t now_ns, uint64_t *count)
{
    bsi_sql sql;
    void *rows = NULL;
    size_t found = 0;
    bs_status status = BS_OK;

    bsi_table_select(&sql, db, &bsi_table_backup, UNDER_WAY);
    BSI_TRY(bsi_table_all(&sql, &bsi_table_backup, &rows, &found));
    for (size_t i = 0; i < found && status == BS_OK; i++) {
        status = interrupt_backup(db, (bsi_row_backup *)rows + i, now_ns);
    }
    bsi_row_backups_free(rows, found);
    *count += found;
    return status;
}

static bs_status interrupt_job(bsi_db *db, const bsi_row_job *row, int64_t now_ns)
{
    bsi_row_job failed = *row;

    failed.status = BSI_ROW_FAILED;
    failed.completed_at = now_ns;
    failed.error_code = BS_E_INTERRUPTED;
    failed.error_layer = BS_LAYER_SYSTEM;
    failed.error_message = bs_status_text(BS_E_INTERRUPTED);
    BSI_TRY(bsi_table_update(db, &bsi_table_job, &failed));
    return bsi_numbers_job_locked(db, row, &failed);
}

static bs_status interrupt_jobs(bsi_db *db, int64_t now_ns, uint64_t *count)
{
    bsi_sql sql;
    void *rows = NULL;
    size_t found = 0;
    bs_status status = BS_OK;

    bsi_table_select(&sql, db, &bsi_table_job, UNDER_WAY);
    BSI_TRY(bsi_table_all(&sql, &bsi_table_job, &rows, &found));
    for (size_t i = 0; i < found && status == BS_OK; i++) {
        status = interrupt_job(db, (bsi_row_job *)rows + i, now_ns);
    }
    bsi_row_jobs_free(rows, found);
    *count += found;
    return status;
}

bs_status bsi_catalog_mark_interrupted(bsi_catalog *catalog, int64_t now_ns, uint64_t *count_out)
{
    uint64_t count = 0;
    bs_status status = bsi_catalog_begin(catalog);

    if (status < 0) {
        return status;
    }
    status = interrupt_backups(catalog->db, now_ns, &count);
    if (status == BS_OK) {
        status = interrupt_jobs(catalog->db, now_ns, &count);
    }
    status = bsi_catalog_end(catalog, status);
    if (status == BS_OK && count_out) {
        *count_out = count;
    }
    return status;
}
