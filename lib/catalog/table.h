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
    size_t offset; /* Of the member. */
    bsi_column_type type;
    /* A number that came with a later version: 0 does not count in the row's sum, so that rows
     * from before stay as they are. */
    bool added;
} bsi_column;

typedef struct bsi_table {
    const char *name;
    const bsi_column *columns; /* The first is the key for bsi_table_update(). */
    size_t count;
    size_t keys; /* So many of the first columns name a row, for bsi_table_add(). */
    size_t row_size;
    size_t memory; /* Offset of the member that owns the texts. */
} bsi_table;

/* A column of the same name as its member. */
#define BSI_COLUMN(row, member, column_type)                                               \
    {                                                                                      \
        .name = #member, .type = BSI_COLUMN_##column_type, .offset = offsetof(row, member) \
    }

/* The first `key_count` columns name a row. */
#define BSI_TABLE_KEYS(table_name, table_columns, row, key_count)              \
    {                                                                          \
        .name = (table_name), .columns = (table_columns), .keys = (key_count), \
        .count = BSI_ARRAY_SIZE(table_columns), .row_size = sizeof(row),       \
        .memory = offsetof(row, memory)                                        \
    }
#define BSI_TABLE(table_name, table_columns, row) BSI_TABLE_KEYS(table_name, table_columns, row, 1)

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
extern const bsi_table bsi_table_drill;
extern const bsi_table bsi_table_copy;

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

/*
 * Add the numbers of `row`, or with `sign` -1 take them away, in the row that has the same
 * keys; without one it is made, and one that comes to nothing but 0 is removed. All
 * columns behind the keys are of type NUMBER. Sums wrap around, so that whatever was
 * added can be taken away again.
 */
BS_NODISCARD bs_status bsi_table_add(bsi_db *db, const bsi_table *table, const void *row, int sign);

/* Prepare "SELECT all columns FROM table" with what `rest` adds (a constant). */
void bsi_table_select(bsi_sql *sql, bsi_db *db, const bsi_table *table, const char *rest);

/* The next row of such a statement, in memory of its own. BS_OK, BS_END. */
BS_NODISCARD bs_status bsi_table_next(bsi_sql *sql, const bsi_table *table, void *row);

/*
 * All rows of a statement that adds rows up: the table's columns in their order, and no
 * sum. Freed as those of bsi_table_all().
 */
BS_NODISCARD bs_status bsi_table_all_sums(bsi_sql *sql, const bsi_table *table, void **rows_out,
                                          size_t *count_out);

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
