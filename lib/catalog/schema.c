/* SPDX-License-Identifier: MIT */
/*
 * Versions of the file, and whether it is whole.
 *
 * Version n is what the first n migrations make. They are never changed once
 * released; a new version is a new one at the end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog_int.h"
#include "catalog/number_rows.h"

enum { APPLICATION_ID = 0x62736331 }; /* "bsc1" */

static const char *const migrations[] = {
    "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL,"
    " sum INTEGER NOT NULL) STRICT;"

    "CREATE TABLE backup (id TEXT PRIMARY KEY NOT NULL, seq INTEGER UNIQUE NOT NULL,"
    " name TEXT NOT NULL, backup_type TEXT NOT NULL, requested_type TEXT NOT NULL,"
    " form TEXT NOT NULL, storage TEXT NOT NULL, compression TEXT NOT NULL,"
    " compression_level INTEGER NOT NULL, encryption TEXT NOT NULL, status TEXT NOT NULL,"
    " created_at INTEGER, started_at INTEGER, completed_at INTEGER, expires_at INTEGER,"
    " source_paths TEXT NOT NULL, options TEXT NOT NULL, metadata TEXT NOT NULL,"
    " container_key TEXT NOT NULL, manifest_key TEXT NOT NULL, container_size INTEGER NOT NULL,"
    " manifest_size INTEGER NOT NULL, manifest_sha256 TEXT NOT NULL,"
    " bytes_processed INTEGER NOT NULL, files_processed INTEGER NOT NULL,"
    " total_bytes INTEGER NOT NULL, total_files INTEGER NOT NULL, bytes_stored INTEGER NOT NULL,"
    " bytes_deduplicated INTEGER NOT NULL, base_id TEXT NOT NULL, base_note TEXT NOT NULL,"
    " error_code INTEGER NOT NULL, error_layer INTEGER NOT NULL, error_message TEXT NOT NULL,"
    " retention_days INTEGER NOT NULL, deleting INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;"
    "CREATE INDEX backup_by_name ON backup (name, seq);"

    "CREATE TABLE backup_need (backup_id TEXT NOT NULL REFERENCES backup (id) ON DELETE CASCADE,"
    " needs_id TEXT NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (backup_id, needs_id)) STRICT,"
    " WITHOUT ROWID;"
    "CREATE INDEX backup_need_by_needed ON backup_need (needs_id);"

    "CREATE TABLE job (id TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, backup_id TEXT NOT NULL,"
    " status TEXT NOT NULL, target TEXT NOT NULL, options TEXT NOT NULL, result TEXT NOT NULL,"
    " created_at INTEGER, started_at INTEGER, completed_at INTEGER,"
    " bytes_processed INTEGER NOT NULL, files_processed INTEGER NOT NULL,"
    " total_bytes INTEGER NOT NULL, total_files INTEGER NOT NULL, error_code INTEGER NOT NULL,"
    " error_layer INTEGER NOT NULL, error_message TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;"

    "CREATE TABLE warning (job_id TEXT NOT NULL, number INTEGER NOT NULL, code INTEGER NOT NULL,"
    " layer INTEGER NOT NULL, path BLOB NOT NULL, message TEXT NOT NULL, sum INTEGER NOT NULL,"
    " PRIMARY KEY (job_id, number)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE warning_count (job_id TEXT PRIMARY KEY NOT NULL, count INTEGER NOT NULL,"
    " sum INTEGER NOT NULL) STRICT;"

    "CREATE TABLE storage_profile (name TEXT PRIMARY KEY NOT NULL, driver TEXT NOT NULL,"
    " settings TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;",

    "CREATE TABLE schedule (id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE NOT NULL,"
    " action TEXT NOT NULL, request TEXT NOT NULL, cron_expression TEXT NOT NULL,"
    " timezone TEXT NOT NULL, missed TEXT NOT NULL, is_active INTEGER NOT NULL,"
    " revision INTEGER NOT NULL, created_at INTEGER, updated_at INTEGER, next_run_at INTEGER,"
    " dealt TEXT NOT NULL, last_run_at INTEGER, last_job_id TEXT NOT NULL,"
    " last_status TEXT NOT NULL, runs_started INTEGER NOT NULL,"
    " runs_skipped_busy INTEGER NOT NULL, runs_missed INTEGER NOT NULL,"
    " runs_failed_to_start INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;"
    "CREATE INDEX schedule_by_time ON schedule (is_active, next_run_at);"

    "CREATE TABLE schedule_run (schedule_id TEXT NOT NULL"
    " REFERENCES schedule (id) ON DELETE CASCADE, number INTEGER NOT NULL, due_at INTEGER,"
    " recorded_at INTEGER, outcome TEXT NOT NULL, job_id TEXT NOT NULL, status TEXT NOT NULL,"
    " completed_at INTEGER, error_code INTEGER NOT NULL, error_layer INTEGER NOT NULL,"
    " error_message TEXT NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (schedule_id, number))"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX schedule_run_by_job ON schedule_run (job_id);",

    "CREATE TABLE backup_pin (backup_id TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL,"
    " until INTEGER, created_at INTEGER, sum INTEGER NOT NULL, PRIMARY KEY (backup_id, kind))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE backup_mark (backup_id TEXT PRIMARY KEY NOT NULL, marked_at INTEGER,"
    " remove_after INTEGER, sum INTEGER NOT NULL) STRICT;"
    "CREATE INDEX backup_by_creation ON backup (created_at);"
    "CREATE INDEX backup_by_completion ON backup (completed_at);"
    "CREATE INDEX backup_by_storage ON backup (storage, form, container_size, manifest_size,"
    " total_bytes);",

    "ALTER TABLE backup ADD COLUMN cpu_ns INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE backup ADD COLUMN peak_memory INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE backup ADD COLUMN bytes_sent INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE backup ADD COLUMN bytes_received INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE job ADD COLUMN cpu_ns INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE job ADD COLUMN peak_memory INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE job ADD COLUMN bytes_sent INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE job ADD COLUMN bytes_received INTEGER NOT NULL DEFAULT 0;"

    "CREATE TABLE held (name TEXT NOT NULL, backup_type TEXT NOT NULL, storage TEXT NOT NULL,"
    " compression TEXT NOT NULL, encryption TEXT NOT NULL, status TEXT NOT NULL,"
    " backups INTEGER NOT NULL, source_bytes INTEGER NOT NULL, files INTEGER NOT NULL,"
    " size INTEGER NOT NULL, packed_source_bytes INTEGER NOT NULL, packed_bytes INTEGER NOT NULL,"
    " deduplicated_bytes INTEGER NOT NULL, sum INTEGER NOT NULL,"
    " PRIMARY KEY (name, backup_type, storage, compression, encryption, status)) STRICT,"
    " WITHOUT ROWID;"
    "CREATE TABLE run_total (kind TEXT NOT NULL, backup_type TEXT NOT NULL,"
    " storage TEXT NOT NULL, compression TEXT NOT NULL, encryption TEXT NOT NULL,"
    " status TEXT NOT NULL, runs INTEGER NOT NULL, duration INTEGER NOT NULL,"
    " source_bytes INTEGER NOT NULL, files INTEGER NOT NULL, stored_bytes INTEGER NOT NULL,"
    " packed_source_bytes INTEGER NOT NULL, packed_bytes INTEGER NOT NULL,"
    " deduplicated_bytes INTEGER NOT NULL, cpu INTEGER NOT NULL, bytes_sent INTEGER NOT NULL,"
    " bytes_received INTEGER NOT NULL, sum INTEGER NOT NULL,"
    " PRIMARY KEY (kind, backup_type, storage, compression, encryption, status)) STRICT,"
    " WITHOUT ROWID;"
    "CREATE TABLE run_hour (kind TEXT NOT NULL, hour INTEGER NOT NULL, runs INTEGER NOT NULL,"
    " completed INTEGER NOT NULL, completed_with_warnings INTEGER NOT NULL,"
    " failed INTEGER NOT NULL, cancelled INTEGER NOT NULL, duration INTEGER NOT NULL,"
    " source_bytes INTEGER NOT NULL, files INTEGER NOT NULL, stored_bytes INTEGER NOT NULL,"
    " deduplicated_bytes INTEGER NOT NULL, added_bytes INTEGER NOT NULL, cpu INTEGER NOT NULL,"
    " bytes_sent INTEGER NOT NULL, bytes_received INTEGER NOT NULL, removed INTEGER NOT NULL,"
    " removed_bytes INTEGER NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (kind, hour)) STRICT,"
    " WITHOUT ROWID;"
    "CREATE TABLE run_duration (kind TEXT NOT NULL, backup_type TEXT NOT NULL,"
    " good INTEGER NOT NULL, bucket INTEGER NOT NULL, runs INTEGER NOT NULL,"
    " sum INTEGER NOT NULL, PRIMARY KEY (kind, backup_type, good, bucket)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE run_failure (kind TEXT NOT NULL, layer INTEGER NOT NULL,"
    " code INTEGER NOT NULL, runs INTEGER NOT NULL, sum INTEGER NOT NULL,"
    " PRIMARY KEY (kind, layer, code)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE backup_name (name TEXT PRIMARY KEY NOT NULL, backups INTEGER NOT NULL,"
    " completed INTEGER NOT NULL, size INTEGER NOT NULL, oldest_at INTEGER, newest_at INTEGER,"
    " last_run_seq INTEGER NOT NULL, last_run_at INTEGER, last_run_status TEXT NOT NULL,"
    " last_success_at INTEGER, last_success_duration INTEGER NOT NULL,"
    " last_success_source_bytes INTEGER NOT NULL, last_success_size INTEGER NOT NULL,"
    " last_success_files INTEGER NOT NULL, last_full_at INTEGER, last_incremental_at INTEGER,"
    " last_differential_at INTEGER, last_mirror_at INTEGER, samples INTEGER NOT NULL,"
    " duration_average INTEGER NOT NULL, duration_median INTEGER NOT NULL,"
    " duration_p95 INTEGER NOT NULL, source_bytes_median INTEGER NOT NULL,"
    " source_growth INTEGER NOT NULL, stored_bytes_average INTEGER NOT NULL,"
    " verified_at INTEGER, verified_good INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;"
    "CREATE TABLE backup_sample (name TEXT NOT NULL, slot INTEGER NOT NULL, ended_at INTEGER,"
    " duration INTEGER NOT NULL, source_bytes INTEGER NOT NULL, stored_bytes INTEGER NOT NULL,"
    " sum INTEGER NOT NULL, PRIMARY KEY (name, slot)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX backup_good ON backup (name, backup_type, seq)"
    " WHERE status IN ('completed', 'completed_with_warnings') AND NOT deleting;",

    "CREATE TABLE drill (job_id TEXT PRIMARY KEY NOT NULL REFERENCES job (id) ON DELETE CASCADE,"
    " name TEXT NOT NULL, backup_id TEXT NOT NULL, scratch TEXT NOT NULL, proven INTEGER NOT NULL,"
    " proven_at INTEGER, files INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " files_wrong INTEGER NOT NULL, duration INTEGER NOT NULL, backup_files INTEGER NOT NULL,"
    " backup_bytes INTEGER NOT NULL, sum INTEGER NOT NULL) STRICT;"
    "CREATE INDEX drill_by_name ON drill (name, job_id);"
    "CREATE INDEX drill_by_scratch ON drill (scratch) WHERE scratch <> '';",

    "CREATE TABLE backup_copy (backup_id TEXT NOT NULL, storage TEXT NOT NULL,"
    " number INTEGER NOT NULL, status TEXT NOT NULL, completed_at INTEGER,"
    " error_code INTEGER NOT NULL, error_layer INTEGER NOT NULL, error_message TEXT NOT NULL,"
    " sum INTEGER NOT NULL, PRIMARY KEY (backup_id, storage)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX backup_copy_by_storage ON backup_copy (storage, status);",
};

