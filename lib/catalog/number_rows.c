/* SPDX-License-Identifier: MIT */
/*
 * What the tables of sums hold.
 */
#include "catalog/number_rows.h"

#define COLUMN BSI_COLUMN

static const bsi_column held_columns[] = {
    COLUMN(bsi_row_held, name, TEXT),
    COLUMN(bsi_row_held, backup_type, TEXT),
    COLUMN(bsi_row_held, storage, TEXT),
    COLUMN(bsi_row_held, compression, TEXT),
    COLUMN(bsi_row_held, encryption, TEXT),
    COLUMN(bsi_row_held, status, TEXT),
    COLUMN(bsi_row_held, backups, NUMBER),
    COLUMN(bsi_row_held, source_bytes, NUMBER),
    COLUMN(bsi_row_held, files, NUMBER),
    COLUMN(bsi_row_held, size, NUMBER),
    COLUMN(bsi_row_held, packed_source_bytes, NUMBER),
    COLUMN(bsi_row_held, packed_bytes, NUMBER),
    COLUMN(bsi_row_held, deduplicated_bytes, NUMBER),
};

static const bsi_column total_columns[] = {
    COLUMN(bsi_row_total, kind, TEXT),
    COLUMN(bsi_row_total, backup_type, TEXT),
    COLUMN(bsi_row_total, storage, TEXT),
    COLUMN(bsi_row_total, compression, TEXT),
    COLUMN(bsi_row_total, encryption, TEXT),
    COLUMN(bsi_row_total, status, TEXT),
    COLUMN(bsi_row_total, runs, NUMBER),
    COLUMN(bsi_row_total, duration, NUMBER),
    COLUMN(bsi_row_total, source_bytes, NUMBER),
    COLUMN(bsi_row_total, files, NUMBER),
    COLUMN(bsi_row_total, stored_bytes, NUMBER),
    COLUMN(bsi_row_total, packed_source_bytes, NUMBER),
    COLUMN(bsi_row_total, packed_bytes, NUMBER),
    COLUMN(bsi_row_total, deduplicated_bytes, NUMBER),
    COLUMN(bsi_row_total, cpu, NUMBER),
    COLUMN(bsi_row_total, bytes_sent, NUMBER),
    COLUMN(bsi_row_total, bytes_received, NUMBER),
};

static const bsi_column hour_columns[] = {
    COLUMN(bsi_row_hour, kind, TEXT),
    COLUMN(bsi_row_hour, hour, NUMBER),
    COLUMN(bsi_row_hour, runs, NUMBER),
    COLUMN(bsi_row_hour, completed, NUMBER),
    COLUMN(bsi_row_hour, completed_with_warnings, NUMBER),
    COLUMN(bsi_row_hour, failed, NUMBER),
    COLUMN(bsi_row_hour, cancelled, NUMBER),
    COLUMN(bsi_row_hour, duration, NUMBER),
    COLUMN(bsi_row_hour, source_bytes, NUMBER),
    COLUMN(bsi_row_hour, files, NUMBER),
    COLUMN(bsi_row_hour, stored_bytes, NUMBER),
    COLUMN(bsi_row_hour, deduplicated_bytes, NUMBER),
    COLUMN(bsi_row_hour, added_bytes, NUMBER),
    COLUMN(bsi_row_hour, cpu, NUMBER),
    COLUMN(bsi_row_hour, bytes_sent, NUMBER),
    COLUMN(bsi_row_hour, bytes_received, NUMBER),
    COLUMN(bsi_row_hour, removed, NUMBER),
    COLUMN(bsi_row_hour, removed_bytes, NUMBER),
};

static const bsi_column duration_columns[] = {
    COLUMN(bsi_row_duration, kind, TEXT),   COLUMN(bsi_row_duration, backup_type, TEXT),
    COLUMN(bsi_row_duration, good, NUMBER), COLUMN(bsi_row_duration, bucket, NUMBER),
    COLUMN(bsi_row_duration, runs, NUMBER),
};

