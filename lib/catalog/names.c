/* SPDX-License-Identifier: MIT */
/*
 * One row for each name: what is held of it, how its last run went, and what its
 * newest completed runs were like.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog_int.h"
#include "catalog/number_rows.h"

#define NS_PER_DAY (86400.0 * 1e9)

/* The row as it stands, or a new one that is not in the table yet. */
static bs_status load_name(bsi_db *db, const char *name, bsi_row_name *out, bool *is_new_out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_table_select(&sql, db, &bsi_table_name, "WHERE name = ?");
    bsi_sql_text(&sql, name);
    status = bsi_table_next(&sql, &bsi_table_name, out);
    *is_new_out = status == BS_END;
    if (status == BS_END) {
        *out = (bsi_row_name){.name = name, .last_run_status = ""};
    }
    return bsi_sql_finish(&sql, status);
}

/* A new row gets behind all others, and stays where it is. */
static bs_status save_name(bsi_db *db, const bsi_row_name *row, bool is_new)
{
    return is_new ? bsi_table_insert(db, &bsi_table_name, "INSERT", row)
                  : bsi_table_update(db, &bsi_table_name, row);
}

/* --- What is held --- */

static bs_status fill_counts(bsi_db *db, const char *name, bsi_row_name *row, bool *gone_out)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db,
                    "SELECT count(*), coalesce(sum(backups) FILTER (WHERE status <> ?2), 0),"
                    " coalesce(sum(backups) FILTER (WHERE status IN"
                    " ('completed', 'completed_with_warnings')), 0),"
                    " CAST(total(size) AS INTEGER) FROM held WHERE name = ?1");
    bsi_sql_text(&sql, name);
    bsi_sql_text(&sql, BSI_HELD_DELETING);
    status = bsi_sql_step(&sql);
    if (status == BS_OK) {
        *gone_out = bsi_sql_get_int(&sql, 0) == 0;
        row->backups = bsi_sql_get_int(&sql, 1);
        row->completed = bsi_sql_get_int(&sql, 2);
        row->size = bsi_sql_get_int(&sql, 3);
    }
    return bsi_sql_finish(&sql, status);
}

/* In the words of the index backup_good, which makes it quick. */
#define GOOD_OF_TYPE                     \
    "WHERE name = ? AND backup_type = ?" \
    " AND status IN ('completed', 'completed_with_warnings') AND NOT deleting"

/* The oldest of a type, and whether it is older than all before. The clock may have gone back. */
static bs_status fill_oldest(bsi_db *db, const char *name, const char *type, int64_t *seq,
                             bsi_row_name *row)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db,
                    "SELECT seq, created_at FROM backup " GOOD_OF_TYPE " ORDER BY seq LIMIT 1");
    bsi_sql_text(&sql, name);
    bsi_sql_text(&sql, type);
    status = bsi_sql_step(&sql);
    if (status == BS_OK && bsi_sql_get_int(&sql, 0) < *seq) {
        *seq = bsi_sql_get_int(&sql, 0);
        row->oldest_at = bsi_sql_get_int(&sql, 1);
    }
    return bsi_sql_finish(&sql, status);
}

/* The newest of a type, and whether it is newer than all before. */
static bs_status fill_newest(bsi_db *db, const char *name, const char *type, int64_t *seq,
                             int64_t *type_at, bsi_row_name *row)
{
    bsi_row_backup newest;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_table_select(&sql, db, &bsi_table_backup, GOOD_OF_TYPE " ORDER BY seq DESC LIMIT 1");
    bsi_sql_text(&sql, name);
    bsi_sql_text(&sql, type);
    status = bsi_table_next(&sql, &bsi_table_backup, &newest);
    if (status == BS_OK) {
        *type_at = newest.completed_at;
        if (newest.seq > *seq) {
            *seq = newest.seq;
            row->newest_at = newest.created_at;
            row->last_success_at = newest.completed_at;
            row->last_success_duration = bsi_duration_us(newest.started_at, newest.completed_at);
            row->last_success_source_bytes = newest.bytes_processed;
            row->last_success_size = bsi_backup_size(&newest);
            row->last_success_files = newest.files_processed;
        }
        bsi_row_backup_dispose(&newest);
    }
    return bsi_sql_finish(&sql, status);
}

