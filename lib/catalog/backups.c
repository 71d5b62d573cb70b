/* SPDX-License-Identifier: MIT */
/*
 * Rows of backups.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog_int.h"
#include "catalog/number_rows.h"
#include "catalog/table.h"

#define COMPLETED "status IN ('completed', 'completed_with_warnings')"

bs_status bsi_backup_get_locked(bsi_db *db, const char *id, bsi_row_backup *out)
{
    bsi_sql sql;

    bsi_table_select(&sql, db, &bsi_table_backup, "WHERE id = ?");
    bsi_sql_text(&sql, id);
    return bsi_table_one(&sql, &bsi_table_backup, "backup", id, out);
}

/* Larger than every number that was ever given away, also to backups that are gone. */
static bs_status next_seq(bsi_db *db, int64_t *out)
{
    char text[32];
    int64_t seq = 0;

    BSI_TRY(bsi_sql_number(db,
                           "SELECT max((SELECT coalesce(max(seq), 0) FROM backup),"
                           " (SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM meta"
                           " WHERE key = 'seq'))",
                           &seq));
    seq++;
    (void)snprintf(text, sizeof(text), "%" PRId64, seq);
    BSI_TRY(bsi_meta_set_locked(db, "seq", text));
    *out = seq;
    return BS_OK;
}

bs_status bsi_backup_insert_locked(bsi_db *db, const bsi_row_backup *row, int64_t *seq_out)
{
    bsi_row_backup copy = *row;

    BSI_TRY(next_seq(db, &copy.seq));
    BSI_TRY(bsi_table_insert(db, &bsi_table_backup, "INSERT", &copy));
    if (seq_out) {
        *seq_out = copy.seq;
    }
    return BS_OK;
}

static bs_status add_locked(bsi_db *db, const bsi_row_backup *row, int64_t *seq_out)
{
    bsi_row_backup copy = *row;

    BSI_TRY(bsi_backup_insert_locked(db, row, &copy.seq));
    *seq_out = copy.seq;
    return bsi_backup_changed_locked(db, NULL, &copy);
}

bs_status bsi_catalog_add_backup(bsi_catalog *catalog, const bsi_row_backup *row, int64_t *seq_out)
{
    int64_t seq = 0;
    bs_status status = bsi_catalog_begin(catalog);

    if (status < 0) {
        return status;
    }
    status = bsi_catalog_end(catalog, add_locked(catalog->db, row, &seq));
    if (status == BS_OK && seq_out) {
        *seq_out = seq;
    }
    return status;
}

static bs_status update_locked(bsi_db *db, const bsi_row_backup *row, const char *const *needs,
                               size_t needs_count)
{
    bsi_row_backup copy = *row;
    bsi_row_backup old;
    bs_status status = bsi_backup_get_locked(db, row->id, &old);

    if (status < 0) {
        return status;
    }
    copy.seq = old.seq;
    copy.deleting = old.deleting;
    status = bsi_table_update(db, &bsi_table_backup, &copy);
    if (status >= 0) {
        status = bsi_backup_changed_locked(db, &old, &copy);
    }
    bsi_row_backup_dispose(&old);
    BSI_TRY(status);
    return needs ? bsi_needs_replace_locked(db, row->id, needs, needs_count) : BS_OK;
}

bs_status bsi_catalog_update_backup(bsi_catalog *catalog, const bsi_row_backup *row,
                                    const char *const *needs, size_t needs_count)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, update_locked(catalog->db, row, needs, needs_count));
}

bs_status bsi_catalog_get_backup(bsi_catalog *catalog, const char *id, bsi_row_backup *out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = bsi_backup_get_locked(catalog->db, id, out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

/* Each condition is off while its parameter is empty or 0. */
#define FILTER                                                       \
    "WHERE (?1 = '' OR name = ?1) AND (?2 = '' OR backup_type = ?2)" \
    " AND (?3 = '' OR form = ?3) AND (?4 = '' OR storage = ?4)"      \
    " AND (?5 = '' OR status = ?5) AND (?6 = 0 OR created_at >= ?6)" \
    " AND (?7 = 0 OR created_at < ?7) AND (?8 OR NOT deleting) "

static void bind_filter(bsi_sql *sql, const bsi_backup_filter *filter)
{
    bsi_sql_text(sql, filter->name);
    bsi_sql_text(sql, filter->backup_type);
    bsi_sql_text(sql, filter->form);
    bsi_sql_text(sql, filter->storage);
    bsi_sql_text(sql, bsi_row_status_name(filter->status));
    bsi_sql_int(sql, filter->since_ns);
    bsi_sql_int(sql, filter->until_ns);
    bsi_sql_int(sql, filter->deleting);
}

static bs_status count_locked(bsi_db *db, const bsi_backup_filter *filter, uint64_t *out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db, "SELECT count(*) FROM backup " FILTER);
    bind_filter(&sql, filter);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        *out = (uint64_t)bsi_sql_get_int(&sql, 0);
    }
    return bsi_sql_finish(&sql, status);
}

static bs_status list_locked(bsi_db *db, const bsi_backup_filter *filter, bsi_row_backup **rows_out,
                             size_t *count_out)
{
    const bool all = filter->limit == 0 || filter->limit > BSI_CATALOG_LIST_MAX;
    void *rows = NULL;
    bsi_sql sql;

    bsi_table_select(&sql, db, &bsi_table_backup, FILTER "ORDER BY seq DESC LIMIT ?9 OFFSET ?10");
    bind_filter(&sql, filter);
    bsi_sql_int(&sql, all ? BSI_CATALOG_LIST_MAX : filter->limit);
    bsi_sql_int(&sql, filter->offset > INT64_MAX ? INT64_MAX : (int64_t)filter->offset);
    BSI_TRY(bsi_table_all(&sql, &bsi_table_backup, &rows, count_out));
    *rows_out = rows;
    return BS_OK;
}