enum { NUMBERS_VERSION = 4 }; /* The first one with sums: they are made from the rows. */

enum { LATEST_VERSION = BSI_ARRAY_SIZE(migrations) };

static bs_status corrupt(const char *what)
{
    return bsi_fail(BS_LAYER_CATALOG, BS_E_CORRUPT, "%s: it can be rebuilt from the storages",
                    what);
}

/* One text for all that the file says of its own structure. */
static bs_status describe_schema(bsi_db *db, char out[17])
{
    uint64_t sum = 14695981039346656037u; /* FNV-1a */
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db,
                    "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, '')"
                    " FROM sqlite_schema ORDER BY name");
    for (status = bsi_sql_step(&sql); status == BS_OK; status = bsi_sql_step(&sql)) {
        const bsi_slice text = bsi_sql_get_bytes(&sql, 0);
        for (size_t i = 0; i < text.size; i++) {
            sum = (sum ^ (uint8_t)text.data[i]) * 1099511628211u;
        }
    }
    (void)snprintf(out, 17, "%016" PRIx64, sum);
    return bsi_sql_finish(&sql, status);
}

static bs_status check_schema(bsi_db *db)
{
    char now[17];
    char *then = NULL;
    bs_status status = describe_schema(db, now);

    if (status == BS_OK) {
        status = bsi_meta_get_locked(db, "schema", &then);
    }
    if (status == BS_E_NOT_FOUND || (status == BS_OK && strcmp(now, then) != 0)) {
        status = corrupt("the catalogue's tables are damaged");
    }
    bsi_free(then);
    return status;
}

