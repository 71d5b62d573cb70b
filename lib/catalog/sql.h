/* SPDX-License-Identifier: MIT */
#ifndef BSI_CATALOG_SQL_H
#define BSI_CATALOG_SQL_H

#include "base/error.h"
#include "base/slice.h"

/*
 * The one place that calls SQLite. Statements are constants of this layer;
 * whatever comes from outside is bound to them.
 */
typedef struct bsi_db bsi_db;

/* `path` names the file, which is there. Settings are strict: see sql.c. */
BS_NODISCARD bs_status bsi_db_open(const char *path, bsi_db **out);
/* NULL is ignored; the error record is left alone. */
void bsi_db_close(bsi_db *db);

/* Statements without parameters and results, apart by semicolons. */
BS_NODISCARD bs_status bsi_db_exec(bsi_db *db, const char *text);
/* Give up the transaction, if one is open. Leaves the error record alone. */
void bsi_db_rollback(bsi_db *db);
/* Whether the file can only be read. */
bool bsi_db_is_read_only(bsi_db *db);

/*
 * One statement on its way. The first failure sticks; bsi_sql_step() and
 * bsi_sql_finish() report it, so that callers check once.
 */
typedef struct bsi_sql {
    bsi_db *db;
    void *statement;
    bs_status status;
    int bound; /* Parameters so far. */
} bsi_sql;

void bsi_sql_prepare(bsi_sql *sql, bsi_db *db, const char *text);

/* Bind the next parameter. Texts must be UTF-8 (BS_E_INVALID) and outlive the statement. */
void bsi_sql_text(bsi_sql *sql, const char *text);
void bsi_sql_blob(bsi_sql *sql, bsi_slice bytes);
void bsi_sql_int(bsi_sql *sql, int64_t value);
void bsi_sql_null(bsi_sql *sql);

/* BS_OK: a row; BS_END: no more. */
BS_NODISCARD bs_status bsi_sql_step(bsi_sql *sql);

/* Columns of the present row, valid until the next step. Other types are converted. */
int64_t bsi_sql_get_int(bsi_sql *sql, int column);
bsi_slice bsi_sql_get_bytes(bsi_sql *sql, int column);
bool bsi_sql_is_null(bsi_sql *sql, int column);

/* Begin again with the same parameters unbound. */
void bsi_sql_reset(bsi_sql *sql);

/*
 * Release the statement. Returns `status`, or the failure that stuck when that is none;
 * BS_END becomes BS_OK.
 */
BS_NODISCARD bs_status bsi_sql_finish(bsi_sql *sql, bs_status status);

/* Step to the end and finish, for statements without results. */
BS_NODISCARD bs_status bsi_sql_run(bsi_sql *sql);

/* The one number that a query without parameters gives. */
BS_NODISCARD bs_status bsi_sql_number(bsi_db *db, const char *text, int64_t *out);

#endif