static bs_status fill_held(bsi_db *db, const char *name, bsi_row_name *row)
{
    const struct {
        const char *name;
        int64_t *at;
    } types[] = {
        {"full", &row->last_full_at},
        {"incremental", &row->last_incremental_at},
        {"differential", &row->last_differential_at},
        {"mirror", &row->last_mirror_at},
    };
    int64_t first = INT64_MAX;
    int64_t last = 0;

    row->oldest_at = 0;
    row->newest_at = 0;
    row->last_success_at = 0;
    row->last_success_duration = 0;
    row->last_success_source_bytes = 0;
    row->last_success_size = 0;
    row->last_success_files = 0;
    for (size_t i = 0; i < BSI_ARRAY_SIZE(types); i++) {
        *types[i].at = 0;
        BSI_TRY(fill_oldest(db, name, types[i].name, &first, row));
        BSI_TRY(fill_newest(db, name, types[i].name, &last, types[i].at, row));
    }
    return BS_OK;
}

static bs_status remove_name(bsi_db *db, const char *name)
{
    static const char *const texts[] = {"DELETE FROM backup_name WHERE name = ?",
                                        "DELETE FROM backup_sample WHERE name = ?"};
    bs_status status = BS_OK;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(texts) && status >= 0; i++) {
        bsi_sql sql;
        bsi_sql_prepare(&sql, db, texts[i]);
        bsi_sql_text(&sql, name);
        status = bsi_sql_run(&sql);
    }
    return status;
}

bs_status bsi_name_refresh_locked(bsi_db *db, const char *name)
{
    bsi_row_name row;
    bool is_new = false;
    bool gone = false;
    bs_status status = load_name(db, name, &row, &is_new);

    if (status < 0) {
        return status;
    }
    status = fill_counts(db, name, &row, &gone);
    if (status >= 0 && gone) {
        status = is_new ? BS_OK : remove_name(db, name);
    } else if (status >= 0) {
        status = fill_held(db, name, &row);
        status = status >= 0 ? save_name(db, &row, is_new) : status;
    }
    bsi_table_dispose_row(&bsi_table_name, &row);
    return status;
}

/* The first name behind `after`, of those that have a row here or there. */
static bs_status next_name(bsi_db *db, const char *after, char **out)
{
    bsi_slice name;
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db,
                    "SELECT min(name) FROM (SELECT min(name) AS name FROM held WHERE name > ?1"
                    " UNION ALL SELECT min(name) FROM backup_name WHERE name > ?1)");
    bsi_sql_text(&sql, after);
    status = bsi_sql_step(&sql);
    *out = NULL;
    if (status == BS_OK && !bsi_sql_is_null(&sql, 0)) {
        name = bsi_sql_get_bytes(&sql, 0);
        *out = bsi_strndup(name.data, name.size);
        status = *out ? BS_OK : BS_E_NOMEM;
    }
    return bsi_sql_finish(&sql, status);
}

bs_status bsi_names_refresh_locked(bsi_db *db)
{
    char *name = NULL;
    char *next = NULL;
    bs_status status = next_name(db, "", &next);

    while (status >= 0 && next) {
        bsi_free(name);
        name = next;
        next = NULL;
        status = bsi_name_refresh_locked(db, name);
        if (status >= 0) {
            status = next_name(db, name, &next);
        }
    }
    bsi_free(name);
    return status;
}

/* --- What its runs were like --- */

