/* SPDX-License-Identifier: MIT */
/*
 * What the tables hold, and the rows that come out of them.
 */
#include "catalog/rows.h"

#include <string.h>

#include "base/alloc.h"
#include "catalog/table.h"

static const char *const status_names[] = {
    [BSI_ROW_NONE] = "",
    [BSI_ROW_PENDING] = "pending",
    [BSI_ROW_RUNNING] = "running",
    [BSI_ROW_COMPLETED] = "completed",
    [BSI_ROW_COMPLETED_WITH_WARNINGS] = "completed_with_warnings",
    [BSI_ROW_FAILED] = "failed",
    [BSI_ROW_CANCELLED] = "cancelled",
};

const char *bsi_row_status_name(bsi_row_status status)
{
    return (size_t)status < BSI_ARRAY_SIZE(status_names) ? status_names[status] : "";
}

bool bsi_row_is_completed(bsi_row_status status)
{
    return status == BSI_ROW_COMPLETED || status == BSI_ROW_COMPLETED_WITH_WARNINGS;
}

bool bsi_row_has_ended(bsi_row_status status)
{
    return status >= BSI_ROW_COMPLETED;
}

bsi_row_status bsi_row_status_parse(const char *name)
{
    for (size_t i = BSI_ROW_PENDING; i < BSI_ARRAY_SIZE(status_names); i++) {
        if (strcmp(status_names[i], name) == 0) {
            return (bsi_row_status)i;
        }
    }
    return BSI_ROW_NONE;
}

#define COLUMN BSI_COLUMN
#define TABLE BSI_TABLE

/* They came with version 4. */
#define USAGE_COLUMN(row, member)                                                        \
    {                                                                                    \
        .name = #member, .type = BSI_COLUMN_SIZE, .offset = offsetof(row, usage.member), \
        .added = true                                                                    \
    }
#define USAGE_COLUMNS(row)                                                                    \
    USAGE_COLUMN(row, cpu_ns), USAGE_COLUMN(row, peak_memory), USAGE_COLUMN(row, bytes_sent), \
        USAGE_COLUMN(row, bytes_received)

static const bsi_column backup_columns[] = {
    COLUMN(bsi_row_backup, id, TEXT),
    COLUMN(bsi_row_backup, seq, NUMBER),
    COLUMN(bsi_row_backup, name, TEXT),
    COLUMN(bsi_row_backup, backup_type, TEXT),
    COLUMN(bsi_row_backup, requested_type, TEXT),
    COLUMN(bsi_row_backup, form, TEXT),
    COLUMN(bsi_row_backup, storage, TEXT),
    COLUMN(bsi_row_backup, compression, TEXT),
    COLUMN(bsi_row_backup, compression_level, INT32),
    COLUMN(bsi_row_backup, encryption, TEXT),
    COLUMN(bsi_row_backup, status, STATUS),
    COLUMN(bsi_row_backup, created_at, TIME),
    COLUMN(bsi_row_backup, started_at, TIME),
    COLUMN(bsi_row_backup, completed_at, TIME),
    COLUMN(bsi_row_backup, expires_at, TIME),
    COLUMN(bsi_row_backup, source_paths, TEXT),
    COLUMN(bsi_row_backup, options, TEXT),
    COLUMN(bsi_row_backup, metadata, TEXT),
    COLUMN(bsi_row_backup, container_key, TEXT),
    COLUMN(bsi_row_backup, manifest_key, TEXT),
    COLUMN(bsi_row_backup, container_size, SIZE),
    COLUMN(bsi_row_backup, manifest_size, SIZE),
    COLUMN(bsi_row_backup, manifest_sha256, TEXT),
    COLUMN(bsi_row_backup, bytes_processed, SIZE),
    COLUMN(bsi_row_backup, files_processed, SIZE),
    COLUMN(bsi_row_backup, total_bytes, SIZE),
    COLUMN(bsi_row_backup, total_files, SIZE),
    COLUMN(bsi_row_backup, bytes_stored, SIZE),
    COLUMN(bsi_row_backup, bytes_deduplicated, SIZE),
    COLUMN(bsi_row_backup, base_id, TEXT),
    COLUMN(bsi_row_backup, base_note, TEXT),
    COLUMN(bsi_row_backup, error_code, INT32),
    COLUMN(bsi_row_backup, error_layer, INT32),
    COLUMN(bsi_row_backup, error_message, TEXT),
    COLUMN(bsi_row_backup, retention_days, UINT32),
    COLUMN(bsi_row_backup, deleting, FLAG),
    USAGE_COLUMNS(bsi_row_backup),
};

static const bsi_column need_columns[] = {
    COLUMN(bsi_row_need, backup_id, TEXT),
    COLUMN(bsi_row_need, needs_id, TEXT),
};

