/* SPDX-License-Identifier: MIT */
/*
 * How sums follow from rows: what each row adds to which of them. A change
 * takes away what the old row had added, then adds what the new one does.
 */
#include <string.h>

#include "base/alloc.h"
#include "catalog/catalog_int.h"
#include "catalog/number_rows.h"
#include "os/time.h"

#define KIND_BACKUP "backup"
#define KIND_VERIFY "verify"

enum { NS_PER_US = 1000, US_PER_MS = 1000 };

#define NS_PER_HOUR (INT64_C(3600) * 1000000000)

/* 1 5 15 60 300 900 1800 3600 7200 14400 28800 seconds are what metrics show. */
const int64_t bsi_duration_bounds[BSI_DURATION_BOUNDS] = {
    1,       2,       5,       10,       20,       50,       100,      200,       500,       1000,
    2000,    5000,    10000,   15000,    30000,    60000,    120000,   300000,    600000,    900000,
    1800000, 3600000, 7200000, 14400000, 28800000, 57600000, 86400000, 172800000, 345600000,
};

int64_t bsi_duration_us(int64_t started_at, int64_t completed_at)
{
    return started_at != 0 && completed_at > started_at ? (completed_at - started_at) / NS_PER_US
                                                        : 0;
}

static bool is_mirror(const bsi_row_backup *row)
{
    return row->form && strcmp(row->form, "mirror") == 0;
}

uint64_t bsi_backup_size(const bsi_row_backup *row)
{
    if (!bsi_row_is_completed(row->status)) {
        return 0;
    }
    return (is_mirror(row) ? row->total_bytes : row->container_size) + row->manifest_size;
}

uint64_t bsi_backup_freed(const bsi_row_backup *row)
{
    const bool repository = row->form && strcmp(row->form, "repository") == 0;

    return repository && bsi_row_is_completed(row->status) ? row->manifest_size
                                                           : bsi_backup_size(row);
}

/* What went into its container; 0 without one. */
static int64_t packed_source(const bsi_row_backup *row)
{
    if (!bsi_row_is_completed(row->status) || is_mirror(row) ||
        row->bytes_deduplicated > row->bytes_processed) {
        return 0;
    }
    return (int64_t)(row->bytes_processed - row->bytes_deduplicated);
}

/* --- What is held --- */

static bs_status count_held(bsi_db *db, const bsi_row_backup *row, int sign)
{
    const bool completed = bsi_row_is_completed(row->status);
    const bool packed = completed && !is_mirror(row);
    const bsi_row_held held = {
        .name = row->name,
        .backup_type = row->backup_type,
        .storage = row->storage,
        .compression = row->compression,
        .encryption = row->encryption,
        .status = row->deleting ? BSI_HELD_DELETING : bsi_row_status_name(row->status),
        .backups = 1,
        .source_bytes = completed ? (int64_t)row->bytes_processed : 0,
        .files = completed ? (int64_t)row->files_processed : 0,
        .size = (int64_t)bsi_backup_size(row),
        .packed_source_bytes = packed_source(row),
        .packed_bytes = packed ? (int64_t)row->container_size : 0,
        .deduplicated_bytes = packed ? (int64_t)row->bytes_deduplicated : 0,
    };

    return bsi_table_add(db, &bsi_table_held, &held, sign);
}

/* --- What has ended --- */

/* A job that has ended, of whatever kind. */
typedef struct ended_run {
    bsi_row_total total;
    bsi_row_status status;
    int64_t started_at;
    int64_t completed_at;
    int64_t size;
    bs_layer error_layer;
    bs_status error_code;
} ended_run;