static int compare_numbers(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* The value that `share` of all values do not exceed. */
static int64_t quantile(int64_t *values, size_t count, double share)
{
    const size_t at = (size_t)(share * (double)(count - 1) + 0.5);

    qsort(values, count, sizeof(*values), compare_numbers);
    return values[at];
}

/* The slope of the line with the least squares, in bytes a day; 0 for a single moment. */
static int64_t growth(const bsi_row_sample *samples, size_t count)
{
    double mean_x = 0;
    double mean_y = 0;
    double xx = 0;
    double xy = 0;

    for (size_t i = 0; i < count; i++) {
        mean_x += (double)(samples[i].ended_at - samples[0].ended_at) / NS_PER_DAY / (double)count;
        mean_y += (double)samples[i].source_bytes / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        const double x = (double)(samples[i].ended_at - samples[0].ended_at) / NS_PER_DAY - mean_x;
        xx += x * x;
        xy += x * ((double)samples[i].source_bytes - mean_y);
    }
    if (xx <= 0 || xy / xx > 9e18 || xy / xx < -9e18) {
        return 0;
    }
    return (int64_t)(xy / xx);
}

static void describe(const bsi_row_sample *samples, size_t count, bsi_row_name *row)
{
    int64_t durations[BSI_SAMPLES_MAX];
    int64_t sizes[BSI_SAMPLES_MAX];
    double duration = 0;
    double stored = 0;

    for (size_t i = 0; i < count; i++) {
        durations[i] = samples[i].duration;
        sizes[i] = (int64_t)samples[i].source_bytes;
        duration += (double)samples[i].duration / (double)count;
        stored += (double)samples[i].stored_bytes / (double)count;
    }
    row->duration_average = (int64_t)duration;
    row->stored_bytes_average = (uint64_t)stored;
    row->duration_median = quantile(durations, count, 0.5);
    row->duration_p95 = quantile(durations, count, 0.95);
    row->source_bytes_median = (uint64_t)quantile(sizes, count, 0.5);
    row->source_growth = growth(samples, count);
}

static bs_status add_sample(bsi_db *db, const bsi_row_backup *backup, bsi_row_name *row)
{
    const bsi_row_sample sample = {
        .name = row->name,
        .slot = row->samples % BSI_SAMPLES_MAX,
        .ended_at = backup->completed_at,
        .duration = bsi_duration_us(backup->started_at, backup->completed_at),
        .source_bytes = backup->bytes_processed,
        .stored_bytes = backup->bytes_stored,
    };
    void *samples = NULL;
    size_t count = 0;
    bsi_sql sql;

    BSI_TRY(bsi_table_insert(db, &bsi_table_sample, "INSERT OR REPLACE", &sample));
    row->samples++;
    bsi_table_select(&sql, db, &bsi_table_sample, "WHERE name = ? AND slot < ? ORDER BY slot");
    bsi_sql_text(&sql, row->name);
    bsi_sql_int(&sql, BSI_SAMPLES_MAX);
    BSI_TRY(bsi_table_all(&sql, &bsi_table_sample, &samples, &count));
    if (count > 0 && count <= BSI_SAMPLES_MAX) {
        describe(samples, count, row);
    }
    bsi_table_free_rows(&bsi_table_sample, samples, count);
    return BS_OK;
}

bs_status bsi_name_ended_locked(bsi_db *db, const bsi_row_backup *backup, bool imported)
{
    bsi_row_name row;
    bool is_new = false;
    bs_status status = load_name(db, backup->name, &row, &is_new);

    if (status < 0) {
        return status;
    }
    if (imported ? backup->completed_at > row.last_run_at : backup->seq >= row.last_run_seq) {
        row.last_run_seq = backup->seq;
        row.last_run_at = backup->completed_at;
        row.last_run_status = bsi_row_status_name(backup->status);
    }
    if (bsi_row_is_completed(backup->status)) {
        status = add_sample(db, backup, &row);
    }
    if (status >= 0) {
        status = save_name(db, &row, is_new);
    }
    bsi_table_dispose_row(&bsi_table_name, &row);
    return status;
}

bs_status bsi_name_verified_locked(bsi_db *db, const char *name, int64_t at, bool good)
{
    bsi_row_name row;
    bool is_new = false;
    bs_status status = load_name(db, name, &row, &is_new);

    if (status < 0) {
        return status;
    }
    row.verified_at = at;
    row.verified_good = good;
    status = save_name(db, &row, is_new);
    bsi_table_dispose_row(&bsi_table_name, &row);
    return status;
}