static const bsi_column failure_columns[] = {
    COLUMN(bsi_row_failure, kind, TEXT),
    COLUMN(bsi_row_failure, layer, NUMBER),
    COLUMN(bsi_row_failure, code, NUMBER),
    COLUMN(bsi_row_failure, runs, NUMBER),
};

static const bsi_column name_columns[] = {
    COLUMN(bsi_row_name, name, TEXT),
    COLUMN(bsi_row_name, backups, NUMBER),
    COLUMN(bsi_row_name, completed, NUMBER),
    COLUMN(bsi_row_name, size, NUMBER),
    COLUMN(bsi_row_name, oldest_at, TIME),
    COLUMN(bsi_row_name, newest_at, TIME),
    COLUMN(bsi_row_name, last_run_seq, NUMBER),
    COLUMN(bsi_row_name, last_run_at, TIME),
    COLUMN(bsi_row_name, last_run_status, TEXT),
    COLUMN(bsi_row_name, last_success_at, TIME),
    COLUMN(bsi_row_name, last_success_duration, NUMBER),
    COLUMN(bsi_row_name, last_success_source_bytes, SIZE),
    COLUMN(bsi_row_name, last_success_size, SIZE),
    COLUMN(bsi_row_name, last_success_files, SIZE),
    COLUMN(bsi_row_name, last_full_at, TIME),
    COLUMN(bsi_row_name, last_incremental_at, TIME),
    COLUMN(bsi_row_name, last_differential_at, TIME),
    COLUMN(bsi_row_name, last_mirror_at, TIME),
    COLUMN(bsi_row_name, samples, NUMBER),
    COLUMN(bsi_row_name, duration_average, NUMBER),
    COLUMN(bsi_row_name, duration_median, NUMBER),
    COLUMN(bsi_row_name, duration_p95, NUMBER),
    COLUMN(bsi_row_name, source_bytes_median, SIZE),
    COLUMN(bsi_row_name, source_growth, NUMBER),
    COLUMN(bsi_row_name, stored_bytes_average, SIZE),
    COLUMN(bsi_row_name, verified_at, TIME),
    COLUMN(bsi_row_name, verified_good, FLAG),
};

static const bsi_column sample_columns[] = {
    COLUMN(bsi_row_sample, name, TEXT),         COLUMN(bsi_row_sample, slot, NUMBER),
    COLUMN(bsi_row_sample, ended_at, TIME),     COLUMN(bsi_row_sample, duration, NUMBER),
    COLUMN(bsi_row_sample, source_bytes, SIZE), COLUMN(bsi_row_sample, stored_bytes, SIZE),
};

const bsi_table bsi_table_held = BSI_TABLE_KEYS("held", held_columns, bsi_row_held, 6);
const bsi_table bsi_table_total = BSI_TABLE_KEYS("run_total", total_columns, bsi_row_total, 6);
const bsi_table bsi_table_hour = BSI_TABLE_KEYS("run_hour", hour_columns, bsi_row_hour, 2);
const bsi_table bsi_table_duration =
    BSI_TABLE_KEYS("run_duration", duration_columns, bsi_row_duration, 4);
const bsi_table bsi_table_failure =
    BSI_TABLE_KEYS("run_failure", failure_columns, bsi_row_failure, 3);
const bsi_table bsi_table_name = BSI_TABLE_KEYS("backup_name", name_columns, bsi_row_name, 1);
const bsi_table bsi_table_sample =
    BSI_TABLE_KEYS("backup_sample", sample_columns, bsi_row_sample, 2);

void bsi_row_helds_free(bsi_row_held *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_held, rows, count);
}

void bsi_row_totals_free(bsi_row_total *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_total, rows, count);
}

void bsi_row_hours_free(bsi_row_hour *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_hour, rows, count);
}

void bsi_row_durations_free(bsi_row_duration *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_duration, rows, count);
}

void bsi_row_failures_free(bsi_row_failure *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_failure, rows, count);
}

void bsi_row_names_free(bsi_row_name *rows, size_t count)
{
    bsi_table_free_rows(&bsi_table_name, rows, count);
}