static ended_run run_of_backup(const bsi_row_backup *row)
{
    const bool packed = bsi_row_is_completed(row->status) && !is_mirror(row);

    return (ended_run){
        .total =
            {
                .kind = KIND_BACKUP,
                .backup_type = row->backup_type,
                .storage = row->storage,
                .compression = row->compression,
                .encryption = row->encryption,
                .status = bsi_row_status_name(row->status),
                .runs = 1,
                .duration = bsi_duration_us(row->started_at, row->completed_at),
                .source_bytes = (int64_t)row->bytes_processed,
                .files = (int64_t)row->files_processed,
                .stored_bytes = (int64_t)row->bytes_stored,
                .packed_source_bytes = packed_source(row),
                .packed_bytes = packed ? (int64_t)row->container_size : 0,
                .deduplicated_bytes = packed ? (int64_t)row->bytes_deduplicated : 0,
                .cpu = (int64_t)(row->usage.cpu_ns / NS_PER_US),
                .bytes_sent = (int64_t)row->usage.bytes_sent,
                .bytes_received = (int64_t)row->usage.bytes_received,
            },
        .status = row->status,
        .started_at = row->started_at,
        .completed_at = row->completed_at,
        .size = (int64_t)bsi_backup_size(row),
        .error_layer = row->error_layer,
        .error_code = row->error_code,
    };
}

/* `backup` is the one that the job was about; zeroed: it is not there. */
static ended_run run_of_job(const bsi_row_job *row, const bsi_row_backup *backup)
{
    return (ended_run){
        .total =
            {
                .kind = row->kind,
                .backup_type = backup->backup_type,
                .storage = backup->storage,
                .compression = backup->compression,
                .encryption = backup->encryption,
                .status = bsi_row_status_name(row->status),
                .runs = 1,
                .duration = bsi_duration_us(row->started_at, row->completed_at),
                .source_bytes = (int64_t)row->bytes_processed,
                .files = (int64_t)row->files_processed,
                .cpu = (int64_t)(row->usage.cpu_ns / NS_PER_US),
                .bytes_sent = (int64_t)row->usage.bytes_sent,
                .bytes_received = (int64_t)row->usage.bytes_received,
            },
        .status = row->status,
        .started_at = row->started_at,
        .completed_at = row->completed_at,
        .error_layer = row->error_layer,
        .error_code = row->error_code,
    };
}

static int64_t hour_of(int64_t ns)
{
    return ns >= 0 ? ns / NS_PER_HOUR : -1 - (-1 - ns) / NS_PER_HOUR;
}

static bs_status count_hour(bsi_db *db, const ended_run *run, int sign)
{
    const bsi_row_total *total = &run->total;
    bsi_row_hour hour = {
        .kind = total->kind,
        .hour = hour_of(run->completed_at),
        .runs = 1,
        .completed = run->status == BSI_ROW_COMPLETED,
        .completed_with_warnings = run->status == BSI_ROW_COMPLETED_WITH_WARNINGS,
        .failed = run->status == BSI_ROW_FAILED,
        .cancelled = run->status == BSI_ROW_CANCELLED,
        .cpu = total->cpu,
        .bytes_sent = total->bytes_sent,
        .bytes_received = total->bytes_received,
    };

    if (bsi_row_is_completed(run->status)) {
        hour.duration = total->duration;
        hour.source_bytes = total->source_bytes;
        hour.files = total->files;
        hour.stored_bytes = total->stored_bytes;
        hour.deduplicated_bytes = total->deduplicated_bytes;
        hour.added_bytes = run->size;
    }
    return bsi_table_add(db, &bsi_table_hour, &hour, sign);
}

static bs_status count_duration(bsi_db *db, const ended_run *run, int sign)
{
    bsi_row_duration row = {
        .kind = run->total.kind,
        .backup_type = run->total.backup_type,
        .good = bsi_row_is_completed(run->status),
        .runs = 1,
    };

    if (run->started_at == 0) {
        return BS_OK;
    }
    while (row.bucket < BSI_DURATION_BOUNDS &&
           run->total.duration > bsi_duration_bounds[row.bucket] * US_PER_MS) {
        row.bucket++;
    }
    return bsi_table_add(db, &bsi_table_duration, &row, sign);
}

static bs_status count_failure(bsi_db *db, const ended_run *run, int sign)
{
    const bsi_row_failure row = {
        .kind = run->total.kind,
        .layer = run->error_layer,
        .code = run->error_code,
        .runs = 1,
    };

    return run->status == BSI_ROW_FAILED ? bsi_table_add(db, &bsi_table_failure, &row, sign)
                                         : BS_OK;
}

