/* SPDX-License-Identifier: MIT */
#ifndef BSI_CATALOG_NUMBER_ROWS_H
#define BSI_CATALOG_NUMBER_ROWS_H

#include "catalog/numbers.h"
#include "catalog/table.h"

/* The tables of sums, and how they follow from rows of backups and jobs. Inside of the catalogue.
 */
extern const bsi_table bsi_table_held;
extern const bsi_table bsi_table_total;
extern const bsi_table bsi_table_hour;
extern const bsi_table bsi_table_duration;
extern const bsi_table bsi_table_failure;
extern const bsi_table bsi_table_name;
extern const bsi_table bsi_table_sample;

/* One of the newest completed runs of a name; slots are used in turn. */
typedef struct bsi_row_sample {
    const char *name;
    int64_t slot;
    int64_t ended_at;
    int64_t duration;
    uint64_t source_bytes;
    uint64_t stored_bytes;
    void *memory;
} bsi_row_sample;

/* Microseconds from start to end; 0 when it has not begun, or the clock ran backwards. */
int64_t bsi_duration_us(int64_t started_at, int64_t completed_at);

/*
 * A backup's row came (`old` is NULL), changed, or went (`row` is NULL). Both are
 * complete. What is held follows, then the runs; names come on top.
 */
BS_NODISCARD bs_status bsi_held_changed_locked(bsi_db *db, const bsi_row_backup *old,
                                               const bsi_row_backup *row);
BS_NODISCARD bs_status bsi_runs_changed_locked(bsi_db *db, const bsi_row_backup *old,
                                               const bsi_row_backup *row);

/* The same for the row of another job; one that goes changes nothing. */
BS_NODISCARD bs_status bsi_numbers_job_locked(bsi_db *db, const bsi_row_job *old,
                                              const bsi_row_job *row);

/*
 * A run of a name has ended: keep how it went. One that is imported from a storage counts as
 * the last when it is by its time, others by their number.
 */
BS_NODISCARD bs_status bsi_name_ended_locked(bsi_db *db, const bsi_row_backup *row, bool imported);
/* A verification of a backup of this name has ended. */
BS_NODISCARD bs_status bsi_name_verified_locked(bsi_db *db, const char *name, int64_t at,
                                                bool good);
/* What follows from the backups that are held; without any, the name goes too. */
BS_NODISCARD bs_status bsi_name_refresh_locked(bsi_db *db, const char *name);
BS_NODISCARD bs_status bsi_names_refresh_locked(bsi_db *db);

/* All of it for one row. */
BS_NODISCARD bs_status bsi_backup_changed_locked(bsi_db *db, const bsi_row_backup *old,
                                                 const bsi_row_backup *row);

/* Make all sums from the rows that there are: what has gone is not known any more. */
BS_NODISCARD bs_status bsi_numbers_fill_locked(bsi_db *db);

/* Compare with what the rows say. `wrong_out`: what differs, a static text; NULL: nothing. */
BS_NODISCARD bs_status bsi_numbers_check_locked(bsi_db *db, const char **wrong_out);

#endif