static bs_status check_integrity(bsi_db *db)
{
    bsi_sql sql;
    bs_status status = BS_OK;

    bsi_sql_prepare(&sql, db, "PRAGMA integrity_check(1)");
    status = bsi_sql_step(&sql);
    if (status == BS_END || (status == BS_OK && !bsi_slice_is(bsi_sql_get_bytes(&sql, 0), "ok"))) {
        status = corrupt("the catalogue is damaged");
    }
    return bsi_sql_finish(&sql, status);
}

static bs_status check_table(bsi_db *db, const bsi_table *table)
{
    bsi_row_backup row; /* The largest. */
    bsi_sql sql;
    bs_status status = BS_OK;

    BSI_ASSERT(table->row_size <= sizeof(row));
    bsi_table_select(&sql, db, table, "");
    for (status = bsi_table_next(&sql, table, &row); status == BS_OK;
         status = bsi_table_next(&sql, table, &row)) {
        bsi_table_dispose_row(table, &row);
    }
    return bsi_sql_finish(&sql, status);
}

/* What stands in every row, once the file is of the present version. */
static bs_status check_rows(bsi_db *db)
{
    static const bsi_table *const tables[] = {
        &bsi_table_backup,        &bsi_table_need,    &bsi_table_job,      &bsi_table_warning,
        &bsi_table_warning_count, &bsi_table_profile, &bsi_table_meta,     &bsi_table_schedule,
        &bsi_table_run,           &bsi_table_pin,     &bsi_table_mark,     &bsi_table_held,
        &bsi_table_total,         &bsi_table_hour,    &bsi_table_duration, &bsi_table_failure,
        &bsi_table_name,          &bsi_table_sample,  &bsi_table_drill,    &bsi_table_copy,
    };
    bs_status status = BS_OK;

    for (size_t i = 0; i < BSI_ARRAY_SIZE(tables) && status == BS_OK; i++) {
        status = check_table(db, tables[i]);
    }
    return status;
}