static const bsi_column job_columns[] = {
    COLUMN(bsi_row_job, id, TEXT),
    COLUMN(bsi_row_job, kind, TEXT),
    COLUMN(bsi_row_job, backup_id, TEXT),
    COLUMN(bsi_row_job, status, STATUS),
    COLUMN(bsi_row_job, target, TEXT),
    COLUMN(bsi_row_job, options, TEXT),
    COLUMN(bsi_row_job, result, TEXT),
    COLUMN(bsi_row_job, created_at, TIME),
    COLUMN(bsi_row_job, started_at, TIME),
    COLUMN(bsi_row_job, completed_at, TIME),
    COLUMN(bsi_row_job, bytes_processed, SIZE),
    COLUMN(bsi_row_job, files_processed, SIZE),
    COLUMN(bsi_row_job, total_bytes, SIZE),
    COLUMN(bsi_row_job, total_files, SIZE),
    COLUMN(bsi_row_job, error_code, INT32),
    COLUMN(bsi_row_job, error_layer, INT32),
    COLUMN(bsi_row_job, error_message, TEXT),
    USAGE_COLUMNS(bsi_row_job),
};

static const bsi_column warning_columns[] = {
    COLUMN(bsi_row_stored_warning, job_id, TEXT),
    COLUMN(bsi_row_stored_warning, number, SIZE),
    {.name = "code",
     .type = BSI_COLUMN_INT32,
     .offset = offsetof(bsi_row_stored_warning, warning.code)},
    {.name = "layer",
     .type = BSI_COLUMN_INT32,
     .offset = offsetof(bsi_row_stored_warning, warning.layer)},
    {.name = "path",
     .type = BSI_COLUMN_BYTES,
     .offset = offsetof(bsi_row_stored_warning, warning.path)},
    {.name = "message",
     .type = BSI_COLUMN_TEXT,
     .offset = offsetof(bsi_row_stored_warning, warning.message)},
};

static const bsi_column warning_count_columns[] = {
    COLUMN(bsi_row_warning_count, job_id, TEXT),
    COLUMN(bsi_row_warning_count, count, SIZE),
};

static const bsi_column profile_columns[] = {
    COLUMN(bsi_row_profile, name, TEXT),
    COLUMN(bsi_row_profile, driver, TEXT),
    COLUMN(bsi_row_profile, settings, TEXT),
};

static const bsi_column schedule_columns[] = {
    COLUMN(bsi_row_schedule, id, TEXT),
    COLUMN(bsi_row_schedule, name, TEXT),
    COLUMN(bsi_row_schedule, action, TEXT),
    COLUMN(bsi_row_schedule, request, TEXT),
    COLUMN(bsi_row_schedule, cron_expression, TEXT),
    COLUMN(bsi_row_schedule, timezone, TEXT),
    COLUMN(bsi_row_schedule, missed, TEXT),
    COLUMN(bsi_row_schedule, is_active, FLAG),
    COLUMN(bsi_row_schedule, revision, NUMBER),
    COLUMN(bsi_row_schedule, created_at, TIME),
    COLUMN(bsi_row_schedule, updated_at, TIME),
    COLUMN(bsi_row_schedule, next_run_at, TIME),
    COLUMN(bsi_row_schedule, dealt, TEXT),
    COLUMN(bsi_row_schedule, last_run_at, TIME),
    COLUMN(bsi_row_schedule, last_job_id, TEXT),
    COLUMN(bsi_row_schedule, last_status, TEXT),
    COLUMN(bsi_row_schedule, runs_started, SIZE),
    COLUMN(bsi_row_schedule, runs_skipped_busy, SIZE),
    COLUMN(bsi_row_schedule, runs_missed, SIZE),
    COLUMN(bsi_row_schedule, runs_failed_to_start, SIZE),
};

static const bsi_column run_columns[] = {
    COLUMN(bsi_row_run, schedule_id, TEXT),   COLUMN(bsi_row_run, number, NUMBER),
    COLUMN(bsi_row_run, due_at, TIME),        COLUMN(bsi_row_run, recorded_at, TIME),
    COLUMN(bsi_row_run, outcome, TEXT),       COLUMN(bsi_row_run, job_id, TEXT),
    COLUMN(bsi_row_run, status, TEXT),        COLUMN(bsi_row_run, completed_at, TIME),
    COLUMN(bsi_row_run, error_code, INT32),   COLUMN(bsi_row_run, error_layer, INT32),
    COLUMN(bsi_row_run, error_message, TEXT),
};

static const bsi_column meta_columns[] = {
    COLUMN(bsi_row_meta, key, TEXT),
    COLUMN(bsi_row_meta, value, TEXT),
};

static const bsi_column pin_columns[] = {
    COLUMN(bsi_row_pin, backup_id, TEXT),  COLUMN(bsi_row_pin, kind, TEXT),
    COLUMN(bsi_row_pin, reason, TEXT),     COLUMN(bsi_row_pin, until, TIME),
    COLUMN(bsi_row_pin, created_at, TIME),
};

