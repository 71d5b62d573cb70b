/* SPDX-License-Identifier: MIT */
#ifndef BSI_CATALOG_TABLE_H
#define BSI_CATALOG_TABLE_H

#include <stddef.h>

#include "catalog/rows.h"
#include "catalog/sql.h"

/*
 * Tables as lists of columns and the members they stand for, so that binding,
 * loading and checking are written once.
 *
 * Every table ends with a column `sum`, over all others of the row: SQLite sees
 * damage to its structure, not to what stands in it.
 */
typedef enum bsi_column_type {
    BSI_COLUMN_TEXT,   /* const char * */
    BSI_COLUMN_BYTES,  /* bsi_slice */
    BSI_COLUMN_SIZE,   /* uint64_t below 2^63 */
    BSI_COLUMN_NUMBER, /* int64_t */
    BSI_COLUMN_TIME,   /* int64_t; NULL stands for 0 */
    BSI_COLUMN_INT32,  /* int32_t, or an enumeration */
    BSI_COLUMN_UINT32, /* uint32_t */
    BSI_COLUMN_FLAG,   /* bool */
    BSI_COLUMN_STATUS, /* bsi_row_status, as its word */
} bsi_column_type;

typedef struct bsi_column {
    const char *name;
    bsi_column_type type;
    size_t offset; /* Of the member. */
} bsi_column;

typedef struct bsi_table {
    const char *name;
    const bsi_column *columns; /* The first is the key for bsi_table_update(). */
    size_t count;
    size_t row_size;
    size_t memory; /* Offset of the member that owns the texts. */
} bsi_table;

extern const bsi_table bsi_table_backup;
extern const bsi_table bsi_table_need;
extern const bsi_table bsi_table_job;
extern const bsi_table bsi_table_warning;
extern const bsi_table bsi_table_warning_count;
extern const bsi_table bsi_table_profile;
extern const bsi_table bsi_table_meta;
extern const bsi_table bsi_table_schedule;
extern const bsi_table bsi_table_run;
extern const bsi_table bsi_table_pin;
extern const bsi_table bsi_table_mark;

/* Rows that only this layer sees. */
typedef struct bsi_row_warning_count {
    const char *job_id;
    uint64_t count;
    void *memory;
} bsi_row_warning_count;

typedef struct bsi_row_meta {
    const char *key;
    const char *value;
    void *memory;
} bsi_row_meta;

/* The rows of warnings in the file also know whose they are. */
typedef struct bsi_row_stored_warning {
    const char *job_id;
    uint64_t number;
    bsi_row_warning warning;
} bsi_row_stored_warning;

/* `verb` is "INSERT", or "INSERT OR REPLACE". */
BS_NODISCARD bs_status bsi_table_insert(bsi_db *db, const bsi_table *table, const char *verb,
                                        const void *row);

/* Write all columns of the row with the same key; BS_E_NOT_FOUND. */
BS_NODISCARD bs_status bsi_table_update(bsi_db *db, const bsi_table *table, const void *row);

/* Prepare "SELECT all columns FROM table" with what `rest` adds (a constant). */
void bsi_table_select(bsi_sql *sql, bsi_db *db, const bsi_table *table, const char *rest);

/* The next row of such a statement, in memory of its own. BS_OK, BS_END. */
BS_NODISCARD bs_status bsi_table_next(bsi_sql *sql, const bsi_table *table, void *row);

/* The only row, and finish the statement. BS_E_NOT_FOUND: "no `what` '`key`'". */
BS_NODISCARD bs_status bsi_table_one(bsi_sql *sql, const bsi_table *table, const char *what,
                                     const char *key, void *row);

/* All rows in one block, and finish the statement. Freed with bsi_table_free_rows(). */
BS_NODISCARD bs_status bsi_table_all(bsi_sql *sql, const bsi_table *table, void **rows_out,
                                     size_t *count_out);

void bsi_table_dispose_row(const bsi_table *table, void *row);
void bsi_table_free_rows(const bsi_table *table, void *rows, size_t count);

/* The first column of each row as ids, and finish the statement. */
BS_NODISCARD bs_status bsi_sql_all_ids(bsi_sql *sql, bsi_id **ids_out, size_t *count_out);

#endif