static bs_status set_version(bsi_db *db)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "PRAGMA user_version = %d", (int)LATEST_VERSION);
    return bsi_db_exec(db, text);
}

static bs_status migrate(bsi_db *db, int64_t version)
{
    char schema[17];
    bs_status status = BS_OK;

    if (version == LATEST_VERSION) {
        return BS_OK;
    }
    for (int64_t next = version; next < LATEST_VERSION && status == BS_OK; next++) {
        status = bsi_db_exec(db, migrations[next]);
    }
    if (status >= 0 && version < NUMBERS_VERSION) {
        status = bsi_numbers_fill_locked(db);
    }
    if (status < 0) {
        return status;
    }
    BSI_TRY(describe_schema(db, schema));
    return bsi_meta_set_locked(db, "schema", schema);
}

static bs_status make_new(bsi_db *db)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "PRAGMA application_id = %d", (int)APPLICATION_ID);
    BSI_TRY(bsi_db_exec(db, text));
    return migrate(db, 0);
}

static bs_status prepare_old(bsi_db *db)
{
    int64_t version = 0;

    BSI_TRY(bsi_sql_number(db, "PRAGMA user_version", &version));
    if (version > LATEST_VERSION) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_VERSION,
                        "the catalogue was written by a newer version: it has version %" PRId64
                        ", this library knows %d",
                        version, (int)LATEST_VERSION);
    }
    if (version < 1) {
        return corrupt("the catalogue has no version");
    }
    BSI_TRY(check_integrity(db));
    BSI_TRY(check_schema(db));
    BSI_TRY(migrate(db, version));
    return check_rows(db);
}

/* The version is written in any case, to learn at once whether the file can be. */
static bs_status prepare_in_transaction(bsi_db *db, bool create)
{
    int64_t application = 0;
    bs_status status = BS_OK;

    if (create) {
        status = make_new(db);
        return status == BS_OK ? set_version(db) : status;
    }
    BSI_TRY(bsi_sql_number(db, "PRAGMA application_id", &application));
    if (application != APPLICATION_ID) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_INVALID, "not a catalogue of this library");
    }
    BSI_TRY(prepare_old(db));
    return set_version(db);
}

bs_status bsi_schema_prepare(bsi_db *db, bool create)
{
    bs_status status = BS_OK;

    if (bsi_db_is_read_only(db)) {
        return bsi_fail(BS_LAYER_CATALOG, BS_E_READ_ONLY, "the catalogue can only be read");
    }
    BSI_TRY(bsi_db_exec(db, "BEGIN IMMEDIATE"));
    status = prepare_in_transaction(db, create);
    if (status == BS_OK) {
        status = bsi_db_exec(db, "COMMIT");
    }
    if (status < 0) {
        bsi_db_rollback(db);
    }
    return status;
}