bs_status bsi_catalog_list_backups(bsi_catalog *catalog, const bsi_backup_filter *filter,
                                   bsi_row_backup **rows_out, size_t *count_out,
                                   uint64_t *total_out)
{
    static const bsi_backup_filter any = {.name = NULL};
    const bsi_backup_filter *chosen = filter ? filter : &any;
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

bs_status bsi_catalog_last_base(bsi_catalog *catalog, const char *name, const char *storage,
                                const char *form, bool full_only, bsi_row_backup *out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_table_select(&sql, catalog->db, &bsi_table_backup,
                     "WHERE name = ? AND storage = ? AND form = ?"
                     " AND (NOT ? OR backup_type = 'full') AND NOT deleting AND " COMPLETED
                     " AND id NOT IN (SELECT backup_id FROM backup_mark)"
                     " ORDER BY seq DESC LIMIT 1");
    bsi_sql_text(&sql, name);
    bsi_sql_text(&sql, storage);
    bsi_sql_text(&sql, form);
    bsi_sql_int(&sql, full_only);
    status = bsi_table_one(&sql, &bsi_table_backup, "backup to build on of", name, out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

/* --- Instead of all --- */

static bs_status delete_row(bsi_db *db, const char *id)
{
    bsi_sql sql;

    BSI_TRY(bsi_needs_replace_locked(db, id, NULL, 0));
    bsi_sql_prepare(&sql, db, "DELETE FROM backup WHERE id = ?");
    bsi_sql_text(&sql, id);
    return bsi_sql_run(&sql);
}

/* The row that an item takes the place of; zeroed: none. Rows with greater numbers are new. */
static bs_status take_old(bsi_db *db, const char *id, int64_t last_seq, bsi_row_backup *out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_table_select(&sql, db, &bsi_table_backup, "WHERE id = ? AND seq <= ?");
    bsi_sql_text(&sql, id);
    bsi_sql_int(&sql, last_seq);
    status = bsi_sql_finish(&sql, bsi_table_next(&sql, &bsi_table_backup, out));
    return status == BS_OK && out->id ? delete_row(db, id) : status;
}

/* A run that is known already does not count again. */
static bs_status import_row(bsi_db *db, const bsi_row_backup *old, bsi_row_backup *row)
{
    row->usage = old->usage; /* Only the run itself knew. */
    BSI_TRY(bsi_backup_insert_locked(db, row, &row->seq));
    BSI_TRY(bsi_held_changed_locked(db, NULL, row));
    BSI_TRY(bsi_runs_changed_locked(db, old->id ? old : NULL, row));
    return old->id && old->status == row->status ? BS_OK : bsi_name_ended_locked(db, row, true);
}

static bs_status import_locked(bsi_db *db, const bsi_backup_import *item, int64_t last_seq)
{
    bsi_row_backup row = item->row;
    bsi_row_backup old = {.id = NULL};
    bs_status status = take_old(db, row.id, last_seq, &old);

    if (status >= 0) {
        status = import_row(db, &old, &row);
    }
    bsi_row_backup_dispose(&old);
    BSI_TRY(status);
    BSI_TRY(bsi_copies_import_locked(db, item));
    return bsi_needs_replace_locked(db, row.id, item->needs, item->needs_count);
}

/* Those that nobody took the place of are not there any more. */
static bs_status drop_old(bsi_db *db, int64_t last_seq)
{
    bsi_row_backup row;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_table_select(&sql, db, &bsi_table_backup, "WHERE seq <= ?");
    bsi_sql_int(&sql, last_seq);
    while (status == BS_OK) {
        status = bsi_table_next(&sql, &bsi_table_backup, &row);
        if (status == BS_OK) {
            status = bsi_runs_changed_locked(db, &row, NULL);
            bsi_row_backup_dispose(&row);
        }
    }
    BSI_TRY(bsi_sql_finish(&sql, status));
    bsi_sql_prepare(&sql, db, "DELETE FROM backup WHERE seq <= ?");
    bsi_sql_int(&sql, last_seq);
    BSI_TRY(bsi_sql_run(&sql));
    return bsi_db_exec(db, "DELETE FROM backup_need WHERE backup_id NOT IN"
                           " (SELECT id FROM backup)");
}

static bs_status replace_locked(bsi_db *db, const bsi_backup_import *items, size_t count)
{
    int64_t last_seq = 0;
    bs_status status = bsi_sql_number(db, "SELECT coalesce(max(seq), 0) FROM backup", &last_seq);

    if (status >= 0) {
        /* Counted and found anew, whatever was in them. */
        status = bsi_db_exec(db, "DELETE FROM held; DELETE FROM backup_copy");
    }
    for (size_t i = 0; i < count && status == BS_OK; i++) {
        status = import_locked(db, &items[i], last_seq);
    }
    if (status >= 0) {
        status = drop_old(db, last_seq);
    }
    if (status >= 0) {
        status = bsi_names_refresh_locked(db);
    }
    if (status < 0) {
        return status;
    }
    BSI_TRY(bsi_pins_remove_locked(db, NULL));
    return bsi_db_exec(db, "DELETE FROM warning WHERE job_id NOT IN"
                           " (SELECT id FROM backup UNION SELECT id FROM job);"
                           "DELETE FROM warning_count WHERE job_id NOT IN"
                           " (SELECT id FROM backup UNION SELECT id FROM job)");
}

bs_status bsi_catalog_replace_backups(bsi_catalog *catalog, const bsi_backup_import *items,
                                      size_t count)
{
    BSI_TRY(bsi_catalog_begin(catalog));
    return bsi_catalog_end(catalog, replace_locked(catalog->db, items, count));
}