static bs_status count_run(bsi_db *db, const ended_run *run, int sign)
{
    BSI_TRY(bsi_table_add(db, &bsi_table_total, &run->total, sign));
    BSI_TRY(count_hour(db, run, sign));
    BSI_TRY(count_duration(db, run, sign));
    return count_failure(db, run, sign);
}

/* --- Changes --- */

/* A run counts once, whatever becomes of its row: one that goes takes nothing away. */
static bs_status count_backup_run(bsi_db *db, const bsi_row_backup *old, const bsi_row_backup *row)
{
    ended_run run;

    if (old && bsi_row_has_ended(old->status)) {
        run = run_of_backup(old);
        BSI_TRY(count_run(db, &run, -1));
    }
    if (!bsi_row_has_ended(row->status)) {
        return BS_OK;
    }
    run = run_of_backup(row);
    return count_run(db, &run, 1);
}

static bs_status count_removal(bsi_db *db, const bsi_row_backup *row)
{
    const bsi_time now = bsi_now();
    const bsi_row_hour hour = {
        .kind = KIND_BACKUP,
        .hour = hour_of(now.sec * 1000000000 + now.nsec),
        .removed = 1,
        .removed_bytes = (int64_t)bsi_backup_size(row),
    };

    return bsi_row_is_completed(row->status) ? bsi_table_add(db, &bsi_table_hour, &hour, 1) : BS_OK;
}

bs_status bsi_held_changed_locked(bsi_db *db, const bsi_row_backup *old, const bsi_row_backup *row)
{
    if (old) {
        BSI_TRY(count_held(db, old, -1));
    }
    return row ? count_held(db, row, 1) : BS_OK;
}

bs_status bsi_runs_changed_locked(bsi_db *db, const bsi_row_backup *old, const bsi_row_backup *row)
{
    return row ? count_backup_run(db, old, row) : count_removal(db, old);
}

/* A backup that was interrupted and turns out to be complete ends once more. */
bs_status bsi_backup_changed_locked(bsi_db *db, const bsi_row_backup *old,
                                    const bsi_row_backup *row)
{
    BSI_TRY(bsi_held_changed_locked(db, old, row));
    BSI_TRY(bsi_runs_changed_locked(db, old, row));
    if (row && bsi_row_has_ended(row->status) && (!old || old->status != row->status)) {
        BSI_TRY(bsi_name_ended_locked(db, row, false));
    }
    if (row) {
        BSI_TRY(bsi_name_refresh_locked(db, row->name));
    }
    return old && (!row || strcmp(old->name, row->name) != 0)
               ? bsi_name_refresh_locked(db, old->name)
               : BS_OK;
}

static bs_status get_backup(bsi_db *db, const char *id, bsi_row_backup *out)
{
    const bs_status status = bsi_backup_get_locked(db, id, out);

    if (status == BS_E_NOT_FOUND) {
        *out = (bsi_row_backup){.id = NULL};
        return BS_OK;
    }
    return status;
}

static bs_status count_verified(bsi_db *db, const bsi_row_job *row, const bsi_row_backup *backup)
{
    if (!backup->id || strcmp(row->kind, KIND_VERIFY) != 0 || row->status == BSI_ROW_CANCELLED) {
        return BS_OK;
    }
    return bsi_name_verified_locked(db, backup->name, row->completed_at,
                                    bsi_row_is_completed(row->status));
}

bs_status bsi_numbers_job_locked(bsi_db *db, const bsi_row_job *old, const bsi_row_job *row)
{
    bsi_row_backup backup;
    ended_run run;
    bs_status status = BS_OK;

    if ((old && bsi_row_has_ended(old->status)) || !bsi_row_has_ended(row->status)) {
        return BS_OK;
    }
    BSI_TRY(get_backup(db, row->backup_id ? row->backup_id : "", &backup));
    run = run_of_job(row, &backup);
    status = count_run(db, &run, 1);
    if (status >= 0) {
        status = count_verified(db, row, &backup);
    }
    bsi_row_backup_dispose(&backup);
    return status;
}
