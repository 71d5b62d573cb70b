/* SPDX-License-Identifier: MIT */
/*
 * Rows of backups.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog_int.h"
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

bs_status bsi_catalog_add_backup(bsi_catalog *catalog, const bsi_row_backup *row, int64_t *seq_out)
{
    int64_t seq = 0;
    bs_status status = bsi_catalog_begin(catalog);

    if (status < 0) {
        return status;
    }
    status = bsi_catalog_end(catalog, bsi_backup_insert_locked(catalog->db, row, &seq));
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

    BSI_TRY(bsi_backup_get_locked(db, row->id, &old));
    copy.seq = old.seq;
    copy.deleting = old.deleting;
    bsi_row_backup_dispose(&old);
    BSI_TRY(bsi_table_update(db, &bsi_table_backup, &copy));
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

bs_status bsi_catalog_last_archive(bsi_catalog *catalog, const char *name, const char *storage,
                                   bool full_only, bsi_row_backup *out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    bsi_table_select(&sql, catalog->db, &bsi_table_backup,
                     "WHERE name = ? AND storage = ? AND (NOT ? OR backup_type = 'full')"
                     " AND form = 'archive' AND NOT deleting AND " COMPLETED
                     " AND id NOT IN (SELECT backup_id FROM backup_mark)"
                     " ORDER BY seq DESC LIMIT 1");
    bsi_sql_text(&sql, name);
    bsi_sql_text(&sql, storage);
    bsi_sql_int(&sql, full_only);
    status = bsi_table_one(&sql, &bsi_table_backup, "archive of", name, out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}

static bs_status import_locked(bsi_db *db, const bsi_backup_import *item)
{
    BSI_TRY(bsi_backup_insert_locked(db, &item->row, NULL));
    return bsi_needs_replace_locked(db, item->row.id, item->needs, item->needs_count);
}

static bs_status replace_locked(bsi_db *db, const bsi_backup_import *items, size_t count)
{
    bs_status status = bsi_db_exec(db, "DELETE FROM backup_need; DELETE FROM backup");

    for (size_t i = 0; i < count && status == BS_OK; i++) {
        status = import_locked(db, &items[i]);
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

static const char *keep_text(char **at, bsi_slice text)
{
    const char *kept = *at;

    memcpy(*at, text.data, text.size);
    (*at)[text.size] = '\0';
    *at += text.size + 1;
    return kept;
}

static bs_status load_sum(bsi_sql *sql, bsi_row_sum *out)
{
    bsi_slice texts[4];
    char status[32] = "";
    size_t size = 0;
    char *at = NULL;

    for (int i = 0; i < 4; i++) {
        texts[i] = bsi_sql_get_bytes(sql, i);
        size += texts[i].size + 1;
    }
    at = bsi_alloc(size);
    if (!at) {
        return BS_E_NOMEM;
    }
    *out = (bsi_row_sum){.memory = at};
    memcpy(status, texts[0].data, texts[0].size < sizeof(status) ? texts[0].size : 0);
    out->status = bsi_row_status_parse(status);
    out->backup_type = keep_text(&at, texts[1]);
    out->form = keep_text(&at, texts[2]);
    out->storage = keep_text(&at, texts[3]);
    out->count = (uint64_t)bsi_sql_get_int(sql, 4);
    out->bytes_processed = (uint64_t)bsi_sql_get_int(sql, 5);
    out->files_processed = (uint64_t)bsi_sql_get_int(sql, 6);
    out->bytes_stored = (uint64_t)bsi_sql_get_int(sql, 7);
    out->bytes_deduplicated = (uint64_t)bsi_sql_get_int(sql, 8);
    out->duration = bsi_sql_get_int(sql, 9);
    return BS_OK;
}

static bs_status sum_locked(bsi_db *db, bsi_row_sum **rows_out, size_t *count_out)
{
    bsi_row_sum *rows = NULL;
    size_t count = 0;
    bsi_sql sql;
    bs_status status = BS_OK;

    /* total() does not overflow; sums beyond 2^63 are cut there. */
    bsi_sql_prepare(&sql, db,
                    "SELECT status, backup_type, form, storage, count(*),"
                    " CAST(total(bytes_processed) AS INTEGER),"
                    " CAST(total(files_processed) AS INTEGER),"
                    " CAST(total(bytes_stored) AS INTEGER),"
                    " CAST(total(bytes_deduplicated) AS INTEGER),"
                    " CAST(total(completed_at - started_at) AS INTEGER)"
                    " FROM backup WHERE NOT deleting GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4");
    for (status = bsi_sql_step(&sql); status == BS_OK; status = bsi_sql_step(&sql)) {
        bsi_row_sum *larger = bsi_realloc_array(rows, count + 1, sizeof(*rows));
        if (!larger) {
            status = BS_E_NOMEM;
            break;
        }
        rows = larger;
        status = load_sum(&sql, &rows[count]);
        if (status < 0) {
            break;
        }
        count++;
    }
    status = bsi_sql_finish(&sql, status);
    if (status < 0) {
        bsi_row_sums_free(rows, count);
        return status;
    }
    *rows_out = rows;
    *count_out = count;
    return BS_OK;
}

bs_status bsi_catalog_sum_backups(bsi_catalog *catalog, bsi_row_sum **rows_out, size_t *count_out)
{
    bs_status status = BS_OK;

    bsi_mutex_lock(&catalog->lock);
    status = sum_locked(catalog->db, rows_out, count_out);
    bsi_mutex_unlock(&catalog->lock);
    return status;
}