static const bsi_column mark_columns[] = {
    COLUMN(bsi_row_mark, backup_id, TEXT),
    COLUMN(bsi_row_mark, marked_at, TIME),
    COLUMN(bsi_row_mark, remove_after, TIME),
};

static const bsi_column drill_columns[] = {
    COLUMN(bsi_row_drill, job_id, TEXT),       COLUMN(bsi_row_drill, name, TEXT),
    COLUMN(bsi_row_drill, backup_id, TEXT),    COLUMN(bsi_row_drill, scratch, TEXT),
    COLUMN(bsi_row_drill, proven, FLAG),       COLUMN(bsi_row_drill, proven_at, TIME),
    COLUMN(bsi_row_drill, files, SIZE),        COLUMN(bsi_row_drill, bytes, SIZE),
    COLUMN(bsi_row_drill, files_wrong, SIZE),  COLUMN(bsi_row_drill, duration, NUMBER),
    COLUMN(bsi_row_drill, backup_files, SIZE), COLUMN(bsi_row_drill, backup_bytes, SIZE),
};

static const bsi_column copy_columns[] = {
    COLUMN(bsi_row_copy, backup_id, TEXT),    COLUMN(bsi_row_copy, storage, TEXT),
    COLUMN(bsi_row_copy, number, NUMBER),     COLUMN(bsi_row_copy, status, STATUS),
    COLUMN(bsi_row_copy, completed_at, TIME), COLUMN(bsi_row_copy, error_code, INT32),
    COLUMN(bsi_row_copy, error_layer, INT32), COLUMN(bsi_row_copy, error_message, TEXT),
};

const bsi_table bsi_table_backup = TABLE("backup", backup_columns, bsi_row_backup);
const bsi_table bsi_table_need = TABLE("backup_need", need_columns, bsi_row_need);
const bsi_table bsi_table_job = TABLE("job", job_columns, bsi_row_job);
const bsi_table bsi_table_warning_count =
    TABLE("warning_count", warning_count_columns, bsi_row_warning_count);
const bsi_table bsi_table_profile = TABLE("storage_profile", profile_columns, bsi_row_profile);
const bsi_table bsi_table_schedule = TABLE("schedule", schedule_columns, bsi_row_schedule);
const bsi_table bsi_table_run = TABLE("schedule_run", run_columns, bsi_row_run);
const bsi_table bsi_table_meta = TABLE("meta", meta_columns, bsi_row_meta);
const bsi_table bsi_table_pin = TABLE("backup_pin", pin_columns, bsi_row_pin);
const bsi_table bsi_table_mark = TABLE("backup_mark", mark_columns, bsi_row_mark);
const bsi_table bsi_table_drill = TABLE("drill", drill_columns, bsi_row_drill);
const bsi_table bsi_table_copy = TABLE("backup_copy", copy_columns, bsi_row_copy);
const bsi_table bsi_table_warning = {
    .name = "warning",
    .columns = warning_columns,
    .count = BSI_ARRAY_SIZE(warning_columns),
    .row_size = sizeof(bsi_row_stored_warning),
    .memory = offsetof(bsi_row_stored_warning, warning.memory),
};

_Static_assert(sizeof(bs_status) == sizeof(int32_t) && sizeof(bs_layer) == sizeof(int32_t),
               "enumerations are stored as 32 bits");

void bsi_row_backup_dispose(bsi_row_backup *row)
{
    bsi_table_dispose_row(&bsi_table_backup, row);
}

void bsi_row_job_dispose(bsi_row_job *row)
{
    bsi_table_dispose_row(&bsi_table_job, row);
}

void bsi_row_drill_dispose(bsi_row_drill *row)
{
    bsi_table_dispose_row(&bsi_table_drill, row);
}

void bsi_row_profile_dispose(bsi_row_profile *row)
{
    bsi_table_dispose_row(&bsi_table_profile, row);
}

void bsi_row_schedule_dispose(bsi_row_schedule *row)
{
    bsi_table_dispose_row(&bsi_table_schedule, row);
}

void bsi_row_backups_free(bsi_row_backup *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_backup, rows, count);
}

void bsi_row_jobs_free(bsi_row_job *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_job, rows, count);
}

void bsi_row_drills_free(bsi_row_drill *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_drill, rows, count);
}

void bsi_row_warnings_free(bsi_row_warning *rows, size_t count)
{
    for (size_t i = 0; rows && i < count; i++) {
        bsi_free(rows[i].memory);
    }
    bsi_free(rows);
}

void bsi_row_profiles_free(bsi_row_profile *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_profile, rows, count);
}

void bsi_row_schedules_free(bsi_row_schedule *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_schedule, rows, count);
}

void bsi_row_runs_free(bsi_row_run *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_run, rows, count);
}

void bsi_row_pins_free(bsi_row_pin *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_pin, rows, count);
}

void bsi_row_marks_free(bsi_row_mark *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_mark, rows, count);
}

void bsi_row_copies_free(bsi_row_copy *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_copy, rows, count);
}
